"""How the Gram matrix of a random linear network moves with depth, with and without batch normalization.

Two methods give the same law. ``"direct"`` multiplies by d×d Gaussian matrices, as one would write the network
down. ``"exact"`` never builds them: given H, the rows of WH are independent N(0, HᵀH), so n×n matrices carry the
whole law and the width only counts how many rows are averaged. A layer costs O(dn²) instead of O(d²n) with BN and
O(n³) without, in memory that does not grow with the width.

Both yield one tensor per layer that the functions of :mod:`utils.metrics` take: H_ℓ itself, or a square root R_ℓ with
R_ℓᵀR_ℓ = H_ℓᵀH_ℓ. R stays triangular (up to the order of its columns), a product of well-conditioned factors, which keeps small singular values
to full relative accuracy, and exact dependence exact, through hundreds of layers.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from utils.chains.factors import distinct, gram_root, psd_root
from utils.metrics import checked
from utils.seeding import checked_generator
from utils.theory.stationary import bartlett_root

__all__ = ["batch_norm", "bn_chain", "vanilla_chain", "wishart_root"]

# Normal variates held at a time, over all runs: large enough to keep BLAS busy, small enough for the cache.
BLOCK = 1 << 17
# Normal variates of one layer, over all runs: what is beyond is refused rather than waited for.
DRAWS = 10**11  # on one core 40 minutes in float64, 8 in float32
WEIGHTS = 2 * 10**9  # of the direct method, which holds them: 16 GB in float64


def batch_norm(m: Tensor, *, centered: bool = False) -> Tensor:
    """The paper's BN: every row (feature) divided by its norm over the batch; no ε, no affine part.

    Parameters
    ----------
    m : Tensor, shape (..., d, n)
        Pre-activations, one column per sample.
    centered : bool
        Subtract each row's mean first, as ``torch.nn.BatchNorm1d`` does. With a negligible ``eps`` that module then
        gives √n times this.

    Returns
    -------
    Tensor, shape (..., d, n)
        diag(MMᵀ)^{-1/2} M: rows of unit norm.

    Raises
    ------
    TypeError
        If ``m`` is not a floating-point tensor.
    ValueError
        If ``m`` is empty or not finite, or a row is zero (after centering): BN divides by its norm.

    Examples
    --------
    >>> batch_norm(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    >>> batch_norm(torch.tensor([[3.0, 4.0]]), centered=True)
    tensor([[-0.7071,  0.7071]])
    """
    norm = (
        checked(m, "m", half=True).detach().abs().amax(-1, keepdim=True)
    )  # no gradient: what follows does not see a row's scale
    if centered:
        mean = m.mean(-1, keepdim=True)
        spread = m - mean
        # A constant row leaves rounding noise behind, which BN would blow up to a unit row.
        negligible = 8 * torch.finfo(m.dtype).eps * norm
        m = spread.where(spread.detach().abs().amax(-1, keepdim=True) > negligible, torch.zeros_like(spread))
        norm = m.detach().abs().amax(-1, keepdim=True)
    if (norm == 0).any():
        row = (norm[..., 0] == 0).nonzero()[0].tolist()
        what = "constant over the batch" if centered else "zero"
        raise ValueError(
            f"m, the input of batch normalization, has a row that is {what} (index {row}): BN divides by its norm. "
            "Drop constant features, or give a batch whose samples differ"
        )
    return torch.nn.functional.normalize(m / norm, dim=-1, eps=0)


def bn_chain(
    h: Tensor,
    *,
    width: int,
    depth: int,
    generator: torch.Generator,
    centered: bool = False,
    method: str = "exact",
    draws: torch.dtype | None = None,
) -> Iterator[Tensor]:
    """Representations of a batch in a random linear network with BN: H_{ℓ+1} = d^{-1/2} BN(W_ℓ H_ℓ) (Eq. 1).

    Parameters
    ----------
    h : Tensor, shape (..., d₀, n)
        The batch H₀, one column per sample, float64 for anything near singular; leading dimensions are independent
        runs (``h.expand(runs, -1, -1)`` starts them all from one batch).
    width : int
        d ≥ n, the width of every layer.
    depth : int
        Number of layers to yield, ≥ 1.
    generator : torch.Generator
        On ``h``'s device.
    centered : bool
        Mean-center before normalizing, as ``torch.nn.BatchNorm1d`` does.
    method : {"exact", "direct"}
        Sample the Gram matrix's law without weight matrices, or multiply by them.
    draws : torch.dtype, optional
        Precision of the exact sampler's normal variates, ``h``'s by default. ``torch.float32`` is up to about four times
        faster on a CPU and right wherever 1e-6 of C does not matter; starts closer than 1e-5 to rank one need float64.

    Yields
    ------
    Tensor, shape (..., d, n) if direct, (..., n, n) if exact
        H_1, …, H_depth or square roots of their Gram matrices, Frobenius norm 1, in ``h``'s dtype and device.

    Raises
    ------
    ValueError
        If ``h`` is empty, not finite, requires a gradient, or cannot be normalized (zero, or with ``centered`` all samples
        equal); if ``width`` is below the batch size, ``depth`` below 1, or ``method`` unknown; if a layer would take more than
        10¹¹ normal variates (runs · n · width; on one core 40 minutes in float64, 8 in float32, in memory that does not grow) or,
        direct, hold more than 2 · 10⁹ weights (16 GB in float64).
    TypeError
        If ``h`` is not a float32 or float64 tensor, ``generator`` is not one, or ``width`` or ``depth`` is not an int.

    Notes
    -----
    Exact in law: with C = RᵀR and w ~ N(0, I_n), a row of W H is distributed as x = Rᵀw. Hence
    C_{ℓ+1} = (1/d) Σ x_i x_iᵀ/‖x_i‖² = Rᵀ A R with A = (1/d) Σ w_i w_iᵀ/‖Rᵀw_i‖², and R_{ℓ+1} = A^{1/2} R. Centering is
    a projection of H₀ off the all-ones vector: every later layer stays there. ``h``'s numerical rank, at a tolerance of a
    few machine epsilons, is the batch's rank for good.

    Examples
    --------
    Two almost parallel samples, a hundred networks of width 1000:

    >>> from utils.metrics import orthogonality_gap
    >>> from utils.seeding import generator_for
    >>> h = torch.tensor([[1.0, 1.0], [0.0, 0.1]], dtype=torch.float64).expand(100, -1, -1)
    >>> layers = list(bn_chain(h, width=1000, depth=20, generator=generator_for(0, "example")))
    >>> layers[-1].shape
    torch.Size([100, 2, 2])
    >>> first, last = (float(orthogonality_gap(r).mean()) for r in (layers[0], layers[-1]))
    >>> last < 0.05 < 0.5 < first
    True
    """
    h = checked_start(h, width, depth, method, generator, draws)
    affordable(h, width, depth, method, rows=width)
    if centered:
        h = (distinct(h) - distinct(h).mean(-1, keepdim=True)).expand(h.shape)
        if (torch.linalg.matrix_norm(h) <= 8 * torch.finfo(h.dtype).eps).any():
            raise ValueError("h: all samples of a batch are equal, so mean-centering leaves nothing to normalize")
    if method == "direct":
        return _direct(h, width, depth, generator, bn=True, centered=centered)
    r, order = gram_root(h)
    layers = _exact_bn(r, width, depth, generator, draws or h.dtype)
    return _reordered(layers, order)


def vanilla_chain(
    h: Tensor, *, width: int, depth: int, generator: torch.Generator, method: str = "exact"
) -> Iterator[Tensor]:
    """Representations of a batch in a random linear network without BN: H_{ℓ+1} = W_ℓ H_ℓ.

    Parameters
    ----------
    h, width, depth, generator, method
        As :func:`bn_chain`.

    Yields
    ------
    Tensor, shape (..., d, n) if direct, (..., n, n) if exact
        H_1, …, H_depth or square roots of their Gram matrices, rescaled to Frobenius norm 1 (no metric of the
        companion sees the scale, and without BN it over- or underflows).

    Raises
    ------
    ValueError, TypeError
        As :func:`bn_chain`.

    Notes
    -----
    Exact in law: C_{ℓ+1} ∝ Rᵀ S R with S ~ Wishart(d, I_n), whose triangular root has independent entries, normal
    above the diagonal and √χ²_{d−i} on it (Bartlett, 1933). R stays triangular if it starts so.

    Examples
    --------
    Two orthogonal samples become parallel, at a rate set by the width:

    >>> from utils.metrics import abs_cosines
    >>> from utils.seeding import generator_for
    >>> h = torch.eye(2, dtype=torch.float64)
    >>> *_, last = vanilla_chain(h, width=8, depth=400, generator=generator_for(0, "example"))
    >>> round(float(abs_cosines(last)), 4)
    1.0
    """
    h = checked_start(h, width, depth, method, generator)
    affordable(h, width, depth, method, rows=h.shape[-1])
    if method == "direct":
        return _direct(h, width, depth, generator, bn=False, centered=False)
    r, order = gram_root(h)
    return _reordered(_exact_vanilla(r, width, depth, generator), order)


def wishart_root(
    shape: tuple[int, ...], *, width: int, generator: torch.Generator, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Upper triangular T with TᵀT ~ Wishart(d, I_n), in O(n²) whatever d is (Bartlett, 1933).

    T R has the singular values of W H for W with d rows of standard normal entries and RᵀR = HᵀH.

    Parameters
    ----------
    shape : tuple of int
        (..., n, n).
    width : int
        d ≥ n, the degrees of freedom.
    generator : torch.Generator
        Its device is the result's.
    dtype : torch.dtype

    Returns
    -------
    Tensor, shape (..., n, n)

    Raises
    ------
    TypeError
        If ``width`` is not an int, ``dtype`` neither float32 nor float64, or ``generator`` not one.
    ValueError
        If the last two dimensions differ or exceed ``width``, or it exceeds 2⁵³, where floating point stops counting.

    Examples
    --------
    >>> from utils.seeding import generator_for
    >>> t = wishart_root((1000, 2, 2), width=10_000, generator=generator_for(0, "example"))
    >>> t.shape
    torch.Size([1000, 2, 2])
    >>> torch.allclose((t.mT @ t).mean(0) / 10_000, torch.eye(2, dtype=torch.float64), atol=0.01)
    True
    """
    checked_size("width", width)
    checked_generator(generator)
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"dtype: {dtype}, expected torch.float32 or torch.float64")
    n = shape[-1] if len(shape) > 1 else 0
    if not 1 <= n == shape[-2] <= width <= 2**53:
        raise ValueError(f"shape {tuple(shape)} with width={width}: expected (..., n, n) with 1 <= n <= width <= 2**53")
    return bartlett_root(shape, freedom=width, generator=generator, dtype=dtype)


