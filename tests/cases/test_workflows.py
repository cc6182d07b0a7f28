"""What is archived and cited, and the workflows' own shell, as far as it runs here: the rest only GitHub can say."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import jsonschema
import pytest
import yaml

from utils.files import ROOT

WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}
STEPS = [
    (workflow, step)
    for workflow, content in WORKFLOWS.items()
    for job in content["jobs"].values()
    for step in job["steps"]
]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
TEXT = {"type": "string", "minLength": 1}
PEOPLE = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {name: TEXT for name in ("name", "family-names", "given-names", "orcid", "affiliation")},
    },
}
# What our file uses of the Citation File Format 1.2.0; the workflow `everywhere` asks cffconvert, which knows all of it
# and needs a jsonschema too old to lie beside ours.
FORMAT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["cff-version", "message", "title", "authors"],
    "properties": {
        "cff-version": {"const": "1.2.0"},
        "title": TEXT,
        "message": TEXT,
        "type": {"enum": ["software", "dataset"]},
        "license": {"const": "MIT"},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "date-released": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
        "doi": {"type": "string", "pattern": r"^10\.\d{4,9}/\S+$"},
        "authors": PEOPLE,
        "references": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["authors", "title", "type"],
                "properties": {"authors": PEOPLE, "type": {"enum": ["article", "conference-paper"]}}
                | {name: TEXT for name in ("title", "collection-title", "volume", "notes", "doi", "url")}
                | {"year": {"type": "integer"}},
            },
        },
    },
}


def script(workflow, name):
    (found,) = [step["run"] for place, step in STEPS if place == workflow and step.get("name") == name]
    return found


def bash(text, folder, **more):
    return subprocess.run(["bash", "-e", "-c", text], cwd=folder, env=os.environ | more, capture_output=True, text=True)


@pytest.mark.parametrize("text", [step["run"] for _, step in STEPS if "run" in step])
def test_every_step_is_a_command_that_is_here(text):
    assert bash("set -n\n" + text, ROOT).returncode == 0
    makefile = (ROOT / "Makefile").read_text()
    for line in text.splitlines():
        match line.split():
            case ["make", target]:
                assert f"\n{target}: " in makefile
            case ["bash", path]:
                assert (ROOT / path).is_file()


def test_a_workflow_that_runs_notebooks_keeps_those_that_failed():
    for workflow in ("book", "nightly", "everywhere", "release"):
        (kept,) = [step for place, step in STEPS if place == workflow and step.get("if") == "failure()"]
        assert kept["with"]["path"].endswith("*.failed.ipynb")


def test_a_release_holds_pages_verdicts_their_schema_and_executed_notebooks(tmp_path):
    for name in ("html/index.html", "html/book/intro.html", "html/companion.pdf", "executed/01_a.ipynb", "claims.json"):
        (tmp_path / "_build" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "_build" / name).write_text(name)
    (tmp_path / "utils" / "claims").mkdir(parents=True)
    shutil.copy(ROOT / "utils" / "claims" / "claims.schema.json", tmp_path / "utils" / "claims")
    done = bash(script("release", "pack"), tmp_path)
    assert done.returncode == 0, done.stderr
    release = tmp_path / "release"
    assert {path.name for path in release.iterdir()} == {
        "claims.json",
        "claims.schema.json",
        "companion.pdf",
        "html.zip",
        "notebooks.zip",
    }
    assert {"html/index.html", "html/book/intro.html"} <= set(zipfile.ZipFile(release / "html.zip").namelist())
    assert "executed/01_a.ipynb" in zipfile.ZipFile(release / "notebooks.zip").namelist()


@pytest.mark.parametrize(("tag", "status"), [("v{}", 0), ("v9{}", 1), ("v{}.1", 1)])
def test_a_release_has_the_version_that_one_cites(tag, status):
    tag = tag.format(CITATION["version"])
    assert (
        bash(script("release", "the tag is the version that CITATION.cff names"), ROOT, GITHUB_REF_NAME=tag).returncode
        == status
    )
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == CITATION["version"]


def test_the_citation_is_of_its_format_and_zenodo_says_the_same():
    plain = yaml.load((ROOT / "CITATION.cff").read_text(), yaml.BaseLoader) | {"references": CITATION["references"]}
    jsonschema.validate(plain, FORMAT)
    for wrong in ({"date-released": "22.11.2026"}, {"titel": "a"}, {"authors": []}, {"version": "1"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(plain | wrong, FORMAT)
    zenodo = json.loads((ROOT / ".zenodo.json").read_text())
    assert (zenodo["title"], zenodo["license"], zenodo["upload_type"]) == tuple(
        plain[k] for k in ("title", "license", "type")
    )
    assert [one["name"] for one in zenodo["creators"]] == [one["name"] for one in plain["authors"]]
    assert zenodo["related_identifiers"][0]["identifier"] == plain["references"][0]["notes"]


def test_what_others_made_is_named_with_its_license():
    page = (ROOT / "book" / "reproduce.md").read_text()
    section = page.partition("## Licenses")[2].partition("\n## ")[0]
    assert all(
        word in section for word in ("MIT", "CIFAR-10", "digits", "CC BY 4.0", "uPlot", "MathJax", "Font Awesome")
    )
    vendored = {path.name for path in Path(ROOT / "book" / "_static" / "vendor").iterdir()}
    assert vendored == {"uplot"} and (ROOT / "book" / "_static" / "vendor" / "uplot" / "LICENSE").is_file()


def test_publishing_needs_no_package():
    """The job that publishes installs none."""
    command = [sys.executable, "-S", "-c", "import utils.pipeline.publish"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stderr == ""
