"""An older database of this system is brought over without loss, proven against known truth."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import NamedTuple

import pandas as pd
import pytest
from old_database import QUARTERS, SILENT, ZONE, OldTruth, make_old_database
from support import Database, ScriptRunner

from config.settings import PROJECT_ROOT

MIGRATE = "govern/run_migration.py"
ZONED = ("--source-timezone", ZONE)


class Migrated(NamedTuple):
    """An old database that was brought over, the truth of it, and what the script printed."""

    database: Database
    truth: OldTruth
    output: str


@pytest.fixture(scope="module")
def migrated(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    """The newer variant, brought over once for the tests that only look."""
    module_database.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    truth = make_old_database(module_database, newer=True)
    run = ScriptRunner(tmp_path_factory.mktemp("migrated"))
    done = run(MIGRATE, *ZONED, env={"DATABASE_URL": module_database.url})
    assert done.exit_code == 0, done.stderr
    return Migrated(module_database, truth, done.stdout)


@pytest.fixture
def newer_old(empty_database: Database) -> OldTruth:
    """The variant with meters and virtual meters."""
    return make_old_database(empty_database, newer=True)


def at(migrated: Migrated) -> dict[str, str]:
    """The setting with which a script works on the shared database."""
    return {"DATABASE_URL": migrated.database.url}


def stored_readings(database: Database) -> pd.DataFrame:
    """The new readings, times as UTC without zone."""
    rows = database.execute(
        "SELECT channel_id, \"timestamp\" AT TIME ZONE 'UTC', interval_seconds, energy_kwh, "
        "power_kw, apparent_power_kva, power_kw_1, energy_kwh_1, voltage_v, temperature_c "
        'FROM readings ORDER BY channel_id, "timestamp"'
    )
    names = ["channel_id", "at", "seconds", "energy_kwh", "power_kw", "apparent_power_kva",
             "power_kw_1", "energy_kwh_1", "voltage_v", "temperature_c"]  # fmt: skip
    return pd.DataFrame(rows, columns=names).astype({"at": "datetime64[us]"})


def expected_readings(truth: OldTruth) -> pd.DataFrame:
    """The rows to be stored, by the new names and units."""
    frame = truth.stored.sort_values(["channel_id", "at"]).reset_index(drop=True)
    frame["apparent_power_kva"] = frame["apparent_power_va"] / 1000
    frame = frame.rename(columns={"power_w1": "power_kw_1", "energy_wh1": "energy_kwh_1"})
    return frame.astype({"at": "datetime64[us]"})


def public_state(database: Database) -> list[tuple[object, ...]]:
    """Every relation of the schema public with its rows' number."""
    return database.execute(
        "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "ORDER BY 1"
    )


def assert_every_reading_is_where_it_belongs(database: Database, truth: OldTruth) -> None:
    """Stored rows equal the truth, refused ones are counted by their reason, none is lost."""
    expected = expected_readings(truth)
    actual = stored_readings(database)
    pd.testing.assert_frame_equal(
        actual, expected[list(actual.columns)], check_dtype=False, rtol=1e-6
    )
    reasons = database.execute(
        "SELECT reason, count(*) FROM rejected_readings WHERE scope = 'row' GROUP BY 1"
    )
    assert dict(reasons) == truth.refused
    assert len(truth.readings) == len(actual) + sum(truth.refused.values())


def test_every_reading_ends_where_the_truth_says(migrated: Migrated) -> None:
    assert_every_reading_is_where_it_belongs(migrated.database, migrated.truth)


def test_a_database_from_before_meters_is_brought_over_as_well(
    empty_database: Database, run_script: ScriptRunner
) -> None:
    truth = make_old_database(empty_database, newer=False)
    done = run_script(MIGRATE, *ZONED)
    assert done.exit_code == 0, done.stderr
    assert_every_reading_is_where_it_belongs(empty_database, truth)
    assert empty_database.scalar("SELECT count(*) FROM channels WHERE meter_id IS NULL") == 7


