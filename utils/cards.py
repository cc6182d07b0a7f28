"""How a verdict looks: the card under the cell that made it, a line for a terminal, the table of them all.

All of them take the plain record that ``claims.json`` holds.
"""

from html import escape

__all__ = ["card", "line", "link", "number", "table"]

MARKS = {"supported": "✓", "refuted": "✗", "inconclusive": "?"}


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
    return f"[{'−∞' if low is None else number(low)}, {number(high)}]"


def _badge(verdict: str) -> str:
    return f'<span class="verdict verdict-{verdict}">{MARKS[verdict]} {verdict}</span>'


def _control(control: dict) -> str:
    """A control's outcome, coloured by whether it is the wanted one: a refuted control is good news."""
    if control["verdict"] == control["wanted"]:
        outcome = f'<span class="verdict verdict-supported">✓ {control["verdict"]}, as it must be</span>'
    else:
        outcome = (
            f'<span class="verdict verdict-refuted">✗ {control["verdict"]}, but must be {control["wanted"]}</span>'
        )
    return f"{escape(control['name'])}: {outcome}"


def _measured(record: dict) -> str:
    what = {"slack": "least slack", "deviation": "largest deviation"}[record["kind"]]
    return f"{what} {number(record['estimate'])}, interval {_range(*record['interval'])}, expected {_range(*record['expected'])}"


def line(record: dict) -> str:
    """One line of plain text for a judged claim."""
    controls = "; ".join(f"{c['name']}: {c['verdict']} (wanted {c['wanted']})" for c in record["controls"])
    return f"{record['id']}: {record['verdict']}: {_measured(record)}; controls: {controls}"


def card(record: dict) -> str:
    """HTML card of a judged claim, with the anchor that tables link to; readable without any style sheet."""
    rows = {
        "Published": escape(record["published"]),
        "Measured": escape(_measured(record)) + f"<br>decided by: {escape(record['where'])}",
        "Evidence": escape(
            f"{record['scale']}; {record['cells']} cell{'s' if record['cells'] != 1 else ''}"
            + (f" (and {record['vacuous']} where the bound is vacuous)" if record["vacuous"] else "")
            + (
                f", at least {record['seeds']} independent runs each; error rate {number(record['alpha'])}; a violation of "
                f"{number(record['detectable'])} would be refuted with probability 95 %"
                if record["seeds"]
                else ", computed, not sampled"
            )
        ),
        "Controls": "<br>".join(map(_control, record["controls"])),
    }
    body = "".join(f'<tr><th scope="row">{name}</th><td>{text}</td></tr>' for name, text in rows.items())
    surprise = "" if record["verdict"] == record["wanted"] else f" (the book expects: {record['wanted']})"
    return (
        f'<section class="claim-card claim-{record["verdict"]}" id="{record["anchor"]}" '
        f'aria-label="Verdict on {escape(record["item"])}">'
        f"<p><strong>{escape(record['item'])}</strong> <code>{record['id']}</code> {_badge(record['verdict'])}{surprise}</p>"
        f"<p>{escape(record['statement'])}</p><table>{body}</table></section>"
    )


def table(records: list[dict]) -> str:
    """HTML table of judged claims, each linked to its card; one row a claim, and readable on a phone."""
    rows = "".join(
        f'<tr><td>{escape(r["item"])}<br><a href="../notebooks/{r["notebook"]}.html#{r["anchor"]}"><code>{r["id"]}</code></a></td>'
        f"<td>{escape(r['statement'])}<br><small>Published: {escape(r['published'])}</small></td>"
        f"<td>{_badge(r['verdict'])}<br><small>{escape(_measured(r))}</small></td>"
        f"<td><small>{'<br>'.join(map(_control, r['controls']))}</small></td></tr>"
        for r in records
    )
    heads = ("Claim", "What is judged", "Verdict", "Controls")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        '<div class="claims-table" role="region" aria-label="Claims and verdicts" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>\n"
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
    return f'<a href="{entry["notebook"]}.html#{anchor}"><code>{escape(claim_id)}</code></a> {_badge(entry["verdict"])}'
