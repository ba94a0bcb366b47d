"""How a site uses electricity: base, peaks, days, weeks, months, years, and when it is really on.

Reads   v_sites, v_meters, v_readings_enriched and v_latest_readings (read-only),
        config/sites.yaml (opening hours, holidays, floor_area_m2)
Writes  nothing; the profile on stdout
Exits   0 done, 2 unknown site or channel, or wrong arguments

    python analyze/generate_site_profile.py --site 23271 --start 2026-01-01 --end 2026-06-30
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
  npm run py:analyze:site-profile
  npm run py:analyze:site-profile -- --site 23271 --days 90
  python analyze/generate_site_profile.py --site 23271 --channel 162285 --json
"""


@script(epilog=EXAMPLES)
@site_option()
@period_options("a year before the end, or the first reading")
@click.option("--days", type=click.IntRange(min=1), metavar="N", help="Today and the days before.")
@click.option("--channel", metavar="ID|NAME", help="Only this channel, not the site's total.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(
    site: str,
    start: date | None,
    end: date | None,
    days: int | None,
    channel: str | None,
    as_json: bool,
) -> None:
    """Profile a site: load shape, day types, heat map, peaks, year on year, real schedule."""
    # pandas takes half a second to import: --help does without it.
    from analyze.profiles.documents import document
    from analyze.profiles.loading import asked_period, load_site
    from analyze.profiles.site_profile import load_powers, profile_site
    from analyze.profiles.site_tables import show_site
    from analyze.site_settings import say_doubts

    now = clock.now()
    settled = now - timedelta(seconds=get_settings().eniscope_settle_seconds)
    with reader_connection() as connection:
        stored = load_site(connection, site_config(site))
        say_doubts(stored.config)
        period = asked_period(stored, start, end, days, now)
        powers = load_powers(connection, stored, period, settled, channel)
    profile = profile_site(stored, period, powers)
    if as_json:
        click.echo(json.dumps(document(profile), indent=2, ensure_ascii=False))
    else:
        show_site(profile)


if __name__ == "__main__":
    main()
