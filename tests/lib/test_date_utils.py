"""Local calendars: days and weeks are right in every zone, on clock-change days too."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from lib.date_utils import (
    Period,
    chosen_period,
    last_complete_week,
    last_days,
    local_day,
    local_midnight,
    zone,
)
from lib.errors import UsageError


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2025, 11, 2), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", date(2025, 10, 5), 23.5),
        ("Asia/Kolkata", date(2026, 3, 8), 24),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # clocks changed at midnight
    ],
)
def test_a_local_day_has_its_true_length(timezone: str, day: date, hours: float) -> None:
    length = Period(day, day, timezone).end.astimezone(UTC) - Period(
        day, day, timezone
    ).start.astimezone(UTC)
    assert length == timedelta(hours=hours)


def test_a_midnight_that_is_skipped_is_the_first_instant_of_the_day() -> None:
    assert (
        local_midnight(date(2018, 11, 4), "America/Sao_Paulo").isoformat()
        == "2018-11-04T01:00:00-02:00"
    )


def test_days_include_today_in_the_sites_own_calendar() -> None:
    late_evening_in_new_york = datetime(2026, 11, 20, 3, tzinfo=UTC)
    period = last_days(2, late_evening_in_new_york, "America/New_York")
    assert (period.first_day, period.last_day) == (date(2026, 11, 18), date(2026, 11, 19))


@pytest.mark.parametrize(
    ("now", "monday"),
    [
        (datetime(2026, 11, 15, 12, tzinfo=UTC), date(2026, 11, 2)),  # Sunday: its week is not over
        (datetime(2026, 11, 16, 4, 59, tzinfo=UTC), date(2026, 11, 2)),  # still Sunday in New York
        (datetime(2026, 11, 16, 5, tzinfo=UTC), date(2026, 11, 9)),  # Monday midnight
    ],
)
def test_the_last_complete_week_runs_from_monday_to_sunday(now: datetime, monday: date) -> None:
    week = last_complete_week(now, "America/New_York")
    assert (week.first_day, week.last_day) == (monday, monday + timedelta(days=6))


def test_an_end_before_the_start_is_a_usage_error() -> None:
    default = Period(date(2026, 1, 1), date(2026, 1, 7), "UTC")
    with pytest.raises(UsageError, match="lies before"):
        chosen_period(date(2026, 2, 2), date(2026, 2, 1), default)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "America"])
def test_a_zone_that_does_not_exist_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="is not an IANA time zone"):
        zone(name)


def test_an_instant_falls_on_the_local_day() -> None:
    assert local_day(datetime(2026, 1, 1, 2, tzinfo=UTC), "America/New_York") == date(2025, 12, 31)
