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
        "CREATE TABLE large WITH (autovacuum_enabled = off) AS"
        " SELECT generate_series(1, 100001) AS n; ANALYZE large;"
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
        ("DROP TABLE alert_silences CASCADE", "table alert_silences: missing"),
        ("DROP VIEW v_rejected_counts CASCADE", "view v_rejected_counts: missing"),
        (
            "ALTER TABLE readings ALTER COLUMN ingested_at DROP DEFAULT",
            "table readings: column ingested_at lacks the default now()",
        ),
        (
            "ALTER TABLE channels ALTER COLUMN channel_type SET DEFAULT 'site_total'",
            "table channels: column channel_type has the default 'site_total'::text, "
            "not 'energy'::text",
        ),
        (
            "ALTER TABLE data_gaps ALTER COLUMN gap_id DROP IDENTITY",
            "table data_gaps: column gap_id lacks the default GENERATED ALWAYS AS IDENTITY",
        ),
        (
            "DROP TRIGGER channel_has_no_readings ON channels",
            "table channels: lacks TRIGGER channel_has_no_readings AFTER DELETE ON channels "
            "FOR EACH ROW EXECUTE FUNCTION keep_channel_of_readings()",
        ),
        (
            "ALTER TABLE channels DISABLE TRIGGER channel_has_no_readings",
            "table channels: has TRIGGER channel_has_no_readings AFTER DELETE ON channels FOR EACH "
            "ROW EXECUTE FUNCTION keep_channel_of_readings() (disabled), which is not in the files",
        ),
        (
            "ALTER FUNCTION local_hour_start RENAME TO hour_start",
            "function local_hour_start(timestamp with time zone, text): missing",
        ),
        (
            "CREATE OR REPLACE FUNCTION argo_now() RETURNS timestamptz LANGUAGE sql STABLE "
            "PARALLEL SAFE RETURN now()",
            "function argo_now(): differs from its file",
        ),
        (
            "ALTER FUNCTION local_day_seconds VOLATILE",
            "function local_day_seconds(date, text): differs from its file",
        ),
        (
            "REVOKE SELECT ON v_readings_enriched FROM argo_reader",
            "view v_readings_enriched: argo_reader lacks SELECT",
        ),
        (
            "GRANT ALL ON readings TO argo_reader",
            "table readings: argo_reader has DELETE, INSERT, SELECT, TRUNCATE, UPDATE, which the "
            "files do not give",
        ),
        (
            "GRANT SELECT (energy_kwh) ON readings TO argo_reader",
            "table readings: argo_reader has SELECT on some columns, which the files do not give",
        ),
        (
            "GRANT DELETE ON readings TO PUBLIC",
            "table readings: argo_ingest has DELETE, which the files do not give",
        ),
        (
            "REVOKE INSERT, UPDATE ON ingestion_logs FROM argo_ingest",
            "table ingestion_logs: argo_ingest lacks INSERT, UPDATE",
        ),
        (
            "REVOKE EXECUTE ON FUNCTION argo_now() FROM PUBLIC",
            "function argo_now(): argo_reader lacks EXECUTE",
        ),
        (
            "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
            "schema public: argo_reader lacks USAGE",
        ),
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
        "CREATE INDEX mine_too ON readings (run_id);"
        "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql RETURN 1"
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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "DROP TABLE quality_metrics CASCADE",
            "tables are missing: quality_metrics: restore them from a backup",
        ),
        (
            "DROP VIEW v_rejected_counts; DROP VIEW v_latest_readings",
            "views are missing: v_latest_readings, v_rejected_counts: run npm run db:views",
        ),
        (
            "UPDATE schema_views SET checksum = '' WHERE name = 'v_sites'",
            "views are older than their files: v_sites: run npm run db:views",
        ),
        # The views stand by what the function is, their files call it by its name.
        (
            "ALTER FUNCTION utc_offset_seconds RENAME TO offset_seconds;"
            "ALTER FUNCTION argo_now RENAME TO our_now",
            "cannot compare the view",
        ),
    ],
    ids=["table", "views", "older view", "function"],
)
def test_the_short_check_names_what_is_missing(
    database: Database, run_script: ScriptRunner, change: str, told: str
) -> None:
    database.execute(change)
    found = problems(run_script)
    assert any(problem.startswith(told) for problem in found), found


def test_the_login_of_ingest_may_look_without_rights_on_every_table(
    database: Database, run_script: ScriptRunner
) -> None:
    login = {"DATABASE_URL": database.url.replace("postgres@", "argo_ingest@")}
    done = run_script(SCRIPT, "--json", env=login)
    assert (done.exit_code, done.stderr) == (0, "")
    tables = {table["name"]: table for table in json.loads(done.stdout)["tables"]}
    assert tables["report_deliveries"]["is_estimate"]
    compared = run_script(SCRIPT, "--schema", env=login)
    assert compared.exit_code == 2
    assert "this login may not create the schema" in compared.stderr
    assert len(compared.stderr.splitlines()) == 1


def test_a_server_that_does_not_answer_is_exit_1(run_script: ScriptRunner) -> None:
    done = run_script(SCRIPT, env={"DATABASE_URL": "postgresql://me:pw@127.0.0.1:1/db"})
    assert (done.exit_code, done.stdout) == (1, "")
    assert "cannot reach the database at 127.0.0.1:1/db" in done.stderr
    assert len(done.stderr.splitlines()) == 1
