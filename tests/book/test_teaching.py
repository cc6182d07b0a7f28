"""What the book does for a reader who is new to it: the landing page, the overview, the order of pages, exercises."""

import re

import pytest
from built import HTML, parsed

from utils.files import ROOT

INTRO = "book/intro.html"
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def soup(address):
    return parsed(HTML / address)


def test_the_cloud_can_be_paused_and_stays_still_where_less_motion_is_asked_for(site, visit):
    page = visit(site + INTRO)
    cloud, layer = page.locator("#cloud"), page.locator("#cloud b")
    cloud.scroll_into_view_if_needed()
    page.wait_for_function("Number(document.querySelector('#cloud b').textContent) > 0")
    cloud.get_by_role("slider").fill("0")  # from the beginning: it may have come to its end
    cloud.get_by_role("button", name="Play").click()
    page.wait_for_function("Number(document.querySelector('#cloud b').textContent) > 0")
    cloud.get_by_role("button", name="Pause").click()
    paused = layer.inner_text()
    page.wait_for_timeout(1200)
    assert layer.inner_text() == paused and 0 < int(paused) < 12
    cloud.get_by_role("button", name="Play").click()
    page.emulate_media(reduced_motion="reduce")
    cloud.get_by_role("button", name="Play").wait_for()
    page.reload()
    cloud.scroll_into_view_if_needed()
    page.wait_for_timeout(1200)
    assert layer.inner_text() == cloud.get_by_role("slider").get_attribute("max"), "how it ends"
    assert cloud.get_by_role("button").inner_text() == "Play"
    shown = [float(text.removeprefix("cosine ").replace("−", "-")) for text in cloud.locator("span").all_inner_texts()]
    assert abs(shown[0]) < 0.5 < shown[1], "round with BN, an ellipse without"


def test_the_landing_page_finds_with_scope_and_leaves_the_table_to_the_claims_page():
    intro, claims = soup(INTRO), soup("book/claims.html")
    assert not intro.select("table.overview") and len(claims.select("table.overview")) == 1
    findings = intro.select("#what-we-found > ol > li")
    assert len(findings) == 5
    assert all(one.select("a[href*='#claim-'] .verdict") and "Scope" in one.text for one in findings)
    links = {link["href"] for link in intro.select("main a[href]")}
    for wanted in ("overview.html", "claims.html", "explorer.html", "trainer.html", "https://arxiv.org/abs/2106.03970"):
        assert wanted in links
    assert "@software" in intro.select_one("#how-to-cite").text


def test_the_map_of_the_proofs_leads_to_every_statement():
    statements = {
        link["href"].partition("#")[2] for link in soup("book/overview.html").select(".proof-map a:not(.term)")
    }
    assert statements == {f"lemma-{i}" for i in (2, 4, 6, 7, 8, 10)} | {"cor-3", "thm-1", "thm-5", "a-1", "app-b1"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_page_has_an_exercise_that_turns_a_knob_of_its_own(name):
    page = soup(f"notebooks/{name}.html")
    (exercise,) = page.select(".try-this")
    command = exercise.select_one("pre").text
    knobs = re.findall(r"^(\w+) = .*# \[|^(\w+) = .*# \{", page.select_one(".tag_parameters pre").text, re.MULTILINE)
    assert f"notebooks/{name}.ipynb" in command
    turned = re.findall(r"-p (\w+)", command)
    assert turned and set(turned) <= {"".join(knob) for knob in knobs}
    solution = exercise.select_one("details")
    assert solution and not solution.has_attr("open") and len(solution.text.split()) > 30


# Page 4 settles a dispute and begins with the answer and its limits.
@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if not name.startswith("04")])
def test_a_page_has_question_reason_figure_verdict_and_consequence_in_this_order(name):
    text = soup(f"notebooks/{name}.html").select_one("main article")
    found = text.find("strong", string=re.compile("^What this page finds"))
    first = text.select_one("figure, table.numbers, .cell_output")
    means = found.find_next("strong", string=re.compile("^What it means"))
    assert text.find("strong", string=re.compile(r"^The question\.")) in first.find_all_previous("strong")
    assert means is not None
    assert found in first.find_all_next("strong") or name.startswith("11")  # whose table is long


def test_errata_begin_with_the_table_and_four_entries_are_open():
    page = soup("notebooks/10_errata.html")
    table, entry = page.select_one("main table.numbers"), page.find(id="erratum-1")
    assert table.find_next(id="erratum-1") is entry and len(table.select("tbody tr")) == 24
    folded = {
        i for i in range(1, 25) if page.find(id=f"erratum-{i}").find_parent("section").select(":scope > details.folded")
    }
    assert set(range(1, 25)) - folded == {1, 19, 22, 23}


@pytest.mark.parametrize("link", ["10_errata.html#erratum-7", "09_lemmas.html#claim-lemma10"])
def test_what_a_link_leads_to_is_open(site, visit, link):
    page = visit(f"{site}notebooks/{link}", typeset=False)
    target = page.locator("#" + link.partition("#")[2])
    section = (
        target if target.evaluate("one => one.tagName") == "SECTION" else target.locator("xpath=ancestor::section[1]")
    )
    assert section.locator("> details.folded").get_attribute("open") is not None
    page = visit(f"{site}notebooks/{link.partition('#')[0]}", typeset=False)
    assert page.locator("details.folded[open]").count() == 0


def test_the_table_of_methods_by_depth_comes_first_on_the_page_about_training_without_bn():
    page = soup("notebooks/07_training_without_bn.html")
    table = page.select_one("main table")
    assert [head.text.split()[0] for head in table.select("thead th")] == ["method", "depth", "depth", "depth"]
    assert page.select_one("main figure") in table.find_all_next("figure")


def test_every_reference_leads_to_the_work():
    for entry in soup("book/references.html").select("div.citation"):
        assert entry.select("a.reference.external[href^=https]"), entry.text
