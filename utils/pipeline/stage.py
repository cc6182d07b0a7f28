"""The staged tree that the book is rendered from, and the rendering.

The tree has the shape of the sources, so that links on pages point at sources: their Markdown, captions and tags as they are
now, the outputs of the executed notebooks, and every card made anew from its record. So a wording costs no run.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path

import nbformat
import yaml

from utils import claims
from utils.claims import RECORD, display
from utils.claims.items import Item
from utils.claims.register import history, registry
from utils.experiments import larger
from utils.files import ROOT, write_atomically
from utils.fingerprint import digest, files_fingerprint
from utils.pipeline import publish, report
from utils.processes.environment import isolated

__all__ = ["BuildFailed", "as_json", "composed", "render", "stage", "write"]

# What programs that read claims.json may rely on; a test holds both together.
SCHEMA = Path(claims.__file__).with_name("claims.schema.json")


class BuildFailed(RuntimeError):
    """The book cannot be published; the message says why and what was left as it was."""


def composed(source: Path, executed: Path, records: list[dict]) -> nbformat.NotebookNode:
    """A notebook as it reads now, with the outputs of its run.

    Parameters
    ----------
    source : Path
    executed : Path
        A run of the same code cells.
    records : list of dict
        Verdicts by the registry as it is now.

    Returns
    -------
    NotebookNode
    """
    cards = {record["id"]: record for record in records}
    notebook, run = (nbformat.read(path, as_version=4) for path in (source, executed))
    notebook.metadata = run.metadata
    ran = [cell for cell in run.cells if cell.cell_type == "code"]
    own = [cell for cell in ran if "injected-parameters" not in cell.metadata.get("tags", [])]
    injected = [(position, cell) for position, cell in enumerate(ran) if cell not in own]
    code = [position for position, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for position, cell in zip(code, own, strict=True):
        notebook.cells[position] |= {"outputs": cell.outputs, "execution_count": cell.execution_count}
        for output in cell.outputs:
            if evidence := output.get("metadata", {}).get(RECORD):
                record = cards[evidence["id"]]
                output.data |= {"text/html": display.card(record), "text/plain": display.line(record)}
    # What -p or the profile changed comes after the defaults, for those who open the file.
    for position, cell in injected:
        notebook.cells.insert(code[position - 1] + 1, cell)
    return notebook


def stage(out: Path, executed: list[Path], made: dict, chosen: list[Item], repository: str | None) -> Path:
    """Write the staged tree.

    Parameters
    ----------
    out : Path
        ``_build``.
    executed : list of Path
        As composed.
    made : dict
        What ``claims.json`` will hold.
    chosen : list of Item
    repository : str, optional
        Address that the pages' buttons lead to.

    Returns
    -------
    Path
        Of the tree.

    Raises
    ------
    BuildFailed
        If a notebook's first cell cannot be given the address.
    """
    tree = out / "stage"
    shutil.rmtree(tree, ignore_errors=True)
    for path in (ROOT / "book").rglob("*"):
        if path.is_file():
            _copy(path, tree / path.relative_to(ROOT))
    for name in ("_config.yml", "_toc.yml"):
        _copy(ROOT / name, tree / name)
    for path in executed:
        _copy(path, tree / "notebooks" / path.name)
    write(tree / "book" / "_static" / "claims.json", as_json(made))
    _copy(SCHEMA, tree / "book" / "_static" / SCHEMA.name)
    _write_figures(tree / "book" / "_static" / "figures", executed)
    _generate(tree, out, executed, made, chosen)
    if repository:
        _with_buttons(tree, repository)
    return tree


def _copy(path: Path, target: Path) -> None:
    """Copy what is in a file, and not who may write it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _with_buttons(tree: Path, repository: str) -> None:
    """Buttons that open the published repository's notebooks; and those that pages offer to download know it as well."""
    config = tree / "_config.yml"
    settings = publish.with_buttons(yaml.safe_load(config.read_text(encoding="utf-8")), repository)
    write(config, yaml.safe_dump(settings, sort_keys=False))
    for path in (tree / "notebooks").iterdir():
        try:
            write(path, publish.stamped(path.read_text(encoding="utf-8"), repository, publish.revision()))
        except ValueError as error:
            raise BuildFailed(f"{path.stem}: {error}") from error


def _write_figures(folder: Path, executed: list[Path]) -> None:
    """What pages show of figures besides the pictures themselves: the narrow layout and the data, by the figure's name."""
    for path in executed:
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                if kept := report.carried(output):
                    _write_figure(folder, cell.metadata.mystnb.figure.name, **kept)


def _write_figure(folder: Path, name: str, narrow: str = "", data: str = "") -> None:
    if narrow:
        write(folder / f"{name}.narrow.svg", narrow)
        write(folder / f"{name}.csv", data)


