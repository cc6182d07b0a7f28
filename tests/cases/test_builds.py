"""Builds where something is otherwise: language, git, processors, another environment, another build, signals."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
import pytest
from books import book, heard, notebook, run, short_of_the_pages, start, until

from utils import provenance
from utils.claims.compare import TIMES
from utils.files import ROOT
from utils.pipeline import build
from utils.processes.commands import gathered
from utils.run import main

pytestmark = pytest.mark.slow


def shown(root):
    claims = json.loads((root / "_build" / "claims.json").read_text(encoding="utf-8"))
    pages = {path.name: path.read_bytes() for path in (root / "_build" / "html").rglob("*.html")}
    return {name: value for name, value in claims.items() if name not in TIMES}, pages.keys()


def digests(root):
    """Of all that a reader is shown, but for the time and the memory it took; of notebooks, of their outputs."""
    html, executed = root / "_build" / "html", root / "_build" / "executed"
    kinds = (".html", ".css", ".svg", ".inv", ".csv")
    contents = {str(path.relative_to(html)): path.read_bytes() for path in html.rglob("*") if path.suffix in kinds}
    contents["book/intro.html"] = re.sub(rb"\d+ (s( \(.+ min\))?|MB)<", b"<", contents["book/intro.html"])
    for path in executed.iterdir():
        cells = nbformat.read(path, as_version=4).cells
        contents[path.name] = repr([cell.get("outputs") for cell in cells]).encode()
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


@pytest.fixture(scope="module")
def latin(tmp_path_factory):
    """Variables of a process whose language is written in ISO-8859-1."""
    if shutil.which("localedef") is None:
        pytest.skip("no `localedef` here: no such language can be made")
    folder = tmp_path_factory.mktemp("locales")
    made = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(folder / "en_US.ISO-8859-1")]
    if subprocess.run(made, capture_output=True).returncode:
        pytest.skip("`localedef` has no ISO-8859-1 here")
    return {"LOCPATH": str(folder), "LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_git_not_in_path_an_iso_8859_1_locale_and_a_folder_with_braces(built, latin, tmp_path):
    root, bare = book(tmp_path / "a {width} [b] 'c' $d ü"), tmp_path / "bin"
    bare.mkdir()
    for path in (root / "book").rglob("*"):
        path.chmod(0o555)
    env = os.environ | latin | {"PATH": str(bare)}
    command = [sys.executable, "-m", "utils.build"]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, encoding="latin-1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ü − ∞" in (root / "_build" / "html" / "book" / "intro.html").read_text(encoding="utf-8")
    assert shown(root) == shown(built)
    assert digests(root) == digests(built), "to the byte"
    assert "0 to run" in run(root, "utils.build").stdout, "and what it gives is what another environment gives"


def test_a_folder_around_the_clone_or_a_hook_may_be_another_repository(tmp_path, monkeypatch):
    def git(*arguments):
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "--message", "theirs")
    (tmp_path / "clone").mkdir()
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "clone")
    assert provenance.commit() is None
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "clone"))
    assert provenance.commit() is None
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    git("config", "status.showUntrackedFiles", "no")
    (tmp_path / "new").touch()
    assert provenance.commit().endswith("-dirty")


def test_pip_install_of_another_numpy_is_a_reason_to_run(built, tmp_path):
    """An environment over this one, in which pip's record of numpy says another version."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    packages = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    (packages / "this.pth").write_text(sysconfig.get_path("purelib"))
    root = Path(shutil.copytree(built, tmp_path / "book"))
    assert "0 to run" in run(root, "utils.build", python=python).stdout
    (packages / "numpy-9.9.9.dist-info").mkdir()
    (packages / "numpy-9.9.9.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 9.9.9\n")
    assert "2 to run" in short_of_the_pages(root, python=python)
    ran = nbformat.read(root / "_build" / "cache" / "fast" / "first.ipynb", as_version=4).metadata["companion"]["ran"]
    assert ran["versions"]["numpy"] == "9.9.9"


def test_provenance_is_recorded_where_a_notebook_ran(tmp_path, monkeypatch):
    source = notebook(tmp_path / "n.ipynb", "1")
    assert main([str(source), str(tmp_path / "o.ipynb")]) == 0
    here = provenance.facts()
    assert nbformat.read(tmp_path / "o.ipynb", as_version=4).metadata["companion"]["ran"] == here
    monkeypatch.setattr(provenance, "processor", lambda: "another machine")
    monkeypatch.setattr(provenance, "versions", lambda *names: {"numpy": "9.9.9"})
    shown = build.report.describe("fast", [tmp_path / "o.ipynb"], threads=1)
    assert (shown["device"], shown["versions"]) == (here["device"], here["versions"])


def test_of_two_builds_in_one_clone_one_waits_says_so_and_finds_all_done(built):
    """What they leave is what a lone build leaves: it is compared above."""
    said = (built / "said").read_text()
    assert said.count("Another build is running in this clone (process ") == 1
    assert (
        said.count("2 to run, 0 unchanged") == said.count("0 to run, 2 unchanged") == said.count("pages unchanged") == 1
    )


