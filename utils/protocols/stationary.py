"""A BN chain in its stationary law: where to start it, its spectra, its fluctuations, the width at which it loses rank."""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from utils.chains.linear import bn_chain
from utils.chains.thin import thin_drift
from utils.metrics import gram, orthogonality_gap, spectrum
from utils.seeding import checked_generator
from utils.stats.measurement import Measurement
from utils.theory.limits import expected_square_gap, gap_floor, local_rate, spectral_gap
from utils.theory.stationary import (
    conditional_w2,
    critical_width,
    floor_dimension,
    gaussian_limit_covariance,
    matched_dimension,
    mean_least_eigenvalue,
    mean_square_gap,
    normalized_wishart_mean_square_gap,
    normalized_wishart_root,
    spectral_ratio,
    stationary_isometry_gap,
)

__all__ = [
    "apart",
    "beside_law",
    "beside_limit",
    "beside_quarters",
    "burn_in",
    "drifts",
    "entries_of_limit",
    "fluctuations",
    "layers",
    "quarters",
    "semicircle_quarters",
    "spectra",
    "square_gaps",
    "start",
    "torch_square_gaps",
    "wishart_quarters",
    "zero_crossing",
]


def start(count: int, n: int, width: int, generator: torch.Generator) -> Tensor:
    """Batches that are nearly stationary: normalized Wishart with ν_f degrees of freedom, the chain's mean square gap.

    From here :func:`burn_in` is enough, where starts at I/n need twice as many layers or more. Below the critical
    width, where there is no such law, as many degrees of freedom as full rank needs.

    Parameters
    ----------
    count, n : int
        Batches, and samples in each.
    width : int
        d, of the chain.
    generator : torch.Generator

    Returns
    -------
    Tensor, shape (count, n, n)
        Square roots of their Gram matrices, float64.

    Examples
    --------
    >>> start(3, 4, 100, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 4, 4])
    """
    freedom = max(floor_dimension(n, width), n - 0.5)
    return normalized_wishart_root((count, n, n), freedom=freedom, generator=generator)


def burn_in(n: int, width: int) -> int:
    """Layers that a batch from :func:`start` runs for before it is measured: the time in which a thin direction relaxes.

    Parameters
    ----------
    n, width : int

    Returns
    -------
    int
        n/(2(1 − d_c/d)), d_c the critical width: the time in which a thin direction, the last to settle, grows by a factor e.
        At most 30n, around the critical width and below it, where rank is lost slowly.

    Examples
    --------
    >>> burn_in(64, 1299), burn_in(64, 4096), burn_in(32, 128)
    (192, 44, 960)
    """
    # To leading order d_c/d is c, and the slowest mode of the spectrum, given its trace, is faster than such a direction.
    # Measured at (64, 1299), from start(): after one such time the quarters of the spectrum are within 0.1 of 2/n of their
    # stationary means, the least eigenvalue a tenth too large (a quarter at n = 16). From I/n it takes twice as long or more.
    slack = 1 - critical_width(max(n, 4)) / width
    return math.ceil(n / (2 * max(slack, 1 / 60)))


def layers(
    n: int,
    width: int,
    *,
    runs: int,
    count: int,
    every: int,
    generator: torch.Generator,
    begin: Tensor | None = None,
    burn: int | None = None,
    chain: Callable | None = None,
    **options: object,
) -> Iterator[Tensor]:
    """Some layers of a chain, evenly spaced, once it has forgotten where it started.

    Parameters
    ----------
    n, width : int
    runs : int
        Independent networks.
    count, every : int
        How many layers to keep, and how far apart.
    generator : torch.Generator
    begin : Tensor, shape (n, n) or (runs, n, n), optional
        One batch for all networks, or one for each; :func:`start` by default.
    burn : int, optional
        Layers before the first that is kept; :func:`burn_in` by default.
    chain : callable, optional
        Of ``utils.chains``; :func:`~utils.chains.linear.bn_chain` by default.
    **options
        To ``chain``: ``draws``, ….

    Yields
    ------
    Tensor, shape (runs, n, n)
        Square roots of Gram matrices.

    Examples
    --------
    >>> setting = {"runs": 5, "count": 3, "every": 4, "generator": torch.Generator().manual_seed(0)}
    >>> len(list(layers(8, 100, **setting)))
    3
    """
    h = start(runs, n, width, generator) if begin is None else begin.expand(runs, *begin.shape[-2:])
    burn = burn_in(n, width) if burn is None else burn
    depth = burn + count * every
    chain = chain or bn_chain  # not the signature's default, which no mutation would reach
    for layer, r in enumerate(chain(h, width=width, depth=depth, generator=generator, **options), start=1):
        if layer > burn and (layer - burn) % every == 0:
            yield r


