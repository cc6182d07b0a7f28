"""From samples to one number with an interval that holds for all settings of a claim at once.

The error rate, split evenly over the measurements (Bonferroni), makes their intervals hold together, each by the claim's
rule (:mod:`utils.stats.rules`); what is built from them, a least slack or a worst deviation, then holds at the whole rate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.stats.measurement import Measurement, Summary
from utils.stats.rules import Reach, reach, student

__all__ = ["Estimate", "compare", "edges", "least_slack", "mean_and_interval", "worst_deviation"]

#: Halves of an interval beyond an edge at which 95 % of intervals exclude that edge, for skewed samples too, whose intervals'
#: lengths vary the most.
SEEN = 3

#: What the functions here take: measurements, or summaries of them that were kept.
Measured = Sequence[Measurement | Summary]


@dataclass(frozen=True)
class Estimate:
    """A number, its simultaneous interval, and what the interval could have told apart.

    Attributes
    ----------
    value : float
    interval : tuple of float
        (low, high).
    detectable : float
        Distance from the edge of the expected range at which a violation in the worst-measured setting would be refuted
        with probability at least 95 %: three times the longer half of its interval.
    settings, vacuous : int
        How many measurements carry the estimate, and how many say nothing.
    samples : int
        Independent samples in the smallest one; 0 for computed numbers.
    where : str
        Label of the setting that decides.
    deciding : Summary
        That setting.
    around : Reach
        What was measured there, a mean or a median, and its interval, one of those that hold together.

    Examples
    --------
    >>> from utils.stats.measurement import Measurement
    >>> estimate = least_slack([Measurement("layer 3", 0.25, target=0.75, error=0.125)], alpha=1e-4)
    >>> estimate.value, estimate.interval, estimate.where
    (0.5, (0.375, 0.625), 'layer 3')
    """

    value: float
    interval: tuple[float, float]
    detectable: float
    settings: int
    vacuous: int
    samples: int
    where: str
    deciding: Summary
    around: Reach


def _summaries(measured: Measured) -> list[Summary]:
    summaries = [one.summary() if isinstance(one, Measurement) else one for one in measured]
    if not summaries:
        raise ValueError("nothing to estimate from: give at least one Measurement")
    return summaries


def _reaches(measured: list[Summary], rule: str, alpha: float) -> tuple[list[Reach], int]:
    """Interval of each measurement, and the smallest number of samples."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha!r}, expected a probability in (0, 1)")
    found = [reach(one, rule, alpha / len(measured)) for one in measured]
    return found, min((one.samples for one in measured if one.error is None), default=0)


def edges(expected: Sequence[float | None]) -> tuple[float, float]:
    """Ends of an expected range, infinite where it has none.

    Parameters
    ----------
    expected : (float or None, float or None)

    Returns
    -------
    (float, float)

    Raises
    ------
    ValueError
        If it is no range that something can lie in and something else outside of: ends in order, numbers, one of them at least.

    Examples
    --------
    >>> edges([0, None])
    (0.0, inf)
    """
    if len(expected) != 2:
        raise ValueError(f"expected={expected!r} should be [low, high]")
    low, high = (math.inf * side if end is None else float(end) for end, side in zip(expected, (-1, 1), strict=True))
    given = [end for end in expected if end is not None]
    if not given or not all(map(math.isfinite, given)) or any(isinstance(end, bool) for end in given) or not low < high:
        raise ValueError(f"expected={list(expected)!r} is no range: two numbers in order, or one and null for no bound")
    return low, high


def compare(interval: tuple[float, float], expected: tuple[float | None, float | None]) -> str:
    """What an interval says about the expected range.

    Parameters
    ----------
    interval : (float, float)
    expected : (float or None, float or None)
        Lowest and highest; ``None`` is unbounded.

    Returns
    -------
    {"supported", "refuted", "inconclusive"}
        Inside, disjoint, neither.

    Raises
    ------
    ValueError
        If one of them is no range.

    Examples
    --------
    >>> compare((0.375, 0.625), (0.0, None)), compare((0.375, 0.625), (0.5, None)), compare((0.375, 0.625), (None, 0.0))
    ('supported', 'inconclusive', 'refuted')
    """
    low, high = interval
    least, most = edges(expected)
    if not low <= high:
        raise ValueError(f"interval={interval!r}, expected its ends in order")
    if least <= low and high <= most:
        return "supported"
    if high < least or low > most:
        return "refuted"
    return "inconclusive"


