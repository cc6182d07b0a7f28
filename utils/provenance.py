"""What a result was made on, and when: commit, versions, processor."""

import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from utils.files import ROOT
from utils.processes.environment import installed, isolated, processors

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
        ``commit``, ``date`` (UTC), ``python``, ``versions``, ``device`` in the machine's own words, and ``cores``, those that
        one may use.
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
        "cores": processors(),
    }


def commit() -> str | None:
    """Commit of the working tree, with ``-dirty`` if it was changed since; ``None`` where git, or its repository, is not."""

    def git(*arguments: str) -> list[str]:
        command = ["git", "--no-optional-locks", "-C", str(ROOT), *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", env=isolated())
        return done.stdout.splitlines() if done.returncode == 0 else []

    try:
        match git("rev-parse", "--show-toplevel", "HEAD"):
            case [top, head] if Path(top).samefile(ROOT):  # a folder around a copy without git may be a repository
                return head + ("-dirty" if git("status", "--porcelain", "--untracked-files=normal") else "")
    except FileNotFoundError:  # no git
        pass
    return None


def versions() -> dict[str, str | None]:
    """Versions of the packages whose numbers the book shows."""
    return installed(SHOWN_VERSIONS)


def processor() -> str:
    """Name of the processor, as well as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
