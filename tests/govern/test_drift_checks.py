"""Quality metrics against their own last weeks: "metrics_drift" sees sudden changes, no others."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
from planted_faults import CHECKS
from sandbox_client import running_sandbox
from support import Database, ScriptRunner

from govern.checks.runner import CheckResult, run_checks
from govern.checks.window import load_window
from govern.refresh_views import refresh

SITE = "23271"
MAIN, LIGHTING, RTU = 158694, 158695, 162119
# Monday 16 November; the clocks went back on the 1st.
NOW = datetime(2026, 11, 16, 11, tzinfo=UTC)
FIRST, LAST = date(2026, 10, 17), date(2026, 11, 15)
WEEK = (date(2026, 11, 9), LAST)
IN_WEEK = "timestamp >= '2026-11-09T05:00Z' AND timestamp < '2026-11-16T05:00Z'"
WEDNESDAY = "timestamp >= '2026-11-11T05:00Z' AND timestamp < '2026-11-12T05:00Z'"


@pytest.fixture(scope="module")
def clean_building(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Sixty clean days of the sandbox's site, ingested and aggregated."""
    with running_sandbox(NOW, clean=True) as sandbox:
        done = ScriptRunner(tmp_path_factory.mktemp("ingest"))(
            "ingest/ingest_to_postgres.py",
            *("--site", SITE, "--days", "60", "--allow-sandbox-data"),
            env={**sandbox.settings, "DATABASE_URL": module_database.url},
        )
    assert done.exit_code == 0, done.stderr
    with closing(module_database.connect()) as connection:
        refresh(connection)
    return module_database


def found_in(
    database: Database, days: tuple[date, date], *names: str, fault: str = "SELECT 1"
) -> list[CheckResult]:
    """What the checks find in those days with a fault planted; nothing of it stays."""
    with closing(database.connect()) as connection:
        window = load_window(connection, SITE, *days, NOW)
        with connection.cursor() as cursor:
            cursor.execute(fault)
            results = run_checks(cursor, [CHECKS[name] for name in names], window)
        connection.rollback()
    return results


def drift(database: Database, fault: str, days: tuple[date, date] = WEEK) -> CheckResult:
    return found_in(database, days, "metrics_drift", fault=fault)[0]


def test_thirty_clean_days_give_no_error_and_no_warning(clean_building: Database) -> None:
    results = found_in(clean_building, (FIRST, LAST), *CHECKS)
    assert [(result.name, result.summary) for result in results if result.count] == []


@pytest.mark.parametrize("offset", [0, 7, 14, 21])
def test_no_week_and_no_day_of_them_gives_any_either(clean_building: Database, offset: int) -> None:
    first = FIRST + timedelta(days=offset)
    week = found_in(clean_building, (first, first + timedelta(days=6)), *CHECKS)
    day = found_in(clean_building, (first + timedelta(days=offset % 5),) * 2, *CHECKS)
    assert [(result.name, result.summary) for result in (*week, *day) if result.count] == []


def days_of(found: CheckResult, channel_id: int, metric: str) -> set[str]:
    return {
        row["day"]
        for row in found.sample
        if row["channel_id"] == channel_id and row["metric"] == metric
    }


def test_a_third_less_readings_than_usual_is_a_drift(clean_building: Database) -> None:
    # Every reading of a third of the hours of one day.
    lost = (
        f"DELETE FROM readings WHERE channel_id = {LIGHTING} AND {WEDNESDAY} "
        "AND extract(hour FROM timestamp)::int % 10 < 3"
    )
    found = drift(clean_building, lost)
    assert found.verdict == "warn"
    assert days_of(found, LIGHTING, "readings") == {"2026-11-11"}
    assert found.count == 1


