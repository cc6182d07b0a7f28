"""Notebooks and books in miniature, for tests that run them for real."""

import ast
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat

from utils.files import ROOT

FIXTURE = Path(__file__).with_name("fixtures") / "book"
KERNEL = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
PARAMETERS = 'width = 8  # [n, 100] width\nn = 2  # [1, 50] batch size\ndepth = 3  # [1, 10] layers\nname = "a"  # {a, b}\nseed = 0  # [0, 99] of the stream'


def notebook(path: Path, *sources: str, parameters: str = PARAMETERS) -> Path:
    """Write a notebook: a title, the parameters cell, and one code cell a source."""
    cells = [nbformat.v4.new_markdown_cell(f"# {path.stem}")]
    cells += [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)
    return path


JUDGE = """
import numpy as np
from utils.claims import judge
from utils.stats.measurement import Measurement
x = np.random.default_rng(seed).normal(size=99) + 9 * (seed == 13)
shifted = {"shifted": [Measurement("a", x + 2, 1.0)]}
judge("one", {"mean": [Measurement("a", x, 1.0)]}, controls=shifted, scope=f"width: {width}")
"""
FIRST, RANGE = "utils/claims/data/first.yml", "expected: [0, null]"
CLAIMS = (FIXTURE / FIRST).read_text()


def book(root: Path) -> Path:
    """A book of two notebooks on a copy of our own code, with a registry of one claim."""
    shutil.copytree(ROOT / "utils", root / "utils")  # with what is compiled
    for name in ("_config.yml", "requirements.txt"):
        shutil.copy(ROOT / name, root / name)
    data = root / "utils" / "claims" / "data"
    for path in data.glob("*.yml"):
        path.unlink()
    shutil.copytree(FIXTURE, root, dirs_exist_ok=True)
    for name in ("_static", "_ext"):
        shutil.copytree(ROOT / "book" / name, root / "book" / name)
    setup = nbformat.read(ROOT / "notebooks" / "03_gaussian_contraction.ipynb", as_version=4).cells[1].source
    notebook(root / "notebooks" / "first.ipynb", setup, JUDGE)
    notebook(root / "notebooks" / "second.ipynb", setup, "width * 2")
    return root


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def short_of_the_pages(root: Path, **options: object) -> str:
    """What a build says of its notebooks; it ends before the pages, which take the longest: a verdict is not as expected."""
    edit(root / FIRST, RANGE, "expected: [9, null]")
    done = run(root, "utils.build", **options)
    assert done.returncode == 1 and "'one' came out refuted" in done.stderr, done.stdout + done.stderr
    edit(root / FIRST, "expected: [9, null]", RANGE)
    return done.stdout


def run(
    root: Path, what: str, *arguments: object, python: Path = sys.executable, env: dict | None = None, **more: str
) -> subprocess.CompletedProcess:
    """``python -m what`` in a tree, or ``python what`` if it is a script or ``-c``; ``more`` is added to the environment."""
    command = [python, *([] if what.endswith((".py", "-c")) else ["-m"]), what, *map(str, arguments)]
    env = (os.environ if env is None else env) | more
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=300)


def heard():
    """Whoever runs the tests may ignore signals, as shells and nohup do for what is in the background; a terminal does not."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(root: Path, *arguments: str, **options: object) -> subprocess.Popen:
    """A build in the background, whose words are added to the file ``said`` in the book."""
    command = [sys.executable, "-m", "utils.build", *arguments]
    with (root / "said").open("a") as said:
        return subprocess.Popen(
            command, cwd=root, stdout=said, stderr=said, start_new_session=True, preexec_fn=heard, **options
        )


def until(condition, *, seconds: float = 120, process: subprocess.Popen | None = None):
    """Wait for something to be true and return it; fail if it takes too long or the process is over first."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited too long"
        assert process is None or process.poll() is None, f"over too early: {process.communicate()}"
        time.sleep(0.02)
    return value


def kill_in_the_middle(work: Callable[[], object], *, when: Callable[[], bool]) -> None:
    """Do something in a process of its own, and end that as ``kill -9`` does when it has come to where it hangs."""
    process = multiprocessing.get_context("fork").Process(target=work, daemon=True)  # forked, it has nothing to load
    process.start()
    try:
        until(lambda: when() or not process.is_alive())
        assert process.is_alive(), "over too early"
    finally:
        process.kill()
        process.join()


def imported(path: Path) -> set[str]:
    """Packages that a notebook or a module imports."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code")
    nodes = list(ast.walk(ast.parse(text)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {name.split(".")[0] for name in [*names, *(n.module or "" for n in nodes if isinstance(n, ast.ImportFrom))]}
