"""The views: who may read them, and their figures against an independent computation."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import psycopg2
import psycopg2.errors
import pytest
from clean_site import CLIMATE, KITCHEN, OFFICE, RUN_ID, TOTAL, CleanSite, plant_site, set_now
from support import Database

from govern.refresh_views import refresh
from lib.schema import sql_files

# zone, the days around each change of the clocks in 2026 (none in Kolkata).
CLOCK_CHANGES = [
    ("America/New_York", date(2026, 3, 7)),
    ("America/New_York", date(2026, 10, 31)),
    ("Asia/Kolkata", date(2026, 3, 28)),
    ("Australia/Lord_Howe", date(2026, 4, 4)),
    ("Australia/Lord_Howe", date(2026, 10, 3)),
]
READABLE = [view.name for view in sql_files("views") if view.is_readable]
HIDDEN = ["readings", "ingestion_logs", "mv_hourly_usage", "schema_migrations", "v_clean_readings"]


@pytest.mark.parametrize("view", READABLE)
def test_the_reader_may_select_from(database: Database, view: str) -> None:
    with closing(database.connect_reader()) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {view}")
        assert cursor.fetchall() == []


@pytest.mark.parametrize("table", HIDDEN)
def test_the_reader_may_not_select_from(database: Database, table: str) -> None:
    with (
        closing(database.connect_reader()) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        cursor.execute(f"SELECT * FROM {table}")


def walk_to_hour_start(instant: datetime, zone: ZoneInfo) -> datetime:
    """The first minute since which the local hour and the offset have not changed."""

    def clock(at: datetime) -> tuple[int, timedelta | None]:
        local = at.astimezone(zone)
        return local.hour, local.utcoffset()

    start = instant
    while clock(start - timedelta(minutes=1)) == clock(instant):
        start -= timedelta(minutes=1)
    return start


@pytest.mark.parametrize(("timezone", "first_day"), CLOCK_CHANGES)
def test_local_hours_start_where_the_clock_says(
    database: Database, timezone: str, first_day: date
) -> None:
    zone = ZoneInfo(timezone)
    first = datetime.combine(first_day, datetime.min.time(), UTC)
    instants = [first + timedelta(minutes=5 * step) for step in range(3 * 288)]
    stored = database.execute(
        "SELECT at, local_hour_start(at, %s) FROM unnest(%s::timestamptz[]) AS at",
        (timezone, instants),
    )
    wrong = {at: start for at, start in stored if start != walk_to_hour_start(at, zone)}
    assert wrong == {}
    crossing = [
        (at, start)
        for at, start in stored
        if start.astimezone(zone).date() != at.astimezone(zone).date()
    ]
    assert crossing == []


@pytest.fixture
def patchy_site(
    database: Database, request: pytest.FixtureRequest
) -> tuple[CleanSite, pd.DataFrame]:
    """Three local days around a clock change with holes and nulls, and the readings in pandas."""
    timezone, first_day = request.param
    site = plant_site(database, timezone=timezone, first_day=first_day, days=3)
    database.execute("DELETE FROM readings WHERE mod(extract(epoch FROM timestamp)/900, 7) = 3")
    database.execute(
        "UPDATE readings SET power_kw = NULL WHERE mod(extract(epoch FROM timestamp)/900, 11) = 5"
    )
    with closing(database.connect()) as connection:
        refresh(connection)
    rows = database.execute(
        "SELECT channel_id, timestamp, energy_kwh, power_kw::float8 FROM readings"
    )
    frame = pd.DataFrame(rows, columns=["channel_id", "timestamp", "energy_kwh", "power_kw"])
    local = pd.to_datetime(frame["timestamp"], utc=True).dt.tz_convert(timezone)
    frame["offset"] = [instant.utcoffset() for instant in local]
    frame["hour_local"] = [instant.replace(minute=0, tzinfo=None) for instant in local]
    frame["day"] = local.dt.date
    frame["month"] = [instant.date().replace(day=1) for instant in local]
    frame = frame.astype({"energy_kwh": float, "power_kw": float})
    return site, frame


def summed(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Energy, mean and peak power and number of readings by channel and `keys`."""
    grouped = frame.groupby(["channel_id", *keys])
    return pd.DataFrame(
        {
            "energy_kwh": grouped["energy_kwh"].sum(min_count=1),
            "avg_kw": grouped["power_kw"].mean(),
            "peak_kw": grouped["power_kw"].max(),
            "reading_count": grouped["power_kw"].size().astype(float),
        }
    )


