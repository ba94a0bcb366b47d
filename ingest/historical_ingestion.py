"""Backfill a site's readings from a day on; started again, it goes on where it stopped.

Reads   GET /organizations, /channels, /meters, /fields, /readings/{channelId}; ingestion_logs
Writes  the same tables as ingest_to_postgres.py
Exits   0 all stored, 4 some windows failed (run it again), 2 usage, settings, unknown site, 5
        already running; a killed run loses at most the windows under way

    python ingest/historical_ingestion.py --site 23271 --start-date 2025-04-29
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import click

from config.settings import Settings, get_settings
from config.sites import site_config
from ingest.eniscope.access import open_api
from ingest.pipeline.job import (
    only_uncovered,
    plan_site,
    refuse_mixing,
    refuse_sandbox_data,
    run_site,
    whole_span,
)
from ingest.pipeline.plan import PlannedWindow
from ingest.pipeline.report import log_run, plan_document, run_document
from ingest.pipeline.run import RunOptions
from ingest.pipeline.site import Site, describe_site
from lib.cli import DAY, script, site_option
from lib.clock import now
from lib.database import owner_connection
from lib.date_utils import Period, chosen_period, local_day, refuse_unbegun
from lib.errors import EXIT_OK, EXIT_PARTIAL
from lib.lock import run_lock

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:ingest:historical -- --site 23271 --start-date 2025-04-29
  npm run py:ingest:historical -- --start-date 2025-04-29 --dry-run
  npm run py:ingest:historical -- --start-date 2025-04-29 --end-date 2025-12-31 --restart
"""
# What one answer of the live API was seen to hold at most, for the estimate of a dry run.
POINTS_PER_ANSWER = 500
SECONDS_PER_REQUEST = 0.3


def asked_period(start: date, end: date | None, timezone: str) -> Period:
    """From the start to the end, or to today, in the site's own calendar.

    Raises UsageError for a start that has not come yet.
    """
    refuse_unbegun(start, now(), timezone)
    today = local_day(now(), timezone)
    return chosen_period(start, end, Period(start, max(today, start), timezone))


def plan_of(
    windows: Sequence[PlannedWindow], site: Site, period: Period, settings: Settings
) -> dict[str, Any]:
    """What is left to ask for, and how long that takes at the ceiling, as a JSON document."""
    interval_seconds = settings.eniscope_resolution
    intervals = sum((window.end - window.start).total_seconds() for window in windows)
    readings = int(intervals // interval_seconds)
    requests = sum(
        -(
            -int((window.end - window.start).total_seconds())
            // (interval_seconds * POINTS_PER_ANSWER)
        )
        for window in windows
    )
    ceiling = settings.max_requests_per_second()
    in_parallel = settings.eniscope_max_parallel / SECONDS_PER_REQUEST
    seconds = requests / min(ceiling or in_parallel, in_parallel)
    return plan_document(
        site.site_id,
        period,
        windows,
        readings=readings,
        requests=requests,
        minutes=math.ceil(seconds / 60),
    )


def show_plan(plan: Mapping[str, Any]) -> None:
    """The plan on stdout."""
    what = f"site {plan['site']}, {plan['firstDay']} to {plan['lastDay']} ({plan['timezone']})"
    if not plan["windows"]:
        click.echo(f"{what}: nothing is left to ask for")
        return
    channels = plan["channels"]
    click.echo(f"{what}: {plan['windows']} windows of {len(channels)} channels are left")
    click.echo(
        f"up to {plan['readings']:,} readings in about {plan['requests']:,} requests, "
        f"{plan['minutes']} min at the ceiling (an estimate for the live API: "
        f"{POINTS_PER_ANSWER} readings and {SECONDS_PER_REQUEST} s a request)"
    )
    for channel in channels:
        click.echo(
            f"  {channel['channelId']}  {channel['channelName']}: {channel['windows']} windows"
        )


@script(epilog=EXAMPLES)
@site_option()
@click.option("--start-date", type=DAY, required=True, help="First day to have.")
@click.option("--end-date", type=DAY, help="Last day, inclusive.  [default: today]")
@click.option("--restart", is_flag=True, help="Ask for everything again, whatever is stored.")
@click.option("--dry-run", is_flag=True, help="Say what is left to ask for; write nothing.")
@click.option(
    "--allow-sandbox-data",
    is_flag=True,
    help="Write the sandbox's readings to a database that is not the embedded one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the run or its plan as JSON.")
def main(
    site: str,
    start_date: date,
    end_date: date | None,
    restart: bool,
    dry_run: bool,
    allow_sandbox_data: bool,
    as_json: bool,
) -> int:
    """Backfill a site from a day on; started again, it goes on where it stopped."""
    settings = get_settings()
    interval_seconds = settings.eniscope_resolution
    options = RunOptions(interval_seconds, settings.eniscope_max_parallel)
    with open_api(settings) as client:
        described = describe_site(client, site, site_config(site))
        period = asked_period(start_date, end_date, described.timezone)
        with owner_connection() as connection, run_lock(f"ingest {site}"):
            refuse_sandbox_data(client, allowed=allow_sandbox_data)
            refuse_mixing(client, connection, site)
            choose = whole_span if restart else only_uncovered(connection, interval_seconds)
            if dry_run:
                windows = plan_site(connection, described, period, interval_seconds, (), choose)
                plan = plan_of(windows, described, period, settings)
                if as_json:
                    click.echo(json.dumps(plan, indent=2))
                else:
                    show_plan(plan)
                return EXIT_OK
            run = run_site(client, connection, described, period, options, choose, log_windows=True)
    log_run(site, run.summary, None)
    if as_json:
        click.echo(json.dumps(run_document(site, run.summary, run.stopwatch, None), indent=2))
    return EXIT_PARTIAL if run.summary.problems else EXIT_OK


if __name__ == "__main__":
    main()
