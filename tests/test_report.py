"""What pages show of verdicts and of how the book was made, from records made up and from the book's own registry."""

import json
import re
from collections import Counter
from datetime import date

import nbformat
import pytest
import yaml
from books import notebook
from bs4 import BeautifulSoup

from utils import provenance
from utils.claims import collect, display, items, registry
from utils.claims.items import Item
from utils.claims.register import Change, history
from utils.claims.scope import SCOPE
from utils.experiments import larger
from utils.files import ROOT
from utils.pipeline import report
from utils.plotting.benchmark import benchmark_figure
from utils.stats import text

# The ids that other files rely on, whether judged yet or not.
PAPERS = (
    "fig1 fig2a fig2b rank thm1 thm5 appB1 lemma2 lemma4 lemma6 lemma7 lemma8 lemma10 cor3 table1 fig3a fig3b fig4 eq6"
)
PAPERS = set(f"{PAPERS} appE fig5a fig5b conjF fig6 appF2 fig7 centring".split())
OURS = set("rate floor widthlimit vanilla w2radius gap.dose gap.random passing.dose bn.gap price bnfree".split())
THEOREM = Item("Theorem 1", "the gap falls", ours=False, claims=("thm1", "thm1.stated"), found="Holds as proved.")


MEASURED = {
    "quantity": "gap", "unit": "nats", "value": 0.312, "interval": [0.308, 0.316],
    "compared with": {"name": "bound", "value": 0.812, "tolerance": None},
}  # fmt: skip
LARGER = {
    "data": "CIFAR-10", "profile": "cifar", "verdict": "inconclusive", "estimate": 0.02, "interval": [-0.25, 0.22],
    "kind": "slack", "scale": "wider", "date": "2026-01-02", "commit": "c" * 40,
}  # fmt: skip


def record(name="thm1", verdict="supported", **changes):
    return {
        "id": name, "item": "Theorem 1, as proved", "statement": "a < b", "verdict": verdict, "wanted": "supported",
        "estimate": 0.5, "interval": [0.4, 0.6], "expected": [0, None], "published": "proved", "kind": "slack", "seeds": 10,
        "cells": 2, "vacuous": 0, "where": "n = 4", "alpha": 1e-4, "rule": "mean", "rate": "nominal",
        "detectable": 0.1, "measured": MEASURED, "limit": None,
        "scope": dict.fromkeys(SCOPE) | {"data": "few", "width": 4096, "seeds": "10 paired"},
        "controls": [{"name": "no BN", "wanted": "refuted", "verdict": "refuted"}], "notebook": "01_rate",
        "anchor": f"claim-{name.replace('.', '-')}",
    } | changes  # fmt: skip


def ledger(chosen, *records, claims=None, ours=False, **kept):
    return report.ledger_table(chosen, list(records), claims or {}, ours=ours, **kept)


def parsed(html):
    """A piece of HTML whose every tag is closed."""
    opened, closed = (Counter(re.findall(rf"<{slash}(?!br|input)([a-z]+)", html)) for slash in ("", "/"))
    assert opened == closed
    return BeautifulSoup(html, "html.parser")


def rows(html):
    """Texts of each row of a table."""
    return [[" ".join(cell.text.split()) for cell in row(["td", "th"], recursive=False)] for row in parsed(html)("tr")]


def links(html):
    return [link["href"] for link in parsed(html)("a")]


# Items.


def test_items_hold_every_registered_claim_and_every_fixed_id():
    chosen = items.read()
    assert items.missing(chosen, registry()) == []
    assert "claim 'rank' is registered" in items.missing([THEOREM], {"thm1": {}, "rank": {}})[0]
    listed = {name: item.ours for item in chosen for name in item.claims}
    assert {name for name, ours in listed.items() if not ours} >= PAPERS
    assert {name for name, ours in listed.items() if ours} >= OURS
    # What is not registered is an id promised to come, not a slip of the pen.
    assert set(listed) - set(registry()) <= PAPERS
    assert all(item.found for item in chosen if not item.ours and set(item.claims) & set(registry()))


A = {"item": "A", "says": "b", "claims": ["c"]}


