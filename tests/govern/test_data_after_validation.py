"""What was validated is what is delivered: any later change of a day's data closes the day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date

import psycopg2.extensions
import pytest
from clean_site import KITCHEN, OFFICE, TOTAL, CleanSite, plant_site, set_now
from support import Database

from govern.checks.window import load_window
from govern.refresh_views import refresh
from govern.validate_data import validate
from lib.circuit_breaker import period_status
from lib.date_utils import Period

MONDAY, WEDNESDAY, SUNDAY = date(2026, 3, 2), date(2026, 3, 4), date(2026, 3, 8)
WEEK = Period(MONDAY, SUNDAY, "America/New_York")
NOON = f"channel_id = {OFFICE} AND timestamp = '2026-03-04T12:00Z'"
# Nothing of these goes through ingestion: no log tells of them.
CHANGES = {
    "energy": f"UPDATE readings SET energy_kwh = energy_kwh * 3 WHERE {NOON}",
    "voltage": f"UPDATE readings SET voltage_v = voltage_v + 1 WHERE {NOON}",
    "to nothing": f"UPDATE readings SET power_kw = NULL WHERE {NOON}",
    "deleted": f"DELETE FROM readings WHERE {NOON}",
    "added": "INSERT INTO readings (channel_id, timestamp, interval_seconds, energy_kwh) "
    f"VALUES ({OFFICE}, '2026-03-04T12:07Z', 60, 1)",
    "exchanged": "UPDATE readings AS r SET energy_kwh = other.energy_kwh FROM readings AS other "
    f"WHERE r.timestamp = '2026-03-04T12:00Z' AND other.timestamp = r.timestamp "
    f"AND (r.channel_id, other.channel_id) IN (({KITCHEN}, {OFFICE}), ({OFFICE}, {KITCHEN}))",
    "aggregate": f"UPDATE mv_hourly_usage SET energy_kwh = 0 WHERE channel_id = {TOTAL} "
    "AND hour = '2026-03-04T12:00Z'",
}


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> CleanSite:
    """A clean week that passed; now is Monday morning."""
    planted = plant_site(database, first_day=MONDAY, days=7)
    set_now(monkeypatch, planted.now)
    with closing(database.connect()) as connection:
        refresh(connection)
        validated(connection, planted)
    return planted


def validated(connection: psycopg2.extensions.connection, site: CleanSite) -> str:
    window = load_window(connection, site.site_id, MONDAY, SUNDAY, site.now)
    return str(validate(connection, window)["verdict"])


@pytest.fixture
def reader(site: CleanSite) -> Iterator[psycopg2.extensions.connection]:
    """As deliver asks: the login that may not see a reading."""
    with closing(site.database.connect_reader()) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_that_no_log_tells_of_closes_its_day_only(
    site: CleanSite, reader: psycopg2.extensions.connection, change: str
) -> None:
    assert period_status(reader, site.site_id, WEEK).is_open
    reader.rollback()
    site.database.execute(change)
    found = period_status(reader, site.site_id, WEEK)
    assert (found.is_open, found.blocked_days) == (False, (WEDNESDAY,))
    assert "data arrived or changed after the validation of 2026-03-04" in found.reason


def test_what_is_put_back_as_it_was_opens_the_day_again(
    site: CleanSite, reader: psycopg2.extensions.connection
) -> None:
    site.database.execute(f"UPDATE readings SET energy_kwh = energy_kwh * 2 WHERE {NOON}")
    assert not period_status(reader, site.site_id, WEEK).is_open
    reader.rollback()
    site.database.execute(f"UPDATE readings SET energy_kwh = energy_kwh / 2 WHERE {NOON}")
    assert period_status(reader, site.site_id, WEEK).is_open


def test_another_sum_closes_every_day_until_it_is_validated_again(
    site: CleanSite, reader: psycopg2.extensions.connection
) -> None:
    site.database.execute(f"UPDATE channels SET channel_type = 'energy' WHERE channel_id = {TOTAL}")
    assert period_status(reader, site.site_id, WEEK).blocked_days == tuple(WEEK.days)
    reader.rollback()
    site.database.execute("UPDATE channels SET channel_type = 'site_total' WHERE channel_id = 101")
    site.database.execute(f"UPDATE channels SET in_site_total = false WHERE channel_id = {OFFICE}")
    with closing(site.database.connect()) as connection:
        assert validated(connection, site) == "pass"
    assert period_status(reader, site.site_id, WEEK).is_open


def test_a_zone_that_changed_closes_the_days_and_the_aggregates_do_not_match(
    site: CleanSite, reader: psycopg2.extensions.connection
) -> None:
    site.database.execute("UPDATE organizations SET timezone = 'America/Los_Angeles'")
    found = period_status(reader, site.site_id, Period(MONDAY, SUNDAY, "America/Los_Angeles"))
    assert set(WEEK.days) <= set(found.blocked_days)
    with closing(site.database.connect()) as connection:
        window = load_window(connection, site.site_id, date(2026, 3, 3), SUNDAY, site.now)
        checks = validate(connection, window)["checks"]
    failed = [check["name"] for check in checks if check["verdict"] == "fail"]
    assert "aggregates_match" in failed


WRONG_AGGREGATES = (
    "avg_kw = avg_kw + 0.1",
    "max_kw = max_kw + 0.1",
    "reading_count = 3",
    "expected_count = 2",
    "null_energy = 1",
    "null_power = 1",
    "interval_seconds = 60",
    "day = day + 1",
    "negative_power = 1",
    "extreme_power = 1",
    "first_reading = first_reading + interval '1 minute'",
    "last_reading = NULL",
)


def test_every_column_of_an_aggregate_is_compared_with_the_readings(site: CleanSite) -> None:
    hour = f"WHERE channel_id = {KITCHEN} AND hour = '2026-03-04T12:00Z'"
    site.database.execute(f"CREATE TABLE kept AS SELECT * FROM mv_hourly_usage {hour}")
    for values in WRONG_AGGREGATES:
        site.database.execute(f"UPDATE mv_hourly_usage SET {values} {hour}")
        with closing(site.database.connect()) as connection:
            window = load_window(connection, site.site_id, WEDNESDAY, WEDNESDAY, site.now)
            checks = validate(connection, window)["checks"]
        found = next(check for check in checks if check["name"] == "aggregates_match")
        assert (found["verdict"], found["count"]) == ("fail", 1), values
        site.database.execute(
            f"DELETE FROM mv_hourly_usage {hour}; INSERT INTO mv_hourly_usage SELECT * FROM kept"
        )
