"""Results too long to compute in every build: committed with where they came from, shown as what they are.

``python -m utils.experiments.archive EXECUTED`` keeps the tables (see :class:`Table`) and verdicts of an executed notebook in
one small file under ``notebooks/evidence/``, tidy rows with their provenance.
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

from utils import claims
from utils.files import ROOT, write_atomically
from utils.provenance import commit, versions

__all__ = ["RECORD", "Table", "describe", "keep", "load", "main", "plain_rows", "verdicts"]

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
        record = {"name": self.name, "columns": list(self.frame.columns), "rows": plain_rows(self.frame)}
        return {"text/plain": f"{self.name}: {len(self.frame)} rows"}, {RECORD: record}


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    plain = frame[[name for name in frame if not frame[name].map(lambda value: isinstance(value, list)).any()]]
    return plain.map(lambda value: float(f"{value:.5g}") if isinstance(value, float) else value)


def plain_rows(frame: pd.DataFrame) -> list[list]:
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
    if device == "cuda":
        import torch  # here: not every reader of kept tables has a use for it

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


def verdicts(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Kept verdicts, under the titles that today's cards have.

    Parameters
    ----------
    tables : dict of str to DataFrame
        As :func:`load` returns them.

    Returns
    -------
    DataFrame
        With the columns ``id``, ``item``, ``verdict``, ``estimate`` and ``scale``.

    Examples
    --------
    >>> verdicts(load("04_sgd_speedup.cifar")[0]).item[0]
    'Figure 3a'
    """
    titles = {claim: entry["item"] for claim, entry in claims.registry().items()}
    return tables["claims"].assign(item=lambda t: t.id.map(titles))[["id", "item", "verdict", "estimate", "scale"]]


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
    verdicts = [claims.again(metadata[claims.RECORD]).record() for metadata in shown if claims.RECORD in metadata]
    tables["claims"] = {"columns": columns, "rows": [[verdict[name] for name in columns] for verdict in verdicts]}
    return keep(
        f"{source.stem}.{run['profile']}",
        tables,
        command=f"python -m utils.run notebooks/{source.name} OUTPUT --profile {run['profile']}",
        device=run["parameters"].get("device", "cpu"),
        parameters=run["parameters"],
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.experiments.archive", description=__doc__.split("\n\n")[0])
    parser.add_argument("executed", type=Path, help="an executed notebook, whose tables and verdicts are kept")
    print(f"{_from_notebook(parser.parse_args(arguments).executed)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
