"""What a verdict is about: the deciding number in its own unit beside what it is compared with, and where it was measured."""

import re
from collections.abc import Mapping

from utils.stats.intervals import Estimate

__all__ = ["SCOPE", "in_its_unit", "scoped"]

#: What a verdict says of where it was measured; ``None`` where it does not apply.
SCOPE = ("data", "width", "depth", "batch size", "steps", "seeds", "activation", "where measured")


def scoped(text: str, *, seeds: int) -> dict[str, str | int | None]:
    """A scope with all its fields.

    Parameters
    ----------
    text : str
        Some of :data:`SCOPE`, at least one, as a reader would say them: ``"width: 16 to 512; depth: 30"``. Of a field that is
        there twice the last one counts, so that a page can say once what its claims share.
    seeds : int
        Independent samples in the smallest setting, for a scope without them; 0 for computed numbers.

    Returns
    -------
    dict of str to str, int or None

    Raises
    ------
    ValueError
        If it has another form, or none of its fields.

    Examples
    --------
    >>> shared = "data: digits; width: 16 to 512"
    >>> {name: value for name, value in scoped(f"{shared}; width: 64", seeds=20).items() if value is not None}
    {'data': 'digits', 'width': 64, 'seeds': 20}
    """
    parts = [part.partition(":") for part in text.split(";")] if isinstance(text, str) else []
    fields = {name.strip(): value.strip() for name, _, value in parts}
    if not fields or not set(fields) <= set(SCOPE) or not all(fields.values()):
        raise ValueError(
            f"scope={text!r}, expected 'name: value; …' with some of: {', '.join(SCOPE)}; say where it was measured"
        )
    said = {name: int(value) if value.isdecimal() else value for name, value in fields.items()}
    return dict.fromkeys(SCOPE) | {"seeds": seeds or None} | said


def in_its_unit(estimate: Estimate, quantity: str, claim: Mapping) -> dict:
    """The mean or median that decides a claim, its interval, and the bound or value that it is compared with, all in one unit.

    Parameters
    ----------
    estimate : Estimate
    quantity : str
        What the deciding setting measured; its unit, if it has one, in brackets at the end.
    claim : mapping
        The claim's entry in the registry.

    Returns
    -------
    dict
        ``quantity``, ``unit`` (or ``None``), ``value``, ``interval`` (at the share of the error rate that makes the intervals
        of all settings hold together) and ``compared with``: ``name`` ("bound", "published" or "expected"), ``value`` and
        ``tolerance``, the largest distance that supports the claim (``None`` for a bound).

    Raises
    ------
    ValueError
        If the quantity has no name.

    Examples
    --------
    >>> from utils.stats.intervals import worst_deviation
    >>> from utils.stats.measurement import Measurement
    >>> estimate = worst_deviation([Measurement("n = 4", 0.25, target=0.5, tolerance=0.5, error=0.125)], 1e-4)
    >>> in_its_unit(estimate, "loss [nats]", {"kind": "deviation", "rule": "mean", "expected": [0, 1]}) == {
    ...     "quantity": "loss", "unit": "nats", "value": 0.25, "interval": (0.125, 0.375),
    ...     "compared with": {"name": "expected", "value": 0.5, "tolerance": 0.5},
    ... }
    True
    """
    name, unit = re.fullmatch(r"(.*?)\s*(?:\[(.*)\])?", quantity).groups()
    if not name:
        raise ValueError(
            f"quantity={quantity!r}, expected what was measured, in words, its unit in brackets after them"
        )
    low, high = claim["expected"]
    one = estimate.deciding
    if claim["kind"] == "slack":
        compared = {"name": "bound", "value": one.target - (low or 0), "tolerance": None}
    else:
        most = None if high is None else high * one.tolerance
        compared = {"name": "published" if "values" in claim else "expected", "value": one.target, "tolerance": most}
    if claim["rule"] == "median":
        name = f"median {name}"
    value, *interval = estimate.around
    return {"quantity": name, "unit": unit, "value": value, "interval": tuple(interval), "compared with": compared}
