"""How a verdict looks: the card under the cell that made it, a line for a terminal, and the parts that tables use.

All of them take the plain record that ``claims.json`` holds. HTML is made by the templates in ``templates/``.
"""

from functools import cache
from pathlib import Path

from utils.stats.text import badge, number, prose

__all__ = ["card", "compared", "decision", "line", "measured", "render", "scope", "within"]

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
    made.filters |= {one.__name__: one for one in (badge, compared, decision, measured, number, prose, scope)}
    return made


def render(template: str, /, *, folder: Path = TEMPLATES, **values: object) -> str:
    """A template of a folder, filled in; ``.html.j2`` escape what they show, and all can use the parts of a card."""
    return _environment(folder).get_template(template).render(values)


def card(record: dict) -> str:
    """HTML card of a judged claim, with the anchor that tables link to; readable without any style sheet."""
    return render("card.html.j2", record=record)


def measured(record: dict) -> str:
    """The deciding number in its own unit, with its interval, beside what it is compared with, as plain text."""
    found = record["measured"]
    other = found["compared with"]
    unit = f"\N{NO-BREAK SPACE}{found['unit']}" if found["unit"] else ""
    most = other["tolerance"]
    beside = f"{other['name']} {number(other['value']) if most is None else _plus_minus(other['value'], most)}"
    if other["name"] == "bound" and other["value"] <= 0:  # of a difference: nothing that is known to bound it
        beside = f"must be below {number(other['value'])}"
    told = f"{found['quantity']} {within(found['value'], *found['interval'])}{unit}, {beside}"
    return told.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")


def within(value: float, low: float, high: float) -> str:
    """A number to the digits that its interval leaves it; alone where the interval is too short to be seen."""
    half = max(high - value, value - low)
    if half < 1e-4 * abs(value):
        return number(value)
    if min(high - value, value - low) < 0.9 * half:
        value, low, high = _alike(value, low, high, of=(high - low) / 2)
        return f"{value} [{low},\N{NO-BREAK SPACE}{high}]"
    return _plus_minus(value, half)


def _plus_minus(value: float, half: float) -> str:
    return " ± ".join(_alike(value, half, of=half)) if value else f"{number(value)} ± {number(half)}"


def _alike(*numbers: float, of: float) -> list[str]:
    """Numbers to the same digits: two of a half-width that starts with 1 to 3 or is near the first number, else one.

    Zeros that all of them end in are left out.
    """
    mantissa, exponent = f"{of:.2e}".split("e")
    digits = (float(mantissa) < 3.55 or of <= abs(numbers[0]) < 10 * of) - int(exponent)
    if not 0 <= digits <= 5 or of < 1e-4 * abs(numbers[0]):
        return [number(one) for one in numbers]
    shown = [f"{one:,.{digits}f}".replace("-", "−") for one in numbers]
    while digits and all(text.endswith("0") for text in shown):
        shown, digits = [text[:-1].removesuffix(".") for text in shown], digits - 1
    return shown


def compared(record: dict) -> str:
    """The estimate of a verdict and its interval, as plain text."""
    what = {"slack": "least slack", "deviation": "largest deviation"}[record["kind"]]
    return f"{what} {number(record['estimate'])}, interval {_range(*record['interval'])}"


def _range(low: float | None, high: float | None) -> str:
    return f"[{'−∞' if low is None else number(low)},\N{NO-BREAK SPACE}{number(high)}]"


#: How a scope's fields read; numbers have separators.
SAID = {
    "data": "{}", "width": "width {}", "depth": "depth {}", "batch size": "batch size {}", "steps": "{} steps",
    "seeds": "{} seeds", "activation": "{}", "where measured": "{}",
}  # fmt: skip


def scope(record: dict) -> str:
    """Where a verdict was measured, as plain text; without a number of seeds that :func:`decision` has too."""
    told = {name: value for name, value in record["scope"].items() if value is not None}
    if told.get("seeds") == record["seeds"]:
        del told["seeds"]
    said = {name: f"{value:,}" if isinstance(value, int) else value for name, value in told.items()}
    return "; ".join(SAID[name].format(value) for name, value in said.items()) or "computed"


def decision(record: dict) -> dict[str, str]:
    """How a verdict was decided and how often it would err: plain texts, by the heads of their rows.

    Parameters
    ----------
    record : dict

    Returns
    -------
    dict of str to str
    """
    tolerances = record["kind"] == "deviation" and record["expected"][1] == 1
    unit = " of the tolerance" if tolerances else ""
    told = f"{number(record['estimate'])} (interval {_range(*record['interval'])}){unit}; {_supporting(*record['expected'])} supports the statement"
    runs = f"{record['cells']} setting{'s' if record['cells'] != 1 else ''}"
    if record["vacuous"]:
        runs += f", and {record['vacuous']} where the bound is vacuous"
    rows = {"Deciding setting": record["where"], f"Its {record['kind']}": told}
    if not record["seeds"]:
        return rows | {"Evidence": f"{runs}, computed, not sampled"}
    return rows | {
        "Evidence": f"{runs}, with at least {record['seeds']:,} independent runs each",
        "Error rate": f"{number(record['alpha'])}, {record['rate']}",
        "Would be refuted": f"with probability 95 %, a violation of {number(record['detectable'])}{' tolerances' if tolerances else ''}",
    }


def _supporting(low: float | None, high: float | None) -> str:
    if high is None:
        return f"{number(low)} or more"
    return f"up to {number(high)}" if not low else f"{number(low)} to {number(high)}"


def line(record: dict) -> str:
    """One line of plain text for a judged claim."""
    controls = "; ".join(f"{c['name']}: {c['verdict']} (wanted {c['wanted']})" for c in record["controls"])
    return f"{record['id']}: {record['verdict']}: {measured(record)}; {compared(record)}; controls: {controls}"
