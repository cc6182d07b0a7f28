"""Square roots of Gram matrices: what the exact samplers carry instead of representations."""

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from utils.metrics import checked

__all__ = ["distinct", "gram_root", "psd_root"]


def distinct(h: Tensor) -> Tensor:
    """One copy of what ``expand`` repeats along leading dimensions.

    Parameters
    ----------
    h : Tensor, shape (..., d, n)

    Returns
    -------
    Tensor, shape (..., d, n)
        A view with 1 in place of every leading dimension that only repeats.

    Examples
    --------
    >>> distinct(torch.eye(2).expand(1000, 2, 2)).shape
    torch.Size([1, 2, 2])
    """
    return h[tuple(slice(1) if stride == 0 else slice(None) for stride in h.stride()[:-2])]


def gram_root(h: Tensor) -> tuple[Tensor, Tensor]:
    """Upper triangular R and column order with (RP)ᵀ(RP) = HᵀH, rows below the batch's numerical rank exactly zero.

    Zero rows stay zero in a linear chain, so equal samples stay equal and a centered batch centered; left at rounding level
    they would be noise that a wide chain amplifies into full rank. Finding the rank needs column pivoting, which torch
    has not.

    Parameters
    ----------
    h : Tensor, shape (..., d, n)
        Finite.

    Returns
    -------
    root : Tensor, shape (..., n, n)
    order : Tensor of int, shape (..., n, n)
        For ``root.gather(-1, order)``: the columns in the samples' own order.

    Raises
    ------
    ValueError, TypeError
        As :func:`utils.metrics.checked`.

    Examples
    --------
    >>> h = torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    >>> root, order = gram_root(h)
    >>> r = root.gather(-1, order)
    >>> torch.allclose(r.mT @ r, h.mT @ h)
    True
    """
    once = distinct(checked(h, "h"))
    n, runs = h.shape[-1], once.shape[:-2]
    roots, orders = [], []
    for one in once.flatten(end_dim=-3) if runs else [once]:
        r, pivots = scipy.linalg.qr(one.cpu().numpy(), mode="r", pivoting=True)
        r = r[:n]
        rank = int((np.abs(np.diagonal(r)) > 8 * max(one.shape) * np.finfo(r.dtype).eps * abs(r[0, 0])).sum())
        kept = np.zeros((n, n), r.dtype)
        kept[:rank] = r[:rank]
        roots.append(torch.from_numpy(kept))
        orders.append(torch.from_numpy(np.argsort(pivots)))
    root = torch.stack(roots).reshape(*runs, n, n).to(h)
    order = torch.stack(orders).reshape(*runs, 1, n).to(h.device)
    return root.expand(*h.shape[:-2], n, n), order.expand(*h.shape[:-2], n, n)


def psd_root(a: Tensor) -> Tensor:
    """Upper triangular T with TᵀT = a.

    Parameters
    ----------
    a : Tensor, shape (..., n, n)
        Symmetric positive semi-definite, up to rounding.

    Returns
    -------
    Tensor, shape (..., n, n)

    Raises
    ------
    ValueError
        If it is not finite, or indefinite by more than rounding.

    Examples
    --------
    >>> psd_root(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 1.],
            [0., 2.]])
    """
    lower, info = torch.linalg.cholesky_ex(a)
    failed = info > 0
    if not failed.any():
        return lower.mT
    # Rounding made some matrices indefinite, or they are singular: what these need is slow.
    values, vectors = torch.linalg.eigh(checked(a, "a")[failed])
    if (values[..., 0] < -1e-3 * values[..., -1].abs()).any():
        raise ValueError("a has a negative eigenvalue that is no rounding: a Gram matrix has none")
    root = lower.mT.contiguous()
    root[failed] = torch.linalg.qr(values.clamp(min=0).sqrt()[..., None] * vectors.mT).R
    return root
