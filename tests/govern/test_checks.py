"""Every check: silent on clean data, finds exactly the rows of a planted fault, silent again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2.extensions
import pytest
from clean_site import CLIMATE, KITCHEN, OFFICE, RUN_ID, TOTAL, CleanSite, plant_site
from support import Database

from config.settings import get_settings
from govern.checks.check_file import load_checks
from govern.checks.runner import CheckResult, overall_verdict, run_checks
from govern.checks.window import Window, load_window
from govern.refresh_views import refresh
from lib.date_utils import Period
from lib.errors import ArgoError

CHECKS = {check.name: check for check in load_checks()}
# The planted site covers 2 to 4 March 2026 in New York: 05:00Z to 05:00Z.
NOON, ONE, TWO = (
    "2026-03-03T12:00:00+00:00",
    "2026-03-03T13:00:00+00:00",
    "2026-03-03T14:00:00+00:00",
)


class Fault(NamedTuple):
    """A fault planted by SQL, and the rows by which the check names it."""

    check: str
    sql: str
    rows: list[dict[str, Any]]


def update(values: str, channel_id: int, *times: str) -> str:
    listed = ", ".join(f"'{time}'" for time in times)
    return (
        f"UPDATE readings SET {values} WHERE channel_id = {channel_id} AND timestamp IN ({listed})"
    )


def named(channel_id: int, *times: str) -> list[dict[str, Any]]:
    return [{"channel_id": channel_id, "timestamp": time} for time in times]


LOG = (
    "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end, "
    "interval_seconds, status, readings_fetched, readings_inserted, started_at) VALUES "
    f"('{RUN_ID}', '23271', {OFFICE}, '{NOON}', '{ONE}', 900, "
)
REJECT = (
    "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, field, raw, "
    f"raw_md5) SELECT '{RUN_ID}', {OFFICE}, at, "
)
# More than 1 % of the 864 energy readings (and of all 1,152) breaks a percentage rule.
TWELVE = "timestamp >= '2026-03-03T12:00Z' AND timestamp < '2026-03-03T15:00Z'"
TWELVE_AT = "generate_series('2026-03-03T12:00Z'::timestamptz, '2026-03-03T14:45Z', '15 minutes')"

FAULTS = [
    Fault("negative_energy", update("energy_kwh = -0.5", KITCHEN, NOON), named(KITCHEN, NOON)),
    Fault(
        "energy_above_limit",
        update("energy_kwh = 320", KITCHEN, NOON) + ";" + update("energy_kwh='NaN'", TOTAL, TWO),
        named(KITCHEN, NOON) + named(TOTAL, TWO),
    ),
    Fault(
        "power_out_of_range",
        update("power_kw = 1001", KITCHEN, NOON) + ";" + update("power_kw = -1", OFFICE, TWO),
        named(KITCHEN, NOON) + named(OFFICE, TWO),
    ),
    Fault(
        "future_readings",
        # The window ends at 05:00Z and "now" is 06:00Z: planted beyond, it still counts only
        # when the window reaches up to now (see the test of its own below).
        "UPDATE readings SET interval_seconds = 86400 WHERE channel_id = "
        f"{KITCHEN} AND timestamp = '2026-03-04T12:00Z'",
        named(KITCHEN, "2026-03-04T12:00:00+00:00"),
    ),
    Fault(
        "overlapping_intervals",
        f"UPDATE readings SET interval_seconds = 3600 WHERE channel_id = {OFFICE} "
        f"AND timestamp = '{NOON}'",
        named(OFFICE, "2026-03-03T12:15:00+00:00"),
    ),
    Fault(
        "unlogged_windows",
        update("run_id = '00000000-0000-4000-8000-00000000000f'", KITCHEN, NOON, ONE),
        named(KITCHEN, NOON, ONE),
    ),
    Fault(
        "ingestion_log_balance",
        "ALTER TABLE ingestion_logs DROP CONSTRAINT ingestion_logs_check;"
        f"{LOG} 'success', 96, 90, '{ONE}')",
        [{"channel_id": OFFICE, "readings_fetched": 96, "readings_inserted": 90}],
    ),
    Fault(
        "stalled_runs",
        f"{LOG} 'running', 0, 0, '{ONE}'); {LOG} 'running', 0, 0, '2026-03-05T05:00Z')",
        [{"channel_id": OFFICE, "started_at": ONE}],
    ),
    Fault(
        "aggregates_match",
        f"UPDATE mv_hourly_usage SET energy_kwh = energy_kwh + 1 WHERE channel_id = {OFFICE} "
        f"AND hour = '{NOON}'; DELETE FROM mv_hourly_usage WHERE channel_id = {OFFICE} "
        f"AND hour = '{ONE}'; DELETE FROM readings WHERE channel_id = {OFFICE} "
        f"AND timestamp >= '{TWO}' AND timestamp < '{TWO}'::timestamptz + interval '1 hour'",
        [{"channel_id": OFFICE, "hour": hour} for hour in (NOON, ONE, TWO)],
    ),
    Fault(
        "completeness_error",
        # 40 of 4 x 96 readings: 89.6 %.
        f"DELETE FROM readings WHERE channel_id = {OFFICE} AND timestamp >= '2026-03-03T06:00Z' "
        "AND timestamp < '2026-03-03T16:00Z'",
        [{"day": "2026-03-03", "received": 344, "expected": 384, "completeness_pct": 89.5}],
    ),
    Fault(
        "completeness_warn",
        # 4 of 4 x 96 readings: 98.96 %.
        f"DELETE FROM readings WHERE channel_id = {OFFICE} AND timestamp >= '{NOON}' "
        f"AND timestamp < '{ONE}'",
        [{"day": "2026-03-03", "received": 380, "expected": 384, "completeness_pct": 98.9}],
    ),
    Fault(
        "gaps",
        # An hour inside, an hour at each edge of the window; three quarters of an hour is none.
        f"DELETE FROM readings WHERE channel_id = {OFFICE} AND (timestamp < '2026-03-02T06:00Z' "
        f"OR timestamp >= '{NOON}' AND timestamp < '{ONE}' OR timestamp >= '2026-03-05T04:00Z');"
        f"DELETE FROM readings WHERE channel_id = {KITCHEN} AND timestamp > '{NOON}' "
        f"AND timestamp < '{ONE}'; UPDATE channels SET installed_at = '2020-01-01'",
        [
            {"channel_id": OFFICE, "gap_start": start, "gap_end": end, "missing_intervals": 4}
            for start, end in (
                ("2026-03-02T05:00:00+00:00", "2026-03-02T06:00:00+00:00"),
                (NOON, ONE),
                ("2026-03-05T04:00:00+00:00", "2026-03-05T05:00:00+00:00"),
            )
        ],
    ),
    Fault(
        "dead_channels",
        f"DELETE FROM readings WHERE channel_id = {OFFICE} AND timestamp >= '2026-03-04T05:00Z'",
        [{"channel_id": OFFICE, "last_reading": "2026-03-04T04:45:00+00:00"}],
    ),
    Fault(
        "flatline",
        f"UPDATE readings SET power_kw = 3, energy_kwh = 0.75 WHERE channel_id = {KITCHEN} "
        f"AND {TWELVE}; UPDATE readings SET power_kw = 3, energy_kwh = 0.75 WHERE channel_id = "
        f"{OFFICE} AND {TWELVE} AND timestamp > '{NOON}'; UPDATE readings SET power_kw = 0, "
        f"energy_kwh = 0 WHERE channel_id = {TOTAL} AND {TWELVE}",
        [
            {
                "channel_id": KITCHEN,
                "run_start": NOON,
                "run_end": "2026-03-03T15:00:00+00:00",
                "readings": 12,
            }
        ],
    ),
    Fault(
        "rejected_rows",
        f"{REJECT} 'row', 'no_values', NULL, '{{}}', at::text "
        f"FROM unnest(ARRAY['{NOON}', '{ONE}', '2026-03-01 12:00Z']::timestamptz[]) AS at",
        named(OFFICE, NOON, ONE),
    ),
    Fault(
        "conflicts",
        "INSERT INTO reading_conflicts (channel_id, timestamp, field) VALUES "
        f"({OFFICE}, '{NOON}', 'power_kw'), ({OFFICE}, '2026-03-01 12:00Z', 'power_kw')",
        named(OFFICE, NOON),
    ),
    Fault(
        "site_total_below_submeters",
        f"UPDATE mv_hourly_usage SET energy_kwh = 0.89 * energy_kwh WHERE channel_id = {TOTAL}",
        [{"hours": 72}],
    ),
    Fault(
        "timestamps_are_timestamptz",
        "ALTER TABLE readings ALTER COLUMN ingested_at TYPE timestamp",
        [{"table_name": "readings", "column_name": "ingested_at"}],
    ),
    Fault(
        "primary_keys_present",
        "ALTER TABLE readings DROP CONSTRAINT readings_pkey",
        [{"table_name": "readings"}],
    ),
]
PERCENTAGE_FAULTS = {
    "energy_not_power_times_time": f"UPDATE readings SET energy_kwh = 2 * energy_kwh "
    f"WHERE channel_id = {KITCHEN} AND {TWELVE}",
    "null_energy_power": f"UPDATE readings SET power_kw = NULL WHERE channel_id = {KITCHEN} "
    f"AND {TWELVE}",
    "phases_do_not_add_up": f"UPDATE readings SET power_kw_2 = power_kw_2 * 3 "
    f"WHERE channel_id = {KITCHEN} AND {TWELVE}",
    "rejected_values": f"{REJECT} 'field', 'out_of_range', 'voltage_v', '{{}}', '' "
    f"FROM {TWELVE_AT} AS at",
}


@pytest.fixture
def clean_site(database: Database) -> CleanSite:
    site = plant_site(database)
    with closing(database.connect()) as connection:
        refresh(connection)
    return site


@contextmanager
def faulty(
    site: CleanSite, sql: str
) -> Iterator[tuple[psycopg2.extensions.connection, psycopg2.extensions.cursor]]:
    """The site with a fault in it, inside a transaction; leaving takes the fault away."""
    with closing(site.database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        yield connection, cursor
        connection.rollback()


def window_of(site: CleanSite, period: Period | None = None, now: datetime | None = None) -> Window:
    days = period or site.period
    with closing(site.database.connect()) as connection:
        return load_window(connection, site.site_id, days.first_day, days.last_day, now or site.now)


def run_one(cursor: psycopg2.extensions.cursor, name: str, window: Window) -> CheckResult:
    return run_checks(cursor, [CHECKS[name]], window)[0]


def holds(row: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    return all(row[key] == value for key, value in part.items())


def test_every_check_is_silent_on_clean_data(clean_site: CleanSite) -> None:
    with faulty(clean_site, "SELECT 1") as (_, cursor):
        results = run_checks(cursor, CHECKS.values(), window_of(clean_site))
    assert [result.name for result in results if result.count] == []
    assert overall_verdict(results) == "pass"


def test_every_check_has_a_planted_fault() -> None:
    assert {fault.check for fault in FAULTS} | PERCENTAGE_FAULTS.keys() == CHECKS.keys()


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.check for fault in FAULTS])
def test_a_planted_fault_is_found_row_by_row_and_gone_after_the_repair(
    clean_site: CleanSite, fault: Fault
) -> None:
    window = window_of(clean_site)
    with faulty(clean_site, fault.sql) as (connection, cursor):
        found = run_one(cursor, fault.check, window)
        assert found.count == len(fault.rows)
        assert all(holds(row, part) for row, part in zip(found.sample, fault.rows, strict=True))
        assert found.verdict == ("fail" if CHECKS[fault.check].severity == "error" else "warn")
        assert str(found.count) in found.summary
        connection.rollback()
        assert run_one(cursor, fault.check, window).count == 0


@pytest.mark.parametrize("name", PERCENTAGE_FAULTS)
def test_a_percentage_rule_counts_every_row_but_fires_above_its_threshold_only(
    clean_site: CleanSite, name: str
) -> None:
    window = window_of(clean_site)
    with faulty(clean_site, PERCENTAGE_FAULTS[name]) as (_, cursor):
        found = run_one(cursor, name, window)
        assert found.count == 12
        assert [row["timestamp"] for row in found.sample][:2] == [NOON, "2026-03-03T12:15:00+00:00"]
        assert found.verdict != "pass"
    few = PERCENTAGE_FAULTS[name].replace("15:00Z", "13:00Z").replace("14:45Z", "12:45Z")
    with faulty(clean_site, few) as (_, cursor):
        found = run_one(cursor, name, window)
        assert (found.count, found.verdict) == (4, "pass")


def test_a_channel_that_may_feed_back_has_negative_readings(
    clean_site: CleanSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sites = tmp_path / "sites.yaml"
    sites.write_text(f'sites: {{"23271": {{channels: {{{KITCHEN}: {{allow_export: true}}}}}}}}')
    monkeypatch.setenv("ARGO_SITES_FILE", str(sites))
    get_settings.cache_clear()
    values = "power_kw = -4, energy_kwh = -1"
    fault = f"{update(values, KITCHEN, NOON)}; {update(values, OFFICE, NOON)}"
    with faulty(clean_site, fault) as (_, cursor):
        for name in ("negative_energy", "power_out_of_range"):
            found = run_one(cursor, name, window_of(clean_site))
            assert [row["channel_id"] for row in found.sample] == [OFFICE]


def test_a_reading_after_now_counts_for_the_window_that_reaches_up_to_now(
    clean_site: CleanSite,
) -> None:
    planted = (
        "INSERT INTO readings (channel_id, timestamp, interval_seconds) "
        f"VALUES ({OFFICE}, '2026-03-10T12:00Z', 900)"
    )
    today = Period(date(2026, 3, 3), date(2026, 3, 5), "America/New_York")
    with faulty(clean_site, planted) as (_, cursor):
        assert run_one(cursor, "future_readings", window_of(clean_site)).count == 0
        assert run_one(cursor, "future_readings", window_of(clean_site, today)).count == 1


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


def test_hourly_data_is_judged_by_its_own_interval(database: Database) -> None:
    site = plant_site(database, interval_seconds=3600)
    with closing(database.connect()) as connection:
        refresh(connection)
    with faulty(site, "SELECT 1") as (_, cursor):
        results = run_checks(cursor, CHECKS.values(), window_of(site))
    assert [result.name for result in results if result.count] == []
    missing = f"DELETE FROM readings WHERE channel_id = {CLIMATE} AND timestamp = '{NOON}'"
    with faulty(site, missing) as (_, cursor):
        found = run_one(cursor, "gaps", window_of(site))
    assert [row["missing_intervals"] for row in found.sample] == [1]


def test_a_check_whose_query_fails_ends_the_validation_by_name(clean_site: CleanSite) -> None:
    broken = replace(CHECKS["gaps"], name="rule", sql="SELECT nothing")
    with (
        faulty(clean_site, "SELECT 1") as (_, cursor),
        pytest.raises(ArgoError, match="the check rule cannot be run"),
    ):
        run_checks(cursor, [broken], window_of(clean_site))