def assert_same(rows: list[tuple[object, ...]], expected: pd.DataFrame) -> None:
    """The rows of a view (channel, key, four figures) are the expected ones, in this order."""
    figures = np.array([row[2:] for row in rows], dtype=float)
    assert figures.shape == expected.shape
    np.testing.assert_allclose(figures, expected.to_numpy(), rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("patchy_site", CLOCK_CHANGES, indirect=True)
def test_hours_days_and_months_equal_pandas(
    database: Database, patchy_site: tuple[CleanSite, pd.DataFrame]
) -> None:
    _, frame = patchy_site
    hourly = database.execute(
        "SELECT channel_id, hour, energy_kwh, avg_kw, max_kw, reading_count "
        "FROM v_readings_hourly ORDER BY channel_id, hour"
    )
    # Of the two hours of the same name the one with the larger offset comes first.
    by_hour = summed(frame.assign(offset=-frame["offset"]), ["hour_local", "offset"])
    assert_same(hourly, by_hour)
    daily = database.execute(
        "SELECT channel_id, day, energy_kwh, avg_kw, peak_kw, reading_count "
        "FROM v_readings_daily ORDER BY channel_id, day"
    )
    by_day = summed(frame, ["day"])
    assert [row[1] for row in daily] == [day for _, day in by_day.index]
    assert_same(daily, by_day)
    monthly = database.execute(
        "SELECT channel_id, month, energy_kwh, avg_kw, peak_kw, reading_count "
        "FROM v_readings_monthly ORDER BY channel_id, month"
    )
    assert_same(monthly, summed(frame, ["month"]))


@pytest.mark.parametrize(
    ("timezone", "changes_on", "quarter_hours"),
    [
        ("America/New_York", date(2026, 3, 8), 92),
        ("America/New_York", date(2026, 11, 1), 100),
        ("Australia/Lord_Howe", date(2026, 10, 4), 94),
        ("Australia/Lord_Howe", date(2026, 4, 5), 98),
        ("Asia/Kolkata", date(2026, 3, 29), 96),
    ],
)
def test_a_day_expects_as_many_intervals_as_it_is_long(
    database: Database, timezone: str, changes_on: date, quarter_hours: int
) -> None:
    plant_site(database, timezone=timezone, first_day=changes_on, days=1)
    with closing(database.connect()) as connection:
        refresh(connection)
    counts = database.execute("SELECT DISTINCT reading_count, expected_count FROM v_readings_daily")
    assert counts == [(quarter_hours, quarter_hours)]


def test_a_day_of_the_past_expects_what_its_own_interval_length_says(database: Database) -> None:
    plant_site(database, first_day=date(2026, 3, 2), days=1, interval_seconds=1800)
    database.execute("UPDATE channels SET interval_seconds = 900")
    with closing(database.connect()) as connection:
        refresh(connection)
    assert database.execute("SELECT DISTINCT expected_count FROM v_readings_daily") == [(48,)]


def test_the_site_total_is_summed_once_and_not_with_its_submeters(database: Database) -> None:
    plant_site(database)
    in_total = database.execute("SELECT channel_id FROM v_meters WHERE in_site_total")
    assert in_total == [(TOTAL,)]
    database.execute("UPDATE channels SET channel_type = 'virtual' WHERE channel_id = %s", [TOTAL])
    in_total = database.execute("SELECT channel_id FROM v_meters WHERE in_site_total ORDER BY 1")
    assert in_total == [(KITCHEN,), (OFFICE,)]


MAIN_METER = 7
MAIN_ALL, MAIN_L1, MAIN_L2, MAIN_L3 = 201, 202, 203, 204


def plant_main_by_phase(database: Database, channel_type: str, **statuses: str) -> list[int]:
    """One meter with its system value and three phases; returns what the site is summed over."""
    plant_site(database)
    database.execute("DELETE FROM readings; DELETE FROM channels WHERE channel_id = %s", [TOTAL])
    database.execute(
        "INSERT INTO meters (meter_id, organization_id) VALUES (%s, '23271')", [MAIN_METER]
    )
    for number, phase in enumerate(("system", "L1", "L2", "L3")):
        database.execute(
            "INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, "
            "displayed_phase, meter_id, status) VALUES (%s, '23271', %s, %s, %s, %s, %s)",
            (
                MAIN_ALL + number,
                f"Main {phase}",
                channel_type,
                phase,
                MAIN_METER,
                statuses.get(phase, "active"),
            ),
        )
    rows = database.execute("SELECT channel_id FROM v_meters WHERE in_site_total ORDER BY 1")
    return [channel_id for (channel_id,) in rows]


def test_the_phases_of_a_site_total_are_not_added_to_their_system_value(
    database: Database,
) -> None:
    assert plant_main_by_phase(database, "site_total") == [MAIN_ALL]


@pytest.mark.parametrize("status", ["unreadable", "silent"])
@pytest.mark.parametrize("channel_type", ["site_total", "energy"])
def test_phases_count_where_their_system_value_never_reported(
    database: Database, channel_type: str, status: str
) -> None:
    submeters = [KITCHEN, OFFICE] if channel_type == "energy" else []
    in_total = plant_main_by_phase(database, channel_type, system=status)
    assert set(in_total) - {MAIN_ALL} == {*submeters, MAIN_L1, MAIN_L2, MAIN_L3}


def test_phases_called_the_total_count_beside_a_system_value_that_is_not(
    database: Database,
) -> None:
    plant_main_by_phase(database, "site_total")
    database.execute(
        "UPDATE channels SET channel_type = 'energy' WHERE channel_id = %s", [MAIN_ALL]
    )
    rows = database.execute("SELECT channel_id FROM v_meters WHERE in_site_total ORDER BY 1")
    assert rows == [(MAIN_L1,), (MAIN_L2,), (MAIN_L3,)]


@pytest.mark.parametrize("status", ["silent", "unreadable"])
def test_a_site_total_that_never_reported_does_not_blank_the_site(
    database: Database, status: str
) -> None:
    plant_site(database)
    database.execute("UPDATE channels SET status = %s WHERE channel_id = %s", [status, TOTAL])
    rows = database.execute("SELECT channel_id FROM v_meters WHERE in_site_total ORDER BY 1")
    assert rows == [(KITCHEN,), (OFFICE,)]


def health(database: Database) -> dict[int, tuple[str, float | None]]:
    rows = database.execute(
        "SELECT channel_id, health_status, hours_since_last FROM v_channel_health"
    )
    return {channel: (status, None if lag is None else float(lag)) for channel, status, lag in rows}


def test_a_channel_is_as_healthy_as_the_last_sync_found_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_site(database)  # the sync ended 51 minutes after the last interval
    delete = "DELETE FROM readings WHERE channel_id = %s AND timestamp >= %s"
    last_midnight = datetime(2026, 3, 5, 5, tzinfo=UTC)
    database.execute(delete, (KITCHEN, last_midnight - timedelta(hours=3)))
    database.execute(delete, (OFFICE, last_midnight - timedelta(hours=7)))
    database.execute(
        "UPDATE ingestion_logs SET window_end = %s", [last_midnight + timedelta(days=1)]
    )
    assert health(database) == {
        TOTAL: ("healthy", 0.85),
        KITCHEN: ("warning", 3.85),
        OFFICE: ("critical", 7.85),
        CLIMATE: ("healthy", 0.85),
    }
    # Ten hours later nothing is due yet: the figures stay.
    before = health(database)
    set_now(monkeypatch, last_midnight + timedelta(hours=10))
    assert health(database) == before


def test_a_backfill_of_last_year_makes_no_channel_stale(database: Database) -> None:
    plant_site(database)
    before = health(database)
    database.execute(
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, started_at, finished_at) "
        "SELECT gen_random_uuid(), '23271', %s, '2025-01-01Z', '2025-01-02Z', 900, 'empty', "
        "'2026-03-05 20:00Z', '2026-03-05 20:01Z'",
        [OFFICE],
    )
    assert health(database) == before


