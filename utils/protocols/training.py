"""SGD runs compared: a learning rate for each arm and depth, then the comparison on other seeds; loss against depth."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from sklearn.model_selection import ParameterGrid

from utils.experiments.sweep import sweep
from utils.experiments.trial import trial
from utils.plotting import look
from utils.stats.comparison import CHANCE, best_rates, paired, score
from utils.stats.intervals import mean_and_interval
from utils.stats.text import interval, number

__all__ = [
    "by_depth",
    "by_measure",
    "by_step",
    "chance_line",
    "effects",
    "in_numbers",
    "said",
    "trials",
    "tuned_trials",
]

#: What :class:`sklearn.model_selection.ParameterGrid` takes: lists of values to combine, or several such dicts in order.
Grid = dict[str, list] | list[dict[str, list]]


def trials(grid: Grid, setting: dict, *, description: str | None = None) -> pd.DataFrame:
    """Trials of a grid, computed once and stored.

    Parameters
    ----------
    grid : dict of str to list, or list of such dicts
        Arguments of :func:`utils.experiments.trial.trial` to combine.
    setting : dict
        Arguments that all have in common; on the device ``"cuda"`` trials run one at a time.
    description : str, optional
        Of the progress bar.

    Returns
    -------
    DataFrame
        One row per run, in the grid's order, with its ``score``.

    Examples
    --------
    >>> setting = {
    ...     "task": "digits", "scale": "symmetric", "train_images": 500, "test_images": 100, "width": 32, "batch_size": 50,
    ...     "steps": 10, "probe": 8, "observations": 1, "seeds": [0, 1],
    ... }
    >>> grid = [{"depth": [depth], "arm": ["xavier", "bn"], "learning_rate": [0.1]} for depth in (3, 2)]
    >>> from tempfile import TemporaryDirectory
    >>> from unittest.mock import patch
    >>> import joblib
    >>> here = joblib.parallel_config(backend="sequential")
    >>> with here, TemporaryDirectory() as folder, patch.dict("os.environ", {"COMPANION_STORE": folder}):
    ...     runs = trials(grid, setting | {"device": "cpu"})
    >>> runs[["depth", "arm"]].drop_duplicates().values.tolist()
    [[3, 'xavier'], [3, 'bn'], [2, 'xavier'], [2, 'bn']]
    """
    jobs = 1 if setting.get("device") == "cuda" else None
    table = sweep(trial, [setting | values for values in ParameterGrid(grid)], jobs=jobs, description=description)
    return table.assign(score=score(table))


def tuned_trials(
    grid: Grid, setting: dict, seeds: list[int], *, description: str = ""
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every arm at every depth, at the learning rate that is best for it there, on seeds that did not choose it.

    Parameters
    ----------
    grid : dict of str to list, or list of such dicts
        Of ``arm``, ``depth``, ``learning_rate`` and, if they differ, the ``seeds`` for tuning (a list of lists).
    setting : dict
        Arguments that all trials have in common.
    seeds : list of int
        Of the comparison.
    description : str
        Of the progress bars.

    Returns
    -------
    tuned, compared : DataFrame
        One row per run.

    Examples
    --------
    >>> setting = {
    ...     "task": "digits", "scale": "symmetric", "train_images": 500, "test_images": 100, "width": 32, "batch_size": 50,
    ...     "steps": 10, "probe": 8, "observations": 1,
    ... }
    >>> grid = {"arm": ["xavier"], "depth": [2], "learning_rate": [0.1, 1e-6], "seeds": [[7, 8]]}
    >>> from tempfile import TemporaryDirectory
    >>> from unittest.mock import patch
    >>> import joblib
    >>> here = joblib.parallel_config(backend="sequential")
    >>> with here, TemporaryDirectory() as folder, patch.dict("os.environ", {"COMPANION_STORE": folder}):
    ...     tuned, compared = tuned_trials(grid, setting, seeds=[0, 1, 2])
    >>> len(tuned), compared[["learning_rate", "seed"]].values.tolist()
    (4, [[0.1, 0.0], [0.1, 1.0], [0.1, 2.0]])
    """
    parts = [grid] if isinstance(grid, dict) else grid
    together = [part | {"learning_rate": [part["learning_rate"]]} for part in parts]
    tuned = trials(together, setting, description=f"tuning {description}".strip())
    best = best_rates(tuned)
    pairs = dict.fromkeys((values["arm"], values["depth"]) for values in ParameterGrid(grid))
    chosen = [
        {"arm": [arm], "depth": [depth], "learning_rate": [best[arm, depth]], "seeds": [seeds]} for arm, depth in pairs
    ]
    return tuned, trials(chosen, setting, description=f"comparison {description}".strip())


