"""Archive a site's stored readings, a file per month, as gzip CSV or Parquet.

A copy of what is stored: every measured column, all digits, null where nothing was sent, times in
UTC, no estimates, nothing neutralised. Months are those of the site's own calendar and always
whole; one that is not over goes to yesterday. The same rows give the same bytes, and a month whose
rows did not change is not written again.

The circuit breaker holds here too, because an archive is read as the truth: a month with a day that
failed validation, or was never validated, is not written; its days are named, an older file of it
stays, the other months are written. Who opens the days by name (npm run py:govern:validate, with
--override) opens the archive; the manifest carries each month's verdict, the names and the reasons.

Reads   the database through analyze (read-only)
Writes  {month}.csv.gz or {month}.parquet and manifest.json (rows, sum, sha256, completeness, by
        channel) in --out (default exports/{site}/raw), and the folder's path on stdout
Exits   0 written, 2 unknown site, wrong arguments or a missing optional library, 3 validation
        blocks a month, 5 another export writes there, 1 anything else

    python deliver/export_raw_monthly.py --site 23271 --month 2026-10
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from analyze.exporting.site import load_site
from config.settings import get_settings
from deliver.exporting.libraries import require_libraries
from lib import clock
from lib.circuit_breaker import period_status
from lib.cli import period_options, script, site_option
from lib.database import Connection, reader_connection, snapshot
from lib.date_utils import Period, local_day
from lib.errors import BlockedError, UsageError
from lib.files import safe_name

if TYPE_CHECKING:
    from deliver.exporting.file_set import FileSet
    from deliver.exporting.raw_month import Form

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:export:raw -- --site 23271
  npm run py:export:raw -- --site 23271 --month 2026-10 --format parquet
  npm run py:export:raw -- --site 23271 --start 2026-01-01 --end 2026-10-31
"""


@script(epilog=EXAMPLES)
@site_option()
@click.option("--month", metavar="YYYY-MM", help="The month. [default: the last one that is over]")
@period_options("with --end: that day; the months that the days lie in are written whole")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="gzip CSV or Parquet.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for the files. [default: exports/{site}/raw]",
)
def main(
    site: str,
    month: str | None,
    start: date | None,
    end: date | None,
    form: str,
    out: Path | None,
) -> None:
    """Archive the stored readings of a site, a file per month."""
    # numpy and pandas take half a second to import: --help does without them.
    from deliver.exporting.file_set import file_set

    require_libraries(form, hyper=False)
    folder = out or get_settings().argo_output_dir / "exports" / safe_name(site) / "raw"
    now = clock.now()
    # The verdict, the rows and the sums are of one instant: a sync may store between two queries.
    with reader_connection() as connection, snapshot(connection):
        found = load_site(connection, site)
        chosen = asked_months(month, start, end, now, found.timezone)
        with file_set(folder) as files:
            blocked = write_months(files, connection, site, chosen, cast("Form", form), now)
            about = {
                "site_id": site,
                "site_name": found.site_name,
                "timezone": found.timezone,
                "blocked": blocked,
            }
            if len(blocked) < len(chosen):
                files.commit(about, now.astimezone(UTC).isoformat(timespec="seconds"))
    logger.info("%d of %d months written anew", len(files.written), len(chosen))
    if len(blocked) < len(chosen):
        click.echo(folder.resolve())
    if blocked:
        raise BlockedError("; ".join(blocked))


def asked_months(
    month: str | None, start: date | None, end: date | None, now: datetime, timezone: str
) -> list[Period]:
    """The whole months asked for; the one that is not over goes to yesterday.

    Raises UsageError for a month that has no day that is over.
    """
    from analyze.exports import months

    today = local_day(now, timezone)
    if month is not None:
        if start or end:
            raise UsageError("give --month or --start/--end, not both")
        first = last = _first_day(month)
    elif start or end:
        first, last = start or end or today, end or start or today
    else:
        first = last = today.replace(day=1) - timedelta(days=1)
    if last < first:
        raise UsageError(f"the end ({last}) lies before the start ({first})")
    next_month = (last.replace(day=1) + timedelta(days=31)).replace(day=1)
    last = min(next_month, today) - timedelta(days=1)
    first = first.replace(day=1)
    if last < first:
        raise UsageError(f"{first:%Y-%m} has no day that is over")
    return months(Period(first, last, timezone))


def _first_day(month: str) -> date:
    try:
        return date.fromisoformat(f"{month}-01")
    except ValueError:
        raise UsageError(f"--month: '{month}' is not a month such as 2026-10") from None


def write_months(
    files: FileSet,
    connection: Connection,
    site_id: str,
    months: list[Period],
    form: Form,
    now: datetime,
) -> list[str]:
    """Write every month that validation lets through; returns why the others are blocked."""
    from analyze.exporting.archive import month_channels, raw_columns
    from analyze.exports import fingerprint
    from deliver.exporting.raw_month import SUFFIXES, month_entry, month_fingerprint, write_month

    due_until = now - timedelta(seconds=get_settings().eniscope_settle_seconds)
    columns = raw_columns(connection)
    blocked = []
    for month in months:
        breaker = period_status(connection, site_id, month)
        if not breaker.is_open:
            blocked.append(breaker.reason)
            continue
        channels = month_channels(connection, site_id, month, due_until)
        entry = month_entry(month, form, columns, channels, breaker)
        stored = fingerprint(connection, site_id, month)
        entry["fingerprint"] = month_fingerprint(month, columns, stored)
        name = f"{month.first_day:%Y-%m}.{SUFFIXES[form]}"
        if not files.keep_if(name, entry):
            write_month(files.path(name), form, connection, site_id, month, columns)
            files.describe(name, entry)
    return blocked


if __name__ == "__main__":
    main()