def test_a_channel_known_to_be_unreadable_raises_no_alarm(database: Database) -> None:
    plant_site(database)
    database.execute("DELETE FROM readings WHERE channel_id = %s", [OFFICE])
    assert health(database)[OFFICE] == ("critical", None)
    database.execute("UPDATE channels SET status = 'unreadable' WHERE channel_id = %s", [OFFICE])
    assert health(database)[OFFICE] == ("inactive", None)


def test_completeness_of_the_last_week_counts_what_was_due(database: Database) -> None:
    plant_site(database, days=9)
    database.execute(
        "DELETE FROM readings WHERE channel_id = %s AND timestamp >= '2026-03-09 05:00Z' "
        "AND timestamp < '2026-03-10 05:00Z'",
        [KITCHEN],
    )
    rows = database.execute(
        "SELECT channel_id, readings_last_7d, completeness_pct::float8 FROM v_channel_health"
    )
    found = {channel: (count, pct) for channel, count, pct in rows}
    assert found[OFFICE] == (672, 100.0)
    assert found[KITCHEN] == (576, pytest.approx(100 * 576 / 672, abs=0.06))


def test_a_refused_reading_from_the_future_counts_for_the_day_it_came(database: Database) -> None:
    plant_site(database)
    database.execute(
        "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, raw, raw_md5,"
        " rejected_at) VALUES (gen_random_uuid(), %s, '2037-01-01Z', 'row', 'future_timestamp', "
        "'{}', '', '2026-03-03 12:00Z')",
        [OFFICE],
    )
    assert database.execute("SELECT day FROM v_rejected_counts") == [(date(2026, 3, 3),)]


