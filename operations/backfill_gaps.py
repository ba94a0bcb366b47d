"""Ask the API again for what is missing: takes the open gaps, closes those whose readings come.

Reads   data_gaps (of detect_data_gaps.py), ingestion_logs; GET /readings/{channelId} of the gaps
Writes  as ingest_to_postgres.py (an ingestion_logs row per attempt); mv_hourly_usage; data_gaps:
        filled, or no longer fillable with its reason
Exits   0 done, also where the API has nothing or the time was up; 4 some channels or sites failed,
        2 usage, settings, unknown site, 5 an ingestion of the site is at work; a killed run goes
        on where it stopped

How long it goes on asking: at once for what nobody asked for; after an attempt in vain again after
1 h, 2 h, 4 h … up to a week. An answer that came two days or more after the end of a gap and holds
nothing of it is the last word: the gap is marked `fillable = false` with its reason, and is asked
for again only when its days are named (--start, --end).

    python operations/backfill_gaps.py --site 23271 --budget 600
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

import click

from config.settings import get_settings
from config.sites import site_config
from govern.gaps.expected import load_sites
from ingest.eniscope.access import open_api
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused
from ingest.pipeline.job import refuse_mixing, refuse_sandbox_data
from ingest.pipeline.site import describe_site
from lib.cli import is_given, period_options, script, site_option
from lib.clock import now
from lib.database import Connection, owner_connection
from lib.date_utils import FIRST_DAY, Period, chosen_period, local_day
from lib.errors import EXIT_OK, EXIT_PARTIAL, ArgoError, LockedError, UsageError
from lib.lock import run_lock
from operations.backfill.book import open_gaps, sites_with_gaps
from operations.backfill.plan import Selection, select
from operations.backfill.run import Budget, SiteBackfill, backfill_site
from operations.backfill.tell import done_document, done_lines, plan_document, plan_lines

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:operations:backfill -- --dry-run             # what it would ask for
  npm run py:operations:backfill -- --all-sites --budget 900
  npm run py:operations:backfill -- --channel 162285 --start 2026-03-01 --end 2026-03-31
"""


@dataclass(frozen=True)
class Wanted:
    """Which gaps a person asked for: of these channels only, of these days only, where named."""

    channels: tuple[int, ...]
    start: date | None
    end: date | None

    def find(self, connection: Connection, site_id: str, timezone: str) -> Selection:
        """The open gaps of a site, sorted by whether they are asked for now."""
        by_name = self.start is not None or self.end is not None
        span = None
        if by_name:
            ever = Period(FIRST_DAY, local_day(now(), timezone), timezone)
            period = chosen_period(self.start, self.end, ever)
            span = (period.start, period.end)
        gaps = open_gaps(connection, site_id, self.channels, span)
        return select(gaps, now(), by_name=by_name)


@dataclass
class Results:
    """What became of the sites, and why some were left out."""

    done: list[SiteBackfill] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def has_problems(self) -> bool:
        """True where a site was left out or something of it could not be asked for."""
        return bool(self.left_out) or any(one.asked.problems for one in self.done)


def selected(
    connection: Connection, site_ids: Sequence[str], wanted: Wanted
) -> dict[str, tuple[str, Selection]]:
    """Zone and selection of each site. Raises UsageError for a site that is not there."""
    found = {}
    for site_id in site_ids:
        (site,) = load_sites(connection, site_id, now())
        found[site_id] = (site.timezone, wanted.find(connection, site_id, site.timezone))
    return found


def backfill_sites(
    connection: Connection,
    finders: Mapping[str, Callable[[], Selection]],
    budget: Budget,
    *,
    allow_sandbox_data: bool,
) -> Results:
    """Backfill the sites one after the other; where there are several, one costs no other."""
    results = Results()
    with open_api(get_settings()) as client:
        for site_id, find in finders.items():
            try:
                results.done.append(
                    backfill_one(client, connection, site_id, find, budget, allow_sandbox_data)
                )
            except LoginRefused:
                raise
            except (EniscopeError, UsageError, LockedError) as error:
                if len(finders) == 1:
                    raise
                _leave_out(results, site_id, error)
    return results


def backfill_one(
    client: EniscopeClient,
    connection: Connection,
    site_id: str,
    find: Callable[[], Selection],
    budget: Budget,
    allow_sandbox_data: bool,
) -> SiteBackfill:
    """Describe the site, keep others away, and ask again. Raises as ingest does."""
    site = describe_site(client, site_id, site_config(site_id))
    refuse_sandbox_data(client, allowed=allow_sandbox_data)
    with run_lock(f"ingest {site_id}"):
        refuse_mixing(client, connection, site_id)
        return backfill_site(client, connection, site, find, budget, now())


def _leave_out(results: Results, site_id: str, error: ArgoError) -> None:
    logger.error("site %s is left out: %s", site_id, error)
    results.left_out[site_id] = str(error)


def show(documents: Sequence[dict[str, Any]], left_out: dict[str, str], *, as_json: bool) -> None:
    """The documents on stdout."""
    if as_json:
        click.echo(json.dumps({"sites": list(documents), "leftOut": left_out}, indent=2))
        return
    if not documents and not left_out:
        click.echo("no open gap")
    for one in documents:
        for line in done_lines(one) if "runIds" in one else plan_lines(one):
            click.echo(line)


@script(epilog=EXAMPLES)
@site_option()
@click.option("--all-sites", is_flag=True, help="Every site of the database with an open gap.")
@click.option(
    "--channel",
    "channels",
    type=int,
    multiple=True,
    metavar="ID",
    help="Only this channel; may be repeated.",
)
@period_options("every open gap that is due; days named are always asked again")
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Begin no new requests after so long; what is left is for the next run.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be asked for; ask and write nothing.")
@click.option("--allow-sandbox-data", is_flag=True, help="See ingest_to_postgres.py --help.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(
    site: str,
    all_sites: bool,
    channels: tuple[int, ...],
    start: date | None,
    end: date | None,
    budget: float | None,
    dry_run: bool,
    allow_sandbox_data: bool,
    as_json: bool,
) -> int:
    """Ask the API again for the readings that are missing (open rows of data_gaps)."""
    if all_sites and is_given("site"):
        logger.info("--all-sites is given: --site %s is not used", site)
    wanted = Wanted(channels, start, end)
    with owner_connection() as connection:
        site_ids = sites_with_gaps(connection) if all_sites else [site]
        found = selected(connection, site_ids, wanted)
        finders = {
            site_id: partial(wanted.find, connection, site_id, timezone)
            for site_id, (timezone, selection) in found.items()
            if selection.due
        }
        if dry_run or not finders:
            plans = [
                plan_document(site_id, *one, dry_run=dry_run) for site_id, one in found.items()
            ]
            show(plans, {}, as_json=as_json)
            return EXIT_OK
        results = backfill_sites(
            connection, finders, Budget(budget), allow_sandbox_data=allow_sandbox_data
        )
    show([done_document(one) for one in results.done], results.left_out, as_json=as_json)
    return EXIT_PARTIAL if results.has_problems else EXIT_OK


if __name__ == "__main__":
    main()