@pytest.mark.parametrize(
    ("paper", "ours", "words"),
    [
        ([A | {"foud": "d"}], [], "unknown .'foud'"),
        ([{"item": "A", "claims": ["c"]}], [], "misses .'says'"),
        ([{"item": "A", "says": "b"}], [], "either claims or the reason"),
        ([A | {"reason": "d"}], [], "either claims or the reason"),
        ([A | {"against": ["d"]}], [], "not all among its claims"),
        ([A, A | {"claims": ["f"]}], [], "item 'A'"),
        ([A], [A | {"item": "B"}], "claim 'c' is there more than once"),
    ],
)
def test_malformed_items_are_refused(paper, ours, words, tmp_path):
    (tmp_path / "items.yml").write_text(yaml.safe_dump({"paper": paper, "ours": ours}))
    with pytest.raises(ValueError, match=words):
        items.read(tmp_path / "items.yml")


# Verdicts.


def test_the_overview_links_each_verdict_and_hides_no_claim_that_waits():
    proved, printed = record(), record("thm1.stated", "refuted", item="Theorem 1, as printed")
    both = report.overview([THEOREM], [proved, printed])
    assert links(both) == ["../notebooks/01_rate.html#claim-thm1", "../notebooks/01_rate.html#claim-thm1-stated"]
    says = ["Theorem 1", "the gap falls"]
    assert rows(both)[1] == ["△ Theorem 1", says[1], "✓ supported as proved ✗ refuted as printed", "Holds as proved."]
    one = rows(report.overview([THEOREM], [proved]))[1]
    assert one == [*says, "✓ supported as proved – not judged thm1.stated", "Holds as proved."]


def test_refuted_rows_are_marked_and_a_supported_opposite_is_not_shown_as_agreement():
    def mark(item, *records):
        return parsed(report.overview([item], list(records)))("tr")[1].get("class")

    one = Item("Remark", "it changes nothing", ours=False, claims=("thm1",), found="It does.")
    opposite = Item("Remark", "it changes nothing", ours=False, claims=("thm1",), against=("thm1",), found="It does.")
    assert mark(one, record()) is None and mark(one, record(verdict="refuted")) == ["against"]
    assert mark(THEOREM, record(), record("thm1.stated", "refuted")) == ["limited"]
    assert mark(opposite, record()) == ["against"]
    assert rows(report.overview([opposite], [record()]))[1][2] == "✗ contradicted"
    assert "the opposite of what the item says" in ledger([opposite], record())


def test_a_limit_makes_an_item_amber_and_is_said_in_words_wherever_the_item_is():
    bound = record(limit="Not for a < b.")
    for shown in (report.overview([THEOREM], [bound]), ledger([THEOREM], bound)):
        (row,) = parsed(shown)(class_="limited")
        assert row.find(class_="row-mark")["aria-label"] == "Limited:" and row.find(class_="row-mark").text == "△"
        assert "Limit. Not for a < b." in parsed(shown).text
    assert "Not for a &lt; b." in display.card(bound) and "Limit" not in display.card(record())
    for shown in (report.overview([THEOREM], [record()]), ledger([THEOREM], record())):
        assert not parsed(shown)(class_="limited") and not parsed(shown)(class_="row-mark")
    refuted = record(verdict="refuted", limit="Not for a < b.")
    assert parsed(report.overview([Item("R", "s", ours=False, claims=("thm1",))], [refuted]))(class_="against")


def test_a_larger_run_is_in_the_row_of_the_build_and_amber_where_it_came_out_otherwise():
    for verdict, marked in (("inconclusive", 1), ("supported", 0)):
        kept = {"thm1": [LARGER | {"verdict": verdict}]}
        overview = report.overview([THEOREM], [record()], kept)
        assert f"✓ supported as provedCIFAR-10: {text.MARKS[verdict]} {verdict}" in rows(overview)[1][2]
        assert links(overview) == ["../notebooks/01_rate.html#claim-thm1", "claims.html#row-thm1"]
        shown = ledger([THEOREM], record(), larger=kept)
        assert len(parsed(overview)(class_="limited")) == len(parsed(shown)(class_="limited")) == marked
        row = " ".join(" ".join(row) for row in rows(shown))
        assert (
            f"CIFAR-10 {text.MARKS[verdict]} {verdict}least slack 0.02, interval [−0.25, 0.22]wider; run of 2026-01-02"
            in row
        )
    few = ledger([THEOREM], record(), unjudged={"thm1": ["width 800, 1 seed: loss 1.59 (Xavier)."]})
    assert "Not judged, too few seeds: width 800, 1 seed" in parsed(few).text and not parsed(few)(class_="limited")


