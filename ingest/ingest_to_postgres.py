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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

import click

from config.settings import get_settings
from config.sites import site_config
from ingest.eniscope.access import open_api
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused
from ingest.pipeline.job import (
    SiteRun,
    asked_sites,
    plan_site,
    refuse_mixing,
    run_site,
    whole_span,
    with_catch_up,
)
from ingest.pipeline.plan import PlannedWindow
from ingest.pipeline.report import log_run, run_document
from ingest.pipeline.run import RunOptions
from ingest.pipeline.site import Site, describe_site
from lib.cli import DAY, script, site_option
from lib.clock import now
from lib.database import Connection, owner_connection
from lib.date_utils import Period, chosen_period, last_days
from lib.errors import EXIT_OK, EXIT_PARTIAL, UsageError
from lib.lock import run_lock

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:ingest                                    # site 23271, today
  python ingest/ingest_to_postgres.py --days 90
  python ingest/ingest_to_postgres.py --site 23271 --start-date 2025-11-01 --end-date 2025-11-04
  python ingest/ingest_to_postgres.py --site 17157 --include-children --days 2 --catch-up
  ENISCOPE_API_URL=sandbox python ingest/ingest_to_postgres.py --days 7
"""


@dataclass(frozen=True)
class Request:
    """What a person asked for, beside the site."""

    days: int
    start_date: date | None
    end_date: date | None
    channels: tuple[int, ...]
    options: RunOptions
    catch_up: bool
    reconcile: bool
    dry_run: bool
    allow_sandbox_data: bool

    def period(self, timezone: str) -> Period:
        """The days asked for, in a site's own calendar."""
        recent = last_days(self.days, now(), timezone)
        return chosen_period(self.start_date, self.end_date, recent)


def described_sites(client: EniscopeClient, site_ids: Sequence[str]) -> Iterator[Site | None]:
    """The sites, one by one; None for one that the API fails to describe.

    Raises UsageError for an unknown site when it is the only one.
    """
    for site_id in site_ids:
        try:
            yield describe_site(client, site_id, site_config(site_id))
        except LoginRefused:
            raise
        except (EniscopeError, UsageError) as error:
            if len(site_ids) == 1:
                raise
            logger.error("site %s is left out: %s", site_id, error)
            yield None


def ingest_site(
    client: EniscopeClient, connection: Connection, site: Site, request: Request
) -> SiteRun | None:
    """Store one site's readings; a dry run says what it would ask for, and gives None."""
    period = request.period(site.timezone)
    choose_spans = with_catch_up(connection) if request.catch_up else whole_span
    refuse_mixing(client, connection, site.site_id, allowed=request.allow_sandbox_data)
    if request.dry_run:
        interval_seconds = request.options.interval_seconds
        windows = plan_site(
            connection, site, period, interval_seconds, request.channels, choose_spans
        )
        show_plan(windows, site, period)
        return None
    return run_site(
        client,
        connection,
        site,
        period,
        request.options,
        choose_spans,
        only=request.channels,
        with_totals=request.reconcile,
    )


def show_plan(windows: Sequence[PlannedWindow], site: Site, period: Period) -> None:
    """What a run would ask for, on stdout."""
    channels = {planned.channel.channel_id: planned.channel.name for planned in windows}
    click.echo(
        f"site {site.site_id}, {period.first_day} to {period.last_day} ({period.timezone}): "
        f"at least {len(windows)} requests for {len(channels)} channels"
    )
    for channel_id, name in sorted(channels.items()):
        click.echo(f"  {channel_id}  {name}")


def report(runs: Sequence[SiteRun], *, as_json: bool) -> None:
    """The runs in numbers: a few log lines each, or JSON on stdout."""
    documents = []
    for run in runs:
        log_run(run.site.site_id, run.summary, run.differences)
        documents.append(
            run_document(run.site.site_id, run.summary, run.stopwatch, run.differences)
        )
    if as_json:
        document = documents[0] if len(documents) == 1 else {"sites": documents}
        click.echo(json.dumps(document, indent=2))


@script(epilog=EXAMPLES)
@site_option()
@click.option("--all-sites", is_flag=True, help="Every site that the account sees.")
@click.option("--include-children", is_flag=True, help="The sites below --site in the tree, too.")
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
@click.option(
    "--catch-up",
    is_flag=True,
    help="Begin earlier for channels that were down, up to 35 days back.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Replace stored values that the API now tells otherwise; reading_conflicts keeps the old.",
)
@click.option(
    "--reconcile",
    is_flag=True,
    help="Compare the stored sums with the API's own totals afterwards.",
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
    all_sites: bool,
    include_children: bool,
    resolution: str | None,
    repair: bool,
    as_json: bool,
    **asked: Any,
) -> int:
    """Copy a site's Eniscope readings into PostgreSQL; each is stored once."""
    settings = get_settings()
    options = RunOptions(
        interval_seconds=int(resolution or settings.eniscope_resolution),
        max_parallel=settings.eniscope_max_parallel,
        repair=repair,
    )
    request = Request(options=options, **asked)
    check_dates(request)
    runs: list[SiteRun] = []
    left_out = 0
    with open_api(settings) as client:
        site_ids = asked_sites(client, site, all_sites=all_sites, include_children=include_children)
        sites = described_sites(client, site_ids)
        # The first is described before the database is touched: an unknown one leaves no trace.
        first = next(sites)
        with owner_connection() as connection:
            for described in chain([first], sites):
                if described is None:
                    left_out += 1
                    continue
                with run_lock(f"ingest {described.site_id}"):
                    run = ingest_site(client, connection, described, request)
                runs += [run] if run else []
    if runs:
        report(runs, as_json=as_json)
    troubled = left_out or any(run.summary.problems for run in runs)
    return EXIT_PARTIAL if troubled else EXIT_OK


def check_dates(request: Request) -> None:
    """Raises UsageError for an end before the start, before anything is asked of anybody."""
    start, end = request.start_date, request.end_date
    if start and end and end < start:
        raise UsageError(f"--end-date ({end}) lies before --start-date ({start})")


if __name__ == "__main__":
    main()
