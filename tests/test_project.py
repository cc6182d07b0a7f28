"""What the repository promises as a whole: sources, pins, paths."""

import re
import tomllib
from importlib.metadata import packages_distributions

import nbformat
import pytest
import yaml
from books import imported

from utils.files import ROOT
from utils.pipeline.parameters import check, declared, profile_overrides

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOURCES = [*(ROOT / "utils").rglob("*.py"), *(ROOT / "tests").glob("*.py")]
LINES = (ROOT / "requirements.txt").read_text().splitlines()
PINS = dict(line.partition(" ;")[0].split("==") for line in LINES if "==" in line)


def direct():
    lines = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return {re.match(r"[\w-]+", line)[0] for line in lines}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_committed_clean_with_good_parameters(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    for profile in ("cifar", "paper"):
        check(declared(path), profile_overrides(path, profile))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_figure_has_a_caption_a_name_and_words_for_those_who_cannot_see_it(path):
    names = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and re.search(r"\bshow\(", cell.source):
            names.append(cell.metadata["mystnb"]["figure"]["name"])
            assert cell.metadata["mystnb"]["figure"]["caption"]
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 40
    assert len(names) == len(set(names))


def test_profiles_name_existing_notebooks_and_pins_versions_anyone_can_install():
    """No local build tags, no addresses, no paths of the machine that resolved them."""
    for line in LINES:
        assert not line or line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", line), line
    profiles = yaml.safe_load((ROOT / "notebooks" / "profiles.yml").read_text())
    assert {name for entries in profiles.values() for name in entries} <= {p.stem for p in NOTEBOOKS}


def test_everything_imported_is_a_direct_and_pinned_requirement():
    known, wanted = packages_distributions(), set()
    for path in [*SOURCES, *NOTEBOOKS]:
        wanted |= {known[name][0].lower().replace("_", "-") for name in imported(path) & set(known)}
    # What always comes with a direct requirement and has no version of its own to choose; what make pdf sets up itself.
    wanted -= {"ipython", "matplotlib-inline", "playwright"}
    assert wanted <= {name.lower() for name in direct()}
    assert {name.lower() for name in direct()} <= {name.lower() for name in PINS}
