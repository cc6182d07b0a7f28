"""How often the rule for verdicts errs, where the truth is known.

A rule is right if its intervals miss no more often than they say, and useful if what is far enough off is seen. Both are
counted here: thousands of claims are judged on made-up samples whose mean is exact, by the same functions as the book's.
"""

from collections.abc import Callable

import numpy as np
import scipy

from utils.stats.intervals import compare, least_slack, worst_deviation
from utils.stats.measurement import Measurement

__all__ = ["LAWS", "at_most", "outcomes", "rates"]

KINDS = {"slack": least_slack, "deviation": worst_deviation}


def _gap(generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Energy of the gap of two orthogonal samples after one wide layer: χ² of one degree of freedom, as skewed as they come."""
    return (generator.chisquare(1, size) - 1) / np.sqrt(2)


#: Laws of made-up samples, by name, all of them with the mean 0 and the standard deviation 1.
LAWS: dict[str, Callable] = {
    "normal": lambda generator, size: generator.normal(size=size),
    "gap of four samples": lambda generator, size: (generator.chisquare(9, size) - 9) / np.sqrt(18),
    "gap of two samples": _gap,
    "its mirror image": lambda generator, size: -_gap(generator, size),
    "one of two outcomes": lambda generator, size: generator.choice([-1.0, 1.0], size),
}


def outcomes(
    kind: str, *, law: str, samples: int, settings: int, alpha: float, shift: float, seeds: int, seed: int = 0
) -> list[str]:
    """Verdicts on one claim over many seeds, the truth at a known distance from the edge of what is expected.

    Parameters
    ----------
    kind : {"slack", "deviation"}
        Expected are a slack of at least 0; a deviation of at most 1.
    law : str
        Of the samples, a key of :data:`LAWS`.
    samples, settings : int
        Of each setting; all are alike, which is the worst case.
    alpha : float
    shift : float
        How far every setting's true value lies on the wrong side of the edge (on the right side if negative), in units of the
        distance that the claim's own ``detectable`` names, on average over seeds.
    seeds : int
    seed : int
        Names the stream.

    Returns
    -------
    list of str
        One verdict per seed.

    Examples
    --------
    >>> setting = {"law": "normal", "samples": 30, "settings": 2, "alpha": 1e-4, "seeds": 50}
    >>> set(outcomes("slack", shift=2.0, **setting)), set(outcomes("slack", shift=-2.0, **setting))
    ({'refuted'}, {'supported'})
    """
    generator = np.random.default_rng([seed, samples, settings])
    # The distance as the rule would name it at the samples' true standard deviation.
    quantiles = scipy.stats.t.isf([alpha / settings / 2, 0.05], samples - 1)
    distance = shift * quantiles.sum() / np.sqrt(samples)
    edge, expected = (0.0, (0.0, None)) if kind == "slack" else (1.0, (0.0, 1.0))
    found = []
    for _ in range(seeds):
        x = LAWS[law](generator, (settings, samples)) + edge + distance
        found.append(
            compare(KINDS[kind]([Measurement(str(i), row) for i, row in enumerate(x)], alpha).interval, expected)
        )
    return found


def rates(found: list[str]) -> dict[str, float]:
    """Share of each verdict.

    Parameters
    ----------
    found : list of str

    Returns
    -------
    dict of str to float

    Examples
    --------
    >>> rates(["supported", "supported", "refuted", "inconclusive"])
    {'supported': 0.5, 'refuted': 0.25, 'inconclusive': 0.25}
    """
    return {name: found.count(name) / len(found) for name in ("supported", "refuted", "inconclusive")}


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
