"""What the pages show of the verdicts: the landing page's table, the claims page, the error budget.

All of it is made from the records of ``claims.json`` and the items of ``items.yml``; the pages include it, and nobody
types a verdict.
"""

import re
import unicodedata
from collections import Counter
from html import escape

from utils.claims import collect
from utils.claims.display import control, evidence, measured
from utils.claims.items import Item
from utils.stats.text import MARKS, badge, number, prose

__all__ = ["budget", "counts", "filters", "ledger_table", "overview"]

ERRATA = "10_errata"
HEADS = ("Claim", "What is judged", "Published", "Ours")


def counts(items: list[Item], records: list[dict]) -> str:
    """How many statements came out how, in two sentences of Markdown.

    Parameters
    ----------
    items : list of Item
    records : list of dict
        Of :class:`utils.claims.verdict.Verdict`; so in all functions here.

    Returns
    -------
    str
    """
    theirs = {name for item in items if not item.ours for name in item.claims}
    paper = [r for r in records if r["id"] in theirs]
    ours = [r for r in records if r["id"] not in theirs]
    waiting = sum(len(item.claims) or 1 for item in items) - len(records)
    controlled = sum(any(c["wanted"] == "refuted" for c in r["controls"]) for r in records)
    judged = {r["id"]: r for r in records}
    there = [[(judged[name], item) for name in item.claims if name in judged] for item in items if not item.ours]
    # Of an item that holds otherwise.
    slips = sum(
        r["verdict"] == "refuted" and r["notebook"] == ERRATA
        for rows in there
        if not all(_speaks_against(*row) for row in rows)
        for r, _ in rows
    )
    supported = {r["id"] for r in records if r["verdict"] == "supported"}
    opposed = sum(name in supported for item in items for name in item.against)
    with_control = "every one" if controlled == len(records) else f"{controlled} of them"
    return (
        f"**{len(records)} statements judged: {_tally(records)}**; {with_control} with a negative control. "
        f"{len(paper)} of them are about the paper ({_tally(paper)}), {len(ours)} are our own ({_tally(ours)})"
        + (
            f"; {slips} of those refuted are details of print, proof or released code, from {{doc}}`../notebooks/{ERRATA}`"
            if slips
            else ""
        )
        + (
            f"; {opposed} of those supported is the opposite of what the paper says (*contradicted* below)"
            if opposed
            else ""
        )
        + (f"; {waiting} rows are not judged and say why" if waiting else "")
        + ".\n"
    )


def _tally(records: list[dict]) -> str:
    by = Counter(r["verdict"] for r in records)
    return ", ".join(f"{by[verdict]} {verdict}" for verdict in ("supported", "refuted", "inconclusive"))


def overview(items: list[Item], records: list[dict]) -> str:
    """HTML table for the landing page: the paper's items, each verdict one click from the card that shows it."""
    judged = {r["id"]: r for r in records}
    rows = "".join(_overview_row(item, judged) for item in items if not item.ours)
    return _table(
        "overview", "The paper's items and what became of them", ("Item", "It says", "Verdict", "We find"), rows
    )


def _overview_row(item: Item, judged: dict[str, dict]) -> str:
    there = [judged[name] for name in item.claims if name in judged]
    links = [_link(judged[name], item) if name in judged else _no_link(name, item) for name in item.claims or [""]]
    verdicts = "".join(f"<li>{link}</li>" for link in links)
    against = [_speaks_against(r, item) for r in there]
    mark = "against" if against and all(against) else "mixed" if any(against) else ""
    why = item.found if there else _why_not(item, item.claims[0] if item.claims else None)
    return (
        f'<tr role="row"{f" class={mark}" if mark else ""}><th role="rowheader" scope="row">{escape(item.item)}</th>'
        f'<td role="cell">{prose(item.says)}</td><td role="cell"><ul>{verdicts}</ul></td>'
        f'<td role="cell">{prose(why)}</td></tr>'
    )


def _speaks_against(record: dict, item: Item) -> bool:
    return record["verdict"] == ("supported" if record["id"] in item.against else "refuted")


