"""Replay of quarantine through its front door: what a changed rule accepts is stored, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from planted_quarantine import contents, quarantine, readings, replayed, replayed_logs, sites_file
from sandbox_client import Ingest, Sandbox, StartSandbox
from support import Database, ScriptRunner

# Two channels and weeks with planted bad rows: negative energies, empty, future, 9999 V.
KITCHEN, AC_1 = 162285, 158698
TWO_WEEKS = (
    *("--start-date", "2026-06-29", "--end-date", "2026-07-12"),
    *("--channel", KITCHEN, "--channel", AC_1),
)
# Limits that refuse whole readings and single values of the sandbox's site.
TIGHT = {"limits": {"power_kw": [0, 4], "voltage_v": [100, 121.3]}}


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> Sandbox:
    return start_sandbox()


@pytest.fixture
def replay(run_script: ScriptRunner, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run the replay of the sandbox's site; its JSON document."""
    return partial(replayed, run_script, tmp_path, site="23271")


def ingest_tightly(ingest: Ingest, sandbox: Sandbox, folder: Path) -> None:
    done = ingest(sandbox, *TWO_WEEKS, **sites_file(folder, TIGHT))
    assert done.exit_code == 0, done.stderr


def test_after_a_replay_the_table_is_that_of_an_ingest_that_never_refused(
    database: Database, sandbox: Sandbox, ingest: Ingest, replay: Any, tmp_path: Path
) -> None:
    ingest_tightly(ingest, sandbox, tmp_path)
    refused = dict(database.execute("SELECT scope, count(*) FROM rejected_readings GROUP BY 1"))
    assert refused["row"] > 500
    assert refused["field"] > 100
    done = replay(now=sandbox.now)
    assert done["rowsInserted"] > 500
    assert done["rowsChanged"] > 100
    after_replay = readings(database), quarantine(database)
    database.execute("TRUNCATE readings, rejected_readings, ingestion_logs")
    ingest(sandbox, *TWO_WEEKS)
    never_refused = readings(database), quarantine(database)
    assert len(never_refused[1]) > 5  # what was planted as bad stays in quarantine
    assert after_replay == never_refused


def test_a_reason_that_nothing_was_refused_for_is_told_with_those_there_are(
    database: Database,
    sandbox: Sandbox,
    ingest: Ingest,
    run_script: ScriptRunner,
    tmp_path: Path,
) -> None:
    ingest_tightly(ingest, sandbox, tmp_path)
    args = ("ingest/replay_rejected.py", "--dry-run", "--reason")
    done = run_script(*args, "powerkw_out_of_range", env=sandbox.settings)
    assert done.exit_code == 0
    (count,) = database.execute(
        "SELECT count(*) FROM rejected_readings WHERE reason = 'power_kw_out_of_range'"
    )[0]
    assert "none refused for 'powerkw_out_of_range'" in done.stderr
    assert f"power_kw_out_of_range ({count:,})" in done.stderr
    done = run_script(*args, "power_kw_out_of_range", env=sandbox.settings)
    assert done.stderr == ""


def test_the_books_of_a_replay_balance_and_cover_every_reading(
    database: Database, sandbox: Sandbox, ingest: Ingest, replay: Any, tmp_path: Path
) -> None:
    ingest_tightly(ingest, sandbox, tmp_path)
    before = database.scalar("SELECT count(*) FROM rejected_readings WHERE scope = 'row'")
    count = database.scalar("SELECT count(*) FROM readings")
    done = replay(now=sandbox.now)
    logs = replayed_logs(database)
    assert [log for log in logs if log[0] != log[1] + log[2] + log[3]] == []
    inserted = database.scalar("SELECT count(*) FROM readings") - count
    assert sum(log[1] for log in logs) == done["rowsInserted"] == inserted > 0
    assert sum(log[4] for log in logs) == done["rowsChanged"] > 0
    left = database.scalar("SELECT count(*) FROM rejected_readings WHERE scope = 'row'")
    assert before - left == inserted
    unlogged = database.scalar(
        "SELECT count(*) FROM readings AS r WHERE NOT EXISTS (SELECT FROM ingestion_logs AS l "
        "WHERE (l.run_id, l.channel_id) = (r.run_id, r.channel_id) AND l.readings_inserted > 0 "
        "AND l.window_start <= r.timestamp AND l.window_end > r.timestamp)"
    )
    assert unlogged == 0


