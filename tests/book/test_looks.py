"""What a style sheet decides and a reader would miss: tables and formulas on a phone, figures in full size."""

import pytest
from built import FRAMES, HTML, parsed


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


LEFT_ALONE = """[...document.querySelectorAll("main span.math:not(.wide)")].filter((one) => {
    if (!/^[.,;:)]/.test(one.nextSibling?.data ?? "")) return false;
    const mark = new Range();
    mark.setStart(one.nextSibling, 0);
    mark.setEnd(one.nextSibling, 1);
    return mark.getBoundingClientRect().left < one.getBoundingClientRect().left;
}).map((one) => one.parentElement.textContent)"""


# Of each formula on a line of its own: whether it goes on beyond the screen, and whether it fades there.
FADING = """[...document.querySelectorAll("div.math > mjx-container")].map((one) =>
    [one.scrollWidth > one.clientWidth + 1, getComputedStyle(one).maskImage !== "none"])"""


def test_no_line_begins_with_a_full_stop_and_what_goes_on_beyond_the_screen_fades(site, visit):
    page = visit(site + "book/proofs.html", width=390)
    assert page.evaluate(LEFT_ALONE) == []
    page.evaluate(FRAMES)  # fading follows the scroll, a frame at a time
    formulas = page.evaluate(FADING)
    assert all(beyond == fades for beyond, fades in formulas) and {beyond for beyond, _ in formulas} == {True, False}
    page.evaluate("for (const one of document.querySelectorAll('div.math > mjx-container')) one.scrollLeft = 1e4")
    page.evaluate(FRAMES)
    assert not any(fades for _, fades in page.evaluate(FADING))


def test_every_figure_leads_to_itself_in_full_size(address):
    for image in parsed(HTML / address).select("main img[src*='_images']"):
        assert image.find_parent("a", class_="full-size")["href"] == image["src"], image
