"""The page in a real browser: on a desk, on a phone and on paper, with the network off."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from example_findings import channel_weeks, empty_week, week_findings
from hostile_names import FEW_POINTS, hostile_names, renamed
from html_page import html_of
from playwright.sync_api import Browser, Page, sync_playwright
from pypdf import PdfReader

from analyze.findings import WeekFindings

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

DESK, PHONE = 1440, 390
# What sticks out to the right, how many drawings are shown, and the smallest letter.
MEASURE = """() => {
  const view = document.documentElement.clientWidth;
  const right = (node) => node.getBoundingClientRect().right;
  const inScroller = (node) => node.closest(".scroll") !== null && !node.matches(".scroll");
  const all = [...document.body.querySelectorAll("*")];
  return {
    out: all.filter((node) => !inScroller(node) && !node.closest("svg") && right(node) > view + 1)
      .map((node) => node.tagName + "." + node.className),
    scroll: document.documentElement.scrollWidth - view,
    charts: [...document.querySelectorAll("svg")].filter((node) => right(node) > 0).length,
    smallest: Math.min(...all.map((node) => parseFloat(getComputedStyle(node).fontSize))),
  };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield running
        running.close()


class Opened:
    """A page that is open in a window of some width, with no network, and what it complained of."""

    def __init__(self, browser: Browser, file: Path, width: int) -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def measured(self) -> dict[str, Any]:
        """What MEASURE tells."""
        return dict(self.page.evaluate(MEASURE))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "week.html"
    path.write_text(html_of(week_findings()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def desk(browser: Browser, file: Path) -> Opened:
    return Opened(browser, file, DESK)


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_the_page_is_whole_without_network_and_complains_of_nothing(
    browser: Browser, file: Path, width: int
) -> None:
    opened = Opened(browser, file, width)
    found = opened.measured()

    assert opened.complaints == []
    assert opened.requests == [file.as_uri()]
    assert found["out"] == []
    assert found["scroll"] <= 0
    # Each chart once: the wide or the narrow drawing, never both.
    assert found["charts"] == 7
    assert found["smallest"] >= 10


def test_an_accessibility_checker_finds_nothing(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "short.html"
    file.write_text(html_of(week_findings(charts=FEW_POINTS)), encoding="utf-8")
    opened = Opened(browser, file, DESK)
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    results = Axe().run(opened.page)

    assert results.violations_count == 0, results.generate_report()


def test_every_link_and_table_of_numbers_is_reached_and_opened_by_keyboard(desk: Opened) -> None:
    page = desk.page
    reached = set()
    for _ in range(page.locator("a, summary, [tabindex]").count()):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim().slice(0, 40)"))
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            page.keyboard.press("Enter")
    summaries = page.locator("summary")

    assert "Switch RTU #1 Lobby off at night" in reached
    assert summaries.count() == page.locator("details[open]").count() == 7


def test_a_link_of_the_first_page_leads_to_its_quick_win(desk: Opened) -> None:
    desk.page.get_by_role("link", name="Turn off Lighting West").click()

    assert desk.page.url.endswith("#quick-win-3")
    assert desk.page.locator("#quick-win-3").bounding_box()["y"] < 900  # type: ignore[index]


def hostile_site() -> WeekFindings:
    """A site of 200 channels, all of them and every other text with a hostile name."""
    row = channel_weeks()[1]
    many = tuple(replace(row, channel_id=number) for number in range(200))
    names = cycle(hostile_names())
    week = week_findings(charts=FEW_POINTS, channels=many)
    return renamed(lambda _: next(names), week, units_too=True)


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_200_hostile_names_run_nothing_and_leave_the_layout_whole(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    file = tmp_path / "hostile.html"
    file.write_text(html_of(hostile_site()), encoding="utf-8")
    opened = Opened(browser, file, width)
    opened.page.mouse.move(200, 300)
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    found = opened.measured()

    assert opened.complaints == []
    assert opened.requests == [file.as_uri()]
    assert found["out"] == []
    assert found["scroll"] <= 0
    assert opened.page.locator("script, iframe, img, object, base").count() == 0
    assert opened.page.get_by_text("<script>alert(", exact=False).count() > 0


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_on_paper_no_chart_is_cut_and_no_row_split(
    browser: Browser, file: Path, paper: str
) -> None:
    opened = Opened(browser, file, DESK)
    pages = PdfReader(io.BytesIO(opened.page.pdf(format=paper))).pages
    texts = [" ".join(page.extract_text().split()) for page in pages]

    assert 5 <= len(pages) <= 12
    # The last page ends where the text does.
    assert all(len(text) > 200 for text in texts[:-1])
    # A drawing's first and last texts stand on one page: it was not cut.
    for first, last in (("kW Mon 9", "Sun 15"), ("Working days", "Holidays")):
        assert any(first.split()[-1] in text and last in text for text in texts)
    heads = [text for text in texts if "Received Complete Rejected Estimated" in text]
    rows = [text for text in texts if "Walk-in Freezer 672 of 672" in text]
    assert rows
    assert all(text in heads for text in rows)
    assert "The numbers of this chart" not in " ".join(texts)


def test_an_empty_week_is_a_sensible_page(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "empty.html"
    file.write_text(html_of(replace(empty_week(), charts={})), encoding="utf-8")
    opened = Opened(browser, file, PHONE)

    assert opened.measured()["out"] == []
    assert Axe().run(opened.page).violations_count == 0
