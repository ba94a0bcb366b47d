"""How good is the data of the last days, channel by channel, and what gets worse?

Reads   mv_hourly_usage (brought up to date first), readings, ingestion_logs, rejected_readings,
        reading_conflicts, estimated_readings
Writes  with --html a file; the database only as govern/refresh_views.py does
Exits   0 every figure within its threshold, 4 a warning or critical finding, 2 unknown site or days

    python govern/data_quality_report.py --site 23271 --days 30 --html quality.html
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from govern.gaps.expected import days_asked, load_sites
from govern.quality.measure import measure
from govern.quality.page import figure, quality_page, refused
from govern.quality.verdict import document
from govern.refresh_views import refresh
from lib import clock
from lib.cli import period_options, script, site_option
from lib.database import Connection, owner_connection, transaction
from lib.errors import EXIT_OK, EXIT_PARTIAL, UsageError
from lib.files import write_atomically

DEFAULT_DAYS = 7
MOST_DAYS = 366
# Wide enough for a channel per line where the output goes to a file.
FILE_WIDTH = 140
COLOURS = {"healthy": "green", "warning": "yellow", "critical": "red"}


def site_quality(
    connection: Connection, site_id: str, days: int, start: date | None, end: date | None
) -> dict[str, Any]:
    """The report of one site as plain values."""
    now = clock.now()
    (site,) = load_sites(connection, site_id, now)
    period = days_asked(site, days, start, end, now)
    if len(period.days) > MOST_DAYS:
        raise UsageError(f"{len(period.days)} days are too many: at most {MOST_DAYS}")
    refresh(connection, site_id)
    with transaction(connection) as cursor:
        return document(measure(cursor, site, period), now)


def show(report: dict[str, Any]) -> None:
    """The channels worst first, the site against the period before, and the findings."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=FILE_WIDTH)
    table = Table(
        "#", "channel", "complete", "before", "gaps", "longest", "no energy", "no power",
        "out of range", "refused", "conflicts", "estimated",
    )  # fmt: skip
    for channel in report["channels"]:
        name = Text(f"{channel['channel_name']} ({channel['channel_id']})")
        table.add_row(str(channel["rank"]), name, *_cells(channel["now"], channel["before"]))
    site = report["site"]
    table.add_section()
    table.add_row("", "site", *_cells(site["now"], site["before"]))
    console.print(table)
    for finding in report["findings"]:
        line = Text(finding["severity"], style=COLOURS[finding["severity"]])
        console.print(line.append(f"  {finding['text']}", style="default"), soft_wrap=True)
    timeless = site["now"]["timeless_rows"]
    if timeless:
        text = f"refused, after the +: {timeless:,} without a usable time, received in these days"
        console.print(Text(text), soft_wrap=True)
    period, status = report["period"], report["status"]
    line = Text(f"site {report['site_id']}, {period['start']} to {period['end']}: ")
    line.append(status, style=COLOURS[status])
    line.append(
        f", {figure(site['now']['completeness_pct'], ' %', 1)} complete, {report['gaps_total']} "
        f"gaps; {period['days']} days before: {figure(site['before']['completeness_pct'], ' %', 1)}"
        f", {site['before']['gaps']} gaps"
    )
    console.print(line, soft_wrap=True)


def _cells(now: dict[str, Any], before: dict[str, Any]) -> list[str]:
    return [
        figure(now["completeness_pct"], " %", 1),
        figure(before["completeness_pct"], " %", 1),
        figure(now["gaps"]),
        figure(now["longest_gap_hours"], " h", 1) if now["gaps"] else "–",
        figure(now["null_energy_pct"], " %", 1),
        figure(now["null_power_pct"], " %", 1),
        figure(now["out_of_range_pct"], " %", 1),
        refused(now),
        figure(now["conflicts"]),
        figure(now["estimated"]),
    ]


@script(
    epilog="Examples:\n"
    "  python govern/data_quality_report.py\n"
    "  python govern/data_quality_report.py --days 30 --json\n"
    "  python govern/data_quality_report.py --start 2026-11-01 --end 2026-11-15 "
    "--html quality.html"
)
@site_option()
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    metavar="N",
    help=f"N days up to --end or today; --start wins.  [default: {DEFAULT_DAYS}]",
)
@period_options("by --days")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write it as a page."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def main(
    site: str,
    days: int | None,
    start: date | None,
    end: date | None,
    html: Path | None,
    as_json: bool,
) -> int:
    """Report the quality of a site's data; exit 4 where something is beside its threshold."""
    if html == Path():
        # The name was empty: a folder that is named is refused before.
        raise UsageError("--html needs the name of a file")
    with owner_connection() as connection:
        report = site_quality(connection, site, days or DEFAULT_DAYS, start, end)
    if html is not None:
        write_atomically(html, quality_page(report).encode())
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        show(report)
    return EXIT_OK if report["status"] == "healthy" else EXIT_PARTIAL


if __name__ == "__main__":
    main()
