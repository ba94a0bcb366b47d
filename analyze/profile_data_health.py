"""How good each channel's data is, and whether its supply and load are electrically sound.

Reads   v_sites, v_meters, v_readings_enriched, v_latest_readings and v_rejected_counts
        (read-only), config/sites.yaml (allow_export)
Writes  nothing; the health on stdout
Exits   0 done, 2 unknown site or channel, or wrong arguments

    python analyze/profile_data_health.py --site 23271 --days 30
"""

from __future__ import annotations

import json
from datetime import date, timedelta

import click

from config.settings import get_settings
from config.sites import site_config
from lib import clock
from lib.cli import period_options, script, site_option
from lib.database import reader_connection

EXAMPLES = """
Examples:
  npm run py:analyze:data-health
  npm run py:analyze:data-health -- --site 23271 --days 30
  python analyze/profile_data_health.py --site 23271 --channel RTU-2 --json
"""


@script(epilog=EXAMPLES)
@site_option()
@period_options("a year before the end, or the first reading")
@click.option("--days", type=click.IntRange(min=1), metavar="N", help="Today and the days before.")
@click.option("--channel", metavar="ID|NAME", help="Only this channel.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(
    site: str,
    start: date | None,
    end: date | None,
    days: int | None,
    channel: str | None,
    as_json: bool,
) -> None:
    """Profile the data of a site's channels: completeness, gaps, odd values, electrical health."""
    # pandas takes half a second to import: --help does without it.
    from analyze.profiles.documents import document
    from analyze.profiles.health_profile import load_health
    from analyze.profiles.health_tables import show_health
    from analyze.profiles.loading import asked_period, load_site
    from analyze.site_settings import say_doubts

    now = clock.now()
    settled = now - timedelta(seconds=get_settings().eniscope_settle_seconds)
    with reader_connection() as connection:
        stored = load_site(connection, site_config(site))
        say_doubts(stored.config)
        period = asked_period(stored, start, end, days, now)
        health = load_health(connection, stored, period, settled, channel)
    if as_json:
        click.echo(json.dumps(document(health), indent=2, ensure_ascii=False))
    else:
        show_health(health)


if __name__ == "__main__":
    main()
