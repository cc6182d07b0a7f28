"""The page that tells newcomers how to add a claim, followed to the letter in a book in miniature."""

import re
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
import yaml
from books import KERNEL, book, run

from utils import claims, theory
from utils.claims import collect, items
from utils.files import ROOT
from utils.mutation import suite
from utils.pipeline import checks
from utils.pipeline.parameters import ParameterError, declared
from utils.stats.measurement import Measurement

PAGE = (ROOT / "book" / "adding.md").read_text()
BLOCKS = re.findall(r"```\{code-block\} \w+\n:caption: ([^\n]*)\n\n(.*?)\n```", PAGE, flags=re.S)
TOLD = re.findall(r"\| ``(.*?)`` \|", PAGE)
NAME = "12_two_samples"
read = claims.registry  # tests put another in its place


def blocks(start):
    return [text for caption, text in BLOCKS if caption.startswith(start)]


def write(root, *, cut="", judging=True, outputs=False):
    """The notebook as the page has it; ``cut`` is left out of its code."""
    cells = [nbformat.v4.new_markdown_cell(*blocks("a Markdown cell"))]
    setup = nbformat.read(ROOT / "notebooks" / "03_gaussian_contraction.ipynb", as_version=4).cells[1].source
    measure, verdict = (text for caption, text in BLOCKS if caption == "a code cell")
    sources = [setup, *blocks("a code cell, tagged parameters"), measure, verdict if judging else "1"]
    cells += [nbformat.v4.new_code_cell(source.replace(cut, "") if cut else source) for source in sources]
    cells[2].metadata["tags"] = ["parameters"]
    if outputs:
        cells[4].outputs = [nbformat.v4.new_output("stream", text="here")]
    path = root / "notebooks" / f"{NAME}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)
    return path


def follow(root):
    """All steps of the page."""
    for name in ("claims", "items"):
        path = root / "utils" / f"{name}.yml"
        text = path.read_text().replace("ours: []", "ours:")
        path.write_text(f"{text}\n{blocks(f'utils/{name}.yml')[0]}\n")
    toc = root / "_toc.yml"
    toc.write_text(toc.read_text() + blocks("_toc.yml")[0].strip() + "\n")
    path = root / "utils" / "sabotage.yml"
    head, _, rest = path.read_text().partition("\nshort:\n")
    path.write_text(f"{head}\n{blocks('utils/sabotage.yml')[0]}\nshort:\n{rest}")
    write(root)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = book(tmp_path_factory.mktemp("adding"))
    follow(root)
    return root


@pytest.fixture
def registry(root, monkeypatch):
    """The book's own, in this process."""
    entries = read(root / "utils" / "claims.yml")
    for module in (claims, gate):
        monkeypatch.setattr(module, "registry", lambda: entries)
    return entries


def told(*messages):
    """Whether the page has these messages, or the beginning of them."""
    text = "\n".join(messages)
    return [line for line in TOLD if line in text]


def test_the_page_leads_to_a_green_build(root):
    done = run(root, "utils.build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pair: supported: largest deviation" in done.stdout and "The book is ready" in done.stdout
    assert 'id="claim-pair"' in (root / "_build" / "html" / "notebooks" / f"{NAME}.html").read_text()
    listed = (root / "_build" / "stage" / "book" / "_generated" / "ledger_ours.html").read_text()
    assert f"notebooks/{NAME}.html#claim-pair" in listed


def test_the_sabotage_is_noticed(root, registry, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", "unset")
    entries = yaml.safe_load((root / "utils" / "sabotage.yml").read_text())["sabotages"]
    entry = entries["pair_floor_up"]
    assert entry["kind"] in suite.KINDS and set(entry) == suite.FIELDS
    # Only what it breaks is put back: every theorem of this process stays as it is.
    monkeypatch.setattr(theory, "gap_floor", theory.gap_floor)
    with ThreadPoolExecutor(1) as pool:
        [row] = pool.submit(
            suite.play,
            root / "notebooks" / f"{NAME}.ipynb",
            patch=entry["patch"],
            wanted=["pair"],
            values={},
            store=tmp_path,
        ).result()
    assert suite.faults([{"sabotage": "pair_floor_up"} | row], {"pair_floor_up": entry}) == []
    assert row["verdict"] == "refuted"


def test_every_message_on_the_page_is_real(root, registry, tmp_path, monkeypatch):
    seen = []
    entry = registry["pair"]
    # Before anything runs.
    seen += checks.problems(write(root, outputs=True))
    with pytest.raises(ParameterError) as error:
        declared(write(root, cut="  # [16, 100_000] width of every layer, d"))
    seen.append(str(error.value))
    path = write(root)
    assert checks.problems(path) == []
    monkeypatch.setattr(gate, "registry", dict)
    seen += checks.problems(path)
    seen += items.missing([], {"pair": entry})
    file = tmp_path / "claims.yml"
    file.write_text(yaml.safe_dump({"pair": entry | {"controls": {}}}))
    with pytest.raises(ValueError) as error:
        read(file)
    seen.append(str(error.value))
    # While it is judged.
    ours, wrong = (Measurement("width 128", x, target=1.0, error=0.01) for x in (1.0, 3.0))
    for cells, controls in (([ours], {}), ([Measurement("width 128", [1.0] * 7)], {"vanilla network": [wrong]})):
        with pytest.raises(ValueError) as error:
            claims.judge("pair", cells, controls=controls, scale="made up")
        seen.append(str(error.value))
    # After.
    records = [
        vars(claims.judge("pair", [x], controls={"vanilla network": [y]}, scale="made up"))
        for x, y in ((wrong, wrong), (ours, ours))
    ]
    for judged in ([], records[:1], records[1:]):
        seen += collect.discrepancies(judged, registry, [NAME])
    # The build's own, and that of the tests.
    toc = root / "_toc.yml"
    text = toc.read_text()
    toc.write_text(text.replace("- file: notebooks/12_two_samples\n", ""))
    seen.append(run(root, "utils.build").stderr)
    toc.write_text(text)
    seen.append((ROOT / "tests" / "test_sabotage.py").read_text())

    assert [line for line in TOLD if line not in told(*seen)] == []
    assert len(TOLD) == 12


def test_the_example_is_in_the_style_of_the_rest(root):
    for command in (("check",), ("format", "--check")):
        done = run(root, "ruff", *command, "--config", ROOT / "pyproject.toml", write(root))
        assert done.returncode == 0, done.stdout
