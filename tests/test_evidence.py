import json
import math

import nbformat
import pandas as pd
import pytest
from books import notebook

from utils.experiments import archive
from utils.files import ROOT

FILES = sorted((ROOT / "notebooks" / "evidence").glob("*.json"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "FOLDER", tmp_path / "evidence")
    return tmp_path


def test_what_is_kept_is_what_was_there(folder):
    frame = pd.DataFrame({"arm": ["a", "b"], "loss": [0.123456789, math.nan], "curve": [[1], [2]]})
    table = archive.Table("runs", frame)
    record = table._repr_mimebundle_()[1][archive.RECORD]
    json.dumps(record, allow_nan=False)
    assert record == {"name": "runs", "columns": ["arm", "loss"], "rows": [["a", 0.12346], ["b", None]]}
    path = archive.keep("n.long", {"runs": record}, device="cpu", command="make it")
    tables, provenance = archive.load("n.long")
    pd.testing.assert_frame_equal(tables["runs"], table.frame)
    assert {"commit", "date", "device", "versions", "command"} <= set(provenance)
    assert "make it" in archive.describe(provenance) and not list(path.parent.glob(".*"))


def test_missing_evidence_names_what_there_is(folder):
    archive.keep("n.long", {}, device="cpu", command="make it")
    with pytest.raises(FileNotFoundError, match=r"no evidence 'n.short'.*there is: n.long"):
        archive.load("n.short")


def test_an_executed_notebooks_tables_and_verdicts_are_kept(folder):
    path = notebook(folder / "n.ipynb", "...")
    executed = nbformat.read(path, as_version=4)
    frame = pd.DataFrame({"x": [1]})
    from utils.claims import RECORD

    verdict = {"id": "one", "item": "i", "verdict": "supported", "wanted": "supported", "estimate": 1.0}
    verdict |= {"interval": [0.0, 2.0], "scale": "small", "anchor": "not kept"}
    for metadata in (archive.Table("t", frame)._repr_mimebundle_()[1], {RECORD: verdict}):
        executed.cells[-1].outputs.append(nbformat.v4.new_output("display_data", metadata=metadata))
    executed.metadata["companion"] = {"profile": "cifar", "parameters": {"seed": 1}, "digest": "d", "seconds": 1}
    executed.metadata["papermill"] = {"input_path": "n.ipynb"}
    path = folder / "some_output.ipynb"
    nbformat.write(executed, path)
    assert archive.main(["notebook", str(path)]) == 0
    tables, provenance = archive.load("n.cifar")
    assert tables["t"].x.tolist() == [1] and tables["claims"].verdict.tolist() == ["supported"]
    assert provenance["parameters"] == {"seed": 1}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_committed_evidence_is_small_and_says_where_it_came_from(path):
    assert path.stat().st_size < 500_000
    provenance = json.loads(path.read_text())["provenance"]
    assert len(provenance["commit"]) == 40, "a commit, and a clean one"
    assert provenance["date"] and provenance["device"] and provenance["command"] and provenance["versions"]["torch"]
