"""Nothing of the user's is touched: a file that this program did not make is neither removed nor replaced."""

import os
import platform
import shutil
import stat
import subprocess
import time

import nbformat
import pytest
from books import notebook

from utils.experiments import archive
from utils.files import ROOT, clear_stale
from utils.pipeline import build, stage
from utils.run import main

OLD = time.time() - 7200


def old(path, text=""):
    path.write_text(text)
    os.utime(path, (OLD, OLD))
    return path


@pytest.mark.slow
def test_files_that_look_temporary_beside_an_output_stay(tmp_path):
    source = notebook(tmp_path / "in" / "t.ipynb", "1")
    names = ".notes.tmp.org .draft.tmp .vimrc.tmp.bak .out.tmp.ipynb .out.1.tmp.ipynb .a.b.1.tmp.ipynb .out.host.x.tmp.ipynb .out.h.1.tmp.org"
    (folder := tmp_path / "d").mkdir()
    for name in names.split():
        old(folder / name)
    old(folder / ".out.other-machine.1.tmp.ipynb")  # what a run there was killed over
    old(folder / f".out.{platform.node()}.{2**22 + 1}.tmp.ipynb")  # and one here
    assert main([str(source), str(folder / "out.ipynb")]) == 0
    assert {path.name for path in folder.iterdir()} == {*names.split(), "out.ipynb"}


def test_in_the_store_too_only_names_of_ours_are_cleared(tmp_path):
    kept = [old(tmp_path / name) for name in (".notes.tmp.org", ".draft.tmp", ".a.tmp.json", ".vimrc.host.tmp.bak")]
    old(tmp_path / ".key.other-machine.1.tmp.json")
    clear_stale(tmp_path)
    assert set(tmp_path.iterdir()) == set(kept)


def executed(path):
    notebook(path, "1")
    content = nbformat.read(path, as_version=4)
    content.metadata["papermill"] = {}
    nbformat.write(content, path)


REFUSED = {
    "the failed copy's name is the input's": ("a.failed.ipynb", "a.ipynb"),
    "the output is the input": ("a.ipynb", "a.ipynb"),
    "the output is another source": ("first.ipynb", "second.ipynb"),
    "the failed copy's name is another source's": ("first.ipynb", "mine.ipynb"),
    "the output is a link to a source": ("first.ipynb", "link.ipynb"),
    "the output is a link to what may be replaced": ("first.ipynb", "done.ipynb"),
    "the output is a link to nothing": ("first.ipynb", "dangling.ipynb"),
    "the output is a link to itself": ("first.ipynb", "loop.ipynb"),
    "the output is a hard link to the input": ("first.ipynb", "hard.ipynb"),
    "the failed copy's name is a folder's": ("first.ipynb", "folder.ipynb"),
}


def contents(folder):
    """What is in a folder; when a file was last read does not matter."""
    known = {path: path.lstat() for path in folder.iterdir()}
    return {path: (one.st_ino, one.st_mode, one.st_size, one.st_mtime_ns) for path, one in known.items()}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_lost_is_named_before_anything_runs(tmp_path, capsys, case):
    for name in ("a.ipynb", "a.failed.ipynb", "first.ipynb", "second.ipynb", "mine.failed.ipynb"):
        notebook(tmp_path / name, "1")
    (tmp_path / "link.ipynb").symlink_to("second.ipynb")
    (tmp_path / "done.txt").touch()
    (tmp_path / "done.ipynb").symlink_to("done.txt")
    (tmp_path / "dangling.ipynb").symlink_to(tmp_path / "no" / "such.ipynb")
    (tmp_path / "loop.ipynb").symlink_to("loop.ipynb")
    (tmp_path / "hard.ipynb").hardlink_to(tmp_path / "first.ipynb")
    (tmp_path / "folder.failed.ipynb").mkdir()
    before = contents(tmp_path)
    given, output = (str(tmp_path / name) for name in REFUSED[case])
    assert main([given, output]) == 2
    assert f"OUTPUT {output}" in capsys.readouterr().err
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_what_a_run_has_written_may_be_written_again(tmp_path):
    source = notebook(tmp_path / "t.ipynb", "1")
    for name in ("o.ipynb", "o.failed.ipynb"):
        executed(tmp_path / name)
    assert main([str(source), str(tmp_path / "o.ipynb")]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"t.ipynb", "o.ipynb"}


def test_the_stage_takes_contents_and_no_modes(tmp_path, monkeypatch):
    """An ordinary user could not remove what was copied from a read-only book."""
    for path in ("book/a/page.md", "_config.yml", "_toc.yml", "n.ipynb"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    sources = list(tmp_path.rglob("*"))
    for path in sources:
        path.chmod(0o555)
    monkeypatch.setattr(stage, "ROOT", tmp_path)
    monkeypatch.setattr(stage, "_write_figures", lambda *_: None)
    monkeypatch.setattr(stage, "_generate", lambda *_: None)
    tree = stage.stage(tmp_path / "_build", [tmp_path / "n.ipynb"], {}, [], None)
    assert (tree / "book" / "a" / "page.md").exists() and (tree / "notebooks" / "n.ipynb").exists()
    assert all(path.stat().st_mode & stat.S_IWUSR for path in tree.rglob("*"))


def test_of_the_executed_notebooks_only_published_ones_are_removed(tmp_path):
    notebook(tmp_path / "composed" / "first.ipynb", "1")
    for name in ("first", "dropped", "mine"):
        notebook(tmp_path / "executed" / f"{name}.ipynb", "1")
    (tmp_path / "claims.json").write_text('{"seconds": {"first": 1, "dropped": 2}}')
    composed = [tmp_path / "composed" / "first.ipynb"]
    build._publish_notebooks(composed, tmp_path / "executed", build._published(tmp_path))
    assert {path.stem for path in (tmp_path / "executed").iterdir()} == {"first", "mine"}


@pytest.mark.parametrize("name", ["..", ".", "../..", "a", "a.b/c", "mine.notes"])
def test_kept_results_replace_nothing_but_kept_results(tmp_path, monkeypatch, name):
    monkeypatch.setattr(archive, "FOLDER", tmp_path / "evidence")
    mine = tmp_path / "evidence" / "mine.notes" / "read.me"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(ValueError, match=f"evidence '{name}'"):
        archive.keep(name, {}, device="cpu", code=None)
    assert mine.read_text() == "mine"


def make(folder, *targets):
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, folder / name)
    return subprocess.run(["make", *targets], cwd=folder, capture_output=True, text=True)


def test_make_does_not_empty_an_environment_that_it_did_not_make(tmp_path):
    mine = tmp_path / ".venv" / "mine"
    mine.parent.mkdir()
    mine.write_text("mine")
    for target in ("book", "distclean"):
        done = make(tmp_path, target)
        assert done.returncode and ".venv is there and make has not made it" in done.stderr
        assert mine.read_text() == "mine"