def by_depth(axis, table: pd.DataFrame, arm: str, column: str = "score", *, log: bool = False, **line) -> None:
    """An arm's mean against depth, with 95 % intervals over the seeds.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    table : DataFrame
        As :func:`trials` returns it.
    arm, column : str
    log : bool
        Whether intervals end at a quarter of the mean, as a logarithmic axis needs.
    **line
        To ``axis.errorbar``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> runs = pd.DataFrame({"arm": "bn", "depth": [5, 5, 9, 9], "seed": [0, 1, 0, 1], "score": [1.0, 2.0, 3.0, 4.0]})
    >>> axis = plt.figure().subplots()
    >>> by_depth(axis, runs, "bn", label="BN")
    >>> axis.lines[0].get_xydata().tolist()
    [[5.0, 1.5], [9.0, 3.5]]
    >>> plt.close()
    """
    at = sorted(table.depth.unique())
    mean, low, high = np.array([mean_and_interval(paired(table, column, arm=arm, depth=depth)) for depth in at]).T
    low = np.maximum(low, mean / 4) if log else low
    style = look(arm) | {"markersize": 5, "capsize": 2}
    axis.errorbar(at, mean, [mean - low, high - mean], **style | line)


def by_measure(axis, table: pd.DataFrame, arms: Iterable[str], column: str, **line) -> None:
    """Mean losses of several arms against the mean of a measure, with 95 % intervals over the seeds.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    table : DataFrame
        As :func:`trials` returns it, of one depth; arms that are not in it are left out.
    arms : iterable of str
        In the order in which the line joins them.
    column : str
        The measure.
    **line
        To ``axis.errorbar``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> runs = pd.DataFrame({"arm": ["a", "a", "b", "b"], "gap": [0.25, 0.75, 1.0, 1.0], "score": [1.0, 2.0, 3.0, 4.0]})
    >>> axis = plt.figure().subplots()
    >>> by_measure(axis, runs, ["a", "b"], "gap", label="measured")
    >>> axis.lines[0].get_xydata().tolist()
    [[0.5, 1.5], [1.0, 3.5]]
    >>> plt.close()
    """
    groups = [table[table.arm == arm] for arm in arms if (table.arm == arm).any()]
    mean, low, high = np.array([mean_and_interval(rows.score) for rows in groups]).T
    at = [rows[column].mean() for rows in groups]
    axis.errorbar(at, mean, [mean - low, high - mean], **{"markersize": 5, "capsize": 2} | line)


def effects(tables: dict[str, pd.DataFrame], pairs: dict[str, tuple[str, str]]) -> list[dict[str, str]]:
    """What changes of an arm do to the final loss, a row a change: mean and interval of paired differences.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Runs of one depth, as :func:`trials` returns them, by the name of their column.
    pairs : dict of str to (str, str)
        What is changed, to the arm that has it and the arm that has not.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> runs = pd.DataFrame({"arm": ["a", "a", "b", "b"], "seed": [0, 1, 0, 1], "score": [1.0, 2.0, 0.5, 1.5]})
    >>> [row] = effects({"digits": runs}, {"more": ("a", "b")})
    >>> row["digits"].replace("\N{NO-BREAK SPACE}", " ")
    '0.50 [0.50, 0.50]'
    """
    return [
        {"change": what}
        | {
            name: interval(paired(table, "score", arm=a) - paired(table, "score", arm=b))
            for name, table in tables.items()
        }
        for what, (a, b) in pairs.items()
    ]


