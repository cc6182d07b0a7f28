"""How often :func:`utils.claims.verdict.judge` errs, where the truth is known.

Its intervals are right if they miss no more often than declared, and useful if what is far enough off is seen. Both are
counted here: made-up claims are judged by the very function that judges the book's, on samples of a known law.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

from utils.claims import Verdict, judge
from utils.stats.measurement import Measurement

__all__ = ["LAWS", "Law", "at_most", "misses", "outcomes", "resampled", "shares"]


class Law(NamedTuple):
    """A law of samples, with what a rule may ask of it.

    Attributes
    ----------
    draw : callable
        From a generator and a shape to samples of the mean 0 and the standard deviation 1.
    median : float
    least, limit : float
        The ends of its range.

    Examples
    --------
    >>> LAWS["one of two outcomes"].draw(np.random.default_rng(0), (5,)).tolist()
    [-1.0, 1.0, 1.0, 1.0, -1.0]
    """

    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    median: float
    least: float = -np.inf
    limit: float = np.inf


def _chi2(freedom: int, sign: int = 1) -> Law:
    size = np.sqrt(2 * freedom)
    median = sign * (scipy.stats.chi2.median(freedom) - freedom) / size
    return Law(lambda generator, shape: sign * (generator.chisquare(freedom, shape) - freedom) / size, median)


def _two_outcomes(share: float) -> Law:
    low, high = -np.sqrt(share / (1 - share)), np.sqrt((1 - share) / share)
    return Law(lambda generator, shape: np.where(generator.random(shape) < share, high, low), low, low, high)


#: Laws by name. After one wide layer from an orthogonal batch the squared gap of four samples is χ² of nine degrees of freedom.
#: The square of a normal variable is as skewed as samples of this book come.
LAWS = {
    "normal": Law(lambda generator, shape: generator.normal(size=shape), 0.0),
    "gap of four samples": _chi2(9),
    "squared normal": _chi2(1),
    "its mirror image": _chi2(1, -1),
    "one of two outcomes": _two_outcomes(0.5),
    "one in twenty": _two_outcomes(0.05),
}


def resampled(samples: np.ndarray) -> Law:
    """The law of drawing from samples that were measured, with replacement.

    Parameters
    ----------
    samples : array_like, shape (m,)

    Returns
    -------
    Law

    Examples
    --------
    >>> law = resampled([1.0, 1.0, 4.0])
    >>> np.unique(law.draw(np.random.default_rng(0), (99,))).round(3).tolist(), round(law.median, 3)
    ([-0.707, 1.414], -0.707)
    """
    x = np.asarray(samples, dtype=float)
    x = (x - x.mean()) / x.std()
    return Law(lambda generator, shape: generator.choice(x, shape), float(np.median(x)), float(x.min()), float(x.max()))


def outcomes(
    kind: str,
    *,
    law: Law,
    samples: int,
    settings: int,
    alpha: float,
    shift: float,
    seeds: int,
    rule: str = "mean",
    seed: int = 0,
) -> list[str]:
    """Verdicts on one claim over many seeds, the truth at a known distance from the edge of what is expected.

    Parameters
    ----------
    kind : {"slack", "deviation"}
        Expected are a slack of at least 0; a deviation of at most 1.
    law : Law
        Of the samples.
    samples, settings : int
        Of each setting; all are alike, which is the worst case.
    alpha : float
    shift : float
        How far every setting's true value lies on the wrong side of the edge (on the right side if negative), in units of the
        distance that a verdict names as ``detectable``, on average over a hundred of them.
    seeds : int
    rule : str
        A key of :data:`utils.stats.rules.RATES`. For ``median`` the true value is the law's median.
    seed : int
        Names the stream.

    Returns
    -------
    list of str
        One verdict per seed.

    Examples
    --------
    >>> setting = {"law": LAWS["normal"], "samples": 30, "settings": 2, "alpha": 1e-4, "seeds": 50}
    >>> set(outcomes("slack", shift=2.0, **setting)), set(outcomes("slack", shift=-2.0, **setting))
    ({'refuted'}, {'supported'})
    """
    generator = np.random.default_rng([seed, samples, settings])
    edge = 0.0 if kind == "slack" else 1.0
    true = law.median if rule == "median" else 0.0

    def judged(found: np.ndarray, by: float) -> Verdict:
        by += edge - true
        ends = {"least": law.least + by, "limit": law.limit + by}
        return _judged(kind, rule, alpha, [Measurement(f"setting {i}", x + by, **ends) for i, x in enumerate(found)])

    drawn = law.draw(generator, (seeds, settings, samples))
    distance = shift and shift * np.mean([judged(x, 0.0).detectable for x in drawn[:100]])
    return [judged(x, distance).verdict for x in drawn]


def _judged(kind: str, rule: str, alpha: float, measured: list[Measurement]) -> Verdict:
    expected = [0.0, None] if kind == "slack" else [0.0, 1.0]
    texts = {"item": "made up", "statement": "", "published": "", "notebook": "", "verdict": "supported"}
    claim = texts | {"kind": kind, "rule": rule, "expected": expected, "alpha": alpha, "controls": {}}
    return judge("made up", {"sample": measured}, controls={}, scope="data: made up", entries={"made up": claim})


def shares(found: list[str]) -> dict[str, float]:
    """Share of each verdict.

    Parameters
    ----------
    found : list of str

    Returns
    -------
    dict of str to float

    Examples
    --------
    >>> shares(["supported", "supported", "refuted", "inconclusive"])
    {'supported': 0.5, 'refuted': 0.25, 'inconclusive': 0.25}
    """
    return {name: found.count(name) / len(found) for name in ("supported", "refuted", "inconclusive")}


def misses(samples: int, alpha: float) -> float:
    """Largest probability with which an interval of the rule ``bounded`` misses the mean of a yes or no: all cases counted.

    Parameters
    ----------
    samples : int
    alpha : float
        Declared.

    Returns
    -------
    float
        Over a grid of true means and those just beyond the ends of intervals, where it is largest.

    Examples
    --------
    >>> misses(50, alpha=0.05) < 0.05
    True
    """
    yes = np.arange(samples + 1)
    found = [
        _judged("slack", "bounded", alpha, [Measurement("", np.arange(samples) < k, least=0.0, limit=1.0)]).interval
        for k in yes
    ]
    low, high = -np.array(found).T[::-1]  # the slack is the bound, 0, minus the mean
    mean = np.concatenate([np.linspace(0, 1, 501), low - 1e-9, high + 1e-9])
    mean = mean[(mean >= 0) & (mean <= 1), None]
    missed = (mean < low) | (mean > high)
    return float((scipy.stats.binom.pmf(yes, samples, mean) * missed).sum(1).max())


def at_most(errors: int, seeds: int, declared: float, *, alpha: float = 1e-4) -> bool:
    """Whether a count of errors is compatible with a declared rate, by an exact binomial test with an error rate of its own.

    Parameters
    ----------
    errors, seeds : int
    declared : float
        Largest rate allowed.
    alpha : float
        How often a rate that is exactly as declared is rejected, at most.

    Returns
    -------
    bool

    Examples
    --------
    >>> at_most(2, 100, declared=0.05), at_most(50, 100, declared=0.05)
    (True, False)
    """
    return bool(scipy.stats.binomtest(errors, seeds, declared, alternative="greater").pvalue >= alpha)
