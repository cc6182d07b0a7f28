"""From samples to one number with an interval that holds for all its cells at once.

A *cell* is one setting a claim speaks about (a width, a layer, a start) with the independent samples measured there.
Student's t with the error rate split evenly over the cells (Bonferroni) makes the cells' intervals hold together; what
is built from them, a least slack or a worst deviation, then holds at the whole rate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["Cell", "Estimate", "least_slack", "worst_deviation"]


@dataclass(frozen=True)
class Cell:
    """One setting of a claim.

    Attributes
    ----------
    label : str
        Which setting, as a reader would say it.
    samples : array_like of float, shape (m,)
        Independent measurements of a quantity whose mean the claim is about; or one number with ``error``.
    target : float
        What the mean is compared with: a bound, a theoretical or a published value.
    tolerance : float
        Unit of a deviation from ``target``; > 0.
    limit : float
        Largest value the quantity can take: a bound at or above it is vacuous. Infinite if there is none.
    error : float, optional
        For a number computed rather than sampled: how far it may be off.

    Examples
    --------
    >>> Cell("width 8, layer 3", [0.5, 0.6], target=2.0, limit=1.0).vacuous
    True
    """

    label: str
    samples: object
    target: float = 0.0
    tolerance: float = 1.0
    limit: float = math.inf
    error: float | None = None

    @property
    def vacuous(self) -> bool:
        """Whether ``target``, as an upper bound, exceeds what is possible anyway."""
        return self.target >= self.limit


@dataclass(frozen=True)
class Estimate:
    """A number, its simultaneous interval, and what the interval could have told apart.

    Attributes
    ----------
    value : float
    interval : tuple of float
        (low, high).
    detectable : float
        Distance from the edge of the expected range at which a violation in the worst-measured cell would be refuted
        with probability at least 95 %.
    cells, vacuous : int
        How many cells carry the estimate, and how many said nothing.
    samples : int
        Independent samples in the smallest cell; 0 for computed numbers.
    where : str
        Label of the cell that decides.

    Examples
    --------
    >>> estimate = least_slack([Cell("layer 3", 0.25, target=0.75, error=0.125)], alpha=1e-4)
    >>> estimate.value, estimate.interval, estimate.where
    (0.5, (0.375, 0.625), 'layer 3')
    """

    value: float
    interval: tuple[float, float]
    detectable: float
    cells: int
    vacuous: int
    samples: int
    where: str


def _means(cells: Sequence[Cell], alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Mean, half-width and detectable distance of each cell, and the smallest number of samples."""
    mean, half, detectable, sizes = [], [], [], []
    for cell in cells:
        x = np.atleast_1d(np.asarray(cell.samples, dtype=float))
        if x.ndim != 1 or not np.isfinite(x).all() or not math.isfinite(cell.target):
            raise ValueError(f"cell {cell.label!r}: samples must be one row of finite numbers, the target finite")
        if not cell.tolerance > 0:
            raise ValueError(f"cell {cell.label!r}: tolerance={cell.tolerance!r}, expected a positive number")
        mean.append(x.mean())
        if cell.error is not None:
            if x.size != 1:
                raise ValueError(f"cell {cell.label!r}: a computed number has one value and an error, not {x.size}")
            half.append(cell.error)
            detectable.append(2 * cell.error)
            continue
        if x.size < 8:
            raise ValueError(f"cell {cell.label!r}: {x.size} samples, expected at least 8 for an interval; add runs")
        standard_error = x.std(ddof=1) / math.sqrt(x.size)
        quantile = stats.t.isf(alpha / len(cells) / 2, x.size - 1)
        half.append(quantile * standard_error)
        detectable.append((quantile + stats.t.isf(0.05, x.size - 1)) * standard_error)
        sizes.append(x.size)
    return np.array(mean), np.array(half), np.array(detectable), min(sizes, default=0)


def _nonempty(cells: Sequence[Cell]) -> list[Cell]:
    cells = list(cells)
    if not cells:
        raise ValueError("no cells to estimate from: give at least one Cell")
    return cells


def least_slack(cells: Sequence[Cell], alpha: float) -> Estimate:
    """Least of (bound − measured) over the cells whose bound is not vacuous.

    Parameters
    ----------
    cells : sequence of Cell
        ``target`` is an upper bound on the mean, ``limit`` the quantity's largest possible value.
    alpha : float
        Error rate of the interval.

    Returns
    -------
    Estimate
        The interval holds the least true slack with probability 1 − ``alpha``.

    Raises
    ------
    ValueError
        If there are no cells, or every bound is vacuous, or a cell is malformed.

    Examples
    --------
    >>> noise = np.linspace(-0.01, 0.01, 101)
    >>> cells = [Cell("layer 1", 0.25 + noise, target=0.75), Cell("layer 2", 0.5 + noise, target=0.75)]
    >>> estimate = least_slack(cells, alpha=1e-4)
    >>> estimate.where, round(estimate.value, 4)
    ('layer 2', 0.25)
    >>> low, high = estimate.interval
    >>> 0.24 < low < 0.25 < high < 0.26
    True
    """
    cells = _nonempty(cells)
    telling = [cell for cell in cells if not cell.vacuous]
    if not telling:
        raise ValueError("every cell's bound is vacuous: nothing can be judged; go wider or take a better start")
    mean, half, detectable, samples = _means(telling, alpha)
    slack = np.array([cell.target for cell in telling]) - mean
    tightest = int(np.argmin(slack))
    return Estimate(
        value=float(slack[tightest]),
        interval=(float((slack - half).min()), float((slack + half).min())),
        detectable=float(detectable.max()),
        cells=len(telling),
        vacuous=len(cells) - len(telling),
        samples=samples,
        where=telling[tightest].label,
    )


def worst_deviation(cells: Sequence[Cell], alpha: float) -> Estimate:
    """Largest distance of a measured mean from its target, in units of the tolerance, over the cells.

    Parameters
    ----------
    cells : sequence of Cell
    alpha : float
        Error rate of the interval.

    Returns
    -------
    Estimate
        The interval holds the largest true deviation with probability 1 − ``alpha``.

    Raises
    ------
    ValueError
        If there are no cells, or a cell is malformed.

    Examples
    --------
    >>> noise = np.linspace(-0.01, 0.01, 101)
    >>> cells = [Cell("width 32", 1.0 + noise, target=1.25, tolerance=0.5), Cell("width 512", 2.0 + noise, target=2.0)]
    >>> estimate = worst_deviation(cells, alpha=1e-4)
    >>> estimate.where, round(estimate.value, 4)
    ('width 32', 0.5)
    """
    cells = _nonempty(cells)
    mean, half, detectable, samples = _means(cells, alpha)
    unit = np.array([cell.tolerance for cell in cells])
    deviation = np.abs(mean - np.array([cell.target for cell in cells])) / unit
    half, detectable = half / unit, detectable / unit
    worst = int(np.argmax(deviation))
    return Estimate(
        value=float(deviation[worst]),
        interval=(float(np.maximum(deviation - half, 0).max()), float((deviation + half).max())),
        detectable=float(detectable.max()),
        cells=len(cells),
        vacuous=0,
        samples=samples,
        where=cells[worst].label,
    )
