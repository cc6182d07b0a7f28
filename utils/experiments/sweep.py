"""A function over a grid of independent points, computed in parallel, each stored when it is done, never computed twice.

The function takes plain values and returns rows of plain values. What makes it random must follow from these values, so
that its rows do not depend on where or in which order it ran: in local processes by default, on a Dask cluster where
``COMPANION_SCHEDULER`` names its scheduler or the caller has a ``distributed.Client``.
"""

import hashlib
import inspect
import json
import os
import pkgutil
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from platformdirs import user_cache_path
from tqdm import tqdm

from utils.files import clear_stale, write_atomically
from utils.fingerprint import code_fingerprint

__all__ = ["OtherCode", "store_directory", "sweep"]

IDLE = 20  # seconds until a local process with nothing to do ends: those of a caller that was killed do not linger
PATIENCE = 10  # seconds until a scheduler that does not answer is not there


class OtherCode(RuntimeError):
    """A worker's code is not the caller's; the message names both."""


def store_directory() -> Path:
    """Where finished points are kept: ``COMPANION_STORE``, or the user's cache.

    Returns
    -------
    Path

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict("os.environ", {"COMPANION_STORE": "points-of-mine"}):
    ...     print(store_directory())
    points-of-mine
    """
    given = os.environ.get("COMPANION_STORE")
    return Path(os.path.expanduser(given)) if given else user_cache_path("bn-orthogonality-companion") / "points"


def sweep(
    function: Callable[..., list[dict]],
    grid: Iterable[dict],
    *,
    jobs: int | None = None,
    store: Path | None = None,
    description: str | None = None,
) -> pd.DataFrame:
    """Compute a function at every point of a grid that is not yet in the store, and return all their rows as one table.

    Parameters
    ----------
    function : callable
        Defined at the top level of a module (not in a notebook or another function, no lambda), from plain keyword values (numbers, strings, lists of them) to a list of
        rows, dicts of plain values. If it takes ``scratch``, it is given a path of its own under which to save how far it
        got; what is there when it starts is from an interrupted run of the same point by the same code.
    grid : iterable of dict
        Keyword values of each point. Equal ones are computed once.
    jobs : int, optional
        Processes; the number of processors by default. A Dask cluster uses all its workers.
    store : Path, optional
        :func:`store_directory` by default.
    description : str, optional
        Of the progress bar.

    Returns
    -------
    DataFrame
        One row for each row of each point, in the grid's order, with the point's values as columns (lists left out).

    Raises
    ------
    ValueError
        If the grid is empty, or the function is not the one that its module has under its name: its rows would be stored as
        that one's.
    TypeError
        If a value of the grid is not plain.
    OSError
        If the store cannot be written; before anything is computed where that can be told.
    ConnectionError
        If ``COMPANION_SCHEDULER`` is set and no scheduler answers there.
    OtherCode
        If a worker's code is not the caller's.

    Notes
    -----
    A finished point is one file under a digest of the function's name, its values and the code it can reach; it is written
    under a temporary name and moved into place, and read only if its own digest is right. Whoever computed it stores it at
    once; what comes from a worker with a file system of its own is stored here as it arrives. Whatever the function raises comes
    out of here, with a note of the point's values and of how many are done.

    Examples
    --------
    Two learning rates, two seeds each; the second call computes nothing:

    >>> from tempfile import TemporaryDirectory
    >>> from utils.experiments.trial import trial
    >>> setting = {
    ...     "task": "digits", "scale": "symmetric", "train_images": 500, "test_images": 100, "arm": "bn", "width": 32,
    ...     "depth": 2, "batch_size": 50, "steps": 10, "probe": 8, "observations": 1, "seeds": [0, 1],
    ... }
    >>> grid = [setting | {"learning_rate": rate} for rate in (0.1, 0.01)]
    >>> with TemporaryDirectory() as folder:
    ...     table, again = (sweep(trial, grid, jobs=1, store=folder) for _ in range(2))
    >>> table[["learning_rate", "seed"]].values.tolist()
    [[0.1, 0.0], [0.1, 1.0], [0.01, 0.0], [0.01, 1.0]]
    >>> table.equals(again)
    True
    """
    grid = list(grid)
    if not grid:
        raise ValueError("grid has no points: give at least one dict of values")
    _check_name(function)
    folder = Path(store or store_directory()) / function.__name__
    code = code_fingerprint(Path(sys.modules[function.__module__].__file__))
    paths = [folder / f"{_key(function, values, code)}.json" for values in grid]
    rows = {path: _stored(path) for path in paths}
    missing = {path: values for path, values in zip(paths, grid, strict=True) if rows[path] is None}
    if missing:
        _prepare(folder)
        try:
            done = _results(function, missing, jobs, code)
            for path, text in tqdm(done, total=len(missing), desc=description or function.__name__, unit="point"):
                _keep(path, text)
                rows[path] = json.loads(text)
        except Exception as error:
            finished = sum(_stored(path) is not None for path in rows)
            error.add_note(
                f"{finished} of {len(rows)} points are stored in {folder}; the same call computes only the rest"
            )
            raise
    return pd.DataFrame(
        [
            {name: value for name, value in values.items() if not isinstance(value, list)} | row
            for path, values in zip(paths, grid, strict=True)
            for row in rows[path]
        ]
    )


