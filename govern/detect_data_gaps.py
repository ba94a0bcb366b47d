"""Find what is missing, guess why, and keep the book of it.

Reads   readings and mv_hourly_usage (brought up to date first), ingestion_logs, rejected_readings
Writes  data_gaps: gaps found, grown, closed since their readings arrived, opened again
Exits   0 done, also where gaps were found; 2 unknown site or wrong days; safe to run again

    python govern/detect_data_gaps.py --site 23271 --days 30
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import date
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from govern.gaps.book import Kept, keep_book
from govern.gaps.expected import days_asked, load_sites
from govern.gaps.find import Gap
from govern.refresh_views import refresh
from lib import clock
from lib.cli import is_given, period_options, script, site_option
from lib.database import Connection, owner_connection, transaction
from lib.date_utils import zone
from lib.errors import UsageError

logger = logging.getLogger(__name__)

DEFAULT_DAYS = 7
MOST_DAYS = 3660
# Wide enough for a gap per line where the output goes to a file.
FILE_WIDTH = 140
REASONS = {
    "api_failed": "the API failed",
    "channel_silent": "the channel was silent",
    "site_offline": "the whole site was silent",
    "rejected": "what came was refused",
    "unknown": "nobody asked for it",
}


def detect(
    connection: Connection, site_id: str | None, days: int, start: date | None, end: date | None
) -> list[Kept]:
    """Keep the book of gaps of one site, or of every site; one transaction for each."""
    now = clock.now()
    kept = []
    for site in load_sites(connection, site_id, now):
        period = days_asked(site, days, start, end, now)
        refresh(connection, site.site_id)
        with transaction(connection) as cursor:
            kept.append(keep_book(cursor, site, period, now))
    return kept


def document(kept: Kept) -> dict[str, Any]:
    """What was found and what changed in the book, for --json; times in the site's own zone."""
    site, period, changes = kept.site, kept.period, kept.changes
    return {
        "site_id": site.site_id,
        "site_name": site.site_name,
        "timezone": site.timezone,
        "start": period.first_day.isoformat(),
        "end": period.last_day.isoformat(),
        "complete_until": _local(site.complete_until, site.timezone),
        "gaps_until": _local(site.gaps_until, site.timezone),
        "asked": kept.asked,
        "channels_expected": kept.channels,
        "new": len(changes.new),
        "changed": len(changes.changed),
        "reopened": len(changes.reopened),
        "closed": len(changes.closed),
        "merged": len(changes.merged),
        "open": len(kept.gaps),
        "missing_intervals": sum(gap.missing_intervals for gap in kept.gaps),
        "gaps": [_gap_document(gap, site.timezone) for gap in kept.gaps],
    }


def show(found: dict[str, Any]) -> None:
    """A table of the open gaps, and one line about the book."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=FILE_WIDTH)
    if found["gaps"]:
        table = Table("channel", "from", "to", "missing", "why", "ask again")
        for gap in found["gaps"]:
            table.add_row(
                Text(f"{gap['channel_name']} ({gap['channel_id']})"),
                gap["start"][:16].replace("T", " "),
                gap["end"][:16].replace("T", " "),
                f"{gap['missing_intervals']:,}",
                REASONS[gap["reason"]],
                "may help" if gap["fillable"] else "no use",
            )
        console.print(table)
    console.print(Text(_sentence(found)), soft_wrap=True)


def _sentence(found: dict[str, Any]) -> str:
    """What there is in the days, and what changed in the book."""
    changes = ", ".join(
        f"{found[word]} {word}"
        for word in ("new", "changed", "reopened", "closed", "merged")
        if found[word]
    )
    days = f"site {found['site_id']}, {found['start']} to {found['end']}: "
    if found["open"] or found["channels_expected"]:
        return (
            f"{days}{found['open']} open gaps, {found['missing_intervals']:,} intervals missing "
            f"({changes or 'as before'})"
        )
    nothing = (
        "no channel was due to report in these days"
        if found["asked"]
        else "nothing was ever asked for these days"
    )
    return f"{days}{nothing}{f' ({changes})' if changes else ''}"


def _gap_document(gap: Gap, timezone: str) -> dict[str, Any]:
    return {
        "channel_id": gap.channel_id,
        "channel_name": gap.channel_name,
        "start": _local(gap.start, timezone),
        "end": _local(gap.end, timezone),
        "missing_intervals": gap.missing_intervals,
        "reason": gap.reason,
        "fillable": gap.fillable,
    }


def _local(instant: Any, timezone: str) -> str:
    return str(instant.astimezone(zone(timezone)).isoformat())


def _print(documents: Sequence[dict[str, Any]], *, as_json: bool, all_sites: bool) -> None:
    if as_json:
        click.echo(json.dumps(documents if all_sites else documents[0], indent=2))
        return
    for found in documents:
        show(found)


@script(
    epilog="Examples:\n"
    "  python govern/detect_data_gaps.py\n"
    "  python govern/detect_data_gaps.py --start 2026-11-01 --end 2026-11-04 --json\n"
    "  python govern/detect_data_gaps.py --all-sites --days 2"
)
@site_option()
@click.option("--all-sites", is_flag=True, help="Every site of the database.")
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    metavar="N",
    help=f"Today and the N - 1 days before it.  [default: {DEFAULT_DAYS}]",
)
@period_options("by --days")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def main(
    site: str,
    all_sites: bool,
    days: int | None,
    start: date | None,
    end: date | None,
    as_json: bool,
) -> None:
    """Find gaps in the stored readings and keep the book of them (data_gaps)."""
    if days is not None and (start or end):
        raise UsageError("give either --days or --start and --end")
    if all_sites and is_given("site"):
        logger.info("--all-sites is given: --site %s is not used", site)
    with owner_connection() as connection:
        kept = detect(connection, None if all_sites else site, days or DEFAULT_DAYS, start, end)
    _print([document(one) for one in kept], as_json=as_json, all_sites=all_sites)


if __name__ == "__main__":
    main()
