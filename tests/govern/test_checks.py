"""Every check: silent on clean data, finds exactly the rows of a planted fault, silent again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from clean_site import CLIMATE, KITCHEN, OFFICE, RUN_ID, TOTAL, CleanSite, plant_site
from planted_faults import (
    CHECKS,
    NOON,
    ONE,
    REJECT,
    TWELVE,
    TWELVE_AT,
    TWO,
    faulty,
    named,
    refused_total,
    run_one,
    update,
    window_of,
)
from support import Database

from config.settings import get_settings
from govern.checks.runner import overall_verdict, run_checks
from govern.refresh_views import refresh
from lib.date_utils import Period
from lib.errors import ArgoError


class Fault(NamedTuple):
    """A fault planted by SQL, and the rows by which the check names it."""

    check: str
    sql: str
    rows: list[dict[str, Any]]


LOG = (
    "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end, "
    "interval_seconds, status, readings_fetched, readings_inserted, started_at) VALUES "
    f"('{RUN_ID}', '23271', {OFFICE}, '{NOON}', '{ONE}', 900, "
)
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
        "completeness_of_site_total",
        # 10 of 96 readings: 89.6 % of the total, 97.4 % of the site.
        f"DELETE FROM readings WHERE channel_id = {TOTAL} AND timestamp >= '2026-03-03T06:00Z' "
        "AND timestamp < '2026-03-03T08:30Z'",
        [{"day": "2026-03-03", "received": 86, "expected": 96, "completeness_pct": 89.5}],
    ),
    Fault(
        "completeness_of_channels",
        # 3 of 3 x 96 readings: 98.96 %; 2 of them are 99.3 %.
        f"DELETE FROM readings WHERE channel_id = {OFFICE} AND timestamp IN ('{NOON}', '{ONE}', "
        f"'{TWO}'); DELETE FROM readings WHERE channel_id = {KITCHEN} AND timestamp IN ('{NOON}', "
        f"'{ONE}')",
        [{"channel_id": OFFICE, "received": 285, "expected": 288, "completeness_pct": 98.9}],
    ),
    Fault(
        "rejected_of_site_total",
        # 3 of 288 readings: 1.04 %.
        refused_total(NOON, ONE, TWO),
        named(TOTAL, NOON, ONE, TWO),
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
        "energy_not_power_times_time",
        update("energy_kwh = 3 * energy_kwh", KITCHEN, NOON, ONE),
        named(KITCHEN, NOON, ONE),
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


def holds(row: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    return all(row[key] == value for key, value in part.items())


def test_every_check_is_silent_on_clean_data(clean_site: CleanSite) -> None:
    with faulty(clean_site, "SELECT 1") as (_, cursor):
        results = run_checks(cursor, CHECKS.values(), window_of(clean_site))
    assert [result.name for result in results if result.count] == []
    assert overall_verdict(results) == "pass"


def test_every_check_has_a_planted_fault() -> None:
    here = {fault.check for fault in FAULTS} | PERCENTAGE_FAULTS.keys()
    others = "".join(
        path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*_checks.py")
    )
    assert [name for name in CHECKS if name not in here and f'"{name}"' not in others] == []


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
    few = PERCENTAGE_FAULTS[name].replace("15:00Z", "12:45Z").replace("14:45Z", "12:30Z")
    with faulty(clean_site, few) as (_, cursor):
        found = run_one(cursor, name, window)
        assert (found.count, found.verdict) == (3, "pass")


def test_findings_are_told_by_name_and_the_site_s_own_time(clean_site: CleanSite) -> None:
    rename = f"UPDATE channels SET channel_name = 'Walk-in cooler' WHERE channel_id = {OFFICE}; "
    with faulty(clean_site, rename + update("power_kw = 1001", OFFICE, NOON)) as (connection, cur):
        connection.commit()
        found = run_one(cur, "power_out_of_range", window_of(clean_site))
    # Noon in Greenwich is seven in New York.
    assert found.summary.endswith("; first Walk-in cooler (103) at 2026-03-03 07:00")


@pytest.mark.parametrize(
    ("transformer_a", "found"), [(None, 2), (400, 2), (4500, 0)], ids=["no meter", "small", "3 MW"]
)
def test_a_meter_built_for_megawatts_may_measure_them(
    clean_site: CleanSite, transformer_a: float | None, found: int
) -> None:
    database = clean_site.database
    # 4,500 A at 230 V: 3.1 MW. 2.5 MW over a quarter of an hour are 625 kWh.
    database.execute(
        "INSERT INTO meters (meter_id, organization_id, ct_ratio, voltage_scale) "
        "VALUES (1, '23271', %s, 230)",
        [transformer_a],
    )
    database.execute("UPDATE channels SET meter_id = 1 WHERE channel_id = %s", [TOTAL])
    with faulty(clean_site, update("power_kw = 2500, energy_kwh = 625", TOTAL, NOON)) as (_, cur):
        results = run_checks(
            cur,
            [CHECKS["power_out_of_range"], CHECKS["energy_above_limit"]],
            window_of(clean_site),
        )
    assert sum(result.count for result in results) == found


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
