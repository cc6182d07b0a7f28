"""Comparing two runs: closed cases, the command, and what the page shows of kept comparisons."""

import json
import math

import pytest

from utils.claims.compare import KEPT, compare, differences, main, summary
from utils.pipeline import report


def record(name="a", estimate=1.0, verdict="supported", control="refuted", notebook="01_x"):
    controls = [{"name": "other", "wanted": "refuted", "verdict": control, "estimate": 9.0}]
    made = {"id": name, "verdict": verdict, "controls": controls, "notebook": notebook}
    return made | {"estimate": estimate, "interval": [estimate - 0.5, estimate + 1.5]}


@pytest.mark.parametrize(
    ("other", "agree", "identical", "apart"),
    [
        ({}, True, True, 0.0),
        ({"estimate": 1.25}, True, False, 0.25),  # in units of half the first interval
        ({"verdict": "refuted"}, False, False, 0.0),
        ({"control": "inconclusive"}, False, False, 0.0),
    ],
)
def test_a_row_says_whether_verdict_and_controls_agree_and_how_far_estimates_are_apart(other, agree, identical, apart):
    (row,) = compare([record()], [record(**other)])
    verdicts = ["supported", other.get("verdict", "supported")]
    assert row == {"id": "a", "verdicts": verdicts, "agree": agree, "identical": identical, "apart": apart}


def test_an_interval_without_length_allows_no_distance():
    one, other = ([record() | {"estimate": x, "interval": [x, x]}] for x in (1.0, 1.0 + 1e-15))
    assert compare(one, one)[0]["apart"] == 0 and compare(one, other)[0]["apart"] == math.inf


def test_summary_finds_the_worst_and_a_claim_that_one_run_lacks_does_not_agree():
    rows = compare([*map(record, "abcd")], [record("a"), record("b", 3.0), record("c", 2.0)])
    assert summary(rows[:3]) == {"claims": 3, "identical": 1, "agree": 3, "apart": 2.0, "where": "b"}
    assert not rows[3]["agree"] and rows[3]["verdicts"] == ["supported", None]


def test_differences_name_the_place_and_leave_times_out():
    one = {"commit": "x", "date": "monday", "seconds": {"01_x": 1}, "claims": [record()]}
    assert differences(one, one | {"date": "tuesday", "seconds": {"01_x": 2}}) == []
    changed = [record() | {"estimate": math.nextafter(1.0, 2.0)}]
    assert differences(one, one | {"claims": changed}) == ["/claims/a/estimate: 1.0 and 1.0000000000000002"]
    assert differences(one, one | {"commit": "y", "claims": []})[0] == "/commit: 'x' and 'y'"
    # Only a build's own times are left out, not a field of a claim that happens to be called so.
    assert differences({"claims": [{"id": "a", "seconds": 1}]}, {"claims": [{"id": "a", "seconds": 2}]})


@pytest.fixture
def files(tmp_path):
    def write(*records, **more):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps({"claims": records} | more))
        return str(path)

    return write


def test_the_command_says_whether_verdicts_are_the_same(files, capsys):
    one, moved, flipped = files(record()), files(record(estimate=1.5)), files(record(verdict="refuted"))
    assert main([one, one, "--exact"]) == 0
    assert main([one, moved]) == 0 and "0.5 half-widths apart" in capsys.readouterr().out
    assert main([one, moved, "--exact"]) == 1 and "not the same: /claims/a/estimate" in capsys.readouterr().out
    assert main([one, flipped]) == 1 and "DIFFERS" in capsys.readouterr().out
    both = files(record("a"), record("b", notebook="02_y"))  # only notebooks that both have are compared
    assert main([one, both]) == 0 and "1 claims" in capsys.readouterr().out
    assert main([one, files(record("b", notebook="02_y"))]) == 2
    assert main([both, files(record("a"), record("c", notebook="02_y"))]) == 1


def test_kept_comparisons_reach_the_page(files, tmp_path, monkeypatch):
    kept = tmp_path / "kept" / "agreement.json"
    kept.parent.mkdir()
    monkeypatch.setattr("utils.claims.compare.KEPT", kept)
    one = files(record("a"), record("b"), commit="c0ffee" * 6)
    assert main([one, files(record("a"), record("b", 1.1)), "--keep", "an old <processor>", "--how", "by hand"]) == 0
    assert main([one, one, "--keep", "again"]) == 0
    runs = json.loads(kept.read_text())
    assert runs["an old <processor>"]["claims"] == {"a": [True, True, 0.0], "b": [True, False, 0.1]}
    table = report.agreements(runs)
    assert "an old &lt;processor&gt;" in table and "c0ffeec0ff" in table and "0.1 (<code>b</code>)" in table
    assert table.count("all the same") == 2


def test_the_books_kept_comparisons_agree():
    runs = json.loads(KEPT.read_text())
    assert runs and all(agree for run in runs.values() for agree, _, _ in run["claims"].values())