def _draw(tree: Path, cache: Path, name: str, record: dict | None = None) -> None:
    """A figure that no notebook draws, if a page shows it; kept until what it is made of changes."""
    if not any(f"_generated/{name}.svg" in page.read_text(encoding="utf-8") for page in (tree / "book").glob("*.md")):
        return
    kept = cache / f"{name}-{digest([files_fingerprint(ROOT, 'requirements.txt', 'utils/plotting/*.py'), record])}.json"
    try:
        wide, narrow, data = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        # Here, not above: they load matplotlib, and a build that shows no figure has no use for it.
        from utils.plotting.benchmark import benchmark_figure
        from utils.plotting.swatches import swatches

        wide, narrow, data = astuple(swatches() if record is None else benchmark_figure(record))
        write(kept, as_json([wide, narrow, data]))
    write(tree / "book" / "_generated" / f"{name}.svg", wide)
    _write_figure(tree / "book" / "_static" / "figures", f"fig-{name}", narrow, data)


def _generate(tree: Path, out: Path, executed: list[Path], made: dict, chosen: list[Item]) -> None:
    """What the pages of ``book`` include: everything on them that depends on how the build came out."""
    folder, figures, cache = (
        tree / "book" / "_generated",
        tree / "book" / "_static" / "figures",
        out / "cache" / "figures",
    )
    records, titles = made["claims"], report.titles(executed)
    judged = larger.judged()
    write(folder / "counts.md", report.counts(chosen, records, judged))
    write(folder / "findings.txt", report.findings(records))
    write(folder / "overview.html", report.overview(chosen, records, judged))
    write(folder / "filters.html", report.filters(chosen, records, titles))
    for part, ours in (("paper", False), ("ours", True)):
        kept = {"larger": judged, "unjudged": larger.unjudged()}
        write(folder / f"ledger_{part}.html", report.ledger_table(chosen, records, registry(), ours=ours, **kept))
    write(folder / "changes.html", report.changes(history()))
    write(folder / "error_budget.md", report.budget(records))
    if example := [record for record in records if record["id"] == "rate"]:
        write(folder / "worked.md", report.worked(*example))
    write(folder / "run.html", report.run(made, titles))
    if shown := report.picture(executed[0]):
        drawn, markdown, kept = shown
        write(folder / "picture.svg", drawn)
        write(folder / "picture.md", markdown)
        _write_figure(figures, "fig-landing", **kept)
    if (said := ROOT / "CITATION.cff").exists():
        write(folder / "cite.md", report.citation(yaml.safe_load(said.read_text(encoding="utf-8"))))
    kept = ROOT / "book" / "agreement.json"
    if kept.exists():
        write(folder / "agreement.html", report.agreements(json.loads(kept.read_text(encoding="utf-8"))))
    # This machine's benchmark where one was run, else the committed one; the page says which.
    measured = next((path for path in (out / "bench.json", ROOT / "book" / "bench.json") if path.exists()), None)
    if measured:
        record = json.loads(measured.read_text(encoding="utf-8"))
        write(folder / "bench_table.html", report.benchmark(record))
        _draw(tree, cache, "bench", record)
    _draw(tree, cache, "looks")


def render(tree: Path, out: Path) -> Path:
    """Render the staged tree, unless the pages that are there are made of the same, and move the pages into place.

    Parameters
    ----------
    tree : Path
    out : Path
        ``_build``.

    Returns
    -------
    Path
        The landing page.

    Raises
    ------
    BuildFailed
        If rendering warns.
    """
    html = out / "html"
    stamp = html / ".digest"
    # The API pages are made of docstrings.
    made_of = files_fingerprint(tree, "**/*") + files_fingerprint(ROOT, "requirements.txt", "utils/**/*.py")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == made_of:
        print("pages unchanged")
        return html / "index.html"
    fresh = out / "render"
    shutil.rmtree(fresh, ignore_errors=True)
    # The interpreter by name: the script beside it knows where the environment was made, not where it is.
    run = "import sys; from jupyter_book.cli.main import main; sys.argv[0] = 'jupyter-book'; main()"
    command = [sys.executable, "-P", "-c", run, "build", str(tree), "--path-output", str(fresh)]
    done = subprocess.run(
        [*command, "-W", "-n", "--keep-going"],
        env=isolated(NO_COLOR="1", PYTHONPATH=str(ROOT)),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode or not (fresh / "_build" / "html" / "index.html").exists():
        raise BuildFailed(f"rendering failed, warnings count as errors:\n{done.stdout[-1500:]}\n{done.stderr[-6000:]}")
    (fresh / "_build" / "html" / ".digest").write_text(made_of, encoding="utf-8")
    previous = out / "html.previous"
    shutil.rmtree(previous, ignore_errors=True)
    if html.exists():
        html.rename(previous)
    (fresh / "_build" / "html").rename(html)
    shutil.rmtree(previous, ignore_errors=True)
    shutil.rmtree(fresh, ignore_errors=True)
    return html / "index.html"


def as_json(value: dict) -> str:
    """As ``claims.json`` is written."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def write(path: Path, text: str) -> None:
    """Write a file atomically, its folder first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
