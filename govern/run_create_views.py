"""Replace the database's views by govern/sql/views, all in one transaction.

Reads   govern/sql/views, govern/sql/roles, schema_views
Writes  the views; rights of argo_reader and argo_ingest. Other grants and users' own views stay
Exits   0 done, 1 (--check) views differ from their files, 2 tables not migrated, no permission, a
        view that was given other columns by hand

    npm run db:views -- --check
"""

from __future__ import annotations

from contextlib import closing

import click

from lib.cli import script
from lib.database import Connection, connect, owner_server
from lib.errors import EXIT_ERROR, EXIT_OK, UsageError
from lib.schema import (
    altered_views,
    apply_views,
    changed_views,
    pending_migrations,
    schema_problem,
    sql_files,
)


def refuse_unmigrated(connection: Connection) -> None:
    """Raise UsageError where the tables are not those the views are written for."""
    problem = schema_problem(connection)
    if problem is not None and (problem.is_newer or pending_migrations(connection)):
        raise UsageError(problem.message)


def differing_views(connection: Connection) -> dict[str, str]:
    """View -> why it is not what its file says; in the order in which they are built."""
    altered = set(altered_views(connection))
    outdated = {view.name for view in changed_views(connection)}
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = 'public'")
        existing = {name for (name,) in cursor.fetchall()}
    reasons = {}
    for view in sql_files("views"):
        if view.name not in existing:
            reasons[view.name] = "missing"
        elif view.name in outdated:
            reasons[view.name] = "older than its file"
        elif view.name in altered:
            reasons[view.name] = "changed by hand"
    return reasons


@script(
    epilog="Examples:\n  python govern/run_create_views.py\n"
    "  python govern/run_create_views.py --check"
)
@click.option("--check", is_flag=True, help="Only list the views that differ; exit 1 if any.")
def main(check: bool) -> int:
    """Replace the views, or say which differ from their files."""
    with closing(connect(owner_server())) as connection:
        refuse_unmigrated(connection)
        differing = differing_views(connection)
        if check:
            for name, reason in differing.items():
                click.echo(f"differs  {name}  ({reason})")
            return EXIT_ERROR if differing else EXIT_OK
        replaced = apply_views(connection)
    click.echo(f"replaced {len(replaced)} views ({len(differing)} differed from their files)")
    return EXIT_OK


if __name__ == "__main__":
    main()