def test_what_is_refused_keeps_the_old_row_as_it_was(migrated: Migrated) -> None:
    strays = migrated.database.scalar(
        "SELECT count(*) FROM rejected_readings AS x JOIN argo_old.readings AS r "
        "ON r.id = (x.raw #>> '{old_reading,id}')::bigint "
        "WHERE x.raw -> 'old_reading' = to_jsonb(r)"
    )
    assert strays == sum(migrated.truth.refused.values())
    assert migrated.database.scalar("SELECT count(*) FROM argo_old.readings") == len(
        migrated.truth.readings
    )


def test_a_replay_takes_no_old_row_for_an_answer_of_the_api(
    migrated: Migrated, run_script: ScriptRunner
) -> None:
    assert (
        run_script("ingest/replay_rejected.py", "--site", "23271", env=at(migrated)).exit_code == 0
    )
    assert len(stored_readings(migrated.database)) == len(migrated.truth.stored)
    assert migrated.database.scalar("SELECT count(*) FROM rejected_readings") == sum(
        migrated.truth.refused.values()
    )


def test_daily_energy_agrees_with_pandas_across_both_clock_changes(
    migrated: Migrated, run_script: ScriptRunner
) -> None:
    assert run_script("govern/refresh_views.py", "--full", env=at(migrated)).exit_code == 0
    local = migrated.truth.stored.assign(
        day=lambda rows: rows["at"].dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.date
    )
    expected = local.groupby(["channel_id", "day"])["energy_kwh"].sum()
    rows = migrated.database.execute("SELECT channel_id, day, energy_kwh FROM v_readings_daily")
    actual = pd.DataFrame(rows, columns=["channel_id", "day", "energy_kwh"]).set_index(
        ["channel_id", "day"]
    )["energy_kwh"]
    pd.testing.assert_series_equal(actual.sort_index(), expected.sort_index(), rtol=1e-6)


def test_sites_devices_meters_channels_and_virtual_meters_come_along(migrated: Migrated) -> None:
    assert migrated.database.execute(
        "SELECT organization_id, timezone, city FROM organizations"
    ) == [("23271", ZONE, "New York")]
    assert migrated.database.execute("SELECT device_id, uuid FROM devices") == [(10, "abc-123")]
    assert migrated.database.execute("SELECT meter_id, organization_id, ct_ratio FROM meters") == [
        (7, "23271", 400.0)
    ]
    assert migrated.database.scalar("SELECT meter_id FROM channels WHERE channel_id = 1") == 7
    silent = migrated.database.scalar(
        "SELECT array_agg(channel_id) FROM channels WHERE status = 'silent'"
    )
    assert silent == [SILENT]
    assert migrated.database.execute(
        "SELECT name, channel_id, weight FROM virtual_meters "
        "JOIN virtual_meter_map USING (virtual_meter_id) ORDER BY channel_id"
    ) == [("Plug load", 1, 1.0), ("Plug load", 2, -1.0)]


def test_old_attempts_are_told_by_their_result(migrated: Migrated) -> None:
    logs = migrated.database.execute(
        "SELECT channel_id, status, readings_fetched, readings_inserted, readings_duplicate, "
        "readings_rejected, error_message FROM ingestion_logs "
        "WHERE window_start = '2025-03-08Z' ORDER BY channel_id"
    )
    assert logs == [
        (1, "success", 96, 90, 4, 2, None),
        (2, "failed", 0, 0, 0, 0, "API error 500"),
        (3, "failed", 0, 0, 0, 0, "no result was logged"),
    ]


def test_without_a_zone_it_says_what_to_type_and_changes_nothing(
    newer_old: OldTruth, empty_database: Database, run_script: ScriptRunner
) -> None:
    before = public_state(empty_database)
    for args in ((), ("--dry-run",)):
        done = run_script(MIGRATE, *args)
        assert done.exit_code == 2
        assert "--source-timezone America/New_York" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    wrong = run_script(MIGRATE, "--source-timezone", "New York")
    assert (wrong.exit_code, "IANA" in wrong.stderr) == (2, True)
    assert public_state(empty_database) == before


