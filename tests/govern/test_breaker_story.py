"""One fault of each kind in a real week: the breaker names it, the report waits, a repair opens."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sandbox_client import running_sandbox
from support import Database, ScriptResult, ScriptRunner

from config.settings import get_settings
from govern.checks.window import load_window
from govern.refresh_views import refresh
from govern.validate_data import validate
from lib.circuit_breaker import period_status
from lib.date_utils import Period

SITE = "23271"
MAIN, LIGHTING, RTU, SENSOR = 158694, 158695, 162119, 162277
NOW = datetime(2026, 11, 16, 11, tzinfo=UTC)
MONDAY, WEDNESDAY, SUNDAY = date(2026, 11, 9), date(2026, 11, 11), date(2026, 11, 15)
WEEK = Period(MONDAY, SUNDAY, "America/New_York")
ON_WEDNESDAY = "timestamp >= '2026-11-11T05:00Z' AND timestamp < '2026-11-12T05:00Z'"
AT_NOON = f"channel_id = {RTU} AND timestamp = '2026-11-11T17:00Z'"

ERRORS = {
    "negative_energy": f"UPDATE readings SET energy_kwh = -1 WHERE {AT_NOON}",
    "impossible_values": f"UPDATE readings SET power_factor = 7 WHERE {AT_NOON}",
    "energy_not_power_times_time": "UPDATE readings SET energy_kwh = energy_kwh * 4 "
    f"WHERE channel_id = {RTU} AND {ON_WEDNESDAY}",
    "wrong_units": "UPDATE readings SET power_kw = power_kw / 1000, energy_kwh = energy_kwh / 1000 "
    f"WHERE channel_id = {RTU} AND {ON_WEDNESDAY}",
    "completeness_error": f"DELETE FROM readings WHERE {ON_WEDNESDAY} AND channel_id % 7 < 2",
    "completeness_of_site_total": f"DELETE FROM readings WHERE {ON_WEDNESDAY} "
    f"AND channel_id = {MAIN}",
    "unlogged_windows": "UPDATE readings SET run_id = '00000000-0000-4000-8000-0000000000cc' "
    f"WHERE {AT_NOON}",
    "windows_never_asked": f"DELETE FROM ingestion_logs WHERE channel_id = {RTU}",
    "aggregates_match": "UPDATE mv_hourly_usage SET energy_kwh = energy_kwh * 2 "
    f"WHERE channel_id = {RTU} AND hour = '2026-11-11T17:00Z'",
    "duplicate_readings": "ALTER TABLE readings DROP CONSTRAINT readings_pkey; "
    f"INSERT INTO readings SELECT * FROM readings WHERE {AT_NOON}",
    "types_of_measures": "ALTER TABLE readings ALTER COLUMN signal_strength TYPE bigint",
}
WARNINGS = {
    "gaps": f"DELETE FROM readings WHERE channel_id = {LIGHTING} "
    "AND timestamp >= '2026-11-11T12:00Z' AND timestamp < '2026-11-11T14:00Z'",
    "null_measures": f"UPDATE readings SET voltage_v = NULL WHERE channel_id = {RTU} "
    f"AND {ON_WEDNESDAY}",
    "flatline": f"UPDATE readings SET power_kw = 4, energy_kwh = 1 WHERE channel_id = {RTU} "
    "AND timestamp >= '2026-11-12T12:00Z' AND timestamp < '2026-11-12T16:00Z'",
    "dead_channels": f"DELETE FROM readings WHERE channel_id = {SENSOR} "
    "AND timestamp >= '2026-11-14T12:00Z'",
    "conflicts": "INSERT INTO reading_conflicts (channel_id, timestamp, field) "
    f"VALUES ({RTU}, '2026-11-11T17:00Z', 'power_kw')",
    "metrics_drift": "UPDATE readings SET power_kw = power_kw * 1.6, energy_kwh = energy_kwh * 1.6 "
    f"WHERE channel_id = {LIGHTING} AND timestamp >= '2026-11-13T05:00Z'",
}


@pytest.fixture
def building(
    database: Database, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> Database:
    """Six clean weeks up to Sunday, ingested and aggregated; now is Monday morning."""
    with running_sandbox(NOW, clean=True) as sandbox:
        days = ("--days", "44", "--allow-sandbox-data")
        done = run_script("ingest/ingest_to_postgres.py", *days, env=sandbox.settings)
    assert done.exit_code == 0, done.stderr
    monkeypatch.setenv("ARGO_NOW", NOW.isoformat())
    get_settings.cache_clear()
    with closing(database.connect()) as connection:
        refresh(connection)
    return database


def validated(database: Database, first: date = MONDAY, last: date = SUNDAY) -> dict[str, Any]:
    with closing(database.connect()) as connection:
        return validate(connection, load_window(connection, SITE, first, last, NOW))


def not_passed(document: dict[str, Any]) -> dict[str, str]:
    return {
        check["name"]: check["verdict"]
        for check in document["checks"]
        if check["verdict"] != "pass"
    }


def is_open(database: Database) -> bool:
    with closing(database.connect()) as connection:
        return period_status(connection, SITE, WEEK).is_open


@pytest.fixture
def report(run_script: ScriptRunner, tmp_path: Path) -> Any:
    """Make the week's report; returns how the script ended, and where the report would be."""
    path = tmp_path / "weekly.json"

    def run() -> tuple[ScriptResult, Path]:
        days = ("--start", str(MONDAY), "--end", str(SUNDAY), "--html")
        script = "deliver/generate_weekly_report.py"
        return run_script(script, "--site", SITE, *days, "--out", path), path

    return run


