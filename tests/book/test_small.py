"""The small explorers inside pages: what each draws and says, beside Python's theory; from disk, on a phone, by keys, on paper.

The tests of one explorer share a page, which comes from disk.
"""

import re

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from built import FRAMES, HTML, leaving, parsed

from utils import theory
from utils.metrics import orthogonality_gap
from utils.networks.data import batches
from utils.seeding import generator_for

PAGES = {
    "gap": "01_orthogonalization_rate", "spectrum": "02_width_floor", "training": "04_sgd_speedup", "overflow": "08_the_price",
}  # fmt: skip
NAMES = [pytest.param(name, marks=pytest.mark.xdist_group(f"small {name}")) for name in PAGES]
# What is drawn in color, and so is no axis.
COLORS = {"gap": (0, 114, 178), "spectrum": (0, 114, 178), "overflow": (153, 79, 0)}
PIXELS = """(canvas, [r, g, b]) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) found += Math.hypot(data[i] - r, data[i + 1] - g, data[i + 2] - b) < 30 && data[i + 3] > 200;
    return found;
}"""


class Small:
    """A page's small explorer."""

    def __init__(self, page, name):
        self.page, self.name = page, name
        self.place = page.locator(f".explore[data-explore={name}]")

    def part(self, name):
        return self.place.locator(f"[data-part={name}]")

    def ready(self):
        self.page.wait_for_selector(f"#explore-{self.name}[aria-busy=false]", timeout=60_000)
        return self.part("summary").inner_text()

    def set(self, **values):
        """Type values; the sentence that comes of it."""
        for name, value in values.items():
            if name == "format":
                self.part(name).select_option(value)
            else:
                self.part(name).fill(str(value))
                self.part(name).press("Enter")
        return self.ready()


@pytest.fixture(scope="module")
def small(load, disk):
    """``small(name)``: a small explorer, on a page that has not been scrolled before."""
    kept = {}

    def small(name):
        if name not in kept:
            page = load(f"{disk}notebooks/{PAGES[name]}.html")
            kept[name] = Small(page, name)
            kept[name].fetched_before = [url for url in page.requested if "explore-small" in url or "uPlot" in url]
            kept[name].place.scroll_into_view_if_needed()
            kept[name].ready()
        return kept[name]

    yield small
    for one in kept.values():
        one.page.context.close()


def numbers(pattern, words):
    """What a pattern finds in a sentence, as numbers."""
    found = re.search(pattern, words)
    assert found, f"{pattern} in {words}"
    return [float(x.replace(",", "").rstrip(".")) for x in found.groups()]


def rounded(x):
    """As pages show it: to three digits."""
    return pytest.approx(x, rel=6e-3)


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_when_it_is_near_and_draws_without_a_complaint(small, name):
    one = small(name)
    assert one.fetched_before == [], "nothing is fetched before"
    assert leaving(one.page) == one.page.failed == one.page.complaints == []
    canvas = one.part("picture").locator("canvas")
    assert canvas.get_attribute("role") == "img" and len(canvas.get_attribute("aria-label")) > 40
    if name in COLORS:
        assert canvas.evaluate(PIXELS, COLORS[name]) > 100
    assert not one.place.locator("> p").is_visible()
    assert Axe().run(one.page, context=f"#explore-{name}").response["violations"] == []


@pytest.mark.parametrize("n, d", [(4, 1000), (32, 32), (2, 100_000)])
@pytest.mark.xdist_group("small gap")
def test_the_gap_says_pythons_floor_and_rate(small, n, d):
    one = small("gap")
    words = one.set(n=n, d=d)
    pattern = r"of (\d+) samples goes from ([\d.]+) to .* of width ([\d,]+).*: ([\d.]+) times the floor, ([\d.]+)\. .* = ([\d.]+) of"
    samples, start, width, ratio, floor, rate = numbers(pattern, words)
    (images,) = batches("digits", size=32, count=1, generator=generator_for("explorer", "digits"))
    assert (samples, width) == (n, d)
    assert start == rounded(float(orthogonality_gap(images[:, :n])))
    assert (floor, rate) == (rounded(theory.gap_floor(n, d)), rounded(theory.local_rate(n)))
    assert d == n or 0.5 < ratio < 2, "where the floor's formula is no guide it is not held to it"
    assert one.part("bound").is_visible() == (n == 2), "Theorem 1 is vacuous elsewhere"


@pytest.mark.parametrize("n, share, d", [(16, 1, 256), (32, 0.03125, 32), (4, 8, 128)])
@pytest.mark.xdist_group("small spectrum")
def test_the_spectrum_says_pythons_critical_width_rank_edges_and_floor(small, n, share, d):
    words = small("spectrum").set(n=n, share=share)
    assert numbers(r"^(\d+) samples, width ([\d,]+): c = n²/\(4d\) = ([\d.]+)", words) == [n, d, rounded(n**2 / 4 / d)]
    assert numbers(r"about ([\d.]+)", words) == [rounded(theory.critical_width(n))]
    if d < theory.critical_width(n):
        assert numbers(r"(\d+) of (\d+) dimensions survive", words) == [theory.surviving_rank(n, d), n]
        return
    edges = [rounded(x) for x in theory.marchenko_pastur_edges(theory.spectral_ratio(n, d))]
    low, high, gap, floor = numbers(
        r"between ([\d.]+) and ([\d.]+)\. .* at ([\d.]+), where its floor is ([\d.]+)", words
    )
    assert ([low, high], floor) == (edges, rounded(theory.gap_floor(n, d)))
    assert gap == pytest.approx(floor, rel=0.15)


