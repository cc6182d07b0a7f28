"""What a style sheet decides and a reader would miss: figures in dark mode and in print, tables and code on a phone."""

import io

import numpy as np
import pytest
from bs4 import BeautifulSoup
from built import HTML
from PIL import Image

FIGURES = "main figure img, main div.cell_output img"


def pixels(element):
    """What of an element is on the screen, as an array (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB")).astype(int)


def test_figures_stand_on_the_dark_page_itself(site, visit, address):
    page = visit(site + address, dark=True)
    page.wait_for_load_state("networkidle")
    page.add_style_tag(content=".bd-header-article, .bd-header { display: none !important }")  # it would lie on top
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    for figure in page.locator(FIGURES).all():
        figure.scroll_into_view_if_needed()
        page.wait_for_timeout(200)  # what lies above may still grow
        shown = pixels(figure)
        for corner in (shown[2, 2], shown[2, -3], shown[-3, 2], shown[-3, -3]):
            assert np.abs(corner - ground).max() <= 3, figure.get_attribute("alt")
        assert shown.max() > 180  # axes and words are light


def test_print_is_light_in_dark_mode_too(site, visit, address):
    page = visit(site + address, dark=True)
    page.emulate_media(media="print")
    style = "image => { const style = getComputedStyle(image); return [style.filter, style.mixBlendMode] }"
    assert all(figure.evaluate(style) == ["none", "normal"] for figure in page.locator(FIGURES).all())


def test_tables_and_code_end_where_a_phone_does(site, visit, address):
    page = visit(site + address, width=390)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)  # tables are fitted once equations are typeset
    cut = page.evaluate(
        """() => [...document.querySelectorAll("main table, main div.highlight pre")]
            .filter((part) => part.offsetParent && !part.closest("mjx-container"))
            .filter((part) => part.getBoundingClientRect().right > innerWidth || part.scrollWidth > part.clientWidth + 1)
            .map((part) => part.textContent.trim().slice(0, 60))"""
    )
    assert cut == []


def test_a_table_that_became_a_list_says_what_each_entry_is(site, visit):
    page = visit(site + "notebooks/10_errata.html", width=390)
    page.wait_for_selector("table.stacked")
    entry = page.locator("table.stacked tbody tr").first.locator("td").nth(1)
    assert entry.get_attribute("data-label") == "where" and entry.get_attribute("role") == "cell"
    assert "where" in entry.evaluate("cell => getComputedStyle(cell, '::before').content")
    wide = visit(site + "notebooks/10_errata.html", width=1300)
    wide.wait_for_timeout(500)
    assert wide.locator("table.stacked").count() == 0


CUT_OFF = """[...document.querySelectorAll("main span.math")].filter((one) =>
    one.firstElementChild.getBoundingClientRect().width > one.closest("p, li, td, dd, figcaption, section").clientWidth + 1
    && getComputedStyle(one).overflowX !== "auto").map((one) => one.textContent)"""


@pytest.mark.parametrize("page", ["01_orthogonalization_rate", "03_gaussian_contraction"])
def test_no_formula_is_cut_off_on_a_phone(site, visit, page):
    """In these pages' theorems stand formulae wider than a small phone: each has a scroll bar of its own."""
    page = visit(f"{site}notebooks/{page}.html", width=320)
    page.wait_for_selector("span.math.wide[tabindex='0']")
    assert page.evaluate(CUT_OFF) == []


def test_every_figure_leads_to_itself_in_full_size(address):
    page = BeautifulSoup((HTML / address).read_text(encoding="utf-8"), "html.parser")
    for image in page.select("main img[src*='_images']"):
        assert image.find_parent("a", class_="full-size")["href"] == image["src"], image
