"""Sphinx extension: what pages need before they are published.

*Offline.* MathJax comes with the package sphinx-mathjax-offline, in all its combinations, 23 MB. Pages load one, which
brings everything but its fonts; these two are copied. A TeX extension that MathJax would fetch on demand (``\\cancel``,
``\\bbox``) is not among them: ``make test-book`` sees the request fail.

*Errors.* Jupyter Book adds thebe, which runs cells on a server, to every page, twice over, and the second is an error in
the console. No page offers it, so it is left out.

*Results.* Pages of a clone have none: they are rendered from the tree that ``make book`` stages, and from nowhere else.

*Accessibility.* What axe-core finds in the markup of the theme and of docutils is mended, see :data:`MENDED`.
"""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from sphinx.errors import ConfigError

MATHJAX = ("tex-chtml.js", "output/chtml/fonts")
MENDED = (
    # The side bar holds more than navigation, and everything a page shows belongs to some landmark.
    ('<div id="pst-primary-sidebar"', '<div id="pst-primary-sidebar" role="complementary" aria-label="The book"'),
    # The arrow that folds a chapter's pages in the side bar has no words.
    ('<summary><span class="toctree-', '<summary aria-label="Pages of this chapter"><span class="toctree-'),
    # Roles that ARIA 1.2 has withdrawn, and a list of what are then no list items.
    ('<div role="list" class="citation-list">', '<div class="citation-list">'),
    (' role="doc-biblioentry"', ""),
    (' role="doc-backlink"', ""),
    # Figures have their notebook's number; outside of notebooks there is none, and no number is less confusing than another.
    (r'<span class="caption-number">(Figure|Listing) \d+ </span>', ""),
    # A figure leads to itself; figures.js opens it on the page instead.
    (
        r'(?<!">)(<picture[^>]*>\s*<source [^>]*>)?(<img [^>]*?src="([^"]*_images/[^"]+\.svg)"[^>]*>)(\s*</picture>)?',
        r'<a class="full-size" href="\3">\1\2\4</a>',
    ),
    # What a formula in a line stands between, a bracket or a full stop, goes with it: no line begins with a full stop.
    (r'(\(?<span class="math notranslate nohighlight">[^<]*</span>[.,;:)?!’]+)', r'<span class="kept">\1</span>'),
    # A number and its percent sign stay on one line; code, whose words are in spans, stays as it was written.
    (r"(?<=\d) %(?![^<]*</span>)", "\N{NO-BREAK SPACE}%"),
    # Statements: ids that are there twice.
    (r' id="proof-content"', ""),
    (r'(<p class="admonition-title") id="[\w-]+"', r"\1"),
)


def copy_mathjax(app) -> None:
    """Put the parts of MathJax that pages use where ``mathjax_path`` points."""
    source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in MATHJAX:
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / part, target / part)


def mend(app) -> None:
    """Replace markup in every page."""
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for old, new in MENDED:
            text = re.sub(old, new, text)
        page.write_text(text, encoding="utf-8")


def finish(app, error) -> None:
    """After the last page."""
    if error is None and app.builder.format == "html":
        copy_mathjax(app)
        mend(app)


def drop_thebe(app, pagename, templatename, context, doctree) -> None:
    """Take thebe's scripts off a page."""

    def of_thebe(script) -> bool:
        attributes = getattr(script, "attributes", {})
        return "thebe" in f"{getattr(script, 'filename', script)}{attributes.get('body', '')}".lower()

    context["script_files"] = [script for script in context.get("script_files", []) if not of_thebe(script)]


def setup(app):
    """Register both, where there are results."""
    if not (Path(app.srcdir) / "book" / "_generated").is_dir():
        raise ConfigError(
            "the pages here have no results: use `make book`, which runs the notebooks and renders the book"
        )
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
