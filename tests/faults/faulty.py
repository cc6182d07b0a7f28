"""A book whose second notebook sweeps, processes to kill in it, and machines with one thing taken away."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from books import book, notebook, run

from utils.claims import compare

# Four points; the log says when each starts and ends, so that a test knows when to strike and what was repeated. The first
# two are quick, so that half of the sweep is done when it is struck.
CELLS = """
import os, time
from utils.seeding import generator_for
import torch

def step(*, seed):
    log = os.environ["FAULT_LOG"]
    with open(log, "a") as file:
        file.write(f"start {seed}\\\\n")
    time.sleep(float(os.environ.get("FAULT_PAUSE", "0")) if seed >= 2 else 0)
    rows = [{"value": float(torch.randn((), generator=generator_for(seed, "step")))}]
    with open(log, "a") as file:
        file.write(f"end {seed}\\\\n")
    return rows
""".replace("\\\\n", "\\n")
SWEEP = """
import sys; sys.path.insert(0, "..")
from utils.steps import step
from utils.experiments.sweep import sweep
sweep(step, [{"seed": seed} for seed in range(4)], jobs=2)
"""
# Its first argument is Python to run before.
GO = """
import os, pathlib, sys, time
from utils.steps import step
from utils.experiments.sweep import sweep
points = 4
exec(" ".join(sys.argv[1:]))
print(sweep(step, [{"seed": seed} for seed in range(points)], jobs=1).to_csv())
"""


def sweeping_book(root: Path) -> Path:
    """:func:`books.book`, its second notebook a sweep of four points in two processes."""
    book(root)
    (root / "utils" / "steps.py").write_text(CELLS)
    # Idle processes of a dead caller end after seconds, so that a test need not wait for them as long as a user would.
    sweeps = root / "utils" / "experiments" / "sweep.py"
    sweeps.write_text(sweeps.read_text().replace("IDLE = 20", "IDLE = 2"))
    notebook(root / "notebooks" / "second.ipynb", "width * 2", SWEEP, "width * 3")
    return root


def environment(root: Path, pause: float = 0.0, **others: str) -> dict[str, str]:
    """For processes of a book: a store and a log of its own."""
    ours = {"COMPANION_STORE": str(root / "store"), "FAULT_LOG": str(root / "log"), "FAULT_PAUSE": str(pause)}
    return {name: value for name, value in os.environ.items() if name != "COMPANION_SCHEDULER"} | ours | others


def build(root: Path) -> subprocess.CompletedProcess:
    """``python -m utils.build`` in a book."""
    return run(root, "utils.build", env=environment(root))


def go(root: Path, *arguments: str, **options) -> subprocess.CompletedProcess | subprocess.Popen:
    """A sweep of the book's step alone: :data:`GO`, in a process; with options for it, one that is not waited for."""
    (root / "go.py").write_text(GO)
    env = environment(root, PYTHONPATH=str(root))
    if options:
        return subprocess.Popen([sys.executable, "go.py", *arguments], cwd=root, env=env, text=True, **options)
    return run(root, "go.py", *arguments, env=env)


def lines(root: Path) -> list[str]:
    """What the points noted so far."""
    return (root / "log").read_text().splitlines() if (root / "log").exists() else []


def kill(process: psutil.Process | subprocess.Popen) -> None:
    """Kill -9."""
    os.kill(process.pid, signal.SIGKILL)


def result(root: Path) -> dict[str, object]:
    """All that a build shows: verdicts, every notebook's outputs, every page; and nothing of when it ran and what it took."""
    out = root / "_build"
    claims = json.loads((out / "claims.json").read_text())
    shown = {"claims": {name: value for name, value in claims.items() if name not in compare.TIMES}}
    for path in sorted((out / "executed").iterdir()):
        cells = nbformat.read(path, as_version=4).cells
        # Progress bars are on the error stream, and say how long things took.
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        shown[path.name] = [output for output in outputs if output.get("name") != "stderr"]
    for path in sorted((out / "html").rglob("*.html")):
        if path.name != "second.html":  # the progress bar again
            text = path.read_text(encoding="utf-8")
            shown[path.relative_to(out).as_posix()] = re.sub(r">\d+ (s( \([\d.]+ min\))?|MB)<", "><", text)
    return shown


def leftovers(root: Path) -> list[str]:
    """Temporary files anywhere in a book."""
    hidden = [path for path in root.rglob(".*") if path.name not in (".digest", ".buildinfo", ".nojekyll")]
    return sorted(str(path) for path in (*hidden, *(root / "store").rglob("*.scratch")) if path.is_file())


def namespace(*flags: str) -> list[str]:
    """The start of a command that runs in namespaces of its own, as root or without; skip where the kernel forbids it."""
    if shutil.which("unshare") is None:
        pytest.skip("no `unshare` here: namespaces cannot be made")
    for user in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *user, *flags]
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    pytest.skip(f"the kernel forbids `unshare {' '.join(flags)}`")


# Loopback only, as a machine without a network has it: kernels are reached through it.
NO_NETWORK = (
    "import fcntl, os, socket, struct, sys; s = socket.socket(); "
    "fcntl.ioctl(s, 0x8914, struct.pack('16sh14x', b'lo', 0x41)); os.execvp(sys.argv[1], sys.argv[1:])"
)


def without_network(*command: str) -> list[str]:
    """A command, in a network namespace in which only loopback is up."""
    return [*namespace("--net"), sys.executable, "-c", NO_NETWORK, *command]
