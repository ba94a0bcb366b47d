"""Export one site's readings and their sums as CSV that Tableau, Excel and notebooks take at once.

Reads   the database through analyze (read-only)
Writes  readings.csv, hourly.csv, daily.csv, channels.csv and validation.csv (each day's verdict,
        and who opened it why) in --out (default exports/{site}/), and the folder's path on stdout
Exits   0 written, 2 unknown site or wrong arguments, 3 validation blocks the period (nothing is
        written), 1 anything else

    python deliver/export_for_tableau.py --site 23271 --start 2026-11-01 --end 2026-11-15
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import click

from config.settings import get_settings
from config.sites import SiteConfig, site_config
from lib import clock
from lib.circuit_breaker import BreakerStatus, require_open
from lib.cli import period_options, script, site_option
from lib.database import Connection, reader_connection, snapshot
from lib.date_utils import Period, chosen_period, last_complete_week, last_days
from lib.errors import UsageError
from lib.files import atomic_file, safe_name

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:export:tableau -- --site 23271
  npm run py:export:tableau -- --site 23271 --days 30 --out exports/last-month
"""
# A site's month at a time, so that ten years need no more memory than one month.
CHUNK_DAYS = 31

CHANNEL = ("site_id", "site_name", "channel_id", "channel_name", "channel_type")
READING_COLUMNS = (
    *CHANNEL, "reading_utc", "reading_local", "utc_offset", "interval_seconds", "energy_kwh",
    "power_kw", "voltage_v", "current_a", "power_factor", "temperature_c", "relative_humidity",
    "in_site_total", "is_open", "day_type",
)  # fmt: skip
HOUR_COLUMNS = (
    *CHANNEL, "hour_utc", "hour_local", "utc_offset", "energy_kwh", "avg_kw", "max_kw",
    "reading_count", "expected_count", "in_site_total", "is_open", "day_type",
)  # fmt: skip
DAY_COLUMNS = (
    *CHANNEL, "day", "energy_kwh", "avg_kw", "peak_kw", "reading_count", "expected_count",
    "in_site_total", "day_type",
)  # fmt: skip
CHANNEL_COLUMNS = (
    *CHANNEL, "status", "unit", "interval_seconds", "energy_kwh", "avg_kw", "peak_kw",
    "reading_count", "days_with_data", "in_site_total",
)  # fmt: skip


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
def main(
    site: str, start: date | None, end: date | None, days: int | None, out: Path | None
) -> None:
    """Export readings, hours, days and channels of a site as CSV."""
    # pandas takes half a second to import: --help does without it.
    from analyze.exports import load_site

    folder = out or get_settings().argo_output_dir / "exports" / safe_name(site)
    # The verdict and the rows are of one instant: a sync may store between two queries.
    with reader_connection() as connection, snapshot(connection):
        timezone = load_site(connection, site).timezone
        period = asked_period(start, end, days, timezone)
        breaker = require_open(connection, site, period)
        if breaker.overridden_by:
            logger.warning("validation was overridden by %s", breaker.overridden_by)
        readings = write_tables(connection, folder, period, site_config(site), breaker)
    logger.info("%d readings of %s to %s", readings, period.first_day, period.last_day)
    click.echo(folder.resolve())


def asked_period(start: date | None, end: date | None, days: int | None, timezone: str) -> Period:
    """The days to export. Raises UsageError when both --days and a date are given."""
    now = clock.now()
    if days is None:
        return chosen_period(start, end, last_complete_week(now, timezone))
    if start or end:
        raise UsageError("give --days or --start/--end, not both")
    return last_days(days, now, timezone)


def write_tables(
    connection: Connection,
    folder: Path,
    period: Period,
    config: SiteConfig,
    breaker: BreakerStatus,
) -> int:
    """Write the five files, all or none; returns the number of readings."""
    from analyze.exports import load_channels, load_days, load_hours, load_readings
    from deliver.csv_tables import header_csv, rows_csv, table_csv
    from deliver.validation import VALIDATION_COLUMNS, validation_rows

    site_id, count = config.site_id, 0
    channels = load_channels(connection, site_id, period)
    by_id = {channel["channel_id"]: channel for channel in channels}
    with ExitStack() as files:
        readings_file, hours_file, days_file, channels_file, validation_file = (
            files.enter_context(atomic_file(folder / f"{name}.csv"))
            for name in ("readings", "hourly", "daily", "channels", "validation")
        )
        readings_file.write(header_csv(READING_COLUMNS))
        hours_file.write(header_csv(HOUR_COLUMNS))
        for part in chunks(period):
            readings = load_readings(connection, site_id, part, config)
            readings_file.write(rows_csv(readings, by_id, with_interval=True))
            hours = load_hours(connection, site_id, part, config)
            hours_file.write(rows_csv(hours, by_id, with_interval=False))
            count += len(readings.channel)
        days_file.write(table_csv(DAY_COLUMNS, load_days(connection, site_id, period, config)))
        channels_file.write(table_csv(CHANNEL_COLUMNS, channels))
        validation_file.write(table_csv(VALIDATION_COLUMNS, validation_rows(site_id, breaker)))
    return count


def chunks(period: Period) -> Iterator[Period]:
    """The period in parts of at most CHUNK_DAYS days."""
    first = period.first_day
    while first <= period.last_day:
        last = min(first + timedelta(days=CHUNK_DAYS - 1), period.last_day)
        yield Period(first, last, period.timezone)
        first = last + timedelta(days=1)


if __name__ == "__main__":
    main()
