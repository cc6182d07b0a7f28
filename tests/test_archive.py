"""Kept long runs: what was there comes back, nothing half-written is read, and every committed one says where it is from."""

import io
import math
import subprocess
import tarfile

import nbformat
import pandas as pd
import pytest
from books import notebook

from utils.claims import RECORD, registry
from utils.experiments import archive
from utils.files import ROOT
from utils.fingerprint import made_by
from utils.pipeline.execute import notebook_fingerprint

KEPT = sorted(path for path in (ROOT / "notebooks" / "evidence").iterdir() if path.is_dir())


@pytest.fixture(autouse=True)
def folder(request, tmp_path, monkeypatch):
    if "path" not in request.fixturenames:
        monkeypatch.setattr(archive, "FOLDER", tmp_path / "evidence")
    return tmp_path


SOURCE = ROOT / "utils" / "experiments" / "long_run.py"
FRAME = pd.DataFrame(
    {"arm": ["a, b", ""], "depth": [1, 2], "rate": [10.0, 1.0], "loss": [0.1 + 0.2, math.nan], "one": [1e-05, 1 / 3]}
)


def test_what_is_kept_is_what_was_there_types_included():
    path = archive.keep("n.long", {"runs": FRAME}, device="cpu", code=made_by(SOURCE), command="make it")
    tables, provenance = archive.load("n.long")
    pd.testing.assert_frame_equal(tables["runs"], FRAME, check_exact=True)
    assert {"commit", "date", "device", "versions", "command"} <= set(provenance)
    assert "make it" in archive.describe(provenance)
    archive.keep("n.long", {"curves": FRAME}, device="cpu", code=None, command="make it")
    assert list(archive.load("n.long")[0]) == ["curves"], "tables of an earlier run stayed"
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_leaves_what_was_there():
    path = archive.keep("n.long", {"runs": FRAME}, device="cpu", code=None, command="make it")
    with pytest.raises(TypeError):
        archive.keep("n.long", {"runs": FRAME[:1]}, device="cpu", code=None, command=object())
    assert len(archive.load("n.long")[0]["runs"]) == 2 and list(path.parent.iterdir()) == [path]
    with pytest.raises(FileNotFoundError, match=r"no evidence 'n.short'.*there is: n.long"):
        archive.load("n.short")


def test_a_shown_table_has_plain_columns_and_five_digits():
    frame = pd.DataFrame({"loss": [0.123456789, math.inf], "curve": [[1], [2]], "seed": [0, 1]})
    shown = archive.Table("runs", frame)._repr_mimebundle_()[1][archive.RECORD]
    assert shown == {"name": "runs", "csv": "loss,seed\n0.12346,0\nNaN,1\n"}


def test_an_executed_notebooks_tables_and_verdicts_are_kept(folder):
    executed = nbformat.read(notebook(folder / "n.ipynb", "..."), as_version=4)
    row = ["width 8", 0.25, 0.0, 0, 0.5, 1.0, None, 0.01]  # a Summary, as a verdict carries it
    controls = {name: [row] for name in registry()["lemma7"]["controls"]}
    evidence = {"id": "lemma7", "scope": "width: 8", "measured": {"distance": [row]}, "controls": controls}
    for metadata in (archive.Table("t", FRAME[["depth"]])._repr_mimebundle_()[1], {RECORD: evidence}):
        executed.cells[-1].outputs.append(nbformat.v4.new_output("display_data", metadata=metadata))
    made = {"profile": "cifar", "parameters": {"seed": 1}, "code": made_by(SOURCE)}
    executed.metadata |= {"companion": made, "papermill": {"input_path": "n.ipynb"}}
    nbformat.write(executed, folder / "some_output.ipynb")
    assert archive.main([str(folder / "some_output.ipynb")]) == 0
    tables, provenance = archive.load("n.cifar")
    assert tables["t"].depth.tolist() == [1, 2] and provenance["parameters"] == {"seed": 1}
    assert provenance["code"] == made["code"]
    (judged,) = tables["claims"].to_dict("records")
    assert (judged["id"], judged["verdict"], judged["low"], judged["high"]) == ("lemma7", "supported", 0.24, 0.26)
    assert judged["scale"] == "width 8"


def test_a_notebook_depends_on_the_evidence_that_its_code_names_and_on_no_other(folder):
    path = notebook(folder / "n.ipynb", 'runs = archive.load("m.long")')
    for name in ("m.long", "m.longer", "n.long"):
        archive.keep(name, {"runs": FRAME}, device="cpu", code=None)
    before = notebook_fingerprint(path, {})
    for name in ("m.longer", "n.long"):
        (archive.FOLDER / name / "runs.csv").write_text("changed")
    assert notebook_fingerprint(path, {}) == before
    for name in ("runs.csv", "provenance.json", "another.csv"):
        (archive.FOLDER / "m.long" / name).write_text("changed")
        assert notebook_fingerprint(path, {}) != before
        before = notebook_fingerprint(path, {})


def test_kept_numbers_say_whether_todays_code_made_them(folder, monkeypatch):
    """And a notebook that shows them runs again when the answer is another one."""
    monkeypatch.setattr("utils.fingerprint.ROOT", folder)
    (folder / "requirements.txt").touch()
    long, source = folder / "long.py", notebook(folder / "n.ipynb", 'archive.load("n.long")')
    long.write_text("1")

    def keep(code):
        archive.keep("n.long", {"runs": FRAME}, device="cpu", code=code, command="make it")
        return says()

    def says():
        return archive.describe(archive.load("n.long")[1]).partition("`make it`. ")[2]

    assert keep(made_by(long)) == "The code that made it is today's."
    before = notebook_fingerprint(source, {})
    long.write_text("2")
    assert says() == "The code that made it has changed since: it is older than today's."
    assert notebook_fingerprint(source, {}) != before
    long.unlink()
    assert "is older than today's" in says()
    assert "unknown" in keep(None)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_the_fingerprint_of_committed_evidence_is_that_of_its_commit(path, tmp_path, monkeypatch):
    code, commit = (archive.load(path.name)[1].get(name) for name in ("code", "commit"))
    if code is None:
        pytest.skip("made before fingerprints were kept, by the code of several commits")
    git = ["git", "-C", str(ROOT), "archive", commit, "utils", "notebooks"]
    tree = subprocess.run(git, capture_output=True)
    if tree.returncode:
        pytest.skip("not a clone with all commits")
    with tarfile.open(fileobj=io.BytesIO(tree.stdout)) as tar:
        tar.extractall(tmp_path, filter="data")
    monkeypatch.setattr("utils.fingerprint.ROOT", tmp_path)
    assert made_by(*(tmp_path / name for name in code["of"])) == code


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_committed_evidence_is_small_and_says_where_it_came_from(path):
    assert sum(file.stat().st_size for file in path.iterdir()) < 500_000
    tables, provenance = archive.load(path.name)
    assert tables and len(provenance["commit"]) == 40, "a commit, and a clean one"
    assert provenance["date"] and provenance["device"] and provenance["command"] and provenance["versions"]["torch"]
