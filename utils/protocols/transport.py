"""How far a stationary layer is in law from a Gaussian, by optimal transport between samples of singular values."""

import math

import numpy as np
import ot
import torch
from torch import Tensor

from utils.chains.linear import bn_chain, wishart_root
from utils.protocols.stationary import start

__all__ = ["debiased", "gaussian_singular_values", "mixture_singular_values", "singular_values", "squared_transport"]


def singular_values(root: Tensor, width: int, generator: torch.Generator) -> np.ndarray:
    """Sorted singular values of WH, with one Gaussian W of ``width`` rows and entries of variance 1/width for each H.

    Parameters
    ----------
    root : Tensor, shape (count, n, n)
        Square roots of the Gram matrices of H.
    width : int
    generator : torch.Generator

    Returns
    -------
    ndarray, shape (count, n)
        Descending.

    Examples
    --------
    >>> root = torch.eye(2, dtype=torch.float64).expand(5, 2, 2)
    >>> singular_values(root, 64, torch.Generator().manual_seed(0)).shape
    (5, 2)
    """
    return (
        torch.linalg.svdvals(wishart_root(root.shape, width=width, generator=generator) @ root) / math.sqrt(width)
    ).numpy()


def mixture_singular_values(count: int, n: int, width: int, generator: torch.Generator) -> np.ndarray:
    """:func:`singular_values` of WH where each H is a layer of its own network, in the stationary state.

    Parameters
    ----------
    count, n, width : int
    generator : torch.Generator

    Returns
    -------
    ndarray, shape (count, n)

    Examples
    --------
    >>> mixture_singular_values(5, 2, 64, torch.Generator().manual_seed(0)).shape
    (5, 2)
    """
    h = start(count, n, width, generator)
    *_, root = bn_chain(h, width=width, depth=2 + n // 2, generator=generator, draws=torch.float32)
    return singular_values(root, width, generator)


def gaussian_singular_values(count: int, n: int, width: int, generator: torch.Generator) -> np.ndarray:
    """:func:`singular_values` of G/√n, a Gaussian matrix: what the mixture tends to.

    Parameters
    ----------
    count, n, width : int
    generator : torch.Generator

    Returns
    -------
    ndarray, shape (count, n)

    Examples
    --------
    >>> gaussian_singular_values(5, 2, 64, torch.Generator().manual_seed(0)).shape
    (5, 2)
    """
    root = torch.eye(n, dtype=torch.float64).expand(count, n, n) / math.sqrt(n)
    return singular_values(root, width, generator)


def squared_transport(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Wasserstein-2 distance between two samples of the same size.

    Parameters
    ----------
    a, b : ndarray, shape (points, dimensions)

    Returns
    -------
    float

    Examples
    --------
    >>> squared_transport(np.zeros((2, 1)), np.array([[1.0], [3.0]]))
    5.0
    """
    return float(ot.emd2([], [], ot.dist(np.ascontiguousarray(a), np.ascontiguousarray(b))))


def debiased(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Squared distance between two laws, less what samples of this size have even if the law is one.

    Parameters
    ----------
    first, second : pair of ndarray, shape (points, dimensions) each
        Two independent samples of each law.

    Returns
    -------
    distance, bias : float
        The bias, subtracted already, is half of each law's own.

    Examples
    --------
    >>> zeros, ones = np.zeros((3, 2)), np.ones((3, 2))
    >>> debiased((zeros, zeros), (ones, ones))
    (2.0, 0.0)
    """
    bias = (squared_transport(*first) + squared_transport(*second)) / 2
    return squared_transport(first[0], second[0]) - bias, bias
