"""Every page: offline, without errors, readable by everyone, at every width; and every link leads somewhere."""

import io
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from built import FRAMES, HTML, is_ours, leaving, parsed
from PIL import Image

# What the theme brings and nothing of ours can mend: (rule, part of the element's selector, reason). Nothing at present:
# book/_ext/finish.py and book/_static/mended.css mend what it gets wrong.
KNOWN = []
DRAWN = "!document.querySelector('main [aria-busy=true]')"
# For half a second nothing has arrived. (Playwright's own "networkidle" waits for ever for a request that was given up.)
ARRIVED = (
    "performance.now() > 500 + Math.max(0, ...performance.getEntriesByType('resource').map((one) => one.responseEnd))"
)
FIGURES = "main figure img, main div.cell_output img"
# Least size of words in figures, in pixels of the screen.
LABELS, TICKS = 11, 9
SIZES = """() => Promise.all([...document.querySelectorAll("main figure img")].map(async (image) => {
    await image.decode();
    return [image.closest("figure").id, image.getBoundingClientRect().width / image.naturalWidth, image.currentSrc];
}))"""
# Of the SVG, which carries the least size of its words.
WORDS = re.compile(r'data-labels="([\d.]+|inf)"[^>]*data-ticks="([\d.]+|inf)"')  # inf where there is none
PLACES = """(figures) => Promise.all([...document.querySelectorAll(figures)].map(async (image) => {
    await image.decode();
    const { left, top, right, bottom } = image.getBoundingClientRect();
    return [image.alt, left + scrollX, top + scrollY, right + scrollX, bottom + scrollY].map((x) => x.toFixed ? Math.round(x) : x);
}))"""
# Equations are left to MathJax, what it shows is for the eye alone, beside it stands MathML for everyone else. They are
# emptied for the while: what axe-core is told to leave out costs it seconds all the same.
EMPTY = """() => {
    const equations = [...document.querySelectorAll("mjx-container")].map((one) => [one, [...one.childNodes]]);
    for (const [one] of equations) one.replaceChildren();
    window.refill = () => { for (const [one, parts] of equations) one.replaceChildren(...parts); };
}"""
EQUATIONS = {"exclude": [["mjx-container"]]}
# Words of one look have one contrast. To judge every word's takes axe-core nine tenths of its time, so its rules about
# colors are given five of each look, from all over the page: own color and size, the color around, what they are painted
# on, what may take them out of sight.
COLORS = ["color-contrast", "link-in-text-block"]
LOOKS = """() => {
    const BELOW = ["backgroundColor", "backgroundImage", "opacity", "filter", "mixBlendMode", "position", "transform", "clip", "clipPath"];
    const plain = getComputedStyle(document.head), places = new Map([[null, ""]]), looks = new Map();
    const place = (element) => {
        if (!places.has(element)) {
            const style = getComputedStyle(element), own = BELOW.filter((name) => style[name] !== plain[name]).map((name) => name + style[name]);
            const out = element.matches("[aria-hidden=true], [aria-disabled=true], :disabled, [inert]");
            places.set(element, place(element.parentElement) + own.join() + (out ? "out" : ""));
        }
        return places.get(element);
    };
    for (const element of document.body.querySelectorAll("*")) {
        const words = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data.trim()).join("");
        if (words.length < 2 && !element.matches("a, input, select, textarea")) continue;  // it finds no fault with single characters
        const { color, fontSize, fontWeight, textShadow, textDecorationLine } = getComputedStyle(element);
        const around = getComputedStyle(element.parentElement).color, seen = element.checkVisibility({ visibilityProperty: true });
        const look = [element.matches("a"), color, fontSize, fontWeight, textShadow, textDecorationLine, around, seen, place(element)].join();
        if (!looks.has(look)) looks.set(look, []);
        looks.get(look).push(element);
    }
    for (const alike of looks.values())
        for (const share of [0, 0.25, 0.5, 0.75, 1]) alike[Math.round(share * (alike.length - 1))].setAttribute("data-look", "");
}"""


SEARCHED = {
    "width floor": "02_width_floor.html#", "rank collapse": "02_width_floor.html#",
    "Theorem 1": "01_orthogonalization_rate.html#", "Figure 6": "05_activations.html#",
}  # fmt: skip


def violations(page, *, colors=False) -> list[str]:
    """What axe-core finds beyond :data:`KNOWN`, an element a line; of ``colors`` alone, or of everything."""
    page.evaluate(EMPTY)
    page.evaluate(LOOKS)
    runs = [({"include": [["[data-look]"]]}, {"runOnly": COLORS})]
    if not colors:
        runs.append((EQUATIONS, {"rules": {rule: {"enabled": False} for rule in COLORS}}))
    # To describe what is in order takes it longer than to find it; and no rule that runs asks it to fetch style sheets again.
    few = {"resultTypes": ["violations"], "preload": False}
    found = [rule for where, what in runs for rule in Axe().run(page, where, what | few).response["violations"]]
    page.evaluate("refill()")
    nodes = [(rule["id"], " ".join(map(str, node["target"])), node) for rule in found for node in rule["nodes"]]
    return [
        f"{rule}: {where}: {node['failureSummary']}"
        for rule, where, node in nodes
        if not any(rule == known and part in where for known, part, _ in KNOWN)
    ]


