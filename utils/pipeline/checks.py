"""What can be told of a notebook without running it: why it must not enter the book."""

import ast
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from utils.claims.register import registry
from utils.files import ROOT
from utils.pipeline.parameters import PROFILES, ParameterError, check, declared, opened, profile_overrides

__all__ = ["problems"]

ABSOLUTE = re.compile(
    r"(file:/|~[\w.-]*/|[A-Za-z]:[\\/]\w|/[\w.-]+/[\w./-]*|/(data|home|mnt|opt|root|srv|tmp|usr|var)\b)"
)


def problems(notebook: Path) -> list[str]:
    """Why a notebook must not enter the book, one sentence each; empty if nothing is against running it.

    Parameters
    ----------
    notebook : Path
        With ``profiles.yml`` beside it.

    Returns
    -------
    list of str
        Committed outputs; parameters, in any profile, that are missing, malformed or out of range; code that is not plain
        Python; packages that ``requirements.txt`` does not pin; paths of one machine; claims that are not this notebook's in
        the registry.
    """
    notebook = Path(notebook)
    try:
        cells = opened(notebook).cells
    except ParameterError as error:
        return [str(error).replace(str(notebook), notebook.name)]
    found = []
    for position, cell in enumerate(cells):
        if cell.cell_type == "code":
            if cell.outputs or cell.execution_count is not None:
                found.append(f"cell {position} is committed with outputs; clear them, the build makes them anew")
            try:
                found += [f"cell {position} {what}" for what in _in_code(ast.parse(cell.source), notebook.stem)]
            except SyntaxError as error:
                found.append(f"cell {position} is not plain Python ({error.msg}): {(error.text or '').strip()!r}")
    try:
        parameters = declared(notebook)
        for profile in PROFILES:
            check(parameters, profile_overrides(notebook, profile))
    except ParameterError as error:
        found.append(str(error).removeprefix(f"{notebook}: "))
    return [f"{notebook.stem}: {what}" for what in found]


def _in_code(tree: ast.Module, stem: str) -> list[str]:
    found = []
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values[1:]}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [_unpinned(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [_unpinned(node.module or "")]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            if ABSOLUTE.match(node.value):
                found.append(
                    f"holds the path {node.value!r}, which other machines do not have; start at the project root"
                )
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "judge" and node.args:
            found += [_unregistered(node.args[0], stem)]
    return [what for what in found if what]


def _unpinned(module: str) -> str | None:
    name = module.split(".")[0]
    if name == "utils" or name in sys.stdlib_module_names or _normal(name) in _pinned() or name in _importable():
        return None
    return f"imports {name!r}, which requirements.txt does not pin; add it to pyproject.toml and run `make lock`"


@cache
def _pinned() -> set[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {_normal(line.split("==")[0]) for line in lines if "==" in line}


@cache
def _importable() -> set[str]:
    """Names that installed and pinned packages give to ``import``, of all of which it has to read the records."""
    found = packages_distributions().items()
    return {name for name, packages in found if _pinned() & {_normal(package) for package in packages}}


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _unregistered(argument: ast.expr, stem: str) -> str | None:
    if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
        return None
    entry = registry().get(argument.value)
    if entry is None:
        return f"judges claim {argument.value!r}, which utils/claims/data/{stem}.yml does not declare"
    if entry["notebook"] != stem:
        return f"judges claim {argument.value!r}, which utils/claims/data/{entry['notebook']}.yml declares"
    return None
