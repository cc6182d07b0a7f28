"""A chain followed layer by layer, and what a bound along it is compared with."""

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from utils.metrics import orthogonality_gap
from utils.seeding import checked_generator, generator_for
from utils.stats.measurement import Measurement
from utils.theory.bounds import largest_gap, theorem1_bound
from utils.theory.limits import infinite_width_map

__all__ = [
    "bounded_at_infinite_width",
    "bounded_by_theorem1",
    "contraction",
    "figure2b",
    "follow",
    "least_so_far",
    "log_ratio",
    "perturbations",
    "secant",
    "trajectory",
]


def trajectory(chain: Iterable[Tensor], *metrics: Callable[[Tensor], Tensor]) -> np.ndarray | tuple[np.ndarray, ...]:
    """Metrics at every layer of a chain.

    Parameters
    ----------
    chain : iterable of Tensor, shape (runs, width, n) each
        As the functions of ``utils.chains`` yield it; layers are dropped as soon as they are measured.
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


def follow(chain: Callable, start: Tensor, metric: Callable | tuple, *key: object, runs: int, **options: object):
    """A metric at every layer of independent networks that all start from one batch.

    Parameters
    ----------
    chain : callable
        Of ``utils.chains``.
    start : Tensor, shape (d₀, n)
    metric : callable, or a tuple of them
        As :func:`trajectory` takes them.
    *key
        Names the stream of random numbers, as :func:`utils.seeding.generator_for` takes it.
    runs : int
        Number of networks.
    **options
        To ``chain``: ``width``, ``depth``, ….

    Returns
    -------
    ndarray, shape (layers, runs, ...), or one for each metric

    Examples
    --------
    >>> from utils.chains import bn_chain
    >>> from utils.metrics import orthogonality_gap
    >>> start = torch.tensor([[1.0, 0.6], [0.0, 0.8]], dtype=torch.float64)
    >>> follow(bn_chain, start, orthogonality_gap, 0, "example", runs=10, width=64, depth=5).shape
    (5, 10)
    """
    h = start.expand(runs, *start.shape)
    metrics = metric if isinstance(metric, tuple) else (metric,)
    return trajectory(chain(h, generator=generator_for(*key), **options), *metrics)


def figure2b(chain: Callable, width: int, runs: int, *, generator: torch.Generator, **later: object) -> np.ndarray:
    """Gaps of the paper's Figure 2b, four samples from almost rank one: each network's mean over 500 layers, and over the last 400.

    Parameters
    ----------
    chain : callable
        Of ``utils.chains``.
    width, runs : int
    generator : torch.Generator
    **later
        To ``chain`` from layer 21 on: before, the batch is almost of rank one and wants full precision.

    Returns
    -------
    ndarray, shape (2, runs)

    Examples
    --------
    >>> from utils.chains import bn_chain
    >>> generator = torch.Generator().manual_seed(0)
    >>> whole, late = figure2b(bn_chain, 64, 3, generator=generator, draws=torch.float32)
    >>> bool((whole > late).all())  # the transient is in the first one
    True
    """
    start = torch.diag(torch.tensor([1.0, 1e-6, 1e-6, 1e-6], dtype=torch.float64)).expand(runs, 4, 4)
    setting = {"width": width, "generator": generator}
    first = list(chain(start, depth=20, **setting))
    gap = orthogonality_gap(torch.stack([*first, *chain(first[-1], depth=480, **setting, **later)]))
    return torch.stack([gap.mean(0), gap[100:].mean(0)]).numpy()


def perturbations(count: int, n: int, generator: torch.Generator) -> Tensor:
    """Random symmetric directions of trace 0 and spectral norm 1, along which I/n may be perturbed.

    Parameters
    ----------
    count, n : int
    generator : torch.Generator

    Returns
    -------
    Tensor, shape (count, n, n)
        float64.

    Examples
    --------
    >>> direction = perturbations(3, 4, torch.Generator().manual_seed(0))
    >>> torch.linalg.matrix_norm(direction, ord=2).allclose(torch.ones(3, dtype=torch.float64)), direction.shape
    (True, torch.Size([3, 4, 4]))
    """
    direction = torch.randn(count, n, n, generator=checked_generator(generator), dtype=torch.float64)
    direction = (direction + direction.mT) / 2
    mean = direction.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
    direction = direction - mean * torch.eye(n, dtype=torch.float64)
    return direction / torch.linalg.matrix_norm(direction, ord=2, keepdim=True)


def contraction(
    chain: Callable, n: int, size: float, *, pairs: int, generator: torch.Generator, **options: object
) -> np.ndarray:
    """Factor by which one layer shrinks a perturbation of C = I/n, along the perturbation itself.

    Parameters
    ----------
    chain : callable
        Of ``utils.chains``.
    n : int
        Samples in the batch.
    size : float
        Of the perturbation, relative to 1/n, in (0, 1).
    pairs : int
        Pairs of batches, I/n plus the perturbation and I/n minus it, each pair with the same random numbers: with
        ``method="direct"``, through the same weights, so that much of their noise cancels.
    generator : torch.Generator
    **options
        To ``chain``: ``width``, ….

    Returns
    -------
    ndarray, shape (pairs,)

    Examples
    --------
    >>> from utils.chains import bn_chain
    >>> generator = torch.Generator().manual_seed(0)
    >>> setting = {"pairs": 50, "width": 10_000, "method": "direct"}
    >>> factors = contraction(bn_chain, 4, 0.2, generator=generator, **setting)
    >>> round(float(factors.mean()), 2)  # n/(n + 2), to two digits
    0.67
    """
    direction = perturbations(pairs, n, generator)
    response, weights = 0, generator.get_state()
    for sign in (1, -1):
        generator.set_state(weights)
        h = torch.linalg.cholesky((torch.eye(n, dtype=torch.float64) + sign * size * direction) / n).mT
        (after,) = chain(h, depth=1, generator=generator, **options)
        response = response + sign * (after.mT @ after * direction).sum((-2, -1))
    return (response / (2 * size / n * direction.square().sum((-2, -1)))).numpy()


def secant(n: int, size: float, *, generator: torch.Generator) -> float:
    """What :func:`contraction` is at infinite width: the mean over 20 directions.

    Parameters
    ----------
    n : int
    size : float
        Of the perturbation, relative to 1/n, in (0, 1).
    generator : torch.Generator

    Returns
    -------
    float

    Examples
    --------
    >>> round(secant(4, 0.01, generator=torch.Generator().manual_seed(0)), 4)  # n/(n + 2) of small ones
    0.6667
    """
    step = size / n * torch.linalg.eigvalsh(perturbations(20, n, generator))
    change = infinite_width_map(1 / n + step) - infinite_width_map(1 / n - step)
    return float(((change * step).sum(-1) / (2 * step.square().sum(-1))).mean())


def log_ratio(h: Tensor) -> Tensor:
    """log(‖h₂‖² sin²θ / ‖h₁‖²) of two samples, from a square root of their Gram matrix: its determinant is ‖h₁‖ ‖h₂‖ sin θ.

    Parameters
    ----------
    h : Tensor, shape (..., 2, 2)

    Returns
    -------
    Tensor, shape (...)

    Examples
    --------
    >>> log_ratio(torch.tensor([[1.0, 5.0], [0.0, 1.0]])).abs()
    tensor(0.)
    """
    area = h[..., 0, 0] * h[..., 1, 1] - h[..., 0, 1] * h[..., 1, 0]
    return 2 * area.abs().log() - 2 * h[..., 0].square().sum(-1).log()


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
    bound: Callable | None = None,
    limit: float | None = None,
    error: float | None = None,
    **at: object,
) -> list[Measurement]:
    """Mean gap beside Theorem 1's bound at layers 2, 3, …, with the least eigenvalue met so far as its λ.

    Parameters
    ----------
    name : str
        Of the case, for the labels.
    gap : ndarray, shape (layers, runs)
        At layers 1, 2, ….
    least, first
        As :func:`least_so_far` takes them.
    n : int
    width : float
        In the bound.
    bound : callable, optional
        ``bound(layer, n, width, lambda_min=...)``; Theorem 1 as proved by default.
    limit : float, optional
        Largest possible value; that of the gap by default.
    error : float, optional
        Of a computed gap: then ``gap`` has one value per layer.
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
    bound = bound or theorem1_bound
    limit = largest_gap(n) if limit is None else limit
    return [
        Measurement(
            f"{name}, layer {layer}",
            gap[layer - 1],
            bound(layer, n, width, lambda_min=lam[layer - 1]),
            limit=limit,
            least=0.0,
            error=error,
            at={"layer": layer, "n": n, "width": width, **at},
        )
        for layer in range(2, len(gap) + 1)
    ]


def bounded_at_infinite_width(paths: Mapping[int, np.ndarray], bound: Callable | None = None) -> list[Measurement]:
    """Gap and bound of :func:`bounded_by_theorem1`, both computed; without layers where the gap drowns in rounding, below 1e-13.

    Parameters
    ----------
    paths : mapping of int to ndarray, shape (layers + 1, n)
        Spectra at layers 0, 1, … by n, see :func:`utils.theory.limits.infinite_width_path`.
    bound : callable, optional
        As for :func:`bounded_by_theorem1`.

    Returns
    -------
    list of Measurement

    Examples
    --------
    >>> len(bounded_at_infinite_width({2: np.array([[0.6, 0.4], [0.55, 0.45], [0.52, 0.48], [0.5, 0.5]])}))
    1
    """
    found = []
    for n, lam in paths.items():
        gap, least = np.linalg.norm(lam - 1 / n, axis=-1), lam.min(-1, keepdims=True)
        setting = {"n": n, "width": math.inf, "bound": bound, "error": 1e-15}
        found += bounded_by_theorem1(f"n = {n}", gap[1:], least[1:], least[0], **setting)
    return [m for m in found if m.samples > 1e-13]