def least_slack(measured: Measured, alpha: float, *, rule: str = "mean") -> Estimate:
    """Least of (bound − measured) over the settings whose bound is not vacuous.

    Parameters
    ----------
    measured : sequence of Measurement or Summary
        ``target`` is an upper bound on the mean, ``limit`` the quantity's largest possible value.
    alpha : float
        Error rate of the interval.
    rule : {"mean", "bounded", "median", "computed"}
        Of the interval of each, see :mod:`utils.stats.rules`.

    Returns
    -------
    Estimate
        The interval holds the least true slack with probability 1 − ``alpha``.

    Raises
    ------
    ValueError
        If there are none, or every bound is vacuous, or one is malformed.

    Examples
    --------
    >>> from utils.stats.measurement import Measurement
    >>> noise = np.linspace(-0.01, 0.01, 101)
    >>> measured = [Measurement("layer 1", 0.25 + noise, target=0.75), Measurement("layer 2", 0.5 + noise, target=0.75)]
    >>> estimate = least_slack(measured, alpha=1e-4)
    >>> estimate.where, round(estimate.value, 4)
    ('layer 2', 0.25)
    >>> low, high = estimate.interval
    >>> 0.24 < low < 0.25 < high < 0.26
    True
    """
    measured = _summaries(measured)
    telling = [one for one in measured if not one.vacuous]
    if not telling:
        raise ValueError("every bound is vacuous: nothing can be judged; go wider or take a better start")
    reaches, samples = _reaches(telling, rule, alpha)
    center, low, high = np.array(reaches).T
    target = np.array([one.target for one in telling])
    slack = target - center
    tightest = int(np.argmin(slack))
    return Estimate(
        value=float(slack[tightest]),
        interval=(float((target - high).min()), float((target - low).min())),
        detectable=SEEN * float(np.maximum(center - low, high - center).max()),
        settings=len(telling),
        vacuous=len(measured) - len(telling),
        samples=samples,
        where=telling[tightest].label,
        deciding=telling[tightest],
        around=reaches[tightest],
    )


def worst_deviation(measured: Measured, alpha: float, *, rule: str = "mean") -> Estimate:
    """Largest distance of a measured mean from its target, in units of the tolerance, over the settings.

    Parameters
    ----------
    measured : sequence of Measurement or Summary
    alpha : float
        Error rate of the interval.
    rule : {"mean", "bounded", "median", "computed"}
        Of the interval of each, see :mod:`utils.stats.rules`.

    Returns
    -------
    Estimate
        The interval holds the largest true deviation with probability 1 − ``alpha``.

    Raises
    ------
    ValueError
        If there are none, or one is malformed.

    Examples
    --------
    >>> from utils.stats.measurement import Measurement
    >>> noise = np.linspace(-0.01, 0.01, 101)
    >>> measured = [Measurement("width 32", 1.0 + noise, target=1.25, tolerance=0.5), Measurement("width 512", 2.0 + noise, target=2.0)]
    >>> estimate = worst_deviation(measured, alpha=1e-4)
    >>> estimate.where, round(estimate.value, 4)
    ('width 32', 0.5)
    """
    measured = _summaries(measured)
    reaches, samples = _reaches(measured, rule, alpha)
    unit = np.array([one.tolerance for one in measured])
    center, low, high = (np.array(reaches).T - np.array([one.target for one in measured])) / unit
    deviation = np.abs(center)
    worst = int(np.argmax(deviation))
    return Estimate(
        value=float(deviation[worst]),
        interval=(float(np.maximum(np.maximum(low, -high), 0).max()), float(np.maximum(high, -low).max())),
        detectable=SEEN * float(np.maximum(center - low, high - center).max()),
        settings=len(measured),
        vacuous=0,
        samples=samples,
        where=measured[worst].label,
        deciding=measured[worst],
        around=reaches[worst],
    )


def mean_and_interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Mean with Student's interval.

    Parameters
    ----------
    samples : array_like, shape (m,), m ≥ 2
    level : float

    Returns
    -------
    mean, low, high : float

    Examples
    --------
    >>> mean, low, high = mean_and_interval([1.0, 2.0, 3.0])
    >>> mean, round(high - mean, 2), round(mean - low, 2)
    (2.0, 2.48, 2.48)
    """
    samples = np.asarray(samples, dtype=float)
    half = student(samples.size - 1, 1 - level) * samples.std(ddof=1) / math.sqrt(samples.size)
    return float(samples.mean()), float(samples.mean() - half), float(samples.mean() + half)
