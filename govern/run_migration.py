"""Bring the database's tables and views up to this checkout.

Reads   govern/sql/migrations, govern/sql/views, schema_migrations; for a database of the first
        version (serial ids, times without a zone) all its tables
Writes  the schema: each pending migration once, in a transaction of its own; then the views. A
        database of the first version is brought over in one transaction; its tables are kept in
        the schema argo_old
Exits   0 done or nothing to do, 2 the database is newer, a migration was edited or its file is
        missing, no permission, an old database without --source-timezone

    npm run db:migrate -- --status
"""

from __future__ import annotations

from contextlib import closing

import click

from govern.legacy.migrate import migrate_old_database, plan_migration
from govern.legacy.old_database import is_old_database
from govern.legacy.report import report_lines
from lib.cli import script
from lib.database import Connection, connect, owner_server, transaction
from lib.date_utils import zone
from lib.errors import UsageError
from lib.schema import (
    SCHEMA_LOCK_KEY,
    applied_migrations,
    apply_migrations,
    apply_views,
    changed_views,
    pending_migrations,
    schema_problem,
    sql_files,
)


def holds_old_database(connection: Connection) -> bool:
    """True for a database of the first version, once nobody is bringing it over."""
    with transaction(connection) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK_KEY,))
        return is_old_database(cursor)


def refuse_what_does_not_fit(connection: Connection) -> None:
    """Raise UsageError for a database that is newer, or has another text of a migration."""
    problem = schema_problem(connection)
    if problem is not None and problem.is_newer:
        raise UsageError(problem.message)


def show_status(connection: Connection, *, is_old: bool) -> None:
    """One line per migration: applied or pending."""
    if is_old:
        click.echo("a database of the first version; see --dry-run --source-timezone ZONE")
        return
    applied = applied_migrations(connection)
    for migration in sql_files("migrations"):
        state = "applied" if migration.version in applied else "pending"
        click.echo(f"{state}  {migration.path.name}")
    click.echo(f"{len(changed_views(connection))} views to replace")


def show_plan(connection: Connection) -> None:
    """What a run would do, one line each; changes nothing."""
    pending = pending_migrations(connection)
    for migration in pending:
        click.echo(f"would apply    {migration.path.name}")
    changed = changed_views(connection)
    for view in changed:
        click.echo(f"would replace  {view.name}")
    if not pending and not changed:
        click.echo("up to date")


def bring_over(connection: Connection, source_timezone: str | None, *, dry_run: bool) -> None:
    """Migrate a database of the first version, or say what that would do."""
    if source_timezone is None:
        raise UsageError(
            "this is a database of the first version, whose times carry no zone: say on which "
            "clock they were written, such as --source-timezone America/New_York "
            "(with --dry-run it only says what would be done)"
        )
    zone(source_timezone)
    bring = plan_migration if dry_run else migrate_old_database
    for line in report_lines(bring(connection, source_timezone), is_plan=dry_run):
        click.echo(line)


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
    epilog="Examples:\n  python govern/run_migration.py\n"
    "  python govern/run_migration.py --status\n"
    "  python govern/run_migration.py --dry-run --source-timezone America/New_York"
)
@click.option("--status", is_flag=True, help="Say which migrations the database has.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
@click.option(
    "--source-timezone",
    metavar="ZONE",
    help="Of a database of the first version: the clock on which its times were written.",
)
def main(status: bool, dry_run: bool, source_timezone: str | None) -> None:
    """Apply pending migrations, each once, and replace changed views."""
    with closing(connect(owner_server())) as connection:
        is_old = holds_old_database(connection)
        refuse_what_does_not_fit(connection)
        if status:
            show_status(connection, is_old=is_old)
        elif is_old:
            bring_over(connection, source_timezone, dry_run=dry_run)
            if not dry_run:
                migrate(connection)
                click.echo("next: npm run db:refresh-views -- --full")
        elif dry_run:
            show_plan(connection)
        else:
            migrate(connection)


if __name__ == "__main__":
    main()
