"""The explorer as a reader uses it: by mouse, by keys alone, from an address, from disk, at widths that take a while."""

import re
from itertools import pairwise

import pytest
from built import leaving

EXPLORER = "book/explorer.html"
DONE = "#explorer[aria-busy=false]"


def part(page, name):
    return page.locator(f"[data-part={name}]")


def setting(page):
    """What the knobs show."""
    knobs = {name: part(page, name).input_value() for name in ("n", "d", "depth", "runs", "start")}
    return knobs | {"centered": part(page, "centered").is_checked()}


@pytest.mark.parametrize("where", ["site", "disk"])
def test_it_draws_and_says_what_is_seen(where, visit, request):
    page = visit(request.getfixturevalue(where) + EXPLORER)
    page.wait_for_selector(DONE)
    words = part(page, "summary").inner_text()
    assert "gap of 8 samples" in words and "Theorem 1" in words
    assert 0.7 < float(re.search(r"([\d.]+) times the floor", words)[1]) < 1.4
    assert leaving(page) == page.failed == page.complaints == []
    drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x > 0)"
    plots = [part(page, name).locator("canvas") for name in ("gap", "least", "spectrum")]
    assert all(plot.evaluate(drawn) for plot in plots)
    assert all(len(plot.get_attribute("aria-label")) > 40 and plot.get_attribute("role") == "img" for plot in plots)


@pytest.mark.parametrize("where", ["site", "disk"])
def test_an_address_restores_a_setting_and_its_numbers(where, visit, request):
    address = request.getfixturevalue(where) + EXPLORER + "#n4-d512-depth50-runs20-rankone-centered-seed7"
    first = visit(address)
    first.wait_for_selector(DONE)
    shown = {"n": "4", "d": "512", "depth": "50", "runs": "20", "start": "rankone", "centered": True}
    assert setting(first) == shown
    # What the address holds after a change gives another reader the same picture.
    part(first, "runs").fill("6")
    part(first, "runs").press("Enter")
    first.wait_for_url(re.compile("runs6"))
    first.wait_for_function("/of 6 networks/.test(document.querySelector('[data-part=summary]').textContent)")
    second = visit(first.url)
    second.wait_for_selector(DONE)
    assert setting(second) == shown | {"runs": "6"}
    assert part(second, "summary").inner_text() == part(first, "summary").inner_text()


def test_nonsense_in_the_address_is_no_error(site, visit):
    page = visit(site + EXPLORER + "#n99-d1-depthx-runs-5-nowhere-%3Cb%3E")
    page.wait_for_selector(DONE)
    assert setting(page) == {"n": "32", "d": "32", "depth": "30", "runs": "10", "start": "digits", "centered": False}
    assert page.complaints == []
    said = part(page, "said").inner_text()
    assert "were left out: depthx, runs, 5, nowhere, %3Cb%3E." in said
    assert "asks for batch size 99, expected a whole number from 2 to 32; it is 32 here" in said
    assert "asks for width 1, expected a whole number from 32 to 1,000,000; it is 32 here" in said


def test_a_headings_anchor_is_no_setting(site, visit):
    page = visit(site + EXPLORER + "#what-is-drawn")
    page.wait_for_selector(DONE)
    assert part(page, "said").inner_text() == "" and setting(page)["n"] == "8"


def test_what_is_typed_out_of_range_is_said_and_changes_nothing(site, visit):
    page = visit(site + EXPLORER + "#n8-d64-depth20-runs2-digits")
    page.wait_for_selector(DONE)
    before, words = setting(page), part(page, "summary").inner_text()
    for name, typed in (("n", "33"), ("d", "7"), ("depth", "2.5"), ("runs", "0")):
        part(page, name).fill(typed)
        part(page, name).press("Enter")
        assert part(page, "said").inner_text().endswith(f"Nothing has changed: it is still {before[name]}.")
        assert part(page, name).get_attribute("aria-invalid") == "true"
        assert setting(page) == before | {name: typed}, "what was typed stays, to be mended"
        part(page, name).fill(before[name])
        part(page, name).press("Enter")
        assert part(page, "said").inner_text() == ""
    page.wait_for_selector(DONE)
    assert part(page, "summary").inner_text() == words
    # The width follows the batch size, and that is said too.
    part(page, "d").fill("8")
    part(page, "d").press("Enter")
    part(page, "n").fill("16")
    part(page, "n").press("Enter")
    assert setting(page)["d"] == "16" and "width is raised to 16" in part(page, "said").inner_text()


