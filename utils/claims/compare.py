"""How far two runs of the book agree: ``python -m utils.claims.compare A B [--exact] [--keep NAME --how TEXT]``.

A and B are each a ``claims.json`` or a folder of executed notebooks; the claims of the notebooks that both have are
compared. Exit 0: every verdict, controls included, is the same in both (with ``--exact``: everything is, times aside).
Exit 1: not so. Exit 2: nothing to compare. ``--keep`` adds the comparison, under a name, to ``book/agreement.json``.
"""

import json
import math
import sys
from pathlib import Path

import nbformat

from utils.claims import collect
from utils.files import ROOT
from utils.processes.commands import command
from utils.processes.options import Options, described
from utils.provenance import processor, versions

__all__ = ["compare", "differences", "main", "summary"]

KEPT = ROOT / "book" / "agreement.json"
TIMES = ("date", "seconds", "memory", "ran")  # of a build: when it ran and what it took, not what came out


def compare(first: list[dict], second: list[dict]) -> list[dict]:
    """Two runs of the same claims, one row a claim.

    Parameters
    ----------
    first, second : list of dict
        Records of :class:`utils.claims.verdict.Verdict`.

    Returns
    -------
    list of dict
        ``id``, ``verdicts`` (a pair, ``None`` where a run lacks the claim), ``agree`` (verdict and controls come out the
        same), ``identical`` (every field is) and ``apart``, the distance of the estimates in units of half the first
        interval's length.
    """
    ours, theirs = ({record["id"]: record for record in records} for records in (first, second))
    return [_row(name, ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs])]


def _row(name: str, a: dict | None, b: dict | None) -> dict:
    verdicts = [record and record["verdict"] for record in (a, b)]
    if a is None or b is None:
        return {"id": name, "verdicts": verdicts, "agree": False, "identical": False, "apart": math.inf}
    return {
        "id": name,
        "verdicts": verdicts,
        "agree": _outcomes(a) == _outcomes(b),
        "identical": a == b,
        "apart": _apart(a["estimate"], b["estimate"], a["interval"]),
    }


def _outcomes(record: dict) -> list[tuple[str, str]]:
    return [("", record["verdict"]), *((control["name"], control["verdict"]) for control in record["controls"])]


def _apart(a: float, b: float, interval: list[float]) -> float:
    half = (interval[1] - interval[0]) / 2
    if a == b:
        return 0.0
    return abs(a - b) / half if half > 0 else math.inf


def summary(rows: list[dict]) -> dict:
    """A comparison in a few numbers.

    Parameters
    ----------
    rows : list of dict
        As :func:`compare` returns them, at least one.

    Returns
    -------
    dict
        ``claims``, ``identical`` and ``agree`` (how many), ``apart`` and ``where`` (the largest distance and its claim).
    """
    worst = max(rows, key=lambda row: row["apart"])
    return {
        "claims": len(rows),
        "identical": sum(row["identical"] for row in rows),
        "agree": sum(row["agree"] for row in rows),
        "apart": worst["apart"],
        "where": worst["id"],
    }


def differences(first: object, second: object, *, path: str = "") -> list[str]:
    """Where two JSON values differ, one line a place; empty if they are the same to the last digit.

    Parameters
    ----------
    first, second : object
        Of two ``claims.json``, or parts of them; when and how fast a build ran does not count.
    path : str
        Where in the file they are.

    Returns
    -------
    list of str
    """
    if isinstance(first, dict) and isinstance(second, dict):
        names = [name for name in dict.fromkeys([*first, *second]) if path or name not in TIMES]
        pairs = [(f"{path}/{name}", first.get(name), second.get(name)) for name in names]
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        pairs = [(f"{path}/{_label(a, i)}", a, b) for i, (a, b) in enumerate(zip(first, second, strict=True))]
    else:
        return [] if first == second else [f"{path}: {first!r} and {second!r}"]
    return [line for name, a, b in pairs for line in differences(a, b, path=name)]


def _label(value: object, position: int) -> str:
    named = (value.get("id") or value.get("name")) if isinstance(value, dict) else None
    return named or str(position)


def _read(path: Path) -> dict:
    """A ``claims.json``, or what it would hold for a folder of executed notebooks; ``ValueError`` if it is neither."""
    try:
        content = _content(path)
        _ = [(record["id"], record["notebook"]) for record in content["claims"]]
    except Exception as error:  # a file of anything: what reading it raises cannot be listed
        raise ValueError(
            f"{path} is neither the claims.json of a build nor a folder of executed notebooks ({type(error).__name__}: {str(error).partition(chr(10))[0]})"
        ) from error
    return content


def _content(path: Path) -> dict:
    if path.is_dir():
        # Neither runs in progress nor failed ones.
        executed = [p for p in sorted(path.glob("*.ipynb")) if p.name[0] != "." and ".failed." not in p.name]
        ends = [nbformat.read(one, as_version=4).metadata["papermill"]["end_time"] for one in executed]
        return {"date": max(ends, default="")[:10], "claims": collect.collect(executed)}
    if path.exists() and not path.is_file():
        raise ValueError("not a regular file")
    return json.loads(path.read_text(encoding="utf-8"))


def _keep(name: str, how: str, rows: list[dict], notebooks: list[str], first: dict, second: dict) -> None:
    runs = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    runs[name] = {
        "how": how,
        "commit": first.get("commit"),
        "date": second.get("date"),
        "device": processor(),
        "versions": versions(),
        "notebooks": notebooks,
        "claims": {row["id"]: [row["agree"], row["identical"], float(f"{row['apart']:.3g}")] for row in rows},
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(run, ensure_ascii=False)}" for key, run in runs.items())
    KEPT.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = Options(prog="python -m utils.claims.compare", description=described(__doc__, 1))
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--exact", action="store_true", help="every field must be the same, times aside")
    parser.add_argument("--keep", metavar="NAME", help="add the comparison to book/agreement.json")
    parser.add_argument("--how", default="", metavar="TEXT", help="what was different in the second run")
    options = parser.parse_args(arguments)

    try:
        first, second = _read(options.first), _read(options.second)
    except ValueError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    shared = {r["notebook"] for r in first["claims"]} & {r["notebook"] for r in second["claims"]}
    if not shared:
        print(f"{parser.prog}: {options.first} and {options.second} share no notebook's claims", file=sys.stderr)
        return 2
    rows = compare(*([r for r in side["claims"] if r["notebook"] in shared] for side in (first, second)))
    for row in rows:
        outcome = "the same" if row["identical"] else f"{row['apart']:.2g} half-widths apart"
        verdicts = (
            row["verdicts"][0] if row["agree"] else "DIFFERS: {} and {}, controls included".format(*row["verdicts"])
        )
        print(f"{row['id']}: {outcome}; {verdicts}")
    total = summary(rows)
    print(
        f"{total['claims']} claims: {total['identical']} the same to the last digit, {total['agree']} with the same verdicts; "
        f"at most {total['apart']:.2g} half-widths apart ({total['where']})"
    )
    if options.keep:
        _keep(options.keep, options.how, rows, sorted(shared), first, second)
    found = differences(first, second) if options.exact else []
    for line in found:
        print(f"not the same: {line}")
    return 1 if found or total["agree"] < total["claims"] else 0


if __name__ == "__main__":
    command(main)
