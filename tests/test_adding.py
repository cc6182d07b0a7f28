"""The page that tells newcomers how to add a claim, followed to the letter in a book in miniature."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
import yaml
from books import KERNEL, run

from utils import claims
from utils.claims import collect, items, register
from utils.files import ROOT
from utils.pipeline import checks
from utils.pipeline.parameters import ParameterError, declared
from utils.stats.measurement import Measurement

pytestmark = pytest.mark.slow

PAGE = (ROOT / "book" / "adding.md").read_text()
BLOCKS = re.findall(r"```\{code-block\} \w+\n:caption: ([^\n]*)\n\n(.*?)\n```", PAGE, flags=re.S)
TOLD = re.findall(r"\| ``(.*?)`` \|", PAGE)
NAME = "14_two_samples"
SCOPE = "data: made up"
read = claims.registry  # tests put another in its place


def blocks(start):
    return [text for caption, text in BLOCKS if caption.startswith(start)]


def write(root, *, cut="", outputs=False):
    """The notebook as the page has it; ``cut`` is left out of its code."""
    cells = [nbformat.v4.new_markdown_cell(*blocks("a Markdown cell"))]
    setup = nbformat.read(ROOT / "notebooks" / "03_gaussian_contraction.ipynb", as_version=4).cells[1].source
    sources = [setup, *blocks("a code cell, tagged parameters"), *blocks("a code cell, the")]
    cells += [nbformat.v4.new_code_cell(source.replace(cut, "") if cut else source) for source in sources]
    cells[2].metadata["tags"] = ["parameters"]
    if outputs:
        cells[4].outputs = [nbformat.v4.new_output("stream", text="here")]
    path = root / "notebooks" / f"{NAME}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)
    return path


@pytest.fixture(scope="module")
def root(built, tmp_path_factory):
    """A book in which all steps of the page were followed."""
    root = Path(shutil.copytree(built, tmp_path_factory.mktemp("adding") / "book"))
    data = root / "utils" / "claims" / "data"
    (data / f"{NAME}.yml").write_text("\n\n".join(blocks(f"utils/claims/data/{NAME}.yml")))
    listed = (data / "items.yml").read_text().replace("ours: []", "ours:")
    (data / "items.yml").write_text(f"{listed}\n{blocks('utils/claims/data/items.yml')[0]}\n")
    toc = root / "_toc.yml"
    toc.write_text(toc.read_text() + blocks("_toc.yml")[0].strip() + "\n")
    write(root)
    return root


def test_the_page_leads_to_a_green_build(root):
    done = run(root, "utils.build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pair: supported: mean square gap 0.005" in done.stdout and "The book is ready" in done.stdout
    assert 'id="claim-pair"' in (root / "_build" / "html" / "notebooks" / f"{NAME}.html").read_text()
    listed = (root / "_build" / "stage" / "book" / "_generated" / "ledger_ours.html").read_text()
    assert f"notebooks/{NAME}.html#claim-pair" in listed


def test_its_mutation_is_noticed(root):
    done = run(root, *re.search(r"`python -m (utils.mutation.suite) (\w+)` runs it", PAGE).groups())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pair_floor_up: pair refuted (verdict)" in done.stdout and "every check saw what it must" in done.stdout


def test_every_message_on_the_page_is_real(root, tmp_path, monkeypatch):
    seen = []
    registry = read(root / "utils" / "claims" / "data")
    entry = registry["pair"]
    # Before anything runs.
    seen += checks.problems(write(root, outputs=True))
    with pytest.raises(ParameterError) as error:
        declared(write(root, cut="  # [16, 100_000] width of every layer, d"))
    seen.append(str(error.value))
    for known in (dict, lambda: registry):
        monkeypatch.setattr(checks, "registry", known)
        seen += (found := checks.problems(write(root)))
    assert found == []
    seen += items.missing([], {"pair": entry})
    bare = {name: value for name, value in entry.items() if name != "notebook"} | {"controls": {}}
    (tmp_path / f"{NAME}.yml").write_text(yaml.safe_dump({"claims": {"pair": bare}}))
    with pytest.raises(ValueError) as error:
        read(tmp_path)
    seen.append(str(error.value))
    # While it is judged.
    monkeypatch.setattr(register, "registry", lambda: registry)
    ours, wrong = (Measurement("width 128", x, target=1.0, error=0.01) for x in (1.0, 3.0))
    controls = {"vanilla network": [wrong]}
    for measured, *rest in (
        (ours, {}, SCOPE),
        (Measurement("width 128", [1.0] * 7), controls, SCOPE),
        (ours, controls, ""),
    ):
        with pytest.raises(ValueError) as error:
            claims.judge("pair", {"gap": [measured]}, **dict(zip(("controls", "scope"), rest, strict=True)))
        seen.append(str(error.value))
    # After.
    for judged in ([], [(wrong, wrong)], [(ours, ours)]):
        verdicts = [
            claims.judge("pair", {"gap": [x]}, controls={"vanilla network": [y]}, scope=SCOPE) for x, y in judged
        ]
        seen += collect.discrepancies([verdict.record() for verdict in verdicts], registry, [NAME])
    # The build's own, which stops before it runs anything, and that of the tests.
    toc = root / "_toc.yml"
    text = toc.read_text()
    toc.write_text(text.replace("- file: notebooks/14_two_samples\n", ""))
    seen.append(run(root, "utils.build").stderr)
    toc.write_text(text)
    seen.append((ROOT / "tests" / "test_mutation.py").read_text())

    assert [line for line in TOLD if line not in "\n".join(seen)] == []
    assert len(TOLD) == 13


def test_the_example_is_in_the_style_of_the_rest(root):
    for command in (("check",), ("format", "--check")):
        done = run(root, "ruff", *command, "--config", ROOT / "pyproject.toml", write(root))
        assert done.returncode == 0, done.stdout
