"""The whole book on one page, as it goes to print."""

import pytest
from bs4 import BeautifulSoup

from utils import pdf

PAGE = """<html><head><title>{name}</title><link rel="stylesheet" href="../_static/look.css"><script src="x.js"></script></head>
<body><div id="pst-primary-sidebar"><nav><a href="#">One</a><a href="two.html">Two</a><a href="two.html#part">Part</a></nav></div>
<article class="bd-article"><h1 id="top">{name}</h1>{body}</article></body></html>"""
ONE = """<p id="pdf"></p><a href="two.html#part">there</a><a href="two.html">page</a><a href="#top">here</a><img src="../_images/a.svg">
<a href="https://example.org/">away</a><details><p>shown</p></details><details class="hide"><p>folded code</p></details>
<table><tr><td><details><summary>2 controls; details</summary><p>card</p></details></td></tr></table>"""


@pytest.fixture
def html(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "index.html").write_text('<meta http-equiv="Refresh" content="0; url=book/one.html" />')
    (tmp_path / "book" / "one.html").write_text(PAGE.format(name="One", body=ONE))
    (tmp_path / "book" / "two.html").write_text(PAGE.format(name="Two", body='<h2 id="part">Part</h2>'))
    return tmp_path


@pytest.fixture
def page(html):
    return BeautifulSoup(pdf.one_page(html), "html.parser")


def test_pages_come_in_the_order_of_the_table_of_contents(html, page):
    assert pdf.pages(html) == ["book/one.html", "book/two.html"]
    assert [h1.text for h1 in page.select("article h1")] == ["One", "Two"]


def test_links_between_pages_lead_within_the_one_page(page):
    links = [link["href"] for link in page.select("article a")]
    assert links == ["#book-two--part", "#book-two", "#book-one--top", "https://example.org/"]
    ids = [element["id"] for element in page.select("article, article [id]")]
    assert len(ids) == len(set(ids)) and {link[1:] for link in links if link[0] == "#"} <= set(ids)


def test_pictures_and_styles_are_found_from_where_the_page_is(page):
    assert page.img["src"] == "_images/a.svg" and page.link["href"] == "_static/look.css"


def test_what_is_folded_for_its_length_is_shown_and_what_is_elsewhere_or_for_a_screen_is_not(page):
    assert page.select_one("article > details").has_attr("open")
    assert page.td.text == "2 controls"
    assert "folded code" not in page.text and page.select("script") == []


def test_a_print_that_fails_leaves_nothing(html, monkeypatch):
    def fail(browser, whole, into):
        into.write_bytes(b"half")
        raise RuntimeError

    before = {path: path.read_bytes() for path in html.rglob("*.*") if path.is_file()}
    monkeypatch.setattr(pdf, "HTML", html)
    monkeypatch.setenv("CHROMIUM", "chromium")
    monkeypatch.setattr(pdf, "_print", fail)
    with pytest.raises(RuntimeError):
        pdf.main()
    assert {path: path.read_bytes() for path in html.rglob("*.*") if path.is_file()} == before


def test_without_a_book_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pdf, "HTML", tmp_path)
    assert pdf.main() == 2 and "run `make book` first" in capsys.readouterr().err