def test_a_refresh_after_a_replay_equals_a_full_rebuild(
    database: Database,
    sandbox: Sandbox,
    ingest: Ingest,
    replay: Any,
    run_script: ScriptRunner,
    tmp_path: Path,
) -> None:
    ingest_tightly(ingest, sandbox, tmp_path)
    refresh = "govern/refresh_views.py"
    assert run_script(refresh).exit_code == 0
    before = database.scalar("SELECT sum(energy_kwh) FROM mv_hourly_usage")
    replay(now=sandbox.now)
    run_script(refresh)
    assert json.loads(run_script(refresh, "--full", "--json").stdout)["equal"] is True
    assert database.scalar("SELECT sum(energy_kwh) FROM mv_hourly_usage") > before


def test_a_dry_run_writes_nothing_and_says_what_the_replay_then_does(
    database: Database, sandbox: Sandbox, ingest: Ingest, replay: Any, tmp_path: Path
) -> None:
    ingest_tightly(ingest, sandbox, tmp_path)
    before = contents(database)
    dry = replay("--dry-run", now=sandbox.now)
    assert contents(database) == before
    real = replay(now=sandbox.now)
    assert dry["rowsInserted"] > 0
    for key in dry.keys() - {"runId", "dryRun"}:
        assert dry[key] == real[key], key


def test_a_second_replay_finds_nothing_left_to_do(
    database: Database, sandbox: Sandbox, ingest: Ingest, replay: Any, tmp_path: Path
) -> None:
    ingest_tightly(ingest, sandbox, tmp_path)
    first = replay(now=sandbox.now)
    after_first = contents(database)
    second = replay(now=sandbox.now)
    assert contents(database) == after_first
    assert (second["rowsInserted"], second["rowsChanged"]) == (0, 0)
    # Single values of the rows stored by the first have come into quarantine.
    left = first["stillRefused"] + first["valuesRefused"]
    assert second["before"] == second["stillRefused"] == left > 0


def test_without_a_changed_rule_everything_stays(
    database: Database, sandbox: Sandbox, ingest: Ingest, replay: Any
) -> None:
    ingest(sandbox, *TWO_WEEKS)
    before = contents(database)
    done = replay(now=sandbox.now)
    assert done["before"] == done["stillRefused"] > 5
    assert contents(database) == before


def test_planted_rows_off_the_grid_stay_also_where_their_energy_is_allowed(
    database: Database, sandbox: Sandbox, ingest: Ingest, replay: Any
) -> None:
    ingest(sandbox, *TWO_WEEKS)
    count = database.scalar(
        "SELECT count(*) FROM rejected_readings WHERE reason = 'energy_kwh_out_of_range'"
    )
    done = replay(settings={"allow_export": True}, now=sandbox.now)
    (line,) = [line for line in done["reasons"] if line["reason"] == "energy_kwh_out_of_range"]
    assert count > 0
    # 5 MW is refused for its energy or power as before; what was negative lies off the grid.
    assert line["refusedToday"]["overlaps_neighbour"] > 0
    assert (line["before"], line["stored"], line["known"]) == (count, 0, 0)


def test_the_circuit_breaker_finds_nothing_wrong_with_replayed_days(
    database: Database,
    sandbox: Sandbox,
    ingest: Ingest,
    replay: Any,
    run_script: ScriptRunner,
    tmp_path: Path,
) -> None:
    ingest_tightly(ingest, sandbox, tmp_path)
    env = {"ARGO_NOW": sandbox.now.isoformat()}
    days = ("--start", "2026-06-29", "--end", "2026-07-05")
    run_script("govern/refresh_views.py", env=env)
    assert run_script("govern/validate_data.py", *days, env=env).exit_code == 3
    replay(now=sandbox.now)
    run_script("govern/refresh_views.py", env=env)
    done = run_script("govern/validate_data.py", *days, env=env)
    assert done.exit_code == 0, done.stdout


def test_validate_ingestion_promises_no_value_that_the_replay_does_not_store(
    database: Database,
    sandbox: Sandbox,
    ingest: Ingest,
    replay: Any,
    run_script: ScriptRunner,
    tmp_path: Path,
) -> None:
    ingest_tightly(ingest, sandbox, tmp_path)
    env = {"ARGO_NOW": sandbox.now.isoformat()}
    said = json.loads(run_script("govern/validate_ingestion.py", "--json", env=env).stdout)
    promised = {"row": 0, "field": 0}
    for group in said["quarantine"]:
        promised[group["scope"]] += group["mayPass"] or 0
    stored = {"row": 0, "field": 0}
    for line in replay(now=sandbox.now)["reasons"]:
        stored[line["scope"]] += line["stored"]
    assert promised["field"] == stored["field"] > 0
    # Of a whole row only the value that was refused is known to govern.
    assert promised["row"] >= stored["row"] > 0
