"""The dashboard in a real browser, with the network off: one browser for all of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest
from example_board import board, large_board, renamed, site
from hostile_names import hostile_names

from analyze.quality_board.board import QualityBoard
from deliver.dashboard.document import dashboard_document
from deliver.dashboard.page import dashboard_page

pypdf = pytest.importorskip("pypdf")
sync_api = pytest.importorskip("playwright.sync_api")
axe_api = pytest.importorskip("axe_playwright_python.sync_playwright")
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

DESK, PHONE = (1440, 900), (390, 844)
# Everything that lies to the right of the window, scrollable tables aside.
STICKS_OUT = """() => [...document.querySelectorAll("body *:not(.strip i)")].filter((node) =>
  node.getBoundingClientRect().right > innerWidth + 1 && !node.closest(".scroll, .hidden"))
  .map((node) => node.outerHTML.slice(0, 120))"""
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser that can reach nothing."""
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open the page of a board; whatever it logs, asks for or runs fails the test."""
    contexts: list[Any] = []
    said: list[str] = []
    numbers = count()

    def dismiss(dialog: Any) -> None:
        said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open_page(example: QualityBoard, size: tuple[int, int] = DESK, **options: Any) -> Any:
        file = tmp_path / f"dashboard-{next(numbers)}.html"
        file.write_text(dashboard_page(dashboard_document(example)), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, offline=True, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("dialog", dismiss)
        page.on("request", lambda request: said.append(request.url))
        page.goto(file.as_uri())
        said.remove(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def shown(page: Any, table: str) -> list[str]:
    """The heads of a table's rows that can be seen, in their order."""
    heads = page.locator(f"#{table}-table tbody tr:visible th > bdi")
    return [str(text) for text in heads.all_inner_texts()]


@pytest.mark.parametrize(("scheme", "size"), [("light", PHONE), ("dark", DESK)])
def test_nothing_hinders_anybody_in_light_or_dark(opened: Open, scheme: str, size: Any) -> None:
    page = opened(
        board(site(), site(site_id="2", site_name="East")),
        size,
        color_scheme=scheme,
        bypass_csp=True,
    )
    page.eval_on_selector_all("details", "all => all.forEach((one) => { one.open = true; })")
    result = axe_api.Axe().run(page, options={"resultTypes": ["violations"]})
    assert result.violations_count == 0, result.generate_report()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")


def test_filters_hide_the_rows_that_do_not_fit(opened: Open) -> None:
    page = opened(board(site(), site(site_id="2", site_name="East")))
    assert len(shown(page, "channels")) == 6
    page.get_by_role("searchbox").fill("rtu #1")
    assert shown(page, "channels") == ["RTU #1", "RTU #1"]
    assert shown(page, "gaps") == ["RTU #1", "RTU #1"]
    page.get_by_role("combobox", name="Site").select_option("East")
    assert shown(page, "channels") == ["RTU #1"]
    page.get_by_role("searchbox").fill("nothing is called so")
    assert "Nothing here fits the filter" in page.locator("#channels").inner_text()
    page.get_by_role("button", name="Clear").click()
    # The page filters anew once the form is empty, and then takes the cursor back.
    page.locator("input[type=search]:focus").wait_for()
    assert len(shown(page, "channels")) == 6
    page.get_by_label("Only what needs attention").check()
    assert shown(page, "channels") == ["RTU #1", "RTU #1"]
    # The closed gap is nobody's task.
    assert shown(page, "gaps") == ["RTU #1", "RTU #1"]


def test_a_head_sorts_its_table_and_says_so(opened: Open) -> None:
    page = opened(board())
    head = page.locator("#channels-table thead th", has_text="Complete")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    # 94.2 before 100; what is not known stands last either way.
    assert shown(page, "channels") == ["RTU #1", "Main", "Spare"]
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert shown(page, "channels") == ["Main", "RTU #1", "Spare"]
    page.locator("#channels-table thead button", has_text="Channel").click()
    assert head.get_attribute("aria-sort") is None
    assert shown(page, "channels") == ["Main", "RTU #1", "Spare"]


def test_everything_works_by_keyboard_alone(opened: Open) -> None:
    page = opened(board())
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "To the content"
    page.get_by_role("searchbox").focus()
    page.keyboard.type("main")
    assert shown(page, "channels") == ["Main"]
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert shown(page, "channels") == ["RTU #1"]
    page.keyboard.press("Space")
    button = page.locator("#gaps-table thead button", has_text="How long")
    button.focus()
    page.keyboard.press("Enter")
    assert shown(page, "gaps") == ["RTU #1", "Main"]
    page.keyboard.press("Enter")
    assert shown(page, "gaps") == ["Main", "RTU #1"]
    assert page.evaluate("document.activeElement.textContent") == "How long"
    # Days are behind a disclosure that the keyboard opens.
    page.locator("#channels details summary").first.focus()
    page.keyboard.press("Enter")
    assert "18 Nov: 50.0%, 48 of 96" in page.locator("#channels-table").inner_text()


def test_a_long_table_shows_its_first_rows_and_all_on_demand(opened: Open) -> None:
    page = opened(large_board(40))
    assert len(shown(page, "channels")) == 25
    page.get_by_role("searchbox").fill("channel 38")
    assert shown(page, "channels") == ["Channel 38"]
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="Show all 40").click()
    assert len(shown(page, "channels")) == 40
    assert page.evaluate("document.activeElement.tagName") == "TR"


def test_the_page_is_whole_without_its_script(opened: Open) -> None:
    page = opened(large_board(40), java_script_enabled=False)
    assert page.locator("#channels-table tbody tr:visible").count() == 40
    assert page.locator("button:visible, input:visible").count() == 0


def test_two_hundred_hostile_names_run_nothing_and_break_no_layout(opened: Open) -> None:
    names = cycle(hostile_names())
    for example in (large_board(200, hostile_names().__getitem__), renamed(lambda _: next(names))):
        page = opened(example)
        if page.get_by_role("button", name="Show all 200").count():
            page.get_by_role("button", name="Show all 200").click()
        page.get_by_role("searchbox").fill("alert")
        page.get_by_role("searchbox").fill("")
        for width, height in (DESK, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate(STICKS_OUT) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_scrolls_sideways_on_a_phone(opened: Open) -> None:
    page = opened(board(site(), site(site_id="2", site_name="East")), PHONE)
    assert page.evaluate(STICKS_OUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    # The heads are still there to sort by.
    assert page.locator("#channels-table thead button:visible").count() >= 7


def test_print_shows_every_row_and_no_control(opened: Open) -> None:
    page = opened(large_board(40))
    page.emulate_media(media="print")
    assert page.locator("#channels-table tbody tr:visible").count() == 40
    assert page.locator("input:visible, nav:visible").count() == 0
    # What is wider than A4 between its margins would be cut.
    page.set_viewport_size({"width": 703, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 703
    sheets = pypdf.PdfReader(BytesIO(page.pdf(format="A4"))).pages
    texts = [sheet.extract_text() for sheet in sheets]
    # A table that goes on over a page has its heads again.
    assert sum("Last reading" in text for text in texts) >= 2
    for text in texts:
        assert "energy" not in text or "Last reading" in text
