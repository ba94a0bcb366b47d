"""Stop the embedded PostgreSQL. Its data stays; the next script starts it again.

npm run db:stop
"""

from __future__ import annotations

import click

from lib.cli import script
from lib.embedded_postgres import embedded_postgres
from lib.errors import LockedError

EXAMPLES = """
Examples:
  npm run db:stop
  npm run db:stop -- --force     also while scripts are at work: they fail
"""


@script(epilog=EXAMPLES)
@click.option("--force", is_flag=True, help="Stop it although scripts are connected.")
def main(force: bool) -> None:
    """Stop the embedded PostgreSQL; its data stays. Refused while scripts use it."""
    server = embedded_postgres()
    users = server.users()
    if users and not force:
        raise LockedError(
            f"the database is in use by {', '.join(users)}: "
            "wait for its end, or stop it with --force"
        )
    stopped = server.stop()
    click.echo(
        f"stopped the server in {server.folder}"
        if stopped
        else f"no server runs in {server.folder}",
        err=True,
    )


if __name__ == "__main__":
    main()
