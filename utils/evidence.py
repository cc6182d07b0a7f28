"""Results too long to compute in every build: committed with where they came from, shown as what they are.

``python -m utils.evidence notebook EXECUTED`` keeps the tables (see :class:`Table`) and verdicts of an executed notebook;
``python -m utils.evidence trials OUTPUT --width … --arms … …`` runs a grid of trials that is no notebook's. Both write one
small file under ``notebooks/evidence/``, tidy rows with their provenance.
"""

import argparse
import json
import math
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import torch

from utils import claims
from utils.digest import ROOT, commit
from utils.files import write_atomically
from utils.sweeps import sweep
from utils.trials import ARMS, trial

__all__ = ["RECORD", "Table", "describe", "keep", "load", "main"]

RECORD = "companion-table"  #: The key of an output's metadata under which a shown table carries its rows.
FOLDER = ROOT / "notebooks" / "evidence"


class Table:
    """A table that an executed notebook carries, for readers of the file and for :func:`keep`.

    Parameters
    ----------
    name : str
        Among the notebook's tables.
    frame : DataFrame
        Plain columns; columns of lists are left out, numbers rounded to five significant digits.

    Examples
    --------
    >>> Table("runs", pd.DataFrame({"loss": [0.123456789], "curve": [[1, 2]]})).frame
          loss
    0  0.12346
    """

    def __init__(self, name: str, frame: pd.DataFrame):
        self.name, self.frame = name, _plain(frame)

    def _repr_mimebundle_(self, include=None, exclude=None):
        record = {"name": self.name, "columns": list(self.frame.columns), "rows": _rows(self.frame)}
        return {"text/plain": f"{self.name}: {len(self.frame)} rows"}, {RECORD: record}


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    plain = frame[[name for name in frame if not frame[name].map(lambda value: isinstance(value, list)).any()]]
    return plain.map(lambda value: float(f"{value:.5g}") if isinstance(value, float) else value)


def _rows(frame: pd.DataFrame) -> list[list]:
    """Rows for a JSON file, which has no NaN: what diverged is null there, and NaN again when read."""
    return [
        [None if isinstance(value, float) and not math.isfinite(value) else value for value in row]
        for row in frame.values.tolist()
    ]


def keep(name: str, tables: dict[str, dict], *, device: str, **run: object) -> Path:
    """Write tables with their provenance, atomically.

    Parameters
    ----------
    name : str
        Of the file, ``NOTEBOOK.WHAT``.
    tables : dict of str to dict
        Each with ``columns`` and ``rows``.
    device : str
        Where it ran: "cpu" or "cuda", named in the file by the machine's own words.
    **run
        What else is known of the run: ``command``, ``parameters``, …

    Returns
    -------
    Path
    """
    from utils.ledger import versions  # here: what it imports takes every notebook's kernel a second or two

    if device == "cuda":
        device = torch.cuda.get_device_name()
    else:
        device = f"{os.cpu_count()} cores, {platform.machine()}, no GPU"
    provenance = {
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "device": device,
        "versions": versions(),
        **run,
    }
    tables_text = ",\n".join(
        f"{json.dumps(key)}: {{{json.dumps('columns')}: {json.dumps(table['columns'])}, {json.dumps('rows')}: [\n"
        + ",\n".join(json.dumps(row) for row in table["rows"])
        + "\n]}"
        for key, table in tables.items()
    )
    path = FOLDER / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, f'{{"provenance": {json.dumps(provenance)},\n"tables": {{\n{tables_text}\n}}}}\n')
    return path


def load(name: str) -> tuple[dict[str, pd.DataFrame], dict]:
    """Committed tables and their provenance.

    Parameters
    ----------
    name : str
        Of the file, without its ending.

    Returns
    -------
    tables : dict of str to DataFrame
    provenance : dict

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message lists those there are.

    Examples
    --------
    >>> tables, provenance = load("04_sgd_speedup.cifar")
    >>> "claims" in tables, len(provenance["commit"])
    (True, 40)
    """
    path = FOLDER / f"{name}.json"
    if not path.exists():
        there = ", ".join(sorted(file.stem for file in FOLDER.glob("*.json"))) or "none"
        raise FileNotFoundError(f"no evidence {name!r} in {FOLDER}; there is: {there}")
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {key: pd.DataFrame(table["rows"], columns=table["columns"]) for key, table in kept["tables"].items()}, kept[
        "provenance"
    ]


