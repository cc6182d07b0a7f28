"""The errata page: every row of its table leads to an entry, every entry has its four parts, every link its card."""

import re

import nbformat

from utils.claims import content, judge, registry
from utils.files import ROOT
from utils.stats.measurement import Measurement
from utils.stats.text import link

NOTEBOOK = ROOT / "notebooks" / "10_errata.ipynb"
CELLS = nbformat.read(NOTEBOOK, as_version=4).cells
TEXT = "\n".join(cell.source for cell in CELLS)


def errata():
    """The table's rows, as the notebook reads them."""
    return content()["10_errata"]["errata"]


def test_rows_are_numbered_in_order_and_lead_to_entries_with_their_four_parts():
    numbers = range(1, len(errata()) + 1)
    assert {tuple(row) for row in errata()} == {("where", "what", "consequence", "verdicts")}
    assert re.findall(r"\(erratum-(\d+)\)=\n### (\d+)\. ", TEXT) == [(str(k), str(k)) for k in numbers]
    for entry in re.split(r"\(erratum-\d+\)=", TEXT)[1:]:
        body = entry.split("\n## ")[0]
        assert "**Printed.**" in body and "**Right.**" in body
        assert body.count("\nentry(\n") == 1  # evidence and consequence come from the run


def test_every_claim_that_is_named_is_registered():
    named = {claim for row in errata() for claim in row["verdicts"]}
    for arguments in re.findall(r"judged\(([^*)]*)\)", TEXT):
        named |= {claim for _, claim in re.findall(r"([\"'])([\w.]+)\1", arguments)}
    assert len(named) > 30
    assert named <= set(registry())


def test_a_link_leads_to_the_card():
    entry = registry()["thm1.stated"]
    measured = [Measurement("made up", [1.0], error=0.0)]
    record = judge(
        "thm1.stated", {"gap": measured}, controls=dict.fromkeys(entry["controls"], measured), scope="data: made up"
    )
    html = link("thm1.stated", entry)
    assert f'href="{record.notebook}.html#{record.anchor}"' in html
    assert "refuted" in html and f'id="{record.anchor}"' in record._repr_mimebundle_()[0]["text/html"]
