"""Put a backup back into the database, or try whether it could be.

Reads   a file of operations/backup_database.py and the .json beside it
Writes  the database (DATABASE_URL, else the embedded one), in one transaction; with --check only a
        scratch database of the embedded server, which goes again
Exits   0 done, 2 the database is not empty or the file is no backup, 5 a sync is at work,
        1 anything else (the database is as it was)

    python operations/restore_database.py backups/argo_argo_20261120T060000Z.dump --check
"""

from __future__ import annotations

import logging
from pathlib import Path

import click

from lib.cli import script
from lib.database import owner_server
from lib.lock import run_lock
from operations.backup.dump import read_manifest
from operations.backup.restore import check, restore
from operations.backup.tools import direct

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:operations:restore -- backups/argo_argo_20261120T060000Z.dump --check
  npm run py:operations:restore -- backups/argo_argo_20261120T060000Z.dump
  npm run py:operations:restore -- backups/argo_argo_20261120T060000Z.dump --overwrite argo
"""


@script(epilog=EXAMPLES)
@click.argument("backup", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", "only_check", is_flag=True, help="Restore into a scratch database only.")
@click.option(
    "--overwrite",
    metavar="DATABASE",
    help="Replace all that is in the database of this name; refused for another one.",
)
@click.option(
    "--no-privileges",
    is_flag=True,
    help="Leave out who may read what: for a server that lacks the roles. Then npm run db:views.",
)
def main(backup: Path, only_check: bool, overwrite: str | None, no_privileges: bool) -> None:
    """Restore a backup: all of it, counted, or nothing."""
    manifest = read_manifest(backup)
    if only_check:
        check(backup, manifest)
        click.echo(f"{backup} can be restored: {manifest.rows:,} rows, as when it was made")
        return
    server = direct(owner_server())
    with run_lock("daily sync"):
        restore(server, backup, manifest, overwrite=overwrite, with_rights=not no_privileges)
    click.echo(f"{manifest.rows:,} rows of {manifest.created_at} are in {server.name}")
    logger.info("npm run db:migrate brings an older backup up to this version")


if __name__ == "__main__":
    main()
