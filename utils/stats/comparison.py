"""What a table of trials says: tuned learning rates, scores, paired samples, how much of them a measure explains."""

import math

import numpy as np
import pandas as pd

from utils.stats.intervals import mean_and_interval

__all__ = ["best_rates", "half_fall", "mean_and_interval", "paired", "score"]

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
    """When a curve has made half of its fall from start to end: the first time it is at the middle or below.

    Parameters
    ----------
    at : list of int
        Steps, the last one the end.
    curve : list of float

    Returns
    -------
    float
        Fraction of the run, in [0, 1]; 1 for a curve that does not end below its start or diverges: it has no half-way.

    Examples
    --------
    >>> half_fall([0, 10, 20, 40], [4.0, 1.5, 1.0, 0.0])
    0.25
    """
    values = np.asarray(curve)
    if not np.isfinite(values).all() or values[-1] >= values[0]:
        return 1.0
    return at[int(np.argmax(values <= (values[0] + values[-1]) / 2))] / at[-1]