def test_a_dry_run_tells_what_the_run_then_does(
    newer_old: OldTruth, empty_database: Database, run_script: ScriptRunner
) -> None:
    before = public_state(empty_database)
    plan = run_script(MIGRATE, "--dry-run", *ZONED)
    assert plan.exit_code == 0, plan.stderr
    assert public_state(empty_database) == before
    for reason, count in newer_old.refused.items():
        assert f"refused {count}: {reason}" in plan.stdout
    assert f"{len(newer_old.stored)} would be stored" in plan.stdout
    assert "written hour 2025-11-02 01:00, ambiguous refused: 16 rows" in plan.stdout
    assert "written hour 2025-03-09 02:00, nonexistent stored: 4 rows" in plan.stdout
    assert "written hour 2025-03-09 02:00, nonexistent refused: 4 rows" in plan.stdout
    done = run_script(MIGRATE, *ZONED)
    told = [line for line in plan.stdout.splitlines() if "refused" in line and "would" not in line]
    assert told
    assert [line for line in told if line not in done.stdout] == []


def test_a_second_run_finds_nothing_to_do(migrated: Migrated, run_script: ScriptRunner) -> None:
    again = run_script(MIGRATE, *ZONED, env=at(migrated))
    assert (again.exit_code, again.stdout) == (0, "up to date\n")


def test_users_views_move_with_the_tables_they_read_and_are_named(
    newer_old: OldTruth, empty_database: Database, run_script: ScriptRunner
) -> None:
    empty_database.execute("CREATE VIEW my_kwh AS SELECT sum(energy_kwh) FROM v_clean_readings")
    done = run_script(MIGRATE, *ZONED)
    assert done.exit_code == 0, done.stderr
    assert "view my_kwh reads the old tables" in done.stdout
    assert empty_database.scalar("SELECT to_regclass('public.my_kwh') IS NULL")
    assert empty_database.scalar("SELECT sum FROM argo_old.my_kwh") > 0


@pytest.mark.parametrize(
    ("obstacle", "told"),
    [
        (
            "CREATE SCHEMA bi; CREATE VIEW bi.mine AS SELECT * FROM readings",
            "the view bi.mine reads the old tables",
        ),
        (
            "CREATE TABLE notes (channel_id integer REFERENCES channels)",
            "the table notes refers to the old table channels",
        ),
        ("CREATE SCHEMA argo_old", "the schema argo_old exists already"),
        (
            "INSERT INTO channels (channel_id, channel_name) VALUES (99, 'lost')",
            "channel 99 belongs to no site",
        ),
        (
            "INSERT INTO organizations (organization_id, organization_name, timezone) "
            "VALUES ('5', 'Five', NULL)",
            "site 5 has no time zone",
        ),
    ],
)
def test_what_a_person_has_to_settle_first_is_one_line(
    newer_old: OldTruth,
    empty_database: Database,
    run_script: ScriptRunner,
    obstacle: str,
    told: str,
) -> None:
    empty_database.execute(obstacle)
    before = public_state(empty_database)
    done = run_script(MIGRATE, *ZONED)
    assert done.exit_code == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert public_state(empty_database) == before


def test_odd_rows_and_values_are_kept_with_their_reason(
    newer_old: OldTruth, empty_database: Database, run_script: ScriptRunner
) -> None:
    empty_database.execute(
        """
        INSERT INTO readings (channel_id, "timestamp", energy_kwh, power_kw) VALUES
            (NULL, '2025-04-01', 1, 4), (1, NULL, 1, 4), (1, 'infinity', 1, 4),
            (1, '2025-03-20 12:00', -5, 4), (1, '2035-03-20 12:00', 2, 8),
            (1, '2025-03-20 12:15', NULL, NULL);
        UPDATE readings SET voltage_v = 9999 WHERE channel_id = 1 AND "timestamp" = '2025-03-08';
        UPDATE readings SET temperature_c = 'NaN'
        WHERE channel_id = 1 AND "timestamp" = '2025-03-08 00:15'
        """
    )
    done = run_script(MIGRATE, *ZONED)
    assert done.exit_code == 0, done.stderr
    reasons = dict(
        empty_database.execute(
            "SELECT reason, count(*) FROM rejected_readings WHERE scope = 'row' "
            "AND NOT reason = ANY(%s) GROUP BY 1",
            (list(newer_old.refused),),
        )
    )
    assert reasons == {
        "no_channel": 1,
        "no_timestamp": 2,
        "energy_kwh_out_of_range": 1,
        "future_timestamp": 1,
        "no_values": 1,
    }
    values = empty_database.execute(
        "SELECT x.field, x.value, r.voltage_v, r.temperature_c, r.data_quality "
        'FROM rejected_readings AS x JOIN readings AS r USING (channel_id, "timestamp") '
        "WHERE x.scope = 'field' ORDER BY 1"
    )
    assert values == [
        ("temperature_c", "NaN", 120.0, None, "temperature_c not_a_number"),
        ("voltage_v", "9999.0", None, None, "voltage_v out_of_range"),
    ]


