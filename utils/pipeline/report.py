"""What the pages show of a build: the landing page's findings, the claims page, the error budget; how it was made, and how fast.

All of it is made from the records of ``claims.json`` and the items of ``items.yml``, by the templates in ``templates/``; the
pages include it, and nobody types a verdict.
"""

import re
import unicodedata
from collections import Counter
from pathlib import Path

import nbformat

from utils import provenance
from utils.claims import collect, compare, display
from utils.claims.items import Item
from utils.claims.register import Change
from utils.stats.rules import RATES
from utils.stats.text import MARKS

__all__ = [
    "agreements", "benchmark", "budget", "carried", "changes", "citation", "counts", "describe", "filters",
    "findings", "ledger_table", "overview", "picture", "run", "titles", "worked",
]  # fmt: skip

ERRATA = "10_errata"
TEMPLATES = Path(__file__).with_name("templates")


def _render(template: str, /, **values: object) -> str:
    return display.render(template, folder=TEMPLATES, **values)


# The verdicts.


def counts(items: list[Item], records: list[dict], larger: dict[str, list[dict]] | None = None) -> str:
    """How many statements came out how, and which of them otherwise in larger runs, in a few sentences of Markdown.

    Parameters
    ----------
    items : list of Item
    records : list of dict
        Of :class:`utils.claims.verdict.Verdict`; so in all functions here.
    larger : dict of str to list of dict, optional
        Verdicts of kept runs, as :func:`utils.experiments.larger.judged` returns them.

    Returns
    -------
    str
    """

    def told(these: list[dict]) -> dict:
        by = Counter(record["verdict"] for record in these)
        tally = ", ".join(f"{by[verdict]} {verdict}" for verdict in ("supported", "refuted", "inconclusive"))
        return {"count": len(these), "tally": tally}

    rows = _rows(items, records)
    shown = [claim for row in rows for claim in row["claims"]]
    paper = [row for row in rows if not row["item"].ours]
    theirs = {claim["id"] for row in paper for claim in row["claims"]}
    # Of an item that holds otherwise.
    slips = [claim for row in paper if row["mark"] != "against" for claim in row["claims"]]
    return _render(
        "counts.md.j2",
        all=told(records),
        paper=told([record for record in records if record["id"] in theirs]),
        ours=told([record for record in records if record["id"] not in theirs]),
        controlled=sum(any(c["wanted"] == "refuted" for c in record["controls"]) for record in records),
        slips=sum(claim["verdict"] == "refuted" and claim["notebook"] == ERRATA for claim in slips),
        errata=ERRATA,
        opposed=sum(claim["opposite"] and claim["against"] for claim in shown),
        waiting=sum(claim["record"] is None for claim in shown),
        elsewhere=[
            f"{record['item']} ({run['verdict']} on {run['data']})"
            for record in records
            for run in (larger or {}).get(record["id"], [])
            if run["verdict"] != record["verdict"]
        ],
    )


def findings(records: list[dict]) -> str:
    """The landing page's findings in Markdown: what each amounts to, then the numbers of its records, their scope and limit."""
    return _render("findings.md.j2", records={r["id"]: r for r in records}, cards={r["id"]: _card(r) for r in records})


def overview(items: list[Item], records: list[dict], larger: dict[str, list[dict]] | None = None) -> str:
    """HTML table that the claims page begins with: the paper's items, each verdict one click from the card that shows it.

    Parameters
    ----------
    items, records : list
    larger : dict of str to list of dict, optional
        Verdicts of kept runs, as :func:`utils.experiments.larger.judged` returns them.
    """
    return _render(
        "overview.html.j2", rows=[row for row in _rows(items, records, larger=larger) if not row["item"].ours]
    )


def ledger_table(
    items: list[Item],
    records: list[dict],
    claims: dict[str, dict],
    *,
    ours: bool,
    larger: dict[str, list[dict]] | None = None,
    unjudged: dict[str, list[str]] | None = None,
) -> str:
    """HTML table of one part of the claims page: every item, under it a row for each of its claims.

    Parameters
    ----------
    items, records : list
    claims : dict
        The registry: what is registered but was not judged says so.
    ours : bool
        The items this book added; else the paper's.
    larger, unjudged : dict, optional
        What kept runs say, see :mod:`utils.experiments.larger`.

    Returns
    -------
    str
    """
    rows = [row for row in _rows(items, records, claims, larger) if row["item"].ours == ours]
    return _render("ledger.html.j2", rows=rows, ours=ours, unjudged=unjudged or {})


