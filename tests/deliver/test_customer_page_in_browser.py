"""The customer's page in a real browser: nothing sticks out, nobody is shut out, no request."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from example_customer import customer_example
from playwright.sync_api import Browser, Page, sync_playwright

from config.branding import Logo
from deliver.customer.page import customer_page, days_drawing
from deliver.customer.text import customer_view

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

LOGO = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="document.title='x'">
<script>document.title = "x"</script><path d="M0 0h9v9z"/></svg>"""
# Elements outside a scrolling table that reach over the right edge.
STICKS_OUT = """() => [...document.body.querySelectorAll("*")].filter((node) =>
  node.closest(".scroll") === null && node.closest("svg") === null &&
  node.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map((node) => node.tagName + "." + node.className)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def opened(browser: Browser, folder: Path, name: str, width: int) -> Page:
    """The report in a window of that width, with the network off."""
    view = customer_view(customer_example(name))
    content = customer_page(view, days_drawing(view), Logo(LOGO, "svg"))
    path = folder / "report.html"
    path.write_text(content, encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("request", lambda request: problems.append(request.url))
    page.goto(path.as_uri())
    shown = [one for one in problems if one != path.as_uri() and not one.startswith("data:")]
    assert shown == []
    return page


@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing_and_nothing_sticks_out(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    page = opened(browser, tmp_path, "Wilson Center", width)
    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate(STICKS_OUT) == []
    assert page.title() == "Wilson Center: electricity, October 2026"
    # Each chart once: the wide or the narrow drawing.
    assert page.locator("svg:visible").count() == 1


def test_endless_names_stay_inside_a_phone(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, "W" * 300, 390)

    assert page.evaluate(STICKS_OUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
