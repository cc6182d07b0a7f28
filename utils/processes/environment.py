"""The environment of what runs: of the user's, what leads to files, networks and processors; nothing that changes results."""

import os
import re
import site
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import distributions

__all__ = ["PINNED", "installed", "isolated", "processors"]

# One thread per process: on matrices this small several are many times slower, and results do not depend on their number.
PINNED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
FIXED = PINNED | {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUTF8": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
# Interpreter, Jupyter, matplotlib, language, and how libraries compute (threads, instructions, precision).
DROPPED = re.compile(
    r"(PYTHON|PYTEST|IPYTHON|JUPYTER|JPY_|MPL|MATPLOTLIB|LC_|OMP_|GOMP_|KMP_|OPENBLAS_|GOTO_|BLIS_|MKL_|NPY_|NUMPY_|SCIPY_|SKLEARN_"
    r"|ATEN_|TORCH_|DNNL_|ONEDNN_|VECLIB_|NVIDIA_TF32|CUBLAS_|SPHINX)\w*|LANG|LANGUAGE|TZ|COLUMNS|LINES|SOURCE_DATE_EPOCH"
    r"|GIT_(DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|OBJECT_DIRECTORY|NAMESPACE)"
)


def isolated(**more: str) -> dict[str, str]:
    """Environment variables for a process whose results must not depend on the user's.

    Parameters
    ----------
    **more
        Variables that it gets besides.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict("os.environ", {"PYTHONOPTIMIZE": "1", "MPLBACKEND": "Agg", "COMPANION_STORE": "here"}):
    ...     given = isolated()
    >>> "PYTHONOPTIMIZE" in given, given["MPLBACKEND"], given["COMPANION_STORE"]
    (False, 'module://matplotlib_inline.backend_inline', 'here')
    """
    return {name: value for name, value in os.environ.items() if not DROPPED.fullmatch(name)} | FIXED | more


def processors() -> int:
    """How many processors one may use: affinity, limits of a container, ``LOKY_MAX_CPU_COUNT``."""
    import joblib  # here: where only a commit is asked for, no package is installed

    try:
        return joblib.cpu_count()
    except ValueError:
        raise ValueError(f"LOKY_MAX_CPU_COUNT={os.environ['LOKY_MAX_CPU_COUNT']!r}: expected a whole number") from None


def installed(names: Iterable[str]) -> dict[str, str | None]:
    """Installed versions of packages, as an isolated process finds them.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    dict of str to str or None
        ``None`` for what is not installed.

    Examples
    --------
    >>> installed(["no-such-package"])
    {'no-such-package': None}
    """
    there = _all_installed(tuple(sys.path))
    return {name: there.get(_normal(name)) for name in names}


@cache
def _all_installed(path: tuple[str, ...]) -> dict[str, str]:
    theirs = {*os.environ.get("PYTHONPATH", "").split(os.pathsep), site.getusersitepackages()}
    theirs = {os.path.abspath(entry) for entry in theirs if entry}
    found: dict[str, str] = {}
    for package in distributions(path=[entry for entry in path if entry and os.path.abspath(entry) not in theirs]):
        about = package.metadata  # parsed at every access
        if about["Name"]:
            found.setdefault(_normal(about["Name"]), about["Version"])
    return found


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
