"""Results too long to compute in every build: committed with where they came from, shown as what they are.

``python -m utils.experiments.archive EXECUTED`` keeps the tables (see :class:`Table`) and verdicts of an executed notebook in a
folder ``notebooks/evidence/NOTEBOOK.PROFILE/``: a CSV file each, and ``provenance.json``.
"""

from __future__ import annotations

import io
import json
import math
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from utils import claims, provenance
from utils.claims import display
from utils.files import ROOT
from utils.fingerprint import is_todays
from utils.processes.commands import command
from utils.processes.options import Options, described

if TYPE_CHECKING:  # every build asks what is kept, few find anything
    import pandas as pd

__all__ = ["RECORD", "Table", "describe", "keep", "load", "main", "verdicts"]

RECORD = "companion-table"  #: The key of an output's metadata under which a shown table carries its rows.
FOLDER = ROOT / "notebooks" / "evidence"


class Table:
    """A table that an executed notebook carries, for readers of the file and for :func:`keep`.

    Parameters
    ----------
    name : str
        Among the notebook's tables.
    frame : DataFrame
        Plain columns; columns of lists are left out, numbers rounded to five significant digits, infinity is NaN.

    Examples
    --------
    >>> import pandas as pd
    >>> Table("runs", pd.DataFrame({"loss": [0.123456789], "curve": [[1, 2]]})).frame
          loss
    0  0.12346
    """

    def __init__(self, name: str, frame: pd.DataFrame):
        lists = [column for column in frame if frame[column].map(lambda value: isinstance(value, list)).any()]
        plain = frame.drop(columns=lists).map(lambda x: float(f"{x:.5g}") if isinstance(x, float) else x)
        self.name, self.frame = name, plain.replace([math.inf, -math.inf], math.nan)

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": f"{self.name}: {len(self.frame)} rows"}, {
            RECORD: {"name": self.name, "csv": _written(self.frame)}
        }


# What diverged is NaN in a file; an empty field is an empty text.
def _written(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, na_rep="NaN", lineterminator="\n")


def _read(csv) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(csv, keep_default_na=False, na_values=["NaN"])


def keep(
    name: str,
    tables: dict[str, pd.DataFrame],
    *,
    device: str,
    code: dict | None,
    ran: dict | None = None,
    **run: object,
) -> Path:
    """Write tables with their provenance: all of them, or what was there stays.

    Parameters
    ----------
    name : str
        Of the folder, ``NOTEBOOK.WHAT``.
    tables : dict of str to DataFrame
    device : {"cpu", "cuda"}
        Where it ran, see ``utils.provenance.facts``.
    code : dict or None
        That of the sources that computed them, see ``utils.fingerprint.made_by``; ``None`` if nobody noted it.
    ran : dict, optional
        What was recorded of that when it ran; this process, here and now, by default.
    **run
        What else is known of the run: ``command``, ``parameters``, …

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the name is of another form, or the folder holds what is not a kept result; nothing is written.
    """
    _see_that_only_results_go(name)
    ran = ran or provenance.facts(device)  # before anything is written: it says whether the clone has changes
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=FOLDER) as room:
        fresh, folder = Path(room) / name, FOLDER / name
        fresh.mkdir()
        for table, frame in tables.items():
            (fresh / f"{table}.csv").write_text(_written(frame), encoding="utf-8")
        noted = {} if code is None else {"code": code}
        about = json.dumps(ran | noted | run, indent=1, ensure_ascii=False)
        (fresh / "provenance.json").write_text(about + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        return fresh.rename(folder)


def _see_that_only_results_go(name: str) -> None:
    if not re.fullmatch(r"\w+\.\w+", name):
        raise ValueError(f"evidence {name!r}: expected NOTEBOOK.WHAT, letters, digits and underscores")
    for path in (FOLDER / name).glob("*"):
        if path.suffix != ".csv" and path.name != "provenance.json":
            raise ValueError(f"evidence {name!r}: {path} is not a kept result; move it away, the folder is replaced")


def load(name: str) -> tuple[dict[str, pd.DataFrame], dict]:
    """Committed tables and their provenance.

    Parameters
    ----------
    name : str
        Of the folder.

    Returns
    -------
    tables : dict of str to DataFrame
    provenance : dict

    Raises
    ------
    FileNotFoundError
        If there is no such folder; the message lists those there are.

    Examples
    --------
    >>> tables, provenance = load("04_sgd_speedup.cifar")
    >>> "claims" in tables, len(provenance["commit"])
    (True, 40)
    """
    if not (FOLDER / name / "provenance.json").exists():
        there = ", ".join(sorted(path.parent.name for path in FOLDER.glob("*/provenance.json"))) or "none"
        raise FileNotFoundError(f"no evidence {name!r} in {FOLDER}; there is: {there}")
    tables = {path.stem: _read(path) for path in sorted((FOLDER / name).glob("*.csv"))}
    return tables, json.loads((FOLDER / name / "provenance.json").read_text(encoding="utf-8"))


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
    """Where kept numbers come from, and whether today's code made them, in sentences for beside a figure.

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
        f"({provenance['device']}; torch {provenance['versions']['torch']}) with `{provenance['command']}`. {_age(provenance)}"
    )


def _age(provenance: dict) -> str:
    if "code" not in provenance:
        return "Whether the code is still the same is unknown: it was made before fingerprints were kept."
    return f"The code that made it {'is' if is_todays(provenance['code']) else 'has changed since: it is older than'} today's."


def _from_notebook(path: Path) -> Path:
    import nbformat  # here: readers of kept tables have no use for it
    import pandas as pd

    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a regular file")
        notebook = nbformat.read(path, as_version=4)
        run, source = notebook.metadata["companion"], Path(notebook.metadata["papermill"]["input_path"])
    except Exception as error:  # a file of anything: what reading it raises cannot be listed
        raise ValueError(
            f"{path} is not a notebook that utils.run has executed ({type(error).__name__}: {str(error).partition(chr(10))[0]})"
        ) from error
    shown = [output.get("metadata", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    tables = {m[RECORD]["name"]: _read(io.StringIO(m[RECORD]["csv"])) for m in shown if RECORD in m}
    records = [claims.again(m[claims.RECORD]).record() for m in shown if claims.RECORD in m]
    columns = ["id", "item", "verdict", "wanted", "estimate", "low", "high", "scale"]
    rows = [
        record | dict(zip(("low", "high"), record["interval"], strict=True), scale=display.scope(record))
        for record in records
    ]
    return keep(
        f"{source.stem}.{run['profile']}",
        tables | {"claims": pd.DataFrame(rows, columns=columns)},
        command=f"python -m utils.run notebooks/{source.name} OUTPUT --profile {run['profile']}",
        device=run["parameters"].get("device", "cpu"),
        parameters=run["parameters"],
        code=run.get("code"),
        ran=run.get("ran"),
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = Options(prog="python -m utils.experiments.archive", description=described(__doc__, 0))
    parser.add_argument("executed", type=Path, help="an executed notebook, whose tables and verdicts are kept")
    try:
        print(f"{_from_notebook(parser.parse_args(arguments).executed)}: written")
    except ValueError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    command(main)