def test_each_title_has_the_layer_under_the_pointer_and_its_own_values(site, visit):
    page = visit(site + EXPLORER + "#n8-d64-depth20-runs2-digits")
    page.wait_for_selector(DONE)
    for name in ("gap", "least"):
        part(page, name).hover(position={"x": part(page, name).bounding_box()["width"] - 14, "y": 60})
        assert part(page, "hovered").inner_text() == "(layer 20)"
        assert re.fullmatch(
            r"\(layer 20: 0\.\d+ with BN, [\d.]+ at infinite width\)", part(page, "value-least").inner_text()
        )
        assert re.fullmatch(r"0\.\d+", part(page, "value-bn").inner_text())
        page.mouse.move(0, 0)
        assert part(page, "hovered").inner_text() == part(page, "value-least").inner_text() == ""


def test_a_long_setting_says_the_time_left_and_can_be_stopped(site, visit):
    page = visit(site + EXPLORER + "#n8-d1000000-depth500-runs1-digits")
    left = r"/^layer [1-9]\d* of 500, about \d+ (s|minutes|hours) left$/"
    page.wait_for_function(f"{left}.test(document.querySelector('[data-part=layer]').textContent)", timeout=60_000)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector(DONE)
    words = part(page, "summary").inner_text()
    layer = re.match(r"Stopped at layer (\d+) of 500\. ", words)
    assert layer and f"in {layer[1]} layers" in words
    assert part(page, "stop").is_disabled()
    page.get_by_text("The numbers").click()
    page.wait_for_function(f"document.querySelectorAll('[data-part=rows] tr').length === {int(layer[1]) + 1}")


def test_presets_are_links_and_back_goes_back(site, visit):
    page = visit(site + EXPLORER)
    page.wait_for_selector(DONE)
    page.get_by_role("link", name="rank is lost").click()
    page.wait_for_function("/loses rank/.test(document.querySelector('[data-part=summary]').textContent)")
    assert setting(page)["n"] == "16"
    page.go_back()
    page.wait_for_function("document.querySelector('[data-part=n]').value === '8'")
    page.get_by_role("link", name="Theorem 1 is non-vacuous").click()
    page.wait_for_function("/non-vacuous from layer/.test(document.querySelector('[data-part=summary]').textContent)")
    assert part(page, "legend-bound").is_visible()


def test_the_film_of_eigenvalues_plays_pauses_and_follows_the_width(site, visit):
    page = visit(site + EXPLORER + "#n8-d256-depth60-runs4-digits")
    page.wait_for_selector(DONE)
    at = part(page, "at")
    assert at.input_value() == "60" and "0 % of the eigenvalues are at zero" in part(page, "law").inner_text()
    part(page, "play").click()
    page.wait_for_function("Number(document.querySelector('[data-part=at]').value) > 3")
    part(page, "play").click()
    held = int(at.input_value())
    assert 3 < held < 60 and part(page, "play").inner_text() == "Play"
    page.wait_for_timeout(400)
    assert int(at.input_value()) == held
    # The knob in d/n² turns the width: at its lower end the batch loses half of its rank.
    part(page, "share").fill("0")
    page.wait_for_selector(DONE)
    assert setting(page)["d"] == "8" and part(page, "share-value").inner_text() == "0.125"
    assert re.search(r"deep enough, \d of 8 dimensions survive", part(page, "law").inner_text())
    part(page, "share").fill("100")
    page.wait_for_selector(DONE)
    assert setting(page)["d"] == "4096" and "c = 0.00391" in part(page, "law").inner_text()
    assert page.complaints == []


