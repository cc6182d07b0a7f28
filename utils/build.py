"""Build the book: ``python -m utils.build [--profile P]``.

Every notebook in the table of contents is run strictly (those whose digest changed, two at a time), every verdict is
collected and checked, and only then is the book rendered, from a staged tree, with warnings as errors, and moved into
place. A build that fails leaves what was there before.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import yaml

from utils import bench, cards, colophon, gate, items, ledger, live, pages
from utils.claims import registry
from utils.digest import ROOT, files_digest, notebook_digest
from utils.files import write_atomically
from utils.parameters import PROFILES, ParameterError
from utils.run import PINNED, faults, resolve

__all__ = ["BuildFailed", "build", "main"]


class BuildFailed(RuntimeError):
    """The book cannot be published; the message says why and what was left as it was."""


def build(*, profile: str = "fast", jobs: int | None = None) -> Path:
    """Run what changed, judge, render, publish.

    Parameters
    ----------
    profile : {"fast", "cifar", "paper"}
    jobs : int, optional
        Notebooks run at a time; the number of processors by default.

    Returns
    -------
    Path
        The landing page.

    Raises
    ------
    BuildFailed
        If a notebook fails, a verdict or control is not as committed to, or rendering warns.
    """
    out = ROOT / "_build"
    notebooks = _notebooks()
    chosen = _items()
    repository = _repository()
    barred = [sentence for path in notebooks for sentence in gate.problems(path)]
    if barred:
        raise BuildFailed("nothing was run, these must not enter the book:\n  " + "\n  ".join(barred))
    executed = _execute(notebooks, out / "cache" / profile, profile, jobs or os.cpu_count() or 1)

    records = ledger.collect(executed)
    wrong = ledger.discrepancies(records, registry(), [path.stem for path in notebooks])
    if wrong:
        raise BuildFailed("verdicts are not as committed to in utils/claims.yml:\n  " + "\n  ".join(wrong))
    for record in records:
        print(cards.line(record))
    print(f"{len(records)} claims as expected; error budget of the book {ledger.error_budget(records):.2g}")

    made = colophon.describe(profile, executed, threads=int(PINNED["OMP_NUM_THREADS"])) | {"claims": records}
    stage = _stage(out, executed, made, chosen)
    if repository:
        _make_live(stage, repository)
    index = _render(stage, out)
    _publish_notebooks(executed, out / "executed")
    _write(out / "claims.json", _json(made))
    return index


def _items() -> list[items.Item]:
    """The items the pages are made of, checked before anything runs."""
    try:
        chosen = items.read()
    except ValueError as error:
        raise BuildFailed(str(error)) from error
    if found := items.missing(chosen, registry()):
        raise BuildFailed("\n  ".join(found))
    return chosen


def _repository() -> str | None:
    try:
        return live.address()
    except ValueError as error:
        raise BuildFailed(str(error)) from error


def _notebooks() -> list[Path]:
    def files(node):
        if isinstance(node, dict):
            for key, value in node.items():
                yield from [value] if key in ("root", "file") else files(value)
        elif isinstance(node, list):
            for item in node:
                yield from files(item)

    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [ROOT / f"{name}.ipynb" for name in files(toc) if str(name).startswith("notebooks/")]
    missing = [path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if path not in listed]
    if missing:
        raise BuildFailed(f"notebooks not in _toc.yml: {', '.join(sorted(missing))}; add them, or no reader finds them")
    absent = [path.stem for path in listed if not path.exists()]
    if absent:
        raise BuildFailed(f"_toc.yml lists notebooks that do not exist: {', '.join(absent)}")
    return listed


def _is_current(path: Path, digest: str) -> bool:
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception:  # missing, truncated or corrupt: run it again rather than trust it
        return False
    return notebook.metadata.get("companion", {}).get("digest") == digest and not faults(notebook)


def _execute(notebooks: list[Path], cache: Path, profile: str, jobs: int) -> list[Path]:
    results = [cache / path.name for path in notebooks]
    try:
        digests = [notebook_digest(path, resolve(path, profile, {})) for path in notebooks]
    except ParameterError as error:
        raise BuildFailed(str(error)) from error
    stale = [
        (source, result)
        for source, result, digest in zip(notebooks, results, digests, strict=True)
        if not _is_current(result, digest)
    ]
    # The long ones first, those that train: then no processor waits for a last one.
    stale.sort(key=lambda pair: "import sweep" not in pair[0].read_text(encoding="utf-8"))
    print(
        f"{len(notebooks)} notebooks, profile {profile}: {len(stale)} to run, {len(notebooks) - len(stale)} unchanged",
        flush=True,
    )

    def execute(position: int) -> str | None:
        source, result = stale[position]
        started = time.monotonic()
        command = [sys.executable, "-m", "utils.run", str(source), str(result), "--profile", profile]
        environment = os.environ | PINNED | {"TQDM_POSITION": str(position % jobs)}
        if not sys.stderr.isatty():
            environment |= {"TQDM_MININTERVAL": "15"}
        if profile == "fast":  # seconds a cell: where notebooks fill the processors, workers cost more than they bring
            environment |= {"LOKY_MAX_CPU_COUNT": str(max(1, (os.cpu_count() or 1) // min(jobs, len(stale))))}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        outcome = "done" if done.returncode == 0 else "FAILED"
        print(f"{source.stem}: {outcome} in {time.monotonic() - started:.0f} s", flush=True)
        return None if done.returncode == 0 else source.stem

    with ThreadPoolExecutor(jobs) as pool:
        failed = [name for name in pool.map(execute, range(len(stale))) if name]
    if failed:
        raise BuildFailed(f"{', '.join(failed)} failed (messages above); the book was left as it was")
    return results


def _stage(out: Path, executed: list[Path], made: dict, chosen: list[items.Item]) -> Path:
    """A tree of the shape of the sources, executed notebooks in place of theirs, so that links point at sources."""
    stage = out / "stage"
    if stage.exists():
        shutil.rmtree(stage)
    shutil.copytree(ROOT / "book", stage / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, stage / name)
    (stage / "notebooks").mkdir()
    for path in executed:
        shutil.copy(path, stage / "notebooks" / path.name)
    _write(stage / "book" / "_static" / "claims.json", _json(made))
    _generate(stage / "book" / "_generated", out, executed, made, chosen)
    return stage


def _make_live(stage: Path, repository: str) -> None:
    """Buttons that open the published repository's notebooks; and those that pages offer to download know it as well."""
    config = stage / "_config.yml"
    settings = live.with_buttons(yaml.safe_load(config.read_text(encoding="utf-8")), repository)
    _write(config, yaml.safe_dump(settings, sort_keys=False))
    for path in (stage / "notebooks").iterdir():
        try:
            _write(path, live.stamped(path.read_text(encoding="utf-8"), repository, live.revision()))
        except ValueError as error:
            raise BuildFailed(f"{path.stem}: {error}") from error


