"""Late, changed and interrupted: catch-up, repair, reconciliation, backfill, channels given up."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sandbox_client import Ingest, Sandbox, StartSandbox
from support import Database, ScriptRunner

from config.settings import PROJECT_ROOT

NEW_YORK = ZoneInfo("America/New_York")
MAIN, RTU_2, RTU_3 = 158694, 162119, 162120
NOW = datetime(2026, 7, 16, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def fingerprint(database: Database) -> str:
    """One value for all stored readings, whatever run stored them."""
    return str(
        database.scalar(
            "SELECT md5(string_agg(r::text, '|' ORDER BY channel_id, \"timestamp\")) FROM ("
            'SELECT channel_id, "timestamp", interval_seconds, energy_kwh, power_kw, voltage_v, '
            "current_a, power_factor, extra, data_quality FROM readings) AS r "
        )
    )


def statuses(database: Database) -> dict[int, str]:
    return dict(database.execute("SELECT channel_id, status FROM channels"))


# --- catch-up -------------------------------------------------------------------------------------


def test_a_channel_that_failed_for_days_is_caught_up_not_skipped(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sync = ("--days", "2", "--catch-up")
    assert ingest(start_sandbox(NOW - 6 * DAY, clean=True), *sync).exit_code == 0
    for days_ago in (4, 2):
        broken = start_sandbox(NOW - days_ago * DAY, clean=True, fail_channel=(RTU_2,))
        assert ingest(broken, *sync).exit_code == 4
    assert ingest(start_sandbox(NOW, clean=True), *sync).exit_code == 0
    counts = dict(database.execute("SELECT channel_id, count(*) FROM readings GROUP BY channel_id"))
    assert counts[RTU_2] == counts[RTU_3] == counts[MAIN] > 7 * 96


def test_rows_that_come_days_late_are_fetched_by_the_next_sync(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    late = start_sandbox(NOW - DAY, clean=True, lag_seconds=4 * 86400)
    ingest(late, "--days", "9")
    done = ingest(start_sandbox(NOW, clean=True), "--days", "2", "--catch-up")
    assert done.exit_code == 0
    assert "is caught up from" in done.stderr
    start = datetime(2026, 7, 7, tzinfo=NEW_YORK)
    expected = (NOW.replace(hour=9, minute=30) - start) // timedelta(minutes=15)
    stored = 'SELECT count(*) FROM readings WHERE channel_id = %s AND "timestamp" >= %s'
    assert database.scalar(stored, (MAIN, start)) == expected


def test_nothing_is_caught_up_where_nothing_was_missed(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    ingest(start_sandbox(NOW - DAY, clean=True), "--days", "3")
    done = ingest(start_sandbox(NOW, clean=True), "--days", "2", "--catch-up", "--json")
    first = database.scalar(
        "SELECT min(window_start) FROM ingestion_logs WHERE run_id = %s",
        (json.loads(done.stdout)["runId"],),
    )
    assert first == datetime(2026, 7, 15, tzinfo=NEW_YORK)


# --- channels given up ----------------------------------------------------------------------------


def test_a_channel_that_only_ever_failed_is_given_up_after_three_runs_and_tried_weekly(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    def run(days_from_now: int, **faults: Any) -> tuple[int, int]:
        """(exit code, windows of RTU-2 in the log)."""
        sandbox = start_sandbox(NOW + days_from_now * DAY, clean=True, **faults)
        only = [part for channel in (RTU_2, RTU_3) for part in ("--channel", str(channel))]
        code = ingest(sandbox, "--days", "2", *(only if not statuses(database) else ())).exit_code
        asked = "SELECT count(*) FROM ingestion_logs WHERE channel_id = %s"
        return code, database.scalar(asked, (RTU_2,))

    failing: dict[str, Any] = {"fail_channel": (RTU_2,)}
    assert run(0, **failing) == (4, 1)
    assert run(1, **failing) == (4, 2)
    assert run(2, **failing) == (0, 3)
    assert statuses(database)[RTU_2] == "unreadable"
    assert run(3, **failing) == (0, 3)
    # A week after the last try it is asked again; its failing is no news, its answer is.
    assert run(10, **failing) == (0, 4)
    assert run(18) == (0, 5)
    assert statuses(database)[RTU_2] == "active"


def test_runs_in_which_no_channel_answered_make_none_unreadable(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    for _ in range(3):
        done = ingest(start_sandbox(NOW, fail_channel=(RTU_2,)), "--channel", str(RTU_2))
        assert done.exit_code == 4
    assert statuses(database)[RTU_2] == "active"


# --- repair and reconciliation --------------------------------------------------------------------

AT_NOON = datetime(2026, 7, 15, 16, tzinfo=UTC)
YESTERDAY = ("--start-date", "2026-07-15", "--end-date", "2026-07-15", "--channel", str(MAIN))


def falsify(database: Database) -> None:
    database.execute('UPDATE readings SET energy_kwh = 7 WHERE "timestamp" = %s', (AT_NOON,))


def noon_kwh(database: Database) -> float:
    return float(
        database.scalar('SELECT energy_kwh FROM readings WHERE "timestamp" = %s', (AT_NOON,))
    )


def test_repair_replaces_what_differs_and_keeps_the_old_value(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(NOW, clean=True)
    ingest(sandbox, *YESTERDAY)
    true_kwh = noon_kwh(database)
    falsify(database)
    run_script("govern/refresh_views.py", env=sandbox.settings)
    ingest(sandbox, *YESTERDAY)
    assert noon_kwh(database) == 7
    done = ingest(sandbox, *YESTERDAY, "--repair", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["changed"] == 1
    assert noon_kwh(database) == true_kwh
    ((replaced, repaired_at),) = database.execute(
        "SELECT replaced, repaired_at FROM reading_conflicts"
    )
    assert [float(value) for value in replaced] == [7.0]
    assert repaired_at is not None
    # The hour it belongs to is aggregated again.
    run_script("govern/refresh_views.py", env=sandbox.settings)
    hour = database.scalar("SELECT energy_kwh FROM mv_hourly_usage WHERE hour = %s", (AT_NOON,))
    in_hour = database.scalar(
        'SELECT sum(energy_kwh) FROM readings WHERE "timestamp" >= %s AND "timestamp" < %s',
        (AT_NOON, AT_NOON + timedelta(hours=1)),
    )
    assert hour == pytest.approx(in_hour)


def test_a_field_without_a_column_is_compared_and_repaired_too(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, clean=True)
    ingest(sandbox, *YESTERDAY)
    fields = 'SELECT extra FROM readings WHERE "timestamp" = %s'
    true_fields = database.scalar(fields, (AT_NOON,))
    code = sorted(true_fields)[0]
    database.execute(
        "UPDATE readings SET extra = extra || jsonb_build_object(%s::text, -7) "
        'WHERE "timestamp" = %s',
        (code, AT_NOON),
    )
    ingest(sandbox, *YESTERDAY)
    conflicts = database.execute("SELECT field, stored_value, offered_value FROM reading_conflicts")
    assert conflicts == [(f"extra.{code}", "-7", json.dumps(true_fields[code]))]
    ingest(sandbox, *YESTERDAY, "--repair")
    assert database.scalar(fields, (AT_NOON,)) == true_fields


def test_reconciliation_names_the_window_whose_sum_is_not_the_apis(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, clean=True)
    clean = ingest(sandbox, *YESTERDAY, "--reconcile", "--json")
    assert json.loads(clean.stdout)["reconciliation"] == []
    true_kwh = noon_kwh(database)
    falsify(database)
    done = ingest(sandbox, *YESTERDAY, "--reconcile", "--json")
    (difference,) = json.loads(done.stdout)["reconciliation"]
    assert difference["channelId"] == MAIN
    assert difference["storedKwh"] - difference["totalKwh"] == pytest.approx(7 - true_kwh, abs=0.01)


# --- several sites --------------------------------------------------------------------------------


def test_all_sites_are_ingested_and_one_that_fails_does_not_stop_the_others(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, sites=2, clean=True)
    done = ingest(sandbox, "--all-sites", "--days", "1", "--json")
    assert done.exit_code == 0, done.stderr
    sites = {run["site"] for run in json.loads(done.stdout)["sites"]}
    assert sites == {"23271", "50001", "50002"}
    stored = database.execute("SELECT DISTINCT organization_id FROM ingestion_logs")
    assert {site for (site,) in stored} == sites


# --- backfill -------------------------------------------------------------------------------------

BACKFILL = ("--start-date", "2026-06-01", "--end-date", "2026-07-10")


def start_backfill(sandbox: Sandbox) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, PROJECT_ROOT / "ingest" / "historical_ingestion.py", *BACKFILL],
        env={**os.environ, **sandbox.settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def backfill(run_script: ScriptRunner, sandbox: Sandbox, *more: str) -> dict[str, Any]:
    done = run_script(
        "ingest/historical_ingestion.py", *BACKFILL, "--json", *more, env=sandbox.settings
    )
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_finished_backfill_has_nothing_left_to_ask(
    database: Database, start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(NOW)
    first = backfill(run_script, sandbox)
    assert first["inserted"] > 60_000
    again = backfill(run_script, sandbox)
    assert (again["windows"], again["fetched"]) == (0, 0)
    restarted = backfill(run_script, sandbox, "--restart")
    assert (restarted["inserted"], restarted["duplicate"]) == (0, first["inserted"])


def test_a_dry_run_tells_what_is_left_and_writes_nothing(
    database: Database, start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(NOW)
    done = run_script(
        "ingest/historical_ingestion.py", *BACKFILL, "--dry-run",
        env={**sandbox.settings, "ENISCOPE_MAX_RPS": "4"},
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    # 40 days of 96 quarter-hours for 18 channels.
    assert "up to 69,120 readings" in done.stdout
    assert "min at the ceiling" in done.stdout
    assert database.scalar("SELECT count(*) FROM ingestion_logs") == 0


KILLS_IN_CI = 8


@pytest.mark.parametrize("kills", [KILLS_IN_CI, pytest.param(100, marks=pytest.mark.nightly)])
def test_killed_at_any_moment_and_run_again_the_table_equals_an_undisturbed_run(
    database: Database, start_sandbox: StartSandbox, run_script: ScriptRunner, kills: int
) -> None:
    sandbox = start_sandbox(NOW, latency_ms=30)
    backfill(run_script, sandbox)
    undisturbed = fingerprint(database)
    database.execute("TRUNCATE readings, ingestion_logs, rejected_readings, reading_conflicts")
    chance = random.Random(7)
    for _ in range(kills):
        process = start_backfill(sandbox)
        try:
            process.wait(timeout=chance.uniform(0.2, 3.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    backfill(run_script, sandbox)
    assert fingerprint(database) == undisturbed
    unbalanced = (
        "SELECT count(*) FROM ingestion_logs WHERE status <> 'running' AND readings_fetched <> "
        "readings_inserted + readings_duplicate + readings_rejected"
    )
    assert database.scalar(unbalanced) == 0


def test_ctrl_c_ends_with_130_and_nothing_half_written(
    database: Database, start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(NOW, latency_ms=600)
    process = start_backfill(sandbox)
    while not database.scalar("SELECT count(*) FROM ingestion_logs WHERE status = 'success'"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    stored = database.scalar("SELECT count(*) FROM readings")
    assert stored == database.scalar("SELECT sum(readings_inserted) FROM ingestion_logs")
