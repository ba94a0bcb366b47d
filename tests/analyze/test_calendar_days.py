"""The local calendar: holidays are Sundays, and only wholly closed intervals are closed."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from synthetic_site import NEW_YORK, office_site

from analyze.calendar_days import site_calendar
from config.settings import SettingsError
from lib.closed_days import closed_days


def hours_open(day: str, timezone: str = NEW_YORK, interval_seconds: int = 900) -> float:
    start = pd.Timestamp(day, tz=timezone)
    index = pd.date_range(
        start, start + pd.DateOffset(days=1), freq=f"{interval_seconds}s", inclusive="left"
    )
    calendar = site_calendar(index, interval_seconds, office_site())
    return float(calendar.is_open.sum() * calendar.hours)


def test_an_ordinary_monday_is_open_for_13_hours() -> None:
    assert hours_open("2025-08-18") == 13


@pytest.mark.parametrize("day", ["2025-08-23", "2025-08-24", "2025-09-01", "2026-07-03"])
def test_weekends_and_holidays_are_closed(day: str) -> None:
    # 1 September 2025 is Labor Day; 4 July 2026 is a Saturday, observed on Friday the 3rd.
    assert hours_open(day) == 0


def test_clock_changes_do_not_move_the_opening_hours() -> None:
    # Both changes fall on Sundays: the Mondays after them open at 06:00 of the new clock.
    assert hours_open("2026-03-09") == 13
    assert hours_open("2025-11-03") == 13


def test_the_repeated_hour_of_autumn_has_the_same_slots_twice() -> None:
    start = pd.Timestamp("2025-11-02", tz=NEW_YORK)
    index = pd.date_range(start, start + pd.DateOffset(days=1), freq="15min", inclusive="left")
    calendar = site_calendar(index, 900, office_site())
    assert len(index) == 100
    assert calendar.slot[calendar.is_repeated].tolist() == [4, 5, 6, 7, 4, 5, 6, 7]


def test_the_skipped_hour_of_spring_has_no_slots() -> None:
    start = pd.Timestamp("2026-03-08", tz=NEW_YORK)
    index = pd.date_range(start, start + pd.DateOffset(days=1), freq="15min", inclusive="left")
    calendar = site_calendar(index, 900, office_site())
    assert sorted(set(range(96)) - set(calendar.slot.tolist())) == [8, 9, 10, 11]


def test_an_hour_in_which_the_site_opens_is_not_closed() -> None:
    site = office_site(opening_hours={"monday": ["06:30", "24:00"]})
    index = pd.date_range("2025-08-18", periods=24, freq="h", tz=NEW_YORK)
    is_open = site_calendar(index, 3600, site).is_open
    assert np.flatnonzero(is_open).tolist() == list(range(6, 24))


def test_a_holiday_counts_as_a_sunday() -> None:
    index = pd.date_range("2025-09-01", periods=24, freq="h", tz=NEW_YORK)
    assert set(site_calendar(index, 3600, office_site()).weekday.tolist()) == {6}


def test_configured_closed_days_are_closed_days() -> None:
    site = office_site(closed_days=[date(2025, 8, 19)])
    assert date(2025, 8, 19) in closed_days([2025], site)
    assert date(2025, 12, 25) in closed_days([2025], site)


def test_an_unknown_holiday_country_is_a_settings_error() -> None:
    site = office_site(holidays={"country": "XX"})
    with pytest.raises(SettingsError, match="holidays"):
        closed_days([2025], site)


def test_a_naive_index_is_an_error() -> None:
    with pytest.raises(ValueError, match="time zone"):
        site_calendar(pd.date_range("2025-08-18", periods=4, freq="h"), 3600, office_site())


@pytest.mark.parametrize(
    ("day", "is_quiet"),
    [("2025-12-23", False), ("2025-12-24", True), ("2025-12-31", True), ("2026-01-01", True),
     ("2026-01-02", False), ("2024-12-24", True), ("2024-12-23", False)],
)  # fmt: skip
def test_the_days_around_new_year_are_quiet(day: str, is_quiet: bool) -> None:
    index = pd.date_range(day, periods=4, freq="h", tz=NEW_YORK)
    assert site_calendar(index, 3600, office_site()).is_quiet.tolist() == [is_quiet] * 4
