"""One thing broken at a time: no verdict survives it, and nothing that is broken gets out."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import yaml
from books import notebook

from utils import claims
from utils.claims import register as claims_register
from utils.experiments import archive
from utils.mutation import patches, register, replay, suite

pytestmark = pytest.mark.slow

ENTRIES, SHORT = register.registry()
BROKEN = {name: entry for name, entry in ENTRIES.items() if entry["kind"] != "mended"}


def test_every_claim_is_taken_down_by_a_mutation():
    missing = set(claims.registry()) - {claim for entry in BROKEN.values() for claim in entry["claims"]}
    how = "add a mutation to the notebook's file in utils/claims/data; utils/mutation/register.py says how"
    assert not missing, how
    assert {entry["kind"] for entry in ENTRIES.values()} == set(register.KINDS)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """This user's store, a canary, as the processes of the suite see it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("store") / "untouched"
        patch.setenv("COMPANION_STORE", str(folder))
        patch.setenv("TQDM_DISABLE", "1")
        yield folder


@pytest.fixture(scope="module")
def rows(store):
    rows = suite.suite("short", jobs=2)
    assert not store.exists(), "a mutated run wrote into the user's own store"
    return rows


def test_every_patch_finds_what_it_breaks(rows):
    """Those of the short form did; an error in one ends the suite."""
    others = set(ENTRIES) - {row["mutation"] for row in rows}
    with suite.processes(2) as pool:
        tried = [pool.apply_async(patches.apply, (ENTRIES[name]["patch"],)) for name in others]
        assert [done.get() for done in tried] == [None] * len(others)


def test_no_claim_survives_its_mutation_and_all_hold_where_nothing_is_broken(rows):
    assert suite.faults(rows, ENTRIES) == []
    assert [(row["mutation"], row["claim"], row["detail"]) for row in rows if row["verdict"] == "stopped"] == []


def test_the_short_form_leaves_out_only_what_the_files_say(rows):
    undisturbed = {row["claim"] for row in rows if row["mutation"] == suite.UNDISTURBED}
    broken = {row["claim"] for row in rows if row["mutation"] in BROKEN}
    left = {claim for change in SHORT.values() for claim in change.get("leave", [])}
    assert {name for name, claim in claims.registry().items() if claim["notebook"] in SHORT} - left <= broken
    assert broken <= undisturbed


def test_what_is_kept_of_the_long_form_survives_nothing_either():
    kept = archive.load("11_checking_the_checks.mutation")[0]["rows"].to_dict("records")
    known = [row for row in kept if row["mutation"] in ENTRIES]
    assert known and suite.faults(known, ENTRIES) == []


@pytest.mark.parametrize(
    ("kind", "claim", "verdict", "words"),
    [
        ("sampler", "thm1", "supported", "came out supported, though a row is lost"),
        ("sampler", "thm1", "refuted", "and its controls as ever: the build would not notice"),
        ("mended", "fig6", "refuted", "came out refuted, though what it states is true there"),
    ],
)
def test_a_mutation_that_is_not_noticed_is_a_fault_and_what_is_noticed_with_nothing_broken(kind, claim, verdict, words):
    entry = {"one": {"kind": kind, "broken": "A row is lost.", "claims": [claim]}}
    assert words in suite.faults([{"mutation": "one", "claim": claim, "verdict": verdict, "noticed": ""}], entry)[0]
    for noticed in ("verdict", "error"):
        row = {"mutation": suite.UNDISTURBED, "claim": "thm1", "verdict": "inconclusive", "noticed": noticed}
        assert "with nothing broken" in suite.faults([row], {})[0]


# The machinery, on a miniature.

CLAIM = {"item": "i", "statement": "s", "published": "p", "kind": "slack", "rule": "mean", "expected": [0, None],
         "alpha": 1e-4,
         "controls": {"shifted": "refuted"}, "verdict": "supported"}  # fmt: skip
