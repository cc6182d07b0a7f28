"""Where the project lies; files that are either complete or not there, and what a killed process left of them."""

import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["ROOT", "clear_stale", "read_yaml", "replacing", "temporary_beside", "write_atomically"]

#: The project's root folder.
ROOT = Path(__file__).resolve().parent.parent

# Anything of ours is written in seconds; that of a process on another machine is given this long.
ABANDONED = 3600  # seconds


def temporary_beside(path: Path) -> Path:
    """A hidden name beside a file, which says who is writing it.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Path
        ``.STEM.HOST.PROCESS.tmp.SUFFIX``: one for each process, recognized by :func:`clear_stale`.
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


def clear_stale(folder: Path, *written: Path) -> None:
    """Remove the temporary files of processes that were killed, so that they do not pile up; nothing else.

    Parameters
    ----------
    folder : Path
    *written : Path
        Files whose temporary ones are meant, in a folder that is not ours; in one that is, all.

    Notes
    -----
    Only names that :func:`temporary_beside` gives are touched. Those of this machine's processes that live are kept, and
    those of another machine's, in a shared folder, that are younger than an hour.
    """
    stem = "|".join(re.escape(path.stem) for path in written) or ".+"
    ending = "|".join(re.escape(path.suffix) for path in written) or r"(\.\w+)?"
    ours = re.compile(rf"\.({stem})\.(?P<host>.+)\.(?P<process>\d+)\.tmp({ending})")
    with suppress(OSError):  # no such folder, or not ours to write: nothing to clear
        for path in Path(folder).iterdir():
            if (name := ours.fullmatch(path.name)) is None:
                continue
            if name["host"] == platform.node():
                stale = not _is_alive(int(name["process"]))
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


def read_yaml(path: Path) -> object:
    """Content of a YAML file in which no key is there twice.

    Parameters
    ----------
    path : Path

    Returns
    -------
    object
        ``None`` for an empty file.

    Raises
    ------
    ValueError
        If it does not read, or a key is twice in a mapping; the message has the file, the line and the key.
    """
    import yaml  # here: publishing needs no package

    # libyaml's parser where PyYAML was built with it: ten times as fast, and every kernel reads the registry.
    class Once(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        """As YAML's own, which takes the last of two values under one key, but that is an error here."""

        def construct_mapping(self, node, deep=False):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for i, (key, (at, _)) in enumerate(zip(keys, node.value, strict=True)):
                if key in keys[:i]:
                    raise ValueError(f"line {at.start_mark.line + 1}: {key!r} is there twice; once is enough")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(Path(path).read_text(encoding="utf-8"), Once)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from None
