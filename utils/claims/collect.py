"""Every verdict of the book in one file: collected from the executed notebooks, checked against what was committed to."""

from pathlib import Path

import nbformat

from utils.claims.verdict import RECORD, again

__all__ = ["BUDGET", "collect", "discrepancies", "error_budget", "share"]

BUDGET = 0.05  # most that the error rates of the book's intervals may add up to


def collect(executed: list[Path]) -> list[dict]:
    """Verdicts shown in executed notebooks, in the order a reader meets them.

    Parameters
    ----------
    executed : list of Path

    Returns
    -------
    list of dict
        Records of :class:`utils.claims.verdict.Verdict`.
    """
    return [
        again(output["metadata"][RECORD]).record()
        for path in executed
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        if RECORD in output.get("metadata", {})
    ]


def discrepancies(records: list[dict], claims: dict[str, dict], notebooks: list[str]) -> list[str]:
    """What keeps a set of verdicts from being published, one sentence each; empty if nothing does.

    Parameters
    ----------
    records : list of dict
        As :func:`collect` returns them.
    claims : dict
        The registry.
    notebooks : list of str
        Names of the notebooks that ran: their claims, and only those, must be there.

    Returns
    -------
    list of str
    """
    found = []
    for name in {r["id"] for r in records}:
        times = sum(r["id"] == name for r in records)
        if times > 1:
            found.append(f"claim {name!r} is judged {times} times; once is enough, twice invites choosing")
    expected = {name for name, claim in claims.items() if claim["notebook"] in notebooks}
    found += [
        f"claim {name!r} is registered for {claims[name]['notebook']} but was not judged there"
        for name in sorted(expected - {r["id"] for r in records})
    ]
    for record in records:
        if record["id"] not in expected:
            found.append(f"claim {record['id']!r} was judged but is not registered for the notebooks that ran")
            continue
        if record["verdict"] != record["wanted"]:
            found.append(
                f"claim {record['id']!r} came out {record['verdict']}, the registry expects {record['wanted']}: "
                f"interval {record['interval']}, expected {record['expected']}, decided by {record['where']!r}"
            )
        found += [
            f"claim {record['id']!r}: control {control['name']!r} came out {control['verdict']}, wanted {control['wanted']}"
            for control in record["controls"]
            if control["verdict"] != control["wanted"]
        ]
    if error_budget(records) > BUDGET:
        found.append(f"the error rates add up to {error_budget(records):.3g}, more than {BUDGET} for the whole book")
    return sorted(found)


def share(record: dict) -> float:
    """Largest probability that an interval of one claim, its own or a control's, misses its true value."""
    return record["alpha"] * (1 + len(record["controls"]))


def error_budget(records: list[dict], *rates: str) -> float:
    """Largest probability that any interval of the book, controls included, misses its true value (union bound).

    Of those at some rates only, if any are named: "guaranteed", "nominal".
    """
    return sum(share(record) for record in records if not rates or record["rate"] in rates)
