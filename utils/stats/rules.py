"""The rules of interval that a claim can declare: between what the true value of one setting lies.

``bounded``
    The mean of a quantity that cannot leave a known range: the empirical Bernstein inequality of Maurer and Pontil (2009).
    Guaranteed for every law on the range. (Betting intervals, Waudby-Smith and Ramdas 2023, are shorter where samples are
    few, but they need every sample in its order, and a verdict is judged again from a few numbers.)
``median``
    The median, between two order statistics: guaranteed for every law, symmetric or not.
``computed``
    A number that was not sampled carries its numerical error.
``mean``
    The mean of anything else: the widest of Student's interval and of Hall's (1992), which takes out the skewness, at half a
    standard error of the skewness on either side. Nominal: right in the limit, calibrated on laws that occur.
"""

import math
from typing import NamedTuple

import numpy as np

from utils.stats.measurement import MOST, Summary

__all__ = ["LEAST", "RATES", "Reach", "bernstein", "rank", "reach", "skewed", "student"]

#: What the error rate of each rule is worth.
RATES = {"bounded": "guaranteed", "median": "guaranteed", "computed": "guaranteed", "mean": "nominal"}

#: Fewest samples of the rule ``mean``: with ten, samples as skewed as a squared normal miss twice as often as declared 0.005.
LEAST = 12


class Reach(NamedTuple):
    """What was measured, a mean or a median, and between what its true value lies.

    Attributes
    ----------
    center, low, high : float

    Examples
    --------
    >>> Reach(0.5, 0.25, 0.75).low
    0.25
    """

    center: float
    low: float
    high: float


def reach(one: Summary, rule: str, alpha: float) -> Reach:
    """Interval of one measurement by a rule; a computed number carries its error whatever the rule.

    Parameters
    ----------
    one : Summary
    rule : str
        A key of :data:`RATES`.
    alpha : float
        Probability with which the interval may miss.

    Returns
    -------
    Reach

    Raises
    ------
    ValueError
        If the rule needs what the measurement lacks: samples, their order, a range.

    Examples
    --------
    >>> from utils.stats.measurement import Measurement
    >>> sixteen = Measurement("pairs", np.arange(16.0)).summary()
    >>> reach(sixteen, "median", alpha=1e-4)
    Reach(center=7.5, low=0.0, high=15.0)
    >>> reach(Measurement("exact", 0.25, error=0.125).summary(), "bounded", alpha=1e-4)
    Reach(center=0.25, low=0.125, high=0.375)
    """
    if rule not in RATES:
        raise ValueError(f"rule={rule!r}, expected one of {', '.join(RATES)}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha!r}, expected a probability in (0, 1)")
    if one.error is not None:
        return Reach(one.mean, one.mean - one.error, one.mean + one.error)
    return _RULES[rule](one, alpha)


def _computed(one: Summary, alpha: float) -> Reach:
    raise ValueError(
        f"measurement {one.label!r} is sampled and its claim's rule is 'computed': give it an error, or the claim another rule"
    )


def _bounded(one: Summary, alpha: float) -> Reach:
    if one.least is None or one.limit is None:
        raise ValueError(
            f"measurement {one.label!r}: its claim's rule is 'bounded', expected the quantity's range, `least` and `limit`"
        )
    _see_that_there_are(2, one, alpha)
    half = bernstein(one.standard_error, one.samples, one.limit - one.least, alpha)
    return Reach(one.mean, max(one.mean - half, one.least), min(one.mean + half, one.limit))


def _median(one: Summary, alpha: float) -> Reach:
    if one.samples > MOST:
        raise ValueError(
            f"measurement {one.label!r}: {one.samples} samples, expected at most {MOST} for a median; average them in groups"
        )
    if one.samples != len(one.ordered):
        raise ValueError(
            f"measurement {one.label!r}: {len(one.ordered)} of {one.samples} samples were kept; run it again"
        )
    _see_that_there_are(math.ceil(1 - math.log2(alpha)), one, alpha)
    k = max(1, rank(one.samples, alpha))  # rounding aside, at least 1
    return Reach(float(np.median(one.ordered)), one.ordered[k - 1], one.ordered[-k])


