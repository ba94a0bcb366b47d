"""What ingest tells the person or the program that started it is true."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import timedelta

import pytest
from sandbox_client import Ingest, StartSandbox
from scripted_api import Asked, Reply, said, scripted_api
from scripted_site import NOW, channel, ingest_site, rows_of, scripted_site
from support import Database, ScriptRunner

from config.settings import PROJECT_ROOT

AIR, MAIN, VIRTUAL_REFERENCE = 162277, 158694, 162127
HISTORICAL = "ingest/historical_ingestion.py"
ONE_DAY = ("--start-date", "2026-07-15", "--end-date", "2026-07-15")


# --- exit codes -----------------------------------------------------------------------------------


def test_a_channel_that_answers_coarser_rows_is_never_called_unreadable(
    database: Database, run_script: ScriptRunner
) -> None:
    def readings(channel_id: int, asked: Asked) -> Reply:
        step = 1800 if channel_id == 1 else 900
        return said({"resolution": step, "records": rows_of(asked, step)})

    with scripted_api(scripted_site(readings)) as api:
        for days in range(4):
            now = NOW + timedelta(days=days)
            done = ingest_site(run_script, api, "--days", "1", now=now)
            assert done.exit_code == 4
            assert "nothing finer than 1800 s" in done.stderr
            assert "unreadable" not in done.stderr
    status = database.scalar("SELECT status FROM channels WHERE channel_id = 1")
    assert status == "active"


def test_a_channel_that_fails_when_asked_by_name_is_a_problem_of_the_run(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, clean=True)
    assert ingest(sandbox, "--days", "1").exit_code == 0
    done = ingest(sandbox, "--days", "1", "--channel", VIRTUAL_REFERENCE, "--json")
    assert done.exit_code == 4
    assert list(json.loads(done.stdout)["failedChannels"]) == [str(VIRTUAL_REFERENCE)]


@pytest.mark.parametrize(
    "args",
    [
        ("--start-date", "9999-12-31"),
        ("--start-date", "0001-01-01"),
        ("--start-date", "2026-01-01", "--end-date", "9999-12-31"),
        ("--days", "9999999"),
    ],
    ids=" ".join,
)
def test_days_that_no_clock_can_show_are_a_usage_error(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, args: tuple[str, ...]
) -> None:
    done = ingest(start_sandbox(NOW), *args, "--dry-run")
    assert done.exit_code == 2
    assert "1970-01-01" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


# --- figures --------------------------------------------------------------------------------------


def test_requests_are_counted_with_their_retries(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    calm = start_sandbox(NOW, clean=True)
    quiet = json.loads(ingest(calm, *ONE_DAY, "--channel", MAIN, "--json").stdout)
    # Two of the readings' own request fail; what describes the site has come before.
    first = calm.server.faults.requests
    rough = start_sandbox(NOW, clean=True, fault_at=(("500", first), ("429", first + 1)))
    told = json.loads(ingest(rough, *ONE_DAY, "--channel", MAIN, "--json").stdout)
    assert rough.server.faults.requests == first + 2
    assert told["requests"] == quiet["requests"] + 2 == 3


def test_reconciling_nothing_does_not_say_that_all_is_well(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, clean=True)
    done = ingest(sandbox, *ONE_DAY, "--channel", AIR, "--reconcile", "--json")
    assert "nothing to reconcile" in done.stderr
    assert "the API's totals" not in done.stderr
    assert json.loads(done.stdout)["reconciledWindows"] == 0
    done = ingest(sandbox, *ONE_DAY, "--channel", MAIN, "--reconcile", "--json")
    assert (
        "reconciled, 2026-07-15 to 2026-07-15: "
        "the stored sums of 1 window of 1 channel are the API's totals"
    ) in done.stderr
    assert json.loads(done.stdout)["reconciledWindows"] == 1


@pytest.mark.parametrize("has_total", [True, False])
def test_sums_that_are_not_the_apis_make_a_run_partial_and_say_what_to_do(
    database: Database, run_script: ScriptRunner, has_total: bool
) -> None:
    def readings(_channel_id: int, asked: Asked) -> Reply:
        if asked.parameters["action"] != "total":
            return said({"resolution": 900, "records": rows_of(asked)})
        if not has_total:
            return said({"error": "no totals here"}, 400)
        # Half as much again as the rows of 2 kW over a day add up to.
        return said({"records": [{"ts": asked.daterange[0], "E": 72_000.0}]})

    with scripted_api(scripted_site(readings, channels=[channel(1)])) as api:
        done = ingest_site(run_script, api, *ONE_DAY, "--reconcile", "--json")
    assert done.exit_code == 4
    assert "not reconciled: 1 of 1 windows" in done.stderr
    assert "--repair" in done.stderr
    (difference,) = json.loads(done.stdout)["reconciliation"]
    assert difference["storedKwh"] == pytest.approx(48.0)
    assert difference["totalKwh"] == (pytest.approx(72.0) if has_total else None)


def test_refused_rows_and_refused_values_are_told_apart(
    database: Database, run_script: ScriptRunner
) -> None:
    def readings(_channel_id: int, asked: Asked) -> Reply:
        rows = rows_of(asked, V=230.0)
        rows[3] |= {"E": -1.0}
        rows[7] |= {"V": 9999.0}
        rows[9] |= {"V": 9998.0}
        return said({"resolution": 900, "records": rows})

    with scripted_api(scripted_site(readings, channels=[channel(1)])) as api:
        done = ingest_site(run_script, api, *ONE_DAY)
    assert done.exit_code == 0, done.stderr
    assert "= 95 new + 0 known + 1 refused" in done.stderr
    assert "1 refused row and 2 single values of rows that were stored: " in done.stderr


def test_a_dead_api_is_one_line_at_the_end(database: Database, run_script: ScriptRunner) -> None:
    def readings(_channel_id: int, _asked: Asked) -> Reply:
        return said({"error": "not today"}, 403)

    with scripted_api(scripted_site(readings, channels=[channel(n) for n in (1, 2, 3)])) as api:
        done = ingest_site(run_script, api, *ONE_DAY)
    assert done.exit_code == 4
    told = [line for line in done.stderr.splitlines() if "not stored in full" in line]
    assert len(told) == 1
    assert "not stored in full: channels 1, 2, 3: 403 " in told[0]


# --- the days asked for ---------------------------------------------------------------------------


def test_a_first_day_that_has_not_begun_is_a_usage_error(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, run_script: ScriptRunner
) -> None:
    # 12:00 UTC is 08:00 of the same day in New York.
    sandbox = start_sandbox(NOW)
    tomorrow = ("--start-date", "2026-07-17")
    for args in (tomorrow, ("--days", "2", "--end-date", "2026-07-18")):
        done = ingest(sandbox, "--quiet", *args)
        assert done.exit_code == 2, args
        assert "2026-07-17 has not begun" in done.stderr
    # A day that has begun in no zone is refused before anybody is asked.
    asked = sandbox.server.faults.requests
    done = ingest(sandbox, "--quiet", "--all-sites", "--start-date", "2026-07-18")
    assert done.exit_code == 2
    assert "2026-07-18 has not begun" in done.stderr
    assert sandbox.server.faults.requests == asked
    done = run_script(HISTORICAL, *tomorrow, env=sandbox.settings)
    assert done.exit_code == 2
    assert "2026-07-17 has not begun" in done.stderr
    assert database.scalar("SELECT count(*) FROM organizations") == 0


def test_days_count_back_from_an_end_and_a_start_wins_over_them(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, clean=True)

    def planned(*args: str) -> tuple[str, str, str]:
        done = ingest(sandbox, *args, "--channel", MAIN, "--dry-run", "--json")
        plan = json.loads(done.stdout)
        return plan["firstDay"], plan["lastDay"], done.stderr

    assert planned("--days", "3", "--end-date", "2026-07-10")[:2] == ("2026-07-08", "2026-07-10")
    first, last, told = planned("--days", "1", "--start-date", "2026-07-14")
    assert (first, last) == ("2026-07-14", "2026-07-16")
    assert "--start-date is given: --days 1 is not used" in told
    assert "is not used" not in planned("--start-date", "2026-07-14")[2]


@pytest.mark.parametrize(
    ("now", "args", "why"),
    [
        # 00:20 in New York: the first quarter-hour was over five minutes ago, not half an hour.
        ("2026-07-16T04:20:00Z", ("--days", "1"), "2026-07-16 has no interval yet that was over"),
        (
            NOW.isoformat(),
            ("--start-date", "2025-04-01", "--end-date", "2025-04-02"),
            "no channel was installed before 2025-04-29",
        ),
    ],
    ids=["nothing settled", "before the installation"],
)
def test_a_run_without_a_window_says_why(
    database: Database,
    start_sandbox: StartSandbox,
    ingest: Ingest,
    now: str,
    args: tuple[str, ...],
    why: str,
) -> None:
    done = ingest(start_sandbox(NOW), *args, ARGO_NOW=now)
    assert done.exit_code == 0
    assert f"site 23271: nothing to ask for: {why}" in done.stderr


# --- plans ----------------------------------------------------------------------------------------


def test_a_dry_run_gives_its_plan_as_json(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(NOW, clean=True)
    plan = json.loads(ingest(sandbox, *ONE_DAY, "--channel", MAIN, "--dry-run", "--json").stdout)
    assert plan == {
        "dryRun": True,
        "site": "23271",
        "firstDay": "2026-07-15",
        "lastDay": "2026-07-15",
        "timezone": "America/New_York",
        "windows": 1,
        "channels": [{"channelId": MAIN, "channelName": "Main Incomer", "windows": 1}],
    }
    done = run_script(HISTORICAL, *ONE_DAY, "--dry-run", "--json", env=sandbox.settings)
    plan = json.loads(done.stdout)
    # A day of 96 quarter-hours for 18 channels.
    assert (plan["windows"], plan["readings"], plan["requests"]) == (18, 18 * 96, 18)
    assert database.scalar("SELECT count(*) FROM ingestion_logs") == 0


def test_several_sites_give_their_plans_in_one_document(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, sites=1, clean=True)
    done = ingest(sandbox, "--all-sites", *ONE_DAY, "--dry-run", "--json")
    plans = json.loads(done.stdout)["sites"]
    assert [(plan["site"], plan["windows"]) for plan in plans] == [("23271", 18), ("50001", 18)]


def test_a_finished_backfill_says_that_nothing_is_left(
    database: Database, start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(NOW, clean=True)
    done = run_script(HISTORICAL, *ONE_DAY, env=sandbox.settings)
    assert done.exit_code == 0
    assert " 1 of 18: channel " in done.stderr
    assert " 18 of 18: channel " in done.stderr
    again = run_script(HISTORICAL, *ONE_DAY, env=sandbox.settings)
    assert "nothing to ask for: it is stored already" in again.stderr
    done = run_script(HISTORICAL, *ONE_DAY, "--dry-run", env=sandbox.settings)
    assert done.exit_code == 0
    assert done.stdout.strip().endswith("nothing is left to ask for")
    done = run_script(HISTORICAL, *ONE_DAY, "--dry-run", "--json", env=sandbox.settings)
    plan = json.loads(done.stdout)
    assert (plan["windows"], plan["requests"], plan["minutes"]) == (0, 0, 0)


# --- the terminal ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("more", "is_silent"), [(("--quiet",), True), ((), False)])
def test_quiet_draws_no_progress_bar_on_a_terminal(
    database: Database, start_sandbox: StartSandbox, more: tuple[str, ...], is_silent: bool
) -> None:
    sandbox = start_sandbox(NOW, clean=True)
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, PROJECT_ROOT / "ingest" / "ingest_to_postgres.py", *ONE_DAY, *more],
        env={**os.environ, **sandbox.settings, "TERM": "xterm"},
        stderr=terminal,
        stdout=subprocess.DEVNULL,
    )
    os.close(terminal)
    shown = b""
    try:
        while piece := os.read(screen, 65_536):
            shown += piece
    except OSError:
        pass  # the terminal of a process that ended
    os.close(screen)
    assert process.wait() == 0
    assert (shown == b"") is is_silent
