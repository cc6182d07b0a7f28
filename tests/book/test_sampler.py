"""The sampler in the page against the one in Python, in law, and the theory's curves number by number.

Every comparison in law is made a second time with a sampler that forgets to divide a row by its norm, and must fail.
Seeds are fixed; were they not, each passing comparison would fail with the probability it declares.
"""

import json
import math

import numpy as np
import pytest
import torch
from digits import scripts
from scipy import stats

from utils import plotting, theory
from utils.chains import bn_chain, vanilla_chain
from utils.files import ROOT
from utils.metrics import orthogonality_gap, spectrum
from utils.stats.intervals import worst_deviation
from utils.stats.measurement import Measurement

ALPHA = 1e-4
STATIC = ROOT / "book" / "_static"
SOURCE = (STATIC / "explorer-sampler.js").read_text(encoding="utf-8")
NORM = "1 / (norm * width)"
torch.set_default_dtype(torch.float64)


@pytest.fixture(scope="module")
def sampler(browser):
    """``sampler(body, value, broken=False)``: what the JavaScript function body returns, given ``s`` and ``value``."""
    page = browser.new_page()

    def evaluate(body, value=None, *, broken=False):
        assert SOURCE.count(NORM) == 1
        source = SOURCE.replace(NORM, "1 / width") if broken else SOURCE
        function = f"(value) => JSON.stringify((() => {{ {source}\nconst s = companionSampler(); {body} }})())"
        return json.loads(page.evaluate(function, value))  # as one text: Playwright hands over numbers one by one

    yield evaluate
    page.close()


# ---------------------------------------------------------------- random numbers


def test_normal_variates_are_normal(sampler):
    draws = np.array(sampler("const g = s.generator(1, 2); return Array.from({length: 400000}, () => g.normal())"))
    assert stats.kstest(draws, "norm").pvalue > ALPHA
    tail = np.abs(draws[np.abs(draws) > 3.442619855899])  # beyond the ziggurat's last layer
    assert stats.binomtest(len(tail), len(draws), 2 * stats.norm.sf(3.442619855899)).pvalue > ALPHA
    assert stats.kstest(tail, lambda x: 1 - stats.norm.sf(x) / stats.norm.sf(3.442619855899)).pvalue > ALPHA
    # Small numbers are fine-grained: a batch within 1e-6 of rank one sees them.
    small = np.abs(draws[np.abs(draws) < 1e-3])
    assert len(np.unique(small)) == len(small) > 100
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 4 / math.sqrt(len(draws))


def test_streams_differ_and_repeat(sampler):
    uniform = "const g = s.generator(...value); return Array.from({length: 99}, g.uniform)"
    first, again, other, seed = (sampler(uniform, key) for key in ((1, 1), (1, 1), (1, 2), (2, 1)))
    assert first == again
    assert len({*first, *other, *seed}) == 3 * 99


@pytest.mark.parametrize("shape", [0.5, 1.5, 20])
def test_gamma_variates_are_gamma(sampler, shape):
    draws = sampler("const g = s.generator(3, 0); return Array.from({length: 100000}, () => g.gamma(value))", shape)
    assert stats.kstest(draws, stats.gamma(shape).cdf).pvalue > ALPHA


# ---------------------------------------------------------------- one layer, against exact moments

LAM = torch.tensor([0.6, 0.25, 0.1, 0.05])
WIDTH = 12
ONE_LAYER = """
    const g = s.generator(5, 0), l = s.root(value.columns), n = 4, result = [];
    for (let k = 0; k < value.count; k++) {
        const next = s.bnLayer(l, n, value.width, g), lam = s.spectrum(next, n);
        const c = [];
        for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let m = 0; m < n; m++) sum += next[i * n + m] * next[j * n + m];
            c.push(sum);
        }
        result.push([c, s.gap(lam) ** 2]);
    }
    return result;
"""


