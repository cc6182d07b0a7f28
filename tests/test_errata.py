"""The errata page: every row of its table leads to an entry, every entry has its four parts, every link its card."""

import ast
import re

import nbformat
import pytest

from utils.claims import judge, registry
from utils.files import ROOT
from utils.stats.measurement import Measurement
from utils.stats.text import link

NOTEBOOK = ROOT / "notebooks" / "10_errata.ipynb"
CELLS = nbformat.read(NOTEBOOK, as_version=4).cells
TEXT = "\n".join(cell.source for cell in CELLS)


def errata():
    """The table's rows: the literal list in the notebook."""
    source = next(cell.source for cell in CELLS if cell.source.startswith("ERRATA = "))
    return ast.literal_eval(ast.parse(source).body[0].value)


def test_rows_are_numbered_in_order_and_lead_to_their_entries():
    numbers = [row[0] for row in errata()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert re.findall(r"\(erratum-(\d+)\)=\n### (\d+)\. ", TEXT) == [(str(k), str(k)) for k in numbers]


@pytest.mark.parametrize("number", [row[0] for row in errata()])
def test_an_entry_has_its_four_parts(number):
    body = re.split(r"\(erratum-\d+\)=", TEXT)[number].split("\n## ")[0]
    assert "**Printed.**" in body and "**Right.**" in body
    # Evidence and consequence come from the run.
    assert body.count("\nentry(\n") == 1


def test_every_claim_that_is_named_is_registered():
    named = {claim for row in errata() for claim in row[4]}
    for arguments in re.findall(r"judged\(([^*)]*)\)", TEXT):
        named |= {claim for _, claim in re.findall(r"([\"'])([\w.]+)\1", arguments)}
    assert len(named) > 30
    assert named <= set(registry())


def test_a_link_leads_to_the_card():
    entry = registry()["thm1.stated"]
    measured = [Measurement("made up", [1.0], error=0.0)]
    record = judge("thm1.stated", measured, controls=dict.fromkeys(entry["controls"], measured), scale="")
    html = link("thm1.stated", entry)
    assert f'href="{record.notebook}.html#{record.anchor}"' in html
    assert "refuted" in html and f'id="{record.anchor}"' in record._repr_mimebundle_()[0]["text/html"]
