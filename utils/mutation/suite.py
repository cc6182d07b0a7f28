"""Can the book's checks fail? Notebooks run with one thing broken on purpose, and what becomes of their verdicts.

``python -m utils.mutation.suite`` breaks one thing at a time, as the claims' files say (:mod:`utils.mutation.register`), and
judges again. ``--form short`` takes a minute at reduced parameters; ``--form long``, at the ``fast`` profile's own, keeps its
results for notebook 11.

Every mutation runs in a process of its own and with a store of its own: what is broken there reaches neither the next one
nor any grid point that a reader's notebooks would find computed.
"""

import json
import multiprocessing
import multiprocessing.pool
import os
import shutil
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from utils import claims
from utils.experiments import archive
from utils.experiments.sweep import store_directory
from utils.files import ROOT, write_atomically
from utils.fingerprint import code_fingerprint, digest, made_by
from utils.mutation import patches
from utils.mutation.register import registry
from utils.mutation.replay import play
from utils.pipeline.parameters import check, declared
from utils.processes.commands import command
from utils.processes.environment import PINNED
from utils.processes.options import Options, count, described

__all__ = ["faults", "main", "processes", "suite"]

UNDISTURBED = "nothing"  # the name of a run in which nothing is broken
#: What of a claim its verdict depends on.
JUDGED = ("kind", "rule", "expected", "alpha", "values", "controls", "verdict")
COLUMNS = ["mutation", "claim", "verdict", "noticed", "estimate", "low", "high"]


def faults(rows: list[dict], mutations: dict[str, dict]) -> list[str]:
    """What a mutation got away with, one sentence each; empty if every check saw what it must.

    Parameters
    ----------
    rows : list of dict
        As :func:`suite` returns them.
    mutations : dict
        As :func:`registry` returns them.

    Returns
    -------
    list of str
    """
    found = []
    for row in rows:
        what = f"{row['mutation']}: {row['claim']} came out {row['verdict']}"
        if row["mutation"] == UNDISTURBED:
            # Few runs may leave a control undecided; only where the control is all that gives a mutation away does that matter.
            refuted = claims.registry()[row["claim"]]["verdict"] == "refuted"
            if row["noticed"] in ("verdict", "error") or (row["noticed"] and refuted):
                found.append(f"{what} with nothing broken (off: {row['noticed']})")
            continue
        entry = mutations[row["mutation"]]
        if row["claim"] not in entry["claims"]:
            continue
        if entry["kind"] == "mended":
            if row["verdict"] in ("refuted", "stopped"):
                found.append(f"{what}, though what it states is true there")
        elif row["verdict"] == "supported":
            found.append(f"{what}, though {entry['broken'][0].lower()}{entry['broken'][1:]}")
        elif not row["noticed"]:
            found.append(f"{what} and its controls as ever: the build would not notice")
    return found


def suite(form: str, *, only: Collection[str] | None = None, jobs: int = 1, results: Path | None = None) -> list[dict]:
    """Run mutations, and in the short form the undisturbed notebooks beside them.

    Parameters
    ----------
    form : {"short", "long"}
    only : collection of str, optional
        Names of mutations, all by default.
    jobs : int
        Processes at a time.
    results : Path, optional
        Folder in which a finished run is stored under a digest of all it depends on, and found again.

    Returns
    -------
    list of dict
        Rows of :func:`utils.mutation.replay.play` with ``mutation`` and ``seconds`` of a processor.
    """
    tasks = [
        task | {"path": results and Path(results) / f"{_digest(task)}.json"}
        for task in _tasks(form)
        if only is None or task["mutation"] in (*only, UNDISTURBED)
    ]
    alone = {task["notebook"] for task in tasks} - {t["notebook"] for t in tasks if t["mutation"] != UNDISTURBED}
    tasks = [task for task in tasks if task["notebook"] not in alone]
    rows = []
    with processes(jobs, load=len(tasks) > 1) as pool:
        for done in pool.imap(_run, tasks):
            outcome = ", ".join(f"{r['claim']} {r['verdict']} ({r['noticed'] or 'unnoticed'})" for r in done)
            print(f"{done[0]['seconds']:6.1f} s  {done[0]['mutation']}: {outcome}", flush=True)
            rows += done
    return rows


def processes(jobs: int, *, load: bool = True) -> multiprocessing.pool.Pool:
    """Processes that end after one task, forked from one that runs no code and has loaded it all, if many are to come."""
    # By their files: a walk through packages would load them here too. Not this module: run as a command it is the main one,
    # which no process may find imported under its own name.
    files = [path.relative_to(ROOT).with_suffix("").parts for path in sorted((ROOT / "utils").rglob("*.py"))]
    ours = [".".join(parts).removesuffix(".__init__") for parts in files if "pipeline" not in parts]
    ours.remove(__spec__.name)
    context = multiprocessing.get_context("forkserver")
    if load:
        context.set_forkserver_preload([*ours, "matplotlib.pyplot", "seaborn", "sklearn.model_selection", "sympy"])
    return context.Pool(jobs, maxtasksperchild=1)


