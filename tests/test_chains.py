"""The chains: closed forms and errors here; agreement in law of the two methods in test_law.py."""

import math

import pytest
import torch

from utils import metrics
from utils.chains import batch_norm, bn_chain, vanilla_chain, wishart_root

CHAINS = [bn_chain, vanilla_chain]


def walk(chain, h, generator, **options):
    return list(chain(h, **{"width": 6, "depth": 3, **options}, generator=generator))


@pytest.fixture
def h(generator):
    return torch.randn(5, 4, dtype=torch.float64, generator=generator)


def test_batch_norm_is_what_torch_computes(h, generator):
    """nn.BatchNorm1d in training mode on the transpose: √n times the centered form here. It insists on an ε > 0."""
    module = torch.nn.BatchNorm1d(5, eps=1e-300, affine=False, dtype=torch.float64).train()
    torch.testing.assert_close(batch_norm(h, centered=True) * 2, module(h.T).T)


@pytest.mark.parametrize(
    ("bad", "centered", "words"),
    [
        (math.nan, False, "NaN or infinite"),
        (math.inf, True, "NaN or infinite"),
        (0.0, False, r"zero \(index \[2\]\)"),
        (0.1, True, r"constant over the batch \(index \[2\]\)"),  # despite rounding
    ],
)
def test_batch_norm_refuses_what_it_cannot_divide(h, bad, centered, words):
    h[2] = bad
    with pytest.raises(ValueError, match=words):
        batch_norm(h, centered=centered)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("method", ["exact", "direct"])
def test_equal_seeds_give_equal_chains_and_scale_does_not_matter(chain, method, h):
    first, second, scaled = (
        walk(chain, factor * h, torch.Generator().manual_seed(1), method=method) for factor in (1, 1, 1e-150)
    )
    for a, b, c in zip(first, second, scaled, strict=True):
        assert torch.equal(a, b)
        torch.testing.assert_close(a, c)


@pytest.mark.parametrize("method", ["exact", "direct"])
def test_centring_keeps_every_layer_off_the_ones_vector(h, generator, method):
    for layer in walk(bn_chain, h, generator, centered=True, method=method, depth=5):
        assert layer.sum(-1).abs().max() < 1e-14
        assert metrics.orthogonality_gap(layer) >= 1 / math.sqrt(12) - 1e-12


@pytest.mark.parametrize("method", ["exact", "direct"])
def test_two_centered_samples_are_antipodal_forever(generator, method):
    """A wide chain would amplify any rounding noise off the centered subspace into full rank within ten layers."""
    h = torch.tensor([[1.0, 0.3], [0.2, 1.0]], dtype=torch.float64)
    for layer in walk(bn_chain, h, generator, centered=True, method=method, width=200, depth=40):
        assert float(metrics.orthogonality_gap(layer)) == pytest.approx(1 / math.sqrt(2))