def test_an_apparent_power_that_was_kept_in_kva_is_taken_as_it_is(
    newer_old: OldTruth, empty_database: Database, run_script: ScriptRunner
) -> None:
    empty_database.execute("UPDATE readings SET apparent_power_va = apparent_power_va / 1000")
    done = run_script(MIGRATE, *ZONED)
    assert done.exit_code == 0, done.stderr
    assert "apparent_power_va holds kVA in spite of its name" in done.stdout
    pd.testing.assert_series_equal(
        stored_readings(empty_database)["apparent_power_kva"],
        expected_readings(newer_old)["apparent_power_kva"],
        rtol=1e-6,
    )


def test_a_run_killed_half_way_leaves_the_old_database_as_it_was(
    newer_old: OldTruth, empty_database: Database, run_script: ScriptRunner
) -> None:
    before = public_state(empty_database)
    with closing(empty_database.connect()) as blocker, blocker.cursor() as cursor:
        # The last table to be moved is in use: the run stands still in the middle.
        cursor.execute("SELECT count(*) FROM virtual_meter_map")
        process = subprocess.Popen(
            [sys.executable, PROJECT_ROOT / MIGRATE, *ZONED],
            env=dict(os.environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        waiting = (
            "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database "
            "WHERE NOT granted AND locktype = 'relation' AND d.datname = current_database()"
        )
        deadline = time.monotonic() + 60
        while not empty_database.scalar(waiting) and time.monotonic() < deadline:
            pass
        assert empty_database.scalar(waiting) == 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        blocker.rollback()
    assert public_state(empty_database) == before
    assert run_script(MIGRATE, *ZONED).exit_code == 0
    assert len(stored_readings(empty_database)) == len(newer_old.stored)


def test_a_program_that_still_uses_the_old_tables_is_told_of(
    newer_old: OldTruth, empty_database: Database, run_script: ScriptRunner
) -> None:
    before = public_state(empty_database)
    with closing(empty_database.connect()) as blocker, blocker.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM readings")
        done = run_script(MIGRATE, *ZONED)
        blocker.rollback()
    assert done.exit_code != 0
    assert "lock timeout" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert public_state(empty_database) == before


def test_a_quarter_hour_that_the_old_system_missed_is_no_time_that_nobody_asked_for(
    empty_database: Database, newer_old: OldTruth, run_script: ScriptRunner
) -> None:
    assert len(newer_old.stored) > 0
    hole = f"channel_id = {QUARTERS} AND \"timestamp\" = '2025-03-10 12:00'"
    empty_database.execute(f"DELETE FROM readings WHERE {hole}")
    assert run_script(MIGRATE, *ZONED).exit_code == 0
    assert run_script("govern/refresh_views.py").exit_code == 0
    days = ("--start", "2025-03-10", "--end", "2025-03-10", "--json")
    document = json.loads(run_script("govern/validate_data.py", *days).stdout)
    verdicts = {check["name"]: check["verdict"] for check in document["checks"]}
    assert verdicts["windows_never_asked"] == "pass"
    assert verdicts["unlogged_windows"] == "pass"
    assert verdicts["completeness_of_channels"] == "warn"
