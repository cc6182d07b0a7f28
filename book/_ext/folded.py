"""Sphinx extension: long pages fold what few readers need at once.

On the page of the errata, the entries but for the few that bear on a conclusion; on the page of the lemmas, the cards, down
to the line that has the verdict; on any page, what a cell tagged ``folded`` shows, down to its first line. Headings, anchors
and verdicts stay in sight, and landing.js opens what a link leads to.
"""

import html
import re

from docutils import nodes

ERRATA, CARDS = "notebooks/10_errata", "notebooks/09_lemmas"
OPEN = {"erratum-1", "erratum-19", "erratum-22", "erratum-23"}
CARD = re.compile(r'(<section class="claim-card.*?>)\s*<p>(.*?)</p>(.*)(</section>)', re.DOTALL)


def raw(text: str) -> nodes.raw:
    """A piece of HTML."""
    return nodes.raw("", text, format="html")


def fold_entries(doctree) -> None:
    """Fold what follows the heading of each erratum that is not :data:`OPEN`."""
    for section in list(doctree.findall(nodes.section)):
        if any(re.fullmatch(r"erratum-\d+", name) for name in section["ids"]) and not OPEN & set(section["ids"]):
            title, rest = section.children[0], section.children[1:]
            summary = "<summary>What is printed, what is right, and the evidence</summary>"
            section.children = []
            section += [title, raw(f'<details class="folded">{summary}'), *rest, raw("</details>")]


def fold_cards(doctree) -> None:
    """Fold each card below its first line."""
    folded = r'\1<details class="folded"><summary>\2</summary>\3</details>\4'
    for card in list(doctree.findall(nodes.raw)):
        if "claim-card" in card.astext():
            card.replace_self(raw(CARD.sub(folded, card.astext())))


def fold_outputs(doctree) -> None:
    """Fold what follows the first paragraph of a cell that is tagged."""
    for cell in doctree.findall(lambda node: isinstance(node, nodes.container) and "tag_folded" in node["classes"]):
        line = next(cell.findall(nodes.paragraph))
        output = next(node for node in cell if "cell_output" in node["classes"])
        line.parent.remove(line)
        summary = f'<details class="folded"><summary>{html.escape(line.astext())}</summary>'
        output.children = [raw(summary), *output.children, raw("</details>")]


def fold(app, doctree) -> None:
    """What a page folds."""
    fold_outputs(doctree)
    if app.env.docname == ERRATA:
        fold_entries(doctree)
    if app.env.docname == CARDS:
        fold_cards(doctree)


def setup(app):
    """Register it."""
    app.connect("doctree-read", fold)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
