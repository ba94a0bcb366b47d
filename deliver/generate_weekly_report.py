"""Write one site's weekly report: what it cost, what went wrong, what to do first.

Reads   the database through analyze (read-only), or a saved report with --from-json
Writes  FILE.json and FILE.html (without --out reports/{site}/weekly_{first day}.json and .html),
        and their paths on stdout
Exits   0 written, 2 unknown site or wrong arguments, 3 validation blocks the period (nothing is
        written), 1 anything else

    python deliver/generate_weekly_report.py --site 23271 --start 2026-11-09
"""

from __future__ import annotations

import gc
import logging
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
import orjson

from config.settings import get_settings
from lib import clock
from lib.cli import period_options, script
from lib.date_utils import Period, chosen_week, last_complete_week, local_day, zone
from lib.errors import UsageError
from lib.files import safe_name, write_atomically

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:report -- --site 23271
  npm run py:report -- --site 23271 --start 2026-11-09 --end 2026-11-15 --out week.json
  npm run py:report -- --from-json reports/23271/weekly_2026-11-09.json
"""


@script(epilog=EXAMPLES)
@click.option("--site", metavar="ID", help="Site (organization) id; required without --from-json.")
@period_options("the last complete week, Monday to Sunday")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The JSON file; others lie beside it. [default: reports/{site}/weekly_{start}.json]",
)
@click.option("--timezone", metavar="ZONE", help="Report in this IANA zone, not in the site's own.")
@click.option("--html", is_flag=True, help="Write the HTML page (also when no format is named).")
@click.option(
    "--from-json",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Format a saved report; no database is read, validation is not asked again.",
)
@click.option("--json", "to_stdout", is_flag=True, help="Print the JSON document on stdout too.")
def main(
    site: str | None,
    start: date | None,
    end: date | None,
    out: Path | None,
    timezone: str | None,
    html: bool,
    from_json: Path | None,
    to_stdout: bool,
) -> None:
    """Write the weekly report of a site as JSON and as one self-contained HTML page."""
    if from_json is not None:
        if start or end or timezone:
            raise UsageError("--from-json formats a saved report; it takes no period and no zone")
        document = saved_document(from_json, site)
    elif site is not None:
        document = new_document(site, start, end, timezone)
    else:
        raise UsageError("--site ID is missing")

    json_path = out or from_json or default_path(document)
    html_path = json_path.with_suffix(".html")
    if html_path == json_path:
        raise UsageError("--out names the JSON file; the HTML page is written beside it")
    # The drawing library takes half a second to import: --help and wrong arguments do without it.
    from deliver.report_json import document_bytes
    from deliver.weekly_html import weekly_page

    page, content = weekly_page(document).encode(), document_bytes(document)

    if json_path != from_json:
        write_atomically(json_path, content)
    write_atomically(html_path, page)
    if from_json is not None:
        logger.info(
            "made from %s: the database was not asked again whether its validation still stands",
            from_json,
        )
    if to_stdout:
        click.echo(content, nl=False)
        return
    for path in (json_path, html_path):
        if path != from_json:
            click.echo(path.resolve())


def new_document(
    site_id: str, start: date | None, end: date | None, timezone: str | None
) -> dict[str, Any]:
    """Analyze a period and return the report's document.

    Raises UsageError for an unknown site or zone, BlockedError when the circuit breaker is closed
    for any of the days.
    """
    # pandas takes a second to import: --help and --from-json do without them.
    from analyze.exports import load_site
    from analyze.readings import load_week
    from analyze.week import analyze_week
    from config.sites import site_config
    from deliver.report_json import report_document
    from lib.circuit_breaker import require_open
    from lib.database import reader_connection, snapshot

    now = clock.now()
    # The verdict and the readings are of one instant: a sync may store between two queries.
    with reader_connection() as connection, snapshot(connection):
        site = load_site(connection, site_id)
        zone_name = zone(timezone or site.timezone).key
        period = chosen_week(start, end, last_complete_week(now, zone_name))
        breaker = require_open(connection, site_id, touched_days(period, site.timezone))
        data = load_week(connection, site_id, period)
    settle_seconds = get_settings().eniscope_settle_seconds
    findings = analyze_week(data, site_config(site_id), period, now, settle_seconds)
    return report_document(findings, breaker, now)


def touched_days(period: Period, timezone: str) -> Period:
    """The days of the site's own calendar that a period of another zone touches."""
    first = local_day(period.start, timezone)
    last = local_day(period.end - timedelta(seconds=1), timezone)
    return Period(first, last, timezone)


def saved_document(path: Path, site_id: str | None) -> dict[str, Any]:
    """Read a report written before. Raises UsageError when it is none, or of another site."""
    try:
        document = orjson.loads(path.read_bytes())
        found = document["metadata"]["site"]["id"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a weekly report: {error}") from None
    if site_id is not None and found != site_id:
        raise UsageError(f"{path} is a report of site {found}, not of {site_id}")
    return dict(document)


def default_path(document: dict[str, Any]) -> Path:
    """reports/{site}/weekly_{first day}.json under ARGO_OUTPUT_DIR, else the project's root."""
    site_id, first_day = document["metadata"]["site"]["id"], document["metadata"]["period"]["start"]
    reports = get_settings().argo_output_dir / "reports"
    return reports / safe_name(site_id) / f"weekly_{first_day[:10]}.json"


if __name__ == "__main__":
    # A process of two seconds: collecting garbage costs a tenth of them and frees nothing.
    gc.disable()
    main()
