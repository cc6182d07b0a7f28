"""Run as much of a notebook as the judgment of some claims needs, with something broken first."""

import ast
import os
import symtable
import traceback
from collections.abc import Collection
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import nbformat

from utils import claims, plotting
from utils.mutation import patches

__all__ = ["names", "needed", "play"]

#: Methods that change what they belong to.
CHANGING = ("add", "append", "extend", "insert", "pop", "setdefault", "update")


def names(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell takes from other cells, and those that it binds or changes in place.

    Examples
    --------
    >>> takes, gives = names("total = 0\\nfor x in rows:\\n    found[x] = total + offset")
    >>> sorted(takes), sorted(gives)
    (['found', 'offset', 'rows'], ['found', 'total', 'x'])
    >>> names("[x for x in rows], {x for x in rows}, {x: y for x, y in rows}")  # on every Python
    ({'rows'}, set())
    """

    tree, reads = _Generators().visit(ast.parse(source)), set()
    tables = [symtable.symtable(ast.unparse(ast.fix_missing_locations(tree)), "<cell>", "exec")]
    binds = {s.get_name() for s in tables[0].get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    changes = set(map(_changed, ast.walk(tree)))
    while tables:
        table = tables.pop()
        reads |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        tables += table.get_children()
    return reads - (binds - changes), binds | reads & changes


class _Generators(ast.NodeTransformer):
    """Comprehensions as generators: Python 3.12 and newer otherwise list their variables among the cell's own."""

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        return self.generic_visit(ast.GeneratorExp(node.elt, node.generators))

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return self.generic_visit(ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators))


def _changed(node: ast.AST) -> str | None:
    """The name whose value a piece of code changes in place."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        is_module = isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "torch")  # np.append
        node = node.func if node.func.attr in CHANGING and not is_module else None
    elif not (isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store)):
        return None
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def needed(sources: list[str], wanted: Collection[str]) -> list[int]:
    """Which cells the judgment of some claims needs: those that judge them, and those that bind or change what these take.

    Parameters
    ----------
    sources : list of str
        Code cells, in order.
    wanted : collection of str
        Claim ids.

    Returns
    -------
    list of int
        Positions, ascending.

    Examples
    --------
    >>> needed(["a = 1", "b = 2", "def f():\\n    return a", "judge('one', f())"], ["one"])
    [0, 2, 3]
    """
    takes, gives = zip(*map(names, sources), strict=True)
    chosen, more = set(), {i for i, source in enumerate(sources) if _judged(source) & set(wanted)}
    while more:
        chosen |= more
        missing = set().union(*(takes[i] for i in chosen))
        more = {i for i in range(max(chosen)) if gives[i] & missing} - chosen
    return sorted(chosen)


def _judged(source: str) -> set[str]:
    """Ids of the claims that a cell judges."""
    calls = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    return {call.args[0].value for call in calls if call.func.id == "judge" and isinstance(call.args[0], ast.Constant)}


def _replace(tree: ast.Module, values: dict[str, object]) -> set[str]:
    """Put values in the place of the literals that a cell sets names to; the names that were found."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in values:
            try:
                ast.literal_eval(node.value)
            except ValueError:
                continue
            node.value = ast.parse(repr(values[node.targets[0].id]), mode="eval").body
            found.add(node.targets[0].id)
    return found


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
    plt.switch_backend("Agg")
    os.environ["COMPANION_STORE"] = str(store)
    notebook = Path(notebook)
    sources = [c.source for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]
    absent = set(wanted) - set().union(*map(_judged, sources))
    if absent:
        raise ValueError(f"{notebook}: claims {sorted(absent)} are not judged there")
    trees = [ast.parse(source) for source in sources]
    unset = set(values) - set().union(*(_replace(tree, values) for tree in trees))
    if unset:
        raise ValueError(f"{notebook}: no cell sets {sorted(unset)} to a literal")

    rows, first = {}, ""
    honest, shown = claims.judge, plotting.show

    def recording(claim_id, measurements, **rest):
        verdict = honest(claim_id, measurements, **rest)
        rows[claim_id] = _row(verdict)
        return verdict

    claims.judge = recording
    plotting.show = lambda *legend, **layout: None  # which takes longer than many a verdict
    if kept:
        patches.recalled(**kept)
    patches.apply(patch)
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
        claims.judge, plotting.show = honest, shown
    stopped = {"verdict": "stopped", "noticed": "error", "estimate": None, "low": None, "high": None, "detail": first}
    return [{"claim": claim} | rows.get(claim, stopped) for claim in wanted]


def _row(verdict: claims.Verdict) -> dict:
    off = any(control["verdict"] != control["wanted"] for control in verdict.controls)
    noticed = "verdict" if verdict.verdict != verdict.wanted else "control" if off else ""
    low, high = verdict.interval
    return {
        "verdict": verdict.verdict, "noticed": noticed, "estimate": verdict.estimate, "low": low, "high": high, "detail": "",
    }  # fmt: skip
