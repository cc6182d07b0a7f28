"""What the book claims and how a claim is judged.

The registry (``utils/claims.yml``) fixes what is expected before anything is measured. A notebook brings
cells of samples, for the claim and for each of its controls; :func:`judge` turns all of them into verdicts by the
same rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import yaml

from utils import cards
from utils.intervals import Cell, Estimate, least_slack, worst_deviation

__all__ = ["RECORD", "Verdict", "judge", "published", "registry"]

RECORD = "companion-claim"  #: The key of an output's metadata under which a shown card carries its record.
KINDS = {"slack": least_slack, "deviation": worst_deviation}
REGISTRY = Path(__file__).with_name("claims.yml")
VERDICTS = ("supported", "refuted", "inconclusive")
FIELDS = {"item", "notebook", "statement", "published", "kind", "expected", "alpha", "controls", "verdict"}


@dataclass(frozen=True)
class Verdict:
    """A judged claim; shown as a card in a notebook and collected from there into ``claims.json``.

    Attributes
    ----------
    id, item, statement, published, kind, alpha, expected : as in the registry
    verdict : {"supported", "refuted", "inconclusive"}
    wanted : str
        The outcome the registry commits to.
    estimate, interval, detectable, where : number, (low, high), number, str
        See :class:`utils.intervals.Estimate`; ``where`` names the deciding cell.
    seeds, cells, vacuous : int
        Independent samples in the smallest cell; cells judged; cells that say nothing.
    scale : str
        The setting the evidence comes from.
    controls : list of dict
        ``name``, ``wanted``, ``verdict``, ``estimate`` and ``interval`` of each control.
    notebook, anchor : str
        Where to read it.

    Examples
    --------
    :func:`judge` makes them:

    >>> from utils.intervals import Cell
    >>> ours, wrong = Cell("n = 4", 0.25, target=0.5, error=0.01), Cell("n = 4", 0.75, target=0.5, error=0.01)
    >>> controls = {name: [wrong] for name in registry()["lemma7"]["controls"]}
    >>> verdict = judge("lemma7", [ours], controls=controls, scale="made up")
    >>> verdict.verdict, verdict.estimate, [control["verdict"] for control in verdict.controls]
    ('supported', 0.25, ['refuted', 'refuted'])
    """

    id: str
    item: str
    statement: str
    verdict: str
    wanted: str
    estimate: float
    interval: tuple[float, float]
    expected: tuple[float | None, float | None]
    published: str
    kind: str
    seeds: int
    cells: int
    vacuous: int
    where: str
    alpha: float
    detectable: float
    scale: str
    controls: list
    notebook: str
    anchor: str

    def _repr_mimebundle_(self, include=None, exclude=None):
        record = asdict(self)
        return {"text/html": cards.card(record), "text/plain": cards.line(record)}, {RECORD: record}


@cache
def registry(path: Path = REGISTRY) -> dict[str, dict]:
    """Claims by id, checked for form.

    Parameters
    ----------
    path : Path
        A registry file; the companion's own by default.

    Returns
    -------
    dict of str to dict

    Raises
    ------
    ValueError
        If an entry lacks or misspells a field, has an impossible value, no negative control, or, being expected to
        come out refuted, no positive one.

    Examples
    --------
    >>> claim = registry()["thm1"]
    >>> claim["notebook"], claim["kind"], claim["expected"]
    ('01_orthogonalization_rate', 'slack', [0, None])
    """
    claims = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    for name, claim in claims.items():
        fields = set(claim) - {"values"}
        if fields != FIELDS:
            raise ValueError(
                f"{path}: claim {name!r} misses {FIELDS - fields or 'nothing'}, has unknown {fields - FIELDS}"
            )
        if claim["kind"] not in KINDS or claim["verdict"] not in VERDICTS:
            raise ValueError(f"{path}: claim {name!r}: kind is one of {list(KINDS)}, verdict one of {VERDICTS}")
        if not (isinstance(claim["alpha"], float) and 0 < claim["alpha"] <= 0.01):
            raise ValueError(f"{path}: claim {name!r}: alpha={claim['alpha']!r}, expected a number in (0, 0.01]")
        if len(claim["expected"]) != 2:
            raise ValueError(f"{path}: claim {name!r}: expected={claim['expected']!r} should be [low, high]")
        wanted = set(claim["controls"].values())
        if not wanted <= {"supported", "refuted"} or "refuted" not in wanted:
            raise ValueError(f"{path}: claim {name!r} needs a negative control, one that must be refuted")
        if claim["verdict"] == "refuted" and "supported" not in wanted:
            raise ValueError(
                f"{path}: claim {name!r} is expected refuted: it needs a positive control, to be supported"
            )
    return claims


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
    return {label: (float(value), float(tolerance)) for label, (value, tolerance) in _entry(claim_id)["values"].items()}


def judge(claim_id: str, cells: Sequence[Cell], *, controls: Mapping[str, Sequence[Cell]], scale: str) -> Verdict:
    """Judge a claim and its controls by the registry's rule for it.

    Parameters
    ----------
    claim_id : str
        An id of the registry.
    cells : sequence of Cell
        What was measured.
    controls : mapping of str to sequence of Cell
        The same for each control the registry names, by its name there.
    scale : str
        The setting, as a reader would say it.

    Returns
    -------
    Verdict
        Interval inside the expected range: supported; disjoint from it: refuted; otherwise inconclusive.

    Raises
    ------
    KeyError
        If the claim is not registered.
    ValueError
        If the controls are not the registered ones, the cells of a claim with published values are not those, or a
        cell is malformed.

    Examples
    --------
    A made-up slack of 0.25 supports the claim; with 0.5 more on the measured side its controls are refuted:

    >>> from utils.intervals import Cell
    >>> ours, wrong = Cell("n = 4", 0.25, target=0.5, error=0.01), Cell("n = 4", 0.75, target=0.5, error=0.01)
    >>> controls = {name: [wrong] for name in registry()["lemma7"]["controls"]}
    >>> judge("lemma7", [ours], controls=controls, scale="made up").verdict
    'supported'
    >>> judge("lemma7", [wrong], controls=controls, scale="made up").verdict
    'refuted'
    >>> judge("lemma7", [Cell("n = 4", 0.5, target=0.5, error=0.01)], controls=controls, scale="made up").verdict
    'inconclusive'
    """
    entry = _entry(claim_id)
    if set(controls) != set(entry["controls"]):
        raise ValueError(
            f"claim {claim_id!r}: controls {sorted(controls)}, the registry has {sorted(entry['controls'])}"
        )
    if "values" in entry and {(c.label, c.target, c.tolerance) for c in cells} != {
        (label, *numbers) for label, numbers in published(claim_id).items()
    }:
        raise ValueError(f"claim {claim_id!r}: cells must carry exactly the registry's published values")

    estimate_from = KINDS[entry["kind"]]
    expected = tuple(entry["expected"])
    estimate = estimate_from(cells, entry["alpha"])
    judged = {name: estimate_from(control, entry["alpha"]) for name, control in controls.items()}
    return Verdict(
        id=claim_id,
        item=entry["item"],
        statement=entry["statement"],
        verdict=_compare(estimate, expected),
        wanted=entry["verdict"],
        estimate=estimate.value,
        interval=estimate.interval,
        expected=expected,
        published=entry["published"],
        kind=entry["kind"],
        seeds=estimate.samples,
        cells=estimate.cells,
        vacuous=estimate.vacuous,
        where=estimate.where,
        alpha=entry["alpha"],
        detectable=estimate.detectable,
        scale=scale,
        controls=[
            {
                "name": name,
                "wanted": wanted,
                "verdict": _compare(judged[name], expected),
                "estimate": judged[name].value,
                "interval": judged[name].interval,
            }
            for name, wanted in entry["controls"].items()
        ],
        notebook=entry["notebook"],
        anchor=f"claim-{claim_id.replace('.', '-')}",
    )


def _entry(claim_id: str) -> dict:
    if claim_id not in registry():
        raise KeyError(f"no claim {claim_id!r} in utils/claims.yml; there are {', '.join(registry())}")
    return registry()[claim_id]


def _compare(estimate: Estimate, expected: tuple) -> str:
    low, high = estimate.interval
    least = float("-inf") if expected[0] is None else expected[0]
    most = float("inf") if expected[1] is None else expected[1]
    if least <= low and high <= most:
        return "supported"
    if high < least or low > most:
        return "refuted"
    return "inconclusive"
