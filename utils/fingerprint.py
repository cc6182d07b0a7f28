"""What a result depends on, as one digest, so that nothing stale is shown and nothing is run twice."""

import ast
import hashlib
import json
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.files import ROOT
from utils.processes.environment import installed

__all__ = ["code_fingerprint", "digest", "files_fingerprint", "is_todays", "made_by", "reached"]


def digest(value: object) -> str:
    """SHA-256 of a JSON value, hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def files_fingerprint(root: Path, *patterns: str) -> str:
    """Digest of the names and contents of files, in an order that does not depend on the file system.

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
    found = {path for pattern in patterns for path in Path(root).glob(pattern) if path.is_file()}
    return digest({path.relative_to(root).as_posix(): _content(path) for path in found})


def code_fingerprint(*sources: Path, stop: str | None = None) -> str:
    """Digest of sources and of all that they can reach of the companion's code.

    Parameters
    ----------
    *sources : Path
        Python files or notebooks.
    stop : str, optional
        A package of ``utils`` that does not count, nor what only it reaches.

    Returns
    -------
    str
        Hexadecimal; changes with the code of the sources, that of any module of ``utils`` they import, directly or through
        others, and the pinned requirements, as they are pinned and as they are installed. Not with a notebook's Markdown or metadata, and not with the rest: what took an
        hour to compute outlives a change of how figures look.
    """
    files, _ = reached(*sources, stop=stop)
    return digest([_contents(files), _environment(ROOT / "requirements.txt")])


def made_by(*sources: Path) -> dict:
    """What a result that is kept says of the code that made it, wherever that ran.

    Parameters
    ----------
    *sources : Path
        Python files or notebooks.

    Returns
    -------
    dict
        ``of``, the names of the sources in the project, and ``fingerprint``, the digest of them and of all that they can
        reach of the companion's code.
    """
    files, _ = reached(*sources)
    return {"of": sorted(map(_name, sources)), "fingerprint": digest(_contents(files))}


def is_todays(code: dict) -> bool:
    """Whether the code that made a result, as :func:`made_by` says, is the code that there is."""
    sources = [ROOT / name for name in code["of"]]
    return all(path.is_file() for path in sources) and made_by(*sources) == code


def _name(path: Path) -> str:
    path = Path(path).resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def _contents(files: Iterable[Path]) -> dict[str, str]:
    return {_name(path): _content(path) for path in files}


def _environment(pins: Path) -> list[object]:
    lines = pins.read_text(encoding="utf-8").splitlines()
    names = [line.partition("==")[0].strip() for line in lines if "==" in line and not line.startswith("#")]
    python = platform.python_implementation(), *platform.python_version_tuple()
    return [_content(pins), python, installed(names)]


def reached(*sources: Path, stop: str | None = None) -> tuple[set[Path], set[str]]:
    """Files that sources depend on, followed through their imports.

    Parameters
    ----------
    *sources : Path
        Python files or notebooks.
    stop : str, optional
        A package of ``utils`` that is not followed.

    Returns
    -------
    files : set of Path
        The sources and the modules of ``utils``. A package's ``__init__`` only passes names on: what counts is the module
        that defines the name.
    stopped : set of str
        What is imported from the package ``stop``, ``"verdict.judge"``.
    """
    files: set[Path] = set()
    stopped: set[str] = set()
    waiting = [Path(source).resolve() for source in sources]
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        files.add(path)
        for module, name in _imports(path):
            for file, defined in _definitions(module, name):
                if stop and file.is_relative_to(ROOT / "utils" / stop):
                    stopped.add(f"{file.stem}.{defined}")
                else:
                    waiting.append(file)
    return files, stopped


def _content(path: Path) -> str:
    """Digest of a file's content; of a notebook, of its code cells."""
    if path.suffix == ".ipynb":
        return digest(_code_cells(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _code_cells(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def _imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """What a Python file or a notebook imports of ``utils`` anywhere in it: module, and the name taken from it, if one is."""
    text = "\n".join(_code_cells(path)) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError:  # a notebook's magics, say: what cannot be read may import anything
        yield "utils", "*"
        return
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "utils":
            for alias in node.names:
                package = f"{node.module}.{alias.name}"
                if (_folder(package) / "__init__.py").exists():  # a package: which of its names are used?
                    yield from ((package, name) for name in _attributes(nodes, alias.asname or alias.name))
                else:
                    yield node.module, alias.name
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "*") for alias in node.names if alias.name.partition(".")[0] == "utils")


def _attributes(nodes: list[ast.AST], package: str) -> set[str]:
    """Attributes of a package that code names; ``*`` if the package itself is handed on."""
    taken = [
        n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == package
    ]
    named = sum(isinstance(n, ast.Name) and n.id == package for n in nodes)
    return {n.attr for n in taken} if len(taken) == named else {"*"}


def _definitions(module: str, name: str | None) -> Iterator[tuple[Path, str | None]]:
    """Files of ``utils`` that define a name of a module."""
    folder = _folder(module)
    if folder.with_suffix(".py").exists():
        yield folder.with_suffix(".py"), name
    elif name == "*":
        yield from ((path, name) for path in folder.rglob("*.py"))
    elif (folder / f"{name}.py").exists():
        yield folder / f"{name}.py", None
    elif (init := folder / "__init__.py").exists():
        passed = [node for node in ast.parse(init.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
        there = [node.module for node in passed if any(name == (a.asname or a.name) for a in node.names)]
        for source in there:
            yield from _definitions(source, name)
        if not there:
            yield init, name


def _folder(module: str) -> Path:
    return ROOT.joinpath(*module.split("."))