def _mean(one: Summary, alpha: float) -> Reach:
    _see_that_there_are(LEAST, one, alpha)
    below, above = skewed(one.skewness, one.samples, alpha)
    return Reach(one.mean, one.mean - below * one.standard_error, one.mean + above * one.standard_error)


def _see_that_there_are(fewest: int, one: Summary, alpha: float) -> None:
    if one.samples < fewest:
        raise ValueError(
            f"measurement {one.label!r}: {one.samples} samples, expected at least {fewest} for an interval at the error rate "
            f"{alpha:.2g} of one setting; add runs"
        )


_RULES = {"bounded": _bounded, "median": _median, "computed": _computed, "mean": _mean}


def bernstein(standard_error: float, samples: int, width: float, alpha: float) -> float:
    """Half-width of the empirical Bernstein interval of a mean (Maurer and Pontil 2009, Theorem 4, on either side).

    Parameters
    ----------
    standard_error : float
        Of the mean.
    samples : int
    width : float
        Of the range that the quantity cannot leave.
    alpha : float

    Returns
    -------
    float

    Examples
    --------
    >>> round(bernstein(0.0, 2001, 1.0, alpha=1e-4), 4)
    0.0124
    """
    log = math.log(4 / alpha)
    return standard_error * math.sqrt(2 * log) + 7 * width * log / (3 * (samples - 1))


def rank(samples: int, alpha: float) -> int:
    """Largest k for which the k-th least and the k-th largest sample have the median between them, but for probability alpha.

    Parameters
    ----------
    samples : int
    alpha : float

    Returns
    -------
    int
        0 if not even the least and the largest do: they miss it with probability 2^(1 − samples).

    Examples
    --------
    >>> rank(16, 1e-4), rank(16, 1e-3), rank(10, 1e-3)
    (1, 2, 0)
    """
    from scipy.special import bdtr  # here, as in student()

    ranks = np.arange(1, samples // 2 + 1)
    return int((2 * bdtr(ranks - 1, samples, 0.5) <= alpha).sum())


def student(freedom: int, alpha: float) -> float:
    """Student's quantile: what a ratio of so many degrees of freedom exceeds, up or down, with probability ``alpha``."""
    from scipy.special import stdtrit  # here: it takes a fifth of a second to load, and few commands judge

    return float(-stdtrit(freedom, alpha / 2))


def skewed(skewness: float, samples: int, alpha: float) -> tuple[float, float]:
    """How far a true mean may lie below and above the measured one, in standard errors, where samples may be skewed.

    Hall's transformation of Student's ratio (1992, *On the removal of skewness by transformation*) is inverted at the
    sample's skewness and at half a standard error of it, √(6/m)/2, on either side; Student's quantile is the least.

    Parameters
    ----------
    skewness : float
        Of the samples, corrected for their number.
    samples : int
    alpha : float

    Returns
    -------
    below, above : float

    Examples
    --------
    >>> below, above = skewed(2.0, 20, alpha=0.05)  # Student's quantile is 2.09
    >>> round(below, 2), round(above, 2)
    (2.09, 8.7)
    """
    quantile = student(samples - 1, alpha)
    shapes = [skewness + off * math.sqrt(6 / samples) for off in (-0.5, 0.5)]
    below = max(_hall(quantile, shape, samples) for shape in shapes)
    above = max(-_hall(-quantile, shape, samples) for shape in shapes)
    return max(quantile, below), max(quantile, above)


def _hall(quantile: float, skewness: float, samples: int) -> float:
    # 3/γ · ((1 + γy)^(1/3) − 1), written so that γ may be 0.
    y = quantile / math.sqrt(samples) - skewness / (6 * samples)
    root = float(np.cbrt(1 + skewness * y))
    return math.sqrt(samples) * 3 * y / (1 + root + root**2)
