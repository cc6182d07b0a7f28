"""Build the book: run what changed, collect and check every verdict, render a staged tree, move it into place.

Every notebook in the table of contents is run strictly (those whose fingerprint changed, two at a time), every verdict is
collected and checked, and only then is the book rendered, with warnings as errors. A build that fails leaves what was there
before.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

from utils.claims import collect, display, items
from utils.claims.register import registry
from utils.files import ROOT, read_yaml
from utils.fingerprint import reached
from utils.pipeline import checks, publish, report, stage
from utils.pipeline.execute import faults, notebook_fingerprint, resolve
from utils.pipeline.parameters import ParameterError
from utils.pipeline.stage import BuildFailed, as_json, write
from utils.processes.commands import alone, gathered, ignore_signals
from utils.processes.environment import PINNED, isolated, processors

__all__ = ["BuildFailed", "build", "other_seed"]

LOCK = "build.lock"
GRACE = 20  # seconds in which a notebook's process that is told to end may end its kernel


def build(*, profile: str = "fast", jobs: int | None = None) -> Path:
    """Run what changed, judge, render, publish.

    Parameters
    ----------
    profile : {"fast", "cifar", "paper"}
    jobs : int, optional
        Processes at a time; the processors one may use by default.

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
    barred = [sentence for path in notebooks for sentence in checks.problems(path)]
    if barred:
        raise BuildFailed("nothing was run, these must not enter the book:\n  " + "\n  ".join(barred))
    with alone(out / LOCK, "build"):
        return _build(out, notebooks, profile, jobs, chosen, repository)


def _build(
    out: Path, notebooks: list[Path], profile: str, jobs: int | None, chosen: list[items.Item], repository: str | None
) -> Path:
    executed = _execute(notebooks, out / "cache" / profile, profile, jobs)

    records, wrong = _judged(executed)
    if wrong:
        raise BuildFailed("verdicts are not as committed to in utils/claims/data:\n  " + "\n  ".join(wrong))
    for record in records:
        print(display.line(record))
    print(f"{len(records)} claims as expected; error budget of the book {collect.error_budget(records):.2g}")

    made = report.describe(profile, executed, threads=int(PINNED["OMP_NUM_THREADS"])) | {"claims": records}
    shown = _compose(notebooks, executed, records, out / "composed")
    index = stage.render(stage.stage(out, shown, made, chosen, repository), out)
    _publish_notebooks(shown, out / "executed", _published(out))
    write(out / "claims.json", as_json(made))
    return index


def other_seed(seed: int, *, profile: str = "fast", jobs: int | None = None) -> list[str]:
    """Run and judge the whole book on another seed; nothing is rendered or published.

    Parameters
    ----------
    seed : int
        Of every notebook.
    profile : {"fast", "cifar", "paper"}
    jobs : int, optional

    Returns
    -------
    list of str
        What differs from the registry, one sentence each.

    Raises
    ------
    BuildFailed
        If a notebook fails.
    """
    cache = ROOT / "_build" / "cache" / f"{profile}-seed-{seed}"
    with alone(ROOT / "_build" / LOCK, "build"):
        return _judged(_execute(_notebooks(), cache, profile, jobs, {"seed": seed}))[1]


def _judged(executed: list[Path]) -> tuple[list[dict], list[str]]:
    """Verdicts by the registry as it is now, and what differs from it."""
    try:
        records = collect.collect(executed)
    except (KeyError, ValueError) as error:
        raise BuildFailed(f"what was measured cannot be judged by the registry: {error}") from error
    return records, collect.discrepancies(records, registry(), [path.stem for path in executed])


def _items() -> list[items.Item]:
    """The items the pages are made of, checked before anything runs."""
    try:
        chosen = items.read()
        found = items.missing(chosen, registry())
    except ValueError as error:
        raise BuildFailed(str(error)) from error
    if found:
        raise BuildFailed("\n  ".join(found))
    return chosen


def _repository() -> str | None:
    try:
        return publish.address()
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

    try:
        toc = read_yaml(ROOT / "_toc.yml")
    except ValueError as error:
        raise BuildFailed(str(error)) from None
    listed = [ROOT / f"{name}.ipynb" for name in files(toc) if str(name).startswith("notebooks/")]
    if twice := {path.stem for path in listed if listed.count(path) > 1}:
        raise BuildFailed(f"_toc.yml lists notebooks twice: {', '.join(sorted(twice))}; once is enough")
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
    made = notebook.metadata.get("companion", {})
    return made.get("fingerprint") == digest and "memory" in made and not faults(notebook)


