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

from analyze.channel_profiles import ChannelProfile, SiteProfile, profile_site
from analyze.site_settings import say_doubts, sites_file_name
from analyze.text_table import TextColumn, table_text, terminal_width
from config.settings import get_settings
from config.sites import site_config
from lib.cli import script, site_option
from lib.clock import now
from lib.database import reader_connection
from lib.date_utils import zone

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


# Figures that may not be cut, and what a narrow terminal does without, the last one first.
FIGURES = ("interval", "complete", "open", "closed", "base", "peak")
LEAVE_OUT = ("status", "last", "type", "interval", "first", "device", "phase")


def show(site: SiteProfile) -> None:
    """The site, a line for each channel, and how to read it."""
    title = f"{site.site_name} (site {site.site_id}, {site.timezone})"
    click.echo(f"{title}: {len(site.channels)} channels; load of {site.start} to {site.end}\n")
    names = ("channel", "name", "type", "device", "phase", "status", "first", "last", "interval",
             "complete", "open", "closed", "base", "peak", "unit")  # fmt: skip
    columns = [
        TextColumn(
            name,
            is_words=name not in FIGURES,
            leave_out=LEAVE_OUT.index(name) + 1 if name in LEAVE_OUT else 0,
        )
        for name in names
    ]
    rows = [row(channel, site.timezone) for channel in site.channels]
    click.echo(table_text(columns, rows, terminal_width()), nl=False)
    click.echo("\n* what the site's total is made of. complete: intervals stored of those due.")
    name = sites_file_name()
    hours = f"by {name}" if site.hours_known else f"not in {name}: all as open"
    click.echo(f"open, closed: median while the site is open or closed (opening hours {hours});")
    click.echo("base: 2.5 % of the intervals lie below; peak: the highest single interval.")


@script(epilog=EXAMPLES)
@site_option()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(site: str, as_json: bool) -> None:
    """Show what each channel of a site is, when it reported and what it usually draws."""
    settle_seconds = get_settings().eniscope_settle_seconds
    config = site_config(site)
    with reader_connection() as connection:
        profile = profile_site(connection, config, now(), settle_seconds)
    say_doubts(config)
    if as_json:
        click.echo(json.dumps(profile.as_json(), indent=2, ensure_ascii=False))
    else:
        show(profile)


if __name__ == "__main__":
    main()