MUTATION = {"kind": "sampler", "broken": "A row is lost.", "patch": "", "claims": ["one"]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patch": None}, "misses {'patch'}"),
        ({"blimd": {}}, "has unknown {'blimd'}"),
        ({"kind": "typo"}, "kind 'typo', expected one of vanilla network"),
        ({"claims": ["two"]}, "claim 'two' is not one that n judges"),
        ({"kind": "mended"}, "mends 'one', which is not expected to be refuted"),
        ({}, "is in m.yml too"),
    ],
)
def test_a_malformed_mutation_is_refused(tmp_path, change, words):
    entry = {key: value for key, value in (MUTATION | change).items() if value is not None}
    before = {} if change else {"m": MUTATION | {"claims": ["zero"]}}  # a name in two files
    (tmp_path / "m.yml").write_text(yaml.safe_dump({"claims": {"zero": CLAIM}, "mutations": before}))
    (tmp_path / "n.yml").write_text(yaml.safe_dump({"claims": {"one": CLAIM}, "mutations": {"m": entry}}))
    with pytest.raises(ValueError) as error:
        register.registry(tmp_path)
    assert words in str(error.value) and "n.yml: mutation 'm'" in str(error.value)


DEFINE = "import math\ndef bound():\n    return math.cbrt(width)"
JUDGE = """
import numpy as np
from utils.claims import judge
from utils.stats.measurement import Measurement
x = np.random.default_rng(0).normal(size=99)
shifted = {"shifted": [Measurement("a", x + 9, 1.0)]}
judge("one", {"mean": [Measurement("a", x, bound())]}, controls=shifted, scope="data: made up")
"""


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Play a miniature notebook; in a thread of its own, which is all that joblib's settings reach."""
    monkeypatch.setattr(claims_register, "registry", lambda: {"one": {"notebook": "n"} | CLAIM})
    monkeypatch.setenv("COMPANION_STORE", "unset")

    def run(*sources, patch="", values=None):
        path, there = notebook(tmp_path / "n.ipynb", *sources), tmp_path / "store"
        with ThreadPoolExecutor(1) as pool:
            played = pool.submit(replay.play, path, patch=patch, wanted=["one"], values=values or {}, store=there)
            return played.result()[0]

    return run


def test_a_patch_reaches_the_notebooks_own_code(play, monkeypatch):
    assert play(DEFINE, JUDGE)["noticed"] == ""
    monkeypatch.setattr("math.cbrt", np.cbrt)  # put back after
    broken = play(DEFINE, JUDGE, patch="import math; math.cbrt = lambda x: -3.0")
    assert (broken["verdict"], broken["noticed"]) == ("refuted", "verdict")


def test_constants_are_replaced_where_a_cell_sets_them(play):
    shifted = JUDGE.replace("bound()", "bound() - offset")
    assert play(DEFINE, "offset = 0", shifted, values={"offset": 9})["verdict"] == "refuted"
    with pytest.raises(ValueError, match="no cell sets"):
        play(DEFINE, JUDGE, values={"nowhere": 1})


def test_a_claim_whose_cell_raises_is_stopped_and_says_why(play):
    stopped = play("bound = None", JUDGE)
    assert (stopped["verdict"], stopped["noticed"]) == ("stopped", "error") and "TypeError" in stopped["detail"]


def test_only_cells_that_a_judgment_needs_are_run():
    sources = ["a = 1", "def f():\n    return a + b", "b = 2", "c = f()", "found = {}", "found['x'] = c", "k = 1",
               "for k in c:\n    found.update(k=1)", "unused = 1", "judge('one', found)", "judge('two', unused)"]  # fmt: skip
    assert replay.needed(sources, ["one"]) == [0, 1, 2, 3, 4, 5, 7, 9]
    assert replay.needed(sources, ["two"]) == [8, 10]


def test_what_would_prove_nothing_is_an_error(capsys):
    """A form, a name that is none, an expression that is not there."""
    long = next(name for name, entry in ENTRIES.items() if entry.get("forms") == ["long"])
    for arguments, words in (
        ([long, "--form", "short"], "it would prove nothing"),
        (["nameless"], "no mutation nameless"),
    ):
        with pytest.raises(SystemExit):
            suite.main(arguments)
        assert words in capsys.readouterr().err
    with pytest.raises(ValueError, match="occurs 0 times in seeding"):
        patches.edited("seeding.generator_for", "no such expression", "")


def test_what_was_kept_names_what_is_registered():
    """A renamed claim or mutation would drop out of the page's tables without a word."""
    rows = archive.load("11_checking_the_checks.mutation")[0]["rows"]
    assert set(rows.mutation) <= set(ENTRIES) and set(rows.claim) <= set(claims.registry())