def changes(history: list[Change]) -> str:
    """HTML table of what changed in the registry, and a sentence before it that counts the verdicts among them."""
    return _render("changes.html.j2", changes=history, verdicts=sum(one.changed == "verdict" for one in history))


def filters(items: list[Item], records: list[dict], titles: dict[str, str]) -> str:
    """HTML form that narrows the claims page down; hidden until its script is there to serve it.

    Parameters
    ----------
    items, records : list
    titles : dict of str to str
        Title of each notebook, by its name.
    """
    by = Counter(claim["verdict"] for row in _rows(items, records) for claim in row["claims"])
    choices = {
        "verdict": ("Verdict", {"": "any", **{name: f"{name} ({by[name]})" for name in MARKS}}),
        "part": ("Whose", {"": "the paper's and ours", "paper": "the paper's", "ours": "ours"}),
        "notebook": ("Notebook", {"": "any", **{name: f"{_number(name)} {title}" for name, title in titles.items()}}),
    }
    return _render("filters.html.j2", choices=choices)


def worked(record: dict) -> str:
    """How one deviation that was judged became a verdict, step by step, in Markdown."""
    return _render("worked.md.j2", record=record, card=_card(record))


def budget(records: list[dict], *, largest: int = 5) -> str:
    """The book's error budget in Markdown: a sentence, the claims that use most of it, and all by their rule.

    Parameters
    ----------
    records : list of dict
    largest : int
        How many claims to list.

    Returns
    -------
    str
    """
    rows = [
        {"record": r, "card": _card(r), "intervals": 1 + len(r["controls"]), "share": collect.share(r)} for r in records
    ]
    rows.sort(key=lambda row: row["share"], reverse=True)
    rules = {rule: [row for row in rows if row["record"]["rule"] == rule] for rule in RATES}
    return _render(
        "budget.md.j2",
        top=rows[:largest],
        rest=rows[largest:],
        rules={rule: found for rule, found in rules.items() if found},
        intervals=sum(row["intervals"] for row in rows),
        total=collect.error_budget(records),
        guaranteed=collect.error_budget(records, "guaranteed"),
        nominal=collect.error_budget(records, "nominal"),
        most=collect.BUDGET,
    )


def _rows(
    items: list[Item], records: list[dict], claims: dict[str, dict] | None = None, larger: dict | None = None
) -> list[dict]:
    """Every item with what its row shows and its claims, judged or not: the tables, counts and filters are made of these."""
    judged = {record["id"]: record for record in records}
    rows = []
    for item in items:
        shown = [_claim(item, name, judged.get(name), (claims or {}).get(name)) for name in item.claims or (None,)]
        there = [claim["against"] for claim in shown if claim["record"]]
        for claim in shown:
            claim["larger"] = (larger or {}).get(claim["id"], [])
        limits = [claim["record"]["limit"] for claim in shown if claim["record"] and claim["record"]["limit"]]
        differs = [
            run for claim in shown for run in claim["larger"] if claim["record"] and run["verdict"] != claim["verdict"]
        ]
        rows.append(
            {
                "item": item,
                "slug": _slug(item.item),
                "claims": shown,
                "mark": "against" if there and all(there) else "limited" if any(there) or limits or differs else "",
                "limits": limits,
                "found": item.found if there else shown[0]["why"],
            }
        )
    return rows


def _claim(item: Item, name: str | None, record: dict | None, registered: dict | None) -> dict:
    opposite = name in item.against
    if name is None:
        why = item.reason
    elif registered:
        why = f"registered for the notebook {registered['notebook']}, which is not in this book"
    else:
        why = "not in the registry yet"
    part = _part(record, item) if record else name
    return {
        "id": name,
        "record": record,
        "verdict": record["verdict"] if record else "not judged",
        "notebook": record["notebook"] if record else "",
        "number": record and _number(record["notebook"]),
        "card": record and _card(record),
        "part": part,
        "tells_apart": part if len(item.claims) > 1 else "",
        "opposite": opposite,  # the claim states the opposite of what the item says
        "against": record is not None and record["verdict"] == ("supported" if opposite else "refuted"),
        "held": record and sum(control["verdict"] == control["wanted"] for control in record["controls"]),
        "slug": _slug(name or item.item),
        "statement": (registered or {}).get("statement", item.says),
        "published": (registered or {}).get("published", "–"),
        "why": why,
    }


def _part(record: dict, item: Item) -> str:
    """What tells a claim from the others of its item: "as printed" of "Theorem 1, as printed"."""
    name = re.sub(r" \(ours\)$", "", record["item"])
    return "" if name == item.item else name.partition(", ")[2] or name


