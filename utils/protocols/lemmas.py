"""What the lemmas are tested with: batches of a given spectrum, one layer from them, a constant to be searched for its least."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from utils.metrics import gram
from utils.seeding import checked_generator
from utils.stats.measurement import Measurement
from utils.theory.limits import infinite_width_map

__all__ = ["batches", "contraction_constant", "looseness", "one_layer"]


def batches(lam: Tensor, count: int) -> Tensor:
    """The same batch for many runs: orthogonal samples of which the squared norms are given.

    Parameters
    ----------
    lam : Tensor, shape (n,)
        Eigenvalues of its Gram matrix.
    count : int
        Runs.

    Returns
    -------
    Tensor, shape (count, n, n)
        For the functions of ``utils.chains``.

    Examples
    --------
    >>> batches(torch.tensor([0.75, 0.25]), 10).shape
    torch.Size([10, 2, 2])
    """
    return torch.diag(lam.sqrt()).expand(count, -1, -1)


def one_layer(
    lam: Tensor, chain: Callable, *, count: int, width: int, generator: torch.Generator, **options: object
) -> tuple[Tensor, Tensor, Tensor]:
    """What one layer makes of a spectrum, in the eigenbasis of its start, and what it makes of it in the mean.

    Parameters
    ----------
    lam : Tensor, shape (n,)
        Eigenvalues of the start's Gram matrix.
    chain : callable
        Of ``utils.chains``.
    count : int
        Layers that are drawn.
    width, generator, **options
        To ``chain``. With ``method="direct"`` the start is turned at random, in as many dimensions as the layer is wide.

    Returns
    -------
    p : Tensor, shape (n,)
        Mean of the next Gram matrix, which is diagonal.
    away : Tensor, shape (count, n, n)
        Distance of the Gram matrices that were drawn from this mean.
    least : Tensor, shape (count,)
        Their least eigenvalues.

    Examples
    --------
    >>> from utils.chains import bn_chain
    >>> generator = torch.Generator().manual_seed(0)
    >>> p, away, least = one_layer(torch.tensor([0.75, 0.25]), bn_chain, width=8, count=100, generator=generator)
    >>> away.shape, least.shape
    (torch.Size([100, 2, 2]), torch.Size([100]))
    """
    p, start = infinite_width_map(lam), batches(lam, count)
    if options.get("method") == "direct":  # in single precision, whose normal variates cost a fifth
        turn = torch.linalg.qr(torch.randn(width, len(lam), generator=checked_generator(generator), dtype=lam.dtype)).Q
        start = (turn @ start[0]).float().expand(count, -1, -1)
    found = []
    for some in start.split(4096):  # small enough for the cache
        (after,) = chain(some, width=width, depth=1, generator=generator, **options)
        found.append(gram(after).to(lam.dtype))
    c = torch.cat(found)
    return p, c - torch.diag(p), torch.linalg.eigvalsh(c)[:, 0]


def contraction_constant(rest: Tensor, distance: Tensor, *, closest: float = 1e-4) -> tuple[Tensor, Tensor]:
    """Lemma 8 solved for its constant, (p_n/λ_n − 1)/V̂, over all spectra λ = (1 − s)/n + s μ with μ_n = 0.

    Parameters
    ----------
    rest : Tensor, shape (starts, n - 1)
        Logarithms of μ's other entries, up to a constant.
    distance : Tensor, shape (starts,)
        Log-odds of s = n V̂, the distance from orthogonality.
    closest : float
        How far s stays from 0, where subtraction loses the digits, and from 1.

    Returns
    -------
    constant, s : Tensor, shape (starts,)

    Examples
    --------
    >>> rest, distance = torch.zeros(1, 2, dtype=torch.float64), torch.tensor([-9.0], dtype=torch.float64)
    >>> constant, s = contraction_constant(rest, distance)
    >>> round(float(constant), 3)  # near orthogonality 2n/(n + 2)
    1.2
    """
    n = rest.shape[-1] + 1
    s = closest + (1 - 2 * closest) * distance.sigmoid()[:, None]
    lam = torch.cat([(1 - s) / n + s * rest.softmax(-1), (1 - s) / n], -1)
    return (infinite_width_map(lam)[:, -1] / lam[:, -1] - 1) / (s[:, 0] / n), s[:, 0]


def looseness(measured: Iterable[Measurement]) -> tuple[float, float]:
    """Least and largest factor between a bound and the mean measured beside it, where the bound says something.

    Parameters
    ----------
    measured : iterable of Measurement

    Returns
    -------
    least, largest : float

    Examples
    --------
    >>> from utils.stats.measurement import Measurement
    >>> looseness([Measurement("n = 2", [0.5], 1.0), Measurement("n = 4", [0.25], 1.0)])
    (2.0, 4.0)
    """
    factors = [m.target / float(np.mean(m.samples)) for m in measured if not m.vacuous]
    return min(factors), max(factors)