@pytest.mark.parametrize("measure", ["voltage_v", "power_kw"])
def test_nulls_from_none_to_three_percent_are_a_drift(
    clean_building: Database, measure: str
) -> None:
    # 3 of 96 readings a day: below the 5 % of null_measures.
    nulled = (
        f"UPDATE readings SET {measure} = NULL WHERE channel_id = {RTU} AND {WEDNESDAY} "
        "AND extract(hour FROM timestamp) IN (6, 12, 18) AND extract(minute FROM timestamp) = 15"
    )
    found = drift(clean_building, nulled)
    assert [(row["day"], row["metric"], row["value"]) for row in found.sample] == [
        ("2026-11-11", f"nulls of {measure}", 3.125)
    ]
    assert found.verdict == "warn"


@pytest.mark.parametrize("factor", [1.6, 0.6])
@pytest.mark.parametrize("channel_id", [MAIN, LIGHTING, RTU])
def test_another_scale_is_a_drift_of_the_range(
    clean_building: Database, channel_id: int, factor: float
) -> None:
    scaled = (
        f"UPDATE readings SET power_kw = power_kw * {factor}, energy_kwh = energy_kwh * {factor} "
        f"WHERE channel_id = {channel_id} AND {IN_WEEK}"
    )
    found = drift(clean_building, scaled)
    assert found.verdict == "warn"
    assert {(row["channel_id"], row["metric"]) for row in found.sample} == {(channel_id, "range")}
    assert found.count >= 3  # some days are holidays, or as different as that


def test_refused_values_that_were_none_are_a_drift(clean_building: Database) -> None:
    refused = (
        "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, field, raw, "
        "raw_md5) SELECT '00000000-0000-4000-8000-000000000001', channel_id, timestamp, 'field', "
        f"'out_of_range', 'voltage_v', '{{}}', '' FROM readings WHERE channel_id = {RTU} "
        f"AND {WEDNESDAY} LIMIT 5"
    )
    found = drift(clean_building, refused)
    assert days_of(found, RTU, "refused values") == {"2026-11-11"}


def test_a_busy_night_is_no_other_scale(clean_building: Database) -> None:
    # The base load rises, the day stays what it was.
    busy = (
        f"UPDATE readings SET power_kw = power_kw + 3 WHERE channel_id = {LIGHTING} "
        f"AND {WEDNESDAY} AND power_kw < 2"
    )
    assert drift(clean_building, busy).count == 0


def test_days_that_a_later_backfill_filled_are_measured_again(clean_building: Database) -> None:
    with closing(clean_building.connect()) as connection:
        window = load_window(connection, SITE, *WEEK, NOW)
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TEMP TABLE held_back AS SELECT * FROM readings "
                f"WHERE channel_id = {RTU} AND timestamp < '2026-11-09T05:00Z'; "
                "DELETE FROM readings USING held_back AS h "
                "WHERE readings.channel_id = h.channel_id AND readings.timestamp = h.timestamp"
            )
            run_checks(cursor, [CHECKS["metrics_drift"]], window)
            cursor.execute(known_readings())
            assert cursor.fetchone() == (0,)
            cursor.execute(
                "INSERT INTO readings SELECT * FROM held_back; "
                "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
                "window_end, interval_seconds, status, readings_fetched, readings_inserted, "
                "started_at) SELECT '00000000-0000-4000-8000-0000000000bb', '23271', "
                f"{RTU}, min(timestamp), max(timestamp), 900, 'success', 1, 1, '2026-11-16T10:00Z' "
                "FROM held_back"
            )
            run_checks(cursor, [CHECKS["metrics_drift"]], window)
            cursor.execute(known_readings())
            assert cursor.fetchone() == (96,)
        connection.rollback()


def known_readings() -> str:
    """What is known of the RTU's 4 November."""
    return f"SELECT readings FROM quality_metrics WHERE channel_id = {RTU} AND day = '2026-11-04'"


def test_without_two_weeks_to_compare_with_nothing_is_a_drift(clean_building: Database) -> None:
    young = f"DELETE FROM readings WHERE channel_id = {RTU} AND timestamp < '2026-11-01T04:00Z'"
    assert drift(clean_building, young, (date(2026, 11, 9), date(2026, 11, 9))).count == 0
