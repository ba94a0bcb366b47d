"""Migrations and views: applies govern/sql to a database, once, in order, checked by checksum.

Migrations (`0001_name.sql`) only go forward, each in a transaction of its own. Views are replaced
together in one transaction whenever a file changed; grants and users' own views stay.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors

from config.settings import PROJECT_ROOT
from lib.errors import ArgoError, UsageError

logger = logging.getLogger(__name__)

SQL_FOLDER = PROJECT_ROOT / "govern" / "sql"
READER_ROLE = "argo_reader"
INGEST_ROLE = "argo_ingest"
# Layers whose views the reader role may select from; each file's header names its layer.
READABLE_LAYERS = ("3 business", "quality")
# Any number will do, as long as every script of Argo takes the same.
SCHEMA_LOCK_KEY = 7_203_001

_BOOKS = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS schema_views (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


class SchemaError(UsageError):
    """The database and the files of this checkout contradict each other."""


@dataclass(frozen=True)
class SqlFile:
    """One migration or view."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """File name without number and ending; for a view, the view's name."""
        return self.path.stem.split("_", 1)[1]

    @property
    def version(self) -> int:
        """The number the file name starts with."""
        return int(self.path.stem.split("_", 1)[0])

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def is_readable(self) -> bool:
        """True for a view of a layer that the reader role may see."""
        layer = re.search(r"^-- Layer\s+([^;\n]+)", self.text, re.MULTILINE)
        return layer is not None and layer.group(1).strip() in READABLE_LAYERS


@dataclass(frozen=True)
class SchemaProblem:
    """Why a database does not fit this checkout."""

    message: str
    is_newer: bool = False


def sql_files(kind: str) -> list[SqlFile]:
    """The files of govern/sql/<kind>, in the order of their names."""
    paths = sorted((SQL_FOLDER / kind).glob("*.sql"))
    return [SqlFile(path, path.read_text(encoding="utf-8")) for path in paths]


def applied_migrations(connection: Any) -> dict[int, tuple[str, str]]:
    """Version -> (name, checksum) of every migration the database has; empty for a new one."""
    return {
        version: (name, checksum)
        for version, name, checksum in _book(
            connection, "schema_migrations", "version, name, checksum"
        )
    }


def changed_views(connection: Any) -> list[SqlFile]:
    """View files that the database does not have, or has in another version."""
    applied = dict(_book(connection, "schema_views", "name, checksum"))
    existing = _existing_views(connection)
    return [
        view
        for view in sql_files("views")
        if applied.get(view.name) != view.checksum or view.name not in existing
    ]


def _existing_views(connection: Any) -> set[str]:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = 'public'")
        return {name for (name,) in cursor.fetchall()}


def altered_views(connection: Any) -> list[str]:
    """Names of views whose definition is not what their file says, however that came about.

    Builds every view from its file in the session's own temporary schema, compares what PostgreSQL
    made of both, and rolls back: no book has to be right, no view is touched.
    """
    views = sql_files("views")
    definitions = (
        "SELECT relname, pg_get_viewdef(oid) FROM pg_class "
        "WHERE relkind = 'v' AND relnamespace = {schema} AND relname = ANY(%s)"
    )
    names = [view.name for view in views]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path = public")
            cursor.execute(definitions.format(schema="'public'::regnamespace"), [names])
            existing = dict(cursor.fetchall())
            cursor.execute("SET LOCAL search_path = pg_temp, public")
            for view in views:
                with told_in_one_line(f"compare the view {view.name} with its file"):
                    cursor.execute(view.text)
            cursor.execute(definitions.format(schema="pg_my_temp_schema()"), [names])
            meant = dict(cursor.fetchall())
    finally:
        connection.rollback()
    return [name for name in names if name in existing and existing[name] != meant[name]]


def pending_migrations(connection: Any) -> list[SqlFile]:
    """Migrations still to apply.

    Raises SchemaError where an applied one was edited or removed since, or two share a number.
    """
    applied = applied_migrations(connection)
    files = sql_files("migrations")
    names = {migration.version: migration.path.name for migration in files}
    for migration in files:
        if names[migration.version] != migration.path.name:
            raise SchemaError(
                f"{migration.path.name} and {names[migration.version]} have the same number: "
                "give the newer one the next free number"
            )
    for version, (name, _) in sorted(applied.items()):
        if version not in names and version < max(names):
            raise SchemaError(
                f"migration {version:04d}_{name}.sql was applied to this database, but its file "
                "is missing: restore it"
            )
    for migration in files:
        known = applied.get(migration.version)
        if known is not None and known[1] != migration.checksum:
            raise SchemaError(
                f"migration {migration.path.name} was changed after it was applied to this "
                "database: restore the file and write a new migration"
            )
    return [migration for migration in files if migration.version not in applied]


def schema_problem(connection: Any) -> SchemaProblem | None:
    """What has to happen before this code may use the database; None when it fits."""
    applied = applied_migrations(connection)
    newest = sql_files("migrations")[-1].version
    if applied and max(applied) > newest:
        return SchemaProblem(
            f"the database is at schema version {max(applied)}, this checkout knows {newest}: "
            "update Argo",
            is_newer=True,
        )
    try:
        pending = pending_migrations(connection)
    except SchemaError as error:
        return SchemaProblem(str(error), is_newer=True)
    if pending:
        have = f"schema version {max(applied)}" if applied else "no schema"
        return SchemaProblem(
            f"the database has {have}, this code needs {newest}: run npm run db:migrate"
        )
    changed = [view.name for view in changed_views(connection)]
    if changed:
        missing = sorted(set(changed) - _existing_views(connection))
        what = "missing" if missing else "older than their files"
        names = ", ".join(missing or changed)
        return SchemaProblem(f"views are {what}: {names}: run npm run db:views")
    return None


