"""Export one site's readings, sums and findings for Tableau, Excel and notebooks, typed and named.

Reads   the database through analyze (read-only)
Writes  in --out (default exports/{site}/): readings, hourly, daily, monthly, channels, findings and
        validation (each day's verdict, and who opened it why) as .csv, as .parquet, or as sheets of
        argo.xlsx; with --hyper all of them in argo.hyper; a Tableau data source (.tds) for each
        table; manifest.json, which says what each file holds. The folder's path on stdout
Exits   0 written, 2 unknown site, wrong arguments or a missing optional library, 3 validation
        blocks the period (nothing is written), 5 another export writes there, 1 anything else

    python deliver/export_for_tableau.py --site 23271 --start 2026-11-01 --end 2026-11-15
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from analyze.exporting.site import load_site
from config.settings import get_settings
from config.sites import site_config
from deliver.exporting.libraries import require_libraries
from lib import clock
from lib.circuit_breaker import require_open
from lib.cli import period_options, script, site_option
from lib.database import Connection, reader_connection, snapshot
from lib.date_utils import (
    Period,
    chosen_period,
    last_complete_week,
    last_days,
    refuse_unbegun,
)
from lib.errors import UsageError
from lib.files import safe_name

if TYPE_CHECKING:
    from deliver.exporting.source import ExportSource

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:export:tableau -- --site 23271
  npm run py:export:tableau -- --site 23271 --days 30 --out exports/last-month
  npm run py:export:tableau -- --site 23271 --start 2026-01-01 --by-month
  npm run py:export:tableau -- --site 23271 --days 30 --hyper
"""
FORMATS = ("csv", "parquet", "xlsx")


@script(epilog=EXAMPLES)
@site_option()
@period_options("the last complete week, Monday to Sunday")
@click.option("--days", type=click.IntRange(min=1), metavar="N", help="Today and the days before.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for the files. [default: exports/{site}]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Form of the tables. [default: csv; with --hyper none beside the extract]",
)
@click.option("--hyper", is_flag=True, help="Write a typed Tableau extract, argo.hyper.")
@click.option(
    "--by-month",
    is_flag=True,
    help="A file per month for readings and hours; only changed months are written again.",
)
@click.option(
    "--findings-weeks",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    metavar="N",
    help="Findings of the newest N whole weeks of the period; each takes about 0.3 s.",
)
def main(
    site: str,
    start: date | None,
    end: date | None,
    days: int | None,
    out: Path | None,
    form: str | None,
    hyper: bool,
    by_month: bool,
    findings_weeks: int,
) -> None:
    """Export readings, hours, days, months, channels and findings of a site."""
    form = form or (None if hyper else "csv")
    if by_month and form not in ("csv", "parquet"):
        raise UsageError("--by-month goes with --format csv or parquet")
    require_libraries(form, hyper=hyper)
    folder = out or get_settings().argo_output_dir / "exports" / safe_name(site)
    # The verdict and the rows are of one instant: a sync may store between two queries.
    with _import_beside(), reader_connection() as connection, snapshot(connection):
        source = open_source(connection, site, start, end, days, findings_weeks)
        from deliver.exporting.file_set import file_set
        from deliver.exporting.writing import write_export

        with file_set(folder) as files:
            write_export(files, source, form, hyper=hyper, by_month=by_month)
            made_utc = clock.now().astimezone(UTC).isoformat(timespec="seconds")
            files.commit(about(source), made_utc)
    log_result(source, files.written)
    click.echo(folder.resolve())


@contextmanager
def _import_beside() -> Iterator[None]:
    """pandas takes half a second to import: that long the database looks for the verdict."""
    thread = Thread(target=import_module, args=("deliver.exporting.writing",))
    thread.start()
    try:
        yield
    finally:
        thread.join()  # an import that outlives the script prints a traceback


def open_source(
    connection: Connection,
    site_id: str,
    start: date | None,
    end: date | None,
    days: int | None,
    findings_weeks: int,
) -> ExportSource:
    """The site and period to export. Raises BlockedError where validation blocks it."""
    site, now = load_site(connection, site_id), clock.now()
    period = asked_period(start, end, days, site.timezone)
    # An empty export would take the place of a good one.
    refuse_unbegun(period.first_day, now, site.timezone)
    breaker = require_open(connection, site_id, period)
    from deliver.exporting.source import load_source

    config = site_config(site_id)
    return load_source(connection, site, config, breaker, period, now, findings_weeks)


def asked_period(start: date | None, end: date | None, days: int | None, timezone: str) -> Period:
    """The days to export. Raises UsageError when both --days and a date are given."""
    now = clock.now()
    if days is None:
        return chosen_period(start, end, last_complete_week(now, timezone))
    if start or end:
        raise UsageError("give --days or --start/--end, not both")
    return last_days(days, now, timezone)


def about(source: ExportSource) -> dict[str, Any]:
    """The head of the manifest: what the newest export was of, and the verdict on its period."""
    breaker, period = source.breaker, source.period
    return {
        "site_id": source.site.site_id,
        "site_name": source.site.site_name,
        "timezone": source.site.timezone,
        "first_day": period.first_day.isoformat(),
        "last_day": period.last_day.isoformat(),
        "verdict": breaker.verdict,
        "overridden_by": breaker.overridden_by,
        "override_reason": breaker.override_reason,
    }


def log_result(source: ExportSource, written: tuple[str, ...]) -> None:
    """Say on stderr what was written, and that a person opened the period where one did."""
    if source.breaker.overridden_by:
        logger.warning("validation was overridden by %s", source.breaker.overridden_by)
    count = sum(channel["reading_count"] for channel in source.channels.values())
    period = source.period
    logger.info(
        "%d readings of %s to %s; %d files written",
        count,
        period.first_day,
        period.last_day,
        len(written),
    )


if __name__ == "__main__":
    main()