def test_light_offline_without_errors_and_accessible(opened, address):
    page = opened(address)
    page.wait_for_function(DRAWN)
    found = violations(page)
    page.wait_for_function(ARRIVED)
    assert leaving(page) == []
    assert page.failed == []
    assert page.complaints == []
    # Equations are typeset, none in error.
    assert page.locator(".math:not(:has(mjx-container)):not(mjx-container *)").count() == 0
    assert page.locator("mjx-merror").count() == 0
    assert page.locator("mjx-container:not(:has(mjx-assistive-mml))").count() == 0
    assert found == []


def test_on_a_phone_nothing_is_cut_off_and_nothing_scrolls_sideways(opened, address):
    page = opened(address, width=390)
    page.wait_for_function(DRAWN)
    page.evaluate(FRAMES)  # tables and formulas are fitted as soon as the width has changed
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cut = page.evaluate(
        """() => [...document.querySelectorAll("main table, main div.highlight pre")]
            .filter((part) => part.offsetParent && !part.closest("mjx-container"))
            .filter((part) => part.getBoundingClientRect().right > innerWidth || part.scrollWidth > part.clientWidth + 1)
            .map((part) => part.textContent.trim().slice(0, 60))"""
    )
    assert cut == []


def test_dark_accessible(opened, address):
    page = opened(address, dark=True)
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert violations(page, colors=True) == []  # the modes differ in nothing else


def test_print_is_light_in_dark_mode_too(opened, address, figures):
    if not figures:
        return
    page = opened(address, dark=True)
    page.emulate_media(media="print")
    style = "image => { const style = getComputedStyle(image); return [style.filter, style.mixBlendMode] }"
    assert all(figure.evaluate(style) == ["none", "normal"] for figure in page.locator(FIGURES).all())