def _execute(
    notebooks: list[Path], cache: Path, profile: str, jobs: int | None, given: dict[str, object] | None = None
) -> list[Path]:
    try:
        jobs = jobs or processors()
    except ValueError as error:
        raise BuildFailed(str(error)) from error
    results = [cache / path.name for path in notebooks]
    try:
        digests = [notebook_fingerprint(path, resolve(path, profile, given or {})) for path in notebooks]
    except ParameterError as error:
        raise BuildFailed(str(error)) from error
    stale = [
        (source, result)
        for source, result, digest in zip(notebooks, results, digests, strict=True)
        if not _is_current(result, digest)
    ]
    # The long ones first, those that train: then no processor waits for a last one.
    sweeps = ROOT / "utils" / "experiments" / "sweep.py"
    stale.sort(key=lambda pair: sweeps not in reached(pair[0])[0])
    print(
        f"{len(notebooks)} notebooks, profile {profile}: {len(stale)} to run, {len(notebooks) - len(stale)} unchanged",
        flush=True,
    )

    def execute(position: int) -> str | None:
        source, result = stale[position]
        started = time.monotonic()
        command = [sys.executable, "-m", "utils.run", str(source), str(result), "--profile", profile]
        command += [part for name, value in (given or {}).items() for part in ("-p", name, str(value))]
        # Seconds a cell in the fast profile: where notebooks fill the processors, workers cost more than they bring.
        workers = max(1, jobs // min(jobs, len(stale))) if profile == "fast" else jobs
        environment = isolated(TQDM_POSITION=str(position % jobs), LOKY_MAX_CPU_COUNT=str(workers))
        if not sys.stderr.isatty():
            environment |= {"TQDM_MININTERVAL": "15"}
        status = runners.run(command, environment)
        if status is None:
            return None
        took = f"in {time.monotonic() - started:.0f} s"
        print(f"{source.stem}: {_done(result, took) if status == 0 else f'FAILED {took}'}", flush=True)
        return None if status == 0 else source.stem

    runners = _Runners()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            running = [pool.submit(execute, position) for position in range(len(stale))]
            failed = [name for name in gathered(running) if name]
        except KeyboardInterrupt:
            ignore_signals()
            pool.shutdown(wait=False, cancel_futures=True)
            runners.end()
            raise
    if failed:
        raise BuildFailed(f"{', '.join(failed)} failed (messages above); the book was left as it was")
    return results


def _done(result: Path, took: str) -> str:
    held = nbformat.read(result, as_version=4).metadata["companion"]["memory"]
    return f"done {took}, {held:,} MB at most"


class _Runners:
    """Processes that run notebooks: all of them end when the build is told to."""

    def __init__(self) -> None:
        self.running: set[subprocess.Popen] = set()
        self.is_over = False
        self.lock = threading.Lock()

    def run(self, command: list[str], environment: dict[str, str]) -> int | None:
        """Exit status of a command; ``None`` if there is to be no more."""
        # Ctrl-C reaches whatever the terminal started: this thread and its processes leave it to the build.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        with self.lock:
            if self.is_over:
                return None
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
            self.running.add(process)
        status = process.wait()
        self.running.discard(process)
        return None if self.is_over else status

    def end(self) -> None:
        """Tell every process to end, and see that it does."""
        with self.lock:
            self.is_over = True
        running = list(self.running)
        for process in running:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()


def _compose(notebooks: list[Path], executed: list[Path], records: list[dict], folder: Path) -> list[Path]:
    for source, run in zip(notebooks, executed, strict=True):
        write(folder / run.name, nbformat.writes(stage.composed(source, run, records)) + "\n")
    return [folder / run.name for run in executed]


def _published(out: Path) -> set[str]:
    """Names of the notebooks that the build before put in place."""
    try:
        names = set(json.loads((out / "claims.json").read_text(encoding="utf-8"))["seconds"])
        return {name for name in names if Path(name).name == name}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def _publish_notebooks(executed: list[Path], target: Path, before: set[str]) -> None:
    for path in executed:
        write(target / path.name, path.read_text(encoding="utf-8"))
    for leftover in before - {path.stem for path in executed}:
        (target / f"{leftover}.ipynb").unlink(missing_ok=True)
