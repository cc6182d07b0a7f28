"""What is claimed and expected, fixed before anything is measured: one file per notebook under ``utils/claims/data/``.

Such a file has up to four parts:

``claims``
    By id. ``item`` (of the paper, or "ours"), ``statement`` (what is judged, in one sentence), ``published`` (what the paper
    printed, and how well it can be read), ``kind`` (``slack``: least (bound - measured) over the settings; ``deviation``:
    largest \\|measured - target\\| / tolerance over them), ``rule`` (of each setting's interval, ``bounded``, ``median``,
    ``computed`` or ``mean``, see :mod:`utils.stats.rules`: what the error rate is worth), ``expected`` (where the whole interval must lie to be supported; null
    is unbounded), ``values`` (optional, published numbers: label -> [target, tolerance]; the tolerance is the paper's own
    sampling error, 3.9 standard errors of its 20 runs, plus how well the number can be read off the plot), ``alpha`` (error
    rate of the interval, all settings together), ``controls`` (the same judgment on other input, and how it must come out),
    ``verdict`` (the outcome we committed to; a build in which it differs fails, so that a change is a decision), ``limit``
    (optional, one sentence: what the verdict does not cover; the claim's item is then amber on the pages), ``beside``
    (optional, kept runs of fewer seeds than a judgment needs, shown and not judged: name under ``notebooks/evidence`` -> arm
    -> its name for readers).
``mutations``, ``short``
    What must break the claims, see ``utils.mutation.register``.
``errata``
    (page 10) The rows of its table: where, what, consequence, verdicts.

What changed in them, when and why, is in ``utils/claims/history.yml``, kept by hand.
"""

import math
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from utils.files import read_yaml
from utils.stats.intervals import edges
from utils.stats.rules import RATES

__all__ = ["CHANGED", "DATA", "KINDS", "Change", "content", "entry", "history", "published", "registry"]

DATA = Path(__file__).with_name("data")
KINDS = ("slack", "deviation")
HISTORY = Path(__file__).with_name("history.yml")
CHANGED = ("verdict", "statement", "range", "error rate", "control", "withdrawn")
VERDICTS = ("supported", "refuted", "inconclusive")
FIELDS = {"item", "statement", "published", "kind", "rule", "expected", "alpha", "controls", "verdict"}


@cache
def content(folder: Path = DATA) -> dict[str, dict]:
    """What each notebook's file holds.

    Parameters
    ----------
    folder : Path
        With one file per notebook; the companion's own by default.

    Returns
    -------
    dict of str to dict
        By the notebook's name, in the order of the names.

    Examples
    --------
    >>> list(content()["02_width_floor"])
    ['claims', 'mutations', 'short']
    """
    files = sorted(path for path in Path(folder).glob("*.yml") if path.name != "items.yml")
    return {path.stem: read_yaml(path) or {} for path in files}


@cache
def registry(folder: Path = DATA) -> dict[str, dict]:
    """Claims by id, checked for form.

    Parameters
    ----------
    folder : Path
        With one file per notebook; the companion's own by default.

    Returns
    -------
    dict of str to dict
        Fields as in the files, and ``notebook``.

    Raises
    ------
    ValueError
        If an entry lacks or misspells a field, has an impossible value, no negative control, or, being expected to
        come out refuted, no positive one; if an id is in two files.

    Examples
    --------
    >>> claim = registry()["thm1"]
    >>> claim["notebook"], claim["kind"], claim["expected"]
    ('01_orthogonalization_rate', 'slack', [0, None])
    """
    found: dict[str, dict] = {}
    for notebook, parts in content(folder).items():
        for name, claim in parts.get("claims", {}).items():
            where = f"{Path(folder) / notebook}.yml: claim {name!r}"
            if name in found:
                raise ValueError(f"{where} is in {found[name]['notebook']}.yml too; one place each")
            _check(claim, where)
            found[name] = {"notebook": notebook} | claim
    return found


def _check(claim: dict, where: str) -> None:
    fields = set(claim) - {"values", "limit", "beside"}
    if fields != FIELDS:
        raise ValueError(f"{where} misses {FIELDS - fields or 'nothing'}, has unknown {fields - FIELDS}")
    if claim["kind"] not in KINDS or claim["verdict"] not in VERDICTS:
        raise ValueError(f"{where}: kind is one of {list(KINDS)}, verdict one of {VERDICTS}")
    if claim["rule"] not in RATES:
        raise ValueError(f"{where}: rule={claim['rule']!r}, expected one of {', '.join(RATES)}")
    if not (isinstance(claim["alpha"], float) and 0 < claim["alpha"] <= 0.01):
        raise ValueError(f"{where}: alpha={claim['alpha']!r}, expected a number in (0, 0.01]")
    try:
        _, most = edges(claim["expected"])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if claim["kind"] == "deviation" and not 0 < most < math.inf:
        raise ValueError(
            f"{where}: expected={claim['expected']!r}: a deviation is never negative, give it a positive end"
        )
    for label, numbers in claim.get("values", {}).items():
        if len(numbers) != 2 or not all(map(math.isfinite, numbers)) or not numbers[1] > 0:
            raise ValueError(
                f"{where}: {label!r} is {numbers!r}, expected [target, tolerance], finite, the second positive"
            )
    if not isinstance(claim.get("limit", "-"), str) or not claim.get("limit", "-").strip():
        raise ValueError(f"{where}: limit={claim['limit']!r}, expected one sentence, or leave it out")
    wanted = set(claim["controls"].values())
    if not wanted <= {"supported", "refuted"} or "refuted" not in wanted:
        raise ValueError(f"{where} needs a negative control, one that must be refuted")
    if claim["verdict"] == "refuted" and "supported" not in wanted:
        raise ValueError(f"{where} is expected refuted: it needs a positive control, to be supported")


def published(claim_id: str) -> dict[str, tuple[float, float]]:
    """Published numbers of a claim: label to (value, tolerance), from the registry.

    Parameters
    ----------
    claim_id : str

    Returns
    -------
    dict of str to (float, float)

    Raises
    ------
    KeyError
        If there is no such claim or it has no published numbers.

    Examples
    --------
    >>> published("fig2a")
    {'width 32, plateau': (-1.6, 0.2), 'width 512, plateau': (-3.0, 0.2)}
    """
    values = entry(claim_id)["values"]
    return {label: (float(value), float(tolerance)) for label, (value, tolerance) in values.items()}


def entry(claim_id: str) -> dict:
    """A claim's entry; ``KeyError`` with the ids that there are if it is not one of them."""
    if claim_id not in registry():
        raise KeyError(f"no claim {claim_id!r} in utils/claims/data; there are {', '.join(registry())}")
    return registry()[claim_id]


@dataclass(frozen=True)
class Change:
    """A decision on some claims.

    Attributes
    ----------
    date : date
    claims : tuple of str
        Ids.
    changed : str
        One of ``CHANGED``.
    what, why : str
        A sentence each.

    Examples
    --------
    >>> from datetime import date
    >>> Change(date(2026, 1, 2), ("thm1",), "range", what="From 0.1 to 0.2.", why="Other seeds fell on either side.").changed
    'range'
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

    Examples
    --------
    >>> history()[-1].claims
    ('rate', 'vanilla')
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
