"""What a result was made on: commit, versions, processor."""

import platform
import subprocess
from importlib.metadata import version

from utils.files import ROOT

__all__ = ["commit", "processor", "versions"]

SHOWN_VERSIONS = ("torch", "numpy", "scipy", "scikit-learn", "papermill", "jupyter-book")


def commit() -> str | None:
    """Commit of the working tree, with ``-dirty`` if it was changed since; ``None`` outside git."""

    def git(*arguments):
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)

    head = git("rev-parse", "HEAD")
    if head.returncode:
        return None
    return head.stdout.strip() + ("-dirty" if git("status", "--porcelain").stdout.strip() else "")


def versions() -> dict[str, str]:
    """Versions of the packages whose numbers the book shows."""
    return {name: version(name) for name in SHOWN_VERSIONS}


def processor() -> str:
    """Name of the processor, as well as the system tells it."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
