"""What the mutations of ``utils/claims/data`` are made with: ways to break code and results of a running process.

Functions are named by their path below ``utils``, ``"theory.limits.gap_floor"``, and broken wherever they are bound.
"""

import inspect
import pkgutil
import sys
import textwrap
from collections.abc import Callable, Collection

import numpy as np
import pandas as pd

__all__ = [
    "apply",
    "edited",
    "recalled",
    "replaced",
    "rows",
    "scaled",
    "shuffled_curves",
    "shuffled_labels",
    "shuffled_rows",
    "swept",
    "without_bn",
]


def apply(patch: str) -> None:
    """Run a mutation's ``patch``: Python that knows the functions of this module by name."""
    exec(compile(patch, "<patch>", "exec"), {name: globals()[name] for name in __all__})


def replaced(path: str, broken: Callable[[Callable], Callable]) -> None:
    """Put another function in a function's place, in every module of the companion that has it.

    Parameters
    ----------
    path : str
        ``"theory.limits.gap_floor"``.
    broken : callable
        From the right function to the broken one.

    Raises
    ------
    AttributeError, ImportError
        If there is no such function.

    Examples
    --------
    >>> from utils import theory
    >>> right = theory.local_rate
    >>> replaced("theory.limits.local_rate", lambda right: lambda n: 2 * right(n))
    >>> theory.local_rate(2)
    1.0
    >>> replaced("theory.limits.local_rate", lambda broken: right)
    """
    name = path.rpartition(".")[2]
    right = pkgutil.resolve_name(f"utils.{path}")
    wrong = broken(right)
    for module in [module for key, module in sys.modules.items() if key.partition(".")[0] == "utils"]:
        if getattr(module, name, None) is right:
            setattr(module, name, wrong)


def scaled(path: str, factor: float) -> None:
    """Multiply what a function returns."""
    replaced(path, lambda right: lambda *arguments, **options: factor * right(*arguments, **options))


def edited(path: str, old: str, new: str) -> None:
    """Replace one expression in a function's source.

    Parameters
    ----------
    path : str
        Of a function of a module's top level.
    old, new : str
        ``old`` occurs exactly once.

    Raises
    ------
    ValueError
        If it does not: the mutation would break nothing, or more than it says.
    """

    def broken(right: Callable) -> Callable:
        source = textwrap.dedent(inspect.getsource(right))
        if source.count(old) != 1:
            raise ValueError(f"{old!r} occurs {source.count(old)} times in {path}, expected once")
        namespace = sys.modules[right.__module__].__dict__
        exec(compile(source.replace(old, new), f"<{path}, mutated>", "exec"), namespace)
        return namespace[right.__name__]

    replaced(path, broken)


def without_bn() -> None:
    """The chain with BN is drawn without BN."""
    from utils.chains.linear import vanilla_chain

    def forgetful(h, *, width, depth, generator, method="exact", centered=False, draws=None):
        return vanilla_chain(h, width=width, depth=depth, generator=generator, method=method)

    replaced("chains.linear.bn_chain", lambda right: forgetful)


def rows(of_width: Callable[[int], float]) -> None:
    """The exact sampler draws another number of rows than the width."""
    replaced(
        "chains.linear._exact_bn",
        lambda right: lambda r, width, *rest: right(r, max(r.shape[-1], round(of_width(width))), *rest),
    )


def shuffled_labels() -> None:
    """The labels of the images to learn from are shuffled."""
    import torch

    from utils.seeding import generator_for

    def broken(task):
        def shuffled(*arguments, **options):
            x, y, *test = whole = task(*arguments, **options)
            order = torch.randperm(len(y), generator=generator_for("sabotage"))
            return type(whole)(x, y[order], *test)

        return shuffled

    replaced("networks.data.task", broken)


def swept(change: Callable[[pd.DataFrame], pd.DataFrame], *, leave: str | None = None) -> None:
    """Every sweep's table is changed before it is handed out; ``leave`` is how the description of those begins that are not."""

    def broken(sweep):
        def changed(*arguments, description=None, **options):
            table = sweep(*arguments, description=description, **options)
            return table if leave and (description or "").startswith(leave) else change(table)

        return changed

    replaced("experiments.sweep.sweep", broken)


def shuffled_rows(columns: Collection[str]) -> None:
    """Every sweep but those that choose learning rates hands out its rows under each other's labels, seed by seed."""
    generator = np.random.default_rng(0)

    def shuffled(table):
        order = np.arange(len(table))
        for _, part in table.groupby("seed"):
            order[part.index] = generator.permutation(part.index)
        labels = [name for name in columns if name in table]
        table[labels] = table[labels].to_numpy()[order]
        return table.infer_objects()

    swept(shuffled, leave="tuning")


def shuffled_curves() -> None:
    """When something was observed during training is shuffled within each run."""
    generator = np.random.default_rng(0)

    def shuffled(table):
        for name in table.filter(like="curve_"):
            table[name] = [list(generator.permutation(curve)) for curve in table[name]]
        return table

    swept(shuffled)


def recalled(name: str, tables: Collection[str]) -> None:
    """Every sweep hands out committed rows of the same settings instead of computing them.

    Parameters
    ----------
    name : str
        Of the kept result.
    tables : collection of str
        Which of its tables; the one that has the most of the rows a sweep asks for gives them. Rows for
        choosing learning rates are not always kept: then the rates that were chosen are all there is to choose from.
    """
    from utils.experiments import archive

    frames = [archive.load(name)[0][table] for table in tables]
    setting = ["arm", "depth", "width", "learning_rate"]

    def kept(frame, values, names):
        same = frame.seed.isin(values["seeds"]) if "seed" in names else pd.Series(True, index=frame.index)
        for column in set(names) & set(values) & set(frame):
            same &= frame[column].isin(np.atleast_1d(values[column]))
        return frame[same]

    def recall(function, grid, *, description="", **options):
        grid = list(grid)
        found = [pd.concat([kept(frame, values, [*setting, "steps", "seed"]) for values in grid]) for frame in frames]
        if description.startswith("tuning") and all(frame.empty for frame in found):
            found = [pd.concat([kept(frames[0], values, setting) for values in grid])]
        return max(found, key=len).reset_index(drop=True)

    replaced("experiments.sweep.sweep", lambda sweep: recall)
