"""Copy a site's Eniscope readings into PostgreSQL.

Reads   GET /organizations, /channels, /meters, /fields, /readings/{channelId}
Writes  organizations, devices, meters, channels; readings (ON CONFLICT DO NOTHING);
        rejected_readings, reading_conflicts; ingestion_logs (a row per channel and window)
Exits   0 all stored, 4 some channels failed or --reconcile found a difference, 2 usage, settings,
        unknown site, 5 already running; safe to run again

    python ingest/ingest_to_postgres.py --site 23271 --days 2
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    asked_sites,
    plan_site,
    refuse_mixing,
    refuse_sandbox_data,
    run_site,
    whole_span,
    with_catch_up,
)
from ingest.pipeline.report import log_run, plan_document, run_document
from ingest.pipeline.run import RunOptions
from ingest.pipeline.site import NothingMeasured, Site, describe_site
from lib.cli import DAY, is_given, script, site_option
from lib.clock import now
from lib.database import Connection, owner_connection
from lib.date_utils import (
    EARLIEST_ZONE,
    Period,
    chosen_period,
    days_up_to,
    last_days,
    refuse_unbegun,
)
from lib.errors import EXIT_OK, EXIT_PARTIAL, ArgoError, LockedError, UsageError
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
        if self.start_date is None and self.end_date is not None:
            recent = days_up_to(self.end_date, self.days, timezone)
        period = chosen_period(self.start_date, self.end_date, recent)
        refuse_unbegun(period.first_day, now(), timezone)
        return period


@dataclass
class Results:
    """What became of the sites: a document for each, and why some were left out.

    `failure` is what ended the run where there was but one site.
    """

    documents: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    has_problems: bool = False
    failure: ArgoError | None = None

    def leave_out(self, site_id: str, error: ArgoError, *, is_only: bool) -> None:
        """Note a site that could not be ingested; the others, where there are any, go on."""
        self.left_out[site_id] = str(error)
        if is_only:
            self.failure = error
        else:
            logger.error("site %s is left out: %s", site_id, error)

    def as_document(self, *, several: bool) -> dict[str, Any]:
        """One site's own document, or all in a list where more than one was asked for."""
        if several:
            return {"sites": self.documents, "leftOut": self.left_out}
        return self.documents[0]


def described_sites(
    client: EniscopeClient, site_ids: Sequence[str], results: Results, *, named: str | None
) -> Iterator[Site]:
    """The sites, one by one; those that the API fails to describe are left out.

    Raises UsageError when the one `named` by a person is unknown or has no time zone.
    """
    is_only = len(site_ids) == 1
    for site_id in site_ids:
        try:
            yield describe_site(client, site_id, site_config(site_id))
        except LoginRefused:
            raise
        except NothingMeasured as error:
            if is_only:
                results.leave_out(site_id, error, is_only=True)
            else:
                logger.info("%s: nothing to ingest", error)
        except (EniscopeError, UsageError) as error:
            if site_id == named and isinstance(error, UsageError):
                raise
            results.leave_out(site_id, error, is_only=is_only)


def ingest_sites(
    client: EniscopeClient, site_ids: Sequence[str], request: Request, *, named: str | None
) -> Results:
    """Store the sites one after the other. `named` is the one that has to exist.

    Where there are several, one that is locked or may not be mixed costs no other.
    """
    results = Results()
    described = described_sites(client, site_ids, results, named=named)
    # The first is described before the database is touched: an unknown one leaves no trace.
    first = next(described, None)
    if first is None:
        return results
    with owner_connection() as connection:
        refuse_sandbox_data(client, allowed=request.allow_sandbox_data)
        for site in chain([first], described):
            try:
                with run_lock(f"ingest {site.site_id}"):
                    ingest_site(client, connection, site, request, results)
            except (UsageError, LockedError) as error:
                results.leave_out(site.site_id, error, is_only=len(site_ids) == 1)
    return results


def ingest_site(
    client: EniscopeClient,
    connection: Connection,
    site: Site,
    request: Request,
    results: Results,
) -> None:
    """Store one site's readings; a dry run only says what it would ask for."""
    period = request.period(site.timezone)
    choose_spans = with_catch_up(connection) if request.catch_up else whole_span
    refuse_mixing(client, connection, site.site_id)
    if request.dry_run:
        interval_seconds = request.options.interval_seconds
        windows = plan_site(
            connection, site, period, interval_seconds, request.channels, choose_spans
        )
        results.documents.append(plan_document(site.site_id, period, windows))
        return
    run = run_site(
        client,
        connection,
        site,
        period,
        request.options,
        choose_spans,
        only=request.channels,
        with_totals=request.reconcile,
    )
    log_run(site.site_id, run.summary, run.reconciliation)
    results.documents.append(
        run_document(site.site_id, run.summary, run.stopwatch, run.reconciliation)
    )
    differs = run.reconciliation is not None and bool(run.reconciliation.differences)
    results.has_problems |= differs or bool(run.summary.problems)


def show_plan(plan: Mapping[str, Any]) -> None:
    """What a run would ask for, on stdout."""
    click.echo(
        f"site {plan['site']}, {plan['firstDay']} to {plan['lastDay']} ({plan['timezone']}): "
        f"at least {plan['windows']} requests for {len(plan['channels'])} channels"
    )
    for channel in plan["channels"]:
        click.echo(f"  {channel['channelId']}  {channel['channelName']}")


@script(epilog=EXAMPLES)
@site_option()
@click.option("--all-sites", is_flag=True, help="Every site that the account sees.")
@click.option("--include-children", is_flag=True, help="The sites below --site in the tree, too.")
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=90,
    show_default=True,
    help="So many days up to --end-date, in the site's own calendar; not with --start-date.",
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
    type=click.Choice(["60", "900", "1800", "3600"]),
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
@click.option("--json", "as_json", is_flag=True, help="Print the run or its plan as JSON.")
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
    check_options(request, site, all_sites=all_sites, include_children=include_children)
    several = all_sites or include_children
    with open_api(settings) as client:
        site_ids = asked_sites(client, site, all_sites=all_sites, include_children=include_children)
        results = ingest_sites(client, site_ids, request, named=None if all_sites else site)
        if as_json and (several or results.documents):
            click.echo(json.dumps(results.as_document(several=several), indent=2))
        if results.failure is not None:
            raise results.failure
    if request.dry_run and not as_json:
        for plan in results.documents:
            show_plan(plan)
    return EXIT_PARTIAL if results.left_out or results.has_problems else EXIT_OK


def check_options(request: Request, site: str, *, all_sites: bool, include_children: bool) -> None:
    """Say which options are not used beside others. Raises UsageError for a contradiction.

    All that can be told before anything is asked of anybody.
    """
    start, end = request.start_date, request.end_date
    if request.channels and (all_sites or include_children):
        raise UsageError(
            "--channel names a channel of one site: it goes neither with --all-sites nor with "
            "--include-children"
        )
    if start and end and end < start:
        raise UsageError(f"--end-date ({end}) lies before --start-date ({start})")
    if start:
        refuse_unbegun(start, now(), EARLIEST_ZONE)
    # npm's scripts name a site and days already: what is added to them wins.
    if all_sites and is_given("site"):
        logger.info("--all-sites is given: --site %s is not used", site)
    if start and is_given("days"):
        logger.info("--start-date is given: --days %d is not used", request.days)


if __name__ == "__main__":
    main()