def in_numbers(runs: pd.DataFrame, label: str) -> dict[str, str]:
    """An arm's row of a table for readers: loss, accuracy, and what was measured at the start.

    Parameters
    ----------
    runs : DataFrame
        Of one arm and depth, as :func:`trials` returns them.
    label : str

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> runs = pd.DataFrame({
    ...     "score": [1.0, 2.0], "learning_rate": 0.1, "diverged": -1, "accuracy": 0.5, "gap_before": 0.25, "gap_after": 0.5,
    ...     "curve_gap_after": [[0.5, 0.75]] * 2, "passing": 0.5, "gradient": 12.0,
    ... })
    >>> in_numbers(runs, "BN")["gap before / after"].replace("\N{NO-BREAK SPACE}", " ")
    '0.25 / 0.50'
    """
    mean, low, high = mean_and_interval(runs.score)
    return {
        "arm": label,
        "best rate": f"{runs.learning_rate.iloc[0]:g}",
        "loss": f"{mean:.2f}\u00a0±\u00a0{(high - low) / 2:.2f}",
        "diverged": f"{(runs.diverged >= 0).sum()}/{len(runs)}",
        "held-out accuracy": f"{runs.accuracy.mean():.0%}",
        "gap before / after": f"{runs.gap_before.mean():.2f}\u00a0/\u00a0{runs.gap_after.mean():.2f}",
        "gap after, trained": f"{np.mean([curve[-1] for curve in runs.curve_gap_after]):.2f}",
        "passes ReLU": f"{runs.passing.mean():.0%}",
        "gradient norm": number(float(f"{runs.gradient.median():.2g}")),
    }


def by_step(axis, runs: pd.DataFrame, column: str = "curve_loss", *, color, **line) -> None:
    """The mean of what was observed during training, with 95 % intervals over the runs.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    runs : DataFrame
        Of one arm and depth, as :func:`trials` returns them.
    column : str
        One of curves, which were observed at the steps ``at``.
    color : color
    **line
        To ``axis.plot``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> runs = pd.DataFrame({"at": [[0, 10], [0, 10]], "curve_loss": [[2.0, 1.0], [2.5, 0.5]]})
    >>> axis = plt.figure().subplots()
    >>> by_step(axis, runs, color="black")
    >>> axis.lines[0].get_xydata().tolist()
    [[0.0, 2.25], [10.0, 0.75]]
    >>> plt.close()
    """
    curves = np.array(runs[column].tolist(), dtype=float)
    mean, low, high = np.array([mean_and_interval(values) for values in curves.T]).T
    marks = {"markersize": 5, "markevery": max(1, len(mean) // 10)}
    axis.plot(runs["at"].iloc[0], mean, color=color, **marks | line)
    axis.fill_between(runs["at"].iloc[0], low, high, color=color, alpha=0.15, linewidth=0)


def chance_line(*axes) -> None:
    """Dot the loss of a network that has learned nothing, on every axis."""
    for axis in axes:
        axis.axhline(CHANCE, **look("level"), linewidth=1, zorder=0, label="chance")


def said(table: pd.DataFrame, column: str = "score", **form) -> Callable[..., str]:
    """How a sentence says a column of a table: by arm and depth, the mean and its interval over the seeds.

    Parameters
    ----------
    table : DataFrame
        As :func:`trials` returns it.
    column : str
    **form
        To :func:`utils.stats.text.interval`.

    Returns
    -------
    callable
        From arm, depth and other columns' values to text.

    Examples
    --------
    >>> runs = pd.DataFrame({"arm": "bn", "depth": 5, "seed": [0, 1, 2], "score": [1.0, 2.0, 3.0]})
    >>> loss = said(runs, least=0.0)
    >>> f"BN ends at {loss('bn', 5)}".replace("\N{NO-BREAK SPACE}", " ")
    'BN ends at 2.00 [0.00, 4.48]'
    """
    return lambda arm, depth, **where: interval(paired(table, column, arm=arm, depth=depth, **where), **form)
