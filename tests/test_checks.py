"""The gate, tried on notebooks broken on purpose (``fixtures/gate``) and on the book's own."""

import shutil

import nbformat
import pytest
from books import book, run

from utils.files import ROOT
from utils.pipeline.checks import problems

BROKEN = ROOT / "tests" / "fixtures" / "gate"
WHY = {
    "committed_with_outputs": "cell 2 is committed with outputs",
    "missing_parameters_cell": "0 cells tagged 'parameters', expected exactly one",
    "unknown_parameter": "no parameter 'widht'; did you mean 'width'?",
    "wrong_type": "parameter 'width': 'wide' is a string, expected an integer",
    "out_of_range": "parameter 'width': 800 is out of range, expected 2 to 100",
    "undeclared_claim": "cell 3 judges claim 'thm99', which utils/claims/data/undeclared_claim.yml does not declare",
    "claim_of_another_notebook": "cell 3 judges claim 'thm1', which utils/claims/data/01_orthogonalization_rate.yml declares",
    "absolute_path": "cell 3 holds the path '/home/someone/results.npy'",
    "import_not_in_the_requirements": "cell 2 imports 'polars', which requirements.txt does not pin",
    "not_python": "cell 2 is not plain Python",
}


@pytest.mark.parametrize(("name", "words"), WHY.items())
def test_a_broken_notebook_is_kept_out_for_one_stated_reason(name, words):
    (sentence,) = problems(BROKEN / f"{name}.ipynb")
    assert sentence.startswith(f"{name}: ") and words in sentence


GOOD = [path for path in BROKEN.glob("*.ipynb") if path.stem not in WHY]


@pytest.mark.parametrize("path", [*sorted((ROOT / "notebooks").glob("*.ipynb")), *GOOD], ids=lambda p: p.stem)
def test_the_books_own_notebooks_pass_and_those_of_which_only_a_run_can_tell(path):
    assert problems(path) == []


def test_what_is_no_notebook_is_named(tmp_path):
    half = tmp_path / "half.ipynb"
    half.write_text((BROKEN / "good.ipynb").read_text()[:100])
    (sentence,) = problems(half)
    assert sentence.startswith("half.ipynb is not a notebook")


@pytest.mark.parametrize(
    ("code", "barred"),
    [
        ("open('/tmp/x')", True),
        ("open('/srv/images')", True),
        ("open('~/data/x')", True),
        (r"open('C:\\data\\x')", True),
        ("open('file:///x')", True),
        ("open(f'/scratch/me/{width}')", True),
        ("open(f'{root}/data/x')", False),
        ("'https://www.cs.toronto.edu/~kriz/cifar.html'", False),
        ("'a/b', '1/n', '/', 'n/d', ' / ', '//', '/s', r'$/\\sqrt{n}$'", False),
    ],
)
def test_paths_of_one_machine_are_told_from_other_strings(tmp_path, code, barred):
    cells = nbformat.read(BROKEN / "good.ipynb", as_version=4)
    cells.cells[2].source = code
    nbformat.write(cells, tmp_path / "n.ipynb")
    assert ("holds the path" in "".join(problems(tmp_path / "n.ipynb"))) == barred


def test_the_build_keeps_them_out_before_anything_runs(tmp_path):
    root = book(tmp_path)
    for path in BROKEN.iterdir():
        shutil.copy(path, root / "notebooks" / path.name)
    toc = root / "_toc.yml"
    toc.write_text(toc.read_text() + "".join(f"- file: notebooks/{path.stem}\n" for path in BROKEN.glob("*.ipynb")))
    done = run(root, "utils.build")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert all(f"  {name}: " in done.stderr for name in WHY) and "good:" not in done.stderr
    assert not (root / "_build").exists(), "nothing was run"
