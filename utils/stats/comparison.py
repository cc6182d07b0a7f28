"""What a table of trials says: tuned learning rates, scores, paired samples, how much of them a measure explains."""

import math

import numpy as np
import pandas as pd
import scipy

from utils.stats.intervals import mean_and_interval

__all__ = ["best_rates", "explained", "half_fall", "mean_and_interval", "paired", "score"]

CHANCE = math.log(10)  # cross entropy of ten classes, none preferred


def score(table: pd.DataFrame) -> pd.Series:
    """Final training loss; a run that diverged, or ended above chance, counts as chance: it has learned nothing.

    Parameters
    ----------
    table : DataFrame
        With the column ``loss``, NaN where a run diverged.

    Returns
    -------
    Series of float, in [0, log 10]

    Examples
    --------
    >>> score(pd.DataFrame({"loss": [0.5, 99.0, math.nan]})).round(4).tolist()
    [0.5, 2.3026, 2.3026]
    """
    return table.loss.fillna(CHANCE).clip(upper=CHANCE)


def best_rates(tuned: pd.DataFrame) -> dict[tuple[str, int], float]:
    """Learning rate of least mean score for each arm and depth, the smaller one if two are as good.

    Parameters
    ----------
    tuned : DataFrame
        Trials with the columns ``arm``, ``depth``, ``learning_rate`` and ``loss``.

    Returns
    -------
    dict of (str, int) to float

    Examples
    --------
    >>> tuned = pd.DataFrame({"arm": "a", "depth": 5, "learning_rate": [0.1, 0.01], "loss": [0.5, 0.25]})
    >>> best_rates(tuned)
    {('a', 5): 0.01}
    """
    mean = tuned.assign(score=score(tuned)).groupby(["arm", "depth", "learning_rate"]).score.mean()
    return {(arm, int(depth)): float(rate) for arm, depth, rate in mean.groupby(["arm", "depth"]).idxmin()}


def paired(table: pd.DataFrame, column: str, **where: object) -> np.ndarray:
    """A column's values at one setting, in the order of the seeds, so that two settings can be compared seed by seed.

    Parameters
    ----------
    table : DataFrame
    column : str
    **where
        Column to value.

    Returns
    -------
    ndarray, shape (seeds,)

    Raises
    ------
    ValueError
        If there is no such row, or a seed twice.

    Examples
    --------
    >>> runs = pd.DataFrame({"arm": ["a", "a", "b", "b"], "seed": [0, 1, 1, 0], "loss": [1.0, 2.0, 4.0, 3.0]})
    >>> paired(runs, "loss", arm="b") - paired(runs, "loss", arm="a")
    array([2., 2.])
    """
    for name, value in where.items():
        table = table[table[name] == value]
    if table.empty or table.seed.duplicated().any():
        raise ValueError(f"{where}: {len(table)} rows, expected one per seed; name every column that differs")
    return table.sort_values("seed")[column].to_numpy()


def half_fall(at: list[int], curve: list[float]) -> float:
    """When a curve has made half of its way from start to end: the first time it is at the middle or beyond.

    Parameters
    ----------
    at : list of int
        Steps, the last one the end.
    curve : list of float

    Returns
    -------
    float
        Fraction of the run, in [0, 1]; 1 for a curve that ends in divergence and so has no half-way.

    Examples
    --------
    >>> half_fall([0, 10, 20, 40], [4.0, 1.5, 1.0, 0.0])
    0.25
    """
    values = np.asarray(curve)
    if not np.isfinite(values).all():
        return 1.0
    middle = (values[0] + values[-1]) / 2
    there = values <= middle if values[-1] < values[0] else values >= middle
    return at[int(np.argmax(there))] / at[-1]


def explained(table: pd.DataFrame, measure: str, outcome: str) -> np.ndarray:
    """Share of the variance of an outcome's ranks that a measure's ranks explain: Spearman's ρ², one per seed.

    Parameters
    ----------
    table : DataFrame
        The settings to be told apart (one row an arm and seed).
    measure, outcome : str
        Columns.

    Returns
    -------
    ndarray, shape (seeds,)
        In [0, 1]; ranks, so that no transformation of either matters.

    Examples
    --------
    >>> runs = pd.DataFrame({"seed": 0, "gap": [0.1, 0.2, 0.3], "loss": [1.0, 10.0, 100.0]})
    >>> explained(runs, "gap", "loss").round(4)  # one order, whatever the scale
    array([1.])
    """
    return np.array(
        [scipy.stats.spearmanr(rows[measure], rows[outcome]).statistic ** 2 for _, rows in table.groupby("seed")]
    )
