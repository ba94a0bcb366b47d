"""Bring the database's tables and views up to this checkout.

Reads   govern/sql/migrations, govern/sql/views, schema_migrations
Writes  the schema: each pending migration once, in a transaction of its own; then the views
Exits   0 done or nothing to do, 2 the database is newer, a migration was edited, no permission

    npm run db:migrate -- --status
"""

from __future__ import annotations

from contextlib import closing

import click

from lib.cli import script
from lib.database import Connection, connect, owner_server
from lib.errors import UsageError
from lib.schema import (
    applied_migrations,
    apply_migrations,
    apply_views,
    changed_views,
    pending_migrations,
    schema_problem,
    sql_files,
)


def refuse_what_does_not_fit(connection: Connection) -> None:
    """Raise UsageError for a database that is newer, or has another text of a migration."""
    problem = schema_problem(connection)
    if problem is not None and problem.is_newer:
        raise UsageError(problem.message)


def show_status(connection: Connection) -> None:
    """One line per migration: applied or pending."""
    applied = applied_migrations(connection)
    for migration in sql_files("migrations"):
        state = "applied" if migration.version in applied else "pending"
        click.echo(f"{state}  {migration.path.name}")
    click.echo(f"{len(changed_views(connection))} views to replace")


def show_plan(connection: Connection) -> None:
    """What a run would do, one line each; changes nothing."""
    for migration in pending_migrations(connection):
        click.echo(f"would apply    {migration.path.name}")
    for view in changed_views(connection):
        click.echo(f"would replace  {view.name}")


def migrate(connection: Connection) -> None:
    """Apply what is pending, and say it."""
    migrations = apply_migrations(connection)
    for name in migrations:
        click.echo(f"applied   {name}")
    # Views read tables: new columns may be what a changed view waits for.
    views = apply_views(connection) if changed_views(connection) else []
    if views:
        click.echo(f"replaced  {len(views)} views")
    if not migrations and not views:
        click.echo("up to date")


@script(
    epilog="Examples:\n  python govern/run_migration.py\n  python govern/run_migration.py --status"
)
@click.option("--status", is_flag=True, help="Say which migrations the database has.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
def main(status: bool, dry_run: bool) -> None:
    """Apply pending migrations, each once, and replace changed views."""
    with closing(connect(owner_server())) as connection:
        refuse_what_does_not_fit(connection)
        if status:
            show_status(connection)
        elif dry_run:
            show_plan(connection)
        else:
            migrate(connection)


if __name__ == "__main__":
    main()