def checked_start(
    h: Tensor, width: int, depth: int, method: str, generator: torch.Generator, draws: torch.dtype | None = None
) -> Tensor:
    """The batch at Frobenius norm 1; what is wrong with it, or with the other arguments, is raised (:func:`bn_chain`)."""
    checked_size("width", width)
    checked_size("depth", depth)
    if checked(h, "h").requires_grad:
        raise ValueError("h requires a gradient, which a sampler has not: give it h.detach()")
    checked_generator(generator, h.device)
    if draws not in (None, torch.float32, torch.float64):
        raise TypeError(f"draws={draws!r}, expected torch.float32, torch.float64 or None for h's own")
    if width < h.shape[-1]:
        raise ValueError(
            f"width={width} is narrower than the batch of n={h.shape[-1]} samples, which then cannot be orthogonal: "
            f"choose width >= {h.shape[-1]} or a smaller batch"
        )
    if method not in ("exact", "direct"):
        raise ValueError(f"method={method!r}, expected 'exact' or 'direct'")
    largest = distinct(h).abs().amax(dim=(-2, -1), keepdim=True)
    if (largest == 0).any():
        raise ValueError("h is all zeros for at least one batch: there is nothing to normalize")
    return _unit(distinct(h) / largest).expand(h.shape)


def checked_size(name: str, value: int) -> None:
    """Raise what is wrong with a number of things: it is no int, or below 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={value!r} is a {type(value).__name__}, expected an int")
    if value < 1:
        raise ValueError(f"{name}={value}, expected at least 1")


def affordable(h: Tensor, width: int, depth: int, method: str, *, rows: int, kept: int = 1) -> None:
    """Refuse a width that would not come to an end: ``rows`` of more than ``DRAWS`` variates, or more than ``WEIGHTS``."""
    runs, fan_in = math.prod(h.shape[:-2]), h.shape[-2]
    if method == "direct":
        needed, most, what = runs * kept * width * (max(width, fan_in) if depth > 1 else fan_in), WEIGHTS, "weights"
        advice = "the exact samplers hold none"
    else:
        needed, most, what = runs * rows * h.shape[-1], DRAWS, "normal variates"
        advice = "utils.theory.limits has the limit of infinite width"
    if needed > most or width > 2**53:
        raise ValueError(
            f"width={width}: {runs} runs take {needed:.1e} {what} at a time, expected at most {most:.0e}, and a width below 2**53. "
            f"Choose a smaller width or fewer runs; {advice}"
        )


def _unit(h: Tensor) -> Tensor:
    return h / torch.linalg.matrix_norm(h, keepdim=True)


def _reordered(layers: Iterator[Tensor], order: Tensor) -> Iterator[Tensor]:
    if (order.diff() > 0).all():
        return layers
    return (r.gather(-1, order) for r in layers)


def _direct(h: Tensor, width: int, depth: int, generator: torch.Generator, *, bn: bool, centered: bool):
    for _ in range(depth):
        w = torch.randn(*h.shape[:-2], width, h.shape[-2], generator=generator, dtype=h.dtype, device=h.device)
        h = w @ h
        h = batch_norm(h, centered=centered) / math.sqrt(width) if bn else _unit(h)
        yield h


def _exact_bn(r: Tensor, width: int, depth: int, generator: torch.Generator, draws: torch.dtype):
    *runs, n, _ = r.shape
    r = r.reshape(-1, n, n)  # one batch dimension: what small products spend most of their time on is shapes
    rows = max(1, min(width, BLOCK // (n * len(r))))
    for _ in range(depth):
        a = torch.zeros_like(r)
        lower = r.mT.to(draws)
        for start in range(0, width, rows):
            # One column a row of W: sums over the batch then run along contiguous memory.
            shape = (len(r), n, min(rows, width - start))
            w = torch.randn(shape, generator=generator, dtype=draws, device=r.device)
            scale = torch.bmm(lower, w).square_().sum(-2, keepdim=True).rsqrt_()
            w *= scale.nan_to_num_(posinf=0)  # a draw of exactly zero has no direction: leave it out
            a += torch.bmm(w, w.mT).to(r.dtype)
        r = torch.bmm(psd_root(a.div_(width)), r)
        yield r.reshape(*runs, n, n)


def _exact_vanilla(r: Tensor, width: int, depth: int, generator: torch.Generator):
    for _ in range(depth):
        r = _unit(wishart_root(r.shape, width=width, generator=generator, dtype=r.dtype) @ r)
        yield r
