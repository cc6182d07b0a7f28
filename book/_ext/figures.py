"""Sphinx extension: every figure fits the screen, and its data is one click away.

Beside the figure NAME the build has put ``_static/figures/NAME.narrow.svg``, the same figure drawn for a phone, and
``NAME.csv``, what it shows. A page picks the picture by the width of the screen, without a script. It knows the size
of both, so that nothing moves while they load.
"""

import re
from pathlib import Path

from docutils import nodes

# As in companion.css. On paper there is room for the wide one.
PHONE = "screen and (max-width: 700px)"


def fit(app, doctree, docname) -> None:
    """Give the figures of a page their narrow layout, and a link to their data."""
    folder = Path(app.srcdir) / "book" / "_static" / "figures"
    here = "../" * docname.count("/") + "_static/figures/"
    for figure in doctree.findall(nodes.figure):
        name = next((name for name in figure["ids"] if (folder / f"{name}.csv").exists()), None)
        image = next(iter(figure.findall(nodes.image)), None)
        caption = next(iter(figure.findall(nodes.caption)), None)
        if name and image is not None and caption is not None:
            wide, narrow = _size(Path(app.srcdir) / image["uri"]), _size(folder / f"{name}.narrow.svg")
            sizes = f"--width: {wide[0]}px; --wide: {wide[0]} / {wide[1]}; --narrow: {narrow[0]} / {narrow[1]}"
            source = f'<source media="{PHONE}" srcset="{here}{name}.narrow.svg">'
            image.replace_self([_html(f'<picture style="{sizes}">{source}'), image.deepcopy(), _html("</picture>")])
            caption += _html(f' <a class="figure-data" href="{here}{name}.csv" download>Data (CSV)</a>')


def _size(picture: Path) -> tuple[str, str]:
    """Width and height of an SVG, in pixels of a page."""
    head = picture.read_text(encoding="utf-8")[:2000]
    points = re.search(r'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"', head)
    return tuple(f"{float(one) * 4 / 3:.0f}" for one in points.groups())


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def setup(app):
    """Register it."""
    app.connect("doctree-resolved", fit)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
