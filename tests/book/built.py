"""The built book's files, and what a page asked for."""

from functools import cache
from pathlib import Path

from bs4 import BeautifulSoup

from utils.files import ROOT

HTML = ROOT / "_build" / "html"
# What the renderer adds and no reader is led to.
GENERATED = {"genindex.html", "index.html"}
# For `page.evaluate`: whatever waits for the next frame has had it.
FRAMES = "async () => { for (let i = 0; i < 5; i++) await new Promise(requestAnimationFrame) }"


def pages() -> list[str]:
    """Every page of the book and its search, relative to the book's root."""
    found = [path.relative_to(HTML).as_posix() for path in sorted(HTML.rglob("*.html"))]
    return [page for page in found if not page.startswith("_static/") and page not in GENERATED]


@cache
def parsed(path: Path) -> BeautifulSoup:
    """A page of the book, or another file in HTML, parsed."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def leaving(page) -> list[str]:
    """Addresses outside the machine that a page asked for."""
    here = ("http://127.0.0.1:", "file:", "data:", "blob:")
    return [url for url in page.requested if not url.startswith(here)]


def is_ours(path: Path) -> bool:
    """Whether a file belongs to the built book."""
    return path.resolve().is_relative_to(HTML.resolve()) and path.is_file()
