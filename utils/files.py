"""Where the project lies; files that are either complete or not there, and what a killed process left of them."""

import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["ROOT", "clear_stale", "replacing", "temporary_beside", "write_atomically"]

#: The project's root folder.
ROOT = Path(__file__).resolve().parent.parent

# Anything of ours is written in seconds; whose temporary file cannot be told is given this long.
ABANDONED = 3600  # seconds


def temporary_beside(path: Path) -> Path:
    """A hidden name beside a file, which says who is writing it.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Path
        ``.STEM.HOST.PROCESS.tmp.SUFFIX``: one for each process, recognised by :func:`clear_stale`.
    """
    path = Path(path)
    return path.with_name(f".{path.stem}.{platform.node()}.{os.getpid()}.tmp{path.suffix}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write a file under, moved into place at the end; a failure leaves what was there and nothing beside it.

    Parameters
    ----------
    path : Path
        In a directory that exists.

    Yields
    ------
    Path
        :func:`temporary_beside` it.
    """
    temporary = temporary_beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a file that readers see complete or not at all.

    Parameters
    ----------
    path : Path
        In a directory that exists.
    text : str

    Raises
    ------
    OSError
        If it cannot be written: a full disk, a read-only directory.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def clear_stale(folder: Path) -> None:
    """Remove the temporary files of processes that were killed, so that they do not pile up.

    Parameters
    ----------
    folder : Path
        Those of this machine's processes that live are kept, and all that are younger than an hour of which that cannot be
        told (another machine's, in a shared folder).
    """
    ours = re.compile(rf"\.{re.escape(platform.node())}\.(\d+)\.tmp(\.\w+)?")
    with suppress(OSError):  # no such folder, or not ours to write: nothing to clear
        for path in Path(folder).glob(".*.tmp*"):
            owner = ours.search(path.name)
            if owner is not None:
                stale = not _is_alive(int(owner[1]))
            else:
                stale = time.time() - path.stat().st_mtime > ABANDONED
            if stale:
                path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