def test_rejected_readings_are_counted_by_local_day_and_reason(database: Database) -> None:
    plant_site(database)
    database.execute(
        "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, raw, raw_md5)"
        " SELECT gen_random_uuid(), %s, at, 'row', 'no_values', '{}', at::text FROM unnest("
        "ARRAY['2026-03-03 04:30Z', '2026-03-03 05:30Z', '2026-03-03 06:30Z']::timestamptz[]"
        ") AS at",
        [OFFICE],
    )
    rows = database.execute(
        "SELECT site_id, channel_id, day, scope, reason, rejected "
        "FROM v_rejected_counts ORDER BY day"
    )
    common = ("row", "no_values")
    assert rows == [
        ("23271", OFFICE, date(2026, 3, 2), *common, 1),
        ("23271", OFFICE, date(2026, 3, 3), *common, 2),
    ]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["success", "empty"], "success"),
        (["success", "failed"], "partial"),
        (["failed", "failed"], "failed"),
        (["empty", "empty"], "empty"),
        (["success", "running"], "running"),
    ],
)
def test_a_run_is_what_its_windows_are(
    database: Database, statuses: list[str], expected: str
) -> None:
    for position, status in enumerate(statuses):
        database.execute(
            "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
            "window_end, interval_seconds, status, requests, started_at, finished_at) VALUES "
            "(%s, '1', %s, '2026-03-02Z', '2026-03-03Z', 900, %s, 2, now(), now())",
            (str(RUN_ID), position, status),
        )
    row = database.execute("SELECT windows, requests, status, finished_at FROM v_ingestion_status")
    assert row[0][:3] == (2, 4, expected)
    assert (row[0][3] is None) == (expected == "running")
