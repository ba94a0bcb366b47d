"""Copy a site's Eniscope readings into PostgreSQL.

Reads   GET /organizations, /channels, /meters, /fields, /readings/{channelId}
Writes  organizations, devices, meters, channels; readings (ON CONFLICT DO NOTHING);
        rejected_readings, reading_conflicts; ingestion_logs (a row per channel and window)
Exits   0 all stored, 4 some channels failed, 2 usage, settings, unknown site, 5 already running;
        safe to run again

    python ingest/ingest_to_postgres.py --site 23271 --days 2
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date

import click
from rich.console import Console
from rich.progress import Progress

from config.settings import get_settings
from config.sites import site_config
from ingest.eniscope.access import open_api
from ingest.eniscope.client import EniscopeClient
from ingest.pipeline.fetch import LONGEST_WINDOW
from ingest.pipeline.plan import PlannedWindow, plan_windows, settled_end
from ingest.pipeline.run import RunSummary, Site, describe_site, ingest_windows, store_site
from ingest.store.readings import Outcome
from ingest.store.sites import stored_name, unreadable_channels
from lib.cli import DAY, progress_allowed, script, site_option
from lib.clock import now
from lib.database import Connection, owner_connection, owner_server
from lib.date_utils import Period, chosen_period, last_days
from lib.errors import EXIT_OK, EXIT_PARTIAL, UsageError
from lib.lock import run_lock
from lib.timing import Stopwatch

SANDBOX_SUFFIX = "(sandbox)"

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:ingest                                    # site 23271, today
  python ingest/ingest_to_postgres.py --days 90
  python ingest/ingest_to_postgres.py --site 23271 --start-date 2025-11-01 --end-date 2025-11-04
  ENISCOPE_API_URL=sandbox python ingest/ingest_to_postgres.py --days 7
"""


def refuse_sandbox_data(
    client: EniscopeClient, connection: Connection, site: str, *, allowed: bool
) -> None:
    """Keep synthetic and real readings apart. Raises UsageError before anything is written."""
    if client.is_sandbox and not allowed and not owner_server().is_embedded:
        raise UsageError(
            "the API is the sandbox and DATABASE_URL is not the embedded server: "
            "nothing was written (--allow-sandbox-data writes all the same)"
        )
    stored = stored_name(connection, site)
    if stored is not None and stored.endswith(SANDBOX_SUFFIX) != client.is_sandbox:
        held, offered = ("sandbox", "real") if client.is_sandbox is False else ("real", "sandbox")
        raise UsageError(
            f"the database holds {held} readings of site {site}, the API offers {offered} ones: "
            "nothing was written (set ARGO_DATA_DIR or DATABASE_URL to another database)"
        )


def plan(
    site: Site, period: Period, interval_seconds: int, skip: set[int], only: Sequence[int]
) -> list[PlannedWindow]:
    """The windows to ask for, up to the last settled interval."""
    settings = get_settings()
    end = settled_end(period.end, now(), settings.eniscope_settle_seconds, interval_seconds)
    channels = site.readable_channels(skip, only)
    return plan_windows(channels, period.start, end, LONGEST_WINDOW)


def show_plan(windows: Sequence[PlannedWindow], period: Period) -> None:
    """What a run would ask for, on stdout."""
    channels = {planned.channel.channel_id: planned.channel.name for planned in windows}
    click.echo(f"{period.first_day} to {period.last_day} ({period.timezone}): at least")
    click.echo(f"{len(windows)} requests for {len(channels)} channels")
    for channel_id, name in sorted(channels.items()):
        click.echo(f"  {channel_id}  {name}")


@contextmanager
def progress_shown(count: int) -> Iterator[Callable[[PlannedWindow, Outcome], None]]:
    """Called for each finished window: a bar on a terminal, else a debug line per window."""

    def log_line(planned: PlannedWindow, outcome: Outcome) -> None:
        logger.debug(
            "channel %s %s to %s: %s, %d new",
            planned.channel.channel_id,
            planned.start.isoformat(),
            planned.end.isoformat(),
            outcome.status,
            outcome.inserted,
        )

    if not progress_allowed():
        yield log_line
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("readings", total=count)

        def advance(planned: PlannedWindow, outcome: Outcome) -> None:
            log_line(planned, outcome)
            progress.update(task, advance=1, description=planned.channel.name)

        yield advance


