"""One thing broken at a time: no verdict survives it, and nothing that is broken gets out."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from books import notebook

from utils import claims
from utils.experiments import archive
from utils.files import ROOT
from utils.mutation import patches, replay, suite

ENTRIES, SHORT = suite.registry()
KEPT = "11_checking_the_checks.sabotage"


def test_every_claim_has_a_sabotage():
    broken = {claim for entry in ENTRIES.values() if entry["kind"] != "mended" for claim in entry["claims"]}
    assert set(claims.registry()) <= broken, "add an entry to utils/sabotage.yml; utils/sabotage.py says how"


def test_all_kinds_of_sabotage_are_there():
    assert {entry["kind"] for entry in ENTRIES.values()} == set(suite.KINDS)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The short form, as ``make sabotage`` runs the long one: two processes at a time, the store of this user a canary."""
    folder = tmp_path_factory.mktemp("sabotage")
    output, store = folder / "rows.json", folder / "store"
    command = [sys.executable, "-m", "utils.mutation.suite", "--form", "short", "--jobs", "2", "--output", str(output)]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"COMPANION_STORE": str(store)}
    )
    assert output.exists(), ended.stderr[-3000:]
    assert not store.exists(), "a sabotaged run wrote into the user's own store"
    return json.loads(output.read_text())


def test_no_claim_survives_its_sabotage(rows):
    assert suite.faults(rows, ENTRIES) == []


def test_sabotaged_claims_are_judged_not_just_stopped(rows):
    assert [(row["sabotage"], row["claim"], row["detail"]) for row in rows if row["verdict"] == "stopped"] == []


def test_most_claims_are_told_apart_with_every_run_of_the_tests(rows):
    left = {claim for entry in SHORT.values() for claim in entry.get("leave", [])}
    broken = {
        row["claim"] for row in rows if row["sabotage"] in ENTRIES and ENTRIES[row["sabotage"]]["kind"] != "mended"
    }
    undisturbed = {row["claim"] for row in rows if row["sabotage"] == suite.UNDISTURBED}
    assert broken <= undisturbed
    judged_there = {name for name, claim in claims.registry().items() if claim["notebook"] in SHORT}
    assert judged_there - left <= broken


def test_what_is_kept_of_the_long_form_survives_nothing_either():
    if not (archive.FOLDER / KEPT).exists():
        pytest.skip("the long form has not been kept yet: make sabotage")
    kept = archive.load(KEPT)[0]["rows"].to_dict("records")
    known = [row for row in kept if row["sabotage"] in ENTRIES]
    assert known and suite.faults(known, ENTRIES) == []


# The machinery.

CLAIM = """
one: {item: i, notebook: n, statement: s, published: p, kind: slack, expected: [0, null], alpha: 1.0e-4,
      controls: {shifted: refuted}, verdict: supported}
"""
JUDGE = """
import math
import numpy as np
from utils.claims import judge
from utils.stats.measurement import Measurement
def bound():
    return math.sqrt(width)
"""
THEN = """
x = np.random.default_rng(0).normal(size=99)
judge("one", [Measurement("a", x, bound())], controls={"shifted": [Measurement("a", x + 9, 1.0)]}, scale="made up")
"""


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Play a miniature notebook in a thread of this process."""
    registry = tmp_path / "claims.yml"
    registry.write_text(CLAIM)
    monkeypatch.setattr(claims, "registry", lambda: __import__("yaml").safe_load(registry.read_text()))
    monkeypatch.setenv("COMPANION_STORE", "unset")

    def run(*sources, patch="", values=None):
        path = notebook(tmp_path / "n.ipynb", *sources)
        with ThreadPoolExecutor(1) as pool:
            there = pool.submit(
                replay.play, path, patch=patch, wanted=["one"], values=values or {}, store=tmp_path / "store"
            )
            return there.result()[0]

    return run


def test_a_patch_reaches_the_notebooks_own_code(play, monkeypatch):
    import math

    assert play(JUDGE, THEN)["noticed"] == ""
    monkeypatch.setattr(math, "sqrt", math.sqrt)  # put back after
    broken = play(JUDGE, THEN, patch="import math; math.sqrt = lambda x: -3.0")
    assert (broken["verdict"], broken["noticed"]) == ("refuted", "verdict")


def test_constants_are_replaced_where_a_cell_sets_them(play):
    assert (
        play(JUDGE, "offset = 0", THEN.replace("bound()", "bound() - offset"), values={"offset": 9})["verdict"]
        == "refuted"
    )
    with pytest.raises(ValueError, match="no cell sets"):
        play(JUDGE, THEN, values={"nowhere": 1})


def test_a_claim_whose_cell_raises_is_stopped_and_says_why(play):
    stopped = play(JUDGE, "bound = None", THEN)
    assert (stopped["verdict"], stopped["noticed"]) == ("stopped", "error") and "TypeError" in stopped["detail"]


def test_only_needed_cells_are_run():
    sources = ["a = 1", "def f():\n    return a + b", "b = 2", "c = f()", "table = {}", "for k in range(3):\n    table[k] = c",
               "unused = 1", 'judge("one", table)', 'judge("two", unused)']  # fmt: skip
    assert replay.needed(sources, ["one"]) == [0, 1, 3, 4, 5, 7] or replay.needed(sources, ["one"]) == [
        0,
        1,
        2,
        3,
        4,
        5,
        7,
    ]
    assert replay.needed(sources, ["two"]) == [6, 8]


def test_a_form_that_would_run_nothing_is_an_error(capsys):
    long = next(name for name, entry in ENTRIES.items() if entry.get("forms") == ["long"])
    with pytest.raises(SystemExit):
        suite.main([long, "--form", "short"])
    assert "it would prove nothing" in capsys.readouterr().err


def test_what_is_edited_must_be_there():
    with pytest.raises(ValueError, match="occurs 0 times in edit"):
        patches.edit(patches.edit, "no such " + "expression", "")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"verdict": "supported", "noticed": ""}, "came out supported, though"),
        ({"verdict": "refuted", "noticed": ""}, "would not notice"),
    ],
)
def test_what_a_sabotage_gets_away_with_is_said(row, words):
    entry = {"one": {"kind": "sampler", "broken": "A row is lost.", "claims": ["thm1"]}}
    assert words in suite.faults([{"sabotage": "one", "claim": "thm1"} | row], entry)[0]


def test_a_mended_claim_must_not_be_refuted():
    entry = {"one": {"kind": "mended", "broken": "It is true.", "claims": ["fig6"]}}
    row = {"sabotage": "one", "claim": "fig6", "verdict": "refuted", "noticed": ""}
    assert "is true there" in suite.faults([row], entry)[0]
