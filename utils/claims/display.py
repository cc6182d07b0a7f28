"""How a verdict looks: the card under the cell that made it, a line for a terminal, and the parts that tables use.

All of them take the plain record that ``claims.json`` holds. HTML is made by the templates in ``templates/``.
"""

from functools import cache
from pathlib import Path

from utils.stats.text import badge, number, prose

__all__ = ["card", "evidence", "line", "measured", "render"]

TEMPLATES = Path(__file__).with_name("templates")


@cache
def _environment(folder: Path):
    # Here, not above: every notebook's kernel imports this module, few show a card.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {one.__name__: one for one in (badge, evidence, measured, number, prose)}
    return made


def render(template: str, /, *, folder: Path = TEMPLATES, **values: object) -> str:
    """A template of a folder, filled in; ``.html.j2`` escape what they show, and all can use the parts of a card."""
    return _environment(folder).get_template(template).render(values)


def card(record: dict) -> str:
    """HTML card of a judged claim, with the anchor that tables link to; readable without any style sheet."""
    return render("card.html.j2", record=record)


def measured(record: dict) -> str:
    """Estimate, interval and expected range, as plain text."""
    what = {"slack": "least slack", "deviation": "largest deviation"}[record["kind"]]
    unit = " (1 is the tolerance)" if record["kind"] == "deviation" and record["expected"][1] == 1 else ""
    return f"{what} {number(record['estimate'])}{unit}, interval {_range(*record['interval'])}, expected {_range(*record['expected'])}"


def _range(low: float | None, high: float | None) -> str:
    return f"[{'−∞' if low is None else number(low)},\N{NO-BREAK SPACE}{number(high)}]"


def evidence(record: dict) -> str:
    """What a verdict rests on and how often it would err, as plain text."""
    return (
        f"{record['scale']}; {record['cells']} setting{'s' if record['cells'] != 1 else ''}"
        + (f" (and {record['vacuous']} where the bound is vacuous)" if record["vacuous"] else "")
        + (
            f", at least {record['seeds']} independent runs each; {record['rate']} error rate {number(record['alpha'])}; a violation of "
            f"{number(record['detectable'])} would be refuted with probability 95 %"
            if record["seeds"]
            else ", computed, not sampled"
        )
    )


def line(record: dict) -> str:
    """One line of plain text for a judged claim."""
    controls = "; ".join(f"{c['name']}: {c['verdict']} (wanted {c['wanted']})" for c in record["controls"])
    return f"{record['id']}: {record['verdict']}: {measured(record)}; controls: {controls}"
