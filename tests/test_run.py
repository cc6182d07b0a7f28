"""One notebook, strictly: exit statuses, and what is left on disk after each."""

import re
import tempfile
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import pytest
from books import notebook, run

from utils.files import ROOT
from utils.pipeline.execute import faults
from utils.run import main


@pytest.fixture
def source(tmp_path):
    return notebook(tmp_path / "in" / "n.ipynb", "print(width, n, depth, name)")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out" / "n.ipynb"


@pytest.fixture
def command(capsys):
    """Exit status of the command and what it says, in this process."""

    def call(*arguments):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = error.code
        return status, capsys.readouterr().err

    return call


def printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(o.get("text", "") for c in cells if c.cell_type == "code" for o in c.outputs)


@pytest.mark.slow
def test_a_clean_run_is_put_in_place_with_its_overrides_and_says_nothing_but_progress(source, out):
    """Those of the profile and, over them, the command line's. And it takes the place of the failed copy of a run before."""
    source.with_name("profiles.yml").write_text("paper:\n  n: {width: 20, depth: 5}\n")
    out.parent.mkdir()
    out.with_suffix(".failed.ipynb").write_text("{}")
    done = run(ROOT, "utils.run", source, out, "--profile", "paper", "-p", "width", 64, "-p", "name", "b")
    assert done.returncode == 0 and "Traceback" not in done.stderr and "KeyboardInterrupt" not in done.stderr
    assert printed(out) == "64 2 5 b\n"
    assert [p.name for p in out.parent.iterdir()] == ["n.ipynb"]
    executed = nbformat.read(out, as_version=4)
    assert executed.metadata["companion"]["parameters"] == {"width": 64, "depth": 5, "name": "b"}
    assert str(out.parent) not in out.read_text()
    injected = [c for c in executed.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert len(injected) == 1 and "remove-cell" in injected[0].metadata["tags"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-p", "widht", "64"], "no parameter 'widht'; did you mean 'width'?"),
        (["-p", "depth", "minus-one"], "'depth': 'minus-one' is a string, expected an integer"),
        (["-p", "depth", "-3"], "'depth': -3 is out of range, expected 1 to 10"),
        (["-p", "width", "3", "-p", "n", "4"], "'width': 3 is out of range, expected n (4) to 100"),
        (["-p", "width"], "expected 2 arguments"),
        (["--profile", "fastest"], "invalid choice: 'fastest'"),
        (["--profile", "paper"], "no parameter 'dpeth'"),
        (["--cell-timeout", "0"], "--cell-timeout"),
    ],
)
def test_bad_usage_exits_2_and_writes_nothing(source, out, command, arguments, words):
    source.with_name("profiles.yml").write_text("paper:\n  n: {dpeth: 20}\n")
    status, said = command(source, out, *arguments)
    assert status == 2 and words in said and not out.parent.exists()


@pytest.mark.parametrize(
    ("given", "out"),
    [
        ("no.ipynb", "o.ipynb"),
        ("in/n.ipynb", "in/n.ipynb"),
        ("in/n.ipynb", "o.txt"),
        ("in/n.ipynb", ".ipynb"),
        ("in/n.ipynb", f"{'x' * 300}.ipynb"),
        (f"{'x' * 300}.ipynb", "o.ipynb"),
        ("in/n.ipynb", "\udcff.ipynb"),
    ],
)
def test_paths_that_cannot_be_right_exit_2(source, tmp_path, command, given, out):
    before = source.read_bytes()
    assert command(tmp_path / given, tmp_path / out)[0] == 2
    assert source.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["in"]


WAITS = "import atexit, pathlib, subprocess as s; atexit.register(pathlib.Path('last').touch); s.run(['sleep', '60'])"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "arguments", "words"),
    [
        ("1 / 0", [], "ZeroDivisionError"),
        ("import time; time.sleep(60)", ["--cell-timeout", "2.0"], "timeout|timed out"),
        (WAITS, ["--cell-timeout", "1"], "timeout|timed out"),
        ("import os; os._exit(1)", [], "[Kk]ernel"),
    ],
    ids=["raises", "times out", "times out in a child", "kernel dies"],
)
def test_a_failed_run_leaves_the_output_alone_and_a_copy_beside_it(tmp_path, out, command, body, arguments, words):
    source = notebook(tmp_path / "in" / "n.ipynb", "print('started')", body, "print('never')")
    out.parent.mkdir()
    out.write_text("what was there before")
    status, said = command(source, out, *arguments)
    assert status == 1 and re.search(words, said)
    assert out.read_text() == "what was there before"
    assert sorted(p.name for p in out.parent.iterdir()) == ["n.failed.ipynb", "n.ipynb"]
    assert printed(out.with_suffix(".failed.ipynb")).startswith("started")
    assert (source.parent / "last").exists() == (body == WAITS), "and a kernel that can ends in order"


@pytest.mark.slow
def test_an_error_output_that_stopped_nothing_is_a_failure(tmp_path, out):
    """A cell tagged raises-exception shows its error and lets the run go on with success."""
    source = notebook(tmp_path / "in" / "n.ipynb", "1 / 0", "print('on')")
    nb = nbformat.read(source, as_version=4)
    nb.cells[2].metadata["tags"] = ["raises-exception"]
    nbformat.write(nb, source)
    done = run(ROOT, "utils.run", source, out)
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr and not out.exists()


def test_faults_finds_half_run_notebooks():
    cell = nbformat.v4.new_code_cell("1", execution_count=1)
    assert faults(nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_code_cell("  ")])) == []
    assert faults(nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_code_cell("2")])) == ["cell 1 was not run"]


def test_processors_that_are_no_number_are_named_before_anything_runs(source, out, command, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "two")
    status, said = command(source, out)
    assert status == 2 and "LOKY_MAX_CPU_COUNT='two'" in said and not out.parent.exists()


@pytest.mark.slow
def test_a_kernel_ends_in_order_when_its_notebook_is_done(tmp_path, out):
    """A child that notes every interrupt notes none. (Such a kernel may print a traceback on its way out.)

    The kernel itself ends in order, even if its control thread hangs, which that did now and then when it was asked to end it.
    """
    note, end = tmp_path / "interrupted", tmp_path / "in order"
    child = f"import pathlib, signal, time; signal.signal(2, lambda *_: pathlib.Path({str(note)!r}).touch()); print(1, flush=True); time.sleep(60)"
    body = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE).stdout.readline()"
    hangs = "import time; get_ipython().kernel.control_handlers['shutdown_request'] = lambda *_: time.sleep(60)"
    last = f"import atexit, pathlib; atexit.register(pathlib.Path({str(end)!r}).touch)"
    assert run(ROOT, "utils.run", notebook(tmp_path / "n.ipynb", body, hangs, last), out).returncode == 0
    assert end.exists() and not note.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "transport"), [("", "ipc"), ("a" * 100, "tcp")], ids=["short", "long"])
def test_a_kernel_is_reached_through_files_where_their_paths_are_short_enough(out, monkeypatch, folder, transport):
    """No other process can take a file's name, as it can a port that was free a moment ago."""
    with TemporaryDirectory(dir="/tmp") as temporary:
        (room := Path(temporary, folder)).mkdir(exist_ok=True)
        monkeypatch.setattr(tempfile, "tempdir", str(room))
        body = "from ipykernel import get_connection_info as facts; print(facts(unpack=True)['transport'])"
        assert main([str(notebook(Path(temporary, "n.ipynb"), body)), str(out)]) == 0
    assert printed(out) == f"{transport}\n"
