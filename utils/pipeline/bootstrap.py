"""Packages for a notebook that runs alone: what its environment lacks is installed, what is there stays as it is.

The first cell of a notebook fetches this code when it is not next door (on Colab, or a single downloaded file), and then
calls :func:`install_missing`. Only the standard library is needed here.
"""

import subprocess
import sys
from collections.abc import Sequence
from importlib import invalidate_caches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["NEEDED", "install_missing"]

# What the notebooks, and the modules they reach, import; a test compares. The rest of pyproject.toml makes the book.
NEEDED = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "sympy",
    "pot",
    "pandas",
    "joblib",
    "distributed",
    "pooch",
    "platformdirs",
    "pyyaml",
    "jinja2",
    "matplotlib",
    "seaborn",
    "nbformat",
    "tqdm",
)


def install_missing(needed: Sequence[str] = NEEDED) -> list[str]:
    """Install, into the environment that runs this, the needed packages that it lacks, and say so.

    Parameters
    ----------
    needed : sequence of str
        Names among the dependencies in ``pyproject.toml``, whose ranges apply to what is installed. A package that is there
        is left alone whatever its version: another torch than the book's changes last digits, replacing the one of a running
        kernel breaks it.

    Returns
    -------
    list of str
        What was installed, with the ranges.

    Raises
    ------
    SystemExit
        If this Python is too old for the companion's code.
    subprocess.CalledProcessError
        If pip fails; it has said why.
    """
    if sys.version_info < (3, 11, 2):
        raise SystemExit(f"The companion's code needs Python 3.11.2 or newer; this is {sys.version.split()[0]}.")
    import tomllib  # from 3.11 on

    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    ranges = {_name(line): line for line in tomllib.loads(text)["project"]["dependencies"]}
    missing = [ranges[name] for name in needed if not _is_installed(name)]
    if missing:
        print("Installing what is missing here:", ", ".join(missing))
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *missing], check=True)
        invalidate_caches()
    return missing


def _name(requirement: str) -> str:
    return requirement.partition("=")[0].rstrip("<>~! ")


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    install_missing()