def spectra(n: int, width: int, **setting) -> Tensor:
    """Eigenvalues of nC at the layers that :func:`layers` keeps.

    Parameters
    ----------
    n, width, **setting
        As :func:`layers`.

    Returns
    -------
    Tensor, shape (layers, runs, n)
        Decreasing, of mean 1.

    Examples
    --------
    >>> setting = {"runs": 50, "count": 4, "every": 2, "generator": torch.Generator().manual_seed(0)}
    >>> lam = spectra(8, 256, **setting)
    >>> lam.shape, bool(lam.mean(-1).sub(1).abs().max() < 1e-9)
    (torch.Size([4, 50, 8]), True)
    """
    return n * torch.stack([spectrum(r) for r in layers(n, width, **setting)])


def quarters(lam: Tensor) -> np.ndarray:
    """Mean eigenvalue in each quarter of the spectrum, averaged over layers.

    Parameters
    ----------
    lam : Tensor, shape (layers, runs, n)
        Decreasing; n is a multiple of four.

    Returns
    -------
    ndarray, shape (runs, 4)
        Greatest first.

    Examples
    --------
    >>> quarters(torch.tensor([[[4.0, 2.0, 1.0, 0.0]], [[4.0, 3.0, 0.0, 0.0]]]))
    array([[4. , 2.5, 0.5, 0. ]], dtype=float32)
    """
    return lam.mean(0).unflatten(-1, (4, -1)).mean(-1).numpy()


def apart(first: Tensor, second: Tensor) -> tuple[float, float]:
    """By how much the :func:`quarters` of two sets of networks differ, where they differ most, in units of 2/n.

    Parameters
    ----------
    first, second : Tensor, shape (layers, runs, n)
        As :func:`spectra` returns them.

    Returns
    -------
    difference, error : float
        The second is four standard errors of the first.

    Examples
    --------
    >>> lam = torch.ones(2, 10, 4, dtype=torch.float64)
    >>> apart(lam, lam + 0.25)
    (0.5, 0.0)
    """
    unit, pair = 2 / first.shape[-1], (quarters(first), quarters(second))
    off = np.abs(pair[0].mean(0) - pair[1].mean(0)) / unit
    error = 4 * np.sqrt(sum(found.var(0, ddof=1) / len(found) for found in pair)) / unit
    return float(off.max()), float(error[off.argmax()])


def beside_quarters(law: Callable[[int, int], np.ndarray], found: Mapping[tuple, Tensor]) -> list[Measurement]:
    """Quarters of spectra beside those of a law, in units of 2/n.

    Parameters
    ----------
    law : callable
        Of n and d: as :func:`semicircle_quarters`.
    found : mapping of tuple to Tensor
        (n, d), and where it started if that is to be said, to spectra as :func:`spectra` returns them.

    Returns
    -------
    list of Measurement

    Examples
    --------
    >>> lam = torch.ones(2, 10, 4, dtype=torch.float64)
    >>> [one.label for one in beside_quarters(semicircle_quarters, {(4, 100, "from orthogonal"): lam})][-1]
    'n = 4, width 100, from orthogonal, quarter 4'
    """
    result = []
    for (n, width, *begun), lam in found.items():
        for quarter, (seen, expected) in enumerate(zip(quarters(lam).T, law(n, width), strict=True), start=1):
            label = ", ".join([f"n = {n}, width {width:,}", *begun, f"quarter {quarter}"])
            result.append(Measurement(label, seen, expected, 2 / n, at={"n": n, "width": width}))
    return result


def beside_law(n: int, width: int, lam: Tensor) -> dict[str, object]:
    """What the stationary law says of a batch, and in brackets what networks do: a row of a table.

    Parameters
    ----------
    n, width : int
    lam : Tensor, shape (layers, runs, n)
        As :func:`spectra` returns them.

    Returns
    -------
    dict of str to object

    Examples
    --------
    >>> beside_law(4, 64, torch.ones(2, 3, 4, dtype=torch.float64))["gap V"]
    '0.148 (0.000)'
    """
    law_has_rank = matched_dimension(n, width) > n
    pairs = {
        "gap V": (math.sqrt(mean_square_gap(n, width)), (lam - 1).square().sum(-1).mean().sqrt() / n),
        "n times the least eigenvalue": (
            n * mean_least_eigenvalue(n, width) if law_has_rank else None,
            lam[..., -1].mean(),
        ),
        "W₂² to a Gaussian": (conditional_w2(n, width), 2 - 2 * lam.sqrt().mean()),
        "isometry gap": (stationary_isometry_gap(n, width), -lam.log().mean()),
    }
    shown = {what: "–" if law is None else f"{law:.3f} ({seen:.3f})" for what, (law, seen) in pairs.items()}
    return {"n": n, "width": f"{width:,}", "c": f"{spectral_ratio(n, width):.3f}"} | shown


