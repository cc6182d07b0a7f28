"""What a result was made on, and when: commit, versions, processor."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version

from utils.files import ROOT

__all__ = ["commit", "facts", "processor", "versions"]

SHOWN_VERSIONS = ("torch", "numpy", "scipy", "scikit-learn", "papermill", "jupyter-book")


def facts(device: str = "cpu") -> dict:
    """All of it, of a run on this machine today.

    Parameters
    ----------
    device : {"cpu", "cuda"}
        With "cuda", the GPU is named too.

    Returns
    -------
    dict
        ``commit``, ``date`` (UTC), ``python``, ``versions``, ``device`` in the machine's own words, and ``cores``.
    """
    name = processor()
    if device == "cuda":
        import torch  # here: most that asks has no use for it

        name += f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return {
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "versions": versions(),
        "device": name,
        "cores": os.cpu_count(),
    }


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
