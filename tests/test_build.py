"""The whole book in miniature: what reaches the reader, what re-runs, and what a failure leaves behind."""

import json
import re
import shutil
from pathlib import Path

import jsonschema
import nbformat
import pytest
from books import CLAIMS, FIRST, RANGE, edit, notebook, run, short_of_the_pages

pytestmark = pytest.mark.slow

ITEMS = "utils/claims/data/items.yml"


@pytest.fixture(scope="module")
def built(built, tmp_path_factory):
    return Path(shutil.copytree(built, tmp_path_factory.mktemp("book") / "book"))


def snapshot(root):
    """Everything a reader could see, with its contents."""
    out = root / "_build"
    seen = [*(out / "html").rglob("*.html"), *(out / "executed").iterdir(), out / "claims.json"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in seen}


@pytest.fixture
def changed(built):
    """The built tree, its sources and its cache restored afterwards."""
    folders = [built / name for name in ("notebooks", "utils", "book", "_build/cache")]
    files = [p for folder in folders for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    before = {p: p.read_bytes() for p in (built / "_toc.yml", *files)}
    yield built
    for path, content in before.items():
        if path.read_bytes() != content:  # what is compiled is of the others' times
            path.write_bytes(content)


def test_verdicts_and_pages_are_where_interfaces_say(built):
    claims = json.loads((built / "_build" / "claims.json").read_text())
    assert claims["profile"] == "fast" and "torch" in claims["versions"] and "commit" in claims
    (one,) = claims["claims"]
    assert (one["id"], one["verdict"], one["controls"][0]["verdict"]) == ("one", "supported", "refuted")
    assert claims["threads"] == 1 and claims["cores"] >= 1 and claims["device"]
    assert set(claims["seconds"]) == {"first", "second"} and all(value > 0 for value in claims["seconds"].values())
    assert set(claims["memory"]) == {"first", "second"} and all(
        30 < value < 2000 for value in claims["memory"].values()
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", claims["date"])
    assert (built / "_build" / "html" / "index.html").exists()
    assert {p.name for p in (built / "_build" / "executed").iterdir()} == {"first.ipynb", "second.ipynb"}


def test_claims_json_is_of_the_schema_beside_it_and_a_misspelt_field_is_not(built):
    static = built / "_build" / "html" / "_static"
    claims, schema = (json.loads((static / f"claims{end}.json").read_text()) for end in ("", ".schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(claims, schema)
    (one,) = claims["claims"]
    for wrong in ({"claims": [one | {"sclae": "small"}]}, {"claims": [one | {"verdict": "yes"}]}, {"claim": [one]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(claims | wrong, schema)


def test_every_verdict_on_a_page_leads_to_the_card_that_shows_it(built):
    html = built / "_build" / "html"
    for name in ("intro", "claims"):
        page = (html / "book" / f"{name}.html").read_text()
        targets = set(re.findall(r'href="\.\./(notebooks/\w+\.html)#(claim-[\w-]+)"', page))
        assert targets == {("notebooks/first.html", "claim-one")}
        assert all(f'id="{anchor}"' in (html / where).read_text() for where, anchor in targets)
    assert (html / "_static" / "claims.json").read_bytes() == (built / "_build" / "claims.json").read_bytes()
    assert (html / "_static" / "claims.js").exists()


def test_equations_need_no_network_and_no_button_leads_nowhere(built):
    html = built / "_build" / "html"
    page = (html / "book" / "intro.html").read_text()
    assert "../_static/mathjax/tex-chtml.js" in page and "cdn" not in page
    assert (html / "_static" / "mathjax" / "tex-chtml.js").exists()
    for page in html.glob("*/*.html"):  # the book was built without an address
        assert not re.search(r"github\.com/|mybinder|colab\.", page.read_text()), page


def test_nothing_changed_runs_nothing(built):
    before = snapshot(built)
    done = run(built, "utils.build")
    assert "0 to run, 2 unchanged" in done.stdout and "pages unchanged" in done.stdout
    assert snapshot(built) == before


def test_words_and_looks_are_rendered_again_and_nothing_runs(changed):
    """A statement, a Markdown cell, a caption and the card's template; each by itself is a case of test_fingerprint."""
    data = changed / "utils" / "claims"
    edit(data / "data" / "first.yml", "the mean is at most one", "on average at most one")
    edit(data / "templates" / "card.html.j2", "<section", '<section data-look="new"')
    edit(changed / "notebooks" / "first.ipynb", "# first", "# The first of two")
    done = run(changed, "utils.build")
    assert done.returncode == 0 and "0 to run, 2 unchanged" in done.stdout, done.stdout + done.stderr
    page = (changed / "_build" / "html" / "notebooks" / "first.html").read_text()
    assert "on average at most one" in page and 'data-look="new"' in page and "The first of two" in page
    assert "the mean is at most one" not in page
    executed = (changed / "_build" / "executed" / "first.ipynb").read_text()
    assert "on average at most one" in executed and "The first of two" in executed


def test_a_change_of_code_runs_what_reaches_it_and_nothing_else(changed):
    for module in ("theory/limits", "stats/measurement"):  # none reaches the former, the first notebook the latter
        with (changed / "utils" / f"{module}.py").open("a") as file:
            file.write("\n# changed\n")
    assert "1 to run, 1 unchanged" in short_of_the_pages(changed)


def test_profiles_have_caches_of_their_own_and_one_job_runs_one_notebook_at_a_time(changed):
    edit(changed / "notebooks" / "second.ipynb", "width * 2", "import joblib; joblib.cpu_count()")
    assert "2 to run" in run(changed, "utils.build", "--profile", "cifar", "--jobs", "1").stdout
    assert json.loads((changed / "_build" / "claims.json").read_text())["profile"] == "cifar"
    cache = changed / "_build" / "cache"
    assert (cache / "fast" / "first.ipynb").exists()
    both = [nbformat.read(path, as_version=4) for path in (cache / "cifar").glob("*.ipynb")]
    first, second = sorted((notebook.metadata["papermill"] for notebook in both), key=lambda run: run["start_time"])
    assert first["end_time"] <= second["start_time"]
    (counted,) = [notebook for notebook in both if "joblib" in notebook.cells[-1].source]
    assert counted.cells[-1].outputs[0]["data"]["text/plain"] == "1"


def test_a_corrupt_cache_entry_is_run_again(changed):
    entry = changed / "_build" / "cache" / "fast" / "second.ipynb"
    entry.write_text(entry.read_text()[:-40])
    assert "1 to run, 1 unchanged" in short_of_the_pages(changed)
    assert nbformat.read(entry, as_version=4).cells[-1].outputs


def test_another_seed_is_judged_and_not_published(built):
    before = snapshot(built)
    done = run(built, "utils.build", "--seed", "13")
    assert done.returncode == 1 and "claim 'one' came out refuted, the registry expects supported" in done.stdout
    assert snapshot(built) == before


JUDGED_AGAIN = {
    "a verdict that a new range changes": [FIRST, RANGE, "expected: [9, null]", "'one' came out refuted"],
    "a control that a new range changes": [FIRST, RANGE, "expected: [-9, null]", "'shifted' came out supported"],
    "another control than was measured": [FIRST, "shifted:", "doubled:", "cannot be judged by the registry"],
    "a claim that was not judged": [FIRST, "claims:\n", CLAIMS.replace("one:", "one.later:"), "was not judged there"],
}
STOPPED = {
    "a notebook that fails": ["notebooks/second.ipynb", "width * 2", "1 / 0", "second failed"],
    "a warning of the renderer": ["book/intro.md", "$x^2$", "{doc}`no-such-page`", "no-such-page"],
    "a notebook outside the table of contents": ["_toc.yml", "- file: notebooks/second", "", "not in _toc.yml: second"],
}
STOPPED_AT_ONCE = {
    "a claim that belongs to no item": [
        ITEMS,
        "[one, one.later]",
        "[one.later]",
        "'one' is registered but belongs to no item of",
    ],
    "a misspelt profile entry": ["notebooks/profiles.yml", "width", "widht", "no parameter 'widht'"],
}


@pytest.mark.parametrize("what", JUDGED_AGAIN | STOPPED | STOPPED_AT_ONCE)
def test_what_is_wrong_stops_the_build_and_what_was_published_stays(changed, what):
    before = snapshot(changed)
    path, old, new, words = (JUDGED_AGAIN | STOPPED | STOPPED_AT_ONCE)[what]
    edit(changed / path, old, new)
    if what in STOPPED_AT_ONCE:
        notebook(changed / "notebooks" / "second.ipynb", "1 / 0")
    done = run(changed, "utils.build", "--profile", "cifar" if "profile" in what else "fast")
    assert done.returncode == 1 and words in done.stdout + done.stderr, done.stdout
    assert what not in JUDGED_AGAIN or "0 to run, 2 unchanged" in done.stdout
    assert 'Traceback (most recent call last):\n  File "<frozen runpy>' not in done.stderr
    assert snapshot(changed) == before
