"""check_database.py: what it finds wrong with a database, planted one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import Database, ScriptRunner

from lib.schema import sql_files

SCRIPT = "govern/check_database.py"


def problems(run_script: ScriptRunner, *args: str, exit_code: int = 4) -> list[str]:
    """What the script finds; its exit code has to be as stated."""
    done = run_script(SCRIPT, "--json", *args)
    assert done.exit_code == exit_code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return list(found["problems"])


def test_a_database_of_this_checkout_is_well_in_both_checks(
    database: Database, run_script: ScriptRunner
) -> None:
    assert problems(run_script, exit_code=0) == []
    assert problems(run_script, "--schema", exit_code=0) == []
    assert database.scalar("SELECT to_regnamespace('argo_expected') IS NULL")


def test_it_names_version_tables_and_rows(database: Database, run_script: ScriptRunner) -> None:
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('1', 'One', 'UTC'), ('2', 'Two', 'UTC')"
    )
    found = json.loads(run_script(SCRIPT, "--json").stdout)
    assert found["schema_version"] == sql_files("migrations")[-1].version
    assert found["server_version"] == database.scalar("SHOW server_version")
    rows = {table["name"]: table["rows"] for table in found["tables"]}
    assert rows["organizations"] == 2
    text = run_script(SCRIPT).stdout
    assert "all is well" in text
    assert "organizations" in text


def test_rows_of_a_large_table_are_an_estimate(
    database: Database, run_script: ScriptRunner
) -> None:
    database.execute(
        "CREATE TABLE large AS SELECT generate_series(1, 100001) AS n; ANALYZE large;"
        "DELETE FROM large WHERE n <= 10"
    )
    found = json.loads(run_script(SCRIPT, "--json").stdout)
    (large,) = (table for table in found["tables"] if table["name"] == "large")
    assert (large["rows"], large["is_estimate"]) == (100_001, True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE readings DROP COLUMN cost CASCADE", "table readings: column cost is missing"),
        (
            "ALTER TABLE devices ALTER COLUMN uuid TYPE varchar(9)",
            "table devices: column uuid is character varying(9), not text",
        ),
        (
            "ALTER TABLE devices ADD COLUMN mine int",
            "table devices: column mine is not in the files",
        ),
        (
            "ALTER TABLE organizations ALTER COLUMN timezone DROP NOT NULL",
            "table organizations: column timezone allows null",
        ),
        (
            "ALTER TABLE mv_hourly_usage DROP CONSTRAINT mv_hourly_usage_pkey",
            "table mv_hourly_usage: lacks PRIMARY KEY (channel_id, hour)",
        ),
        (
            "ALTER TABLE meters DROP CONSTRAINT meters_device_id_fkey",
            "table meters: lacks FOREIGN KEY (device_id) REFERENCES devices(device_id)",
        ),
        (
            "DROP INDEX readings_timestamp_brin",
            'table readings: lacks INDEX USING brin ("timestamp")',
        ),
        ("DROP TABLE alert_silences", "table alert_silences: missing"),
        ("DROP VIEW v_rejected_counts CASCADE", "view v_rejected_counts: missing"),
    ],
)
def test_a_schema_changed_by_hand_is_named(
    database: Database, run_script: ScriptRunner, change: str, told: str
) -> None:
    database.execute(change)
    assert told in problems(run_script, "--schema")


def test_tables_and_indexes_of_ones_own_are_no_difference(
    database: Database, run_script: ScriptRunner
) -> None:
    database.execute(
        "CREATE TABLE mine (n integer); CREATE VIEW my_sites AS SELECT site_id FROM v_sites;"
        "CREATE INDEX mine_too ON readings (run_id)"
    )
    assert problems(run_script, "--schema", exit_code=0) == []


def test_a_view_changed_by_hand_is_named(database: Database, run_script: ScriptRunner) -> None:
    database.execute(
        "CREATE OR REPLACE VIEW v_sites AS SELECT organization_id AS site_id, organization_name "
        "AS site_name, timezone, currency_code, city, country, NOT is_active AS is_active "
        "FROM organizations"
    )
    assert problems(run_script) == ["view v_sites differs from its file"]


def test_pending_migrations_are_named(database: Database, run_script: ScriptRunner) -> None:
    newest = sql_files("migrations")[-1]
    database.execute("DELETE FROM schema_migrations WHERE version = %s", [newest.version])
    (told,) = problems(run_script)
    assert newest.path.name in told
    assert "npm run db:migrate" in told


def test_an_empty_database_and_a_newer_one_are_told_in_one_line(
    empty_database: Database, run_script: ScriptRunner
) -> None:
    (told,) = problems(run_script, "--schema")
    assert "no schema" in told
    assert run_script("govern/run_migration.py").exit_code == 0
    empty_database.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', '')"
    )
    (told,) = problems(run_script)
    assert "schema version 9999" in told


def test_a_server_that_does_not_answer_is_exit_1(run_script: ScriptRunner) -> None:
    done = run_script(SCRIPT, env={"DATABASE_URL": "postgresql://me:pw@127.0.0.1:1/db"})
    assert (done.exit_code, done.stdout) == (1, "")
    assert "cannot reach the database at 127.0.0.1:1/db" in done.stderr
    assert len(done.stderr.splitlines()) == 1