def of(root):
    """Processes that were started in a book."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("BOOK") == str(root):
                found.append(process)
        except psutil.Error:
            pass
    return found


SLEEP = "import pathlib, subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); pathlib.Path(f'../{name}').touch(); time.sleep(600)"
SIGNALS = {"sigterm to the build": (signal.SIGTERM, os.kill), "ctrl-c": (signal.SIGINT, os.killpg)}


@pytest.mark.parametrize("case", SIGNALS)
@pytest.mark.parametrize("when", ["at once", "in the notebooks"])
def test_a_signal_ends_all_that_was_started_in_one_line(tmp_path, case, when):
    root = book(tmp_path)
    for name in ("first", "second"):
        notebook(root / "notebooks" / f"{name}.ipynb", SLEEP.replace("{name}", name).replace("f'", "'"))
    process = start(root, "--jobs", "2", env=os.environ | {"BOOK": str(root)})
    number, send = SIGNALS[case]
    if when == "at once":
        until(lambda: "2 to run" in (root / "said").read_text(), process=process)
        time.sleep(0.7)  # in the middle of what is loaded
    else:
        until(lambda: (root / "first").exists() and (root / "second").exists(), process=process)
        assert len(of(root)) >= 7, "a build, two runners, two kernels, two children"
    send(process.pid, number)
    assert process.wait(30) == 128 + number
    until(lambda: not of(root), seconds=20)
    lines = [line for line in (root / "said").read_text().replace("\r", "\n").splitlines() if line.strip()]
    added = [line for line in lines[1:] if "it/s" not in line and "cell" not in line]
    assert len(added) == 1 and added[0].startswith("Interrupted: "), lines
    assert not list((root / "_build").rglob("*.ipynb")) and not list((root / "_build").rglob(".*.tmp*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_run_in_one_line(tmp_path, number):
    source = notebook(tmp_path / "n.ipynb", SLEEP.replace("../{name}", f"{tmp_path}/here").replace("f'", "'"))
    command = [sys.executable, "-m", "utils.run", str(source), str(tmp_path / "out" / "o.ipynb")]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=heard, env=os.environ | {"BOOK": str(tmp_path)}
    )
    until(lambda: (tmp_path / "here").exists(), process=process)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number and "Traceback" not in said
    assert [line for line in said.splitlines() if line and "cell" not in line] == [
        "Interrupted: nothing was put in place, and all that was started is ended"
    ]
    until(lambda: not of(tmp_path), seconds=20)
    assert list((tmp_path / "out").iterdir()) == []


COMMAND = """
import pathlib, sys, time
from utils.processes import commands
commands.AGAIN = 0.1
def held(*_):
    pathlib.Path(sys.argv[1]).touch()
    time.sleep(60)
def main():
    WHERE
    time.sleep(60)
commands.command(main)
"""
LOST = {
    "dropped": "type('Held', (), {'__del__': held})()",  # a finalizer; so are the import system's callbacks
    "replaced": "type('Of', (), {'held': type('Held', (), {'__set_name__': held})()})",  # by Python 3.11, with another one
    "caught": "try: held()\n    except: pass",  # as libraries do when they are loaded
    "followed": "import atexit; atexit.register(lambda: 1 / 0); held()",  # by another one, from a half-loaded module
}


@pytest.mark.parametrize("what", LOST)
def test_a_signal_ends_a_command_also_where_its_exception_is_lost(tmp_path, what):
    """It once left a kernel's children behind."""
    here, script = tmp_path / "here", COMMAND.replace("WHERE", LOST[what])
    process = subprocess.Popen([sys.executable, "-c", script, str(here)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    until(here.exists, process=process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM and said.startswith("\nInterrupted: ") and said.count("\n") == 2


def test_a_signal_that_does_not_end_a_wait_is_heard_all_the_same():
    """One that another thread was given; so is one that came just before, while this thread waited for its turn."""
    heard = threading.Event()

    def work():
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        heard.wait(20)

    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    try:
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(work)
            with pytest.raises(KeyboardInterrupt):
                next(gathered([future]))
            assert not future.done()
            heard.set()
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.skipif(shutil.which("taskset") is None, reason="no `taskset` here")
def test_taskset_says_how_many_notebooks_run_at_a_time(tmp_path):
    """As ``--jobs`` does, see test_build."""
    root = book(tmp_path)
    for name in ("first", "second"):
        notebook(root / "notebooks" / f"{name}.ipynb", "import joblib; print(joblib.cpu_count())")
    command = ["taskset", "-c", "0", sys.executable, "-m", "utils.build"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert "was not judged there" in done.stderr  # the claim, by these notebooks
    both = [nbformat.read(path, as_version=4) for path in (root / "_build" / "cache" / "fast").glob("*.ipynb")]
    assert [ran.cells[-1].outputs[0].text for ran in both] == ["1\n"] * 2
    one, two = sorted((ran.metadata["papermill"] for ran in both), key=lambda ran: ran["start_time"])
    assert one["end_time"] <= two["start_time"]


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5"])
def test_jobs_are_a_positive_number(given, capsys):
    from utils.build import main

    with pytest.raises(SystemExit) as status:
        main(["--jobs", given])
    assert status.value.code == 2 and "--jobs" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["-1", "010", "1_0", "two", "../1", "٣"])
def test_a_seed_is_a_whole_number(given, capsys):
    from utils.build import main

    with pytest.raises(SystemExit) as status:
        main([f"--seed={given}"])
    assert status.value.code == 2 and f"{given!r}, expected a whole number" in capsys.readouterr().err
