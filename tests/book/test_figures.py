"""Figures: words that can be read on every screen, the picture larger at a click, the data beside it."""

import re
from urllib.parse import unquote

import pandas as pd
import pytest
from built import HTML


def test_no_words_in_figures_touch_or_are_cut_off():
    pictures = [*HTML.glob("_images/*.svg"), *HTML.glob("_static/figures/*.svg")]
    found = {path.name: re.search(r'data-collisions="[^"]*"', path.read_text(encoding="utf-8")) for path in pictures}
    assert pictures and {name: match[0] for name, match in found.items() if match} == {}


def test_the_data_of_every_figure_is_one_click_away(address, figures):
    for figure in figures:
        link = figure.select_one("figcaption a.figure-data")
        data = pd.read_csv((HTML / address).parent / unquote(link["href"]))
        assert {"panel", "series", "x", "y"} <= set(data) and len(data) > 1, figure["id"]


@pytest.mark.parametrize("width", [1400, 390])
def test_a_click_enlarges_a_figure_and_escape_closes_it(site, visit, width):
    page = visit(site + "notebooks/04_sgd_speedup.html", width=width, typeset=False)
    link = page.locator("#fig-what-works a.full-size")
    on_page = link.locator("img").bounding_box()["width"]
    link.click()
    dialog = page.locator("dialog.enlarged")
    assert dialog.locator("img").bounding_box()["width"] > 1.4 * on_page
    assert dialog.locator("figcaption").inner_text().startswith("Figure 4.1")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")  # it goes at its close event, a moment after the key
    assert dialog.count() == 0


def test_the_keyboard_alone_enlarges_a_figure(site, visit):
    page = visit(site + "notebooks/04_sgd_speedup.html", typeset=False)
    link = page.locator("#fig-what-works a.full-size")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.enlarged img")
    page.keyboard.press("Enter")  # the first thing in it that takes the focus is the button that closes it
    page.wait_for_selector("dialog.enlarged", state="detached")
    assert link.evaluate("link => link === document.activeElement")
    assert page.failed == [] and page.complaints == []


def test_an_enlarged_figure_is_dark_on_a_dark_page(site, visit):
    page = visit(site + "notebooks/04_sgd_speedup.html", dark=True, typeset=False)
    page.locator("#fig-what-works a.full-size").click()
    assert "invert" in page.locator("dialog.enlarged img").evaluate("image => getComputedStyle(image).filter")
