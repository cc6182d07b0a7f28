"""One digest over everything a notebook's outputs depend on, so that nothing stale is shown and nothing is run twice."""

import ast
import hashlib
import json
import os
import subprocess
from pathlib import Path

__all__ = ["ROOT", "code_digest", "commit", "files_digest", "notebook_digest"]

ROOT = Path(__file__).resolve().parent.parent


def files_digest(root: Path, *patterns: str) -> str:
    """SHA-256 over the names and contents of files, in an order that does not depend on the file system.

    Parameters
    ----------
    root : Path
        Where the patterns start, and what names are relative to.
    *patterns : str
        Globs.

    Returns
    -------
    str
        Hexadecimal.
    """
    total = hashlib.sha256()
    for path in sorted({p for pattern in patterns for p in Path(root).glob(pattern) if p.is_file()}):
        total.update(json.dumps(path.relative_to(root).as_posix()).encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def code_digest(*sources: Path) -> str:
    """Digest of sources and of all that they can reach of the companion's code.

    Parameters
    ----------
    *sources : Path
        Python files or notebooks.

    Returns
    -------
    str
        Hexadecimal; changes with the sources, any module of ``utils`` they import, directly or through others, the data
        files beside such a module under its name (``claims.yml``), and the pinned requirements. Not with the rest: what
        took an hour to compute outlives a change of how figures look.
    """
    reached: set[Path] = set()
    waiting = [Path(source).resolve() for source in sources]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += [file for name in _imported(path) if (file := ROOT / "utils" / f"{name}.py").exists()]
    reached |= {data for path in reached if (data := path.with_suffix(".yml")).exists()}
    contents = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in reached}
    requirements = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()
    return hashlib.sha256(json.dumps([contents, requirements], sort_keys=True).encode()).hexdigest()


def _imported(path: Path) -> set[str]:
    """Names of the modules of ``utils`` that a Python file or a notebook imports anywhere in it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    try:
        tree = ast.parse(text)
    except SyntaxError:  # a notebook's magics, say: what cannot be read may import anything
        return {module.stem for module in (ROOT / "utils").glob("*.py")}
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "utils":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("utils."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("utils.")}
    return names


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
        Hexadecimal; changes with the notebook, the parameters, the code it can reach (:func:`code_digest`) and the runner's,
        committed evidence beside it, and whether ``COMPANION_DATA`` is set (its contents are checked against digests when
        read).
    """
    parts = [
        json.dumps(parameters, sort_keys=True),
        code_digest(Path(notebook), Path(__file__).with_name("run.py")),
        files_digest(Path(notebook).parent, f"evidence/{Path(notebook).stem}.*"),
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