def _link(record: dict, item: Item) -> str:
    """The verdict as a link to its card, with what tells it from the item's other verdicts."""
    part = _part(record, item) if len(item.claims) > 1 else ""
    shown = badge(record["verdict"])
    if record["id"] in item.against:
        shown = (
            '<span class="verdict verdict-refuted">✗ contradicted</span>' if _speaks_against(record, item) else shown
        )
    return f'<a href="{_card(record)}">{shown}</a>' + (f" <small>{escape(part)}</small>" if part else "")


def _no_link(name: str, item: Item) -> str:
    return badge("not judged") + (f" <small>{escape(name)}</small>" if len(item.claims) > 1 else "")


def _part(record: dict, item: Item) -> str:
    """What tells a claim from the others of its item: "as printed" of "Theorem 1, as printed"."""
    name = re.sub(r" \(ours\)$", "", record["item"])
    return "" if name == item.item else name.partition(", ")[2] or name


def _card(record: dict) -> str:
    return f"../notebooks/{record['notebook']}.html#{record['anchor']}"


def _number(notebook: str) -> str:
    return notebook.partition("_")[0]


def filters(items: list[Item], records: list[dict], titles: dict[str, str]) -> str:
    """HTML form that narrows the claims page down; hidden until its script is there to serve it.

    Parameters
    ----------
    items, records : list
    titles : dict of str to str
        Title of each notebook, by its name.
    """
    by = Counter(verdict for item in items for verdict in _verdicts(item, records))
    choices = {
        "verdict": ("Verdict", {"": "any", **{name: f"{name} ({by[name]})" for name in MARKS}}),
        "part": ("Whose", {"": "the paper's and ours", "paper": "the paper's", "ours": "ours"}),
        "notebook": ("Notebook", {"": "any", **{name: f"{_number(name)} {title}" for name, title in titles.items()}}),
    }
    fields = "".join(
        f'<label for="ledger-{name}">{label} <select id="ledger-{name}" name="{name}">'
        + "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options.items())
        + "</select></label>"
        for name, (label, options) in choices.items()
    )
    return (
        '<form id="ledger-filter" role="search" aria-label="Narrow the tables down" hidden>'
        '<label for="ledger-text">Text <input id="ledger-text" name="text" type="search" autocomplete="off"></label>'
        f'{fields}<button type="reset">Show all</button><output id="ledger-count" aria-live="polite"></output></form>\n'
        '<p id="ledger-none" hidden>No row has all of this. Fewer or shorter words find more (“n^2”, “lambda” and “sqrt” find '
        "the symbols); <em>Show all</em> brings every row back.</p>\n"
        '<script defer src="../_static/claims.js"></script>\n'
    )


def _verdicts(item: Item, records: list[dict]) -> list[str]:
    judged = {r["id"]: r["verdict"] for r in records}
    return [judged.get(name, "not judged") for name in item.claims] or ["not judged"]


def ledger_table(items: list[Item], records: list[dict], claims: dict[str, dict], *, ours: bool) -> str:
    """HTML table of one part of the claims page: every item, under it a row for each of its claims.

    Parameters
    ----------
    items, records : list
    claims : dict
        The registry: what is registered but was not judged says so.
    ours : bool
        The items this book added; else the paper's.

    Returns
    -------
    str
    """
    judged = {r["id"]: r for r in records}
    part = "ours" if ours else "paper"
    groups = ""
    for item in items:
        if item.ours != ours:
            continue
        rows = "".join(
            _row(judged[name], item) if name in judged else _empty_row(name, item, claims)
            for name in item.claims or (None,)
        )
        groups += (
            f'<tbody role="rowgroup"><tr role="row" class="ledger-item"><th role="rowheader" scope="rowgroup" colspan="4" '
            f'id="item-{_slug(item.item)}">{escape(item.item)} <span>{prose(item.says)}</span></th></tr>{rows}</tbody>'
        )
    caption = "Statements this book adds" if ours else "The paper's items"
    return _table("ledger", caption, HEADS, groups, attributes=f' data-part="{part}"', grouped=True)