def describe(provenance: dict) -> str:
    """Where kept numbers come from, in a sentence for beside a figure.

    Parameters
    ----------
    provenance : dict
        As :func:`load` returns it.

    Returns
    -------
    str

    Examples
    --------
    >>> _, provenance = load("04_sgd_speedup.cifar")
    >>> describe(provenance).startswith("Not computed in this build: run on 20")
    True
    """
    return (
        f"Not computed in this build: run on {provenance['date']} at commit {(provenance['commit'] or 'unknown')[:10]} "
        f"({provenance['device']}; torch {provenance['versions']['torch']}) with `{provenance['command']}`."
    )


def _from_notebook(path: Path) -> Path:
    import nbformat  # here, as above

    notebook = nbformat.read(path, as_version=4)
    run = notebook.metadata["companion"]
    source = Path(notebook.metadata["papermill"]["input_path"])
    shown = [
        output.get("metadata", {}) for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    ]
    tables = {
        metadata[RECORD]["name"]: {name: metadata[RECORD][name] for name in ("columns", "rows")}
        for metadata in shown
        if RECORD in metadata
    }
    columns = ["id", "item", "verdict", "wanted", "estimate", "interval", "scale"]
    verdicts = [metadata[claims.RECORD] for metadata in shown if claims.RECORD in metadata]
    tables["claims"] = {"columns": columns, "rows": [[verdict[name] for name in columns] for verdict in verdicts]}
    return keep(
        f"{source.stem}.{run['profile']}",
        tables,
        command=f"python -m utils.run notebooks/{source.name} OUTPUT --profile {run['profile']}",
        device=run["parameters"].get("device", "cpu"),
        parameters=run["parameters"],
    )


def _from_trials(options: argparse.Namespace) -> Path:
    grid = [
        {
            "task": "cifar10",
            "scale": "symmetric",
            "train_images": options.images,
            "test_images": 1000,
            "arm": arm,
            "width": options.width,
            "depth": depth,
            "learning_rate": options.rate,
            "batch_size": 500,
            "steps": options.epochs * (options.images // 500),
            "seeds": [seed],
            "probe": 64,
            "observations": options.epochs,
            "device": options.device,
        }
        # Seeds outermost: stopped early, a run leaves a complete comparison on fewer seeds.
        for seed in range(options.seeds)
        for depth in options.depths
        for arm in options.arms
    ]
    table = sweep(trial, grid, jobs=1 if options.device == "cuda" else None, description=options.name)
    curves = [
        {"arm": row.arm, "depth": row.depth, "seed": row.seed, "epoch": epoch, "loss": loss, "gap_before": before, "gap_after": after}
        for row in table.itertuples()
        for epoch, (loss, before, after) in enumerate(
            zip(row.curve_loss, row.curve_gap_before, row.curve_gap_after, strict=True)
        )
    ]  # fmt: skip
    tables = {"runs": Table("runs", table).frame, "curves": Table("curves", pd.DataFrame(curves)).frame}
    return keep(
        options.name,
        {key: {"columns": list(frame.columns), "rows": _rows(frame)} for key, frame in tables.items()},
        device=options.device,
        command="python -m utils.evidence " + " ".join(sys.argv[1:]),
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.evidence", description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(required=True)
    notebook = commands.add_parser("notebook", help="keep the tables of an executed notebook")
    notebook.add_argument("executed", type=Path)
    notebook.set_defaults(run=lambda options: _from_notebook(options.executed))
    trials = commands.add_parser("trials", help="run a grid of trials on CIFAR-10 and keep its tables")
    trials.add_argument("name", help="of the file, NOTEBOOK.WHAT")
    trials.add_argument("--width", type=int, required=True)
    trials.add_argument("--depths", type=int, nargs="+", required=True)
    trials.add_argument("--arms", nargs="+", choices=list(ARMS), required=True)
    trials.add_argument("--rate", type=float, default=0.01)
    trials.add_argument("--epochs", type=int, default=30)
    trials.add_argument("--images", type=int, default=50_000)
    trials.add_argument("--seeds", type=int, default=4)
    trials.add_argument("--device", default="cpu")
    trials.set_defaults(run=_from_trials)
    options = parser.parse_args(arguments)
    print(f"{options.run(options)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
