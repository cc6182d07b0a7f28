"""Run as much of a notebook as the judgement of some claims needs, with something broken first."""

import ast
import dis
import os
import traceback
import types
from collections.abc import Collection
from pathlib import Path

import nbformat

from utils import claims
from utils.mutation import patches

__all__ = ["needed", "play"]


def needed(sources: list[str], wanted: Collection[str]) -> list[int]:
    """Which cells the judgement of some claims needs: the cells that judge them, and what these use, however far back.

    Parameters
    ----------
    sources : list of str
        Code cells, in order.
    wanted : collection of str
        Claim ids.

    Returns
    -------
    list of int
        Positions, ascending. Names decide: a cell is needed if it sets, or changes, a name that a later needed one reads.
    """
    read, write, change = zip(*map(_names, sources), strict=True)
    chosen, missing = [], set()
    for position in reversed(range(len(sources))):
        judges = set(_judged(sources[position])) & set(wanted)
        if judges or (write[position] | change[position]) & missing:
            chosen.append(position)
            missing = missing - (write[position] - change[position]) | read[position]
    return chosen[::-1]


def _names(source: str) -> tuple[set[str], set[str], set[str]]:
    """Global names a cell reads before it sets them, those it sets, and those it changes in place."""
    tree = ast.parse(source)
    changed = set()
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            while isinstance(target, ast.Subscript | ast.Attribute):
                target = target.value
                if isinstance(target, ast.Name):
                    changed.add(target.id)
    read, write = set(), set()

    def within(code: types.CodeType):
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield constant
                yield from within(constant)

    code = compile(tree, "<cell>", "exec")
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_NAME", "LOAD_GLOBAL") and instruction.argval not in write:
            read.add(instruction.argval)
        elif instruction.opname in ("STORE_NAME", "STORE_GLOBAL"):
            write.add(instruction.argval)
    for inner in within(code):
        for instruction in dis.get_instructions(inner):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") and instruction.argval not in write:
                read.add(instruction.argval)
    return read, write, changed & (read | write)


def _judged(source: str) -> list[str]:
    """Ids of the claims a cell judges."""
    calls = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    return [call.args[0].value for call in calls if call.func.id == "judge" and isinstance(call.args[0], ast.Constant)]


class _Constants(ast.NodeTransformer):
    """Replaces the values of ``name = literal`` at a cell's top level."""

    def __init__(self, values: dict[str, object]):
        self.values, self.done = values, set()

    def visit_Module(self, node):
        for statement in node.body:
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                name = getattr(statement.targets[0], "id", None)
                if name in self.values and _literal(statement.value):
                    statement.value = ast.copy_location(ast.parse(repr(self.values[name])).body[0].value, statement)
                    self.done.add(name)
        return ast.fix_missing_locations(node)


def _literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def play(
    notebook: Path,
    *,
    patch: str,
    wanted: Collection[str],
    values: dict[str, object],
    store: Path,
    kept: dict | None = None,
) -> list[dict]:
    """Run what some claims of a notebook need, with a patch applied first; to be called in a process of its own.

    Parameters
    ----------
    notebook : Path
    patch : str
        Python code that breaks something in ``utils`` or in a library, with the functions of :mod:`utils.mutation.patches`.
    wanted : collection of str
        Ids of the claims.
    values : dict of str to object
        What replaces parameters and other constants that a cell sets to a literal.
    store : Path
        Of this run alone, for the sweeps.
    kept : dict, optional
        Arguments of :func:`utils.mutation.patches.recalled`, if no sweep is to compute anything.

    Returns
    -------
    list of dict
        One row a claim: ``claim``, ``verdict`` ("stopped" if it could not be judged), ``noticed`` ("verdict" if it is not the
        registered one, else "control" if one is not as wanted, "error" if stopped, "" if all is as ever), ``estimate``,
        ``low``, ``high``, and ``detail``, the error if there was one.

    Raises
    ------
    ValueError
        If a value is for a name that no cell sets, or a claim is not judged in the notebook.
    """
    import joblib
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    os.environ["COMPANION_STORE"] = str(store)
    notebook = Path(notebook)
    sources = [c.source for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]
    absent = set(wanted) - {claim for source in sources for claim in _judged(source)}
    if absent:
        raise ValueError(f"{notebook}: claims {sorted(absent)} are not judged there")
    constants = _Constants(values)
    trees = [constants.visit(ast.parse(source)) for source in sources]
    if set(values) - constants.done:
        raise ValueError(f"{notebook}: no cell sets {sorted(set(values) - constants.done)} to a literal")

    rows, first = {}, ""
    honest = claims.judge

    def recording(claim_id, cells, **rest):
        verdict = honest(claim_id, cells, **rest)
        rows[claim_id] = _row(verdict)
        return verdict

    claims.judge = recording
    if kept:
        patches.recalled(**kept)
    exec(compile(patch, "<patch>", "exec"), {name: getattr(patches, name) for name in patches.__all__})
    namespace = {"__name__": "__main__", "display": lambda *shown: None}
    here = Path.cwd()
    os.chdir(notebook.parent)
    # In this process, where the patch is: other processes would import what is not broken.
    try:
        with joblib.parallel_config(backend="sequential"):
            for position in needed(sources, wanted):
                try:
                    exec(compile(trees[position], f"<cell {position}>", "exec"), namespace)
                except Exception as error:
                    where = traceback.extract_tb(error.__traceback__)[-1]
                    # The first error of a run explains those that follow from it.
                    first = first or f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
                plt.close("all")
    finally:
        os.chdir(here)
        claims.judge = honest
    stopped = {"verdict": "stopped", "noticed": "error", "estimate": None, "low": None, "high": None, "detail": first}
    return [{"claim": claim} | rows.get(claim, stopped) for claim in wanted]


def _row(verdict: claims.Verdict) -> dict:
    off = [control for control in verdict.controls if control["verdict"] != control["wanted"]]
    noticed = "verdict" if verdict.verdict != verdict.wanted else "control" if off else ""
    low, high = verdict.interval
    numbers = {"estimate": verdict.estimate, "low": low, "high": high}
    return {"verdict": verdict.verdict, "noticed": noticed, **numbers, "detail": ""}
