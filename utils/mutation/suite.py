"""Can the book's checks fail? Notebooks run with one thing broken on purpose, and what becomes of their verdicts.

``python -m utils.mutation.suite`` breaks one thing at a time, as the ``mutations`` in ``utils/claims/data`` say, and judges
again. ``--form short`` takes a minute or two at reduced parameters; ``--form long``, at the ``fast`` profile's own, keeps its
results for notebook 11. A new claim needs a mutation in its notebook's file, four lines::

    a_name:
      kind: sharp constant  # vanilla network, wrong exponent, sampler, labels; mended: what a refuted claim states is made true
      broken: What is broken, in one sentence.
      patch: scaled("theory.limits.gap_floor", 1.1)  # Python with the functions of utils.mutation.patches, run first
      claims: [its_id]  # what must not come out supported; if it is expected to be refuted, a control must give it away

It may also have ``blind`` (claims that may stay supported all the same, and why), ``forms`` (``[long]`` where the short form
would prove nothing) and ``store: honest`` (sweeps are computed by honest code, broken after). Under ``short`` stands what the
short form changes: ``set`` a parameter, or a constant that some cell sets to a literal; ``leave`` a claim that so few runs
cannot tell from chance; ``kept``, committed results in place of training again.

Every mutation runs in a process of its own and with a store of its own: what is broken there reaches neither the next one
nor any grid point that a reader's notebooks would find computed.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from utils import claims
from utils.claims.register import DATA, content
from utils.files import ROOT, write_atomically
from utils.mutation.replay import play
from utils.pipeline.execute import notebook_fingerprint
from utils.pipeline.parameters import check, declared

__all__ = ["KINDS", "faults", "main", "registry", "suite"]

KINDS = ("vanilla network", "sharp constant", "wrong exponent", "sampler", "labels", "mended")
FIELDS = {"kind", "broken", "claims", "patch"}
OPTIONAL = {"blind", "store", "forms"}
UNDISTURBED = "nothing"
COLUMNS = ["sabotage", "claim", "verdict", "noticed", "estimate", "low", "high"]


def registry(folder: Path = DATA) -> tuple[dict[str, dict], dict[str, dict]]:
    """Mutations by name, and what the short form changes in each notebook; checked for form.

    Parameters
    ----------
    folder : Path
        With one file a notebook, see :mod:`utils.claims.register`.

    Returns
    -------
    mutations : dict of str to dict
        Fields as in the files, and ``notebook``.
    short : dict of str to dict
        Notebook to ``set`` (names of parameters and other constants to values), ``leave`` (claims that so little cannot
        tell apart, or take too long, left to the long form) and ``kept`` (committed results that stand in for sweeps).

    Raises
    ------
    ValueError
        If an entry lacks or misspells a field, names an unknown kind, or a claim that its notebook does not judge; if a name
        stands in two files.
    """
    found: dict[str, dict] = {}
    parts = content(folder)
    known = claims.registry(folder)
    for notebook, part in parts.items():
        for name, entry in part.get("mutations", {}).items():
            where = f"{Path(folder) / notebook}.yml: mutation {name!r}"
            if name in found:
                raise ValueError(f"{where} stands in {found[name]['notebook']}.yml too; one place each")
            fields = set(entry) - OPTIONAL
            if fields != FIELDS:
                raise ValueError(f"{where} misses {FIELDS - fields or 'nothing'}, has unknown {fields - FIELDS}")
            if entry["kind"] not in KINDS:
                raise ValueError(f"{where}: kind {entry['kind']!r}, expected one of {', '.join(KINDS)}")
            for claim in [*entry["claims"], *entry.get("blind", {})]:
                if claim not in known or known[claim]["notebook"] != notebook:
                    raise ValueError(f"{where}: claim {claim!r} is not one that {notebook} judges")
                if entry["kind"] == "mended" and known[claim]["verdict"] != "refuted":
                    raise ValueError(f"{where} mends {claim!r}, which is not expected to be refuted")
            found[name] = {"notebook": notebook} | entry
    return found, {notebook: part["short"] for notebook, part in parts.items() if "short" in part}


def faults(rows: list[dict], sabotages: dict[str, dict]) -> list[str]:
    """What a sabotage got away with, one sentence each; empty if every check saw what it must.

    Parameters
    ----------
    rows : list of dict
        As :func:`suite` returns them.
    sabotages : dict
        As :func:`registry` returns them.

    Returns
    -------
    list of str
    """
    found = []
    for row in rows:
        what = f"{row['sabotage']}: {row['claim']} came out {row['verdict']}"
        if row["sabotage"] == UNDISTURBED:
            # Few runs may leave a control undecided; only where the control is all that gives sabotage away does that matter.
            refuted = claims.registry()[row["claim"]]["verdict"] == "refuted"
            if row["noticed"] in ("verdict", "error") or (row["noticed"] and refuted):
                found.append(f"{what} with nothing broken (off: {row['noticed']})")
            continue
        entry = sabotages[row["sabotage"]]
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


def _settings(notebook: str, form: str, short: dict[str, dict]) -> tuple[dict, set[str]]:
    """Arguments of :func:`utils.mutation.replay.play` for a notebook in one of the forms, and the claims that are left out."""
    if form == "long":
        return {"values": {}, "kept": None}, set()
    entry = short.get(notebook, {})
    values, kept = entry.get("set", {}), entry.get("kept")
    if kept:
        from utils.experiments import archive

        values = archive.load(kept["name"])[1]["parameters"] | values
    parameters = declared(ROOT / "notebooks" / f"{notebook}.ipynb")
    check(parameters, {name: value for name, value in values.items() if name in parameters})
    return {"values": values, "kept": kept}, set(entry.get("leave", []))


def _task(task: dict) -> dict:
    """One run, in a process of its own; its rows."""
    import torch

    torch.set_num_threads(1)
    started = time.process_time()
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        if (
            task["store"] and Path(task["store"]).exists()
        ):  # computed by honest code, shuffled after: the computing need not be done again
            shutil.copytree(task["store"], folder, dirs_exist_ok=True)
        rows = play(
            ROOT / "notebooks" / f"{task['notebook']}.ipynb",
            patch=task["patch"], wanted=task["wanted"], values=task["values"], kept=task["kept"], store=Path(folder),
        )  # fmt: skip
        if task["sabotage"] == UNDISTURBED and task["keep_store"]:
            shutil.copytree(folder, task["keep_store"], dirs_exist_ok=True)
    seconds = round(time.process_time() - started, 1)
    return task | {"rows": [{"sabotage": task["sabotage"]} | row | {"seconds": seconds} for row in rows]}


def suite(
    form: str, *, only: Collection[str] | None = None, jobs: int = 1, results: Path | None = None, compute: bool = True
) -> list[dict]:
    """Run sabotages, and in the short form the undisturbed notebooks beside them.

    Parameters
    ----------
    form : {"short", "long"}
    only : collection of str, optional
        Names of sabotages, all by default.
    jobs : int
        Processes at a time.
    results : Path, optional
        Folder in which a finished run is stored under a digest of all it depends on, and found again.
    compute : bool
        Whether to run what is not stored, or leave it out.

    Returns
    -------
    list of dict
        Rows of :func:`utils.mutation.replay.play` with ``sabotage`` and ``seconds`` of a processor.
    """
    sabotages, short = registry()
    chosen = {
        name: entry
        for name, entry in sabotages.items()
        if (only is None or name in only) and form in entry.get("forms", ["short", "long"])
    }
    tasks = []
    with tempfile.TemporaryDirectory(prefix="honest-") as honest:
        for notebook in dict.fromkeys(entry["notebook"] for entry in chosen.values()):
            settings, left = _settings(notebook, form, short)
            mine = {name: entry for name, entry in chosen.items() if entry["notebook"] == notebook}
            common = {"notebook": notebook, **settings}
            if form == "short":
                wanted = dict.fromkeys(c for e in mine.values() for c in e["claims"] if c not in left)
                kept = Path(honest) / notebook
                tasks += [
                    common | {"sabotage": UNDISTURBED, "patch": "", "wanted": list(wanted), "store": None, "keep_store": kept}
                ]  # fmt: skip
            else:
                from utils.experiments.sweep import store_directory

                kept = store_directory()
            for name, entry in mine.items():
                wanted = [c for c in [*entry["claims"], *entry.get("blind", {})] if c not in left]
                store = kept if entry.get("store") == "honest" else None
                tasks += [
                    common | {"sabotage": name, "patch": entry["patch"], "wanted": wanted, "store": store}
                ] * bool(wanted)  # fmt: skip
        return list(_finished(tasks, jobs, results, compute))


def _finished(tasks: list[dict], jobs: int, results: Path | None, compute: bool) -> Iterator[dict]:
    # Forked from a server that has loaded the libraries and nothing of ours that a patch could have touched.
    os.environ["TQDM_DISABLE"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "pandas", "matplotlib.pyplot", "seaborn", "scipy.stats", "sklearn.datasets", "nbformat", "papermill"])  # fmt: skip
    stored = {id(task): results and Path(results) / f"{_digest(task)}.json" for task in tasks}
    found = {id(t): json.loads(stored[id(t)].read_text()) for t in tasks if results and stored[id(t)].exists()}
    # What others read comes first; a store that is not there yet is waited for.
    waves = [[t for t in tasks if not t["store"]], [t for t in tasks if t["store"]]]
    for wave in waves if compute else []:
        missing = [task for task in wave if id(task) not in found]
        with context.Pool(jobs, maxtasksperchild=1) as pool:
            for task, done in zip(missing, pool.imap(_task, missing, chunksize=1), strict=True):
                found[id(task)] = done["rows"]
                if results:
                    Path(results).mkdir(parents=True, exist_ok=True)
                    write_atomically(stored[id(task)], json.dumps(done["rows"]))
                outcome = ", ".join(
                    f"{r['claim']} {r['verdict']} ({r['noticed'] or 'unnoticed'})" for r in done["rows"]
                )
                seconds = done["rows"][0]["seconds"]
                print(f"{seconds:6.1f} s  {task['notebook'][:2]} {task['sabotage']}: {outcome}", flush=True)
    for task in tasks:
        yield from found.get(id(task), [])


def _digest(task: dict) -> str:
    notebook = ROOT / "notebooks" / f"{task['notebook']}.ipynb"
    plain = [task["sabotage"], task["patch"], sorted(task["wanted"]), task["values"], bool(task["store"])]
    return hashlib.sha256(json.dumps([notebook_fingerprint(notebook, {}), *plain]).encode()).hexdigest()[:40]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status: 0 if every check saw what it must, 1 if one did not."""
    parser = argparse.ArgumentParser(prog="python -m utils.mutation.suite", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", help="sabotages to run, all by default")
    parser.add_argument("--form", choices=("short", "long"), default="long")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--output", type=Path, help="write the rows here as JSON, instead of keeping evidence")
    parser.add_argument("--stored", action="store_true", help="run nothing: keep as evidence what has been run so far")
    options = parser.parse_args(arguments)
    sabotages, _ = registry()
    unknown = set(options.names) - set(sabotages)
    if unknown:
        parser.error(f"no sabotage {', '.join(sorted(unknown))}; there are {', '.join(sabotages)}")
    elsewhere = [name for name in options.names if options.form not in sabotages[name].get("forms", [options.form])]
    if elsewhere:
        parser.error(
            f"{', '.join(elsewhere)}: not run in the {options.form} form, it would prove nothing; choose the other"
        )
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    results = ROOT / "_build" / "sabotage" if options.form == "long" else None
    rows = suite(
        options.form, only=options.names or None, jobs=options.jobs, results=results, compute=not options.stored
    )
    if options.output:
        options.output.write_text(json.dumps(rows, indent=0), encoding="utf-8")
    elif options.form == "long" and not options.names:
        import pandas as pd

        from utils.experiments import archive

        table = pd.DataFrame(rows, columns=COLUMNS).map(_rounded)
        kept = archive.keep("11_checking_the_checks.sabotage", {"rows": table}, device="cpu", command="make sabotage")
        print(f"{kept}: written")
    wrong = faults(rows, sabotages)
    print("\n".join(wrong) if wrong else "every check saw what it must")
    return bool(wrong)


def _rounded(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
