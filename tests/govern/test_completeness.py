"""Checks of completeness: of the site, of its total, of each channel; and of silence."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime

import pytest
from clean_site import (
    CHANNELS,
    CLIMATE,
    KITCHEN,
    OFFICE,
    TOTAL,
    Channel,
    CleanSite,
    plant_site,
)
from planted_faults import NOON, ONE, TWELVE, TWO, faulty, refused_total, run_one, window_of
from support import Database

from govern.refresh_views import refresh
from lib.date_utils import Period


@pytest.fixture
def clean_site(database: Database) -> CleanSite:
    """Three clean days, 2 to 4 March."""
    return plant_site(database)


@pytest.mark.parametrize(
    ("changes_on", "expected"), [(date(2026, 3, 8), 4 * 92), (date(2026, 11, 1), 4 * 100)]
)
def test_completeness_knows_how_long_the_day_was(
    database: Database, changes_on: date, expected: int
) -> None:
    site = plant_site(database, first_day=changes_on, days=1)
    # Three hours of one channel: 12 readings, 97 % of either day.
    fault = (
        f"DELETE FROM readings WHERE channel_id = {OFFICE} "
        f"AND timestamp >= '{changes_on}T15:00Z' AND timestamp < '{changes_on}T18:00Z'"
    )
    with faulty(site, "SELECT 1") as (_, cursor):
        assert run_one(cursor, "completeness_warn", window_of(site)).count == 0
    with faulty(site, fault) as (_, cursor):
        row = run_one(cursor, "completeness_warn", window_of(site)).sample[0]
    assert (row["received"], row["expected"]) == (expected - 12, expected)


def test_a_day_too_many_hours_long_does_not_pass_as_complete_with_96(database: Database) -> None:
    site = plant_site(database, first_day=date(2026, 11, 1), days=1)
    # The repeated hour is missing in every channel: 96 of 100.
    fault = (
        "DELETE FROM readings WHERE timestamp >= '2026-11-01T06:00Z' "
        "AND timestamp < '2026-11-01T07:00Z'"
    )
    with faulty(site, fault) as (_, cursor):
        row = run_one(cursor, "completeness_warn", window_of(site)).sample[0]
    assert row["completeness_pct"] == 96


def test_one_bad_day_is_not_hidden_by_a_good_week(database: Database) -> None:
    site = plant_site(database, days=7)
    fault = (
        f"DELETE FROM readings WHERE channel_id IN ({OFFICE}, {KITCHEN}) "
        "AND timestamp >= '2026-03-04T05:00Z' AND timestamp < '2026-03-05T05:00Z'"
    )
    with faulty(site, fault) as (_, cursor):
        found = run_one(cursor, "completeness_error", window_of(site))
    assert [row["day"] for row in found.sample] == ["2026-03-04"]  # the week as a whole has 92 %


def test_a_channel_that_never_reported_is_not_missed(clean_site: CleanSite) -> None:
    planted = (
        "INSERT INTO channels (channel_id, organization_id, channel_name, interval_seconds) "
        "VALUES (199, '23271', 'Spare', 900)"
    )
    with faulty(clean_site, planted) as (_, cursor):
        for name in ("completeness_error", "completeness_warn", "gaps", "dead_channels"):
            assert run_one(cursor, name, window_of(clean_site)).count == 0


def test_a_channel_is_expected_from_its_installation_to_its_removal(clean_site: CleanSite) -> None:
    shortened = (
        f"DELETE FROM readings WHERE channel_id = {OFFICE} AND (timestamp < '2026-03-03T05:00Z' "
        "OR timestamp >= '2026-03-04T05:00Z')"
    )
    with faulty(clean_site, shortened) as (_, cursor):
        window = window_of(clean_site)
        assert run_one(cursor, "completeness_error", window).count == 1  # the last day
        cursor.execute(
            "UPDATE channels SET installed_at = '2026-03-03T05:00Z', "
            f"uninstalled_at = '2026-03-04T05:00Z' WHERE channel_id = {OFFICE}"
        )
        for name in ("completeness_error", "completeness_warn", "gaps", "dead_channels"):
            assert run_one(cursor, name, window).count == 0


def test_days_without_any_channel_to_report_count_as_missing(database: Database) -> None:
    site = plant_site(database)
    with faulty(site, "DELETE FROM readings") as (_, cursor):
        assert run_one(cursor, "completeness_error", window_of(site)).count == 3
    before = Period(date(2026, 2, 27), date(2026, 3, 2), "America/New_York")
    with faulty(site, "SELECT 1") as (_, cursor):
        found = run_one(cursor, "completeness_error", window_of(site, before))
    assert [row["day"] for row in found.sample] == ["2026-02-27", "2026-02-28", "2026-03-01"]


@pytest.mark.parametrize(
    "harmless",
    [
        refused_total(NOON, ONE),  # 2 of 288
        refused_total(NOON, ONE, TWO, reason="future_timestamp"),
        # A later answer filled the interval.
        refused_total(NOON, ONE, TWO)
        + f"; INSERT INTO readings (channel_id, timestamp, interval_seconds) VALUES ({TOTAL}, "
        f"'{TWO}', 900)",
        refused_total(NOON, ONE, TWO).replace(str(TOTAL), str(OFFICE)),
    ],
    ids=["less than 1 %", "no time of its own", "filled later", "not in the total"],
)
def test_refused_readings_of_the_total_may_be_few(clean_site: CleanSite, harmless: str) -> None:
    with faulty(clean_site, harmless) as (_, cursor):
        found = run_one(cursor, "rejected_of_site_total", window_of(clean_site))
    assert found.verdict == "pass"


def test_a_main_dead_for_three_of_seven_days_closes_the_breaker(database: Database) -> None:
    # Ten channels, so that the site as a whole keeps 90 %.
    more = [Channel(number) for number in range(105, 111)]
    site = plant_site(database, days=7, channels=[*CHANNELS, *more])
    dead = f"DELETE FROM readings WHERE channel_id = {TOTAL} AND timestamp >= '2026-03-06T05:00Z'"
    with faulty(site, dead) as (_, cursor):
        assert run_one(cursor, "completeness_error", window_of(site)).count == 0
        found = run_one(cursor, "completeness_of_site_total", window_of(site))
        assert found.verdict == "fail"
        assert [row["day"] for row in found.sample] == ["2026-03-06", "2026-03-07", "2026-03-08"]
        assert "2026-03-06: 0.0 %, 0 of 96 readings" in found.summary
        channels = run_one(cursor, "completeness_of_channels", window_of(site))
    # 4 days of 96 out of these and a Sunday of 92 quarter hours.
    assert channels.summary.endswith("Channel 101 (101): 57.4 %, 384 of 668 readings")


def test_a_dead_channel_outside_the_total_only_warns(database: Database) -> None:
    more = [Channel(number) for number in range(105, 112)]
    site = plant_site(database, channels=[*CHANNELS, *more])
    with faulty(site, f"DELETE FROM readings WHERE channel_id = {OFFICE} AND {TWELVE}") as (_, cur):
        assert run_one(cur, "completeness_of_site_total", window_of(site)).verdict == "pass"
        assert run_one(cur, "completeness_of_channels", window_of(site)).verdict == "warn"


def test_days_before_the_main_was_installed_have_no_total(clean_site: CleanSite) -> None:
    later = f"DELETE FROM readings WHERE channel_id = {TOTAL} AND timestamp < '2026-03-03T05:00Z'"
    with faulty(clean_site, later) as (_, cursor):
        found = run_one(cursor, "completeness_of_site_total", window_of(clean_site))
    assert [(row["day"], row["expected"]) for row in found.sample] == [("2026-03-02", 0)]


def test_a_site_without_any_energy_channel_has_no_total_to_complete(database: Database) -> None:
    site = plant_site(database, channels=[Channel(CLIMATE, "environment")])
    with faulty(site, "SELECT 1") as (_, cursor):
        assert run_one(cursor, "completeness_of_site_total", window_of(site)).count == 0


def test_without_any_data_no_check_of_completeness_says_none(database: Database) -> None:
    site = plant_site(database)
    with faulty(site, "DELETE FROM readings") as (_, cursor):
        warned = run_one(cursor, "completeness_warn", window_of(site))
        assert (warned.count, warned.verdict) == (3, "warn")
        assert "2026-03-02: 0.0 %, 0 of 0 readings" in warned.summary
        dead = run_one(cursor, "dead_channels", window_of(site))
        assert (dead.count, dead.verdict) == (4, "warn")
        assert dead.summary.endswith("Channel 101 (101) has no reading yet")


def test_channels_of_a_site_silent_for_months_are_dead(clean_site: CleanSite) -> None:
    april = Period(date(2026, 4, 20), date(2026, 4, 22), "America/New_York")
    now = datetime(2026, 4, 24, tzinfo=UTC)
    retired = f"UPDATE channels SET status = 'retired' WHERE channel_id = {CLIMATE}"
    with faulty(clean_site, retired) as (_, cursor):
        found = run_one(cursor, "dead_channels", window_of(clean_site, april, now))
    assert [row["channel_id"] for row in found.sample] == [TOTAL, KITCHEN, OFFICE]
    assert "Channel 101 (101) since 2026-03-05 00:00" in found.summary


MAINLESS = [Channel(number) for number in range(102, 110)]


@pytest.mark.parametrize(
    ("share", "verdict"),
    # Eight channels: a dead one is an eighth of the readings. Its share of the energy decides.
    [(0.02, "pass"), (1.0, "fail")],
    ids=["small", "as large as the others"],
)
def test_on_a_site_without_a_main_the_energy_of_a_dead_channel_decides(
    database: Database, share: float, verdict: str
) -> None:
    site = plant_site(database, channels=MAINLESS, days=7)
    with closing(database.connect()) as connection:
        refresh(connection)
    # All alike but for one; it dies on the last three days.
    dead = (
        f"UPDATE mv_hourly_usage SET avg_kw = CASE channel_id WHEN {OFFICE} THEN {share} * 4 "
        f"ELSE 4 END; DELETE FROM readings WHERE channel_id = {OFFICE} "
        "AND timestamp >= '2026-03-06T05:00Z'"
    )
    with faulty(site, dead) as (_, cursor):
        for name in ("completeness_error", "completeness_of_site_total"):
            found = run_one(cursor, name, window_of(site))
            assert found.verdict == verdict, name
        assert run_one(cursor, "completeness_of_channels", window_of(site)).verdict == "warn"
        assert run_one(cursor, "completeness_warn", window_of(site)).verdict == "warn"
        assert run_one(cursor, "dead_channels", window_of(site)).verdict == "warn"


def test_two_small_dead_channels_are_most_data_missing(database: Database) -> None:
    site = plant_site(database, channels=MAINLESS, days=7)
    with closing(database.connect()) as connection:
        refresh(connection)
    dead = (
        f"UPDATE mv_hourly_usage SET avg_kw = CASE WHEN channel_id IN ({OFFICE}, {KITCHEN}) "
        f"THEN 0.1 ELSE 4 END; DELETE FROM readings WHERE channel_id IN ({OFFICE}, {KITCHEN}) "
        "AND timestamp >= '2026-03-06T05:00Z'"
    )
    with faulty(site, dead) as (_, cursor):
        found = run_one(cursor, "completeness_error", window_of(site))
        assert [row["day"] for row in found.sample] == ["2026-03-06", "2026-03-07", "2026-03-08"]
        assert run_one(cursor, "completeness_of_site_total", window_of(site)).count == 0


def test_days_before_the_known_installation_of_the_main_only_warn(clean_site: CleanSite) -> None:
    later = (
        f"DELETE FROM readings WHERE channel_id = {TOTAL} AND timestamp < '2026-03-03T05:00Z'; "
        f"UPDATE channels SET installed_at = '2026-03-03T05:00Z' WHERE channel_id = {TOTAL}"
    )
    with faulty(clean_site, later) as (_, cursor):
        window = window_of(clean_site)
        assert run_one(cursor, "completeness_of_site_total", window).count == 0
        assert run_one(cursor, "total_not_installed_yet", window).verdict == "warn"
        # A window without any day of a total has no total to show.
        monday = Period(date(2026, 3, 2), date(2026, 3, 2), "America/New_York")
        found = run_one(cursor, "completeness_of_site_total", window_of(clean_site, monday))
        assert found.verdict == "fail"
