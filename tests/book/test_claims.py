"""The claims page's filter as a reader uses it."""

CLAIMS = "book/claims.html"
ROWS = "tr[data-verdict]:not([hidden])"


def narrowed(page, text):
    """Ids of the rows that are left when the field holds ``text``."""
    page.locator("#ledger-text").fill(text)
    return page.locator(ROWS).evaluate_all("rows => rows.map(row => row.id)")


TYPED = {
    "n^2": "n²", "lambda": "λ", "sqrt": "√", "sqrt(d)": "√d", "d^(-1/2)": "d−1/2", "sigma_min": "σmin",
    "pi/(pi-1)": "π/(π−1)", "WIDTH LIMIT": "width limit", "mean-centring": "mean-centering",
    "initialization": "initialization",
}  # fmt: skip


def test_what_any_keyboard_has_finds_the_symbols(site, visit):
    page = visit(site + CLAIMS)
    everything = page.locator("main").inner_text()
    for typed, symbols in TYPED.items():
        found = set(narrowed(page, typed))
        # Brackets that words do not need are no obstacle, so there may be more.
        assert found >= set(narrowed(page, symbols)), typed
        assert found or symbols not in everything, typed


def test_brackets_count_as_they_are_typed_and_nothing_found_is_said_and_undone(site, visit):
    page = visit(site + CLAIMS)
    everything = len(narrowed(page, ""))
    assert 0 < len(narrowed(page, "O(")) < everything
    none = page.locator("#ledger-none")
    assert none.is_hidden()
    assert narrowed(page, "no such words") == []
    assert none.is_visible() and "No row has all of this" in none.inner_text()
    assert page.locator("#the-paper").is_hidden()
    assert page.locator("#ledger-count").inner_text().startswith("0 of ")
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === {everything}")
    assert none.is_hidden()