def deviation(sampler, broken):
    """Of mean Gram matrix and mean square gap after one layer from what theory gives exactly."""
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1))).Q
    h = torch.diag(LAM.sqrt()) @ rotation.mT
    value = {"columns": h.mT.tolist(), "width": WIDTH, "count": 40_000}
    drawn = sampler(ONE_LAYER, value, broken=broken)
    c = torch.tensor([gram for gram, _ in drawn]).reshape(-1, 4, 4)
    c = c / c.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None]
    inside = (rotation.mT @ c @ rotation).numpy()  # in the eigenbasis: diag(p) on average
    p = theory.infinite_width_map(LAM)
    cells = [
        Measurement(f"entry {i}, {j}", inside[:, i, j], float(p[i]) if i == j else 0.0, 0.01)
        for i in range(4)
        for j in range(i + 1)
    ]
    square, expected = [gap for _, gap in drawn], float(theory.expected_square_gap(LAM, WIDTH))
    return worst_deviation([*cells, Measurement("square gap", square, expected, 0.01)], ALPHA)


def test_one_layer_has_the_exact_moments_and_is_caught_without_the_row_norm(sampler):
    found = deviation(sampler, broken=False)
    assert found.interval[0] == 0
    assert found.detectable < 1  # a deviation of 0.01 would be seen
    assert deviation(sampler, broken=True).interval[0] > 1


# ---------------------------------------------------------------- chains, against Python's

CHAIN = """
    const g = s.generator(7, 0), n = value.columns.length, k = value.centered ? n - 1 : n;
    const first = s.root(value.centered ? s.centered(value.columns) : value.columns), result = [];
    for (let run = 0; run < value.runs; run++) {
        let l = first;
        for (let layer = 0; layer < value.depth; layer++) {
            l = value.vanilla ? s.vanillaLayer(l, n, value.width, g) : s.bnLayer(l, k, value.width, g);
        }
        const lam = s.spectrum(l, k);
        result.push([s.gap(lam, n), Math.log(lam[k - 1])]);
    }
    return result;
"""
BATCHES = {
    "uneven": torch.tensor([[1.0, 0.9, 0.5, 0.1], [0.0, 0.3, -0.5, 0.2], [0.0, 0.0, 1.0, 0.4], [0.1, 0.0, 0.0, 0.5]]),
    "almost rank one": torch.diag(torch.tensor([1.0, 1e-6, 1e-6, 1e-6])),
}


def agreement(sampler, batch, width, depth, kind, broken=False):
    """p-values of the two-sample Kolmogorov–Smirnov tests of the gap and of the log of the least eigenvalue."""
    h, runs = BATCHES[batch], 4000
    value = {"columns": h.mT.tolist(), "width": width, "depth": depth, "runs": runs, **kind}
    theirs = np.array(sampler(CHAIN, value, broken=broken))
    chain = vanilla_chain if kind.get("vanilla") else bn_chain
    options = {"centered": True} if kind.get("centered") else {}
    generator = torch.Generator().manual_seed(11)
    *_, last = chain(h.expand(runs, 4, 4), width=width, depth=depth, generator=generator, **options)
    ours = orthogonality_gap(last), spectrum(last)[..., 2 if kind.get("centered") else 3].log()
    return [stats.ks_2samp(theirs[:, i], ours[i].numpy()).pvalue for i in range(2)]


@pytest.mark.parametrize(
    "setting",
    [
        ("uneven", 16, 1, {}),
        ("uneven", 16, 40, {}),
        ("almost rank one", 64, 8, {}),
        ("uneven", 16, 10, {"centered": True}),
        ("uneven", 16, 10, {"vanilla": True}),
    ],
)
def test_chains_have_the_law_of_pythons_and_are_caught_without_the_row_norm(sampler, setting):
    assert min(agreement(sampler, *setting)) > ALPHA
    assert "vanilla" in setting[3] or max(agreement(sampler, *setting, broken=True)) < 1e-9


# ---------------------------------------------------------------- curves and data


@pytest.mark.parametrize("lam", [[0.6, 0.25, 0.1, 0.05], [1.0, 1e-12, 1e-12], [0.5, 0.5, 0.0], [1 / 32] * 32])
def test_the_infinite_width_map_is_pythons(sampler, lam):
    ours = theory.infinite_width_map(torch.tensor(lam))
    theirs = torch.tensor(sampler("return s.infiniteWidthMap(value)", lam))
    torch.testing.assert_close(theirs, ours, rtol=1e-11, atol=0)