def focused(page):
    return page.evaluate("document.activeElement.dataset.part ?? document.activeElement.textContent.trim()")


def test_by_keys_alone(site, visit):
    page = visit(site + EXPLORER)
    page.wait_for_selector(DONE)

    def press(name, *keys):
        """Keys where the Tab key has led to."""
        for _ in range(120):
            if focused(page) == name:
                break
            page.keyboard.press("Tab")
        assert focused(page) == name, "cannot be reached with the Tab key"
        for key in keys:
            page.keyboard.press(key)

    press("Figure 1, with BN", "Enter")
    page.wait_for_function("document.querySelector('[data-part=n]').value === '2'")
    press("n", "ArrowUp")
    press("n-slider", "ArrowRight")
    assert setting(page)["n"] == "4"
    press("d-slider", "End")
    assert setting(page)["d"] == "1000000"
    press("d-slider", "Home")
    assert setting(page)["d"] == "4"  # no narrower than the batch
    press("depth", "Control+a", "2", "0")
    press("runs-slider", "Home")
    press("start", "End")
    press("centered", "Space")
    wanted = {"n": "4", "d": "4", "depth": "20", "runs": "1", "start": "orthogonal", "centered": True}
    assert setting(page) == wanted
    page.wait_for_selector(DONE)
    page.wait_for_url(re.compile("#n4-d4-depth20-runs1-orthogonal-centered-seed1$"))
    press("again", "Enter")
    page.wait_for_url(re.compile("seed2$"))
    press("The numbers", "Enter")
    page.wait_for_function("document.querySelectorAll('[data-part=rows] tr').length === 21")


def test_a_million_wide_streams_and_the_page_stays_awake(site, visit):
    page = visit(site + EXPLORER + "#n8-d10000-depth30-runs5-digits")
    page.wait_for_selector(DONE)  # under a second on a machine that is not busy
    page = visit(site + EXPLORER + "#n16-d1000000-depth200-runs10-digits")
    page.evaluate("() => { window.ticks = [performance.now()]; setInterval(() => ticks.push(performance.now()), 20) }")
    page.wait_for_function("document.querySelector('[data-part=progress]').value > 0", timeout=60_000)
    page.wait_for_timeout(3000)
    ticks = page.evaluate("window.ticks")
    pauses = [b - a for a, b in pairwise(ticks)]
    assert len(ticks) > 50 and max(pauses) < 1000
    assert page.locator("#explorer").get_attribute("aria-busy") == "true"
    # A new setting does not wait for the old one.
    part(page, "d").fill("100")
    part(page, "d").press("Enter")
    part(page, "depth").fill("10")
    part(page, "depth").press("Enter")
    page.wait_for_selector(DONE)
    assert "10 layers of width 100 " in part(page, "summary").inner_text()


def test_no_setting_is_an_error(site, visit):
    page = visit(site + EXPLORER)
    corners = (
        "n2-d2-depth500-runs20-near-centered",
        "n2-d2-depth2-runs1-near",
        "n32-d32-depth500-runs1-digits",
        "n32-d32-depth100-runs3-rankone-centered",
        "n2-d1000000-depth5-runs1-orthogonal",
        "n20-d300-depth20-runs20-parallel-centered",
    )
    for corner in corners:
        page.goto(site + EXPLORER + "#" + corner)
        page.wait_for_url(re.compile("seed1$"))
        page.wait_for_selector(DONE)
        words = part(page, "summary").inner_text()
        assert "NaN" not in words and "undefined" not in words
    # A slider in motion: the gap's axis takes any limits.
    page.goto(site + EXPLORER + "#n4-d1000-depth20-runs2-digits")
    slider = part(page, "d-slider")
    for step in range(60, 160, 5):
        slider.fill(str(step))
    page.wait_for_selector(DONE)
    assert page.complaints == []
