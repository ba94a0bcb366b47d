"""Write one site's weekly report: what it cost, what went wrong, what to do first.

Reads   the database through analyze (read-only), or a saved report with --from-json
Writes  FILE.json, FILE.html and FILE.pdf (without --out reports/{site}/weekly_{first day}.json,
        .html and .pdf; of other days than a Monday to Sunday weekly_{first}_to_{last day}), all of
        them or none, and their paths on stdout
Exits   0 written, 2 unknown site, wrong arguments or a period without readings because it lies
        before the first or has not begun, 3 validation blocks the period (nothing is written),
        1 anything else

    python deliver/generate_weekly_report.py --site 23271 --start 2026-11-09
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import orjson

from config.settings import get_settings
from lib import clock
from lib.cli import period_options, script
from lib.date_utils import (
    Period,
    chosen_week,
    last_complete_week,
    local_day,
    refuse_unbegun,
    zone,
)
from lib.errors import BlockedError, UsageError
from lib.files import is_one_of, safe_name, write_all_atomically

logger = logging.getLogger(__name__)

PAGE, PDF = ".html", ".pdf"

EXAMPLES = """
Examples:
  npm run py:report -- --site 23271
  npm run py:report -- --site 23271 --start 2026-11-09 --end 2026-11-15 --out week.json
  npm run py:report -- --from-json reports/23271/weekly_2026-11-09.json --pdf
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
@click.option("--html", is_flag=True, help="Write the HTML page. Neither named: page and PDF.")
@click.option("--pdf", is_flag=True, help="Write the PDF. Neither named: page and PDF.")
@click.option(
    "--eml",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it as a mail too, with page and PDF attached.",
)
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
    pdf: bool,
    eml: Path | None,
    from_json: Path | None,
    to_stdout: bool,
) -> None:
    """Write the weekly report of a site as JSON, as one self-contained HTML page and as a PDF."""
    if from_json is not None:
        if start or end or timezone:
            raise UsageError("--from-json formats a saved report; it takes no period and no zone")
        document = saved_document(from_json, site)
    elif site is not None:
        document = new_document(site, start, end, timezone)
    else:
        raise UsageError("--site ID is missing")

    json_path = out or from_json or default_path(document)
    if json_path.suffix in (PAGE, PDF):
        raise UsageError("--out names the JSON file; the page and the PDF are written beside it")
    taken = {json_path, from_json or json_path, *map(json_path.with_suffix, (PAGE, PDF))}
    if eml is not None and is_one_of(eml, taken):
        raise UsageError("--eml names a file of its own")
    files = report_files(document, json_path, {PAGE: html or not pdf, PDF: pdf or not html}, eml)

    write_all_atomically({path: files[path] for path in files if path != from_json})
    if from_json is not None:
        logger.info(
            "made from %s: the database was not asked again whether its validation still stands",
            from_json,
        )
    if to_stdout:
        click.echo(files[json_path], nl=False)
        return
    for path in files:
        if path != from_json:
            click.echo(path.resolve())


def new_document(
    site_id: str, start: date | None, end: date | None, timezone: str | None
) -> dict[str, Any]:
    """Analyze a period and return the report's document.

    Raises UsageError for an unknown site or zone and for a period that has not begun or lies before
    the site's first reading, BlockedError when the circuit breaker is closed for any of the days.
    """
    # pandas takes a second to import: --help and --from-json do without them.
    from analyze.exporting.site import load_site, refuse_before_readings
    from analyze.readings import load_week
    from analyze.week import analyze_week
    from config.sites import site_config
    from deliver.weekly.document import report_document
    from lib.circuit_breaker import require_open
    from lib.database import reader_connection, snapshot

    now = clock.now()
    # The verdict and the readings are of one instant: a sync may store between two queries.
    with reader_connection() as connection, snapshot(connection):
        site = load_site(connection, site_id)
        zone_name = zone(timezone or site.timezone).key
        period = chosen_week(start, end, last_complete_week(now, zone_name))
        refuse_unbegun(period.first_day, now, zone_name)
        try:
            breaker = require_open(connection, site_id, touched_days(period, site.timezone))
        except BlockedError:
            # To validate days before the first reading would change nothing.
            refuse_before_readings(connection, site_id, period)
            raise
        data = load_week(connection, site_id, period)
    settle_seconds = get_settings().eniscope_settle_seconds
    findings = analyze_week(data, site_config(site_id), period, now, settle_seconds)
    return report_document(findings, breaker, now)


def report_files(
    document: dict[str, Any], json_path: Path, wanted: Mapping[str, bool], eml: Path | None = None
) -> dict[Path, bytes]:
    """The report's files by path, the JSON first; all are made before the first is written.

    `wanted` says of each ending (.html, .pdf) whether it is to be made; `eml` is the mail's file.
    """
    # The drawing library takes half a second to import: --help and wrong arguments do without it.
    from deliver.weekly.document import document_bytes
    from deliver.weekly.figures import weekly_figures
    from deliver.weekly.page import weekly_page
    from deliver.weekly.pdf import weekly_pdf

    try:
        figures = weekly_figures(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"not a weekly report document: {error}") from error
    forms: dict[str, bytes] = {}
    if wanted[PAGE] or eml is not None:
        forms[PAGE] = weekly_page(document, figures).encode()
    if wanted[PDF] or eml is not None:
        forms[PDF] = weekly_pdf(document, figures)
    files = {json_path: document_bytes(document)}
    files |= {json_path.with_suffix(ending): forms[ending] for ending in forms if wanted[ending]}
    if eml is not None:
        from deliver.weekly.mail import weekly_mail

        files[eml] = weekly_mail(document, figures, forms)
    return files


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
    """reports/{site}/weekly_{first day}.json under ARGO_OUTPUT_DIR, else the project's root.

    Only a Monday to Sunday has that name: no month or part of a week takes the place of a week.
    """
    period = document["metadata"]["period"]
    first = datetime.fromisoformat(period["start"]).date()
    last = datetime.fromisoformat(period["end"]).date() - timedelta(days=1)
    is_week = first.weekday() == 0 and last - first == timedelta(days=6)
    reports = get_settings().argo_output_dir / "reports"
    name = f"weekly_{first}.json" if is_week else f"weekly_{first}_to_{last}.json"
    return reports / safe_name(document["metadata"]["site"]["id"]) / name


if __name__ == "__main__":
    # A process of two seconds: collecting garbage costs a tenth of them and frees nothing.
    gc.disable()
    main()