def test_kept_runs_are_those_of_registered_claims():
    judged = larger.judged()
    assert {name for name, runs in judged.items() for run in runs if run["verdict"] == "inconclusive"} == {
        "fig5b",
        "fig7",
    }
    assert set(judged) | set(larger.unjudged()) <= set(registry()) and "diverged" in larger.unjudged()["gap.after"][0]


# What changed.


def test_the_history_names_claims_that_exist_or_were_withdrawn_and_is_shown():
    changes = history()
    gone = {name for change in changes if change.changed == "withdrawn" for name in change.claims}
    assert {name for change in changes for name in change.claims} - gone <= set(registry()) and not gone & set(
        registry()
    )
    shown = report.changes(changes)
    assert len(rows(shown)) == 1 + len(changes) and "No registered verdict was ever reversed" in shown
    reversed_ = report.changes([Change(changes[0].date, ("a<",), "verdict", "w", "y")])
    assert "1 of these changes is a verdict that was reversed" in reversed_ and "a&lt;" in reversed_


CHANGE = {"date": date(2026, 1, 2), "claims": ["thm1"], "changed": "range", "what": "Wider.", "why": "Noise."}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([CHANGE | {"why": ""}], "none empty"),
        ([CHANGE | {"because": "x"}], "expected the fields"),
        ([CHANGE | {"changed": "mood"}], "changed is one of"),
        ([CHANGE | {"date": "yesterday"}], "YYYY-MM-DD"),
        ([CHANGE, CHANGE | {"date": date(2026, 1, 3)}], "latest change comes first"),
    ],
)
def test_a_malformed_history_is_refused(entries, words, tmp_path):
    (tmp_path / "history.yml").write_text(yaml.safe_dump(entries))
    with pytest.raises(ValueError, match=words):
        history(tmp_path / "history.yml")


def test_a_row_without_a_verdict_says_so_and_why():
    chosen = [
        Item("Lemma 6", "it fluctuates", ours=False, claims=("lemma6",), found="It does."),
        Item("Table 2", "symbols", ours=False, reason="notation"),
        Item("Figure 9", "curves", ours=False, claims=("fig9",)),
    ]
    waiting = {"fig9": {"statement": "s", "published": "p", "notebook": "12_later"}}
    why = ["not in the registry yet", "notation", "registered for the notebook 12_later, which is not in this book"]
    assert [row[2:] for row in rows(report.overview(chosen, []))[1:3]] == [["– not judged", one] for one in why[:2]]
    shown = [row for row in rows(ledger(chosen, claims=waiting)) if len(row) == 4][1:]
    assert [row[3] for row in shown] == [f"– not judged{reason}" for reason in why]
    assert re.search(r"\*\*0 statements judged.*3 rows are not judged", report.counts(chosen, []), re.S)


def test_the_ledger_shows_everything_a_record_holds():
    table = ledger([THEOREM], record())
    assert links(table) == ["../notebooks/01_rate.html#claim-thm1"] and "a < b" not in table
    words = " ".join(" ".join(row) for row in rows(table))
    shown = "a < b|proved|0.5|0.6|no BN|as intended|few; width 4,096; 10 paired seeds|2 settings|n = 4|1·10⁻⁴|0.1|thm1.stated"
    shown = [*shown.split("|"), "gap 0.312 ± 0.004 nats, bound 0.812"]
    assert [word for word in shown if word not in words] == [] and "Limit" not in words
    assert rows(ledger([THEOREM], record(), ours=True)) == [["Claim", "What is judged", "Published", "Ours"]]


def test_a_control_that_fails_is_seen():
    bad = record(controls=[{"name": "no BN", "wanted": "refuted", "verdict": "supported"}])
    shown = ledger([THEOREM], bad)
    assert "✗ supported, but must be refuted" in shown and "✗ supported, but must be refuted" in display.card(bad)
    assert "0 of 1 controls as wanted" in shown


def test_a_deviation_says_what_it_is_counted_in():
    shown = [display.decision(record(kind="deviation", expected=[0, most])) for most in (1, 0.15)]
    assert (
        "of the tolerance; up to 1 supports" in shown[0]["Its deviation"]
        and "0.1 tolerances" in shown[0]["Would be refuted"]
    )
    assert "; up to 0.15 supports" in shown[1]["Its deviation"] and "tolerance" not in str(shown[1])


