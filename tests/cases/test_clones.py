"""A clone wherever it is made, and other commands than ours in it."""

import shutil
import subprocess

import pytest
from books import book, run

from utils.files import ROOT


def test_git_clone_with_core_autocrlf_gives_scripts_that_shells_read(tmp_path):
    def git(*arguments):
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.autocrlf=true"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    names = [".ci/run", ".ci/live", "Makefile", "notebooks/10_errata.ipynb", "requirements.txt", "utils/run.py"]
    for name in (".gitattributes", *names):
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "one" / name)
    git("init", "--quiet", "one")
    git("-C", "one", "add", "--all")
    git("-C", "one", "commit", "--quiet", "--message", "one")
    git("clone", "--quiet", "one", "two")
    assert all((tmp_path / "two" / name).read_bytes() == (ROOT / name).read_bytes() for name in names)
    subprocess.run(["bash", "-n", str(tmp_path / "two" / ".ci" / "run")], check=True)


@pytest.mark.slow
def test_jupyter_book_build_in_a_clone_points_at_make_book(tmp_path):
    root = book(tmp_path)
    build = "import sys; from jupyter_book.cli.main import main; sys.argv[1:] = ['build', '.']; main()"
    done = run(root, "-c", build)
    assert done.returncode != 0 and "use `make book`" in done.stdout + done.stderr
    assert not list((root / "_build").rglob("*.html"))
