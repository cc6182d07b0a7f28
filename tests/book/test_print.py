"""On paper: light colors whatever the screen wears, and no handles of folded code."""


def test_a_dark_page_is_printed_light_and_stays_dark(site, visit):
    page = visit(site + "notebooks/02_width_floor.html", dark=True)
    page.evaluate("""() => {
        window.seen = [];
        for (const moment of ["beforeprint", "afterprint"])
            addEventListener(moment, () => seen.push(document.documentElement.dataset.theme));
    }""")
    assert page.pdf()[:4] == b"%PDF"
    page.wait_for_function("seen.length === 2")
    assert page.evaluate("seen") == ["light", "dark"]


def test_folded_code_takes_no_room_on_paper(site, visit):
    page = visit(site + "notebooks/02_width_floor.html")
    folded = page.locator("details.hide:not([open])")
    assert any(handle.is_visible() for handle in folded.all()), "the knobs"
    page.emulate_media(media="print")
    assert not any(handle.is_visible() for handle in folded.all())
