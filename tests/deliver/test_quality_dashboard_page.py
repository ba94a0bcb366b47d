"""The dashboard's document and page, from boards written by hand."""

from __future__ import annotations

import base64
import doctest
import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from itertools import count, cycle
from types import ModuleType
from typing import Any

import pytest
from example_board import CALENDAR, board, channels, large_board, renamed, site, validated
from hostile_names import hostile_names
from html_page import Page

from analyze.quality_board import board as quality_board
from analyze.quality_board.board import QualityBoard
from deliver.dashboard import page
from deliver.dashboard.document import dashboard_document, document_bytes
from deliver.dashboard.page import dashboard_page


def page_of(example: QualityBoard) -> Page:
    """The page of a board, as it is read."""
    return Page(dashboard_page(dashboard_document(example)))


def rows_of(html: str, table: str) -> list[list[str]]:
    """The cells of a table's rows as texts."""
    found = re.search(rf'<table id="{table}-table".*?</table>', html, re.DOTALL)
    assert found is not None
    body = found[0].partition("<tbody>")[2]
    cells = [
        re.findall(r"<t[hd][ >].*?</t[hd]>", row, re.DOTALL)
        for row in re.findall(r"<tr .*?</tr>", body, re.DOTALL)
    ]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


@pytest.mark.parametrize("module", [page, quality_board], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_are_true(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_a_channel_shows_what_arrived_of_it_day_by_day() -> None:
    document = dashboard_document(board())
    (stopped,) = (one for one in document["sites"][0]["channels"] if one["id"] == 12)

    assert stopped["calendar"] == [100.0] * 32 + [50.0, 0.0, 0.0]
    # 32 whole days and half a day came; two days and a half were due besides.
    assert (stopped["received"], stopped["expected"]) == (32 * 96 + 48, 34 * 96 + 48)
    assert stopped["completenessPct"] == 94.2
    assert [day["day"] for day in stopped["incompleteDays"]] == [
        "2026-11-20", "2026-11-19", "2026-11-18",
    ]  # fmt: skip


def test_a_channel_that_never_reported_is_not_called_incomplete() -> None:
    document = dashboard_document(board())
    (spare,) = (one for one in document["sites"][0]["channels"] if one["id"] == 13)

    assert (spare["completenessPct"], spare["needsAttention"]) == (None, False)
    assert spare["calendar"] == [None] * 35


def test_what_needs_attention_stands_first() -> None:
    html = dashboard_page(dashboard_document(board()))
    assert [row[0] for row in rows_of(html, "channels")] == [
        "RTU #1 12, energy", "Main 11, site total", "Spare 13, energy, silent",
    ]  # fmt: skip


def test_the_headline_counts_what_is_behind_and_what_is_blocked() -> None:
    summary = dashboard_document(board())["summary"]
    assert summary["headline"] == (
        "Wilson Center needs attention: 1 channel is behind and 1 day is blocked"
    )
    calm = replace(site(), health="healthy", channels=channels()[:1], validation=())
    assert dashboard_document(board(calm))["summary"]["headline"] == "Wilson Center is healthy"


@pytest.mark.parametrize(
    ("name", "shown"), [("\u202eOffice", "Office"), ("مكتب", "\u2068مكتب\u2069")]
)
def test_a_site_name_does_not_turn_the_headline_around(name: str, shown: str) -> None:
    calm = site(site_name=name, health="healthy", channels=channels()[:1], validation=())

    assert dashboard_document(board(calm))["summary"]["headline"] == f"{shown} is healthy"


def test_the_completeness_of_all_sites_weighs_each_by_what_was_due_there() -> None:
    whole, stopped, _ = channels()
    large = site(site_id="1", completeness_pct=90.0, channels=(whole,) * 3)
    small = site(site_id="2", completeness_pct=50.0, channels=(whole,))
    never = site(site_id="3", completeness_pct=None, channels=())
    assert board(large, small, never).completeness_pct == 80.0
    assert board(small).completeness_pct == 50.0
    assert board(never).completeness_pct is None
    # Of one site it is the number that the site itself shows.
    assert board(site(completeness_pct=97.3, channels=(whole, stopped))).completeness_pct == 97.3


def test_days_of_one_verdict_are_one_line_and_a_hole_parts_them() -> None:
    days = [day for day in CALENDAR if day != CALENDAR[10]]
    example = site(validation=tuple(validated(day) for day in reversed(days)))
    lines = dashboard_document(board(example))["sites"][0]["validation"]

    assert [(line["firstDay"], line["lastDay"], line["days"]) for line in lines] == [
        (str(CALENDAR[11]), str(CALENDAR[-1]), 24),
        (str(CALENDAR[0]), str(CALENDAR[9]), 10),
    ]


@pytest.mark.parametrize(
    ("day", "state"),
    [
        ({"verdict": "pass"}, "Passed"),
        ({"verdict": "warn"}, "Passed with warnings"),
        ({"verdict": "fail"}, "Blocked: failed"),
        ({"verdict": "pass", "newer": True, "is_open": False}, "Blocked: data changed since"),
        ({"verdict": "fail", "by": "Dana", "reason": "known"}, "Opened by hand by Dana : known"),
    ],
)
def test_a_day_says_what_its_validation_means_for_deliveries(
    day: dict[str, Any], state: str
) -> None:
    verdict = str(day.pop("verdict"))
    example = site(validation=(validated(CALENDAR[-1], verdict, **day),))
    ((_, shown, *_),) = rows_of(dashboard_page(dashboard_document(board(example))), "validation")
    assert shown == state


def test_runs_of_sites_in_other_zones_are_in_the_order_of_the_instants() -> None:
    late = site().runs[0]
    early = late._replace(started_at=late.started_at - timedelta(hours=1))
    east = site(site_id="2", site_name="East", timezone="Asia/Tokyo", runs=(early,))
    west = site(site_id="1", site_name="West", runs=(late,))
    html = dashboard_page(dashboard_document(board(east, west)))
    assert [row[1] for row in rows_of(html, "runs")] == ["West", "East"]


def test_alerts_that_nobody_keeps_are_not_told_as_no_alerts() -> None:
    assert "no alerts are set up" in page_of(board(site(alerts=None))).text
    assert "No alert in the last 35 days" in page_of(board(site(alerts=()))).text


def test_a_database_without_sites_gives_a_page_that_says_so() -> None:
    text = page_of(QualityBoard(board().generated_at, ())).text
    assert "No site is stored in this database yet" in text
    assert "No ingestion was ever run" in text


def test_a_site_without_channels_or_history_gives_a_page_that_says_so() -> None:
    bare = site(
        channels=(), gaps=(), rejects=(), validation=(), runs=(), alerts=(),
        last_run_at=None, last_run_status=None, completeness_pct=None,
    )  # fmt: skip
    text = page_of(board(bare)).text
    for sentence in ("No channel is stored yet", "No gap in the last", "Nothing was refused"):
        assert sentence in text
    assert "reports and exports are blocked until they are" in text


def test_the_same_board_gives_the_same_bytes() -> None:
    first, second = (dashboard_document(board()) for _ in range(2))
    assert document_bytes(first) == document_bytes(second)
    assert dashboard_page(first) == dashboard_page(second)


def test_two_hundred_channels_stay_a_small_page() -> None:
    html = dashboard_page(dashboard_document(large_board(200)))
    assert len(rows_of(html, "channels")) == 200
    assert len(html.encode()) < 600_000


def test_the_policy_lets_through_this_script_and_style_and_no_other() -> None:
    html = dashboard_page(dashboard_document(board()))
    policy = re.search(r'Policy" content="([^"]*)"', html)
    assert policy is not None
    for tag in ("style", "script"):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert len(found) == 1
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy[1]
    assert "unsafe" not in policy[1]
    # Nothing is loaded, and no attribute runs or styles anything past the policy.
    assert not re.search(r"<(?:link|img|iframe|object|base)\b|\son\w+=|\sstyle=|https?://", html)


def test_two_hundred_hostile_names_change_no_element_of_the_page() -> None:
    names = cycle(hostile_names())
    # Different ones too: what is the same is counted together.
    numbers = count()
    plain = page_of(renamed(lambda _: f"plain {next(numbers)}"))
    for _ in range(25):
        assert page_of(renamed(lambda _: next(names))).structure == plain.structure
    hostile = page_of(large_board(200, hostile_names().__getitem__))
    assert hostile.structure == page_of(large_board(200)).structure
    assert "<script>alert(0)</script>" in hostile.text
