"""The book's own files, misspelt by hand: each is named in a sentence before anything runs."""

import pytest

from utils.claims import items, register
from utils.pipeline import build

BROKEN = {"cut off": b"x: [", "a tab": b"a:\n\t- b", "Latin-1": "é: 1".encode("latin-1"), "a NUL": b"a\0"}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_not_yaml_is_named(case, tmp_path, monkeypatch):
    for name in ("_toc.yml", "items.yml", "n.yml"):
        (tmp_path / name).write_bytes(BROKEN[case])
    monkeypatch.setattr(build, "ROOT", tmp_path)
    with pytest.raises(build.BuildFailed, match=r"_toc\.yml cannot be read: .*[^\n]$"):
        build._notebooks()
    with pytest.raises(ValueError, match=r"items\.yml cannot be read: "):
        items.read(tmp_path / "items.yml")
    (tmp_path / "_toc.yml").unlink()
    with pytest.raises(ValueError, match=r"n\.yml cannot be read: "):
        register.content(tmp_path)


def test_a_notebook_that_is_listed_twice_is_named_before_it_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    (tmp_path / "_toc.yml").write_text("root: a\nchapters: [{file: notebooks/n}, {file: notebooks/n}]")
    with pytest.raises(build.BuildFailed, match=r"lists notebooks twice: n"):
        build._notebooks()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"seconds": 1}', '{"seconds": {"../mine": 1, "/mine": 1, "..": 1}}'])
def test_of_the_last_builds_record_only_names_of_notebooks_are_taken(text, tmp_path):
    (tmp_path / "claims.json").write_text(text)
    assert build._published(tmp_path) <= {".."}
