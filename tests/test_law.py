"""The direct simulation and the exact sampler agree in law; either, broken, is caught.

Two-sample Kolmogorov-Smirnov tests on functionals of the Gram matrix that see its spectrum and its orientation, at a
family error rate declared below. Seeds are fixed, so a pass is a pass everywhere.
"""

import math
from functools import cache

import pytest
import torch
from scipy.special import gammaincinv
from scipy.stats import ks_2samp

from utils import metrics
from utils.chains import activation_chain, bn_chain, linear, vanilla_chain
from utils.seeding import generator_for

pytestmark = pytest.mark.slow

ALPHA = 1e-4  # that any of the tests of this file rejects two equal laws
RUNS = 7_500  # per method and cell


def relu_chain(h, **options):
    return activation_chain(h, torch.relu, **options)


def sigmoid_chain(h, **options):
    return activation_chain(h, torch.sigmoid, **options)


# n, d, layer, chain, options
CELLS = [
    (2, 2, 1, bn_chain, {}),
    (3, 3, 2, bn_chain, {}),
    (4, 32, 3, bn_chain, {}),
    (4, 32, 3, bn_chain, {"draws": torch.float32}),
    (4, 32, 3, bn_chain, {"centered": True}),
    (4, 6, 12, bn_chain, {}),
    (8, 16, 2, bn_chain, {}),
    (2, 2, 1, vanilla_chain, {}),
    (4, 8, 3, vanilla_chain, {}),
    (4, 32, 3, vanilla_chain, {}),
    (3, 16, 10, vanilla_chain, {}),
    (4, 32, 3, relu_chain, {}),
    (3, 16, 2, relu_chain, {"centered": True, "draws": torch.float32}),
    (4, 32, 2, sigmoid_chain, {"row_norm": 2.0}),
]
FUNCTIONALS = {
    "gap": metrics.orthogonality_gap,
    "log determinant of the span": lambda h: metrics.spectrum(h)[..., :-1].log().sum(-1),
    "effective rank": metrics.effective_rank,
    "first sample's share": lambda h: metrics.gram(h)[..., 0, 0],
    "inner product of two samples": lambda h: metrics.gram(h)[..., 0, 1],
}
PER_TEST = ALPHA / (len(CELLS) * len(FUNCTIONALS))
CRITICAL = math.sqrt(math.log(2 / PER_TEST) / RUNS)
# A true distance this large exceeds the critical one with probability 95 % (Dvoretzky, Kiefer, Wolfowitz, Massart).
DETECTABLE = CRITICAL + 2 * math.sqrt(math.log(4 / 0.05) / (2 * RUNS))
assert DETECTABLE < 0.08  # half of what a width wrong by 20 % does to the gap's distribution (about 0.17 at n = 4)


@cache
def start(n):
    """A batch that is neither orthogonal nor aligned with the axes, of another dimension than any width here."""
    return torch.randn(n + 3, n, dtype=torch.float64, generator=generator_for("law", "start", n)) + 0.7


def sample(method, n, d, layer, chain, options):
    """Functionals of a cell's last layer, by one of the two methods."""
    generator = generator_for("law", method, n, d, layer, chain.__name__, str(options))
    h = start(n).expand(RUNS, -1, -1)
    *_, last = chain(h, width=d, depth=layer, generator=generator, method=method, **options)
    # Two centered samples always have the same spectrum: rounding noise is not a law.
    return {name: functional(last).round(decimals=10) for name, functional in FUNCTIONALS.items()}


@cache
def intact(method, cell):
    """As :func:`sample`, of one of ``CELLS`` with nothing broken, by its position."""
    return sample(method, *CELLS[cell])


def largest(one, other):
    """Largest difference of two methods' distribution functions, for each functional."""
    return {name: ks_2samp(one[name], other[name]).statistic for name in FUNCTIONALS}


NAMES = [f"n{n}-d{d}-layer{layer}-{chain.__name__}-{options}" for n, d, layer, chain, options in CELLS]


@pytest.mark.parametrize("cell", range(len(CELLS)), ids=NAMES)
def test_exact_and_direct_agree_in_law(cell):
    found = largest(intact("exact", cell), intact("direct", cell))
    assert max(found.values()) < CRITICAL, f"{found}, critical {CRITICAL:.4f}, detectable {DETECTABLE:.4f}"


def normalize_columns(m, *, centered=False):
    return torch.nn.functional.normalize(m, dim=-2)


def one_freedom_too_many(half_freedom, uniform, original=gammaincinv):
    return original(half_freedom + 0.5, uniform)


def uniform_weights(*shape, original=torch.rand, **options):
    shape = shape[0] if len(shape) == 1 else shape
    return (original(shape, **options) - 0.5) * math.sqrt(12)


def wider_by_a_fifth(name):
    """Only the exact method is misled: it is told 38 rows where the direct one multiplies by 32."""
    original = getattr(linear, name)
    return lambda r, width, *rest: original(r, round(1.2 * width), *rest)


@pytest.mark.parametrize(
    ("method", "cell", "name", "broken"),
    [
        # The exact sampler: a transposed root; the direct chain: columns for rows.
        ("exact", (4, 32, 3, bn_chain, {}), "chains.linear.psd_root", lambda a: torch.linalg.cholesky(a)),
        ("direct", (4, 32, 3, bn_chain, {}), "chains.linear.batch_norm", normalize_columns),
        ("exact", (4, 8, 3, vanilla_chain, {}), "theory.stationary.gammaincinv", one_freedom_too_many),
        ("direct", (4, 8, 3, vanilla_chain, {}), "chains.linear.torch.randn", uniform_weights),
        ("exact", (4, 32, 3, relu_chain, {}), "chains.nonlinear.psd_root", lambda a: torch.linalg.cholesky(a)),
        ("direct", (4, 32, 2, sigmoid_chain, {"row_norm": 2.0}), "chains.nonlinear.batch_norm", normalize_columns),
        ("exact", (4, 32, 3, bn_chain, {}), "chains.linear._exact_bn", wider_by_a_fifth("_exact_bn")),
        ("exact", (4, 32, 3, vanilla_chain, {}), "chains.linear._exact_vanilla", wider_by_a_fifth("_exact_vanilla")),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_broken_chain_is_caught(method, cell, name, broken, monkeypatch):
    """One method is broken, beside the other one intact."""
    other = intact("direct" if method == "exact" else "exact", CELLS.index(cell))
    monkeypatch.setattr(f"utils.{name}", broken)
    assert max(largest(sample(method, *cell), other).values()) > CRITICAL
