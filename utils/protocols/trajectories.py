"""A chain followed layer by layer, and what a bound along it is compared with."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from utils.chains.linear import wishart_root
from utils.stats.measurement import Measurement
from utils.theory.bounds import largest_gap, theorem1_bound

__all__ = ["bounded_by_theorem1", "least_so_far", "stationary_start", "trajectory"]


def trajectory(chain: Iterable[Tensor], *metrics: Callable[[Tensor], Tensor]) -> np.ndarray | tuple[np.ndarray, ...]:
    """Metrics at every layer of a chain.

    Parameters
    ----------
    chain : iterable of Tensor, shape (runs, width, n) each
        As the functions of :mod:`utils.chains` yield it; layers are dropped as soon as they are measured.
    *metrics : callable
        Of :mod:`utils.metrics`: a layer to a tensor of shape (runs, ...).

    Returns
    -------
    ndarray, shape (layers, runs, ...), or one for each metric

    Examples
    --------
    >>> from utils.chains import bn_chain
    >>> from utils.metrics import orthogonality_gap, spectrum
    >>> start = torch.eye(4, dtype=torch.float64).expand(10, 4, 4)
    >>> chain = bn_chain(start, width=64, depth=5, generator=torch.Generator().manual_seed(0))
    >>> gap, lam = trajectory(chain, orthogonality_gap, spectrum)
    >>> gap.shape, lam.shape
    ((5, 10), (5, 10, 4))
    """
    found = [[metric(layer) for metric in metrics] for layer in chain]
    arrays = tuple(torch.stack(values).numpy() for values in zip(*found, strict=True))
    return arrays if len(metrics) > 1 else arrays[0]


def stationary_start(count: int, n: int, degrees: int, generator: torch.Generator) -> Tensor:
    """Gaussian batches about as far from orthogonal as a stationary chain, so that little burn-in is needed.

    Parameters
    ----------
    count, n : int
        Batches, and samples in each.
    degrees : int
        Dimension of the Gaussian vectors, at least n is taken; 4d/n is that of a chain of width d, to leading order.
    generator : torch.Generator

    Returns
    -------
    Tensor, shape (count, n, n)
        Square roots of their Gram matrices, float64.

    Examples
    --------
    >>> stationary_start(3, 4, 100, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 4, 4])
    """
    return wishart_root((count, n, n), width=max(n, degrees), generator=generator)


def least_so_far(least: np.ndarray, first: float) -> np.ndarray:
    """Smallest value that any run has met up to each layer, the λ of Theorem 1.

    Parameters
    ----------
    least : ndarray, shape (layers, runs)
        Least eigenvalues at layers 1, 2, ….
    first : float
        That of the start.

    Returns
    -------
    ndarray, shape (layers + 1,)
        At layers 0, 1, ….

    Examples
    --------
    >>> least_so_far(np.array([[0.3, 0.2], [0.4, 0.5]]), 0.25)
    array([0.25, 0.2 , 0.2 ])
    """
    return np.minimum.accumulate(np.append(first, least.min(1)))


def bounded_by_theorem1(
    name: str,
    gap: np.ndarray,
    least: np.ndarray,
    first: float,
    *,
    n: int,
    width: float,
    bound: Callable = theorem1_bound,
    limit: float | None = None,
    **at: object,
) -> list[Measurement]:
    """Mean gap beside Theorem 1's bound at layers 2, 3, …, with the least eigenvalue met so far as its λ.

    Parameters
    ----------
    name : str
        Of the case, for the labels.
    gap : ndarray, shape (layers, runs)
    least, first
        As :func:`least_so_far` takes them.
    n : int
    width : float
        In the bound.
    bound : callable
        ``bound(layer, n, width, lambda_min=...)``.
    limit : float, optional
        Largest possible value; that of the gap by default.
    **at
        Further coordinates of the measurements.

    Returns
    -------
    list of Measurement
        With the coordinates ``layer``, ``n``, ``width`` and those given.

    Examples
    --------
    >>> measured = bounded_by_theorem1("two", np.full((3, 8), 0.1), np.full((3, 8), 0.4), 0.4, n=2, width=1e9)
    >>> [m.at["layer"] for m in measured], measured[0].label
    ([2, 3], 'two, layer 2')
    """
    lam = least_so_far(least, first)
    limit = largest_gap(n) if limit is None else limit
    return [
        Measurement(
            f"{name}, layer {layer}",
            gap[layer - 1],
            bound(layer, n, width, lambda_min=lam[layer - 1]),
            limit=limit,
            at={"layer": layer, "n": n, "width": width, **at},
        )
        for layer in range(2, len(gap) + 1)
    ]