def _row(record: dict, item: Item) -> str:
    facts = {
        "Controls": "<br>".join(map(control, record["controls"])),
        "Evidence": escape(evidence(record)),
        "Decided by": escape(record["where"]),
    }
    listed = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts.items())
    note = "<br><small>It states the opposite of what the item says.</small>" if record["id"] in item.against else ""
    held = sum(c["verdict"] == c["wanted"] for c in record["controls"])
    cells = (
        prose(record["statement"]) + note,
        prose(record["published"]),
        f"{badge(record['verdict'])}<br>{escape(measured(record))}<details><summary>{held} of {len(record['controls'])} controls "
        f"as wanted; details</summary><dl>{listed}</dl></details>",
    )
    part = _part(record, item)
    name = (f"{escape(part[0].upper() + part[1:])}<br>" if part else "") + (
        f'<a href="{_card(record)}"><code>{record["id"]}</code> in notebook {escape(_number(record["notebook"]))}</a>'
    )
    return _cells(record["id"], record["verdict"], record["notebook"], name, cells)


def _empty_row(name: str | None, item: Item, claims: dict[str, dict]) -> str:
    claim = claims.get(name, {})
    cells = (
        prose(claim.get("statement", item.says)),
        prose(claim.get("published", "–")),
        f"{badge('not judged')}<br>{escape(_why_not(item, name, claims))}",
    )
    shown = f"<code>{name}</code>" if name else escape(item.item)
    return _cells(name or _slug(item.item), "not judged", "", shown, cells)


def _why_not(item: Item, name: str | None, claims: dict[str, dict] | None = None) -> str:
    if name is None:
        return item.reason
    if claims and name in claims:
        return f"registered for the notebook {claims[name]['notebook']}, which is not in this book"
    return "not in the registry yet"


def _cells(name: str, verdict: str, notebook: str, head: str, cells: tuple[str, ...]) -> str:
    body = "".join(
        f'<td role="cell" data-label="{label}">{cell}</td>' for label, cell in zip(HEADS[1:], cells, strict=True)
    )
    return (
        f'<tr role="row" id="row-{_slug(name)}" data-verdict="{verdict}" data-notebook="{escape(notebook)}">'
        f'<th role="rowheader" scope="row">{head}</th>{body}</tr>'
    )


def _table(name: str, caption: str, heads: tuple[str, ...], body: str, *, attributes: str = "", grouped=False) -> str:
    """A table that a style sheet may turn into cards on a phone: roles are spelt out, or browsers would drop them then."""
    head = "".join(f'<th role="columnheader" scope="col">{text}</th>' for text in heads)
    if not grouped:
        body = f'<tbody role="rowgroup">{body}</tbody>'
    return (
        f'<table class="{name}" role="table"{attributes}><caption>{escape(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>{body}</table>\n'
    )


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode()).strip("-")


def budget(records: list[dict], *, largest: int = 5) -> str:
    """The book's error budget in Markdown: a sentence, and the claims that use most of it.

    Parameters
    ----------
    records : list of dict
    largest : int
        How many claims to list.

    Returns
    -------
    str
    """
    intervals = sum(1 + len(r["controls"]) for r in records)
    top = sorted(records, key=collect.share, reverse=True)[:largest]
    rows = "\n".join(
        f'| {r["item"]} (<a href="{_card(r)}"><code>{r["id"]}</code></a>) | {1 + len(r["controls"])} | {number(r["alpha"])} | '
        f"{number(collect.share(r))} |"
        for r in top
    )
    rest = collect.error_budget(records) - sum(map(collect.share, top))
    return (
        f"The {len(records)} claims of this book and their controls have {intervals} intervals. Their error rates add up to "
        f"**{number(collect.error_budget(records))}**; the build stops above {number(collect.BUDGET)}. By the union bound that is the "
        "largest probability that any one of them misses its true value, whatever depends on what. The largest shares:\n\n"
        "| claim | intervals | error rate of each | share |\n| --- | --- | --- | --- |\n"
        f"{rows}\n| the other {len(records) - len(top)} claims | {intervals - sum(1 + len(r['controls']) for r in top)} | | "
        f"{number(rest)} |\n"
    )
