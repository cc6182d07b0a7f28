"""From samples to one number with an interval that holds for all settings of a claim at once.

Student's t with the error rate split evenly over the measurements (Bonferroni) makes their intervals hold together; what
is built from them, a least slack or a worst deviation, then holds at the whole rate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a second to load, in every command

from utils.stats.measurement import Measurement, Summary

__all__ = ["Estimate", "compare", "least_slack", "mean_and_interval", "worst_deviation"]

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
        with probability at least 95 %.
    settings, vacuous : int
        How many measurements carry the estimate, and how many say nothing.
    samples : int
        Independent samples in the smallest one; 0 for computed numbers.
    where : str
        Label of the setting that decides.
    deciding : Summary
        That setting.
    measured : tuple of float
        What it measured and its interval, one of those that hold together: (value, low, high).

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
    measured: tuple[float, float, float]


def _summaries(measured: Measured) -> list[Summary]:
    summaries = [one.summary() if isinstance(one, Measurement) else one for one in measured]
    if not summaries:
        raise ValueError("nothing to estimate from: give at least one Measurement")
    return summaries


def _half_widths(measured: list[Summary], alpha: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Half-width and detectable distance of each interval, and the smallest number of samples."""
    half, detectable, sizes = [], [], []
    for one in measured:
        if one.error is not None:
            half.append(one.error)
            detectable.append(2 * one.error)
            continue
        if one.samples < 8:
            raise ValueError(
                f"measurement {one.label!r}: {one.samples} samples, expected at least 8 for an interval; add runs"
            )
        quantile = -stdtrit(one.samples - 1, alpha / len(measured) / 2)
        half.append(quantile * one.standard_error)
        detectable.append((quantile - stdtrit(one.samples - 1, 0.05)) * one.standard_error)
        sizes.append(one.samples)
    return np.array(half), np.array(detectable), min(sizes, default=0)


def _decides(one: Summary, half: float) -> dict:
    return {"where": one.label, "deciding": one, "measured": (one.mean, float(one.mean - half), float(one.mean + half))}


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

    Examples
    --------
    >>> compare((0.375, 0.625), (0.0, None)), compare((0.375, 0.625), (0.5, None)), compare((0.375, 0.625), (None, 0.0))
    ('supported', 'inconclusive', 'refuted')
    """
    low, high = interval
    least = float("-inf") if expected[0] is None else expected[0]
    most = float("inf") if expected[1] is None else expected[1]
    if least <= low and high <= most:
        return "supported"
    if high < least or low > most:
        return "refuted"
    return "inconclusive"


def least_slack(measured: Measured, alpha: float) -> Estimate:
    """Least of (bound − measured) over the settings whose bound is not vacuous.

    Parameters
    ----------
    measured : sequence of Measurement or Summary
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
    half, detectable, samples = _half_widths(telling, alpha)
    slack = np.array([one.target for one in telling]) - np.array([one.mean for one in telling])
    tightest = int(np.argmin(slack))
    return Estimate(
        value=float(slack[tightest]),
        interval=(float((slack - half).min()), float((slack + half).min())),
        detectable=float(detectable.max()),
        settings=len(telling),
        vacuous=len(measured) - len(telling),
        samples=samples,
        **_decides(telling[tightest], half[tightest]),
    )


def worst_deviation(measured: Measured, alpha: float) -> Estimate:
    """Largest distance of a measured mean from its target, in units of the tolerance, over the settings.

    Parameters
    ----------
    measured : sequence of Measurement or Summary
    alpha : float
        Error rate of the interval.

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
    half, detectable, samples = _half_widths(measured, alpha)
    unit = np.array([one.tolerance for one in measured])
    deviation = np.abs(np.array([one.mean for one in measured]) - np.array([one.target for one in measured])) / unit
    worst = int(np.argmax(deviation))
    return Estimate(
        value=float(deviation[worst]),
        interval=(float(np.maximum(deviation - half / unit, 0).max()), float((deviation + half / unit).max())),
        detectable=float((detectable / unit).max()),
        settings=len(measured),
        vacuous=0,
        samples=samples,
        **_decides(measured[worst], half[worst]),
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
    half = -stdtrit(samples.size - 1, (1 - level) / 2) * samples.std(ddof=1) / math.sqrt(samples.size)
    return float(samples.mean()), float(samples.mean() - half), float(samples.mean() + half)