def wishart_quarters(n: int, freedom: float, generator: torch.Generator, *, count: int = 500) -> np.ndarray:
    """Means of :func:`quarters` for n times normalized Wishart matrices.

    Parameters
    ----------
    n : int
    freedom : float
    generator : torch.Generator
    count : int
        Matrices.

    Returns
    -------
    ndarray, shape (4,)

    Examples
    --------
    >>> wide = wishart_quarters(8, 10_000.0, torch.Generator().manual_seed(0))
    >>> bool(abs(wide - 1).max() < 0.1)
    True
    """
    lam = n * spectrum(normalized_wishart_root((1, count, n, n), freedom=freedom, generator=generator))
    found, square = quarters(lam), lam.square().mean((0, 2)).numpy()
    # The mean of the squares is known; what its sample mean is off by says most of what the quarters' are off by.
    off = square.mean() - 1 - n * normalized_wishart_mean_square_gap(n, freedom)
    slope = (square - square.mean()) @ found / count / square.var()
    return found.mean(0) - slope * off


def semicircle_quarters(n: int, width: float) -> np.ndarray:
    """The same for a semicircle of the stationary law's mean and variance, to leading order: 1 and c.

    Parameters
    ----------
    n : int
    width : float

    Returns
    -------
    ndarray, shape (4,)

    Examples
    --------
    >>> semicircle_quarters(8, 64)
    array([1.65 , 1.199, 0.801, 0.35 ])
    """
    # Over a quarter of the mass of the semicircle on (−1, 1), whose upper quartile is 0.404.
    return 1 + 2 * math.sqrt(spectral_ratio(n, width)) * np.array([0.650, 0.199, -0.199, -0.650])


def entries_of_limit(n: int) -> dict[str, float]:
    """The three different entries of the Gaussian limit's covariance, by name.

    Parameters
    ----------
    n : int

    Returns
    -------
    dict of str to float

    Examples
    --------
    >>> {name: round(value, 4) for name, value in entries_of_limit(3).items()}
    {'off the diagonal': 0.1042, 'on the diagonal': 0.1389, 'two on the diagonal': -0.0694}
    """
    covariance = gaussian_limit_covariance(n)
    places = {"off the diagonal": (0, 1, 0, 1), "on the diagonal": (0, 0, 0, 0), "two on the diagonal": (0, 0, 1, 1)}
    return {name: float(covariance[place]) for name, place in places.items()}


def fluctuations(n: int, width: int, **setting) -> dict[str, np.ndarray]:
    """Second moments of √d(C − I/n), averaged over equivalent entries and over layers.

    Parameters
    ----------
    n, width, **setting
        As :func:`layers`.

    Returns
    -------
    dict of str to ndarray, shape (runs,)
        By the names of :func:`entries_of_limit`.

    Examples
    --------
    >>> setting = {"runs": 50, "count": 2, "every": 3, "generator": torch.Generator().manual_seed(0)}
    >>> sorted(fluctuations(3, 100, **setting)) == sorted(entries_of_limit(3))
    True
    """
    c = torch.stack([gram(r) for r in layers(n, width, **setting)])
    x = math.sqrt(width) * (c - torch.eye(n, dtype=c.dtype) / n)
    diagonal, pairs = x.diagonal(dim1=-2, dim2=-1), n * (n - 1)
    squares = diagonal.square().sum(-1)
    found = {
        "off the diagonal": (x.square().sum((-2, -1)) - squares) / pairs,
        "on the diagonal": squares / n,
        "two on the diagonal": (diagonal.sum(-1).square() - squares) / pairs,
    }
    return {name: value.mean(0).numpy() for name, value in found.items()}


def beside_limit(
    found: Mapping[tuple[int, int], Mapping[str, np.ndarray]], factor: Callable[[int], float] = lambda n: 1.0
) -> list[Measurement]:
    """Fluctuations beside the Gaussian limit's, with a tenth of each entry as the tolerance.

    Parameters
    ----------
    found : mapping of (int, int) to mapping
        (n, d) to what :func:`fluctuations` returns.
    factor : callable
        Of n: what the limit's covariance is multiplied by.

    Returns
    -------
    list of Measurement

    Examples
    --------
    >>> len(beside_limit({(3, 100): {name: np.zeros(8) for name in entries_of_limit(3)}}))
    3
    """
    return [
        Measurement(f"n = {n}, width {d:,}, {name}", moments[name], factor(n) * entry, 0.1 * factor(n) * abs(entry))
        for (n, d), moments in found.items()
        for name, entry in entries_of_limit(n).items()
    ]


