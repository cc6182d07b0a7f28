"""The set-up cell of a notebook that is alone: the code it fetches is the wanted revision's, or there is an error."""

import os
import subprocess
import sys

import nbformat
import pytest

from utils.files import ROOT

CELL = nbformat.read(ROOT / "notebooks" / "10_errata.ipynb", as_version=4).cells[1].source
LINE = 'os.environ.get("COMPANION_REPOSITORY"), "HEAD"'
SAY = "\nimport utils; print(utils.said)"


def git(folder, *arguments):
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A repository with two commits; its address, and what they are."""
    folder, commits = tmp_path_factory.mktemp("published"), {}
    (folder / "utils" / "pipeline").mkdir(parents=True)
    (folder / "utils" / "pipeline" / "bootstrap.py").write_text("")
    git(folder, "init", "--quiet")
    for name in "AB":
        (folder / "utils" / "__init__.py").write_text(f"said = '{name}'\n" + "#" * ord(name))
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", name)
        commits[name] = git(folder, "rev-parse", "HEAD")
    return folder, commits


@pytest.fixture
def cell(published, tmp_path):
    """What the set-up cell of a commit says, in one folder; several after another, in one process."""
    folder, commits = published

    def cell(*names, **variables):
        code = SAY.join(CELL.replace(LINE, f'"{folder}", "{commits[name]}"') for name in names) + SAY
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
        return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)

    return cell


def test_a_set_up_cell_of_another_commit_in_the_same_folder(cell):
    assert [cell(name).stdout for name in "AABA"] == ["A\n", "A\n", "B\n", "A\n"]


def test_a_set_up_cell_of_another_commit_in_the_same_process(cell):
    assert cell("A", "B", "A").stdout == "A\nB\nA\n"


def test_edited_code_is_no_commits(cell, tmp_path):
    cell("A")
    (tmp_path / "companion" / "utils" / "__init__.py").write_text("said = 'mine'")
    for name in "AB":
        done = cell(name)
        assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) <= 5, done.stderr
    assert (tmp_path / "companion" / "utils" / "__init__.py").read_text() == "said = 'mine'"


@pytest.mark.parametrize("kind", ["folder", "repository"])
def test_a_folder_of_the_same_name_that_is_not_ours(cell, tmp_path, kind):
    (tmp_path / "companion").mkdir()
    (tmp_path / "companion" / "mine.txt").write_text("mine")
    if kind == "repository":
        git(tmp_path / "companion", "init", "--quiet")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    done = cell("A")
    assert done.returncode == 1 and "The folder companion is not the companion's: move it away" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_another_project_next_door_is_not_the_companion(cell, tmp_path):
    (tmp_path / "utils").mkdir()
    (tmp_path / "utils" / "run.py").write_text("")
    assert cell("A").stdout == "A\n"


def test_variables_of_a_git_hook_lead_nowhere_else(cell, tmp_path):
    git(tmp_path, "init", "--quiet", "hooked")
    assert cell("A", GIT_DIR=str(tmp_path / "hooked" / ".git")).stdout == "A\n"


def test_a_revision_that_is_not_there_is_an_error(published, tmp_path):
    folder, _ = published
    code = CELL.replace(LINE, f'"{folder}", "{"0" * 40}"') + SAY
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr and "Traceback" not in done.stderr
