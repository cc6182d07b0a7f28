"""How a claim is judged: samples in, a verdict out, by one rule for the claim and for each of its controls.

A shown verdict carries what was measured (:class:`utils.stats.measurement.Summary`) and nothing else that another registry
would change: the build judges anew from there, so a margin or a wording costs no run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial

from utils.claims import display
from utils.claims.register import entry, published
from utils.claims.scope import in_its_unit, scoped
from utils.stats.intervals import compare, least_slack, worst_deviation
from utils.stats.measurement import Measurement, Summary
from utils.stats.rules import RATES

__all__ = ["RECORD", "Verdict", "again", "judge"]

RECORD = "companion-claim"  #: The key of an output's metadata under which a shown card carries what was measured.
FEW = 100  # samples that are kept one by one whatever the rule, so that another rule costs no run
KINDS = {"slack": least_slack, "deviation": worst_deviation}


@dataclass(frozen=True)
class Verdict:
    """A judged claim; shown as a card in a notebook and collected from there into ``claims.json``.

    Attributes
    ----------
    id, item, statement, published, kind, rule, alpha, expected : as in the registry
    rate : {"guaranteed", "nominal"}
        What ``alpha`` is worth: whether a theorem holds it at these sample sizes, or calibration does.
    verdict : {"supported", "refuted", "inconclusive"}
    wanted : str
        The outcome the registry commits to.
    measured : dict
        The deciding setting in its own unit, see :func:`utils.claims.scope.in_its_unit`.
    estimate, interval, detectable, where : number, (low, high), number, str
        See :class:`utils.stats.intervals.Estimate`; ``where`` names the deciding setting.
    seeds, cells, vacuous : int
        Independent samples in the smallest setting; settings judged; settings that say nothing.
    scope : dict
        Where it was measured, see :data:`utils.claims.scope.SCOPE`.
    limit : str or None
        What the verdict does not cover, from the registry.
    controls : list of dict
        ``name``, ``wanted``, ``verdict``, ``estimate`` and ``interval`` of each control.
    notebook, anchor : str
        Where to read it.
    evidence : dict
        What it was judged from, for :func:`again`.

    Examples
    --------
    :func:`judge` makes them:

    >>> from utils.claims.register import entry
    >>> from utils.stats.measurement import Measurement
    >>> ours, wrong = (Measurement("n = 4", value, target=0.5, error=0.01) for value in (0.25, 0.75))
    >>> controls = {name: [wrong] for name in entry("lemma7")["controls"]}
    >>> verdict = judge("lemma7", {"distance": [ours]}, controls=controls, scope="data: made up")
    >>> verdict.verdict, verdict.estimate, [control["verdict"] for control in verdict.controls]
    ('supported', 0.25, ['refuted', 'refuted'])
    """

    id: str
    item: str
    statement: str
    verdict: str
    wanted: str
    measured: dict
    estimate: float
    interval: tuple[float, float]
    expected: tuple[float | None, float | None]
    published: str
    kind: str
    rule: str
    rate: str
    seeds: int
    cells: int
    vacuous: int
    where: str
    alpha: float
    detectable: float
    scope: dict
    limit: str | None
    controls: list
    notebook: str
    anchor: str
    evidence: dict = field(repr=False)

    def record(self) -> dict:
        """Its entry in ``claims.json``: all but the evidence."""
        return {name: value for name, value in asdict(self).items() if name != "evidence"}

    def _repr_mimebundle_(self, include=None, exclude=None):
        record = self.record()
        return {"text/html": display.card(record), "text/plain": display.line(record)}, {RECORD: self.evidence}


def judge(
    claim_id: str,
    measured: Mapping[str, Sequence[Measurement | Summary]],
    *,
    controls: Mapping[str, Sequence[Measurement | Summary]],
    scope: str,
    entries: Mapping[str, dict] | None = None,
) -> Verdict:
    """Judge a claim and its controls by the registry's rule for it.

    Parameters
    ----------
    claim_id : str
        An id of the registry.
    measured : mapping of str to sequence of Measurement
        One for each setting that the claim covers, by the quantity that was measured, as a reader would say it, with its unit
        in brackets: ``{"loss [nats]": [...]}``. Mostly one quantity; settings that measure another go under its own name.
    controls : mapping of str to sequence of Measurement
        The same settings on other input, for each control that the registry names, by its name there.
    scope : str
        Where it was measured, those of :data:`utils.claims.scope.SCOPE` that apply: ``"data: digits; width: 64 to 1,024"``.
    entries : mapping of str to dict, optional
        A made-up registry, as :mod:`utils.experiments.calibration` has one; the book's by default.

    Returns
    -------
    Verdict
        Interval inside the expected range: supported; disjoint from it: refuted; otherwise inconclusive.

    Raises
    ------
    KeyError
        If the claim is not registered.
    ValueError
        If the controls are not the registered ones, the measurements of a claim with published values are not those, one
        is malformed, or quantity or scope are not said.

    Examples
    --------
    A made-up slack of 0.25 supports the claim; with 0.5 more on the measured side its controls are refuted:

    >>> from utils.claims.register import entry
    >>> from utils.stats.measurement import Measurement
    >>> ours, even, wrong = (Measurement("n = 4", value, target=0.5, error=0.01) for value in (0.25, 0.5, 0.75))
    >>> controls = {name: [wrong] for name in entry("lemma7")["controls"]}
    >>> scope = "data: made up"
    >>> [judge("lemma7", {"distance": [x]}, controls=controls, scope=scope).verdict for x in (ours, wrong, even)]
    ['supported', 'refuted', 'inconclusive']
    """
    claim = entry(claim_id) if entries is None else entries[claim_id]
    if set(controls) != set(claim["controls"]):
        raise ValueError(
            f"claim {claim_id!r}: controls {sorted(controls)}, the registry has {sorted(claim['controls'])}"
        )
    if not isinstance(measured, Mapping):
        raise ValueError(
            f"claim {claim_id!r}: expected measurements by quantity, {{'loss [nats]': [...]}}, not {measured!r}"
        )
    groups = {quantity: _summaries(group) for quantity, group in measured.items()}
    tried = {name: _summaries(controls[name]) for name in claim["controls"]}
    settings = [(quantity, one) for quantity, group in groups.items() for one in group]
    if "values" in claim and {(m.label, m.target, m.tolerance) for _, m in settings} != {
        (label, *numbers) for label, numbers in published(claim_id).items()
    }:
        raise ValueError(f"claim {claim_id!r}: measurements must carry exactly the registry's published values")

    estimated = partial(KINDS[claim["kind"]], alpha=claim["alpha"], rule=claim["rule"])
    expected = tuple(claim["expected"])
    estimate = estimated([one for _, one in settings])
    quantity = next(quantity for quantity, one in settings if one is estimate.deciding)
    judged = {name: estimated(control) for name, control in tried.items()}
    return Verdict(
        id=claim_id,
        item=claim["item"],
        statement=claim["statement"],
        verdict=compare(estimate.interval, expected),
        wanted=claim["verdict"],
        measured=in_its_unit(estimate, quantity, claim),
        estimate=estimate.value,
        interval=estimate.interval,
        expected=expected,
        published=claim["published"],
        kind=claim["kind"],
        rule=claim["rule"],
        rate=RATES[claim["rule"]],
        seeds=estimate.samples,
        cells=estimate.settings,
        vacuous=estimate.vacuous,
        where=estimate.where,
        alpha=claim["alpha"],
        detectable=estimate.detectable,
        scope=scoped(scope, seeds=estimate.samples),
        limit=claim.get("limit"),
        controls=[
            {
                "name": name,
                "wanted": claim["controls"][name],
                "verdict": compare(control.interval, expected),
                "estimate": control.value,
                "interval": control.interval,
            }
            for name, control in judged.items()
        ],
        notebook=claim["notebook"],
        anchor=f"claim-{claim_id.replace('.', '-')}",
        evidence={
            "id": claim_id,
            "scope": scope,
            "measured": {quantity: _rows(group, claim["rule"]) for quantity, group in groups.items()},
            "controls": {name: _rows(control, claim["rule"]) for name, control in tried.items()},
        },
    )


def _summaries(measured: Sequence[Measurement | Summary]) -> list[Summary]:
    return [one.summary() if isinstance(one, Measurement) else one for one in measured]


def _rows(measured: Sequence[Summary], rule: str) -> list[list]:
    kept = [one if rule == "median" or one.samples <= FEW else replace(one, ordered=()) for one in measured]
    return [[list(x) if isinstance(x, tuple) else x for x in vars(one).values()] for one in kept]


def _kept(rows: Sequence[list]) -> list[Summary]:
    return [Summary(*row) for row in rows]


def again(evidence: dict) -> Verdict:
    """Judge once more, by the registry as it is now, from what a shown verdict carries.

    Parameters
    ----------
    evidence : dict
        ``Verdict.evidence``, also after a round trip through JSON.

    Returns
    -------
    Verdict

    Raises
    ------
    KeyError, ValueError
        As :func:`judge`, if the registry now asks for something else than was measured.

    Examples
    --------
    >>> from utils.claims.register import entry
    >>> from utils.stats.measurement import Measurement
    >>> ours, wrong = (Measurement("n = 4", value, target=0.5, error=0.01) for value in (0.25, 0.75))
    >>> controls = {name: [wrong] for name in entry("lemma7")["controls"]}
    >>> verdict = judge("lemma7", {"distance": [ours]}, controls=controls, scope="data: made up")
    >>> again(verdict.evidence) == verdict
    True
    """
    return judge(
        evidence["id"],
        {quantity: _kept(rows) for quantity, rows in evidence["measured"].items()},
        controls={name: _kept(rows) for name, rows in evidence["controls"].items()},
        scope=evidence["scope"],
    )
