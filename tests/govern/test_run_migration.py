"""Migrations go forward only, once each, all or nothing, one run at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from support import Database, ScriptRunner

import lib.schema
from config.settings import PROJECT_ROOT
from lib.schema import SchemaError, pending_migrations, sql_files

MIGRATE = "govern/run_migration.py"
# Comments can be made twice, so that this migration can be applied to a database that has it.
COMMENTS = next(file for file in sql_files("migrations") if file.name == "comments")


def start_migration() -> subprocess.Popen[str]:
    """The script in a process of its own, on the database of DATABASE_URL."""
    return subprocess.Popen(
        [sys.executable, PROJECT_ROOT / MIGRATE],
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def comment_of_site_id(database: Database) -> str:
    """What the database says of organizations.organization_id."""
    return str(database.scalar("SELECT col_description('organizations'::regclass, 1)"))


def test_two_runs_at_once_apply_each_migration_once(empty_database: Database) -> None:
    runs = [start_migration(), start_migration()]
    outputs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    applied = [
        line.split()[1]
        for stdout, _ in outputs
        for line in stdout.splitlines()
        if line.startswith("applied")
    ]
    assert sorted(applied) == [migration.path.name for migration in sql_files("migrations")]


def test_a_run_killed_in_the_middle_of_a_migration_leaves_nothing_of_it(
    database: Database, run_script: ScriptRunner
) -> None:
    database.execute("DELETE FROM schema_migrations WHERE version = %s", [COMMENTS.version])
    database.execute("COMMENT ON COLUMN organizations.organization_id IS 'as before'")
    with closing(database.connect()) as blocker, blocker.cursor() as cursor:
        # One of the last tables it comes to is in use: the migration stands still half-way.
        cursor.execute("LOCK TABLE report_deliveries IN ACCESS EXCLUSIVE MODE")
        process = start_migration()
        waiting = (
            "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database "
            "WHERE NOT granted AND locktype = 'relation' AND d.datname = current_database()"
        )
        deadline = time.monotonic() + 60
        while not database.scalar(waiting) and time.monotonic() < deadline:
            pass
        assert database.scalar(waiting) == 1
        process.send_signal(signal.SIGKILL)
        process.communicate()
        blocker.rollback()
    assert comment_of_site_id(database) == "as before"
    assert run_script(MIGRATE).stdout == f"applied   {COMMENTS.path.name}\n"
    assert comment_of_site_id(database) != "as before"


def test_a_migration_whose_file_is_missing_is_named(
    database: Database, run_script: ScriptRunner
) -> None:
    database.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (0, 'lost', '')"
    )
    for args in ((), ("--status",), ("--dry-run",)):
        done = run_script(MIGRATE, *args)
        assert done.exit_code == 2
        assert "0000_lost.sql was applied to this database, but its file is missing" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_two_migrations_with_one_number_are_refused(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for name in ("0001_one.sql", "0001_other.sql"):
        (folder / name).write_text("SELECT 1;\n")
    database.execute("DELETE FROM schema_migrations")
    monkeypatch.setattr(lib.schema, "SQL_FOLDER", tmp_path)
    with (
        closing(database.connect()) as connection,
        pytest.raises(SchemaError, match=r"0001_one\.sql and 0001_other\.sql have the same number"),
    ):
        pending_migrations(connection)


def test_a_dry_run_on_an_up_to_date_database_says_so(
    database: Database, run_script: ScriptRunner
) -> None:
    assert run_script(MIGRATE, "--dry-run").stdout == "up to date\n"


def test_tables_of_somebody_else_are_left_alone_with_one_line(
    empty_database: Database, run_script: ScriptRunner
) -> None:
    empty_database.execute("CREATE TABLE organizations (name text)")
    done = run_script(MIGRATE)
    assert done.exit_code == 1
    assert 'relation "organizations" already exists' in done.stderr
    assert "nothing was changed" in done.stderr
    assert len(done.stderr.splitlines()) == 2  # the first migration was applied, and logged
    assert empty_database.scalar("SELECT count(*) FROM schema_migrations") == 1
