"""How a verdict looks: the card under the cell that made it, a line for a terminal, and the parts that tables use.

All of them take the plain record that ``claims.json`` holds.
"""

from html import escape

from utils.stats.text import badge, number, prose

__all__ = ["card", "control", "evidence", "line", "measured"]


def _range(low: float | None, high: float | None) -> str:
    return f"[{'−∞' if low is None else number(low)},\N{NO-BREAK SPACE}{number(high)}]"


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
