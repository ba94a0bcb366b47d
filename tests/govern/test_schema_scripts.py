"""run_migration.py and run_create_views.py, as a user runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support import Database, ScriptRunner

from lib.schema import sql_files

MIGRATE, VIEWS = "govern/run_migration.py", "govern/run_create_views.py"
MIGRATION_NAMES = [migration.path.name for migration in sql_files("migrations")]


@pytest.fixture
def limited_login(empty_database: Database) -> Iterator[str]:
    """URL of a login that may create nothing."""
    login = f"limited_{os.getpid()}"
    empty_database.execute(f"CREATE ROLE {login} LOGIN")
    empty_database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    yield empty_database.url.replace("postgres@", f"{login}@")
    empty_database.execute(f"DROP ROLE {login}")


def test_each_migration_is_applied_once(empty_database: Database, run_script: ScriptRunner) -> None:
    first = run_script(MIGRATE)
    assert first.exit_code == 0, first.stderr
    assert [line.split()[1] for line in first.stdout.splitlines()[:-1]] == MIGRATION_NAMES
    second = run_script(MIGRATE)
    assert (second.exit_code, second.stdout) == (0, "up to date\n")
    names = empty_database.execute("SELECT name FROM schema_migrations ORDER BY version")
    assert len(names) == len(MIGRATION_NAMES)


def test_a_database_of_before_the_stored_days_gets_them(
    empty_database: Database, run_script: ScriptRunner
) -> None:
    """An hour either side of midnight in Lord Howe, aggregated by the version before."""
    older = [migration for migration in sql_files("migrations") if migration.version < 10]
    empty_database.execute(
        "CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL, "
        "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    for migration in older:
        empty_database.execute(migration.text)
        empty_database.execute(
            "INSERT INTO schema_migrations VALUES (%s, %s, %s)",
            (migration.version, migration.name, migration.checksum),
        )
    empty_database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('1', 'Island', 'Australia/Lord_Howe');"
        "INSERT INTO channels (channel_id, organization_id, channel_name) VALUES (1, '1', 'One');"
        "INSERT INTO mv_hourly_usage (channel_id, hour, energy_kwh, reading_count, expected_count, "
        "null_energy, null_power, interval_seconds) "
        "SELECT 1, at, 5, 4, 4, 0, 0, 900 FROM unnest(ARRAY["
        "'2026-06-30 12:30Z', '2026-06-30 13:30Z']::timestamptz[]) AS at"
    )
    done = run_script(MIGRATE)
    assert done.exit_code == 0, done.stderr
    days = empty_database.execute("SELECT day::text, energy_kwh FROM v_readings_daily ORDER BY 1")
    assert days == [("2026-06-30", 5.0), ("2026-07-01", 5.0)]


def test_a_dry_run_names_what_is_pending_and_changes_nothing(
    empty_database: Database, run_script: ScriptRunner
) -> None:
    done = run_script(MIGRATE, "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert all(name in done.stdout for name in MIGRATION_NAMES)
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert empty_database.scalar(tables) == 0


def test_status_tells_applied_from_pending(database: Database, run_script: ScriptRunner) -> None:
    newest = sql_files("migrations")[-1]
    database.execute("DELETE FROM schema_migrations WHERE version = %s", [newest.version])
    lines = run_script(MIGRATE, "--status").stdout.splitlines()[:-1]
    states = {name: state for state, name in map(str.split, lines)}
    assert states.pop(newest.path.name) == "pending"
    assert set(states.values()) == {"applied"}


def test_an_edited_migration_is_refused_by_name(
    database: Database, run_script: ScriptRunner
) -> None:
    database.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = 2")
    done = run_script(MIGRATE)
    assert done.exit_code == 2
    assert "0002_sites_and_channels.sql was changed after it was applied" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "script", [MIGRATE, VIEWS, "govern/refresh_views.py", "govern/define_virtual_meters.py"]
)
def test_a_database_of_a_newer_version_is_left_alone(
    database: Database, run_script: ScriptRunner, script: str
) -> None:
    database.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', '')"
    )
    done = run_script(script)
    assert done.exit_code == 2
    assert "schema version 9999" in done.stderr
    assert "update Argo" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_login_without_rights_is_told_so_in_one_line(
    limited_login: str, run_script: ScriptRunner
) -> None:
    done = run_script(MIGRATE, env={"DATABASE_URL": limited_login})
    assert done.exit_code == 2
    assert "permission denied" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_views_before_tables_are_refused_with_the_command_to_run(
    empty_database: Database, run_script: ScriptRunner
) -> None:
    done = run_script(VIEWS)
    assert done.exit_code == 2
    assert "npm run db:migrate" in done.stderr


def test_check_lists_a_view_dropped_by_hand_until_it_is_made_again(
    database: Database, run_script: ScriptRunner
) -> None:
    assert run_script(VIEWS, "--check").exit_code == 0
    database.execute("DROP VIEW v_rejected_counts")
    missing = run_script(VIEWS, "--check")
    assert (missing.exit_code, missing.stdout) == (1, "differs  v_rejected_counts  (missing)\n")
    assert run_script(VIEWS).exit_code == 0
    assert run_script(VIEWS, "--check").exit_code == 0


def test_making_views_again_keeps_grants_and_users_own_views(
    database: Database, run_script: ScriptRunner
) -> None:
    database.execute("CREATE VIEW my_sites AS SELECT site_id FROM v_sites")
    database.execute("GRANT SELECT ON v_sites TO PUBLIC")
    database.execute("UPDATE schema_views SET checksum = 'older' WHERE name = 'v_sites'")
    assert run_script(VIEWS).exit_code == 0
    assert database.execute("SELECT * FROM my_sites") == []
    granted = "SELECT has_table_privilege('argo_reader', 'v_sites', 'SELECT')"
    assert database.scalar(granted) is True
    acl = "SELECT relacl::text FROM pg_class WHERE relname = 'v_sites'"
    assert ",=r/" in database.scalar(acl)


def test_check_names_a_view_that_was_changed_by_hand(
    database: Database, run_script: ScriptRunner
) -> None:
    definition = database.scalar("SELECT pg_get_viewdef('v_sites'::regclass)")
    database.execute(
        f"CREATE OR REPLACE VIEW v_sites AS {definition.rstrip().rstrip(';')} WHERE is_active"
    )
    found = run_script(VIEWS, "--check")
    assert (found.exit_code, found.stdout) == (1, "differs  v_sites  (changed by hand)\n")
    assert run_script(VIEWS).exit_code == 0
    assert run_script(VIEWS, "--check").stdout == ""
    assert database.scalar("SELECT pg_get_viewdef('v_sites'::regclass)") == definition


def test_check_changes_nothing(database: Database, run_script: ScriptRunner) -> None:
    database.execute("DROP VIEW v_rejected_counts")
    state = "SELECT relname, xmin::text FROM pg_class WHERE relkind = 'v' ORDER BY 1, 2"
    before = database.execute(state)
    assert run_script(VIEWS, "--check").exit_code == 1
    assert database.execute(state) == before


def test_a_view_with_columns_of_its_own_is_not_overwritten(
    database: Database, run_script: ScriptRunner
) -> None:
    definition = database.scalar("SELECT pg_get_viewdef('v_sites'::regclass)")
    database.execute(
        f"CREATE OR REPLACE VIEW v_sites AS {definition.replace('FROM', ', 1 AS mine FROM')}"
    )
    done = run_script(VIEWS)
    assert done.exit_code == 2
    assert "the view v_sites has columns that its file does not have" in done.stderr
    assert "DROP VIEW v_sites CASCADE" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert database.execute("SELECT mine FROM v_sites") == []


def test_grants_on_every_view_and_a_users_view_over_several_survive(
    database: Database, run_script: ScriptRunner
) -> None:
    login = f"analyst_{os.getpid()}"
    database.execute(
        f"CREATE ROLE {login}; GRANT SELECT ON v_readings_daily, v_data_health_monitor TO {login};"
        "CREATE VIEW my_week AS SELECT d.day, d.energy_kwh, q.completeness_pct "
        "FROM v_readings_daily AS d LEFT JOIN v_data_quality_scorecard AS q "
        "ON q.site_id = d.site_id AND q.date = d.day;"
        f"GRANT SELECT ON my_week TO {login}"
    )
    oid = database.scalar("SELECT 'my_week'::regclass::oid")
    database.execute("UPDATE schema_views SET checksum = 'older'")
    assert run_script(VIEWS).exit_code == 0
    kept = database.execute(
        "SELECT 'my_week'::regclass::oid, has_table_privilege(%(login)s, 'my_week', 'SELECT'), "
        "has_table_privilege(%(login)s, 'v_readings_daily', 'SELECT'), "
        "has_table_privilege(%(login)s, 'v_data_health_monitor', 'SELECT'), "
        "has_table_privilege(%(login)s, 'v_sites', 'SELECT')",
        {"login": login},
    )
    database.execute(f"DROP OWNED BY {login}; DROP ROLE {login}")
    assert kept == [(oid, True, True, True, False)]


def test_views_are_replaced_all_or_none(database: Database, run_script: ScriptRunner) -> None:
    # The last view cannot be replaced: none of those before it is.
    last = sql_files("views")[-1].name
    definition = database.scalar("SELECT pg_get_viewdef(%s::regclass)", [last])
    head, _, tail = definition.rpartition("FROM")
    database.execute(f"CREATE OR REPLACE VIEW {last} AS {head}, 1 AS mine FROM{tail}")
    database.execute("UPDATE schema_views SET checksum = 'older'")
    assert run_script(VIEWS).exit_code == 2
    older = "SELECT count(*) FROM schema_views WHERE checksum <> 'older'"
    assert database.scalar(older) == 0


@pytest.mark.parametrize(
    "command",
    [["govern/refresh_views.py"], ["govern/define_virtual_meters.py", "list"]],
    ids=["refresh", "virtual-meters"],
)
def test_a_view_dropped_by_hand_on_another_server_is_named_with_its_command(
    database: Database, run_script: ScriptRunner, command: list[str]
) -> None:
    # The embedded server mends itself; told that it is somebody else's, it is left alone.
    database.execute("DROP VIEW v_rejected_counts")
    script, *args = command
    done = run_script(script, *args, env={"ARGO_DATA_DIR": str(run_script.folder)})
    assert done.exit_code == 2
    assert "npm run db:views" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [["govern/refresh_views.py"], ["govern/define_virtual_meters.py", "list"]],
    ids=["refresh", "virtual-meters"],
)
def test_a_database_without_tables_on_another_server_is_told_to_migrate(
    empty_database: Database, run_script: ScriptRunner, command: list[str]
) -> None:
    script, *args = command
    done = run_script(script, *args, env={"ARGO_DATA_DIR": str(run_script.folder)})
    assert done.exit_code == 2
    assert "npm run db:migrate" in done.stderr
    assert len(done.stderr.splitlines()) == 1
