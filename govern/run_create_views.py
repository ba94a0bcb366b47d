"""Replace the database's views by govern/sql/views, all in one transaction.

Reads   govern/sql/views, schema_views
Writes  the views; grants to argo_reader. Other grants and users' own views on top of ours stay
Exits   0 done, 1 (--check) views differ from their files, 2 tables not migrated, no permission

    npm run db:views -- --check
"""

from __future__ import annotations

from contextlib import closing

import click

from lib.cli import script
from lib.database import Connection, connect, owner_server
from lib.errors import EXIT_ERROR, EXIT_OK, UsageError
from lib.schema import apply_views, changed_views, pending_migrations, schema_problem


def refuse_unmigrated(connection: Connection) -> None:
    """Raise UsageError where the tables are not those the views are written for."""
    problem = schema_problem(connection)
    if problem is not None and (problem.is_newer or pending_migrations(connection)):
        raise UsageError(problem.message)


@script(
    epilog="Examples:\n  python govern/run_create_views.py\n"
    "  python govern/run_create_views.py --check"
)
@click.option("--check", is_flag=True, help="Only list the views that differ; exit 1 if any.")
def main(check: bool) -> int:
    """Replace the views, or say which differ from their files."""
    with closing(connect(owner_server())) as connection:
        refuse_unmigrated(connection)
        differing = changed_views(connection)
        if check:
            for view in differing:
                click.echo(f"differs  {view.name}")
            return EXIT_ERROR if differing else EXIT_OK
        replaced = apply_views(connection)
    click.echo(f"replaced {len(replaced)} views ({len(differing)} differed from their files)")
    return EXIT_OK


if __name__ == "__main__":
    main()
