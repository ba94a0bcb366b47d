"""What is each channel of a site, does it report, and what does it usually draw?

Reads   v_sites, v_meters, v_readings_hourly, v_latest_readings, v_readings_enriched (the last
        30 days), config/sites.yaml (opening hours)
Writes  nothing
Exits   0 done, 2 the site is not in the database

    python analyze/explore_channels.py --site 23271
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analyze.channel_profiles import ChannelProfile, SiteProfile, profile_site
from config.settings import get_settings
from config.sites import site_config
from lib.cli import script, site_option
from lib.clock import now
from lib.database import reader_connection
from lib.date_utils import zone

# Wide enough for a channel per line where the output goes to a file.
FILE_WIDTH = 190
EXAMPLES = """
Examples:
  npm run py:analyze:channels
  python analyze/explore_channels.py --site 23271 --json
"""


def number(value: float | None) -> str:
    """A figure with three significant digits; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent(value: float | None) -> str:
    """Completeness; cut, not rounded, so that 100 % means all."""
    return "–" if value is None else f"{int(value * 10) / 10:g} %"


def row(channel: ChannelProfile, timezone: str) -> Sequence[str]:
    """One line of the table; times on the site's own clock."""
    times = [
        "–" if instant is None else instant.astimezone(zone(timezone)).strftime("%Y-%m-%d %H:%M")
        for instant in (channel.first_reading, channel.last_reading)
    ]
    return (
        str(channel.channel_id),
        channel.channel_name,
        channel.channel_type + (" *" if channel.in_site_total else ""),
        channel.device_type or channel.device_name or "–",
        channel.displayed_phase or "–",
        channel.status,
        *times,
        "–" if channel.interval_seconds is None else f"{channel.interval_seconds} s",
        percent(channel.completeness_pct),
        *map(number, (channel.median_open, channel.median_closed, channel.base_load, channel.peak)),
        channel.unit or "–",
    )


def show(site: SiteProfile) -> None:
    """The site, a line for each channel, and how to read it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=FILE_WIDTH)
    title = f"{site.site_name} (site {site.site_id}, {site.timezone})"
    click.echo(f"{title}: {len(site.channels)} channels; load of {site.start} to {site.end}\n")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    columns = ("channel", "name", "type", "device", "phase", "status", "first", "last", "interval",
               "complete", "open", "closed", "base", "peak", "unit")  # fmt: skip
    figures = columns[columns.index("interval") : columns.index("unit")]
    for column in columns:
        table.add_column(column, justify="right" if column in figures else "left")
    for channel in site.channels:
        table.add_row(*(Text(cell) for cell in row(channel, site.timezone)))
    console.print(table)
    click.echo("\n* what the site's total is made of. complete: intervals stored of those due.")
    hours = "by config/sites.yaml" if site.hours_known else "not in config/sites.yaml: all as open"
    click.echo(f"open, closed: median while the site is open or closed (opening hours {hours});")
    click.echo("base: 5 % of the intervals lie below; peak: highest interval.")


@script(epilog=EXAMPLES)
@site_option()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(site: str, as_json: bool) -> None:
    """Show what each channel of a site is, when it reported and what it usually draws."""
    settle_seconds = get_settings().eniscope_settle_seconds
    with reader_connection() as connection:
        profile = profile_site(connection, site_config(site), now(), settle_seconds)
    if as_json:
        click.echo(json.dumps(profile.as_json(), indent=2, ensure_ascii=False))
    else:
        show(profile)


if __name__ == "__main__":
    main()
