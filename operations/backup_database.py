"""Back the database up into one file that a restore can be checked with.

Reads   the database (DATABASE_URL, else the embedded one), as it is at one instant
Writes  backups/argo_{database}_{time}.dump and .json beside it (rows of each table, checksum);
        with --keep the older backups of that database go
Exits   0 done, 2 no fitting pg_dump or nothing to back up, 1 anything else (then there is no file)

    python operations/backup_database.py --keep 14 --check
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path

import click

from config.settings import get_settings
from lib import clock
from lib.cli import script
from lib.database import owner_server
from operations.backup.dump import make_backup, remove_old
from operations.backup.restore import check
from operations.backup.tools import direct

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:operations:backup
  npm run py:operations:backup -- --keep 14 --check      # and try whether it can be restored
  npm run py:operations:backup -- --out /mnt/backups
"""


@script(epilog=EXAMPLES)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where backups lie.  [default: backups/]",
)
@click.option(
    "--keep",
    type=click.IntRange(1),
    metavar="N",
    help="Delete all but the newest N of this folder.  [default: delete none]",
)
@click.option(
    "--check",
    "with_check",
    is_flag=True,
    help="Restore it into a scratch database of the embedded server and count.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def main(out: Path | None, keep: int | None, with_check: bool, as_json: bool) -> None:
    """Back the database up; scripts may go on meanwhile."""
    folder = out or get_settings().argo_output_dir / "backups"
    server = owner_server()
    unpooled = direct(server)
    if unpooled is not server:
        logger.info("not through the pooler: %s", unpooled.name)
    path, manifest = make_backup(unpooled, folder, clock.now())
    if with_check:
        check(path, manifest)
        logger.info("restored into a scratch database: %d rows, as in the backup", manifest.rows)
    # Only when the new one is whole may an old one go.
    removed = remove_old(folder, keep) if keep is not None else []
    for old in removed:
        logger.info("deleted %s", old)
    if as_json:
        report = {**asdict(manifest), "path": str(path.resolve()), "checked": with_check}
        click.echo(json.dumps({**report, "deleted": [str(old) for old in removed]}, indent=2))
        return
    logger.info("%d rows, %d bytes", manifest.rows, manifest.bytes)
    click.echo(path.resolve())


if __name__ == "__main__":
    main()
