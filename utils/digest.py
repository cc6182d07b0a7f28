"""One digest over everything a notebook's outputs depend on, so that nothing stale is shown and nothing is run twice."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

__all__ = ["ROOT", "commit", "files_digest", "notebook_digest"]

ROOT = Path(__file__).resolve().parent.parent

# What acts on notebooks only after they ran cannot change their outputs.
AFTERWARDS = {"bench.py", "build.py", "ledger.py"}


def files_digest(root: Path, *patterns: str, without: frozenset[str] | set[str] = frozenset()) -> str:
    """SHA-256 over the names and contents of files, in an order that does not depend on the file system.

    Parameters
    ----------
    root : Path
        Where the patterns start, and what names are relative to.
    *patterns : str
        Globs.
    without : set of str
        Names of files to leave out.

    Returns
    -------
    str
        Hexadecimal.
    """
    total = hashlib.sha256()
    for path in sorted(
        {p for pattern in patterns for p in Path(root).glob(pattern) if p.is_file() and p.name not in without}
    ):
        total.update(json.dumps(path.relative_to(root).as_posix()).encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def notebook_digest(notebook: Path, parameters: dict[str, object]) -> str:
    """Digest of what a run of a notebook depends on.

    Parameters
    ----------
    notebook : Path
    parameters : dict of str to object
        The values that replace its defaults.

    Returns
    -------
    str
        Hexadecimal; changes with the notebook, the parameters, any code or data file in ``utils`` that a run can see,
        the pinned requirements, and whether ``COMPANION_DATA`` is set (its contents are checked against digests when read).
    """
    parts = [
        hashlib.sha256(Path(notebook).read_bytes()).hexdigest(),
        json.dumps(parameters, sort_keys=True),
        files_digest(ROOT, "utils/*.py", "utils/*.yml", "requirements.txt", without=AFTERWARDS),
        str(bool(os.environ.get("COMPANION_DATA"))),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def commit() -> str | None:
    """Commit of the working tree, with ``-dirty`` if it was changed since; ``None`` outside git."""

    def git(*arguments):
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)

    head = git("rev-parse", "HEAD")
    if head.returncode:
        return None
    return head.stdout.strip() + ("-dirty" if git("status", "--porcelain").stdout.strip() else "")
