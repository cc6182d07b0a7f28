"""The items of the paper and the tables made of them, from records made up and from the book's own registry."""

import re
from html.parser import HTMLParser

import pytest
import yaml

from utils.claims import collect, items, registry
from utils.claims.items import Item
from utils.files import ROOT
from utils.pipeline import report

# The ids that other files rely on, whether judged yet or not.
PAPERS = set(
    "fig1 fig2a fig2b rank thm1 thm5 appB1 lemma2 lemma4 lemma6 lemma7 lemma8 lemma10 cor3 table1 fig3a fig3b fig4 eq6 appE "
    "fig5a fig5b conjF fig6 appF2 fig7 centring".split()
)
OURS = set("rate floor widthlimit vanilla w2radius mechanism price bnfree".split())


def record(name="thm1", verdict="supported", **changes):
    made = {
        "id": name,
        "item": "Theorem 1, as proved",
        "statement": "a < b",
        "verdict": verdict,
        "estimate": 0.5,
        "interval": [0.4, 0.6],
        "expected": [0, None],
        "published": "proved",
        "kind": "slack",
        "seeds": 10,
        "cells": 2,
        "vacuous": 0,
        "where": "n = 4",
        "alpha": 1e-4,
        "detectable": 0.1,
        "scale": "small",
        "controls": [{"name": "no BN", "wanted": "refuted", "verdict": "refuted"}],
        "notebook": "01_rate",
        "anchor": f"claim-{name.replace('.', '-')}",
    }
    return made | changes


THEOREM = Item("Theorem 1", "the gap falls", ours=False, claims=("thm1", "thm1.stated"), found="Holds as proved.")


