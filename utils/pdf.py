"""The whole book as one PDF: ``python -m utils.pdf``, after ``make book``; ``make pdf`` does both.

All pages in the order of the table of contents become one page, their links links within it, and Chromium prints that: with an
outline, page numbers, equations as on the page and every figure in its light colors.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from utils.files import ROOT, replacing, write_atomically

__all__ = ["MISSING", "chromium", "main", "one_page", "pages"]

HTML = ROOT / "_build" / "html"
NAME = "companion.pdf"
# What is only for a screen: handles, code that is folded away, and what computes in the page.
SCREEN = (
    "script, dialog, button, input, select, canvas, .headerlink, .prev-next-area, details.hide, .cell_input, #explorer, "
    "#trainer, #cloud"
)
MISSING = "Chromium is missing: install it (Debian: apt install chromium-headless-shell) or set CHROMIUM to its path"
TITLE = "Batch normalization orthogonalizes: a companion"
LOOK = """
@page { size: A4; margin: 18mm 16mm 20mm; }
body { background: white; color: black; font-size: 10pt; }
article { break-before: page; max-width: none; }
article:first-of-type { break-before: auto; }
.cell_output, pre { overflow: visible !important; }
table { font-size: 85%; }
aside.margin, .margin { float: none !important; width: auto !important; margin: 0.5em 2em !important; }
"""


def pages(html: Path) -> list[str]:
    """Addresses of a built book's pages, in the order of its table of contents.

    Parameters
    ----------
    html : Path
        Folder of the built book.

    Returns
    -------
    list of str
        Relative to it, the landing page first.
    """
    from bs4 import BeautifulSoup

    first = re.search(r"url=([^\"']+)", (html / "index.html").read_text(encoding="utf-8"))[1]
    bar = BeautifulSoup((html / first).read_text(encoding="utf-8"), "html.parser").select(
        "#pst-primary-sidebar nav a[href]"
    )
    found = [os.path.normpath(Path(first).parent / link["href"]) for link in bar if "#" not in link["href"]]
    return list(dict.fromkeys([first, *found]))


def one_page(html: Path) -> str:
    """A built book as one HTML page, for print.

    Parameters
    ----------
    html : Path
        Folder of the built book.

    Returns
    -------
    str
        To be put in that folder: what it shows is found from there.
    """
    from bs4 import BeautifulSoup

    listed, head, articles = pages(html), None, []
    for address in listed:
        page = BeautifulSoup((html / address).read_text(encoding="utf-8"), "html.parser")
        head = head or page.head
        article = page.select_one("article.bd-article")
        for element in article.select(SCREEN):
            element.decompose()
        for folded in article.select("table details"):  # what is on the cards of other pages
            folded.replace_with(folded.summary.text.removesuffix("; details"))
        for folded in article.select("details"):
            folded["open"] = ""
        for element in article.select("[id]"):
            element["id"] = _id(address, element["id"])
        article["id"] = _id(address)
        for attribute in ("src", "href", "srcset"):
            for element in article.select(f"[{attribute}]"):
                element[attribute] = _target(element[attribute], address, listed)
        articles.append(str(article))
    for element in head.select("script:not([src*=mathjax]), link[rel=prefetch], title"):
        if "MathJax" not in element.text:
            element.decompose()
    for element in head.select("[href], [src]"):
        for attribute in ("href", "src"):
            if attribute in element.attrs:
                element[attribute] = _target(element[attribute], listed[0], [])
    head = f"{head}<title>{TITLE}</title><style>{LOOK}</style>"
    body = "\n".join(articles)
    return f'<!doctype html><html lang="en" data-theme="light" data-mode="light">{head}<body>{body}</body></html>'


def _id(address: str, fragment: str = "") -> str:
    return re.sub(r"\W", "-", address.removesuffix(".html")) + (f"--{fragment}" if fragment else "")


def _target(link: str, address: str, listed: list[str]) -> str:
    """Where a link of one page leads on the page of all."""
    if re.match(r"[a-z]+:", link):
        return link
    path, _, fragment = link.partition("#")
    there = os.path.normpath(Path(address).parent / path) if path else address
    if there in listed:
        return "#" + _id(there, fragment)
    return there + ("#" + fragment if fragment else "")


def chromium() -> str | None:
    """Path of a Chromium: the variable ``CHROMIUM``, or the first one found; one without windows starts and loads faster."""
    found = map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))
    return os.environ.get("CHROMIUM") or next(filter(None, found), None)


def main() -> int:
    """Command line; returns the exit status."""
    if not (HTML / "index.html").exists():
        print(f"there is no book in {HTML}: run `make book` first", file=sys.stderr)
        return 2
    browser = chromium()
    if browser is None:
        print(MISSING, file=sys.stderr)
        return 2
    whole = HTML / "companion.print.html"
    write_atomically(whole, one_page(HTML))
    try:
        with replacing(HTML / NAME) as unfinished:
            _print(browser, whole, unfinished)
    finally:
        whole.unlink()
    landing = HTML / pages(HTML)[0]
    linked = f'<p id="pdf"><a href="{os.path.relpath(HTML / NAME, landing.parent)}">The whole book as one PDF</a></p>'
    write_atomically(landing, landing.read_text(encoding="utf-8").replace('<p id="pdf"></p>', linked))
    print(f"The book as one PDF: {HTML / NAME}")
    return 0


def _print(browser: str, whole: Path, into: Path) -> None:
    from playwright.sync_api import sync_playwright

    number = '<div style="font: 8pt sans-serif; width: 100%; text-align: center"><span class="pageNumber"></span></div>'
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = playwright.chromium.launch(executable_path=browser, args=options)
        page = running.new_page()
        page.goto(whole.as_uri())
        page.evaluate("() => window.MathJax ? MathJax.startup.promise : null")
        page.pdf(
            path=into, prefer_css_page_size=True, outline=True, tagged=True, print_background=True,
            display_header_footer=True, header_template="<span></span>", footer_template=number,
        )  # fmt: skip
        running.close()


if __name__ == "__main__":
    sys.exit(main())
