"""Ingest through its front door: the script, a real HTTP API, a real PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sandbox_client import Ingest, StartSandbox
from stored_truth import (
    MAY_BE_SPOILT,
    TWO_DAYS,
    assert_books_balance,
    assert_equal_to_truth,
    log_rows,
)
from support import Database, ScriptRunner

from ingest.eniscope.resources import SITE_TOTAL_NAME
from lib.embedded_postgres import EmbeddedPostgres

NEW_YORK = ZoneInfo("America/New_York")
RTU_2, MAIN, AIR, SPARE, VIRTUAL_REFERENCE, TEST_CHANNEL = (
    162119,
    158694,
    162277,
    162278,
    162127,
    162141,
)


def test_what_was_offered_is_stored_row_by_row(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox()
    done = ingest(sandbox, *TWO_DAYS)
    assert done.exit_code == 0, done.stderr
    assert_equal_to_truth(database, sandbox)
    assert_books_balance(database)


def test_a_second_run_stores_nothing_twice(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox()
    first = json.loads(ingest(sandbox, *TWO_DAYS, "--json").stdout)
    count = database.scalar("SELECT count(*) FROM readings")
    second = json.loads(ingest(sandbox, *TWO_DAYS, "--json").stdout)
    assert first["inserted"] == count > 0
    assert (second["inserted"], second["duplicate"]) == (0, count)
    assert database.scalar("SELECT count(*) FROM readings") == count
    assert database.scalar("SELECT count(*) FROM reading_conflicts") == 0
    assert_equal_to_truth(database, sandbox)


TROUBLE: dict[str, dict[str, Any]] = {
    "errors and resets": {"p_500": 0.05, "p_truncated": 0.05, "p_reset": 0.05, "fault_seed": 3},
    "HTML with status 200": {"p_html200": 0.1, "fault_seed": 4},
    "429 with seconds": {"p_429": 0.1, "retry_after": "1", "fault_seed": 5},
    "a token that expires": {"token_requests": 5, "token_status": 419},
    "odd rows": {"p_bad_rows": 1.0, "fault_seed": 6},
    "odd rows with bare NaN": {"p_bad_rows": 1.0, "bare_nan": True, "fault_seed": 7},
    "numbers as text": {"numbers_as_strings": True, "ts_format": "iso", "ts_key": "timestamp"},
    "milliseconds under t": {"ts_key": "t", "ts_format": "milliseconds", "records_key": "data"},
    "bare lists, no units": {"envelope": "list", "omit_units": True, "omit_resolution": True},
    "short ranges only": {"max_points": 50, "omit_resolution": True},
    "long ranges refused": {"max_points": 100, "long_range_error": True},
}


@pytest.mark.parametrize("options", TROUBLE.values(), ids=TROUBLE)
def test_whatever_the_api_does_the_table_equals_what_was_offered(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, options: dict[str, Any]
) -> None:
    sandbox = start_sandbox(**options)
    done = ingest(sandbox, *TWO_DAYS)
    assert done.exit_code == 0, done.stderr
    spoilt = MAY_BE_SPOILT if "p_bad_rows" in options else frozenset()
    assert_equal_to_truth(database, sandbox, ignore=spoilt)
    assert_books_balance(database)


def test_a_failing_channel_is_logged_and_the_others_are_stored(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(fail_channel=(RTU_2,))
    done = ingest(sandbox, "--start-date", "2026-07-14", "--end-date", "2026-07-14")
    assert done.exit_code == 4
    assert f"channel {RTU_2}" in done.stderr
    failed = [row for row in log_rows(database) if row[1] == "failed"]
    assert [row[0] for row in failed] == [RTU_2]
    assert "Invalid Parameter" in failed[0][6]
    stored = database.execute("SELECT DISTINCT channel_id FROM readings")
    assert RTU_2 not in {channel_id for (channel_id,) in stored}
    assert len(stored) == 16


def test_channels_that_only_fail_are_not_asked_and_do_not_make_a_run_partial(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    assert ingest(start_sandbox(), "--days", "2").exit_code == 0
    asked = {row[0] for row in log_rows(database)}
    assert not asked & {VIRTUAL_REFERENCE, TEST_CHANNEL}
    statuses = dict(database.execute("SELECT channel_id, status FROM channels"))
    assert len(statuses) == 20
    assert statuses[VIRTUAL_REFERENCE] == statuses[TEST_CHANNEL] == "unreadable"
    assert statuses[SPARE] == "silent"


def test_channel_types_decide_what_may_be_added_up(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    ingest(start_sandbox(), "--days", "2")
    types = dict(database.execute("SELECT channel_id, channel_type FROM channels"))
    kitchen_main_panel = 162285
    assert (types[MAIN], types[AIR], types[kitchen_main_panel]) == (
        "site_total",
        "environment",
        "energy",
    )
    in_total = database.execute("SELECT channel_id FROM v_meters WHERE in_site_total")
    assert in_total == [(MAIN,)]


def test_refused_rows_and_fields_are_quarantined_with_reason_and_raw_row(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox()
    week = ("--start-date", "2026-07-06", "--end-date", "2026-07-12")
    ingest(sandbox, *week)
    monday = datetime(2026, 7, 6, tzinfo=NEW_YORK)
    truth = sandbox.truth(monday, monday + timedelta(days=7))
    planted = sum(event["count"] for event in truth["events"] if event["kind"] == "bad_rows")
    rows = database.execute("SELECT scope, reason, field, value, raw FROM rejected_readings")
    assert len(rows) == planted > 0
    assert all(raw for *_, raw in rows)
    fields = [(field, float(value)) for scope, _, field, value, _ in rows if scope == "field"]
    assert fields
    assert set(fields) <= {("voltage_v", 9999.0)}
    doubted = database.execute(
        "SELECT energy_kwh, voltage_v, data_quality FROM readings WHERE data_quality IS NOT NULL"
    )
    assert len(doubted) == len(fields)
    for energy_kwh, voltage_v, remark in doubted:
        assert energy_kwh > 0
        assert (voltage_v, remark) == (None, "voltage_v out_of_range")
    # Seen again is counted, not stored again.
    ingest(sandbox, *week)
    assert database.scalar("SELECT count(*) FROM rejected_readings") == planted
    assert database.scalar("SELECT min(times_seen) FROM rejected_readings") == 2


@pytest.mark.parametrize(("day", "quarter_hours"), [("2026-03-08", 92), ("2025-11-02", 100)])
def test_a_day_on_which_clocks_change_is_whole(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, day: str, quarter_hours: int
) -> None:
    done = ingest(
        start_sandbox(clean=True), "--start-date", day, "--end-date", day, "--channel", MAIN
    )
    assert done.exit_code == 0, done.stderr
    assert database.scalar("SELECT count(*) FROM readings") == quarter_hours


def test_an_interval_that_has_not_settled_is_not_stored(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    now = datetime(2026, 7, 15, 16, 20, tzinfo=UTC)
    sandbox = start_sandbox(now, clean=True)
    ingest(sandbox, "--days", "1", "--channel", MAIN)
    newest = database.scalar('SELECT max("timestamp") FROM readings')
    # 16:20 less half an hour is 15:50: the quarter that ended at 15:45 is the last one over.
    assert newest == datetime(2026, 7, 15, 15, 30, tzinfo=UTC)


def test_coarser_data_is_never_stored_as_if_it_were_fine(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    hours = [datetime(2026, 7, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(48)]
    table = pa.table({"series_id": ["b1"] * 48, "timestamp": hours, "kwh": [2.0] * 48})
    pq.write_table(table, tmp_path / "hourly.parquet")
    sandbox = start_sandbox(replay=tmp_path / "hourly.parquet")
    days = ("--start-date", "2026-07-01", "--end-date", "2026-07-02")
    done = ingest(sandbox, *days)
    assert done.exit_code == 4
    assert "nothing finer than 3600 s" in done.stderr
    assert database.scalar("SELECT count(*) FROM readings") == 0
    done = ingest(sandbox, *days, "--resolution", "3600")
    assert done.exit_code == 0, done.stderr
    stored = database.execute("SELECT DISTINCT interval_seconds, energy_kwh FROM readings")
    assert stored == [(3600, 2.0)]


def test_rows_that_overlap_another_interval_length_are_refused(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(clean=True)
    quarters = ("--start-date", "2026-07-14", "--end-date", "2026-07-14", "--channel", MAIN)
    hours = ("--end-date", "2026-07-15", "--channel", MAIN, "--resolution", "3600", "--json")
    ingest(sandbox, *quarters)
    ingest(sandbox, "--start-date", "2026-07-15", *hours)
    before = database.scalar("SELECT sum(energy_kwh) FROM readings")
    done = ingest(sandbox, "--start-date", "2026-07-14", *hours)
    assert done.exit_code == 0, done.stderr
    assert (json.loads(done.stdout)["inserted"], "were refused" in done.stderr) == (0, False)
    assert database.scalar("SELECT sum(energy_kwh) FROM readings") == before
    reasons = database.execute("SELECT reason, count(*) FROM rejected_readings GROUP BY reason")
    assert reasons == [("overlaps_other_interval", 24)]
    assert_books_balance(database)


def test_rows_that_overlap_stored_rows_of_the_same_length_are_refused(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(clean=True)
    day = ("--start-date", "2026-07-14", "--end-date", "2026-07-14", "--channel", MAIN)
    ingest(sandbox, *day)
    database.execute('UPDATE readings SET "timestamp" = "timestamp" + interval \'5 min\'')
    before = database.scalar("SELECT sum(energy_kwh) FROM readings")
    ingest(sandbox, *day)
    assert database.scalar("SELECT sum(energy_kwh) FROM readings") == before
    reasons = database.execute("SELECT reason, count(*) FROM rejected_readings GROUP BY reason")
    assert reasons == [("overlaps_stored", 96)]
    assert_books_balance(database)


def test_what_was_learned_of_channels_survives_a_run_of_one_channel(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(clean=True)
    ingest(sandbox, "--days", "2")
    assert dict(database.execute("SELECT channel_id, status FROM channels"))[SPARE] == "silent"
    ingest(sandbox, "--days", "2", "--channel", MAIN)
    assert dict(database.execute("SELECT channel_id, status FROM channels"))[SPARE] == "silent"


@pytest.mark.parametrize(
    ("name", "is_main"),
    [
        ("Main", True),
        ("Main Incomer", True),
        ("Building Main", True),
        ("Incoming Supply", True),
        ("Service Entrance", True),
        ("Site Total", True),
        ("Main L1", True),
        ("Kitchen Main Panel", False),
        ("Main AHU", False),
        ("Main Hall", False),
        ("Total Chillers", False),
        ("Mainframe room", False),
    ],
)
def test_only_a_name_that_says_no_more_is_the_sites_main(name: str, is_main: bool) -> None:
    assert bool(SITE_TOTAL_NAME.search(name)) is is_main


def test_a_later_answer_that_differs_is_a_conflict_and_the_first_stays(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(clean=True)
    day = ("--start-date", "2026-07-14", "--end-date", "2026-07-14", "--channel", MAIN)
    ingest(sandbox, *day)
    database.execute(
        'UPDATE readings SET energy_kwh = energy_kwh + 1 WHERE "timestamp" = %s',
        (datetime(2026, 7, 14, 16, tzinfo=UTC),),
    )
    total = database.scalar("SELECT sum(energy_kwh) FROM readings")
    ingest(sandbox, *day)
    ((field, stored, offered),) = database.execute(
        "SELECT field, stored_value, offered_value FROM reading_conflicts"
    )
    assert field == "energy_kwh"
    assert float(stored) - float(offered) == pytest.approx(1.0)
    assert database.scalar("SELECT sum(energy_kwh) FROM readings") == total


def test_a_dry_run_names_the_channels_and_writes_nothing(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    done = ingest(start_sandbox(), "--days", "7", "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert "162119  RTU-2" in done.stdout
    assert database.scalar("SELECT count(*) FROM organizations") == 0


def one_line(text: str) -> str:
    """The single line of an error message."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--site", "99999"), "site 99999 is unknown"),
        (("--site", "Wilson"), "not an Eniscope organization id"),
        (("--start-date", "2026-07-14", "--end-date", "2026-07-13"), "lies before"),
        (("--start-date", "14.7.2026"), "is not a day such as 2026-01-31"),
        (("--channel", "1"), "has no channel 1"),
        (("--days", "0"), "--days"),
        (("--resolution", "17"), "--resolution"),
    ],
)
def test_wrong_arguments_are_one_line_and_leave_nothing_behind(
    database: Database,
    start_sandbox: StartSandbox,
    ingest: Ingest,
    args: tuple[str, ...],
    expected: str,
) -> None:
    done = ingest(start_sandbox(), *args)
    assert done.exit_code == 2
    assert expected in one_line(done.stderr)
    assert database.scalar("SELECT count(*) FROM readings") == 0
    assert (
        database.scalar("SELECT count(*) FROM organizations WHERE organization_id <> '23271'") == 0
    )


