"""Archive old reports, exports and logs; with --database the history that nobody asks for.

Reads   reports/, exports/, logs/ (under ARGO_OUTPUT_DIR, else the project's root); with --database
        ingestion_logs, rejected_readings, alert_events, alert_notices
Writes  archive/{folder}/{month}/….gz, and takes what it packed out of its folder; with --database
        archive/database/*.jsonl.gz, and takes those rows out of the database
Exits   0 done, 2 usage, 1 anything else

    python operations/cleanup_old_files.py --dry-run
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from config.settings import get_settings
from lib import clock
from lib.cli import script
from lib.database import owner_connection
from lib.errors import UsageError
from operations.cleanup import files as old_files
from operations.cleanup.history import LEAST_DAYS, RETENTIONS, archive_rows, count_rows

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:cleanup -- --dry-run                   # what would be archived
  npm run py:cleanup -- --older-than 180 --keep 12
  npm run py:cleanup -- --delete --dry-run          # what of the archive would be deleted
  npm run py:cleanup -- --database --dry-run        # how many rows of history would go
"""


def clean_files(policy: old_files.Policy, *, dry_run: bool) -> dict[str, Any]:
    """Archive what is too old or too many; in a dry run only say what."""
    root, now = get_settings().argo_output_dir.resolve(), clock.now()
    found = old_files.find_files(root)
    used = old_files.in_use(root, found.files, now - policy.older_than)
    chosen = old_files.to_archive(found.files, used, policy, now)
    archived: list[old_files.OldFile] = []
    kept: list[old_files.OldFile] = []
    for one in chosen:
        done = True if dry_run else old_files.archive_file(root, one) is not None
        (archived if done else kept).append(one)
    for one in kept:
        logger.warning("%s changed meanwhile and stays", one.path)
    for text in found.left_alone:
        logger.warning("left alone: %s", text)
    return {"archived": [_file(one) for one in archived], "leftAlone": list(found.left_alone)}


def delete_expired(days: int, *, dry_run: bool) -> dict[str, Any]:
    """Delete what has been in the archive long enough."""
    root = get_settings().argo_output_dir.resolve()
    gone = old_files.expired(root, timedelta(days=days), clock.now())
    if not dry_run:
        for one in gone:
            old_files.delete_file(root, one)
    return {"deleted": [_file(one) for one in gone]}


def clean_history(days: dict[str, int], *, dry_run: bool) -> dict[str, Any]:
    """Take old history out of the database, into the archive."""
    now = clock.now()
    folder = get_settings().argo_output_dir.resolve() / old_files.ARCHIVE / "database"
    with owner_connection() as connection:
        if dry_run:
            return {"rows": count_rows(connection, days, now)}
        done = archive_rows(connection, days, now, folder)
    for table, (_, path) in done.items():
        if path is not None:
            logger.info("%s: written to %s", table, path)
    return {"rows": {table: count for table, (count, _) in done.items()}}


def show(report: dict[str, Any], *, dry_run: bool) -> None:
    """What was done, or would be, a line each."""
    would = "would be " if dry_run else ""
    for word in ("archived", "deleted"):
        for one in report.get(word, ()):
            click.echo(f"{would}{word}  {one['path']}  ({one['bytes']:,} bytes)")
    for one in RETENTIONS:
        if "rows" in report:
            click.echo(f"{would}archived  {report['rows'][one.table]:,} {one.label}")
    if not any(report.get(word) for word in ("archived", "deleted", "rows")):
        click.echo("nothing is old enough")


def _file(one: old_files.OldFile) -> dict[str, Any]:
    modified_at: datetime = one.modified_at
    return {
        "path": str(Path(one.path)),
        "bytes": one.size_bytes,
        "modifiedAt": modified_at.isoformat(timespec="seconds"),
    }


def _days(name: str, default: int, least: int, help_text: str) -> Any:
    return click.option(
        f"--{name}",
        type=click.IntRange(least),
        default=default,
        show_default=True,
        metavar="DAYS",
        help=help_text,
    )


@script(epilog=EXAMPLES)
@_days("older-than", 90, 1, "Files older than this are archived.")
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=4,
    show_default=True,
    help="The newest of each kind stay, however old.",
)
@click.option(
    "--most",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="More than this of a kind are archived, however new.",
)
@click.option("--delete", is_flag=True, help="Delete from the archive what is old enough, only.")
@_days("delete-after", 730, 30, "With --delete: archived files older than this.")
@click.option("--database", is_flag=True, help="Archive old history of the database, only.")
@_days("logs-after", 180, LEAST_DAYS, "With --database: ingestion logs that another one covers.")
@_days("quarantine-after", 400, LEAST_DAYS, "With --database: quarantined readings.")
@_days("alerts-after", 400, LEAST_DAYS, "With --database: alerts that are over.")
@click.option("--dry-run", is_flag=True, help="List it; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def main(
    older_than: int,
    keep: int,
    most: int,
    delete: bool,
    delete_after: int,
    database: bool,
    logs_after: int,
    quarantine_after: int,
    alerts_after: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Archive old files of reports/, exports/ and logs/; only --delete deletes anything."""
    if delete and database:
        raise UsageError("only one of --delete and --database")
    if delete:
        report = delete_expired(delete_after, dry_run=dry_run)
    elif database:
        days = {
            "ingestion_logs": logs_after,
            "rejected_readings": quarantine_after,
            "alert_notices": alerts_after,
            "alert_events": alerts_after,
        }
        report = clean_history(days, dry_run=dry_run)
    else:
        policy = old_files.Policy(timedelta(days=older_than), keep, max(most, keep))
        report = clean_files(policy, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    elif dry_run or logger.isEnabledFor(logging.INFO):
        show(report, dry_run=dry_run)


if __name__ == "__main__":
    main()
