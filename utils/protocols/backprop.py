"""Gradients on their way back through random networks: their energy, its growth per layer, and where it overflows."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from utils.chains.gradients import gradient_energies
from utils.chains.linear import batch_norm
from utils.networks.layers import BatchNorm
from utils.seeding import generator_for
from utils.theory.backprop import gradient_growth, overflow_depth, relu_gradient_growth

__all__ = [
    "NETWORKS",
    "Overflow",
    "energies",
    "energies_back",
    "growth",
    "growths",
    "median_growths",
    "overflow_layers",
    "overflows",
    "torch_bn",
]


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
    networks: Iterable[tuple],
    width: int,
    depth: int,
    count: int,
    *,
    key: tuple,
    kinds: Mapping[str, Callable] = NETWORKS,
    dtype: torch.dtype = torch.float32,
    **options: object,
) -> dict[tuple, np.ndarray]:
    """Squared norms of a random gradient at every layer of networks that start from Gaussian batches.

    Networks of several kinds have the same weights, which are drawn once; batches and gradients are their own.

    Parameters
    ----------
    networks : iterable of (str, int) or (str, int, float)
        Kind, a key of ``kinds``; samples in a batch, n; and the scale of the gradient that enters, 1 by default.
    width, depth, count : int
        Width, layers, and networks of each kind: as many at a time as fit into a few hundred megabytes.
    key : tuple
        Begins the name of the stream.
    kinds : mapping of str to callable
        What follows each linear map, for a number of networks and a width.
    dtype : torch.dtype
        Of the computation.
    **options
        To :func:`utils.chains.gradients.gradient_energies`: ``weights``.

    Returns
    -------
    dict of tuple to ndarray of float64, shape (depth + 1, count)
        For each of ``networks``.

    Examples
    --------
    >>> found = energies([("paper", 4), ("module", 5)], 32, 10, 3, key=(0, "example"))
    >>> found["paper", 4].shape
    (11, 3)
    """
    networks = list(networks)
    sizes = [n for _, n, *_ in networks]
    scale = torch.cat([torch.full((n,), *scale or [1.0], dtype=dtype) for _, n, *scale in networks])
    at_once = max(1, int(6e8 / (dtype.itemsize * depth * width * (width + 4 * sum(sizes)))))
    found = []
    for start in range(0, count, at_once):
        some = min(at_once, count - start)
        generator = generator_for(*key, str(networks), width, start)
        h = torch.randn(some, width, sum(sizes), generator=generator).to(dtype)
        layers = [kinds[kind](some, width) for kind, *_ in networks]
        layers = [layer.to(dtype) if isinstance(layer, nn.Module) else layer for layer in layers]

        options |= {"layer": _side_by_side(layers, sizes), "width": width, "depth": depth, "generator": generator}
        found.append(gradient_energies(h, batches=sizes, scale=scale, **options))
    return dict(zip(networks, torch.cat(found, dim=1).numpy().transpose(2, 0, 1), strict=True))


def _side_by_side(layers: list[Callable], sizes: list[int]) -> Callable:
    if len(layers) == 1:
        return layers[0]
    return lambda x: torch.cat([layer(part) for layer, part in zip(layers, x.split(sizes, -1), strict=True)], -1)


def energies_back(
    networks: Iterable[tuple], width: int, weights: str, count: int, *, layers: int, key: tuple
) -> dict[tuple, np.ndarray]:
    """Gradient energies over the output's, 0, 1, … layers back, in networks so deep that they have forgotten the batch.

    Parameters
    ----------
    networks, width
        As :func:`energies` takes them.
    weights : str
        As :func:`utils.chains.gradients.gradient_energies` takes them.
    count : int
    layers : int
        Depth beyond 12 widths.
    key : tuple

    Returns
    -------
    dict of tuple to ndarray, shape (12 width + layers + 1, count)
        For each of ``networks``.

    Examples
    --------
    >>> energies_back([("paper", 8)], 8, "haar", 2, layers=4, key=(0, "example"))["paper", 8].shape
    (101, 2)
    """
    found = energies(networks, width, 12 * width + layers, count, key=key, weights=weights)
    return {network: energy[::-1] / energy[-1] for network, energy in found.items()}


def growth(
    networks: Iterable[tuple], width: int, count: int, *, layers: int, settle: int | None = None, **options: object
) -> dict[tuple, np.ndarray]:
    """Growth of the gradient's energy over each layer in the middle of random networks.

    Parameters
    ----------
    networks, width, count
        As :func:`energies` takes them.
    layers : int
        In the middle.
    settle : int, optional
        Layers left out at either end, where the chain forgets its start: by default 10 + n/2 with the largest n, 12 if all
        networks have ReLU.
    **options
        To :func:`energies`.

    Returns
    -------
    dict of tuple to ndarray, shape (layers, count)
        Over 1 where the gradient grows on its way back.

    Examples
    --------
    >>> growth([("paper", 8)], 64, 5, layers=3, key=(0, "example"))["paper", 8].shape
    (3, 5)
    """
    networks = list(networks)
    settle = settle or max(12 if "relu" in kind else 10 + n // 2 for kind, n, *_ in networks)
    found = energies(networks, width, layers + 2 * settle, count, **options)
    return {network: (energy[:-1] / energy[1:])[settle:-settle] for network, energy in found.items()}


def growths(settings: Iterable[tuple[str, int, int]], count: Mapping[int, int], **options: object) -> dict:
    """Mean growth over the middle layers of networks of several widths; those of one width have the same weights.

    Parameters
    ----------
    settings : iterable of (str, int, int)
        Kind and samples in a batch, as :func:`energies` takes them, and the width.
    count : mapping of int to int
        Networks of each kind, by width.
    **options
        To :func:`growth`.

    Returns
    -------
    dict of tuple to ndarray, shape (count,)
        For each of ``settings``.

    Examples
    --------
    >>> found = growths([("paper", 6, 32), ("paper", 8, 64)], {32: 4, 64: 2}, layers=3, key=(0, "example"))
    >>> found["paper", 6, 32].shape, found["paper", 8, 64].shape
    ((4,), (2,))
    """
    settings, found = list(settings), {}
    for width in dict.fromkeys(width for *_, width in settings):
        here = growth([(*one,) for *one, at in settings if at == width], width, count[width], **options)
        found |= {(*network, width): x.mean(0) for network, x in here.items()}
    return found


def median_growths(
    sizes: Iterable[int], widths: Sequence[int], groups: int, *, key: tuple, **options: object
) -> dict[int, np.ndarray]:
    """Median growth in networks with the paper's BN, by width and group of networks; narrow networks come in larger groups.

    Parameters
    ----------
    sizes : iterable of int
        Samples in a batch, n; those of one width have the same weights.
    widths : sequence of int
    groups : int
    key, **options
        To :func:`growth`.

    Returns
    -------
    dict of int to ndarray, shape (len(widths), groups)
        By n.

    Examples
    --------
    >>> median_growths((2, 3), (64, 128), 4, layers=3, key=(0, "example"))[3].shape
    (2, 4)
    """
    sizes = list(sizes)
    medians = {n: np.empty((len(widths), groups)) for n in sizes}
    for i, d in enumerate(widths):
        found = growth([("paper", n) for n in sizes], d, groups * max(2, 128 // d), key=key, **options)
        for (_, n), x in found.items():
            medians[n][i] = np.median(x.reshape(len(x), groups, -1), axis=(0, 2))
    return medians


class Overflow(NamedTuple):
    """A network whose gradient is followed until it overflows.

    Attributes
    ----------
    kind : str
        A key of :data:`NETWORKS`.
    n, width : int
    dtype : torch.dtype
    scale : float
        Of the loss.

    Examples
    --------
    >>> str(Overflow("relu", 128, 64, torch.float16))
    'ReLU, n = 128, width 64, float16'
    """

    kind: str
    n: int
    width: int
    dtype: torch.dtype
    scale: float = 1.0

    def __str__(self) -> str:
        activation, scaled = "ReLU, " * (self.kind == "relu"), ", scaled" * (self.scale != 1)
        return f"{activation}n = {self.n}, width {self.width}, {str(self.dtype).removeprefix('torch.')}{scaled}"

    def predicted(self, rate: float | None = None) -> float:
        """Layers to overflow, from the growth of the network at hand or another rate."""
        own = relu_gradient_growth() if self.kind == "relu" else gradient_growth(self.n)
        return overflow_depth(rate or own, largest=torch.finfo(self.dtype).max / self.scale)


def overflows(settings: Iterable[Overflow], count: int, *, key: tuple) -> dict[Overflow, np.ndarray]:
    """Layers back from the output at which a gradient's entry is no longer finite, in networks a quarter deeper than predicted.

    Parameters
    ----------
    settings : iterable of Overflow
        Those of one width and precision have the same weights.
    count : int
        Networks of each; twice as many in half precision.
    key : tuple
        Begins the name of the stream.

    Returns
    -------
    dict of Overflow to ndarray of int, shape (count,)

    Examples
    --------
    >>> half = Overflow("paper", 4, 32, torch.float16)
    >>> overflows([half], 3, key=(0, "example"))[half].shape
    (6,)
    """
    settings, found = list(settings), {}
    for d, dtype in dict.fromkeys((s.width, s.dtype) for s in settings):
        here = {(s.kind, s.n, s.scale): s for s in settings if (s.width, s.dtype) == (d, dtype)}
        many = 2 * count if dtype == torch.float16 else count
        energy = energies(here, d, int(1.25 * max(s.predicted() for s in here.values())), many, key=key, dtype=dtype)
        found |= {here[network]: overflow_layers(one) for network, one in energy.items()}
    return found


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