@pytest.fixture
def copy_of(database: Database) -> Any:
    """Copies of what faults touch, and the statements that put it back."""
    touched = {
        "readings": "timestamp >= '2026-11-09T05:00Z'",
        "mv_hourly_usage": "hour >= '2026-11-09T05:00Z'",
        "ingestion_logs": "true",
    }

    def keep() -> str:
        for table, where in touched.items():
            database.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table} WHERE {where}")
        return "".join(
            f"DELETE FROM {table} WHERE {where}; INSERT INTO {table} OVERRIDING SYSTEM VALUE "
            f"SELECT * FROM kept_{table};"
            for table, where in touched.items()
        )

    return keep


REPAIR_SCHEMA = {
    "duplicate_readings": "ALTER TABLE readings ADD PRIMARY KEY (channel_id, timestamp)",
    "types_of_measures": "ALTER TABLE readings ALTER COLUMN signal_strength TYPE integer",
}


def test_every_error_closes_the_breaker_by_name_and_its_repair_opens_it(
    building: Database, report: Any, copy_of: Any
) -> None:
    repair = copy_of()
    for name, fault in ERRORS.items():
        building.execute(fault)
        document = validated(building)
        assert document["verdict"] == "fail", name
        assert not_passed(document)[name] == "fail", name
        rows = next(check["sample"] for check in document["checks"] if check["name"] == name)
        assert rows, name
        blocked, path = report()
        assert (blocked.exit_code, path.exists()) == (3, False), name
        assert name in blocked.stderr
        # A type goes back before the rows do, a key after them.
        schema = REPAIR_SCHEMA.get(name, "SELECT 1")
        order = (schema, repair) if name == "types_of_measures" else (repair, schema)
        building.execute("; ".join(order))
        assert not_passed(validated(building)) == {}, name
        assert is_open(building), name
    made, path = report()
    assert made.exit_code == 0, made.stderr
    assert path.exists()


def test_warnings_leave_the_breaker_open_and_stand_on_the_report(
    building: Database, report: Any
) -> None:
    for fault in WARNINGS.values():
        building.execute(fault)
    building.execute("UPDATE ingestion_logs SET aggregated_at = NULL")
    with closing(building.connect()) as connection:
        refresh(connection)
    document = validated(building)
    assert document["verdict"] == "warn", not_passed(document)
    assert WARNINGS.keys() <= not_passed(document).keys()
    made, path = report()
    assert made.exit_code == 0, made.stderr
    said = json.loads(path.read_text())["metadata"]["validation"]
    assert said["verdict"] == "warn"
    text = path.read_text()
    assert [name for name in WARNINGS if name not in text] == []


def test_a_bad_wednesday_blocks_after_a_good_sunday_and_an_override_is_on_the_report(
    building: Database, report: Any, run_script: ScriptRunner
) -> None:
    for day in WEEK.days:
        if day == WEDNESDAY:
            building.execute(ERRORS["negative_energy"])
        verdict = validated(building, day, day)["verdict"]
        assert verdict == ("fail" if day == WEDNESDAY else "pass"), day
    blocked, _ = report()
    assert blocked.exit_code == 3
    assert "2026-11-11" in blocked.stderr
    opened = run_script(
        "govern/validate_data.py",
        *("--start", WEDNESDAY, "--end", WEDNESDAY),
        *("--override", "meter exchanged", "--by", "Ada Lovelace"),
    )
    assert opened.exit_code == 0, opened.stderr
    made, path = report()
    assert made.exit_code == 0, made.stderr
    page = path.with_suffix(".html").read_text()
    assert "Ada Lovelace" in page
    assert "meter exchanged" in page


def test_a_fault_in_a_baseline_week_does_not_block_the_period(
    building: Database, report: Any
) -> None:
    building.execute(ERRORS["negative_energy"].replace("11-11T17", "11-04T17"))
    assert validated(building, date(2026, 11, 4), date(2026, 11, 4))["verdict"] == "fail"
    assert validated(building)["verdict"] == "pass"
    made, _ = report()
    assert made.exit_code == 0, made.stderr
