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


@pytest.mark.parametrize("script", [MIGRATE, VIEWS, "govern/refresh_views.py"])
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
    assert (missing.exit_code, missing.stdout) == (1, "differs  v_rejected_counts\n")
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
