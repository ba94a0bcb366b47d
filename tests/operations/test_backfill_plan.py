"""Which gaps are asked for again, when, and in how few windows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lib.date_utils import Period
from operations.backfill.plan import OpenGap, batches, periods_of, select, windows_of
from operations.backfill.run import Budget

NOON = datetime(2026, 7, 17, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEVER_ASKED = OpenGap(1, 11, "Main", NOON - 2 * HOUR, NOON - HOUR, 4, 900, "unknown", True, 0, None)


def gap(start: datetime, end: datetime, channel_id: int = 11, seconds: int = 900) -> OpenGap:
    return replace(
        NEVER_ASKED, channel_id=channel_id, start=start, end=end, interval_seconds=seconds
    )


def test_what_nobody_asked_for_is_asked_at_once() -> None:
    assert select([NEVER_ASKED], NOON, by_name=False).due == (NEVER_ASKED,)


@pytest.mark.parametrize(
    ("tries", "wait"),
    [(1, HOUR), (2, 2 * HOUR), (3, 4 * HOUR), (8, 128 * HOUR), (9, 7 * DAY), (4000, 7 * DAY)],
)
def test_the_wait_doubles_up_to_a_week(tries: int, wait: timedelta) -> None:
    tried = replace(NEVER_ASKED, tries=tries, last_try=NOON)
    assert select([tried], NOON + wait - timedelta(seconds=1), by_name=False).waiting == (tried,)
    assert select([tried], NOON + wait, by_name=False).due == (tried,)


def test_what_asking_does_not_fill_is_left_alone_unless_its_days_are_named() -> None:
    refused = replace(NEVER_ASKED, reason="rejected", fillable=False)
    assert select([refused], NOON, by_name=False).unfillable == (refused,)
    assert select([refused], NOON, by_name=True).due == (refused,)


def test_gaps_of_a_channel_up_to_a_day_apart_are_one_window() -> None:
    first, second = gap(NOON, NOON + HOUR), gap(NOON + HOUR + DAY, NOON + 3 * HOUR + DAY)
    (window,) = windows_of([second, first])
    assert (window.start, window.end) == (first.start, second.end)
    assert len(windows_of([first, gap(second.start + HOUR, second.end + HOUR)])) == 2
    assert len(windows_of([first, replace(second, channel_id=12)])) == 2


def test_a_long_gap_is_asked_in_windows_of_28_days_the_newest_first() -> None:
    windows = windows_of([gap(NOON - 60 * DAY, NOON)])
    assert [window.end - window.start for window in windows] == [4 * DAY, 28 * DAY, 28 * DAY]
    assert windows[0].end == NOON
    # 60 days of 96 quarter hours.
    assert sum(window.intervals for window in windows) == 5760


def test_a_run_holds_one_interval_length_and_so_many_windows_at_most() -> None:
    quarters = [gap(NOON, NOON + HOUR, channel_id) for channel_id in range(5)]
    windows = windows_of([*quarters, gap(NOON, NOON + HOUR, 9, seconds=60)])
    sizes = [(batch[0].interval_seconds, len(batch)) for batch in batches(windows, 2)]
    assert sizes == [(60, 1), (900, 2), (900, 2), (900, 1)]
    assert [len(batch) for batch in batches(windows, None)] == [1, 5]


def test_days_are_the_sites_own_and_neighbours_are_told_together() -> None:
    # 03:30 UTC is still the evening before in New York; an end at midnight is not a new day.
    late = datetime(2026, 7, 17, 3, 30, tzinfo=UTC)
    zone = "America/New_York"
    spans = [(late + 5 * DAY, late + 5 * DAY + HOUR / 2), (late, late + HOUR)]
    assert periods_of(spans, zone) == [
        Period(date(2026, 7, 16), date(2026, 7, 17), zone),
        Period(date(2026, 7, 21), date(2026, 7, 21), zone),
    ]


def test_a_budget_is_used_up_when_its_seconds_have_passed() -> None:
    clock = iter([100.0, 109.9, 110.0])
    budget = Budget(10, clock=lambda: next(clock))
    assert [budget.is_used_up, budget.is_used_up] == [False, True]
    assert not Budget(None, clock=lambda: 0.0).is_used_up
