"""What the book does for a reader who is new to it: the landing page, the overview, the order of pages, exercises."""

from bs4 import BeautifulSoup
from built import HTML

INTRO = "book/intro.html"


def soup(address):
    return BeautifulSoup((HTML / address).read_text(encoding="utf-8"), "html.parser")


def test_the_cloud_can_be_paused_and_stays_still_where_less_motion_is_asked_for(site, visit):
    page = visit(site + INTRO)
    cloud, layer = page.locator("#cloud"), page.locator("#cloud b")
    cloud.scroll_into_view_if_needed()
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
    for wanted in ("overview.html", "claims.html", "explorer.html", "https://arxiv.org/abs/2106.03970"):
        assert wanted in links
    assert "@software" in intro.select_one("#how-to-cite").text


def test_the_map_of_the_proofs_leads_to_every_statement():
    statements = {
        link["href"].partition("#")[2] for link in soup("book/overview.html").select(".proof-map a:not(.term)")
    }
    assert statements == {f"lemma-{i}" for i in (2, 4, 6, 7, 8, 10)} | {"cor-3", "thm-1", "thm-5", "a-1", "app-b1"}