@pytest.mark.parametrize("distinct", [1, 2])
@pytest.mark.parametrize("method", ["exact", "direct"])
@pytest.mark.parametrize("chain", CHAINS)
def test_equal_samples_stay_equal_forever(chain, method, distinct, h, generator):
    """Images that are in the batch twice, or all the same one, in a chain wide enough to restore rank from any noise."""
    h[:, distinct:] = h[:, :distinct].repeat(1, 4 // distinct - 1)
    *_, layer = walk(chain, h, generator, method=method, width=200, depth=40)
    torch.testing.assert_close(layer, layer[:, :distinct].repeat(1, 4 // distinct), rtol=0, atol=1e-15)
    assert metrics.spectrum(layer)[distinct] < 1e-30 < 1e-3 < metrics.spectrum(layer)[distinct - 1]


@pytest.mark.parametrize("chain", CHAINS)
def test_adversarial_starts_stay_finite(chain, generator):
    """Square layers, near rank one, thousands of runs: the worst conditioning the sampler can meet."""
    start = torch.tensor([[1.0, 1.0], [0.0, 1e-12]], dtype=torch.float64)
    for layer in walk(chain, start.expand(5000, 2, 2), generator, width=2, depth=10):
        assert torch.isfinite(layer).all() and torch.isfinite(metrics.effective_rank(layer)).all()


def test_small_eigenvalues_survive_hundreds_of_layers(generator):
    """Too narrow a chain loses rank exponentially; the square root follows it far below what a Gram matrix can hold."""
    layer = walk(bn_chain, torch.eye(12, dtype=torch.float64), generator, width=16, depth=300)[-1]
    log_determinant = 2 * torch.linalg.slogdet(layer).logabsdet
    assert -math.inf < log_determinant < 12 * math.log(1e-16)


@pytest.mark.parametrize("chain", CHAINS)
def test_blocks_do_not_change_the_law_nor_lose_rows(chain, generator, monkeypatch):
    """Streaming in blocks of a few rows: the trace of the Gram matrix is a sum over all d rows, each worth 1/d."""
    monkeypatch.setattr("utils.chains.linear.BLOCK", 1)
    for layer in walk(chain, torch.eye(3, dtype=torch.float64), generator, width=7):
        assert float(torch.linalg.matrix_norm(layer)) == pytest.approx(1)


def test_memory_does_not_grow_with_the_width():
    """Largest tensor of the exact sampler at width 10⁶, counted by torch itself."""
    with torch.profiler.profile(profile_memory=True) as profiler:
        walk(bn_chain, torch.eye(8, dtype=torch.float64), torch.Generator(), width=1_000_000, depth=1)
    assert 0 < max(event.cpu_memory_usage for event in profiler.events()) < 8 * 2**20


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"width": 3}, ValueError, "width=3 is narrower than the batch of n=4"),
        ({"width": 6.0}, TypeError, "width=6.0 is a float"),
        ({"depth": 0}, ValueError, "depth=0"),
        ({"depth": True}, TypeError, "depth=True is a bool"),
        ({"method": "fast"}, ValueError, "'exact' or 'direct'"),
        ({"h": torch.zeros(5, 4)}, ValueError, "all zeros"),
        ({"h": torch.ones(5)}, ValueError, "shape"),
        ({"h": torch.ones(5, 4, dtype=torch.int64)}, TypeError, "floating"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_drawn(chain, change, error, words, h, generator):
    with pytest.raises(error, match=words):
        chain(**{"h": h, "width": 6, "depth": 3, "generator": generator} | change)


def test_centring_equal_samples_leaves_nothing(generator):
    with pytest.raises(ValueError, match="samples of a batch are equal"):
        bn_chain(torch.ones(5, 4) * 0.1, width=6, depth=3, generator=generator, centered=True)


def test_wishart_root_has_the_moments_of_a_wishart(generator):
    """Mean d I and variances of Wishart_d(I): d off the diagonal, 2d on it; within 5 standard errors of 100,000 draws."""
    t = wishart_root((100_000, 3, 3), width=9, generator=generator)
    s = t.mT @ t
    assert (t.tril(-1) == 0).all()
    error = 5 * s.std(0) / math.sqrt(len(s))
    assert ((s.mean(0) - 9 * torch.eye(3)).abs() < error).all()
    torch.testing.assert_close(s.var(0), 9 * (1 + torch.eye(3)).double(), rtol=0.04, atol=0)
    with pytest.raises(ValueError, match="n <= width"):
        wishart_root((3, 3), width=2, generator=generator)


def test_a_draw_of_exactly_zero_is_survived():
    """Single-precision normals are exactly zero about once in ten million; two centered samples have no other direction."""
    h = torch.tensor([[1.0, 0.3], [0.2, 1.0]], dtype=torch.float64)
    options = {"width": 1_000_000, "depth": 40, "generator": torch.Generator().manual_seed(0), "draws": torch.float32}
    for layer in bn_chain(h, centered=True, **options):
        assert float(metrics.orthogonality_gap(layer)) == pytest.approx(1 / math.sqrt(2))
        assert layer.dtype == torch.float64, "draws do not decide the precision of the result"
