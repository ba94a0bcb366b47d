"""The daily sync, site by site and step by step; started by operations/daily_sync.sh.

Reads   the Eniscope API, the database
Writes  the database, reports/, exports/, logs/daily_sync.log, logs/last_run.json
Exits   0 done, 2 settings, 3 validation stopped a delivery, 4 a step failed, 5 another run is at
        work (another sync, or an ingest of the site)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import click
import psycopg2

from config.settings import SettingsError, get_settings
from lib.cli import is_given, script, site_option
from lib.clock import now
from lib.database import fetch_all, owner_connection
from lib.date_utils import local_day
from lib.errors import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_LOCKED,
    EXIT_TERMINATED,
    EXIT_USAGE,
    ArgoError,
    UsageError,
)
from lib.files import write_atomically
from lib.lock import LockHeld, run_lock
from operations.list_active_sites import active_site_ids
from operations.sync.pings import DeadManSwitch
from operations.sync.results import SiteResult, StepResult, exit_code_of
from operations.sync.run_log import RunLog
from operations.sync.runner import StepRunner
from operations.sync.steps import (
    DASHBOARD,
    Step,
    collect_steps,
    customer_not_due,
    delivery_month,
    delivery_steps,
    delivery_week,
    report_not_due,
    run_steps,
)
from operations.sync.summary import SyncRun, summary_lines

# The steps whose printed lines are the paths of what was made.
DELIVERIES = ("report", "customer", "export", "dashboard")
# A sync that found another at work says so under --quiet only when that one has hung this long.
LONGEST_SYNC = timedelta(hours=6)

logger = logging.getLogger("argo.sync")

EXAMPLES = """
Examples:
  npm run py:sync                                        # site 23271, today and yesterday
  npm run py:sync -- --all-sites
  npm run py:sync -- --site 23271 --days 7
  npm run py:sync -- --report                            # make the weekly report today
