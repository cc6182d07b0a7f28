"""Buttons that open a page's notebook elsewhere: where the book was built with an address, and only there."""

import pytest
import yaml
from built import HTML, parsed
from test_pages import violations

from utils.pipeline import publish

SETTINGS = yaml.safe_load((HTML.parent / "stage" / "_config.yml").read_text(encoding="utf-8"))
ADDRESS = SETTINGS["repository"]["url"]


def test_notebooks_have_buttons_if_the_book_has_an_address(address):
    path = address.removesuffix(".html") + ".ipynb"
    wanted = []
    if ADDRESS:
        wanted.append(ADDRESS)
    if ADDRESS and path.startswith("notebooks/"):
        there = f"{ADDRESS.removeprefix('https://github.com/')}"
        wanted.append(f"https://mybinder.org/v2/gh/{there}/{publish.BRANCH}?urlpath=lab/tree/{path}")
        wanted.append(f"https://colab.research.google.com/github/{there}/blob/{publish.BRANCH}/{path}")
    links = parsed(HTML / address).select(".article-header-buttons a[href^=http]")
    assert sorted(link["href"] for link in links) == sorted(wanted)


@pytest.mark.parametrize("dark", [False, True])
def test_the_buttons_open_by_keyboard_and_are_accessible(site, visit, dark):
    if not ADDRESS:
        pytest.skip("the book was built without an address")
    page = visit(site + "notebooks/11_checking_the_checks.html", dark=dark)
    page.locator(".dropdown-launch-buttons button").focus()
    page.keyboard.press("Enter")
    assert page.locator(".dropdown-launch-buttons").get_by_text("Binder").is_visible()
    assert page.locator(".dropdown-launch-buttons").get_by_text("Colab").is_visible()
    assert violations(page) == []
