"""Say what the database is, and whether it is what this checkout needs.

Reads   the server's catalogue, schema_migrations, schema_views; --schema makes the expected tables
        in a schema of their own and takes them back
Writes  nothing
Exits   0 all is well, 1 the server cannot be reached, 4 something is wrong with the database

    npm run db:check
    npm run db:check-schema
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import click

from govern.catalogue.compare import differences
from govern.catalogue.relations import expected_catalogue, stored_catalogue
from govern.legacy.old_database import is_old_database
from lib.cli import script
from lib.database import Connection, Server, connect, fetch_all, owner_server, transaction
from lib.errors import EXIT_OK, EXIT_PARTIAL, ArgoError, UsageError
from lib.schema import (
    INGEST_ROLE,
    READER_ROLE,
    altered_views,
    applied_migrations,
    existing_roles,
    missing_tables,
    pending_migrations,
    schema_problem,
    sql_files,
)

# The server's own estimate is good enough for larger tables.
COUNTED_ROWS = 100_000


def look_at(connection: Connection, server: Server, *, compare: bool) -> dict[str, Any]:
    """What there is to say of the database; `problems` is empty when all is well."""
    (facts,) = fetch_all(
        connection,
        "SELECT current_setting('server_version') AS server_version, "
        "current_database() AS database, pg_database_size(current_database()) AS size_bytes",
    )
    problems = schema_problems(connection)
    applied = applied_migrations(connection)
    roles = roles_present(connection)
    problems += [f"the role {name} is missing" for name, present in roles.items() if not present]
    if not problems:
        problems += views_by_hand(connection)
    if compare and applied:
        problems += differences(expected_catalogue(connection), stored_catalogue(connection))
    return {
        "server": server.name,
        **facts,
        "schema_version": max(applied, default=None),
        "newest_version": sql_files("migrations")[-1].version,
        "roles": roles,
        "tables": tables(connection),
        "problems": problems,
    }


def schema_problems(connection: Connection) -> list[str]:
    """Pending, edited or missing migrations, a newer or an older database."""
    with transaction(connection) as cursor:
        if is_old_database(cursor):
            return ["a database of the first version: npm run db:migrate brings it over"]
    try:
        pending = pending_migrations(connection)
    except UsageError as error:
        return [str(error)]
    if pending and applied_migrations(connection):
        names = ", ".join(migration.path.name for migration in pending)
        return [f"migrations to apply: {names}: run npm run db:migrate"]
    problem = schema_problem(connection)
    problems = [problem.message] if problem else []
    missing = missing_tables(connection) if applied_migrations(connection) else []
    if missing:
        problems.insert(0, f"tables are missing: {', '.join(missing)}: restore them from a backup")
    return problems


def views_by_hand(connection: Connection) -> list[str]:
    """Views that somebody changed in the database."""
    try:
        return [f"view {name} differs from its file" for name in altered_views(connection)]
    except ArgoError as error:
        # A file that cannot be run here, such as for a function that is gone.
        return [str(error)]


def roles_present(connection: Connection) -> dict[str, bool]:
    """Whether the server has the logins that the migrations make."""
    with transaction(connection) as cursor:
        found = existing_roles(cursor)
    return {name: name in found for name in (READER_ROLE, INGEST_ROLE)}


def tables(connection: Connection) -> list[dict[str, Any]]:
    """Each table of the schema public with its rows and size, indexes included.

    What is large, or what this login may not read, is told by the server's estimate.
    """
    rows = fetch_all(
        connection,
        "SELECT relname AS name, greatest(reltuples, 0)::bigint AS rows, "
        "oid::regclass::text AS quoted, has_table_privilege(oid, 'SELECT') AS is_readable, "
        "pg_total_relation_size(oid) AS size_bytes FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname",
    )
    for row in rows:
        quoted = row.pop("quoted")
        row["is_estimate"] = not row.pop("is_readable") or row["rows"] > COUNTED_ROWS
        if not row["is_estimate"]:
            counted = fetch_all(connection, f"SELECT count(*) AS rows FROM {quoted}")  # noqa: S608
            row["rows"] = counted[0]["rows"]
    return rows


def show(found: dict[str, Any]) -> None:
    """The same as text."""
    version, newest = found["schema_version"], found["newest_version"]
    click.echo(f"{found['server']}: PostgreSQL {found['server_version']}")
    click.echo(f"database {found['database']}, {megabytes(found['size_bytes'])}")
    click.echo(f"schema version {version if version is not None else 'none'} of {newest}")
    for role, present in found["roles"].items():
        click.echo(f"role {role}: {'present' if present else 'missing'}")
    for table in found["tables"]:
        about = "about " if table["is_estimate"] else ""
        rows = f"{about}{table['rows']:,} rows"
        click.echo(f"  {table['name']:<24}{rows:>22}{megabytes(table['size_bytes']):>14}")
    for problem in found["problems"]:
        click.echo(f"problem: {problem}")
    click.echo("all is well" if not found["problems"] else f"{len(found['problems'])} problems")


def megabytes(size_bytes: int) -> str:
    """A size for people."""
    return f"{size_bytes / 1e6:,.1f} MB"


@script(
    epilog="Examples:\n  python govern/check_database.py\n"
    "  python govern/check_database.py --schema\n\n"
    "Exits 4 when something is wrong with the database, 1 when it cannot be reached."
)
@click.option(
    "--schema",
    "compare",
    is_flag=True,
    help="Compare columns, defaults, keys, triggers, functions and rights with the files.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(compare: bool, as_json: bool) -> int:
    """Connect, look, and say what is wrong."""
    server = owner_server()
    with closing(connect(server)) as connection:
        found = look_at(connection, server, compare=compare)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        show(found)
    return EXIT_PARTIAL if found["problems"] else EXIT_OK


if __name__ == "__main__":
    main()