def report(summary: RunSummary, stopwatch: Stopwatch, site: Site, *, as_json: bool) -> None:
    """The run in numbers: JSON on stdout, or a few log lines."""
    if as_json:
        document = {
            "runId": str(summary.run_id),
            "site": site.organization.organization_id,
            "windows": summary.windows,
            "requests": summary.requests,
            "fetched": summary.fetched,
            "inserted": summary.inserted,
            "duplicate": summary.duplicate,
            "rejected": summary.rejected,
            "reasons": summary.reasons,
            "failedChannels": {str(key): value for key, value in summary.problems.items()},
            "seconds": {step: round(taken, 3) for step, taken in stopwatch.seconds.items()},
        }
        click.echo(json.dumps(document, indent=2))
    logger.info(
        "run %s: %d windows, %d requests; %d readings fetched = %d new + %d known + %d refused",
        summary.run_id,
        summary.windows,
        summary.requests,
        summary.fetched,
        summary.inserted,
        summary.duplicate,
        summary.rejected,
    )
    if summary.reasons:
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(summary.reasons.items()))
        logger.info("quarantined (see rejected_readings): %s", reasons)
    for channel_id, problem in sorted(summary.problems.items()):
        logger.error("not stored in full: channel %s: %s", channel_id, problem)


@script(epilog=EXAMPLES)
@site_option()
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=90,
    show_default=True,
    help="Today and the days before it, in the site's own calendar.",
)
@click.option("--start-date", type=DAY, help="First day (instead of --days).")
@click.option("--end-date", type=DAY, help="Last day, inclusive.  [default: today]")
@click.option(
    "--channel",
    "channels",
    type=int,
    multiple=True,
    metavar="ID",
    help="Only this channel; may be repeated.",
)
@click.option(
    "--resolution",
    type=click.Choice(["60", "900", "1800", "3600", "86400"]),
    help="Interval length in seconds.  [default: ENISCOPE_RESOLUTION]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be asked for; write nothing.")
@click.option(
    "--allow-sandbox-data",
    is_flag=True,
    help="Write the sandbox's readings to a database that is not the embedded one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the run as one JSON document.")
def main(
    site: str,
    days: int,
    start_date: date | None,
    end_date: date | None,
    channels: tuple[int, ...],
    resolution: str | None,
    dry_run: bool,
    allow_sandbox_data: bool,
    as_json: bool,
) -> int:
    """Copy a site's Eniscope readings into PostgreSQL; each is stored once."""
    settings = get_settings()
    interval_seconds = int(resolution or settings.eniscope_resolution)
    if start_date and end_date and end_date < start_date:
        raise UsageError(f"--end-date ({end_date}) lies before --start-date ({start_date})")
    stopwatch = Stopwatch()
    with open_api(settings) as client:
        with stopwatch.lap("describe"):
            described = describe_site(client, site, site_config(site))
        recent = last_days(days, now(), described.timezone)
        period = chosen_period(start_date, end_date, recent)
        with owner_connection() as connection, run_lock(f"ingest {site}"):
            refuse_sandbox_data(client, connection, site, allowed=allow_sandbox_data)
            if dry_run:
                skip = unreadable_channels(connection, site)
                show_plan(plan(described, period, interval_seconds, skip, channels), period)
                return EXIT_OK
            store_site(client, connection, described)
            skip = unreadable_channels(connection, site)
            windows = plan(described, period, interval_seconds, skip, channels)
            with progress_shown(len(windows)) as on_window:
                summary = ingest_windows(
                    client,
                    connection,
                    described,
                    windows,
                    interval_seconds,
                    settings.eniscope_max_parallel,
                    stopwatch,
                    on_window,
                )
    report(summary, stopwatch, described, as_json=as_json)
    return EXIT_PARTIAL if summary.problems else EXIT_OK


if __name__ == "__main__":
    main()
