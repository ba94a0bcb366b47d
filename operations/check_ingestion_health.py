"""Is data still coming in? Each channel's last reading, counted against the last sync that was due.

Reads   v_channel_health, v_meters, v_sites, ingestion_logs (the newest run); config/sites.yaml
Writes  nothing
Exits   0 all healthy, 4 a channel or a site is late (warning, critical), 2 unknown site or settings

    python operations/check_ingestion_health.py --site 23271
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lib import clock
from lib.cli import script
from lib.database import owner_connection
from lib.date_utils import zone
from lib.errors import EXIT_OK, EXIT_PARTIAL
from operations.health.judge import SiteHealth, worst
from operations.health.load import load_health

# Wide enough for a channel per line where the output goes to a file.
FILE_WIDTH = 140
STYLES = {"critical": "red", "warning": "yellow", "healthy": "green", "inactive": "dim"}

EXAMPLES = """
Examples:
  npm run py:operations:health                       # every site
  npm run py:operations:health -- --site 23271 --json
  python operations/check_ingestion_health.py --quiet   # prints only what is late, for cron
"""


def document(sites: Sequence[SiteHealth], now: datetime) -> dict[str, Any]:
    """The health of the sites, for --json; times in each site's own zone."""
    return {
        "checkedAt": now.isoformat(),
        "state": worst([site.state for site in sites]),
        "sites": [_site_document(site) for site in sites],
    }


def _site_document(site: SiteHealth) -> dict[str, Any]:
    sync = site.sync
    return {
        "siteId": site.site_id,
        "siteName": site.site_name,
        "timezone": site.timezone,
        "state": site.state,
        "problems": list(site.problems),
        "limits": {
            "healthyHours": site.limits.healthy_hours,
            "warningHours": site.limits.warning_hours,
            "syncEveryHours": site.limits.sync_every_hours,
        },
        "lastSync": {
            "finishedAt": _local(sync.finished_at, site.timezone),
            "status": sync.status,
            "failedWindows": sync.failed_windows,
        }
        if sync
        else None,
        "counts": site.counts,
        "channels": [_channel_document(row, site.timezone) for row in site.channels],
    }


def _channel_document(row: Mapping[str, Any], timezone: str) -> dict[str, Any]:
    hours, share = row["hours_since_last"], row["completeness_pct"]
    return {
        "channelId": row["channel_id"],
        "channelName": row["channel_name"],
        "channelType": row["channel_type"],
        "status": row["status"],
        "state": row["state"],
        "lastReading": _local(row["last_reading"], timezone),
        "dueAt": _local(row["due_at"], timezone),
        "hoursBehind": None if hours is None else float(hours),
        "readingsLast7d": row["readings_last_7d"],
        "completenessPct": None if share is None else float(share),
    }


def _local(instant: datetime | None, timezone: str) -> str | None:
    return None if instant is None else instant.astimezone(zone(timezone)).isoformat()


def show(site: SiteHealth) -> None:
    """A site in one line, its channels in a table, worst first."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=FILE_WIDTH)
    told = ", ".join(f"{count} {state}" for state, count in site.counts.items() if count)
    synced = (
        f"last sync {_minute(site.sync.finished_at, site.timezone)} ({site.sync.status})"
        if site.sync
        else "no sync yet"
    )
    line = f"{site.site_name} ({site.site_id}): {site.state}; {told or 'no channel'}; {synced}"
    console.print(Text(line, style=STYLES[site.state]), soft_wrap=True)
    for problem in site.problems:
        console.print(Text(f"  {problem}", style=STYLES["critical"]), soft_wrap=True)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, justify in _COLUMNS:
        table.add_column(name, justify=justify)
    for row in site.channels:
        table.add_row(*_cells(row, site.timezone))
    console.print(table)


_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("channel", "left"),
    ("last reading", "left"),
    ("behind", "right"),
    ("last 7 days", "right"),
    ("state", "left"),
)


def _cells(row: Mapping[str, Any], timezone: str) -> list[Text]:
    hours, share = row["hours_since_last"], row["completeness_pct"]
    state = row["state"]
    return [
        Text(f"{row['channel_name']} ({row['channel_id']})"),
        Text("never" if row["last_reading"] is None else _minute(row["last_reading"], timezone)),
        Text("" if hours is None else f"{hours:,.1f} h"),
        Text("" if share is None else f"{share:.0f} %"),
        Text(row["status"] if state == "inactive" else state, style=STYLES[state]),
    ]


def _minute(instant: datetime, timezone: str) -> str:
    return f"{instant.astimezone(zone(timezone)):%Y-%m-%d %H:%M}"


@script(epilog=EXAMPLES)
@click.option("--site", metavar="ID", help="Only this site.  [default: every site]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(site: str | None, as_json: bool) -> int:
    """Say of each channel when it last reported, and whether that is late.

    With --quiet only sites that are late are printed, so that cron mails nothing else.
    """
    is_quiet = not logging.getLogger().isEnabledFor(logging.INFO)
    with owner_connection() as connection:
        sites = load_health(connection, site)
    found = document(sites, clock.now())
    is_late = found["state"] in ("critical", "warning")
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for one in sites:
            if not is_quiet or one.state in ("critical", "warning"):
                show(one)
    return EXIT_PARTIAL if is_late else EXIT_OK


if __name__ == "__main__":
    main()
