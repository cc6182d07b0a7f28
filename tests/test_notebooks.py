"""How a notebook reads: short cells, one thing each, and every shared name from one place."""

import ast
import re

import nbformat
import pytest

from utils.files import ROOT
from utils.mutation.replay import names

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINES, LONGEST, SETUP = 4000, 25, 12


def code(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def length(cell):
    return len(cell.source.splitlines())


def from_two_places(sources):
    """Names that a cell takes from others and that more than one cell binds or changes."""
    takes, gives = zip(*map(names, sources), strict=True)
    givers = {name: [i for i, given in enumerate(gives) if name in given] for name in set().union(*gives)}
    taken = {name for i, wanted in enumerate(takes) for name in wanted if set(givers.get(name, [])) - {i}}
    return sorted(name for name in taken if len(givers[name]) > 1)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_cell_is_short_and_shared_names_come_from_one_cell(path):
    cells = code(path)
    bound = [cell for cell in cells if "parameters" not in cell.metadata.get("tags", [])]
    assert [cell.source for cell in bound if length(cell) > LONGEST] == []
    assert from_two_places([cell.source for cell in cells]) == []
    assert length(cells[0]) <= SETUP


def test_all_notebooks_together_stay_readable():
    assert sum(length(cell) for path in NOTEBOOKS for cell in code(path)) <= LINES


def mixed(source):
    """What a cell does together that belongs apart: judging or training where a figure is drawn."""
    calls = {n.func.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    return calls & {"judge", "sweep", "trials", "tuned_trials"} if re.search(r"\bshow\(", source) else set()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_cell_that_plots_neither_judges_nor_trains(path):
    assert {i: found for i, cell in enumerate(code(path)) if (found := mixed(cell.source))} == {}


def test_names_from_two_places_and_cells_that_train_and_plot_are_seen():
    assert from_two_places(["found = {}", "found[1] = 2", "print(found)"]) == ["found"]
    assert from_two_places(["x = 1", "x = 2", "y = x"]) == ["x"]
    assert from_two_places(["for d in (1, 2):\n    print(d)", "for d in (3, 4):\n    print(d)"]) == []
    assert mixed("table = trials(grid)\nshow()") == {"trials"}
    assert mixed("axis.plot(table)\nshow()") == mixed("table = trials(grid)") == set()


def unnamed(source):
    """Kept results that a cell loads under a name that is not there to be read: a change of them would go unseen."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    loads = [call.args[0] for call in calls if ast.unparse(call.func) == "archive.load"]
    return [ast.unparse(name) for name in loads if not (isinstance(name, ast.Constant) and f'"{name.value}"' in source)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_results_are_loaded_by_their_names(path):
    assert [name for cell in code(path) for name in unnamed(cell.source)] == []


def test_kept_results_without_a_name_are_seen():
    assert unnamed('name = "a.b"\narchive.load(name)') == ["name"] and unnamed('x = archive.load("a.b")[0]') == []