@pytest.mark.parametrize("setting", ["ENISCOPE_API_KEY", "ENISCOPE_EMAIL", "ENISCOPE_PASSWORD"])
def test_a_missing_credential_is_named_with_the_line_to_add(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, setting: str
) -> None:
    done = ingest(start_sandbox(), **{setting: ""})
    assert done.exit_code == 2
    assert f"{setting} is not set. Put a line {setting}=... into .env" in one_line(done.stderr)


CANARY = "canary-Zx81Qp"


@pytest.mark.parametrize("setting", ["ENISCOPE_API_KEY", "ENISCOPE_PASSWORD"])
@pytest.mark.parametrize("verbosity", ["--debug", "--quiet"])
def test_a_wrong_credential_is_told_without_showing_it(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, setting: str, verbosity: str
) -> None:
    done = ingest(start_sandbox(), verbosity, **{setting: CANARY})
    assert done.exit_code == 2
    assert "refused the login" in done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert database.scalar("SELECT count(*) FROM organizations") == 0


def test_a_database_that_is_not_there_is_one_line_without_the_password(
    start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    url = f"postgresql://argo:{CANARY}@127.0.0.1:9/argo"
    done = ingest(start_sandbox(), DATABASE_URL=url)
    assert done.exit_code == 1
    assert "cannot reach the database at 127.0.0.1:9/argo" in one_line(done.stderr)
    assert CANARY not in done.stderr


@pytest.fixture
def other_server(
    embedded_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The URL of an empty database that Argo does not take for its embedded one."""
    # The same server under another spelling of its socket folder.
    link = tmp_path_factory.mktemp("sock") / "elsewhere"
    link.symlink_to(embedded_server.socket_dir)
    return f"postgresql://postgres@/template1?host={link}"


def test_a_database_without_schema_is_told_which_command_to_run(
    start_sandbox: StartSandbox, ingest: Ingest, other_server: str
) -> None:
    done = ingest(start_sandbox(), DATABASE_URL=other_server)
    assert done.exit_code == 2
    assert "npm run db:migrate" in one_line(done.stderr)


def test_sandbox_data_stays_out_of_a_database_that_is_not_the_embedded_one(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, other_server: str
) -> None:
    elsewhere = other_server.replace("template1", database.url.split("@/")[1].split("?")[0])
    done = ingest(start_sandbox(), "--days", "1", DATABASE_URL=elsewhere)
    assert done.exit_code == 2
    assert "--allow-sandbox-data" in one_line(done.stderr)
    assert database.scalar("SELECT count(*) FROM organizations") == 0
    done = ingest(start_sandbox(), "--days", "1", "--allow-sandbox-data", DATABASE_URL=elsewhere)
    assert done.exit_code == 0, done.stderr


def test_sandbox_and_real_readings_of_a_site_are_never_mixed(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('23271', 'Wilson Center', 'America/New_York')"
    )
    done = ingest(start_sandbox(), "--days", "1")
    assert done.exit_code == 2
    assert "holds real readings of site 23271" in one_line(done.stderr)
    assert database.scalar("SELECT count(*) FROM channels") == 0


def test_a_second_run_at_the_same_time_leaves_with_5(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    from lib.lock import run_lock

    with run_lock("ingest 23271"):
        done = ingest(start_sandbox(), "--days", "1")
    assert done.exit_code == 5
    assert "another run holds the lock 'ingest 23271'" in one_line(done.stderr)


def test_the_word_sandbox_needs_no_credentials(
    database: Database, run_script: ScriptRunner
) -> None:
    settings = {"ENISCOPE_API_URL": "sandbox", "ARGO_NOW": "2026-07-16T04:00:00Z"}
    done = run_script("ingest/ingest_to_postgres.py", "--days", "2", env=settings)
    assert done.exit_code == 0, done.stderr
    name = database.scalar("SELECT organization_name FROM organizations")
    assert name == "Wilson Center (sandbox)"