def missing_tables(connection: Any) -> list[str]:
    """Tables that the migrations make and the database does not have."""
    made = {
        name
        for migration in sql_files("migrations")
        for name in re.findall(
            r"^CREATE TABLE (?:IF NOT EXISTS )?(\w+)", migration.text, re.MULTILINE
        )
    }
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s) AS name WHERE to_regclass('public.' || name) IS NULL",
            (sorted(made),),
        )
        return [name for (name,) in cursor.fetchall()]


def apply_migrations(connection: Any) -> list[str]:
    """Apply what is pending, each file in its own transaction; returns the names applied."""
    done = []
    with (
        told_in_one_line("create the tables of the schema's books"),
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK_KEY,))
        cursor.execute(_BOOKS)
    for migration in pending_migrations(connection):
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK_KEY,))
            # Another process may have applied it while this one waited for the lock.
            cursor.execute(
                "SELECT 1 FROM schema_migrations WHERE version = %s", (migration.version,)
            )
            if cursor.fetchone() is not None:
                continue
            _apply(cursor, migration)
        done.append(migration.path.name)
        logger.info("applied migration %s", migration.path.name)
    return done


def create_tables(cursor: Any) -> None:
    """Every migration within the caller's transaction, in a database that has none of them."""
    with told_in_one_line("create the tables of the schema's books"):
        cursor.execute(_BOOKS)
    for migration in sql_files("migrations"):
        _apply(cursor, migration)


def _apply(cursor: Any, migration: SqlFile) -> None:
    with told_in_one_line(f"apply {migration.path.name}"):
        cursor.execute(migration.text)
    cursor.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, %s, %s)",
        (migration.version, migration.name, migration.checksum),
    )


def apply_views(connection: Any) -> list[str]:
    """Replace every view in one transaction and give the roles their rights.

    The reader role may see Layer 3 and quality, the ingest role what roles/argo_ingest.sql says.
    """
    views = sql_files("views")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK_KEY,))
        for view in views:
            with told_in_one_line(f"replace the view {view.name}"):
                _replace_view(cursor, view)
            cursor.execute(
                "INSERT INTO schema_views (name, checksum) VALUES (%s, %s) ON CONFLICT (name) "
                "DO UPDATE SET checksum = excluded.checksum, applied_at = now()",
                (view.name, view.checksum),
            )
        roles = existing_roles(cursor)
        for role in sorted({READER_ROLE, INGEST_ROLE} - roles):
            logger.warning(
                "the role %s is missing and this login could not make it: ask an administrator "
                "for CREATE ROLE %s LOGIN, then run npm run db:views",
                role,
                role,
            )
        give_rights(cursor, roles)
    return [view.name for view in views]


def give_rights(cursor: Any, roles: set[str], schema: str = "public") -> None:
    """Give our roles the rights that the files say, on the tables and views of a schema."""
    if READER_ROLE in roles:
        for view in sql_files("views"):
            if view.is_readable:
                with told_in_one_line(f"let {READER_ROLE} select from {view.name}"):
                    cursor.execute(f'GRANT SELECT ON {schema}."{view.name}" TO {READER_ROLE}')
    if INGEST_ROLE in roles:
        rights = (SQL_FOLDER / "roles" / f"{INGEST_ROLE}.sql").read_text("utf-8")
        with told_in_one_line(f"give {INGEST_ROLE} its rights"):
            cursor.execute(rights.replace("public.", f"{schema}."))


def existing_roles(cursor: Any) -> set[str]:
    """Those of our two roles that the server has."""
    cursor.execute(
        "SELECT rolname FROM pg_roles WHERE rolname IN (%s, %s)", (READER_ROLE, INGEST_ROLE)
    )
    return {name for (name,) in cursor.fetchall()}


def _replace_view(cursor: Any, view: SqlFile) -> None:
    """Run a view's file. Raises SchemaError where the view was given other columns by hand."""
    try:
        cursor.execute(view.text)
    except psycopg2.errors.InvalidTableDefinition as error:
        raise SchemaError(
            f"the view {view.name} has columns that its file does not have "
            f"({_first_line(error)}): nothing was changed; DROP VIEW {view.name} CASCADE, make "
            "again what of your own goes with it, and run npm run db:views"
        ) from error


def apply_schema(connection: Any) -> None:
    """Bring a database up to this checkout: migrations, then views."""
    apply_migrations(connection)
    apply_views(connection)


def _book(connection: Any, table: str, columns: str) -> list[tuple[Any, ...]]:
    """Rows of a book-keeping table; none where it does not exist yet."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", (f"public.{table}",))
        if cursor.fetchone()[0] is None:
            return []
        with told_in_one_line(f"read {table}"):
            cursor.execute(f"SELECT {columns} FROM {table}")  # noqa: S608 (fixed names)
        return list(cursor.fetchall())


@contextmanager
def told_in_one_line(task: str) -> Iterator[None]:
    """Turn what PostgreSQL refuses into one line; the transaction around it is rolled back."""
    try:
        yield
    except psycopg2.errors.InsufficientPrivilege as error:
        raise SchemaError(
            f"this login may not {task} ({_first_line(error)}): use the database owner's login"
        ) from error
    except psycopg2.Error as error:
        raise ArgoError(f"cannot {task}, nothing was changed: {_first_line(error)}") from error


def _first_line(error: psycopg2.Error) -> str:
    return str(error).strip().split("\n")[0]
