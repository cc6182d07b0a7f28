"""Grids of independent cells, computed in parallel, each stored when it is done, never computed twice.

A cell is a function of plain values that returns rows of plain values. What makes it random must follow from its
values, so that its rows do not depend on where or in which order it ran.
"""

import hashlib
import inspect
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

import joblib
import pandas as pd
from platformdirs import user_cache_path
from tqdm import tqdm

from utils.digest import code_digest

__all__ = ["store_directory", "sweep"]


def store_directory() -> Path:
    """Where finished cells are kept: ``COMPANION_STORE``, or the user's cache.

    Returns
    -------
    Path
    """
    return Path(os.environ.get("COMPANION_STORE") or user_cache_path("bn-orthogonality-companion") / "cells")


def sweep(
    cell: Callable[..., list[dict]],
    grid: Iterable[dict],
    *,
    jobs: int | None = None,
    store: Path | None = None,
    description: str | None = None,
) -> pd.DataFrame:
    """Compute every cell of a grid, those not yet in the store, and return all their rows as one table.

    Parameters
    ----------
    cell : callable
        A function of a module (not of a notebook), from plain keyword values (numbers, strings, lists of them) to a list of
        rows, dicts of plain values. If it takes ``scratch``, it is given a path of its own under which to save how far it
        got; what is there when it starts is from an interrupted run of the same cell by the same code.
    grid : iterable of dict
        Keyword values of each cell. Equal ones are computed once.
    jobs : int, optional
        Processes; the number of processors by default.
    store : Path, optional
        :func:`store_directory` by default.
    description : str, optional
        Of the progress bar.

    Returns
    -------
    DataFrame
        One row for each row of each cell, in the grid's order, with the cell's values as columns (lists left out).

    Raises
    ------
    ValueError
        If the grid is empty.

    Notes
    -----
    A finished cell is one file under a digest of the function's name, its values and the code it can reach; it is written
    under a temporary name and moved into place, and read only if its own digest is right.
    """
    grid = list(grid)
    if not grid:
        raise ValueError("grid has no cells: give at least one dict of values")
    store = Path(store or store_directory())
    code = code_digest(Path(sys.modules[cell.__module__].__file__))
    paths = [store / cell.__name__ / f"{_key(cell, values, code)}.json" for values in grid]
    rows = {path: _stored(path) for path in paths}
    missing = {path: values for path, values in zip(paths, grid, strict=True) if rows[path] is None}
    if missing:
        parallel = joblib.Parallel(
            n_jobs=min(jobs or os.cpu_count() or 1, len(missing)), return_as="generator_unordered"
        )
        done = parallel(joblib.delayed(_compute)(cell, values, path) for path, values in missing.items())
        for path, result in tqdm(done, total=len(missing), desc=description or cell.__name__, unit="cell"):
            rows[path] = result
    return pd.DataFrame(
        [
            {name: value for name, value in values.items() if not isinstance(value, list)} | row
            for path, values in zip(paths, grid, strict=True)
            for row in rows[path]
        ]
    )


def _key(cell: Callable, values: dict, code: str) -> str:
    named = [cell.__module__, cell.__name__, values, code]
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:40]


def _stored(path: Path) -> list[dict] | None:
    """Rows of a finished cell; ``None`` if it is missing, truncated or altered."""
    try:
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return json.loads(text) if hashlib.sha256(text.encode()).hexdigest() == digest else None


def _compute(cell: Callable, values: dict, path: Path) -> tuple[Path, list[dict]]:
    import torch  # in the worker: one thread each, or they fight over the processors

    torch.set_num_threads(1)
    scratch = path.with_suffix(".scratch")
    extra = {"scratch": scratch} if "scratch" in inspect.signature(cell).parameters else {}
    text = json.dumps(cell(**values, **extra))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    scratch.unlink(missing_ok=True)
    return path, json.loads(text)
