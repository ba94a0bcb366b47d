"""The two logins besides the owner: argo_ingest does the daily work, argo_reader only reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import psycopg2.errors
import pytest
from clean_site import KITCHEN, OFFICE, plant_site
from sandbox_client import Ingest, StartSandbox
from support import Database, ScriptRunner

MIGRATE, VIEWS = "govern/run_migration.py", "govern/run_create_views.py"
REFRESH, METERS = "govern/refresh_views.py", "govern/define_virtual_meters.py"


def login_url(database: Database, login: str) -> str:
    return database.url.replace("postgres@", f"{login}@")


@pytest.fixture
def as_ingest(database: Database) -> Iterator[Any]:
    """A cursor of the login argo_ingest; rolled back after the test."""
    with (
        closing(psycopg2.connect(login_url(database, "argo_ingest"))) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor
        connection.rollback()


def test_argo_ingest_can_do_the_daily_work(
    database: Database, run_script: ScriptRunner, ingest: Ingest, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(clean=True)
    login = {"DATABASE_URL": login_url(database, "argo_ingest")}
    now = {**login, "ARGO_NOW": sandbox.settings["ARGO_NOW"]}
    # The second run meets what the first stored.
    for _ in range(2):
        done = ingest(sandbox, "--days", "2", **login)
        assert done.exit_code == 0, done.stderr
    for script, *args in (
        (REFRESH,),
        (REFRESH, "--full"),
        ("govern/validate_data.py", "--site", "23271"),
        (METERS, "list"),
    ):
        done = run_script(script, *args, env=now)
        assert done.exit_code == 0, (script, done.stderr)
    assert database.scalar("SELECT count(*) FROM mv_hourly_usage") > 0
    assert database.scalar("SELECT count(*) FROM validation_runs") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM readings",
        "TRUNCATE readings",
        "DELETE FROM validation_runs",
        "DELETE FROM ingestion_logs",
        "UPDATE schema_migrations SET checksum = ''",
        "DROP VIEW v_sites",
        "ALTER TABLE readings ADD COLUMN mine integer",
        "CREATE TABLE mine (id integer)",
        "CREATE ROLE mine",
        "GRANT SELECT ON readings TO argo_reader",
    ],
)
def test_argo_ingest_may_not(as_ingest: Any, statement: str) -> None:
    if statement.startswith("GRANT"):
        # PostgreSQL warns and grants nothing where the grantor has the right without the option.
        as_ingest.execute(statement)
        as_ingest.execute("SELECT has_table_privilege('argo_reader', 'readings', 'SELECT')")
        assert as_ingest.fetchone() == (False,)
        return
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        as_ingest.execute(statement)


def test_no_table_of_ingest_or_govern_was_forgotten(database: Database) -> None:
    rows = database.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind = 'r' AND NOT has_table_privilege('argo_ingest', oid, 'INSERT')"
    )
    operations = {"report_deliveries"}
    assert {name for (name,) in rows} == operations | {"schema_migrations", "schema_views"}


TABLES_QUERY = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


def test_the_reader_may_select_from_no_table(database: Database) -> None:
    tables = [name for (name,) in database.execute(TABLES_QUERY)]
    assert {"readings", "channels", "rejected_readings", "validation_runs"} <= set(tables)
    readable = []
    with closing(database.connect_reader()) as connection, connection.cursor() as cursor:
        for table in tables:
            try:
                cursor.execute(f'SELECT 1 FROM "{table}"')
                readable.append(table)
            except psycopg2.errors.InsufficientPrivilege:
                connection.rollback()
    assert readable == []


def test_the_reader_may_write_nowhere(database: Database) -> None:
    plant_site(database, days=1)
    with closing(database.connect_reader()) as connection, connection.cursor() as cursor:
        for statement in ("UPDATE v_sites SET is_active = false", "DELETE FROM v_sites"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
            connection.rollback()


@pytest.fixture
def owner_without_createrole(empty_database: Database) -> Iterator[str]:
    """URL of a login that owns the database and may make no role."""
    login = f"owner_{os.getpid()}"
    name = empty_database.scalar("SELECT current_database()")
    empty_database.execute(f"CREATE ROLE {login} LOGIN")
    empty_database.execute(f"ALTER DATABASE {name} OWNER TO {login}")
    yield login_url(empty_database, login)
    empty_database.execute(f"REASSIGN OWNED BY {login} TO postgres; DROP OWNED BY {login}")
    empty_database.execute(f"DROP ROLE {login}")


def test_where_roles_exist_a_login_without_createrole_migrates(
    owner_without_createrole: str, run_script: ScriptRunner
) -> None:
    # The cluster of the tests has both roles already: made by another database of it.
    done = run_script(MIGRATE, "--quiet", env={"DATABASE_URL": owner_without_createrole})
    assert (done.exit_code, done.stderr) == (0, "")
    with (
        closing(psycopg2.connect(owner_without_createrole)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT has_table_privilege('argo_ingest', 'readings', 'INSERT')")
        assert cursor.fetchone() == (True,)


@pytest.mark.parametrize("role", ["argo_ingest", "argo_reader"])
def test_a_role_that_could_not_be_made_is_named_with_the_line_to_ask_for(
    owner_without_createrole: str, empty_database: Database, run_script: ScriptRunner, role: str
) -> None:
    # Out of the way under another name: roles belong to the cluster, and other databases use them.
    empty_database.execute(f"ALTER ROLE {role} RENAME TO {role}_elsewhere")
    try:
        done = run_script(MIGRATE, "--quiet", env={"DATABASE_URL": owner_without_createrole})
    finally:
        empty_database.execute(f"ALTER ROLE {role}_elsewhere RENAME TO {role}")
    assert done.exit_code == 0, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert f"ask an administrator for CREATE ROLE {role} LOGIN" in lines[0]
    # Once it is there, the views' script gives it its rights.
    done = run_script(VIEWS, env={"DATABASE_URL": owner_without_createrole})
    assert (done.exit_code, done.stderr) == (0, "")
    view = "SELECT has_table_privilege(%s, 'v_sites', 'SELECT')"
    assert empty_database.scalar(view, [role]) is True


@pytest.mark.parametrize(
    ("script", "args"),
    [
        (REFRESH, ()),
        (METERS, ("define", "A", "--part", KITCHEN, "--part", OFFICE)),
        (VIEWS, ()),
        (VIEWS, ("--check",)),
    ],
)
def test_a_login_without_rights_is_told_so_in_one_line(
    database: Database, run_script: ScriptRunner, script: str, args: tuple[object, ...]
) -> None:
    plant_site(database, days=1)
    done = run_script(script, *args, env={"DATABASE_URL": database.reader_url})
    assert done.exit_code == 2
    assert "permission denied" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_login_that_may_read_but_not_write_is_told_what_it_may_not_do(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database, days=1)
    login = f"looker_{os.getpid()}"
    database.execute(
        f"CREATE ROLE {login} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {login}"
    )
    env = {"DATABASE_URL": login_url(database, login)}
    try:
        refreshed = run_script(REFRESH, env=env)
        replaced = run_script(VIEWS, env=env)
        compared = run_script(VIEWS, "--check", env=env)
    finally:
        database.execute(f"DROP OWNED BY {login}; DROP ROLE {login}")
    for done, told in ((refreshed, "refresh the aggregates"), (replaced, "replace the view")):
        assert done.exit_code == 2
        assert f"this login may not {told}" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    # Comparing needs no right on the views.
    assert (compared.exit_code, compared.stdout) == (0, "")