@pytest.mark.parametrize("n, dtype", [(8, "float32"), (4, "float16"), (32, "float64"), (6, "bfloat16")])
@pytest.mark.xdist_group("small overflow")
def test_the_overflow_says_pythons_growths_and_depths(small, n, dtype):
    words = small("overflow").set(n=n, format=dtype)
    growths = theory.gradient_growth(n), theory.gradient_growth(n, centered=True), theory.relu_gradient_growth()
    depths = [theory.overflow_depth(growth, largest=torch.finfo(getattr(torch, dtype)).max) for growth in growths]
    pattern = r"by ([\d.]+) per layer.* after about ([\d,]+) layers, .* after ([\d,]+)\. .* by ([\d.]+), .* lasts ([\d,]+) layers"
    growth, *layers, relu, relu_layers = numbers(pattern, words)
    assert (growth, relu) == (pytest.approx(growths[0], abs=6e-4), pytest.approx(growths[2], abs=6e-4))
    assert [*layers, relu_layers] == [round(depth) for depth in depths] and dtype in words


OUTSIDE = {"gap": ("n", 33), "spectrum": ("share", 9), "training": ("depth", 41), "overflow": ("n", 3)}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_out_of_range_is_said_and_changes_nothing(small, name):
    one = small(name)
    words, (knob, value) = one.ready(), OUTSIDE[name]
    before = one.part(knob).input_value()
    assert one.set(**{knob: value}) == words
    assert one.part("said").inner_text().endswith(f"Nothing has changed: it is still {before}.")
    one.set(**{knob: before})
    assert one.part("said").inner_text() == ""


@pytest.mark.parametrize("name", NAMES)
def test_by_keys_alone_and_the_link_leads_to_the_same_setting(small, visit, name):
    one = small(name)
    knob = "depth" if name == "training" else "n"
    one.part(knob).focus()
    before = one.part(knob).input_value()
    one.page.keyboard.press("Tab")
    one.page.keyboard.press("ArrowRight" if before != one.part(knob).get_attribute("max") else "ArrowLeft")
    after = one.part(knob).input_value()
    assert after != before and after in one.ready()
    link = one.part("more").get_attribute("href")
    assert f"{knob}{after}-" in link.partition("#")[2]
    there = visit(link)
    assert there.locator(f"[data-part={knob}]").input_value() == after
    assert there.locator("[data-part=said]").inner_text() == "", "all of it is a setting there"


@pytest.mark.xdist_group("small training")
def test_networks_train_when_asked_to_pause_and_move_nothing_by_themselves_with_less_motion(small):
    one = small("training")
    one.set(depth=10)
    assert one.part("at").inner_text() == "step 0 of 150"
    one.part("play").focus()
    one.page.keyboard.press("Enter")
    one.page.wait_for_function("parseInt(document.querySelector('[data-part=at]').textContent.slice(5)) >= 10")
    one.page.keyboard.press("Enter")
    words = one.ready()
    assert one.part("picture").locator("canvas").evaluate(PIXELS, (213, 94, 0)) > 20
    assert one.part("play").inner_text() == "Train" and re.search(
        r"after [1-9]\d* of 150 steps\. Loss: Xavier [\d.]+", words
    )
    assert numbers(r"chance ([\d.]+)", words) == [rounded(float(torch.tensor(10.0).log()))]
    one.page.emulate_media(reduced_motion="reduce")
    assert "after 0 of 150 steps" in one.set(depth=11)
    one.page.emulate_media(reduced_motion="no-preference")


@pytest.mark.parametrize("name", NAMES)
def test_on_a_phone_in_the_dark_and_on_paper(small, name):
    """The last of each page's tests."""
    one = small(name)
    one.page.set_viewport_size({"width": 390, "height": 800})
    one.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    one.page.evaluate(FRAMES)  # pictures are fitted when their place has changed
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 390
    within = one.place.evaluate(
        "place => [...place.querySelectorAll('*')].every((part) => part.getBoundingClientRect().right <= innerWidth)"
    )
    assert within
    kept, needed = one.place.evaluate(
        "place => [parseFloat(getComputedStyle(place).minHeight), place.querySelector('.interactive').offsetHeight]"
    )
    assert needed <= kept + 1, "the page does not jump when it comes"
    options = {"runOnly": ["color-contrast", "link-in-text-block"]}
    assert Axe().run(one.page, context=f"#explore-{name}", options=options).response["violations"] == []
    one.page.emulate_media(media="print")
    assert one.place.locator("> p").is_visible() and not one.part("picture").is_visible()


@pytest.mark.parametrize("name", PAGES)
def test_without_scripts_there_is_a_sentence_with_a_link(name):
    page = parsed(HTML / "notebooks" / f"{PAGES[name]}.html")
    (place,) = page.select(".explore")
    assert place["data-explore"] == name and len(place.text.split()) > 10
    assert place.select_one("a[href$='explorer.html'], a[href$='trainer.html']") and not place.select("script, input")