def _check_name(function: Callable) -> None:
    """See that a function is found by its name: points are stored under it, and workers import it."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    there = vars(sys.modules.get(module or "", object)).get(name or "")
    if there is not function or not getattr(sys.modules[module], "__file__", None):
        raise ValueError(
            f"function: {function!r} is not a function at the top level of a module (a lambda, or defined in a notebook or "
            "another function): write it with 'def' in a module, and give what differs as values of the grid"
        )


def _key(function: Callable, values: dict, code: str) -> str:
    for name, value in values.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"grid: {name}={value!r} is not plain (numbers, strings, lists of them): {error}") from None
    named = [function.__module__, function.__name__, values, code]
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:40]


def _stored(path: Path) -> list[dict] | None:
    """Rows of a finished point; ``None`` if it is missing, truncated or altered."""
    text = _stored_text(path)
    return None if text is None else json.loads(text)


def _stored_text(path: Path) -> str | None:
    try:
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return text if hashlib.sha256(text.encode()).hexdigest() == digest else None


def _store(path: Path, text: str) -> None:
    write_atomically(path, f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(error, folder) from error
    if not os.access(folder, os.W_OK):
        raise _unwritable(PermissionError(1, "not writable"), folder)
    clear_stale(folder)


def _unwritable(error: OSError, path: Path) -> OSError:
    what = f"finished points cannot be stored ({error.strerror}); free some space or point COMPANION_STORE elsewhere"
    return OSError(error.errno, what, str(path))


def _keep(path: Path, text: str) -> None:
    """Store what a worker computed, unless it did so itself."""
    if _stored_text(path) is None:
        try:
            _store(path, text)
        except OSError as error:
            raise _unwritable(error, path) from error
        path.with_suffix(".scratch").unlink(missing_ok=True)


def _results(function: Callable, missing: dict[Path, dict], jobs: int | None, code: str) -> Iterator[tuple[Path, str]]:
    """What :func:`_compute` returns of each point, as it is done: by a Dask cluster if there is one, else by processes here."""
    with _client() as client:
        if client is None:
            parallel = joblib.Parallel(
                n_jobs=min(jobs or joblib.cpu_count(), len(missing)),
                return_as="generator_unordered",
                idle_worker_timeout=IDLE,
            )
            yield from parallel(
                joblib.delayed(_compute)(function, values, path, code) for path, values in missing.items()
            )
            return
        from distributed import as_completed

        _meet(client, function)
        futures = [
            client.submit(_compute, function, values, path, code, pure=False) for path, values in missing.items()
        ]
        yield from (future.result() for future in as_completed(futures))


@contextmanager
def _client() -> Iterator[Any]:
    """A client of the cluster that ``COMPANION_SCHEDULER`` names, or the caller's own; ``None`` without either."""
    address = os.environ.get("COMPANION_SCHEDULER")
    if not address:
        yield _callers_client()
        return
    from distributed import Client

    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"COMPANION_SCHEDULER={address!r}: no Dask scheduler answers there ({error}); start one, or unset it to use "
            "this machine's processors"
        ) from error
    with client:
        yield client


def _callers_client() -> Any:
    loaded = sys.modules.get("distributed")  # whoever has a client has loaded it; for others it costs a second
    try:
        return loaded and loaded.Client.current()
    except ValueError:
        return None


def _meet(client: Any, function: Callable) -> None:
    """See that scheduler and workers can import what they are asked to run."""
    for who, ask in (("scheduler", client.run_on_scheduler), ("worker", client.run)):
        for needed in (sweep, function):
            try:
                ask(pkgutil.resolve_name, f"{needed.__module__}:{needed.__name__}")
            except (ImportError, AttributeError) as error:  # without this, the scheduler's silence would be waited for
                raise OtherCode(
                    f"a Dask {who} cannot import {needed.__module__} ({error}): start scheduler and workers from a clone of "
                    "the companion, in its environment, with PYTHONPATH=."
                ) from error


@cache
def _own_code(module: str) -> str:
    """Code digest of a module as this process first met it: what is edited later on is not what runs here."""
    return code_fingerprint(Path(sys.modules[module].__file__))


def _compute(function: Callable, values: dict, path: Path, code: str) -> tuple[Path, str]:
    """In the worker, which may be another process on another machine: rows of a point as JSON, and where the caller wants it."""
    import torch  # one thread each, or they fight over the processors

    torch.set_num_threads(1)
    if _own_code(function.__module__) != code:
        raise OtherCode(
            f"process {os.getpid()} on {platform.node()} has other code for {function.__module__} (digest "
            f"{_own_code(function.__module__)[:12]}) than the caller (digest {code[:12]}): bring both to the same commit and "
            "installed packages, then restart the workers, or the notebook's kernel if the code was edited under it"
        )
    # A worker that does not see the caller's store has one of its own, so that nothing finished is lost on the way.
    here = path if os.access(path.parent, os.W_OK) else store_directory() / function.__name__ / path.name
    if (text := _stored_text(here)) is not None:  # another run was faster, or the caller was killed before it arrived
        return path, text
    scratch = here.with_suffix(".scratch")
    extra = {"scratch": scratch} if "scratch" in inspect.signature(function).parameters else {}
    try:
        text = json.dumps(function(**values, **extra))
    except Exception as error:
        error.add_note(
            f"raised by {function.__name__}({', '.join(f'{name}={value!r}' for name, value in values.items())})"
        )
        raise
    with suppress(OSError):  # the caller stores it then, or says why not
        here.parent.mkdir(parents=True, exist_ok=True)
        _store(here, text)
        scratch.unlink(missing_ok=True)
    return path, text
