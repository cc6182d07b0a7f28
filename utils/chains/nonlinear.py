"""How the Gram matrix of a random network with BN *and an activation* moves with depth (Appendix F of the paper).

As in :mod:`utils.chains.linear`, ``"direct"`` multiplies by d×d Gaussian matrices and ``"exact"`` samples the same law without
them: given Q, the rows of W F(Q) are independent N(0, F(Q)ᵀF(Q)), so the n×n kernel F(Q)ᵀF(Q) carries the whole law, and
the width only counts how many rows are drawn, normalized, put through F and averaged.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from utils.chains.factors import psd_root
from utils.chains.linear import BLOCK, affordable, batch_norm, checked_start
from utils.metrics import checked

__all__ = ["activation_chain"]


def activation_chain(
    h: Tensor,
    activation: Callable[[Tensor], Tensor] | Sequence[Callable[[Tensor], Tensor]],
    *,
    width: int,
    depth: int,
    generator: torch.Generator,
    centered: bool = False,
    row_norm: float = 1.0,
    method: str = "exact",
    draws: torch.dtype | None = None,
) -> Iterator[Tensor]:
    """Representations Q_{ℓ+1} = BN(W_ℓ F(Q_ℓ)) of a batch, taken after BN and before the activation (Eq. 20).

    Parameters
    ----------
    h : Tensor, shape (..., d₀, n)
        The batch Q₀, one column per sample: F acts on its entries as they are. Leading dimensions are independent runs.
    activation : callable
        F, from tensors to tensors of the same shape, entry by entry. Or a sequence of them, as many as ``h`` is long: the
        exact sampler then draws its normal variates, which cost more than all else, once for all of them.
    width : int
        d ≥ n, the width of every layer.
    depth : int
        Number of layers to yield, ≥ 1.
    generator : torch.Generator
        On ``h``'s device.
    centered : bool
        Mean-center before normalizing, as ``torch.nn.BatchNorm1d`` does.
    row_norm : float
        Norm of the rows of Q that F sees: 1 in the paper's released code, √n with ``torch.nn.BatchNorm1d``. It matters
        unless F is positively homogeneous, as ReLU is.
    method : {"exact", "direct"}
        Sample the Gram matrix's law without weight matrices, or multiply by them.
    draws : torch.dtype, optional
        Precision of the exact sampler's normal variates and activations, ``h``'s by default.

    Yields
    ------
    Tensor, shape (..., d, n) if direct, (..., n, n) if exact
        Q_1, …, Q_depth at Frobenius norm 1, or square roots of their Gram matrices; for :mod:`utils.metrics`.

    Raises
    ------
    ValueError
        If ``h`` is empty or not finite, F leaves nothing of it, ``width`` is below the batch size or too large (as for
        :func:`utils.chains.linear.bn_chain`), ``depth`` below 1, ``row_norm`` not positive and finite or ``method`` unknown.
    TypeError
        If ``h`` is not a float32 or float64 tensor, ``generator`` is not one, or ``width`` or ``depth`` is not an int.

    Examples
    --------
    Without mean-centering an odd activation leaves two samples the gap of the width, ReLU one that no width removes:

    >>> from utils.metrics import orthogonality_gap
    >>> from utils.seeding import generator_for
    >>> h = torch.tensor([[1.0, 1.0], [0.0, 0.5]], dtype=torch.float64)
    >>> def last_gap(activation):
    ...     generator = generator_for(0, "example")
    ...     *_, last = activation_chain(h, activation, width=10_000, depth=40, generator=generator)
    ...     return float(orthogonality_gap(last))
    >>> last_gap(torch.tanh) < 0.05 < 0.1 < last_gap(torch.relu)
    True
    """
    if not 0 < row_norm < math.inf:
        raise ValueError(f"row_norm={row_norm!r}, expected a positive number: 1, or √n as torch.nn.BatchNorm1d has it")
    activations = [activation] if callable(activation) else list(activation)
    checked(h, "h")
    if not callable(activation) and (h.ndim < 3 or len(h) != len(activations)):
        raise ValueError(f"h: shape {tuple(h.shape)}, expected a first dimension of the {len(activations)} activations")
    h = checked_start(_by_part(activations, h), width, depth, method, generator, draws)
    affordable(h, width, depth, method, rows=width)
    if method == "direct":
        return _direct(h, activations, width, depth, generator, centered, row_norm)
    return _exact(h, activations, width, depth, generator, centered, row_norm, draws or h.dtype)


def _by_part(activations: list[Callable], h: Tensor) -> Tensor:
    if len(activations) == 1:
        return activations[0](h)
    return torch.stack([activation(part) for activation, part in zip(activations, h, strict=True)])


def _direct(f: Tensor, activations, width, depth, generator, centered, row_norm):
    for _ in range(depth):
        w = torch.randn(*f.shape[:-2], width, f.shape[-2], generator=generator, dtype=f.dtype, device=f.device)
        q = batch_norm(w @ f, centered=centered)
        yield q / math.sqrt(width)
        f = _by_part(activations, row_norm * q)


def _exact(f: Tensor, activations, width, depth, generator, centered, row_norm, draws):
    *runs, _, n = f.shape
    kernel = (f.mT @ f).reshape(-1, n, n)
    count = len(kernel) // len(activations)
    rows = max(1, min(width, BLOCK // (n * count)))
    for _ in range(depth):
        lower = psd_root(kernel).mT.to(draws)
        if centered:
            lower = lower - lower.mean(-2, keepdim=True)
        seen, kernel = torch.zeros_like(kernel), torch.zeros_like(kernel)
        parts = list(zip(activations, lower.split(count), seen.split(count), kernel.split(count), strict=True))
        for start in range(0, width, rows):
            # One column a row of W: sums over the batch then run along contiguous memory.
            shape = (count, n, min(rows, width - start))
            w = torch.randn(shape, generator=generator, dtype=draws, device=f.device)
            for activation, root, before, after in parts:
                q = torch.bmm(root, w)
                # A draw of exactly zero has no direction.
                q *= q.square().sum(-2, keepdim=True).rsqrt_().nan_to_num_(posinf=0)
                before += torch.bmm(q, q.mT).to(f.dtype)
                q = activation(row_norm * q)
                after += torch.bmm(q, q.mT).to(f.dtype)
        kernel = kernel / width
        yield psd_root(seen / width).reshape(*runs, n, n)