class Cells(HTMLParser):
    """Texts of the cells of each row, links of the whole, whether tags are closed in order."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.links, self.open = [], [], []
        self.feed(html)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.links += [value for name, value in attributes if name == "href"]
        if tag not in ("br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += text


def test_the_books_items_hold_every_registered_claim_and_every_fixed_id():
    chosen = items.read()
    assert items.missing(chosen, registry()) == []
    listed = {name: item.ours for item in chosen for name in item.claims}
    assert {name for name, ours in listed.items() if not ours} >= PAPERS
    assert {name for name, ours in listed.items() if ours} >= OURS
    # What is not registered is an id promised to come, not a slip of the pen.
    assert set(listed) - set(registry()) <= PAPERS
    assert all(item.found for item in chosen if not item.ours and set(item.claims) & set(registry()))


def test_a_claim_under_no_item_is_named():
    assert "claim 'rank' is registered" in items.missing([THEOREM], {"thm1": {}, "rank": {}})[0]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"item": "A", "says": "b", "claims": ["c"], "foud": "d"}], "unknown .'foud'"),
        ([{"item": "A", "claims": ["c"]}], "misses .'says'"),
        ([{"item": "A", "says": "b"}], "either claims or the reason"),
        ([{"item": "A", "says": "b", "claims": ["c"], "reason": "d"}], "either claims or the reason"),
        ([{"item": "A", "says": "b", "claims": ["c"], "against": ["d"]}], "not all among its claims"),
        ([{"item": "A", "says": "b", "claims": ["c"]}, {"item": "A", "says": "e", "claims": ["f"]}], "item 'A'"),
        ([{"item": "A", "says": "b", "claims": ["c"]}, {"item": "B", "says": "e", "claims": ["c"]}], "claim 'c'"),
    ],
)
def test_malformed_items_are_refused(entries, words, tmp_path):
    path = tmp_path / "items.yml"
    path.write_text(yaml.safe_dump({"paper": entries, "ours": []}))
    with pytest.raises(ValueError, match=words):
        items.read(path)


def test_an_item_stands_in_one_part_only(tmp_path):
    path = tmp_path / "items.yml"
    path.write_text(
        yaml.safe_dump({part: [{"item": part, "says": "b", "claims": ["c"]}] for part in ("paper", "ours")})
    )
    with pytest.raises(ValueError, match="claim 'c' stands there more than once"):
        items.read(path)


def test_the_overview_links_each_verdict_and_tells_them_apart():
    table = Cells(
        report.overview([THEOREM], [record(), record("thm1.stated", "refuted", item="Theorem 1, as printed")])
    )
    assert table.rows[1] == [
        "Theorem 1",
        "the gap falls",
        "✓ supported as proved✗ refuted as printed",
        "Holds as proved.",
    ]
    assert table.links == ["../notebooks/01_rate.html#claim-thm1", "../notebooks/01_rate.html#claim-thm1-stated"]


def test_the_overview_hides_no_claim_that_waits():
    row = Cells(report.overview([THEOREM], [record()])).rows[1]
    assert row[2:] == ["✓ supported as proved– not judged thm1.stated", "Holds as proved."]


def test_refuted_rows_are_marked_and_a_supported_opposite_is_not_shown_as_agreement():
    one = Item("Remark", "it changes nothing", ours=False, claims=("thm1",), found="It does.")
    assert "class=against" not in report.overview([one], [record()])
    assert "class=against" in report.overview([one], [record(verdict="refuted")])
    both = report.overview([THEOREM], [record(), record("thm1.stated", "refuted")])
    assert "class=mixed" in both and "class=against" not in both
    opposite = Item("Remark", "it changes nothing", ours=False, claims=("thm1",), against=("thm1",), found="It does.")
    shown = report.overview([opposite], [record()])
    assert "class=against" in shown and "✗ contradicted" in shown and "supported" not in Cells(shown).rows[1][2]


def test_a_row_without_a_verdict_says_so_and_why():
    chosen = [
        Item("Lemma 6", "it fluctuates", ours=False, claims=("lemma6",), found="It does."),
        Item("Table 2", "symbols", ours=False, reason="notation"),
        Item("Figure 9", "curves", ours=False, claims=("fig9",)),
    ]
    waiting = {"fig9": {"item": "Figure 9", "statement": "s", "published": "p", "notebook": "12_later"}}
    overview = Cells(report.overview(chosen, [])).rows[1:]
    assert [row[2:] for row in overview[:2]] == [
        ["– not judged", "not in the registry yet"],
        ["– not judged", "notation"],
    ]
    rows = [row for row in Cells(report.ledger_table(chosen, [], waiting, ours=False)).rows if len(row) == 4][1:]
    assert [row[3] for row in rows] == [
        "– not judgednot in the registry yet",
        "– not judgednotation",
        "– not judgedregistered for the notebook 12_later, which is not in this book",
    ]
    assert "**0 statements judged" in report.counts(chosen, []) and "3 rows are not judged" in report.counts(chosen, [])


def test_the_ledger_shows_everything_a_record_holds():
    table = Cells(report.ledger_table([THEOREM], [record()], {}, ours=False))
    assert table.links == ["../notebooks/01_rate.html#claim-thm1"]
    text = " ".join(" ".join(row) for row in table.rows)
    for word in (
        "a < b",
        "proved",
        "0.5",
        "0.6",
        "no BN",
        "as it must be",
        "small",
        "n = 4",
        "1·10⁻⁴",
        "0.1",
        "thm1.stated",
    ):
        assert word in text, word
    assert "a < b" not in report.ledger_table([THEOREM], [record()], {}, ours=False)
    assert Cells(report.ledger_table([THEOREM], [record()], {}, ours=True)).rows == [list(report.HEADS)]


def test_a_deviation_says_what_it_is_counted_in():
    counted = record(kind="deviation", expected=[0, 1])
    assert "largest deviation 0.5 (1 is the tolerance)" in report.ledger_table([THEOREM], [counted], {}, ours=False)
    for other in (record(), record(kind="deviation", expected=[0, 0.15])):
        assert "tolerance" not in report.ledger_table([THEOREM], [other], {}, ours=False)


def test_a_control_that_fails_is_seen():
    bad = record(controls=[{"name": "no BN", "wanted": "refuted", "verdict": "supported"}])
    text = report.ledger_table([THEOREM], [bad], {}, ours=False)
    assert "0 of 1 controls as wanted" in text and "✗ supported, but must be refuted" in text


def test_tables_keep_their_meaning_when_a_style_sheet_breaks_them_up():
    shown = report.ledger_table([THEOREM], [record()], {}, ours=False) + report.overview([THEOREM], [record()])
    for tag, roles in {"table": ["table"], "tr": ["row"], "td": ["cell"], "th": ["columnheader", "rowheader"]}.items():
        for found in re.findall(rf"<{tag}\b[^>]*>", shown):
            assert any(f'role="{role}"' in found for role in roles), found
    assert shown.count("scope=") == shown.count("<th ")
    assert shown.count("<caption>") == 2


def test_every_field_of_the_filter_has_a_label_and_every_choice_is_served_by_the_rows():
    form = report.filters([THEOREM], [record()], {"01_rate": "How fast"})
    for name in re.findall(r'<(?:input|select) id="([\w-]+)"', form):
        assert f'<label for="{name}">' in form
    assert '<option value="supported">supported (1)' in form and '<option value="not judged">not judged (1)' in form
    assert '<option value="01_rate">01 How fast' in form
    assert " hidden>" in form and 'aria-live="polite"' in form and '<p id="ledger-none" hidden>' in form
    script = (ROOT / "book" / "_static" / "claims.js").read_text()
    assert {"verdict", "part", "notebook", "text"} == set(re.findall(r' name="(\w+)"', form))
    assert all(f"{name}:" in script for name in ("verdict", "part", "notebook", "text")) and "//" in script
    assert not re.search(r"https?:|fetch|import ", script)


def test_ids_are_unique_in_the_whole_ledger():
    records = [record(name, item=claim["item"], notebook=claim["notebook"]) for name, claim in registry().items()]
    tables = [report.ledger_table(items.read(), records, registry(), ours=ours) for ours in (False, True)]
    ids = re.findall(r' id="([^"]+)"', "".join(tables))
    assert len(ids) == len(set(ids))
    assert {f"row-{name.replace('.', '-').lower()}" for name in registry()} <= set(ids)
    assert [table.count("data-verdict") for table in tables] == [
        sum(len(item.claims) or 1 for item in items.read() if item.ours == ours) for ours in (False, True)
    ]


def test_the_error_budget_adds_up():
    many = [record("a", alpha=0.001), record("b", alpha=0.01), record("c", alpha=0.002)]
    text = report.budget(many, largest=1)
    assert collect.error_budget(many) == pytest.approx(2 * 0.013)
    assert "3 claims" in text and "6 intervals" in text and "**0.026**" in text
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 2 and "claim-b" in rows[0] and rows[0].endswith("| 0.02 |")
    assert rows[1] == "| the other 2 claims | 4 | | 0.006 |"


def test_counts_are_those_of_the_records():
    chosen = [THEOREM, Item("Rate", "r", ours=True, claims=("rate",))]
    made = [record(), record("thm1.stated", "refuted"), record("rate", "inconclusive", controls=[])]
    text = report.counts(chosen, made)
    assert "3 statements judged: 1 supported, 1 refuted, 1 inconclusive" in text and "2 of them with a negative" in text
    assert (
        "2 of them are about the paper (1 supported, 1 refuted, 0 inconclusive), 1 are our own (0 supported, 0 refuted, 1 inconclusive)."
        in text
    )
