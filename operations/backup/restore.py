"""Putting a backup back: all of it, counted, in one transaction, or nothing."""

from __future__ import annotations

import logging
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import psycopg2
from psycopg2.sql import SQL, Identifier

from lib.database import Connection, Server, connect
from lib.embedded_postgres import embedded_postgres
from lib.errors import ArgoError, UsageError
from lib.schema import INGEST_ROLE, READER_ROLE
from operations.backup.dump import Manifest
from operations.backup.tools import Programs, address, first_line, fitting_programs, server_major

logger = logging.getLogger(__name__)

# Backups of pg_dump 17 and newer begin with a setting that older servers do not know.
_NEW_SETTING = b"SET transaction_timeout = 0;"
_HEAD_LINES = 60

_EMPTIED = """
SET LOCAL lock_timeout = '30s';
SET LOCAL client_min_messages = warning;
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""
_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} LOGIN;
    END IF;
END $$;
"""
_CUT_OFF = "DO $$ BEGIN RAISE EXCEPTION 'the backup could not be read to its end'; END $$;\n"
_COUNTED = """
DO $$ DECLARE found bigint; BEGIN
    EXECUTE 'SELECT count(*) FROM ' || '{table}' INTO found;
    IF found <> {rows} THEN
        RAISE EXCEPTION '% has % rows, the backup has {rows}', '{table}', found;
    END IF;
END $$;
"""


def is_empty(connection: Connection) -> bool:
    """True when the database holds no table, view or sequence of anybody's."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM pg_class AS c "
            "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') "
            "AND n.nspname !~ '^(pg_|information_schema$)' "
            "AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass "
            "AND d.objid = c.oid AND d.deptype = 'e'))"
        )
        (empty,) = cursor.fetchone() or (True,)
    return bool(empty)


def restore(
    server: Server, path: Path, manifest: Manifest, *, overwrite: str | None, with_rights: bool
) -> None:
    """Restore a backup into a server's database.

    The rows of every table are counted before anything is committed. Raises UsageError where the
    database is not empty and `overwrite` does not name it; ArgoError when anything fails, and then
    the database is as it was.
    """
    with closing(connect(server)) as connection:
        database = connection.info.dbname
        empty = is_empty(connection)
        major = server_major(connection)
    if not empty and overwrite != database:
        raise UsageError(
            f"the database {database} at {server.name} is not empty: nothing was restored; "
            f"--overwrite {database} replaces all that is in it"
        )
    programs = fitting_programs(max(major, manifest.server_major))
    prelude = "" if empty else _EMPTIED
    if with_rights:
        prelude += "".join(_ROLE.format(role=role) for role in (READER_ROLE, INGEST_ROLE))
    _restore(server, programs, path, prelude, manifest, major, with_rights=with_rights)


def check(path: Path, manifest: Manifest) -> None:
    """Restore a backup into a scratch database of the embedded server, count it, and drop it.

    Raises ArgoError when the backup cannot be restored, or not all of it.
    """
    with _scratch_database() as server:
        restore(server, path, manifest, overwrite=None, with_rights=False)


@contextmanager
def _scratch_database() -> Iterator[Server]:
    embedded = embedded_postgres()
    embedded.ensure_running()
    name = f"argo_check_{secrets.token_hex(4)}"
    with closing(psycopg2.connect(embedded.url(database="postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
            try:
                yield Server(embedded.url(database=name), is_embedded=True)
            finally:
                cursor.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _restore(
    server: Server,
    programs: Programs,
    path: Path,
    prelude: str,
    manifest: Manifest,
    major: int,
    *,
    with_rights: bool,
) -> None:
    """pg_restore writes the SQL, psql runs it in one transaction that ends with the counting."""
    dsn, environment = address(server)
    rights = [] if with_rights else ["--no-privileges"]
    reading = [programs.path("pg_restore"), "--no-owner", *rights, "--file=-", str(path)]
    running = [programs.path("psql"), f"--dbname={dsn}", "--no-psqlrc", "--quiet", "--no-password",
               "--single-transaction", "--set=ON_ERROR_STOP=1", "--file=-"]  # fmt: skip
    with (
        tempfile.TemporaryFile("w+") as errors,
        tempfile.TemporaryFile("w+") as read_errors,
        subprocess.Popen(reading, stdout=subprocess.PIPE, stderr=read_errors) as source,
        subprocess.Popen(
            running, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors,
            env=environment,
        ) as target,
    ):  # fmt: skip
        assert source.stdout is not None
        assert target.stdin is not None
        try:
            with target.stdin as script:
                script.write(prelude.encode())
                _copy(source.stdout, script, drop_setting=major < 17)
                whole = source.wait() == 0
                script.write((_counting(manifest) if whole else _CUT_OFF).encode())
        except BrokenPipeError:
            # psql met an error and ended; what it said is read below.
            source.kill()
        failed = target.wait() != 0
        errors.seek(0)
        read_errors.seek(0)
        reason = first_line(read_errors.read() or errors.read())
    if failed:
        raise ArgoError(f"the backup was not restored, the database is as it was: {reason}")


def _copy(source: IO[bytes], script: IO[bytes], *, drop_setting: bool) -> None:
    for _ in range(_HEAD_LINES):
        line = source.readline()
        if not (drop_setting and line.strip() == _NEW_SETTING):
            script.write(line)
    while block := source.read(1 << 20):
        script.write(block)


def _counting(manifest: Manifest) -> str:
    return "".join(
        _COUNTED.format(table=_quoted(table), rows=int(rows))
        for table, rows in manifest.tables.items()
    )


def _quoted(table: str) -> str:
    """schema.table as it stands in SQL within a text. Raises UsageError for a strange name."""
    schema, _, name = table.partition(".")
    if any(sign in table for sign in ("'", '"', "$", "\\", "\n")):
        raise UsageError(f"the backup names a table {table!r}, which no table of Argo is called")
    return f'"{schema}"."{name}"'