"""


@dataclass(frozen=True)
class Request:
    """What a person asked for, beside the sites."""

    days: int
    force_report: bool
    force_customer: bool
    allow_sandbox_data: bool


def site_timezone(site: str) -> str:
    """The zone of a site that ingest has just stored."""
    with owner_connection() as connection:
        (row,) = fetch_all(connection, "SELECT timezone FROM v_sites WHERE site_id = %s", (site,))
    return str(row["timezone"])


def deliveries(site: str, request: Request) -> list[Step]:
    """What is delivered of a site, by its own calendar."""
    timezone = site_timezone(site)
    today = local_day(now(), timezone)
    return delivery_steps(
        site,
        delivery_week(now(), timezone),
        delivery_month(now(), timezone),
        report_not_due="" if request.force_report else report_not_due(today),
        customer_not_due="" if request.force_customer else customer_not_due(today),
    )


def sync_site(site: str, request: Request, run: StepRunner) -> SiteResult:
    """Every step of one site, in order; whatever fails is a state of its step."""
    collect = collect_steps(site, request.days, allow_sandbox_data=request.allow_sandbox_data)
    results = run_steps(collect, [], run, run.skip)
    if results[0].may_follow:
        try:
            results = run_steps(deliveries(site, request), results, run, run.skip)
        except (ArgoError, psycopg2.Error) as error:
            reason = str(error).strip().split("\n")[0]
            logger.info("%s: nothing is delivered: %s", site, reason)
            results.append(StepResult("deliveries", "failed", EXIT_ERROR, 0.0, reason=reason))
    return SiteResult(site, tuple(results))


def sync_sites(sites: list[str], request: Request, run: SyncRun, *, to_terminal: bool) -> int:
    """All sites one after the other, then what is for all of them together; the exit code.

    Each result is added to `run` as soon as it is there.
    """
    for site in sites:
        if to_terminal and len(sites) > 1:
            click.echo(f"site {site}", err=True)
        run.sites.append(sync_site(site, request, StepRunner(site, to_terminal=to_terminal)))
    # Where no site could be begun there may not even be a database to show.
    if any(site.steps[0].exit_code != EXIT_USAGE for site in run.sites):
        run.others.append(StepRunner(None, to_terminal=to_terminal)(DASHBOARD))
    return exit_code_of(run.sites, run.others)


def show(run: SyncRun, log: RunLog) -> None:
    """The deliveries on stdout, as the scripts printed them; the sites and the log on stderr."""
    for step in (*(step for site in run.sites for step in site.steps), *run.others):
        if step.name in DELIVERIES:
            for path in step.printed:
                click.echo(path)
    if len(run.sites) > 1:
        for line in summary_lines(run.sites):
            click.echo(line, err=True)
    click.echo(f"run {run.run_id[:8]}, log: {log.path}", err=True)


@contextmanager
def watched(tell_end: Callable[[int], None]) -> Iterator[Callable[[int | None], None]]:
    """Tell how the run ended: also when it ends by an error, or cannot begin.

    The caller says the exit code of a run that came to its end; None for one that left because
    another is at work: that one tells of itself.
    """
    exit_codes: list[int | None] = []
    try:
        yield exit_codes.append
    except LockHeld:
        exit_codes.append(None)
        raise
    except BaseException as error:
        exit_codes.append(_exit_code(error))
        logger.info("ended by %s: %s", type(error).__name__, error)
        raise
    finally:
        if exit_codes[-1] is not None:
            tell_end(exit_codes[-1])


def _exit_code(error: BaseException) -> int:
    """With which code this error ends a script; see lib/cli.py."""
    if isinstance(error, SettingsError):
        return EXIT_USAGE
    if isinstance(error, Exception):
        return int(getattr(error, "exit_code", EXIT_ERROR))
    return EXIT_INTERRUPTED if isinstance(error, KeyboardInterrupt) else EXIT_TERMINATED


@contextmanager
def sync_lock(*, quiet: bool) -> Iterator[bool]:
    """Hold the sync's lock. Under --quiet False, in place of an error, where another has it.

    Between two runs of a schedule that is nobody's business, unless the other one hangs.
    """
    try:
        with run_lock("daily sync"):
            yield True
    except LockHeld as error:
        logger.info("not begun: %s", error)
        is_young = error.since is not None and datetime.now(UTC) - error.since < LONGEST_SYNC
        if not (quiet and is_young):
            raise
        yield False


@script(epilog=EXAMPLES)
@site_option()
@click.option(
    "--all-sites", is_flag=True, help="Every active site (see npm run py:sites), one by one."
)
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Today and the days before it, asked again so that late data is caught.",
)
@click.option(
    "--report", "force_report", is_flag=True, help="Make the weekly report, whatever day it is."
)
@click.option(
    "--customer-report",
    "force_customer",
    is_flag=True,
    help="Make the customer report of the last complete month, whatever day it is.",
)
@click.option("--allow-sandbox-data", is_flag=True, help="See ingest_to_postgres.py --help.")
def main(site: str, all_sites: bool, **asked: bool) -> int:
    """Ingest, refresh, validate; where validation passes, report and export; the dashboard."""
    if all_sites and is_given("site"):
        raise UsageError("--site and --all-sites are two different things: give one of them")
    settings, request = get_settings(), Request(**asked)
    to_terminal = logging.getLogger().level <= logging.INFO
    folder = settings.argo_output_dir / "logs"
    run = SyncRun(str(uuid4()), now())
    log, switch = RunLog(folder, run.run_id), DeadManSwitch.of(settings, run.run_id)

    def tell_end(exit_code: int) -> None:
        try:
            write_atomically(folder / "last_run.json", run.as_bytes(exit_code, now()))
        finally:
            switch.end(exit_code, log.tail())

    with watched(tell_end) as ended, sync_lock(quiet=not to_terminal) as is_mine:
        if not is_mine:
            ended(None)
            return EXIT_LOCKED
        switch.start()
        sites = active_site_ids() if all_sites else [site]
        if not sites:
            raise UsageError("no site is known yet: npm run py:sync -- --site ID begins one")
        code = sync_sites(sites, request, run, to_terminal=to_terminal)
        ended(code)
    if to_terminal:
        show(run, log)
    return code


if __name__ == "__main__":
    main()
