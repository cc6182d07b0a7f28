"""Properties of metrics and chains over random batches of every shape: the same examples every time."""

import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils import metrics
from utils.chains import batch_norm, bn_chain, vanilla_chain

# Deterministic and without a clock: what a test tries depends on the test alone.
few = settings(derandomize=True, database=None, deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
SCALARS = [
    metrics.orthogonality_gap,
    metrics.lyapunov_gap,
    metrics.least_singular_value,
    metrics.effective_rank,
    metrics.squared_w2_to_isotropic,
]
DTYPES = [torch.float32, torch.float64]


@st.composite
def batches(draw, *, dtypes=DTYPES, wide=False):
    """A batch (d, n): regular, of low rank, ill-conditioned, or with samples twice; n = 1 and n = d included."""
    n = draw(st.integers(1, 6), label="n")
    d = draw(st.integers(n, 9) if wide else st.integers(1, 9), label="d")
    dtype = draw(st.sampled_from(dtypes), label="dtype")
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32), label="seed"))
    kind = draw(st.sampled_from(["regular", "low rank", "ill-conditioned", "twice"]), label="kind")
    h = torch.randn(d, n, dtype=torch.float64, generator=generator)
    if kind == "low rank":
        rank = draw(st.integers(1, min(d, n)), label="rank")
        h = h[:, :rank] @ torch.randn(rank, n, dtype=torch.float64, generator=generator)
    elif kind == "ill-conditioned":
        h = h * torch.logspace(0, -draw(st.integers(1, 12), label="decades"), n, dtype=torch.float64)
    elif kind == "twice":
        h[:, n - n // 2 :] = h[:, : n // 2].clone()
    return (h * 10.0 ** draw(st.integers(-9, 9), label="scale")).to(dtype)


def orthogonal(size, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, size, dtype=torch.float64, generator=generator)).Q


def close(a, b, dtype, factor=1.0):
    """Equal to the rounding of a few operations on numbers of order one."""
    torch.testing.assert_close(a.double(), b.double(), rtol=0, atol=factor * 200 * torch.finfo(dtype).eps)


@few
@given(batches())
def test_spectra_and_gram_matrices_have_trace_one_and_agree(h):
    lam, c = metrics.spectrum(h), metrics.gram(h)
    assert lam.shape == h.shape[-1:] and (lam >= 0).all() and (lam.diff() <= 0).all()
    close(lam.sum(), torch.tensor(1.0), h.dtype)
    close(c.trace(), torch.tensor(1.0), h.dtype)
    torch.testing.assert_close(c, c.mT)
    close(torch.linalg.eigvalsh(c.double()).flip(0), lam, h.dtype)
    assert metrics.spectrum(h).dtype == h.dtype


@few
@given(batches())
def test_every_metric_stays_in_its_range(h):
    n, slack = h.shape[-1], 200 * torch.finfo(h.dtype).eps
    for metric, low, high in (
        (metrics.orthogonality_gap, math.sqrt(max(0, 1 / h.shape[0] - 1 / n)), math.sqrt(1 - 1 / n)),
        (metrics.lyapunov_gap, 0, 1 / n),
        (metrics.least_singular_value, 0, n**-0.5),
        (metrics.effective_rank, 1, min(n, h.shape[0])),
        (metrics.squared_w2_to_isotropic, 0, 2 - 2 / math.sqrt(n)),
    ):
        # A gap near zero is the root of a sum of squared roundings, as large as one of them times n.
        assert low - n * slack <= float(metric(h)) <= high + n * slack, metric.__name__
    assert ((metrics.abs_cosines(h) >= 0) & (metrics.abs_cosines(h) <= 1)).all()


@few
@given(batches(), st.integers(0, 999))
def test_metrics_do_not_see_the_order_of_samples_or_features_nor_the_scale(h, seed):
    generator = torch.Generator().manual_seed(seed)
    columns, rows = (torch.randperm(size, generator=generator) for size in (h.shape[1], h.shape[0]))
    for metric in SCALARS:
        factor = 1e3 if metric is metrics.effective_rank else 10
        for other in (h[:, columns], h[rows], 2.0**40 * h):
            close(metric(other), metric(h), h.dtype, factor)
    close(metrics.abs_cosines(h[:, columns]).sort().values, metrics.abs_cosines(h).sort().values, h.dtype, 10)


