"""Bring the hourly aggregate up to date with what was ingested since the last refresh.

Reads   ingestion_logs (windows not aggregated yet), readings (those windows only), sites.yaml
Writes  mv_hourly_usage (the local hours that changed; of a site whose zone changed, all),
        ingestion_logs.aggregated_at, organizations.aggregated_timezone,
        site_opening_hours, site_closed_days (what the views know of config/sites.yaml)
Exits   0 done, 2 unknown site, settings or permission; safe to run again and at the same time

    python govern/refresh_views.py --site 23271
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import click

from govern.views.opening_hours import store_opening_hours
from lib import clock
from lib.cli import script
from lib.database import Connection, Cursor, owner_connection, transaction
from lib.errors import UsageError
from lib.schema import SQL_FOLDER, told_in_one_line

# Any number will do that no other lock of Argo uses.
REFRESH_LOCK_KEY = 7_203_002

# Files of govern/sql/aggregates, in the order they run.
TAKE_IN = ("10_windows_to_aggregate", "20_stale_ranges")
AGGREGATE = (
    "25_touched_readings",
    "30_fresh_hours",
    "40_changed_hours",
    "50_replace_changed_hours",
)
MARK = ("60_mark_windows", "70_mark_zones")
ALL_RANGES = "20_all_ranges"


@dataclass(frozen=True)
class Refresh:
    """What a refresh did.

    `hours_refreshed` were written or removed, `windows` of ingestion taken in; `hours_different`
    (only after a full rebuild) were wrong although no window was pending: 0 = equal.
    """

    hours_refreshed: int
    windows: int
    seconds: float
    hours_different: int | None = None


def refresh(connection: Connection, site_id: str | None = None, *, full: bool = False) -> Refresh:
    """Aggregate again what changed, in one transaction; one refresh at a time, others wait.

    `full` then aggregates every reading, compares, and repairs the hours that differ.
    """
    started = time.monotonic()
    parameters = {"site_id": site_id, "now": clock.now()}
    with transaction(connection) as cursor:
        _wait_for_other_refreshes(cursor)
        windows, _ = [_run(cursor, step, parameters) for step in TAKE_IN]
        _, _, changed, _ = [_run(cursor, step, parameters) for step in AGGREGATE]
        different = None
        if full:
            _run(cursor, ALL_RANGES, parameters)
            _, _, different, _ = [_run(cursor, step, parameters) for step in AGGREGATE]
        for step in MARK:
            _run(cursor, step, parameters)
    return Refresh(
        hours_refreshed=changed + (different or 0),
        windows=windows,
        seconds=time.monotonic() - started,
        hours_different=different,
    )


def _wait_for_other_refreshes(cursor: Cursor) -> None:
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (REFRESH_LOCK_KEY,))


def _run(cursor: Cursor, step: str, parameters: dict[str, Any]) -> int:
    """Run one file of govern/sql/aggregates; returns the number of rows it touched."""
    text = (SQL_FOLDER / "aggregates" / f"{step}.sql").read_text(encoding="utf-8")
    cursor.execute(text, parameters)
    return int(cursor.rowcount)


def _require_site(connection: Connection, site_id: str) -> None:
    with transaction(connection) as cursor:
        cursor.execute("SELECT 1 FROM organizations WHERE organization_id = %s", (site_id,))
        if cursor.fetchone() is None:
            raise UsageError(f"site {site_id} is not in the database")


def _sentence(done: Refresh) -> str:
    text = f"{done.hours_refreshed:,} hours refreshed from {done.windows:,} windows"
    if done.hours_different is not None:
        found = f"{done.hours_different:,} hours differed" if done.hours_different else "equal"
        text += f"; compared with a full rebuild: {found}"
    return f"{text} ({done.seconds:.2f} s)"


@script(
    epilog="Examples:\n  python govern/refresh_views.py\n"
    "  python govern/refresh_views.py --full --json"
)
@click.option("--site", metavar="ID", help="Only this site.  [default: every site]")
@click.option("--full", is_flag=True, help="Rebuild from all readings; say whether it was equal.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def main(site: str | None, full: bool, as_json: bool) -> None:
    """Bring the hourly aggregate (mv_hourly_usage) up to date with the readings."""
    with owner_connection() as connection, told_in_one_line("refresh the aggregates"):
        if site is not None:
            _require_site(connection, site)
        done = refresh(connection, site, full=full)
        with transaction(connection) as cursor:
            _wait_for_other_refreshes(cursor)
            store_opening_hours(cursor, site)
    if as_json:
        summary = asdict(done) | {"seconds": round(done.seconds, 3)}
        different = summary.pop("hours_different")
        if different is not None:
            summary |= {"equal": different == 0, "hours_different": different}
        click.echo(json.dumps(summary))
    else:
        click.echo(_sentence(done))


if __name__ == "__main__":
    main()
