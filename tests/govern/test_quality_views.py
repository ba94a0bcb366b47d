"""v_ingestion_quality, v_data_quality_scorecard, v_data_health_monitor against planted faults."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from clean_site import CLIMATE, KITCHEN, OFFICE, RUN_ID, TOTAL, Channel, CleanSite, plant_site
from support import Database

from govern.refresh_views import refresh

TUESDAY = date(2026, 3, 3)
NOON = datetime(2026, 3, 3, 17, tzinfo=UTC)  # 12:00 in New York
# What the owner's documents ask of each view, by these names.
OWNERS_COLUMNS = {
    "v_ingestion_quality": (
        "channel_id date readings_count null_energy_count null_power_count negative_power_count "
        "extreme_power_count first_reading last_reading hours_covered"
    ),
    "v_channel_health": (
        "channel_id channel_name readings_last_7d completeness_pct last_reading hours_since_last "
        "health_status"
    ),
    "v_data_quality_scorecard": (
        "date total_readings valid_energy valid_power active_channels avg_energy_kwh avg_power_kw"
    ),
}


def aggregate(database: Database) -> None:
    """Take in what was planted, and everything that was changed by hand since."""
    with closing(database.connect()) as connection:
        refresh(connection, full=True)


def rows_of(database: Database, query: str, now: datetime, *values: Any) -> list[dict[str, Any]]:
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('argo.now', %s, true)", [now.isoformat()])
        cursor.execute(query, values)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def quality(site: CleanSite, channel_id: int, day: date = TUESDAY) -> dict[str, Any]:
    rows = rows_of(
        site.database,
        "SELECT * FROM v_ingestion_quality WHERE channel_id = %s AND date = %s",
        site.now,
        channel_id,
        day,
    )
    assert len(rows) == 1
    return rows[0]


def scorecard(site: CleanSite, day: date = TUESDAY) -> dict[str, Any]:
    query = "SELECT * FROM v_data_quality_scorecard WHERE date = %s"
    return rows_of(site.database, query, site.now, day)[0]


def monitor(database: Database, now: datetime) -> dict[str, Any]:
    (row,) = rows_of(database, "SELECT * FROM v_data_health_monitor", now)
    return row


@pytest.mark.parametrize("view", OWNERS_COLUMNS)
def test_a_view_has_the_columns_that_the_owner_named(database: Database, view: str) -> None:
    rows = database.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", [view]
    )
    assert set(OWNERS_COLUMNS[view].split()) <= {name for (name,) in rows}


def test_clean_days_are_complete_and_nothing_more_is_expected(database: Database) -> None:
    site = plant_site(database)
    aggregate(database)
    rows = rows_of(database, "SELECT * FROM v_ingestion_quality", site.now)
    assert len(rows) == 3 * 4
    counts = {
        (row["readings_count"], row["expected_count"], row["completeness_pct"], row["conflicts"])
        for row in rows
    }
    assert counts == {(96, 96, 100, 0)}
    assert {row["hours_covered"] for row in rows} == {24}
    nulls = {row["channel_id"]: row["null_energy_pct"] for row in rows}
    # A climate sensor has no energy to lack.
    assert nulls == {TOTAL: 0, KITCHEN: 0, OFFICE: 0, CLIMATE: None}


def plant_faults(database: Database) -> None:
    """On the Tuesday, in the kitchen: 6 lost, 2 without energy, 3 negative, 1 extreme."""
    update = "UPDATE readings SET {} WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s"

    def change(what: str, first: int, count: int) -> None:
        start = NOON + timedelta(minutes=15 * first)
        end = start + timedelta(minutes=15 * count)
        database.execute(update.format(what), (KITCHEN, start, end))

    database.execute(
        "DELETE FROM readings WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s",
        (KITCHEN, NOON, NOON + timedelta(minutes=90)),
    )
    change("energy_kwh = NULL", 6, 2)
    change("power_kw = -1", 8, 3)
    change("power_kw = 1001", 11, 1)


def test_planted_faults_are_counted_on_their_day_and_channel(database: Database) -> None:
    site = plant_site(database)
    plant_faults(database)
    aggregate(database)
    row = quality(site, KITCHEN)
    assert (row["readings_count"], row["expected_count"]) == (90, 96)
    assert float(row["completeness_pct"]) == 93.7  # 93.75, cut
    assert (row["null_energy_count"], row["null_power_count"]) == (2, 0)
    assert float(row["null_energy_pct"]) == pytest.approx(100 * 2 / 90, abs=0.005)
    assert (row["negative_power_count"], row["extreme_power_count"]) == (3, 1)
    assert float(row["hours_covered"]) == 90 / 4
    assert row["first_reading"] == datetime(2026, 3, 3, 5, tzinfo=UTC)
    assert row["last_reading"] == datetime(2026, 3, 4, 4, 45, tzinfo=UTC)
    assert quality(site, OFFICE)["completeness_pct"] == 100
    assert quality(site, KITCHEN, date(2026, 3, 2))["completeness_pct"] == 100


def test_what_was_refused_and_contradicted_is_counted(database: Database) -> None:
    site = plant_site(database)
    refuse = (
        "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, field, raw, "
        "raw_md5, rejected_at) VALUES (%s, %s, %s, %s, %s, %s, '{}', %s, %s)"
    )
    second = NOON + timedelta(minutes=15)
    planted = [
        (NOON, "row", "energy_kwh_out_of_range", None),
        (second, "field", "out_of_range", "voltage_v"),
        (second, "field", "out_of_range", "current_a"),
        (second, "row", "no_values", None),
        # No time, or an impossible one: the day on which it came.
        (None, "row", "no_timestamp", None),
        (NOON + timedelta(days=900), "row", "future_timestamp", None),
    ]
    for number, (at, scope, reason, field) in enumerate(planted):
        came = NOON + timedelta(hours=2)
        database.execute(
            refuse, (str(RUN_ID), KITCHEN, at, scope, reason, field, str(number), came)
        )
    database.execute(
        "INSERT INTO reading_conflicts (channel_id, timestamp, field) VALUES (%s, %s, 'power_kw')",
        (KITCHEN, NOON),
    )
    aggregate(database)
    row = quality(site, KITCHEN)
    assert (row["rejected_rows"], row["rejected_values"], row["conflicts"]) == (4, 2, 1)
    # Two intervals had something out of range, of 96 stored and 4 refused readings.
    assert (row["out_of_range_count"], float(row["out_of_range_pct"])) == (2, 2.0)
    other = quality(site, KITCHEN, date(2026, 3, 4))
    assert (other["rejected_rows"], other["rejected_values"], other["conflicts"]) == (0, 0, 0)
    card = scorecard(site)
    assert (card["rejected_rows"], card["rejected_values"], card["conflicts"]) == (4, 2, 1)


def test_a_channel_that_sent_nothing_all_day_is_a_row_of_zeros(database: Database) -> None:
    site = plant_site(database)
    database.execute(
        "DELETE FROM readings WHERE channel_id = %s AND timestamp >= '2026-03-03 05:00Z'", [OFFICE]
    )
    aggregate(database)
    for day in (TUESDAY, date(2026, 3, 4)):
        row = quality(site, OFFICE, day)
        assert (row["readings_count"], row["expected_count"]) == (0, 96)
        assert row["completeness_pct"] == 0
    assert scorecard(site)["active_channels"] == 3
    assert scorecard(site)["expected_channels"] == 4


def test_channels_that_should_send_nothing_are_not_missed(database: Database) -> None:
    site = plant_site(database)
    database.execute("DELETE FROM readings WHERE channel_id = %s", [CLIMATE])
    database.execute(
        "DELETE FROM readings WHERE channel_id IN (%s, %s) AND timestamp >= '2026-03-03 05:00Z'",
        (KITCHEN, OFFICE),
    )
    database.execute("UPDATE channels SET status = 'retired' WHERE channel_id = %s", [KITCHEN])
    database.execute("UPDATE channels SET status = 'unreadable' WHERE channel_id = %s", [OFFICE])
    aggregate(database)
    rows = rows_of(
        database,
        "SELECT channel_id, date, expected_count FROM v_ingestion_quality "
        "WHERE expected_count > 0 ORDER BY 1, 2",
        site.now,
    )
    days = [date(2026, 3, 2), TUESDAY, date(2026, 3, 4)]
    expected = [(TOTAL, day, 96) for day in days] + [(KITCHEN, days[0], 96)]
    assert [tuple(row.values()) for row in rows] == expected


def test_of_the_running_day_only_what_was_asked_for_is_expected(database: Database) -> None:
    plant_site(database)
    at = datetime(2026, 3, 4, 17, tzinfo=UTC)  # noon of the last day
    database.execute("DELETE FROM readings WHERE timestamp >= %s", [at])
    database.execute(
        "UPDATE ingestion_logs SET window_end = %s, started_at = %s, finished_at = %s",
        (at, at + timedelta(minutes=40), at + timedelta(minutes=41)),
    )
    aggregate(database)
    rows = rows_of(
        database,
        "SELECT DISTINCT readings_count, expected_count FROM v_ingestion_quality "
        "WHERE date = '2026-03-04'",
        at + timedelta(hours=8),
    )
    assert [tuple(row.values()) for row in rows] == [(48, 48)]


@pytest.mark.parametrize(("day", "count"), [(date(2026, 3, 8), 92), (date(2026, 11, 1), 100)])
def test_a_day_on_which_the_clocks_change_expects_its_own_length(
    database: Database, day: date, count: int
) -> None:
    site = plant_site(database, first_day=day, days=1)
    aggregate(database)
    row = quality(site, OFFICE, day)
    assert (row["readings_count"], row["expected_count"]) == (count, count)


def test_only_the_last_35_days_are_shown(database: Database) -> None:
    site = plant_site(database, days=40, channels=[Channel(OFFICE)])
    aggregate(database)
    (row,) = rows_of(
        database, "SELECT min(date), max(date), count(*) FROM v_ingestion_quality", site.now
    )
    # Now is an hour into the day after the 40: it and 34 before make 35, and nothing of it is due.
    last = site.period.last_day
    assert tuple(row.values()) == (last - timedelta(days=33), last, 34)


def test_the_scorecard_sums_its_channels(database: Database) -> None:
    site = plant_site(database)
    plant_faults(database)
    aggregate(database)
    card = scorecard(site)
    assert (card["total_readings"], card["expected_readings"]) == (4 * 96 - 6, 4 * 96)
    assert float(card["completeness_pct"]) == 98.4  # 378 of 384, cut
    # The climate sensor has neither energy nor power.
    assert (card["valid_energy"], card["valid_power"]) == (3 * 96 - 6 - 2, 3 * 96 - 6)
    assert float(card["null_energy_pct"]) == pytest.approx(100 * 2 / 282, abs=0.005)
    means = database.execute(
        "SELECT avg(energy_kwh), avg(power_kw::float8) FROM readings "
        "WHERE timestamp >= '2026-03-03 05:00Z' AND timestamp < '2026-03-04 05:00Z'"
    )[0]
    found = (float(card["avg_energy_kwh"]), float(card["avg_power_kw"]))
    assert found == pytest.approx(means, abs=0.006)
    assert card["within_thresholds"] is False
    assert scorecard(site, date(2026, 3, 2))["within_thresholds"] is True


def test_the_monitor_calls_a_clean_site_healthy(database: Database) -> None:
    site = plant_site(database)
    aggregate(database)
    row = monitor(database, site.now)
    assert row["health_status"] == "healthy"
    assert (row["channels_healthy"], row["channels_critical"]) == (4, 0)
    assert (row["completeness_pct"], row["last_run_status"]) == (100, "success")
    # The run ended 51 minutes after the period, now is 60 after it.
    assert float(row["hours_since_last_run"]) == pytest.approx(0.15, abs=0.06)


def test_the_monitor_warns_of_a_channel_that_stopped(database: Database) -> None:
    site = plant_site(database)
    database.execute(
        "DELETE FROM readings WHERE channel_id = %s AND timestamp >= '2026-03-04 05:00Z'", [OFFICE]
    )
    aggregate(database)
    row = monitor(database, site.now)
    assert (row["health_status"], row["channels_critical"]) == ("warning", 1)
    assert float(row["completeness_pct"]) == pytest.approx(100 * 11 / 12, abs=0.1)


def test_the_monitor_is_critical_when_the_last_run_failed(database: Database) -> None:
    site = plant_site(database)
    aggregate(database)
    database.execute(
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, started_at, finished_at) VALUES "
        "(gen_random_uuid(), %s, %s, %s, %s, 900, 'failed', %s, %s)",
        (site.site_id, OFFICE, site.period.start, site.period.end, site.now, site.now),
    )
    row = monitor(database, site.now + timedelta(minutes=5))
    assert (row["health_status"], row["last_run_status"]) == ("critical", "failed")


def test_the_monitor_is_critical_where_nothing_was_ever_ingested(database: Database) -> None:
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('7', 'New', 'Asia/Kolkata')"
    )
    row = monitor(database, NOON)
    assert (row["health_status"], row["completeness_pct"]) == ("critical", None)


def test_open_gaps_are_those_that_were_not_filled(database: Database) -> None:
    site = plant_site(database)
    aggregate(database)
    for number, filled_at in enumerate((None, NOON)):
        start = NOON + timedelta(hours=number)
        database.execute(
            "INSERT INTO data_gaps (channel_id, gap_start, gap_end, missing_intervals, filled_at) "
            "VALUES (%s, %s, %s, 1, %s)",
            (OFFICE, start, start + timedelta(minutes=15), filled_at),
        )
    assert monitor(database, site.now)["open_gaps"] == 1
