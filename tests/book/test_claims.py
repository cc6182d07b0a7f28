"""The claims page's filter as a reader uses it."""

import pytest

CLAIMS = "book/claims.html"
ROWS = "tr[data-verdict]:not([hidden])"


def narrowed(page, text):
    """Ids of the rows that are left when the field holds ``text``."""
    page.locator("#ledger-text").fill(text)
    return page.locator(ROWS).evaluate_all("rows => rows.map(row => row.id)")


@pytest.mark.parametrize(
    ("typed", "symbols"),
    [
        ("n^2", "n²"),
        ("lambda", "λ"),
        ("sqrt", "√"),
        ("sqrt(d)", "√d"),
        ("d^(-1/2)", "d−1/2"),
        ("sigma_min", "σmin"),
        ("pi/(pi-1)", "π/(π−1)"),
        ("WIDTH LIMIT", "width limit"),
        ("mean-centering", "mean-centring"),
        ("initialization", "initialisation"),
    ],
)
def test_what_any_keyboard_has_finds_the_symbols(site, visit, typed, symbols):
    page = visit(site + CLAIMS)
    found = set(narrowed(page, typed))
    # Brackets that words do not need are no obstacle, so there may be more.
    assert found >= set(narrowed(page, symbols))
    if symbols in page.locator("main").inner_text():
        assert found


def test_brackets_count_as_they_are_typed(site, visit):
    page = visit(site + CLAIMS)
    some = narrowed(page, "O(")
    assert some and len(some) < len(narrowed(page, ""))


def test_nothing_found_is_said_and_undone(site, visit):
    page = visit(site + CLAIMS)
    everything = len(narrowed(page, ""))
    none = page.locator("#ledger-none")
    assert everything and none.is_hidden()
    assert narrowed(page, "no such words") == []
    assert none.is_visible() and "No row has all of this" in none.inner_text()
    assert page.locator("#the-paper").is_hidden()
    assert page.locator("#ledger-count").inner_text().startswith("0 of ")
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === {everything}")
    assert none.is_hidden()