def test_levels_bounds_rates_and_growths_are_pythons(sampler):
    pairs = {
        "s.floor(4, 32)": theory.gap_floor(4, 32),
        "s.floor(4, 32, true)": math.sqrt(theory.centered_mean_square_gap(4, 32)),
        "s.floor(2, 32, true)": math.sqrt(theory.centered_mean_square_gap(2, 32)),
        "s.theorem1(7, 4, 1e6, 0.2)": theory.theorem1_bound(7, 4, 1e6, lambda_min=0.2),
        "s.largestGap(8)": theory.largest_gap(8),
        "s.localRate(5)": theory.local_rate(5),
        "s.gradientGrowth(8)": theory.gradient_growth(8),
        "s.gradientGrowth(8, true)": theory.gradient_growth(8, centered=True),
        "s.reluGradientGrowth()": theory.relu_gradient_growth(),
        "s.overflowDepth(1.2, 65504)": theory.overflow_depth(1.2, largest=65504),
    }
    assert sampler(f"return [{', '.join(pairs)}]") == pytest.approx([*pairs.values()], rel=1e-14)


def test_largest_numbers_are_torchs(sampler):
    largest = sampler("return Object.fromEntries(s.formats.map((one) => [one, s.largestNumber(one)]))")
    assert largest == {name: torch.finfo(getattr(torch, name)).max for name in largest}
    assert len(largest) == 4


def test_the_gap_without_eigenvalues_is_that_of_the_eigenvalues(sampler):
    body = """const g = s.generator(9, 0), roots = [s.root(value), s.root(s.start("orthogonal", 4))];
        for (let layer = 0; layer < 5; layer++) roots.push(s.vanillaLayer(roots[layer], 4, 6, g));
        return roots.map((l) => [s.gapOf(l, 4), s.gap(s.spectrum(l, 4))])"""
    without, through = torch.tensor(sampler(body, BATCHES["uneven"].mT.tolist())).T
    torch.testing.assert_close(without, through, rtol=1e-13, atol=1e-15)
    assert float(without[0]) == pytest.approx(float(orthogonality_gap(BATCHES["uneven"])), rel=1e-13)


def test_small_eigenvalues_keep_their_relative_accuracy(sampler):
    """Columns of decreasing size, as a chain that loses rank makes them: the last eigenvalue is 1e-100 of the first."""
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(2))).Q
    lower = rotation.tril() + 3 * torch.eye(6)
    size = 10.0 ** -torch.arange(0, 60, 10)
    root = lower * size
    lam = sampler("return s.spectrum(Float64Array.from(value), 6)", root.flatten().tolist())
    # To leading order the last singular value is the last column's distance from the span of the others.
    distance = size[5] / torch.linalg.vector_norm(torch.linalg.inv(lower)[5])
    assert math.sqrt(lam[5]) == pytest.approx(float(distance / torch.linalg.matrix_norm(root)), rel=1e-9)


def test_the_critical_width_and_the_surviving_rank_are_pythons(sampler):
    for n in (4, 8, 16, 32):
        assert sampler("return s.criticalWidth(value)", n) == pytest.approx(theory.critical_width(n), rel=1e-14)
    for n, d in ((32, 128), (32, 300), (16, 40)):
        assert sampler("return s.survivingRank(...value)", [n, d]) == theory.surviving_rank(n, d)


@pytest.mark.parametrize("c", [0.02, 0.25, 0.9, 1.0])
def test_the_law_of_marchenko_and_pastur_is_pythons(sampler, c):
    x = np.linspace(0.001, 4.5, 300)
    theirs = sampler("return value.x.map((x) => s.marchenkoPastur(x, value.c))", {"x": x.tolist(), "c": c})
    np.testing.assert_allclose(theirs, theory.marchenko_pastur_density(x, c), rtol=1e-9, atol=1e-12)
    assert sampler("return s.marchenkoPasturEdges(value)", c) == pytest.approx(
        theory.marchenko_pastur_edges(c), rel=1e-14
    )


def test_the_images_are_the_embedded_ones():
    for path, text in scripts().items():
        assert path.read_text(encoding="utf-8") == text


def test_colors_are_the_books():
    style = (STATIC / "explorer.css").read_text(encoding="utf-8")
    arms = {arm: plotting.look(arm)["color"] for arm in ("xavier", "identity", "permutation", "slice")}
    arms |= {"relu": plotting.look("ReLU")["color"]}
    for name, color in {"bn": plotting.BN, "vanilla": plotting.VANILLA, "bound": plotting.BOUND, **arms}.items():
        assert f"--explorer-{name}: {color};" in style