def test_a_difference_says_what_it_must_be_below_and_a_bound_that_it_is_one():
    def shown(value):
        other = MEASURED["compared with"] | {"name": "bound", "value": value, "tolerance": None}
        return display.measured(record(measured=MEASURED | {"compared with": other}))

    assert [shown(value).rpartition(", ")[2] for value in (0.5, 0, -0.05)] == [
        "bound 0.5",
        "must be below 0",
        "must be below −0.05",
    ]


def test_tables_keep_their_meaning_when_a_style_sheet_breaks_them_up():
    shown = parsed(ledger([THEOREM], record()) + report.overview([THEOREM], [record()]))
    tags = dict(table="table", thead="rowgroup", tbody="rowgroup", tr="row", td="cell", th="columnheader rowheader")
    for tag, roles in tags.items():
        assert {part.get("role") for part in shown(tag)} == set(roles.split())
    assert all(head.get("scope") for head in shown("th")) and len(shown("caption")) == 2


def test_every_field_of_the_filter_has_a_label_and_is_served_by_script_and_rows():
    html = report.filters([THEOREM], [record()], {"01_rate": "How fast"})
    form = parsed(html).form
    fields = {field["name"]: field for field in form(["input", "select"])}
    assert {label["for"] for label in form("label")} == {field["id"] for field in fields.values()}
    options = {option["value"]: option.text for option in form("option")}
    assert options["supported"] == "supported (1)" and options["not judged"] == "not judged (1)"
    assert options["01_rate"] == "01 How fast"
    assert form.has_attr("hidden") and form.output["aria-live"] == "polite" and '<p id="ledger-none" hidden>' in html
    script = (ROOT / "book" / "_static" / "claims.js").read_text()
    assert set(fields) == {"verdict", "part", "notebook", "text"} and all(f"{name}:" in script for name in fields)
    assert not re.search(r"https?:|fetch|import ", script)


def test_ids_are_unique_in_the_whole_ledger():
    records = [record(name, item=claim["item"], notebook=claim["notebook"]) for name, claim in registry().items()]
    tables = [ledger(items.read(), *records, claims=registry(), ours=ours) for ours in (False, True)]
    ids = [part["id"] for part in parsed("".join(tables))(id=True)]
    assert len(ids) == len(set(ids))
    assert {f"row-{name.replace('.', '-').lower()}" for name in registry()} <= set(ids)
    listed = [sum(len(item.claims) or 1 for item in items.read() if item.ours == ours) for ours in (False, True)]
    assert [table.count("data-verdict") for table in tables] == listed


def test_the_worked_example_tells_range_setting_verdict_and_controls_of_its_record():
    controls = [{"name": "no BN", "wanted": "refuted", "verdict": "refuted", "estimate": 0.9}]
    text = report.worked(record("rate", kind="deviation", expected=[0, 0.7], alpha=0.01, controls=controls))
    assert [line.partition(".")[0] for line in text.splitlines() if line] == list("12345")
    told = [
        "claim-rate",
        "more than 0.7",
        "probability 0.01",
        "2 settings",
        '"n = 4"',
        "deviation 0.5, interval [0.4",
        "✓",
    ]
    assert [words for words in told if words not in text] == []
    assert "no BN, deviation 0.9, " in text and "✗ refuted" in text


def test_counts_name_what_came_out_otherwise_in_larger_runs_and_nothing_else():
    records = [record("thm1"), record("thm1.stated", "refuted")]
    assert "(inconclusive on CIFAR-10)" in report.counts([THEOREM], records, {"thm1": [LARGER]})
    assert "otherwise" not in report.counts([THEOREM], records, {"thm1": [LARGER | {"verdict": "supported"}]})
    assert "otherwise" not in report.counts([THEOREM], records)


def test_the_error_budget_adds_up_and_counts_are_those_of_the_records():
    many = [record("a", alpha=0.001), record("b", alpha=0.01, rule="median", rate="guaranteed")]
    many.append(record("c", alpha=0.002))
    text = report.budget(many, largest=1)
    assert collect.error_budget(many) == pytest.approx(2 * 0.013)
    assert "3 claims" in text and "6 intervals" in text and "**0.026**" in text
    assert "**0.02** of it is guaranteed, **0.006** nominal" in text
    first, last = [line for line in text.splitlines() if line.startswith("|")][2:4]
    assert (
        "claim-b" in first
        and first.endswith("| guaranteed | 0.02 |")
        and last == "| the other 2 claims | 4 | | | 0.006 |"
    )

    medians, means = text.splitlines()[-2:]
    assert medians.startswith("| median | guaranteed | ") and means.startswith("| mean | nominal | ")
    assert [[f"claim-{name}" in row for name in "abc"] for row in (medians, means)] == [[0, 1, 0], [1, 0, 1]]
    assert medians.endswith("(10) | 0.02 |"), "with its samples and its share"

    chosen = [THEOREM, Item("Rate", "r", ours=True, claims=("rate",))]
    made = [record(), record("thm1.stated", "refuted"), record("rate", "inconclusive", controls=[])]
    assert report.counts(chosen, made) == (
        "**3 statements judged: 1 supported, 1 refuted, 1 inconclusive**; 2 of them with a negative control. 2 are about "
        "the paper: 1 supported, 1 refuted, 0 inconclusive. 1 are our own: 0 supported, 0 refuted, 1 inconclusive.\n"
    )


