"""Sphinx extension: pages that need no network, and carry no more than they use.

MathJax comes with the package sphinx-mathjax-offline, in all its combinations, 23 MB. The pages load one, which brings
everything but its fonts; these two are copied. A TeX extension that MathJax would load on demand (``\\cancel``, ``\\bbox``)
is not there: ``make test-book`` sees the request fail.

Jupyter Book adds thebe, which runs cells on a server, to every page, twice over, which is an error in the console. No
page offers it, so it is left out.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path

PARTS = ("tex-chtml.js", "output/chtml/fonts")


def copy_mathjax(app, error) -> None:
    """Put the parts of MathJax that pages use where ``mathjax_path`` points."""
    if error is not None or app.builder.format != "html":
        return
    source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in PARTS:
        copy = shutil.copytree if (source / part).is_dir() else shutil.copy
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        copy(source / part, target / part, **({"dirs_exist_ok": True} if copy is shutil.copytree else {}))


def drop_thebe(app, pagename, templatename, context, doctree) -> None:
    """Take thebe's scripts off a page."""

    def of_thebe(script) -> bool:
        attributes = getattr(script, "attributes", {})
        return "thebe" in f"{getattr(script, 'filename', script)}{attributes.get('body', '')}".lower()

    context["script_files"] = [script for script in context.get("script_files", []) if not of_thebe(script)]


def setup(app):
    """Register both."""
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.connect("build-finished", copy_mathjax)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
