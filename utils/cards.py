"""How a verdict looks: the card under the cell that made it, a line for a terminal, and the parts that tables use.

All of them take the plain record that ``claims.json`` holds.
"""

import re
from html import escape

__all__ = ["badge", "card", "control", "evidence", "line", "link", "measured", "number", "prose"]

MARKS = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "not judged": "–"}


def number(x: float | None) -> str:
    """A number with three significant digits, in the form a reader expects; ``None`` is an open end."""
    if x is None:
        return "∞"
    if x != 0 and not 1e-3 <= abs(x) < 1e4:
        mantissa, exponent = f"{x:.2e}".split("e")
        power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{float(mantissa):g}·10{power}".replace("-", "−")
    return (f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}").replace("-", "−")


def _range(low: float | None, high: float | None) -> str:
    return f"[{'−∞' if low is None else number(low)},\N{NO-BREAK SPACE}{number(high)}]"


def prose(text: str) -> str:
    """HTML of a sentence of the registry, its exponents ``^ℓ`` and ``^(−1/2)`` and indices ``_ℓ`` as such."""
    raised = re.sub(r"\^(?:\(([^()]*)\)|(\w))", lambda found: f"<sup>{found[1] or found[2]}</sup>", escape(text))
    return re.sub(r"_([ℓνkn])(?![a-z])", r"<sub>\1</sub>", raised)


def badge(verdict: str) -> str:
    """A verdict, or that there is none, in a colour and a mark of its own."""
    return f'<span class="verdict verdict-{verdict.replace(" ", "-")}">{MARKS[verdict]} {verdict}</span>'


def control(record: dict) -> str:
    """A control's outcome, coloured by whether it is the wanted one: a refuted control is good news."""
    if record["verdict"] == record["wanted"]:
        outcome = f'<span class="verdict verdict-supported">✓ {record["verdict"]}, as it must be</span>'
    else:
        outcome = f'<span class="verdict verdict-refuted">✗ {record["verdict"]}, but must be {record["wanted"]}</span>'
    return f"{escape(record['name'])}: {outcome}"


def measured(record: dict) -> str:
    """Estimate, interval and expected range, as plain text."""
    what = {"slack": "least slack", "deviation": "largest deviation"}[record["kind"]]
    unit = " (1 is the tolerance)" if record["kind"] == "deviation" and record["expected"][1] == 1 else ""
    return f"{what} {number(record['estimate'])}{unit}, interval {_range(*record['interval'])}, expected {_range(*record['expected'])}"


def line(record: dict) -> str:
    """One line of plain text for a judged claim."""
    controls = "; ".join(f"{c['name']}: {c['verdict']} (wanted {c['wanted']})" for c in record["controls"])
    return f"{record['id']}: {record['verdict']}: {measured(record)}; controls: {controls}"


def evidence(record: dict) -> str:
    """What a verdict rests on and how often it would err, as plain text."""
    return (
        f"{record['scale']}; {record['cells']} cell{'s' if record['cells'] != 1 else ''}"
        + (f" (and {record['vacuous']} where the bound is vacuous)" if record["vacuous"] else "")
        + (
            f", at least {record['seeds']} independent runs each; error rate {number(record['alpha'])}; a violation of "
            f"{number(record['detectable'])} would be refuted with probability 95 %"
            if record["seeds"]
            else ", computed, not sampled"
        )
    )


def card(record: dict) -> str:
    """HTML card of a judged claim, with the anchor that tables link to; readable without any style sheet."""
    rows = {
        "Published": prose(record["published"]),
        "Measured": escape(measured(record)) + f"<br>decided by: {escape(record['where'])}",
        "Evidence": escape(evidence(record)),
        "Controls": "<br>".join(map(control, record["controls"])),
    }
    body = "".join(f'<tr><th scope="row">{name}</th><td>{text}</td></tr>' for name, text in rows.items())
    surprise = "" if record["verdict"] == record["wanted"] else f" (the book expects: {record['wanted']})"
    return (
        f'<section class="claim-card claim-{record["verdict"]}" id="{record["anchor"]}" '
        f'aria-label="Verdict on {escape(record["item"])}">'
        f"<p><strong>{escape(record['item'])}</strong> <code>{record['id']}</code> {badge(record['verdict'])}{surprise}</p>"
        f"<p>{prose(record['statement'])}</p><table>{body}</table></section>"
    )


def link(claim_id: str, entry: dict) -> str:
    """HTML link from a notebook to the card of a claim, with the verdict that the registry commits to.

    Parameters
    ----------
    claim_id : str
    entry : dict
        The claim's entry in the registry, or its record. No book is published whose verdict differs from the registry's.

    Returns
    -------
    str
    """
    anchor = f"claim-{claim_id.replace('.', '-')}"
    return f'<a href="{entry["notebook"]}.html#{anchor}"><code>{escape(claim_id)}</code></a> {badge(entry["verdict"])}'