def test_figures_are_on_the_dark_page_itself(opened, address, figures):
    if not figures:
        return
    page = opened(address, dark=True)
    alone = page.add_style_tag(
        content="body :not(:has(img), img) { display: none !important }"
    )  # one small picture has all
    places = page.evaluate(PLACES, FIGURES)
    shown = np.asarray(Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")).astype(int)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    alone.evaluate("style => style.remove()")
    assert len(places) >= len(figures)
    for words, x, y, right, bottom in places:
        figure = shown[y:bottom, x:right]
        for corner in (figure[2, 2], figure[2, -3], figure[-3, 2], figure[-3, -3]):
            assert np.abs(corner - ground).max() <= 3, words
        assert figure.max() > 180, words  # axes and words are light


def test_words_in_figures_can_be_read(opened, address, figures):
    if not figures:
        return
    small = []
    for width in (1400, 1200, 768, 390):
        page = opened(address, dark=True, width=width)
        page.evaluate(FRAMES)
        for name, scale, source in page.evaluate(SIZES):
            found = WORDS.search(read(Path(unquote(urlsplit(source).path))))
            assert found, f"{name} was not drawn by utils.plotting"
            labels, ticks = (float(size) * scale for size in found.groups())
            if labels < LABELS or ticks < TICKS:
                small.append(f"{name} at {width}: labels {labels:.1f}, ticks {ticks:.1f}")
    assert small == []


def test_from_disk(opened, address):
    if address == "search.html":
        pytest.skip("a browser lets no page on disk read others, which the search's excerpts need")
    page = opened(address, dark=True)
    page.wait_for_function(ARRIVED)
    assert page.url.startswith("file:")
    assert leaving(page) == page.failed == page.complaints == []


@cache
def read(path):
    return path.read_text(encoding="utf-8")


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
            if address in ("book/explorer.html", "book/trainer.html") and link.startswith(("#n", "#depth")):
                continue  # a setting, not a place
            target, fragment = urldefrag(link)
            target = path if not target else path.parent / unquote(target.split("?")[0])
            target = target / "index.html" if target.is_dir() else target
            if not is_ours(target):
                lost.append(link)
            elif fragment and target.suffix == ".html" and unquote(fragment) not in anchors(target):
                lost.append(f"{link} (no such anchor)")
    assert lost == []


def test_a_figure_is_called_by_the_number_it_has(address):
    for link in parsed(HTML / address).select("main a[href*='#fig-']"):
        page, name = urldefrag(link["href"])
        figure = parsed((HTML / address).parent / page if page else HTML / address).find(id=name)
        number = figure.select_one(".caption-number")
        called = re.fullmatch(r"Figure [\d.]+", link.get_text(strip=True))
        assert not called or (number and number.get_text(strip=True) == called[0]), link


def test_figures_have_captions_and_words_for_those_who_cannot_see_them(address):
    wanting = []
    for image in parsed(HTML / address).select("main img, main canvas, main svg[role=img]"):
        figure = image.find_parent("figure")
        caption = figure.find("figcaption") if figure else None
        words = image.get("alt") or image.get("aria-label") or ""
        if len(words) < 20 or caption is None or not caption.get_text(strip=True):
            wanting.append(str(image)[:120])
    assert wanting == []


@pytest.mark.parametrize("asked, found", SEARCHED.items())
def test_search_finds_what_is_asked_for_first_on_its_own_page(site, visit, asked, found):
    page = visit(f"{site}search.html?q={asked.replace(' ', '+')}")
    page.wait_for_selector("#search-results li p")
    assert page.locator("#search-results li > a").first.get_attribute("href").startswith(f"notebooks/{found}")
    texts = page.locator("#search-results").all_inner_texts()
    assert not {"\\(", "\\["} & {part for text in texts for part in text.split()}, "no raw LaTeX"


def test_one_button_shows_all_code_and_the_choice_is_kept(site, visit):
    page = visit(site + "notebooks/02_width_floor.html", typeset=False)
    code = page.locator(".cell:not(.tag_parameters) .cell_input .highlight")
    assert not any(one.is_visible() for one in code.all())
    page.get_by_role("button", name="Show code").click()
    page.goto(site + "notebooks/03_gaussian_contraction.html")
    assert code.count() and all(one.is_visible() for one in code.all())
    page.get_by_role("button", name="Hide code").click()
    assert not any(one.is_visible() for one in code.all())


def test_a_reader_sees_a_figure_before_the_knobs(address):
    page = parsed(HTML / address)
    if knobs := page.select_one(".tag_parameters"):
        assert knobs.find_previous("figure") is not None


def test_the_first_use_of_a_word_leads_to_the_glossary(address):
    links = [link["href"] for link in parsed(HTML / address).select("main a.term")]
    assert len(links) == len(set(links)), "each once"
    assert links or not address.startswith("notebooks/")


def test_the_address_alone_opens_the_book(site, browser):
    page = browser.new_page()
    page.goto(site)
    page.wait_for_url("**/book/intro.html")
    page.close()


def test_mathjax_is_what_pages_use_and_no_more():
    size = sum(path.stat().st_size for path in (HTML / "_static" / "mathjax").rglob("*") if path.is_file())
    assert size < 2e6


def test_a_verdict_leads_onto_its_card(site, visit):
    """One click, and what the reader then sees is the card: pages change their height while they load."""
    claims = "book/claims.html"
    cards = [f"claim-{claim}" for claim in ("lemma10", "thm1-stated", "fig6", "table1")]
    links = [parsed(HTML / claims).select_one(f'a[href$="#{card}"]')["href"] for card in cards]
    seen = {
        (card, width): visit(urljoin(site + claims, link), width=width)
        for card, link in zip(cards, links, strict=True)
        for width in (1300, 390)
    }
    list(seen.values())[-1].wait_for_timeout(4500)
    found = {(card, width): page.locator(f"#{card}").bounding_box()["y"] for (card, width), page in seen.items()}
    assert {where: y for where, y in found.items() if not 0 <= y <= 300} == {}


def test_nothing_changes_its_size_when_a_page_is_scrolled(site, visit):
    """The theme marks a page that is scrolled; a style of ours by that name once made all text smaller, under the pointer."""
    page = visit(site + "book/method.html")
    size = "JSON.stringify([...document.querySelectorAll('main p, main li')].map((part) => part.offsetHeight))"
    before = page.evaluate(size)
    page.mouse.wheel(0, 1000)
    page.wait_for_selector("body.scrolled")
    assert page.evaluate(size) == before


def test_no_button_comes_over_the_words_of_a_phone_that_scrolls_back(site, visit):
    page = visit(site + "notebooks/01_orthogonalization_rate.html", width=390, typeset=False)
    page.mouse.wheel(0, 4000)
    page.wait_for_function("scrollY > 2000")
    page.mouse.wheel(0, -300)
    page.wait_for_function("document.querySelector('#pst-back-to-top').style.display == 'block'")
    assert not page.locator("#pst-back-to-top").is_visible()


def test_a_reader_who_has_moved_is_left_where_he_is(site, visit):
    """Before three seconds have passed, in which what is laid out late brings one who has not moved back to the target."""
    page = visit(site + "notebooks/09_lemmas.html#claim-lemma10")
    page.evaluate(FRAMES)
    landed = page.evaluate("scrollY")
    page.mouse.move(600, 400)
    page.mouse.wheel(0, -200)
    page.wait_for_function(f"scrollY < {landed} - 100")
    page.evaluate(FRAMES)
    moved = page.evaluate("scrollY")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p>late</p>')")
    page.evaluate(FRAMES)
    assert page.evaluate("scrollY") == moved