def _tasks(form: str) -> list[dict]:
    """What there is to run: a mutation, or nothing broken, and the claims judged then; in the short form each claim once."""
    found = []
    mutations, short = registry()
    for notebook in dict.fromkeys(entry["notebook"] for entry in mutations.values()):
        change = short.get(notebook, {}) if form == "short" else {}
        values, kept = change.get("set", {}), change.get("kept")
        if kept:
            values = archive.load(kept["name"])[1]["parameters"] | values
        parameters = declared(ROOT / "notebooks" / f"{notebook}.ipynb")
        check(parameters, {name: value for name, value in values.items() if name in parameters})
        common, tasks, told = {"notebook": notebook, "values": values, "kept": kept}, [], set()
        for name, entry in mutations.items():
            if entry["notebook"] != notebook or form not in entry.get("forms", [form]):
                continue
            wanted = [*entry["claims"], *entry.get("blind", {})]
            if form == "short":
                again = set() if entry["kind"] == "mended" else told
                wanted = [claim for claim in entry["claims"] if claim not in {*again, *change.get("leave", [])}]
                again |= set(wanted)
            if wanted:
                task = {
                    "mutation": name,
                    "patch": entry["patch"],
                    "wanted": wanted,
                    "honest": "store" in entry and not kept,
                }
                tasks.append(common | task)
        if form == "short":
            every = list(dict.fromkeys(claim for task in tasks for claim in task["wanted"]))
            tasks.insert(0, common | {"mutation": UNDISTURBED, "patch": "", "wanted": every, "honest": False})
        found += tasks
    return found


def _run(task: dict) -> list[dict]:
    """Rows of one task, computed in this process, which must end after, or found."""
    import torch

    if task["path"] and task["path"].exists():
        return json.loads(task["path"].read_text(encoding="utf-8"))
    torch.set_num_threads(1)
    started = time.process_time()
    with tempfile.TemporaryDirectory(prefix="mutation-") as store:
        if task["honest"] and store_directory().exists():  # what honest code computed need not be computed again
            shutil.copytree(store_directory(), store, dirs_exist_ok=True)
        arguments = {name: task[name] for name in ("patch", "wanted", "values", "kept")}
        rows = play(ROOT / "notebooks" / f"{task['notebook']}.ipynb", store=Path(store), **arguments)
    seconds = round(time.process_time() - started, 1)
    rows = [{"mutation": task["mutation"]} | row | {"seconds": seconds} for row in rows]
    if task["path"]:
        task["path"].parent.mkdir(parents=True, exist_ok=True)
        write_atomically(task["path"], json.dumps(rows))
    return rows


def _digest(task: dict) -> str:
    code = code_fingerprint(ROOT / "notebooks" / f"{task['notebook']}.ipynb", Path(patches.__file__))
    judged = {claim: {field: claims.registry()[claim].get(field) for field in JUDGED} for claim in task["wanted"]}
    return digest([code, judged, task])[:40]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status: 0 if every check saw what it must, 1 if one did not."""
    parser = Options(prog="python -m utils.mutation.suite", description=described(__doc__, 0))
    parser.add_argument(
        "names", nargs="*", help="mutations to run; all by default, and in the long form kept as evidence"
    )
    parser.add_argument("--form", choices=("short", "long"), default="long")
    parser.add_argument("--jobs", type=count, default=1, help="processes at a time")
    options = parser.parse_args(arguments)
    mutations, _ = registry()
    if unknown := set(options.names) - set(mutations):
        parser.error(f"no mutation {', '.join(sorted(unknown))}; there are {', '.join(mutations)}")
    if elsewhere := set(options.names) - {task["mutation"] for task in _tasks(options.form)}:
        parser.error(f"{', '.join(elsewhere)}: not run in the {options.form} form, it would prove nothing")
    os.environ.update({"TQDM_DISABLE": "1"} | PINNED)
    notebooks = {ROOT / "notebooks" / f"{task['notebook']}.ipynb" for task in _tasks(options.form)}
    code = made_by(Path(__file__), *notebooks)  # as it is when it starts
    results = ROOT / "_build" / "mutation" if options.form == "long" else None
    rows = suite(options.form, only=options.names or None, jobs=options.jobs, results=results)
    if options.form == "long" and not options.names:
        table = pd.DataFrame(rows, columns=COLUMNS).map(_rounded)
        kept = archive.keep(
            "11_checking_the_checks.mutation", {"rows": table}, device="cpu", code=code, command="make mutation"
        )
        print(f"{kept}: written")
    wrong = faults(rows, mutations)
    print("\n".join(wrong) or "every check saw what it must")
    return bool(wrong)


def _rounded(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    command(main)
