"""Estimate what is missing in gaps of less than an hour, apart from the readings.

Reads   data_gaps (open ones: run detect_data_gaps.py first), the readings on both sides of each
Writes  estimated_readings, by the SQL function fill_short_gaps(); never readings
Exits   0 done, 2 unknown site or settings; safe to run again

Method: linear_power. The mean powers of the missing intervals lie on the line between those of the
intervals before and after, and each energy is power x time. Nothing is estimated at the edge of the
data, or where the reading after the gap already holds the energy of the gap. Estimates go when
readings arrive. Only v_readings_with_estimates shows them, marked as such.

    python govern/fill_short_gaps.py --site 23271 --dry-run
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import click

from govern.gaps.expected import load_sites
from lib import clock
from lib.cli import is_given, script, site_option
from lib.database import Connection, owner_connection, transaction

logger = logging.getLogger(__name__)

LONGEST_MINUTES = 60
_FILL = "SELECT * FROM fill_short_gaps(%s, make_interval(mins => %s)) ORDER BY 3, 4, 1 DESC"
_STANDING = """
SELECT count(*), count(DISTINCT e.gap_id), sum(e.energy_kwh)
FROM estimated_readings AS e
JOIN channels AS c USING (channel_id)
WHERE %(site_id)s IS NULL OR c.organization_id = %(site_id)s
"""


@dataclass(frozen=True)
class Change:
    """An estimate that was added or removed."""

    change: str
    gap_id: int | None
    channel_id: int
    timestamp: datetime
    interval_seconds: int
    energy_kwh: float
    power_kw: float
    method: str


@dataclass(frozen=True)
class Filled:
    """What changed, and the estimates that stand now: intervals, gaps, their energy [kWh]."""

    changes: list[Change]
    intervals: int
    gaps: int
    energy_kwh: float


class _Undo(Exception):
    """Leaves the transaction without a trace."""


def fill(
    connection: Connection, site_id: str | None, max_gap_minutes: int, *, dry_run: bool = False
) -> Filled:
    """Bring the estimates of one site, or of every site, up to date in one transaction.

    `dry_run` tells what would change and rolls it back.
    """
    filled = None
    try:
        with transaction(connection) as cursor:
            cursor.execute(_FILL, (site_id, max_gap_minutes))
            changes = [Change(*row) for row in cursor.fetchall()]
            cursor.execute(_STANDING, {"site_id": site_id})
            intervals, gaps, energy_kwh = cursor.fetchone()
            filled = Filled(changes, intervals, gaps, energy_kwh or 0.0)
            if dry_run:
                raise _Undo
    except _Undo:
        pass
    assert filled is not None
    return filled


def document(filled: Filled, *, dry_run: bool) -> dict[str, Any]:
    """What was done, for --json."""
    counts = Counter(change.change for change in filled.changes)
    return {
        "dry_run": dry_run,
        "added": counts["added"],
        "removed": counts["removed"],
        "estimated_intervals": filled.intervals,
        "estimated_gaps": filled.gaps,
        "estimated_energy_kwh": round(filled.energy_kwh, 6),
        "changes": [
            asdict(change) | {"timestamp": change.timestamp.isoformat()}
            for change in filled.changes
        ],
    }


def sentence(done: dict[str, Any]) -> str:
    """The same in words."""
    would = "would be " if done["dry_run"] else ""
    return (
        f"{done['added']:,} estimates {would}added, {done['removed']:,} {would}removed; "
        f"{done['estimated_intervals']:,} intervals in {done['estimated_gaps']:,} gaps "
        f"{'would be' if done['dry_run'] else 'are'} estimated "
        f"({done['estimated_energy_kwh']:,.3f} kWh)"
    )


@script(
    epilog="Examples:\n"
    "  python govern/fill_short_gaps.py --dry-run\n"
    "  python govern/fill_short_gaps.py --all-sites --max-gap 30 --json"
)
@site_option()
@click.option("--all-sites", is_flag=True, help="Every site of the database.")
@click.option(
    "--max-gap",
    type=click.IntRange(1, LONGEST_MINUTES),
    default=LONGEST_MINUTES,
    show_default=True,
    metavar="MINUTES",
    help="Only gaps shorter than this; an hour or more is never estimated.",
)
@click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print every change as JSON.")
def main(site: str, all_sites: bool, max_gap: int, dry_run: bool, as_json: bool) -> None:
    """Estimate the readings of gaps shorter than an hour (estimated_readings)."""
    if all_sites and is_given("site"):
        logger.info("--all-sites is given: --site %s is not used", site)
    site_id = None if all_sites else site
    with owner_connection() as connection:
        load_sites(connection, site_id, clock.now())
        filled = fill(connection, site_id, max_gap, dry_run=dry_run)
    done = document(filled, dry_run=dry_run)
    click.echo(json.dumps(done, indent=2) if as_json else sentence(done))


if __name__ == "__main__":
    main()
