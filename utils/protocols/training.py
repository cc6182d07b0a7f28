"""SGD runs compared: a learning rate for each arm and depth, then the comparison on other seeds; loss against depth."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from utils.experiments.sweep import sweep
from utils.experiments.trial import trial
from utils.plotting import look
from utils.stats.comparison import CHANCE, best_rates, paired, score
from utils.stats.intervals import mean_and_interval
from utils.stats.text import interval, number

__all__ = ["by_depth", "by_dose", "by_step", "chance_line", "effects", "in_numbers", "said", "trials", "tuned_trials"]

#: What :class:`sklearn.model_selection.ParameterGrid` takes: lists of values to combine, or several such dicts in order.
Grid = dict[str, list] | list[dict[str, list]]


def _combinations(grid: Grid) -> list[dict]:
    from sklearn.model_selection import ParameterGrid  # here: it takes longer to load than torch

    return list(ParameterGrid(grid))


def trials(
    grid: Grid, setting: dict, *, run: Callable[..., list[dict]] = trial, description: str | None = None
) -> pd.DataFrame:
    """Trials of a grid, computed once and stored.

    Parameters
    ----------
    grid : dict of str to list, or list of such dicts
        Arguments of ``run`` to combine.
    setting : dict
        Arguments that all have in common; on the device ``"cuda"`` trials run one at a time.
    run : callable
        :func:`utils.experiments.trial.trial`, or :func:`utils.experiments.variants.variant`.
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
    table = sweep(run, [setting | values for values in _combinations(grid)], jobs=jobs, description=description)
    return table.assign(score=score(table))


def tuned_trials(
    grid: Grid, setting: dict, seeds: list[int], *, run: Callable[..., list[dict]] = trial, description: str = ""
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
    run : callable
        As :func:`trials` takes it.
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
    tuned = trials(together, setting, run=run, description=f"tuning {description}".strip())
    best = best_rates(tuned)
    pairs = dict.fromkeys((values["arm"], values["depth"]) for values in _combinations(grid))
    chosen = [
        {"arm": [arm], "depth": [depth], "learning_rate": [best[arm, depth]], "seeds": [seeds]} for arm, depth in pairs
    ]
    return tuned, trials(chosen, setting, run=run, description=f"comparison {description}".strip())


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


def by_dose(left, right, runs: pd.DataFrame) -> None:
    """Losses against the doses of :data:`utils.experiments.trial.INTERVENTIONS`, with 95 % intervals over the seeds.

    Parameters
    ----------
    left, right : matplotlib.axes.Axes
        For the gap, of identity weights and of random ones; for the share of random weights, the gap held.
    runs : DataFrame
        Of one depth, as :func:`trials` returns them; doses that are not in it are left out.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> runs = pd.DataFrame({"arm": ["identity"] * 2 + ["xavier"] * 2, "gap_after": [0.25, 0.75, 1, 1], "score": [0.0, 1, 2, 2]})
    >>> left, right = plt.figure().subplots(1, 2)
    >>> by_dose(left, right, runs)
    >>> [line.get_xydata().tolist() for line in left.lines[:1]]
    [[[0.5, 0.5]]]
    >>> plt.close()
    """
    _through(left, runs, {arm: "gap_after" for arm in IDENTITY}, label="identity weights, gap set", **look("identity"))
    _through(left, runs, {arm: "gap_after" for arm in RANDOM}, label="random weights, gap set", **look("xavier"))
    _through(right, runs, SHARES, label="share of random weights set, gap held", **look("before"))
    _through(right, runs, {"looks_linear": 1.0}, label="looks-linear, gap held", **look("permutation", "marks"))
    left.set(xlabel="gap after ReLU", xlim=(0, 1.05))
    right.set_xscale("symlog", linthresh=0.03)
    right.set(xlabel="share of random weights", xlim=(-0.01, 2))


#: Arms by rising gap; and by rising share of random weights.
IDENTITY = ("whitened", "half_whitened", "identity", "lean_90", "lean_98")
RANDOM = ("random_half", "random_held", "xavier", "random_high")
SHARES = {"identity": 0.0, "mixed_3": 0.03, "mixed_10": 0.1, "random_held": 1.0}
#: What is changed, to the arm that has it and the arm that has not.
CHANGES = {
    "gap raised from half whitened to Xavier's, identity weights": ("lean_98", "half_whitened"),
    "gap raised to Xavier's, identity weights": ("lean_98", "identity"),
    "gap raised to Xavier's, random weights": ("xavier", "random_held"),
    "random for identity weights, the identity's gap": ("random_held", "identity"),
    "random for identity weights, Xavier's gap": ("xavier", "lean_98"),
    "random weights, gap raised further": ("random_high", "xavier"),
    "random weights, gap lowered": ("random_half", "xavier"),
}


def _through(axis, runs: pd.DataFrame, at: dict[str, str | float], **line) -> None:
    """Mean losses of some arms, joined, each at the mean of a column or at a number."""
    groups = [(rows, x) for arm, x in at.items() if len(rows := runs[runs.arm == arm])]
    if groups:
        mean, low, high = np.array([mean_and_interval(rows.score) for rows, _ in groups]).T
        places = [rows[x].mean() if isinstance(x, str) else x for rows, x in groups]
        axis.errorbar(places, mean, [mean - low, high - mean], **{"markersize": 5, "capsize": 2} | line)


def effects(tables: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    """What each of ``CHANGES`` does to the final loss, a row a change: mean and interval of paired differences.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Runs of one depth, as :func:`trials` returns them, by the name of their column.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> arms = ["lean_98", "half_whitened", "identity", "xavier", "random_held", "random_high", "random_half"]
    >>> runs = pd.DataFrame([{"arm": arm, "seed": s, "score": i + s} for i, arm in enumerate(arms) for s in (0.0, 1.0)])
    >>> effects({"digits": runs})[0]["digits"].replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")
    '-1.00 [-1.00, -1.00]'
    """
    return [
        {"change": what}
        | {name: interval(paired(runs, "score", arm=a) - paired(runs, "score", arm=b)) for name, runs in tables.items()}
        for what, (a, b) in CHANGES.items()
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
