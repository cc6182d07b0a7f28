"""What is measured of one representation: the numbers of :mod:`utils.metrics`, all from one Gram matrix.

A representation here is as torch hands it on, samples first, in any precision. Its Gram matrix is summed in double
precision over blocks of features, so that a layer costs one product and one eigendecomposition, and no second copy of it
is ever held.
"""

import math

import torch
from torch import Tensor

from utils.metrics import gram_orthogonality_gap
from utils.theory.stationary import dimension_of_gap

__all__ = ["MEASURES", "gram_of_rows", "measures"]

#: What :func:`measures` yields, in the order of a table.
MEASURES = ("gap", "least_eigenvalue", "rank", "isometry_gap", "dimension", "cosine", "rms", "centered")
BLOCK = 2**17  # entries converted to double precision at a time: a megabyte, which stays in the processor's cache


def gram_of_rows(h: Tensor) -> Tensor:
    """Gram matrix H Hᵀ of samples as rows, not normalized, in double precision.

    Parameters
    ----------
    h : Tensor, shape (n, d)
        Any floating-point precision.

    Returns
    -------
    Tensor, shape (n, n), float64

    Examples
    --------
    >>> gram_of_rows(torch.tensor([[1.0, 1.0], [0.0, 2.0]], dtype=torch.bfloat16))
    tensor([[2., 2.],
            [2., 4.]], dtype=torch.float64)
    """
    total = torch.zeros(len(h), len(h), dtype=torch.float64, device=h.device)
    blocks = h.split(max(1, BLOCK // len(h)), dim=1)
    buffer = torch.empty(blocks[0].numel(), dtype=torch.float64, device=h.device)
    for block in blocks:
        double = buffer[: block.numel()].view(block.shape).copy_(block)
        total.addmm_(double, double.mT)
    return total


def measures(h: Tensor) -> dict[str, float]:
    """Numbers of a batch of representations.

    Parameters
    ----------
    h : Tensor, shape (n, d)
        Samples as rows, finite, any floating-point precision; n ≥ 2.

    Returns
    -------
    dict of str to float
        ``gap``, the orthogonality gap V; ``least_eigenvalue`` of C; ``rank``, the effective one; ``isometry_gap``;
        ``dimension`` ν, the one at which normalized Gaussian vectors have this gap
        (:func:`~utils.theory.stationary.dimension_of_gap`); ``cosine``, the mean absolute one of two samples that are not
        zero; ``rms``, the root mean square of the entries; ``centered``, whether the mean of the samples is zero, as BN leaves
        it: then the least eigenvalue, the isometry gap and ν are those of the n − 1 dimensions that remain.

    Raises
    ------
    ValueError
        If all entries are zero.

    Notes
    -----
    Entries are known to the precision ε of their format, so eigenvalues below (8ε)²/n, noise, count as 0.

    Examples
    --------
    >>> found = measures(torch.eye(3))  # orthogonal samples
    >>> [round(found[name], 3) for name in ("gap", "least_eigenvalue", "rank", "isometry_gap", "cosine", "rms")]
    [0.0, 0.333, 3.0, 0.0, 0.0, 0.577]
    """
    n = len(h)
    scale = float(h.abs().amax()) if h.dtype == torch.float64 else 1.0  # else squares might overflow
    c = gram_of_rows(h / scale if h.dtype == torch.float64 else h)
    trace = float(c.trace())
    if trace == 0:
        raise ValueError("h is all zeros; the gap of a zero matrix is undefined")
    c = c / trace
    noise = max((8 * torch.finfo(h.dtype).eps) ** 2 / n, 4 * n * torch.finfo(torch.float64).eps)
    lam = torch.linalg.eigvalsh(c)
    lam = torch.where(lam > noise, lam, 0.0)
    centered = n > 2 and float(c.mean()) < noise
    rest = lam[1:] if centered else lam
    gap = float(gram_orthogonality_gap(c))
    square = gap**2 - (1 / (n - 1) - 1 / n) * centered  # without what centering adds
    norms = c.diagonal().sqrt()
    i, j = torch.triu_indices(n, n, offset=1, device=c.device)
    cosines = (c[i, j].abs() / (norms[i] * norms[j]))[norms[i] * norms[j] > 0].clamp(max=1)
    return {
        "gap": gap,
        "least_eigenvalue": float(rest[0]),
        "rank": float(torch.special.entr(lam).sum().exp()),
        "isometry_gap": max(0.0, float(-math.log(len(rest)) - rest.log().mean())),
        "dimension": dimension_of_gap(n - centered, square),
        "cosine": float(cosines.mean()) if len(cosines) else math.nan,
        "rms": scale * math.sqrt(trace / h.numel()),
        "centered": centered,
    }