@few
@given(batches(dtypes=[torch.float64]), st.integers(0, 999))
def test_metrics_do_not_see_orthogonal_maps_of_either_side(h, seed):
    """On the left all of them; on the right those of the spectrum, angles between samples not."""
    d, n = h.shape
    left, right = orthogonal(d, seed) @ h, h @ orthogonal(n, seed + 1)
    for metric in SCALARS:
        factor = 1e3 if metric is metrics.effective_rank else 10
        close(metric(left), metric(h), h.dtype, factor)
        close(metric(right), metric(h), h.dtype, factor)
    close(metrics.spectrum(right), metrics.spectrum(h), h.dtype)


@few
@given(batches(dtypes=[torch.float64]), st.integers(0, 999))
def test_batch_norm_makes_unit_rows_and_commutes_with_orthogonal_maps_of_the_samples(h, seed):
    q = orthogonal(h.shape[-1], seed)
    normed = batch_norm(h)
    close(normed.norm(dim=-1), torch.ones(len(h)), h.dtype)
    close(batch_norm(h @ q), normed @ q, h.dtype)
    close(batch_norm(normed), normed, h.dtype)
    scales = torch.logspace(-200, 200, len(h), dtype=h.dtype)[:, None]
    close(batch_norm(scales * h), normed, h.dtype)


@pytest.mark.parametrize("chain", [bn_chain, vanilla_chain])
@pytest.mark.parametrize("method", ["exact", "direct"])
@few
@given(batches(wide=True), st.integers(0, 999), st.data())
def test_chains_are_finite_normalized_and_never_leave_rank_one(chain, method, h, seed, data):
    n = h.shape[-1]
    width = data.draw(st.integers(n, 12), label="width")
    of_rank_one = h.dtype == torch.float64 and bool((torch.linalg.svdvals(h)[1:] < 1e-14 * h.norm()).all())
    options = {"width": width, "depth": 3, "method": method, "generator": torch.Generator().manual_seed(seed)}
    for layer in chain(h, **options):
        assert layer.shape == ((n if method == "exact" else width), n) and layer.dtype == h.dtype
        assert torch.isfinite(layer).all()
        close(torch.linalg.matrix_norm(layer), torch.tensor(1.0), h.dtype)
        if chain is bn_chain and method == "direct":
            close(layer.norm(dim=-1), torch.full((width,), width**-0.5, dtype=torch.float64), h.dtype)
        if of_rank_one:
            assert float(metrics.orthogonality_gap(layer)) == pytest.approx(math.sqrt(1 - 1 / n), abs=1e-9)


@pytest.mark.parametrize("chain", [bn_chain, vanilla_chain])
@few
@given(batches(wide=True, dtypes=[torch.float64]), st.integers(0, 999))
def test_a_direct_chain_follows_orthogonal_maps_and_the_order_of_the_samples(chain, h, seed):
    """H₀ ↦ H₀Q moves every layer by the same Q, weight for weight."""
    n = h.shape[-1]
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    for q in (orthogonal(n, seed), torch.eye(n, dtype=torch.float64)[:, order]):
        plain, turned = (
            chain(start, width=12, depth=2, method="direct", generator=torch.Generator().manual_seed(seed))
            for start in (h, h @ q)
        )
        for a, b in zip(plain, turned, strict=True):
            # A direct layer multiplies by a condition number; the row that is nearest to zero rounds worst.
            close(a @ q, b, torch.float64, 1e4)


@few
@given(batches(), st.sampled_from([math.nan, math.inf, -math.inf]), st.data())
def test_one_bad_entry_or_no_entry_is_named_by_everything(h, bad, data):
    d, n = h.shape
    broken = h.clone()
    broken[data.draw(st.integers(0, d - 1)), data.draw(st.integers(0, n - 1))] = bad
    for call in (*SCALARS, metrics.spectrum, metrics.gram, metrics.abs_cosines, batch_norm):
        with pytest.raises(ValueError, match="NaN or infinite"):
            call(broken)
        if call is not batch_norm:
            with pytest.raises(ValueError, match="shape"):
                call(h[:, :0])
    for chain in (bn_chain, vanilla_chain):
        with pytest.raises(ValueError, match="NaN or infinite"):
            chain(broken, width=9, depth=1, generator=torch.Generator())
        with pytest.raises(ValueError, match="shape"):
            chain(h[:0], width=9, depth=1, generator=torch.Generator())