def test_findings_have_the_numbers_scope_and_limit_of_their_records_and_name_registered_claims():
    told = report.findings([record("rate", limit="near it"), record("thm1", "refuted")])
    number = display.measured(record())
    assert number in told and display.scope(record()) in told and "near it" in told
    cards = [f"claim-{name}" for name in ("rate", "thm1")]
    assert [link["href"].partition("#")[2] for link in BeautifulSoup(told, "html.parser")("a")] == cards
    assert told.count("\n1. ") + told.startswith("1. ") == 1, "findings without a record are left out"
    template = (report.TEMPLATES / "findings.md.j2").read_text()
    named = {name for names in re.findall(r"\"([^\"]*)\"\) -", template) for name in names.split(", ")}
    assert named and named <= set(registry())


def test_how_to_cite_is_what_the_citation_file_says():
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    told = report.citation(said)
    for value in (said["title"], said["version"], said["references"][0]["title"], "Daneshmand, Hadi and Joudaki, Amir"):
        assert value in told
    assert "9.9.9" in report.citation(said | {"version": "9.9.9"})


# How this copy was made.


ABOUT = {"mystnb": {"figure": {"caption": "A gap.", "name": "fig-gap"}, "image": {"alt": "A falling line."}}}


@pytest.fixture
def executed(tmp_path):
    """Writes a notebook that shows things, each in a cell with its metadata; its path."""

    def write(name, *shown, seconds=90.0, end="2026-01-02T03:04:05"):
        path = notebook(tmp_path / f"{name}.ipynb", *("" for _ in shown))
        content = nbformat.read(path, as_version=4)
        for cell, (kind, data, metadata) in zip(content.cells[2:], shown, strict=True):
            cell.update(metadata=metadata, outputs=[nbformat.v4.new_output("display_data", data={kind: data})])
        content.metadata |= {
            "companion": {"seconds": seconds, "memory": 400, "ran": provenance.facts() | {"date": end[:10]}}
        }
        nbformat.write(content, path)
        return path

    return write


def test_the_picture_is_the_first_figure_with_its_own_words(executed):
    plain, table, figure = (
        ("image/svg+xml", "plain", {}),
        ("text/html", "table", ABOUT),
        ("image/svg+xml", "one", ABOUT),
    )
    drawn, markdown, kept = report.picture(executed("01_a", plain, table, figure))
    assert drawn == "one" and kept == {}
    assert ":alt: A falling line.\n\nA gap.\n" in markdown and "_generated/picture.svg" in markdown
    assert report.picture(executed("02_b", plain)) is None


def test_a_build_is_described_by_its_notebooks(executed):
    paths = [executed("01_a", seconds=60.0), executed("02_b", seconds=30.0, end="2026-01-03T00:00:00")]
    made = report.describe("fast", paths, threads=1)
    assert made["date"] == "2026-01-03" and made["seconds"] == {"01_a": 60.0, "02_b": 30.0} and made["threads"] == 1
    table = report.run(made | {"device": "<fast> machine"}, report.titles(paths))
    assert links(table) == ["../notebooks/01_a.html", "../notebooks/02_b.html"] and "&lt;fast&gt; machine" in table
    assert rows(table)[-2:] == [
        ["02_b", "30 s", "400 MB"],
        ["All of them, one after the other", "90 s (1.5 min)", "400 MB"],
    ]


def test_kept_measurements_of_speed_are_shown():
    kept = json.loads((ROOT / "book" / "bench.json").read_text())
    assert len(rows(report.benchmark(kept))) == 1 + len(kept["ratios"])
    figure = benchmark_figure(kept)
    assert "<svg" in figure.wide and len(figure.data.splitlines()) > 12
