"""daily_sync.sh through its front door: order, exit codes, breaker, lock, real meter data."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sandbox_client import Sandbox, StartSandbox
from support import Database, ScriptResult, ScriptRunner

from config.settings import PROJECT_ROOT
from lib.lock import run_lock

NEW_YORK = ZoneInfo("America/New_York")
A_MONDAY = datetime(2026, 7, 20, tzinfo=NEW_YORK)
A_TUESDAY = A_MONDAY + timedelta(days=1)
REAL_DATA = PROJECT_ROOT.parent / "shared" / "data" / "substation_15min.parquet"

Sync = Callable[..., ScriptResult]


@pytest.fixture
def sync(database: Database, tmp_path: Path) -> Sync:
    """Run the daily sync; its reports, exports and logs go to the test's folder."""

    def run(sandbox: Sandbox, *args: object, **env: str) -> ScriptResult:
        done = subprocess.run(
            ["bash", PROJECT_ROOT / "operations" / "daily_sync.sh", *(str(arg) for arg in args)],
            env={**os.environ, **sandbox.settings, "ARGO_OUTPUT_DIR": str(tmp_path), **env},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return ScriptResult(done.returncode, done.stdout, done.stderr)

    return run


def steps(folder: Path) -> dict[str, str]:
    """Step -> state of the last run."""
    document = json.loads((folder / "logs" / "last_run.json").read_text())
    return {step["name"]: step["state"] for step in document["steps"]}


def test_a_monday_makes_the_report_and_a_tuesday_does_not(
    start_sandbox: StartSandbox, sync: Sync, tmp_path: Path
) -> None:
    monday = sync(start_sandbox(A_MONDAY), "--days", "29")
    assert monday.exit_code == 0, monday.stderr
    assert set(steps(tmp_path).values()) == {"done"}
    report = tmp_path / "reports" / "23271" / "weekly_2026-07-13.json"
    page = report.with_suffix(".html")
    assert report.is_file()
    assert page.is_file()
    assert str(report) in monday.stdout.splitlines()
    assert str(page) in monday.stdout.splitlines()
    assert (tmp_path / "exports" / "23271" / "readings.csv").is_file()
    report.unlink()
    tuesday = sync(start_sandbox(A_TUESDAY))
    assert tuesday.exit_code == 0, tuesday.stderr
    assert not report.exists()
    assert "report" not in steps(tmp_path)


def test_a_second_run_of_the_same_day_stores_nothing_twice(
    database: Database, start_sandbox: StartSandbox, sync: Sync
) -> None:
    sandbox = start_sandbox(A_TUESDAY)
    assert sync(sandbox, "--days", "9").exit_code == 0
    count = database.scalar("SELECT count(*) FROM readings")
    assert sync(sandbox, "--days", "9").exit_code == 0
    assert database.scalar("SELECT count(*) FROM readings") == count
    inserted = database.scalar(
        "SELECT sum(readings_inserted) FROM ingestion_logs WHERE run_id = "
        "(SELECT run_id FROM ingestion_logs ORDER BY id DESC LIMIT 1)"
    )
    assert inserted == 0


def plant_negative_energy(database: Database) -> None:
    database.execute(
        'UPDATE readings SET energy_kwh = -1 WHERE channel_id = 162119 AND "timestamp" = %s',
        (datetime(2026, 7, 15, 16, tzinfo=UTC),),
    )


def test_a_failed_validation_blocks_deliveries_until_a_person_overrides_it(
    database: Database,
    start_sandbox: StartSandbox,
    sync: Sync,
    run_script: ScriptRunner,
    tmp_path: Path,
) -> None:
    sandbox = start_sandbox(A_MONDAY)
    assert sync(sandbox, "--days", "15").exit_code == 0
    report = tmp_path / "reports" / "23271" / "weekly_2026-07-13.json"
    report.unlink()
    plant_negative_energy(database)
    blocked = sync(sandbox, "--days", "2")
    assert blocked.exit_code == 3
    assert "negative_energy" in blocked.stderr
    assert not report.exists()
    week = ("--start", "2026-07-13", "--end", "2026-07-19")
    alone = run_script(
        "deliver/generate_weekly_report.py",
        "--site",
        "23271",
        *week,
        "--out",
        report,
        env=sandbox.settings,
    )
    assert alone.exit_code == 3
    assert "negative_energy" in alone.stderr
    assert not report.exists()
    override = ("--override", "meter swapped, one reading wrong", "--by", "Ada Lovelace")
    opened = run_script("govern/validate_data.py", *week, *override, env=sandbox.settings)
    assert opened.exit_code == 0, opened.stderr
    made = run_script(
        "deliver/generate_weekly_report.py",
        "--site",
        "23271",
        *week,
        "--out",
        report,
        env=sandbox.settings,
    )
    assert made.exit_code == 0, made.stderr
    validation = json.loads(report.read_text())["metadata"]["validation"]
    assert validation["overriddenBy"] == "Ada Lovelace"
    page = report.with_suffix(".html").read_text()
    assert "Ada Lovelace" in page
    assert "meter swapped, one reading wrong" in page


def test_a_failing_channel_makes_the_sync_partial_and_the_rest_goes_on(
    start_sandbox: StartSandbox, sync: Sync, tmp_path: Path
) -> None:
    done = sync(start_sandbox(A_TUESDAY, fail_channel=(162125,)), "--days", "9")
    assert done.exit_code == 4
    assert "162125" in done.stderr
    assert steps(tmp_path)["ingest"] == "partial"
    assert steps(tmp_path)["export"] == "done"


def test_missing_credentials_stop_the_sync_with_2(
    start_sandbox: StartSandbox, sync: Sync, tmp_path: Path
) -> None:
    done = sync(start_sandbox(A_TUESDAY), ENISCOPE_PASSWORD="")
    assert done.exit_code == 2
    assert "ENISCOPE_PASSWORD is not set" in done.stderr
    states = steps(tmp_path)
    assert states.pop("ingest") == "failed"
    assert {"refresh", "gaps", "estimates", "quality", "validate"} == states.keys()
    assert set(states.values()) == {"skipped"}


def test_two_syncs_at_once_the_second_leaves_with_5(
    database: Database, start_sandbox: StartSandbox, sync: Sync
) -> None:
    with run_lock("daily sync"):
        done = sync(start_sandbox(A_TUESDAY))
    assert done.exit_code == 5
    assert "another run holds the lock" in done.stderr


def test_quiet_says_nothing_when_all_is_well(start_sandbox: StartSandbox, sync: Sync) -> None:
    done = sync(start_sandbox(A_TUESDAY), "--days", "9", "--quiet")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not REAL_DATA.exists(), reason="../shared/data is not on this machine")
def test_real_meter_data_runs_through_and_the_report_has_the_files_energy(
    start_sandbox: StartSandbox, sync: Sync, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    rome = ZoneInfo("Europe/Rome")
    monday = datetime(2014, 6, 2, tzinfo=rome)
    # Six in the morning: the last quarter-hours of Sunday have settled.
    now = monday + timedelta(days=7, hours=6)
    sandbox = start_sandbox(now, replay=REAL_DATA, replay_timezone="Europe/Rome")
    done = sync(sandbox, "--days", "57")
    assert done.exit_code == 0, done.stderr
    rows: list[dict[str, Any]] = pq.read_table(REAL_DATA).to_pylist()
    expected_kwh = sum(
        row["kwh"]
        for row in rows
        if row["kwh"] is not None
        and monday <= as_utc(row["timestamp"]) < monday + timedelta(days=7)
    )
    report = json.loads((tmp_path / "reports" / "23271" / "weekly_2014-06-02.json").read_text())
    assert expected_kwh > 10_000
    assert report["summary"]["totalEnergyKwh"] == pytest.approx(expected_kwh, rel=1e-6)


def as_utc(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
