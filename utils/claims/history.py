"""What changed in the registry that bears on verdicts, when and why: ``utils/claims/history.yml``, kept by hand."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from utils.files import read_yaml

__all__ = ["CHANGED", "HISTORY", "Change", "history"]

HISTORY = Path(__file__).with_name("history.yml")
CHANGED = ("verdict", "statement", "range", "error rate", "control", "withdrawn")


@dataclass(frozen=True)
class Change:
    """A decision on some claims.

    Attributes
    ----------
    date : date
    claims : tuple of str
        Ids.
    changed : str
        One of :data:`CHANGED`.
    what, why : str
        A sentence each.
    """

    date: date
    claims: tuple[str, ...]
    changed: str
    what: str
    why: str


def history(path: Path = HISTORY) -> list[Change]:
    """Changes in the order of the file, the latest first, checked for form.

    Parameters
    ----------
    path : Path
        The book's own by default.

    Returns
    -------
    list of Change

    Raises
    ------
    ValueError
        If a field is missing, misspelt or empty, or the latest does not come first.
    """
    found = []
    for entry in read_yaml(path) or []:
        if set(entry) != set(Change.__dataclass_fields__) or not all(entry.values()):
            raise ValueError(
                f"{path}: {entry}: expected the fields {', '.join(Change.__dataclass_fields__)}, none empty"
            )
        if entry["changed"] not in CHANGED or not isinstance(entry["date"], date):
            raise ValueError(f"{path}: {entry}: changed is one of {', '.join(CHANGED)}, date is YYYY-MM-DD")
        found.append(Change(**entry | {"claims": tuple(entry["claims"])}))
    if found != sorted(found, key=lambda change: change.date, reverse=True):
        raise ValueError(f"{path}: the latest change comes first")
    return found
