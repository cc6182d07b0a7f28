"""Every page: offline, without errors, readable by everyone, at every width; and every link leads somewhere."""

from functools import cache
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from built import HTML, is_ours, leaving

# What the theme brings and nothing of ours can mend: (rule, part of the element's selector, reason). Nothing at present:
# book/_ext/finish.py and book/_static/mended.css mend what it gets wrong.
KNOWN = []
# Equations are left to MathJax: what it shows is for the eye alone, beside it stands MathML for everyone else.
EQUATIONS = {"exclude": [["mjx-container"]]}


def violations(page, **options) -> list[str]:
    """What axe-core finds beyond :data:`KNOWN`, an element a line."""
    found = Axe().run(page, context=EQUATIONS, options=options).response["violations"]
    nodes = [(rule["id"], " ".join(map(str, node["target"])), node) for rule in found for node in rule["nodes"]]
    return [
        f"{rule}: {where}: {node['failureSummary']}"
        for rule, where, node in nodes
        if not any(rule == known and part in where for known, part, _ in KNOWN)
    ]


def test_light_offline_without_errors_and_accessible(site, visit, address):
    page = visit(site + address)
    page.wait_for_load_state("networkidle")
    assert leaving(page) == page.failed == page.complaints == []
    # Equations are typeset, none in error.
    assert page.locator(".math:not(:has(mjx-container)):not(mjx-container *)").count() == 0
    assert page.locator("mjx-merror").count() == 0
    assert page.locator("mjx-container:not(:has(mjx-assistive-mml))").count() == 0
    assert violations(page) == []


def test_dark_accessible(site, visit, address):
    page = visit(site + address, dark=True)
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert violations(page, runOnly=["color-contrast", "link-in-text-block"]) == []  # the modes differ in colours alone


def test_phone_without_sideways_scrolling(site, visit, address):
    page = visit(site + address, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_from_disk(disk, visit, address):
    if address == "search.html":
        pytest.skip("a browser lets no page on disk read others, which the search's excerpts need")
    page = visit(disk + address)
    assert leaving(page) == page.failed == page.complaints == []


@cache
def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path) -> set[str]:
    named = parsed(path).find_all("a", attrs={"name": True})
    return {element["id"] for element in parsed(path).find_all(id=True)} | {element["name"] for element in named}


def test_links_anchors_downloads_and_images_resolve(address):
    path = HTML / address
    lost = []
    for element in parsed(path).find_all(["a", "img", "link", "script", "source", "iframe", "object"]):
        for attribute in ("href", "src", "data"):
            link = element.get(attribute)
            if link is None or urlsplit(link).scheme or link.startswith("//"):
                continue
            if "explorer" in address and link.startswith("#n"):
                continue  # a setting, not a place
            target, fragment = urldefrag(link)
            target = path if not target else path.parent / unquote(target.split("?")[0])
            target = target / "index.html" if target.is_dir() else target
            if not is_ours(target):
                lost.append(link)
            elif fragment and target.suffix == ".html" and unquote(fragment) not in anchors(target):
                lost.append(f"{link} (no such anchor)")
    assert lost == []


def test_figures_have_captions_and_words_for_those_who_cannot_see_them(address):
    wanting = []
    for image in parsed(HTML / address).select("main img, main canvas, main svg[role=img]"):
        figure = image.find_parent("figure")
        caption = figure.find("figcaption") if figure else None
        words = image.get("alt") or image.get("aria-label") or ""
        if len(words) < 20 or caption is None or not caption.get_text(strip=True):
            wanting.append(str(image)[:120])
    assert wanting == []


def test_search_finds_the_width_floor(site, visit):
    page = visit(site + "search.html?q=width+floor")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a[href*='02_width_floor']").count() >= 1


def test_the_address_alone_opens_the_book(site, browser):
    page = browser.new_page()
    page.goto(site)
    page.wait_for_url("**/book/intro.html")
    page.close()


def test_mathjax_is_what_pages_use_and_no_more():
    size = sum(path.stat().st_size for path in (HTML / "_static" / "mathjax").rglob("*") if path.is_file())
    assert size < 2e6


@pytest.mark.parametrize("width", [1300, 390])
@pytest.mark.parametrize("claim", ["lemma10", "thm1.stated", "fig6", "table1"])
def test_a_verdict_leads_onto_its_card(site, visit, claim, width):
    """Two clicks at most, and what the reader then sees is the card: pages change their height while they load."""
    page = visit(site + "book/intro.html", width=width)
    anchor = f"claim-{claim.replace('.', '-')}"
    link = page.locator(f'a[href$="#{anchor}"]').first
    page.goto(site + urlsplit(link.evaluate("link => link.href")).path.lstrip("/") + f"#{anchor}")
    page.wait_for_timeout(4500)
    assert 0 <= page.locator(f"#{anchor}").bounding_box()["y"] <= 300


def test_a_reader_who_has_moved_is_left_where_he_is(site, visit):
    page = visit(site + "notebooks/09_lemmas.html")
    page.goto(site + "notebooks/09_lemmas.html#claim-lemma10", wait_until="commit")
    page.mouse.move(600, 400)
    page.mouse.wheel(0, -200)
    page.wait_for_timeout(4500)
    moved = page.evaluate("scrollY")
    page.evaluate("document.body.style.paddingBottom = '10px'")
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") == moved