def _generate(folder: Path, out: Path, executed: list[Path], made: dict, chosen: list[items.Item]) -> None:
    """What the pages of ``book`` include: everything on them that depends on how the build came out."""
    records, titles = made["claims"], colophon.titles(executed)
    _write(folder / "counts.md", pages.counts(chosen, records))
    _write(folder / "overview.html", pages.overview(chosen, records))
    _write(folder / "filters.html", pages.filters(chosen, records, titles))
    for part, ours in (("paper", False), ("ours", True)):
        _write(folder / f"ledger_{part}.html", pages.ledger_table(chosen, records, registry(), ours=ours))
    _write(folder / "error_budget.md", pages.budget(records))
    _write(folder / "run.html", colophon.run(made, titles))
    if shown := colophon.picture(executed[0]):
        _write(folder / "picture.svg", shown[0])
        _write(folder / "picture.md", shown[1])
    kept = ROOT / "book" / "agreement.json"
    if kept.exists():
        _write(folder / "agreement.html", colophon.agreements(json.loads(kept.read_text(encoding="utf-8"))))
    # This machine's benchmark where one was run, else the committed one; the page says which.
    measured = next((path for path in (out / "bench.json", ROOT / "book" / "bench.json") if path.exists()), None)
    if measured:
        record = json.loads(measured.read_text(encoding="utf-8"))
        _write(folder / "bench_table.html", bench.table(record))
        bench.figure(record, folder / "bench.svg")


def _render(stage: Path, out: Path) -> Path:
    html = out / "html"
    stamp = html / ".digest"
    # The API pages are made of docstrings.
    digest = files_digest(stage, "**/*") + files_digest(ROOT, "requirements.txt", "utils/*.py")
    if stamp.exists() and stamp.read_text() == digest:
        print("pages unchanged")
        return html / "index.html"
    fresh = out / "render"
    shutil.rmtree(fresh, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(stage), "--path-output", str(fresh)]
    done = subprocess.run(
        [*command, "-W", "-n", "--keep-going"],
        env=os.environ | PINNED | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if done.returncode or not (fresh / "_build" / "html" / "index.html").exists():
        raise BuildFailed(f"rendering failed, warnings count as errors:\n{done.stdout[-1500:]}\n{done.stderr[-6000:]}")
    (fresh / "_build" / "html" / ".digest").write_text(digest)
    previous = out / "html.previous"
    shutil.rmtree(previous, ignore_errors=True)
    if html.exists():
        html.rename(previous)
    (fresh / "_build" / "html").rename(html)
    shutil.rmtree(previous, ignore_errors=True)
    shutil.rmtree(fresh, ignore_errors=True)
    return html / "index.html"


def _publish_notebooks(executed: list[Path], target: Path) -> None:
    for path in executed:
        _write(target / path.name, path.read_text(encoding="utf-8"))
    for leftover in set(target.glob("*.ipynb")) - {target / path.name for path in executed}:
        leftover.unlink()


def _json(value: dict) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.build", description=__doc__.split("\n\n")[1])
    parser.add_argument("--profile", default="fast", choices=PROFILES)
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        index = build(profile=options.profile)
    except (BuildFailed, OSError) as error:  # a full or read-only disk, say
        print(f"\nThe book was not built: {error}", file=sys.stderr)
        return 1
    print(f"The book is ready after {time.monotonic() - started:.0f} s: open {index}")
    print(f"Executed notebooks: {index.parents[1] / 'executed'}   verdicts: {index.parents[1] / 'claims.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
