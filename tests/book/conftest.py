"""The built book in a real browser: one Chromium, one local server, a page that remembers what it asked for and said."""

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from built import HTML, pages, parsed
from playwright.sync_api import sync_playwright

from utils import pdf


def pytest_generate_tests(metafunc):
    if "address" in metafunc.fixturenames:
        # All tests of a page, in one process, then the next: they share what was loaded.
        each = [pytest.param(page, marks=pytest.mark.xdist_group(page)) for page in pages()]
        metafunc.parametrize("address", each, scope="module")


def pytest_sessionstart(session):
    if not (HTML / "index.html").exists():
        pytest.exit(f"there is no book in {HTML}: run `make book` first", returncode=2)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def site():
    """Address of the built book on a local server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(HTML)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def disk():
    """Address of the built book on disk."""
    return HTML.as_uri() + "/"


@pytest.fixture(scope="session")
def browser():
    path = pdf.chromium()
    if path is None:
        pytest.exit(pdf.MISSING, 2)
    with sync_playwright() as playwright:
        options = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@pytest.fixture
def figures(address):
    """The figures of a page, parsed."""
    return [figure for figure in parsed(HTML / address).select("main figure") if figure.select("img[src*='_images']")]


# What the trainer trains as soon as it is opened, in tests that only look at its page.
TRAINED = {"book/trainer.html": "#depth10-rate0p03-steps20-seed3-xavier-identity"}
# Typesetting is half the time of a page. MathJax loads all the same, and leaves equations as they are written.
UNTYPESET = """
    let held;
    const set = (value) => { held = value; if (!value.version) (value.startup ??= {}).typeset = false; };
    Object.defineProperty(window, "MathJax", { get: () => held, set });
"""


def loaded(browser, address, *, dark=False, width=1300, unfolded=False, typeset=True):
    """A page in a context of its own, loaded and typeset, ``unfolded`` with all that it folds, with what it did on the way.

    ``page.requested`` are all addresses asked for, ``page.failed`` those not answered well, ``page.complaints`` the errors
    in its console.
    """
    scheme = "dark" if dark else "light"
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.add_init_script(f"localStorage.setItem('mode', '{scheme}'); localStorage.setItem('theme', '{scheme}')")
    if not typeset:
        page.add_init_script(UNTYPESET)
    page.requested, page.failed, page.complaints = [], [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("requestfailed", lambda request: page.failed.append(f"{request.url}: {request.failure}"))
    page.on("response", lambda answer: page.failed.append(answer.url) if answer.status >= 400 else None)
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(address)
    page.evaluate("window.MathJax?.startup?.promise")
    if unfolded:
        page.evaluate("document.querySelectorAll('main details:not(.hide)').forEach((fold) => (fold.open = true))")
    return page


@pytest.fixture(scope="session")
def load(browser):
    """``load(address, dark=False, width=1300)``: a page that the caller closes, see :func:`loaded`."""
    return partial(loaded, browser)


@pytest.fixture
def visit(browser):
    """``visit(address, dark=False, width=1300)``: a page of this test's own, see :func:`loaded`."""
    pages = []

    def visit(address, **how):
        pages.append(loaded(browser, address, **how))
        return pages[-1]

    yield visit
    for page in pages:
        page.context.close()


@pytest.fixture(scope="session")
def opened(browser, site, disk):
    """``opened(address, dark=False, width=1300)``: a page, all of it open, that the tests of one address share; they only look.

    It is loaded twice, light from the server and dark from disk, so that both ways to read it are seen; in the dark, where
    nothing is asked of equations, they are not typeset. (Pages with a small explorer are, from disk too, in test_small.py.)
    """
    kept = {}

    def opened(address, *, dark=False, width=1300):
        if (address, dark) not in kept:
            for other in [key for key in kept if key[0] != address]:
                kept.pop(other).context.close()
            place = disk if dark else site
            kept[address, dark] = loaded(
                browser,
                place + address + TRAINED.get(address, ""),
                dark=dark,
                width=width,
                unfolded=True,
                typeset=not dark,
            )
        page = kept[address, dark]
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": width, "height": 900})
        return page

    return opened
