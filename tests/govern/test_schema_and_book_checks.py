"""Checks of schema, duplicates, books and sub-meters: each finds its planted fault and no more."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from clean_site import (
    CHANNELS,
    CLIMATE,
    KITCHEN,
    OFFICE,
    RUN_ID,
    TOTAL,
    Channel,
    CleanSite,
    plant_site,
)
from planted_faults import CHECKS, NOON, ONE, TWELVE, TWO, faulty, named, run_one, window_of
from support import Database

from config.settings import get_settings
from govern.refresh_views import refresh
from lib.date_utils import Period

LOG = (
    "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end, "
    "interval_seconds, status, started_at) VALUES "
    f"('{RUN_ID}', '23271', {OFFICE}, '{NOON}', '{TWO}', 900, "
)


class Fault(NamedTuple):
    """A fault planted by SQL, and the rows by which the check names it."""

    check: str
    sql: str
    rows: list[dict[str, Any]]


FAULTS = [
    Fault(
        "types_of_measures",
        "ALTER TABLE readings ALTER COLUMN extra TYPE json; "
        "ALTER TABLE readings DROP COLUMN signal_strength",
        [
            {"table_name": "readings", "column_name": "extra", "column_type": "json"},
            {"table_name": "readings", "column_name": "signal_strength", "column_type": None},
        ],
    ),
    Fault(
        "duplicate_readings",
        "ALTER TABLE readings DROP CONSTRAINT readings_pkey; INSERT INTO readings "
        f"SELECT * FROM readings WHERE channel_id = {OFFICE} AND timestamp = '{NOON}'",
        [{**named(OFFICE, NOON)[0], "times": 2}],
    ),
    Fault(
        "duplicate_channels",
        f"UPDATE readings AS r SET energy_kwh = k.energy_kwh FROM readings AS k WHERE "
        f"r.channel_id = {OFFICE} AND k.channel_id = {KITCHEN} AND k.timestamp = r.timestamp",
        [{"channel_id": KITCHEN, "other_channel_id": OFFICE, "equal_readings": 288}],
    ),
    Fault(
        "readings_without_channel",
        "INSERT INTO readings (channel_id, timestamp, interval_seconds) "
        f"VALUES (999, '2020-01-01Z', 900), (999, '2020-01-02Z', 900), (7, '{NOON}', 900)",
        [{"channel_id": 7}, {"channel_id": 999}],
    ),
    Fault(
        "freshness",
        # An hour and a quarter are allowed: two hours are not.
        f"DELETE FROM readings WHERE channel_id = {OFFICE} AND timestamp >= '2026-03-05T03:00Z'; "
        f"DELETE FROM readings WHERE channel_id = {KITCHEN} AND timestamp >= '2026-03-05T03:45Z'",
        [
            {
                "channel_id": OFFICE,
                "newest_until": "2026-03-05T03:00:00+00:00",
                "lag_hours": 2.0,
            }
        ],
    ),
    Fault(
        "sync_overdue",
        "UPDATE ingestion_logs SET started_at = '2026-03-04T03:59Z'",
        [{"site_id": "23271", "last_sync": "2026-03-04T03:59:00+00:00"}],
    ),
    Fault(
        "failed_windows",
        f"{LOG} 'failed', '{ONE}'); {LOG} 'partial', '{TWO}')",
        [{"channel_id": OFFICE, "status": status} for status in ("failed", "partial")],
    ),
    Fault(
        "windows_never_asked",
        f"UPDATE ingestion_logs SET window_end = '{NOON}' WHERE channel_id = {OFFICE}; "
        f"INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        f"window_end, interval_seconds, status, started_at) VALUES ('{RUN_ID}', '23271', {OFFICE}, "
        f"'{ONE}', '2026-03-05T05:00Z', 900, 'failed', '2026-03-05T05:50Z')",
        [{"channel_id": OFFICE, "unasked_from": NOON, "unasked_to": ONE}],
    ),
    Fault(
        "flatline_sensors",
        f"UPDATE readings SET temperature_c = 21, relative_humidity = 40 WHERE channel_id = "
        f"{CLIMATE} AND timestamp >= '2026-03-03T05:00Z' AND timestamp < '2026-03-04T05:00Z'",
        [
            {
                "channel_id": CLIMATE,
                "run_start": "2026-03-03T05:00:00+00:00",
                "run_end": "2026-03-04T05:00:00+00:00",
                "readings": 96,
            }
        ],
    ),
    Fault(
        "total_not_installed_yet",
        f"UPDATE channels SET installed_at = '2026-03-03T05:00Z' WHERE channel_id = {TOTAL}",
        [{"channel_id": TOTAL, "day": "2026-03-02"}],
    ),
]


@pytest.fixture
def site(database: Database) -> CleanSite:
    planted = plant_site(database)
    with closing(database.connect()) as connection:
        refresh(connection)
    return planted


def holds(row: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    return all(row[key] == value for key, value in part.items())


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.check for fault in FAULTS])
def test_a_planted_fault_is_found_row_by_row_and_gone_after_the_repair(
    site: CleanSite, fault: Fault
) -> None:
    window = window_of(site)
    with faulty(site, fault.sql) as (connection, cursor):
        found = run_one(cursor, fault.check, window)
        assert found.count == len(fault.rows), found.sample
        assert all(holds(row, part) for row, part in zip(found.sample, fault.rows, strict=True))
        assert found.verdict == ("fail" if CHECKS[fault.check].severity == "error" else "warn")
        connection.rollback()
        assert run_one(cursor, fault.check, window).count == 0


def test_a_view_changed_by_hand_and_a_view_dropped_are_told_apart(site: CleanSite) -> None:
    database = site.database
    text = str(database.scalar("SELECT pg_get_viewdef('v_sites'::regclass)"))
    database.execute(
        f"CREATE OR REPLACE VIEW v_sites AS {text.rstrip(';')} WHERE is_active; "
        "DROP VIEW v_latest_readings"
    )
    with faulty(site, "SELECT 1") as (_, cursor):
        found = run_one(cursor, "views_match_files", window_of(site))
    assert [row["detail"] for row in found.sample] == [
        "v_latest_readings is missing",
        "v_sites was changed by hand",
    ]
    assert found.verdict == "fail"


def test_a_main_that_tells_what_its_only_submeter_tells_is_no_duplicate(
    database: Database,
) -> None:
    site = plant_site(database, channels=[Channel(TOTAL, "site_total"), Channel(KITCHEN)])
    with faulty(site, "SELECT 1") as (_, cursor):
        assert run_one(cursor, "duplicate_channels", window_of(site)).count == 0


@pytest.mark.parametrize(
    "harmless",
    [
        # Asked again since, and answered.
        f"{LOG} 'failed', '{ONE}'); {LOG} 'success', '{TWO}')",
        f"{LOG} 'failed', '{ONE}'); "
        f"UPDATE channels SET status = 'unreadable' WHERE channel_id = {OFFICE}",
    ],
    ids=["asked again", "known to be unreadable"],
)
def test_a_failure_that_was_made_good_is_none(site: CleanSite, harmless: str) -> None:
    with faulty(site, harmless) as (_, cursor):
        assert run_one(cursor, "failed_windows", window_of(site)).count == 0


def test_readings_of_an_older_system_need_no_log(site: CleanSite) -> None:
    inherited = "DELETE FROM ingestion_logs; UPDATE readings SET run_id = NULL"
    with faulty(site, inherited) as (_, cursor):
        assert run_one(cursor, "windows_never_asked", window_of(site)).count == 0
        # A hole that the older system left is a gap, no time that nobody looked at.
        cursor.execute(f"DELETE FROM readings WHERE channel_id = {OFFICE} AND {TWELVE}")
        assert run_one(cursor, "windows_never_asked", window_of(site)).count == 0
        assert run_one(cursor, "gaps", window_of(site)).count == 1
        # After its last reading somebody has to ask.
        cursor.execute(
            f"DELETE FROM readings WHERE channel_id = {OFFICE} AND timestamp >= '{NOON}'; "
            "UPDATE channels SET uninstalled_at = '2026-04-01'"
        )
        found = run_one(cursor, "windows_never_asked", window_of(site))
    assert [(row["channel_id"], row["unasked_from"]) for row in found.sample] == [(OFFICE, NOON)]


def test_what_had_not_settled_was_not_asked_for(site: CleanSite) -> None:
    # Asked at 04:00Z for the day that ended at 05:00Z: it got what ended before 03:30Z.
    early = "UPDATE ingestion_logs SET started_at = '2026-03-05T04:00Z'"
    with faulty(site, early) as (_, cursor):
        found = run_one(cursor, "windows_never_asked", window_of(site))
    assert {row["unasked_from"] for row in found.sample} == {"2026-03-05T03:30:00+00:00"}
    assert found.count == 4


def test_an_older_period_is_neither_stale_nor_overdue(site: CleanSite) -> None:
    # Long after, with the sync dead ever since the day after this window.
    later = "UPDATE ingestion_logs SET window_end = '2026-03-06T05:00Z'"
    tuesday = Period(date(2026, 3, 2), date(2026, 3, 3), "America/New_York")
    with faulty(site, later) as (_, cursor):
        window = window_of(site, tuesday, datetime(2026, 3, 20, tzinfo=UTC))
        for name in ("sync_overdue", "freshness"):
            assert run_one(cursor, name, window).count == 0


def write_sites(folder: Path, monkeypatch: pytest.MonkeyPatch, tariff: str) -> None:
    sites = folder / "sites.yaml"
    sites.write_text(f'sites: {{"23271": {{tariff: {tariff}}}}}')
    monkeypatch.setenv("ARGO_SITES_FILE", str(sites))
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("tariff", "days"),
    [
        ("[]", []),
        ("[{valid_from: 2026-03-02, energy_price_per_kwh: 0.1}]", []),
        ("[{valid_from: 2026-03-04, energy_price_per_kwh: 0.1}]", ["2026-03-02", "2026-03-03"]),
    ],
    ids=["no tariff", "covers", "begins late"],
)
def test_a_tariff_covers_every_day_or_says_which_it_does_not(
    site: CleanSite,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tariff: str,
    days: list[str],
) -> None:
    write_sites(tmp_path, monkeypatch, tariff)
    with faulty(site, "SELECT 1") as (_, cursor):
        found = run_one(cursor, "tariff_missing", window_of(site))
    assert [row["day"] for row in found.sample] == days


def submetered(database: Database, *, days: int) -> CleanSite:
    """A main of which three sub-meters explain all."""
    planted = plant_site(database, days=days, channels=[*CHANNELS, Channel(105)])
    with closing(database.connect()) as connection:
        refresh(connection)
    return planted


def test_the_remainder_of_a_main_is_stated_when_it_moves(database: Database) -> None:
    site = submetered(database, days=14)
    second_week = Period(date(2026, 3, 9), date(2026, 3, 15), "America/New_York")
    # The sub-meters as a whole lose a fifth of what the main measures.
    lost = (
        "UPDATE mv_hourly_usage SET energy_kwh = 0.8 * energy_kwh "
        f"WHERE channel_id <> {TOTAL} AND hour >= '2026-03-09T04:00Z'"
    )
    with faulty(site, lost) as (connection, cursor):
        found = run_one(cursor, "unexplained_remainder", window_of(site, second_week))
        assert found.verdict == "warn"
        assert found.sample[0]["remainder_pct"] == pytest.approx(20)
        assert found.sample[0]["usual_pct"] == pytest.approx(0, abs=1e-6)
        assert "(20.0 %; before 0.0 %)" in found.summary
        connection.rollback()
        assert run_one(cursor, "unexplained_remainder", window_of(site, second_week)).count == 0


def test_a_remainder_that_was_always_there_is_none_of_a_fault(database: Database) -> None:
    site = submetered(database, days=14)
    second_week = Period(date(2026, 3, 9), date(2026, 3, 15), "America/New_York")
    always = f"UPDATE mv_hourly_usage SET energy_kwh = energy_kwh / 4 WHERE channel_id <> {TOTAL}"
    with faulty(site, always) as (_, cursor):
        assert run_one(cursor, "unexplained_remainder", window_of(site, second_week)).count == 0
        # Without weeks to compare with, three quarters are too much.
        assert run_one(cursor, "unexplained_remainder", window_of(site)).count == 1
