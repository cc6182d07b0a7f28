"""What the patches in ``sabotage.yml`` are made with: ways to break code and results of a running process."""

import inspect
import sys
import textwrap
from collections.abc import Callable, Collection

__all__ = ["edit", "recall", "shuffle_rows"]


def edit(function: Callable, old: str, new: str) -> None:
    """Break a function where it is defined: its source with one expression replaced, put in its place in its module.

    Parameters
    ----------
    function : callable
        Of a module's top level.
    old, new : str
        ``old`` occurs exactly once.

    Raises
    ------
    ValueError
        If it does not: the sabotage would break nothing, or more than it says.
    """
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(old) != 1:
        raise ValueError(f"{old!r} occurs {source.count(old)} times in {function.__name__}, expected once")
    module = sys.modules[function.__module__]
    exec(compile(source.replace(old, new), f"<{function.__name__}, sabotaged>", "exec"), module.__dict__)


def shuffle_rows(columns: Collection[str], among: Collection[str] = ("seed",), *, leave: str = "tuning") -> None:
    """Let every sweep hand out its rows under each other's labels, seed by seed.

    Parameters
    ----------
    columns : collection of str
        The labels that are shuffled.
    among : collection of str
        Rows that agree in these are shuffled among each other.
    leave : str
        Sweeps whose description begins so are left alone.
    """
    import numpy as np

    from utils import sweeps

    honest, generator = sweeps.sweep, np.random.default_rng(0)

    def shuffled(cell, grid, **options):
        table = honest(cell, grid, **options)
        if (options.get("description") or "").startswith(leave):
            return table
        parts = [rows.index.to_numpy() for _, rows in table.groupby(list(among))]
        order = np.arange(len(table))
        for part in parts:
            order[part] = generator.permutation(part)
        labels = [name for name in columns if name in table]
        table[labels] = table[labels].to_numpy()[order]
        return table.infer_objects()

    sweeps.sweep = shuffled


def recall(name: str, tables: Collection[str]) -> None:
    """Let every sweep hand out committed rows of the same settings instead of computing them.

    Parameters
    ----------
    name : str
        Of the evidence.
    tables : collection of str
        Which of its tables; the one that has the most of the rows a sweep asks for gives them. Rows for
        choosing learning rates are not always kept: then the rates that were chosen are all there is to choose from.
    """
    import pandas as pd

    from utils import evidence, sweeps

    frames = [evidence.load(name)[0][table] for table in tables]
    setting = ["arm", "depth", "width", "learning_rate"]

    def rows(frame, values, names):
        same = frame.seed.isin(values["seeds"]) if "seed" in names else pd.Series(True, index=frame.index)
        for column in set(names) & set(values) & set(frame):
            same &= frame[column] == values[column]
        return frame[same]

    def recalled(cell, grid, *, description="", **options):
        grid = list(grid)
        found = [pd.concat([rows(frame, values, [*setting, "steps", "seed"]) for values in grid]) for frame in frames]
        if description.startswith("tuning") and all(frame.empty for frame in found):
            found = [pd.concat([rows(frames[0], values, setting) for values in grid])]
        return max(found, key=len).reset_index(drop=True)

    sweeps.sweep = recalled