def drifts(n: int, *, generator: torch.Generator) -> dict[int, np.ndarray]:
    """Drift per layer of the log of a thin direction's size, by width: around the critical one, where it vanishes, and further up.

    Parameters
    ----------
    n : int
    generator : torch.Generator

    Returns
    -------
    dict of int to ndarray, shape (chains,)
        3 % below and above the critical width, from more and longer chains, as :func:`zero_crossing` takes them; then 1.25 and
        1.6 times that width.
    """
    d = critical_width(n)
    near = {"runs": 1600 // n, "burn": 2 * n, "window": 144, "generator": generator}
    far = near | {"runs": 800 // n, "burn": n, "window": 36}
    settings = {math.floor(0.97 * d): near, math.ceil(1.03 * d): near, round(1.25 * d): far, round(1.6 * d): far}
    return {width: thin_drift(n, width=width, **setting) for width, setting in settings.items()}


def zero_crossing(drifts: Mapping[int, np.ndarray]) -> np.ndarray:
    """Width at which a drift vanishes, between two widths, as one number per run, whose mean is the estimate.

    Width times drift is nearly linear in the width, so it is interpolated. The estimate is a ratio; what is returned is its
    linearization around the means, run by run, so that the spread of the numbers is that of the estimate.

    Parameters
    ----------
    drifts : mapping of int to ndarray, shape (runs,)
        Width to drifts. The first two widths count, with as many runs each.

    Returns
    -------
    ndarray, shape (runs,)

    Raises
    ------
    ValueError
        If there are fewer than two widths, or the drift's mean is the same at both.

    Examples
    --------
    >>> zero_crossing({10: np.array([-0.3, -0.1]), 20: np.array([0.1, 0.1])})
    array([16.25, 13.75])
    """
    if len(drifts) < 2:
        raise ValueError(f"drifts: {len(drifts)} widths, expected two")
    (low, first), (high, second), *_ = ((width, width * np.asarray(drift)) for width, drift in drifts.items())
    rise = second.mean() - first.mean()
    if rise == 0:
        raise ValueError(f"drifts: the same mean at widths {low} and {high}, so nowhere zero between them")
    place = -first.mean() / rise
    off = (1 - place) * (first - first.mean()) + place * (second - second.mean())
    return low + (high - low) * (place - off / rise)


def square_gaps(
    n: int, width: int, *, runs: int, burn: int, window: int, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mean square gap of networks over a window of layers, relative to the floor: the plain average, and with control variate.

    Parameters
    ----------
    n, width, runs : int
    burn, window : int
        Layers before the window, from :func:`start`, and layers in it.
    generator : torch.Generator

    Returns
    -------
    plain, controlled : ndarray, shape (runs,)
        The second has the same mean and much less noise, as far as a layer is of the width that it should be.

    Examples
    --------
    >>> setting = {"runs": 20, "burn": 2, "window": 40, "generator": torch.Generator().manual_seed(0)}
    >>> plain, controlled = square_gaps(4, 256, **setting)
    >>> bool(controlled.std() < plain.std() / 2), round(float(controlled.mean()), 1)
    (True, 1.0)
    """
    r = start(runs, n, width, generator)
    chain = bn_chain(r, width=width, depth=burn + window, generator=generator, draws=torch.float32)
    lam = torch.stack([spectrum(r) for layer, r in enumerate([r, *chain]) if layer >= burn])
    square = spectral_gap(lam).square()
    noise = square[1:] - expected_square_gap(lam[:-1], width)
    controlled = square[1:] - noise / (1 - local_rate(n) ** 2)
    floor = gap_floor(n, width) ** 2
    return square[1:].mean(0).numpy() / floor, controlled.mean(0).numpy() / floor


@torch.no_grad()
def torch_square_gaps(n: int, width: int, *, runs: int, depth: int, generator: torch.Generator) -> np.ndarray:
    """Square gap at the last layer of torch's own modules: Linear, Gaussian and without bias, and BatchNorm1d in training mode.

    Parameters
    ----------
    n, width, runs, depth : int
    generator : torch.Generator
        Its seed is that of the batches and the weights.

    Returns
    -------
    ndarray, shape (runs,)

    Examples
    --------
    >>> torch_square_gaps(2, 16, runs=3, depth=2, generator=torch.Generator().manual_seed(0)).round(6)
    array([0.5, 0.5, 0.5])
    """
    found = []
    with torch.random.fork_rng():  # torch's modules draw their weights from the global stream
        torch.manual_seed(checked_generator(generator).initial_seed() % 2**32)
        for _ in range(runs):
            x = torch.randn(n, width, dtype=torch.float64)
            for _ in range(depth):
                linear = torch.nn.utils.skip_init(torch.nn.Linear, width, width, bias=False, dtype=x.dtype)
                torch.nn.init.normal_(linear.weight)
                norm = torch.nn.BatchNorm1d(width, eps=1e-300, affine=False, dtype=x.dtype).train()
                x = norm(linear(x))
            found.append(float(orthogonality_gap(x.T)) ** 2)
    return np.array(found)
