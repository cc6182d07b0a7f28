"""Gradients on their way back through random networks: their energy, its growth per layer, and where it overflows."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from utils.chains.gradients import gradient_energies
from utils.chains.linear import batch_norm
from utils.networks.layers import BatchNorm
from utils.seeding import generator_for

__all__ = ["NETWORKS", "energies", "growth", "overflow_layers", "torch_bn"]


def torch_bn(count: int, width: int, eps: float = 1e-5) -> BatchNorm:
    """torch's ``BatchNorm1d``, one a network, with an ε.

    Parameters
    ----------
    count, width : int
    eps : float
        Added to the variance.

    Returns
    -------
    BatchNorm

    Examples
    --------
    >>> torch_bn(1, 1, eps=3.0)(torch.tensor([[[-1.0, 1.0]]])).tolist()
    [[[-0.5, 0.5]]]
    """
    layer = BatchNorm(count, width)
    layer.norm.eps = eps
    return layer


#: What follows each linear map, for a number of networks and a width.
NETWORKS: dict[str, Callable] = {
    "paper": lambda count, width: batch_norm,
    "module": torch_bn,
    "relu": lambda count, width: nn.Sequential(torch_bn(count, width), nn.ReLU()),
    "vanilla": lambda count, width: nn.Identity(),
    "vanilla relu": lambda count, width: lambda x: math.sqrt(2) * x.relu(),
}


def energies(
    kind: str,
    n: int,
    width: int,
    depth: int,
    count: int,
    *,
    key: tuple,
    network: Callable | None = None,
    dtype: torch.dtype = torch.float32,
    **options: object,
) -> np.ndarray:
    """Squared norms of a random gradient at every layer of networks that start from Gaussian batches.

    Parameters
    ----------
    kind : str
        A key of :data:`NETWORKS`, or a name for ``network``; it also names the stream of random numbers.
    n, width, depth, count : int
        Samples in a batch, width, layers, and networks: as many at a time as fit into a few hundred megabytes.
    key : tuple
        Begins the name of the stream.
    network : callable, optional
        What follows each linear map, as the values of :data:`NETWORKS`.
    dtype : torch.dtype
        Of the computation.
    **options
        To :func:`utils.chains.gradients.gradient_energies`: ``weights``, ``scale``.

    Returns
    -------
    ndarray of float64, shape (depth + 1, count)

    Examples
    --------
    >>> energies("paper", 4, 32, 10, 3, key=(0, "example")).shape
    (11, 3)
    """
    at_once = max(1, int(3e8 / (dtype.itemsize * depth * width**2)))
    found = []
    for start in range(0, count, at_once):
        some = min(at_once, count - start)
        generator = generator_for(*key, kind, n, width, start)
        h = torch.randn(some, width, n, generator=generator).to(dtype)
        layer = (network or NETWORKS[kind])(some, width)
        layer = layer.to(dtype) if isinstance(layer, nn.Module) else layer
        found.append(gradient_energies(h, layer=layer, width=width, depth=depth, generator=generator, **options))
    return torch.cat(found, dim=1).numpy()


def growth(
    kind: str, n: int, width: int, count: int, *, layers: int, settle: int | None = None, **options: object
) -> np.ndarray:
    """Growth of the gradient's energy over each layer in the middle of random networks.

    Parameters
    ----------
    kind, n, width, count
        As :func:`energies` takes them.
    layers : int
        In the middle.
    settle : int, optional
        Layers left out at either end, where the chain forgets its start: 10 + n/2 by default, 12 with ReLU.
    **options
        To :func:`energies`.

    Returns
    -------
    ndarray, shape (layers, count)
        Over 1 where the gradient grows on its way back.

    Examples
    --------
    >>> growth("paper", 8, 64, 5, layers=3, key=(0, "example")).shape
    (3, 5)
    """
    settle = settle or (12 if "relu" in kind else 10 + n // 2)
    energy = energies(kind, n, width, layers + 2 * settle, count, **options)
    return (energy[:-1] / energy[1:])[settle:-settle]


def overflow_layers(energy: np.ndarray) -> np.ndarray:
    """Layers back from the output at which a gradient is first not finite; all of them where it always is.

    Parameters
    ----------
    energy : ndarray, shape (depth + 1, count)
        As :func:`energies` returns it.

    Returns
    -------
    ndarray of int, shape (count,)

    Examples
    --------
    >>> overflow_layers(np.array([[np.inf, 3.0], [np.inf, 2.0], [4.0, 1.0]]))
    array([1, 2])
    """
    broken = ~np.isfinite(energy[::-1])
    return np.where(broken.any(0), broken.argmax(0), len(energy) - 1)
