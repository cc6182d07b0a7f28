"""What a run depends on: a change of it must show, a change of anything else must not."""

import json
import os

import pytest
from books import notebook

from utils import fingerprint
from utils.fingerprint import code_fingerprint, reached
from utils.pipeline import execute
from utils.pipeline.execute import notebook_fingerprint

FILES = {
    "a.py": "def f():\n    from utils import b\n",
    "b.py": "import math",
    "c.py": "x = 1",
    "room/__init__.py": "from utils.room.inner import g\nfrom utils.room.other import h\n",
    "room/inner.py": "g = 1",
    "room/other.py": "h = 1",
    "claims/__init__.py": "from utils.claims.verdict import judge\n",
    "claims/verdict.py": "from utils.c import x\njudge = 1",
}


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Modules a → b; c; a room of two modules; the room of claims, which does not count; a notebook that imports all but c."""
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
    for name, text in FILES.items():
        path = tmp_path / "utils" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "requirements.txt").write_text("torch==1")
    lines = "from utils.a import f\nfrom utils.room import g\nfrom utils.claims import judge"
    notebook(tmp_path / "notebooks" / "n.ipynb", lines)
    return tmp_path


def of(house):
    return code_fingerprint(house / "notebooks" / "n.ipynb", stop="claims")


FOLLOWED = ["utils/a.py", "utils/b.py", "utils/room/inner.py", "requirements.txt"]
OTHERS = ["utils/c.py", "utils/room/other.py", "utils/claims/verdict.py"]


@pytest.mark.parametrize("file", FOLLOWED + OTHERS)
def test_a_fingerprint_follows_what_code_can_reach_and_nothing_else(house, file):
    before = of(house)
    path = house / file
    path.write_text(path.read_text() + "\n")
    assert (of(house) != before) == (file in FOLLOWED)


@pytest.mark.parametrize(
    ("what", "cell", "change"),
    [
        ("Markdown", 0, {"source": ["# Another title"]}),
        ("a caption", 2, {"metadata": {"mystnb": {"figure": {"caption": "New."}}}}),
        ("a tag", 2, {"metadata": {"tags": ["hide-input"]}}),
        ("code", 2, {"source": ["from utils.a import f"]}),
    ],
)
def test_of_a_notebook_only_code_counts(house, what, cell, change):
    before, path = of(house), house / "notebooks" / "n.ipynb"
    content = json.loads(path.read_text())
    content["cells"][cell].update(change)
    path.write_text(json.dumps(content))
    assert (of(house) != before) == (what == "code")


@pytest.mark.parametrize(
    "line",
    [
        "import utils.c",
        "from utils import c",
        "from utils.c import x",
        "from utils import room\nroom.h",
        "from utils import room\nuse(room)",
        "import utils.room.other",
        "from utils.room.other import h",
        "%magic\nimport utils.a",
    ],
)
def test_every_form_of_import_is_seen(house, line):
    path = notebook(house / "notebooks" / "m.ipynb", line)
    before = code_fingerprint(path)
    for name in ("c.py", "room/other.py"):
        (house / "utils" / name).write_text("changed = True")
    assert code_fingerprint(path) != before


def test_a_package_handed_through_an_attribute_counts_by_that_attribute(house):
    path = notebook(house / "notebooks" / "m.ipynb", "from utils import room\nroom.g")
    before = code_fingerprint(path)
    (house / "utils" / "room" / "other.py").write_text("changed = True")
    assert code_fingerprint(path) == before


def test_files_of_one_name_in_two_rooms_are_told_apart(house):
    path, seen = notebook(house / "notebooks" / "m.ipynb", "import utils.c\nimport utils.room.c"), set()
    for texts in (("one", "two"), ("two", "one")):
        for room, text in zip(("utils", "utils/room"), texts, strict=True):
            (house / room / "c.py").write_text(text)
        seen.add(code_fingerprint(path))
    assert len(seen) == 2


def test_what_is_taken_from_a_room_that_does_not_count_is_named(house):
    files, names = reached(house / "notebooks" / "n.ipynb", stop="claims")
    assert names == {"verdict.judge"} and not any("claims" in path.parts for path in files)


def test_parameters_and_kept_results_count_beside_the_code(house, monkeypatch):
    path = notebook(house / "notebooks" / "n.ipynb", 'kept = archive.load("n.long")')
    before = notebook_fingerprint(path, {"width": 1})
    assert notebook_fingerprint(path, {"width": 2}) != before
    kept = house / "notebooks" / "evidence" / "n.long"
    kept.mkdir(parents=True)
    (kept / "runs.csv").write_text("loss")
    assert notebook_fingerprint(path, {"width": 1}) != before
    before = notebook_fingerprint(path, {"width": 1})
    monkeypatch.setenv("COMPANION_DATA", "elsewhere" if "COMPANION_DATA" not in os.environ else "")
    assert notebook_fingerprint(path, {"width": 1}) != before


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("from utils.claims import judge", set()),
        ("from utils.claims import judge, published", {"values"}),
        ("from utils.claims import registry", {"values", "verdict"}),
        ("from utils.claims import content", {"values", "verdict", "mutations"}),
    ],
)
def test_of_the_registry_counts_what_code_reads_and_never_a_wording(tmp_path, monkeypatch, code, seen):
    path = notebook(tmp_path / "n.ipynb", code)
    claim = {
        "item": "1",
        "notebook": "n",
        "verdict": "supported",
        "values": {"a": [1, 2]},
        "statement": "A.",
        "alpha": 1e-4,
    }

    def now(mutations=1, **changed):
        monkeypatch.setattr(execute, "registry", lambda: {"one": claim | changed})
        monkeypatch.setattr(execute, "content", lambda: {"n": {"claims": {}, "mutations": {"m": mutations}}})
        return notebook_fingerprint(path, {})

    changes = dict(values={"a": [1, 3]}, verdict="refuted", mutations=2, statement="B.", alpha=1e-3, expected=[1, 2])
    assert {name for name, value in changes.items() if now(**{name: value}) != now()} == seen