def _card(record: dict) -> str:
    return f"../notebooks/{record['notebook']}.html#{record['anchor']}"


def _number(notebook: str) -> str:
    return notebook.partition("_")[0]


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode()).strip("-")


# How this copy was made.


def describe(profile: str, executed: list[Path], *, threads: int) -> dict:
    """What ``claims.json`` says of the build beside the claims.

    Parameters
    ----------
    profile : str
    executed : list of Path
        The notebooks as they ran.
    threads : int
        Of each process.

    Returns
    -------
    dict
        ``profile``, :func:`utils.provenance.facts` as it was where and when the notebooks ran (``date`` is the last one's), but
        for ``commit``, this one's, which judges; ``threads``; ``seconds``, ``memory`` (the most that it held, in MB) and ``ran`` of each notebook, by name.
    """
    runs = {path.stem: nbformat.read(path, as_version=4).metadata for path in executed}
    ran = {name: run["companion"]["ran"] for name, run in runs.items()}
    last = max(ran.values(), key=lambda facts: facts["date"])
    return {
        "profile": profile,
        **last,
        "commit": provenance.commit(),
        "device": "; ".join(sorted({facts["device"] for facts in ran.values()})),
        "threads": threads,
        "seconds": {name: run["companion"]["seconds"] for name, run in runs.items()},
        "memory": {name: run["companion"]["memory"] for name, run in runs.items()},
        "ran": {name: {"commit": facts["commit"], "date": facts["date"]} for name, facts in ran.items()},
    }


def titles(executed: list[Path]) -> dict[str, str]:
    """Title of each notebook, by its name: its first heading."""
    return {
        path.stem: nbformat.read(path, as_version=4).cells[0].source.partition("\n")[0].removeprefix("# ")
        for path in executed
    }


def picture(notebook: Path) -> tuple[str, str, dict] | None:
    """First figure of an executed notebook that has a caption and words for those who cannot see it.

    Parameters
    ----------
    notebook : Path

    Returns
    -------
    (str, str, dict) or None
        The SVG, the Markdown that shows it from beside ``picture.svg``, and what else the figure carries, see
        :data:`utils.plotting.FIGURE`; ``None`` if there is no such figure.
    """
    for cell in nbformat.read(notebook, as_version=4).cells:
        about = cell.metadata.get("mystnb", {})
        for output in cell.get("outputs", []):
            svg = output.get("data", {}).get("image/svg+xml")
            if svg and "figure" in about:
                alt, caption = about["image"]["alt"], about["figure"]["caption"]
                markdown = _render("picture.md.j2", alt=alt, caption=caption)
                return svg, markdown, carried(output)
    return None


def carried(output: dict) -> dict:
    """What a figure that a notebook shows carries besides the picture, see :data:`utils.plotting.FIGURE`; empty for the rest."""
    if "image/svg+xml" not in output.get("data", {}):
        return {}
    from utils.plotting import FIGURE  # here, not above: it loads matplotlib, and few builds of the tests have figures

    return output.get("metadata", {}).get(FIGURE, {})


def citation(said: dict) -> str:
    """How to cite the book and its paper, in Markdown with BibTeX, from what ``CITATION.cff`` says."""
    return _render("cite.md.j2", said=said)


def run(made: dict, names: dict[str, str]) -> str:
    """HTML tables of a build: what it ran on, and how long each notebook took.

    Parameters
    ----------
    made : dict
        As :func:`describe` returns it.
    names : dict of str to str
        Titles, see :func:`titles`.

    Returns
    -------
    str
    """
    return _render("run.html.j2", made=made, titles=names)


def agreements(kept: dict[str, dict]) -> str:
    """HTML table of kept comparisons (:mod:`utils.claims.compare`) with the build they were compared with.

    Parameters
    ----------
    kept : dict of str to dict
        Contents of ``book/agreement.json``.

    Returns
    -------
    str
    """
    fields = ("agree", "identical", "apart")
    runs = [
        {
            "name": name,
            **one,
            "notebooks": ", ".join(map(_number, one["notebooks"])),
            "total": compare.summary(
                [{"id": claim, **dict(zip(fields, row, strict=True))} for claim, row in one["claims"].items()]
            ),
        }
        for name, one in kept.items()
    ]
    return _render("agreement.html.j2", runs=runs)


def benchmark(record: dict) -> str:
    """HTML table of the ratios in ``bench.json``, its memory and where they were measured."""
    return _render("benchmark.html.j2", **record)
