"""Write one site's report for the person who pays the bill: a month, or a week, in plain words.

Reads   the database through analyze (read-only), config/sites.yaml (tariff, branding, logo)
Writes  FILE.json (its numbers), FILE.html and FILE.pdf, with --eml a mail; without --out
        reports/{site}/customer_{first day}.json, .html and .pdf; all of them or none, and their
        paths on stdout
Exits   0 written, 2 unknown site or wrong arguments, 3 validation blocks one of the days (nothing
        is written), 1 anything else

    python deliver/generate_customer_report.py --site 23271 --month 2026-10
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from config.settings import get_settings
from lib import clock
from lib.cli import period_options, script, site_option
from lib.date_utils import (
    FIRST_DAY,
    LAST_DAY,
    Period,
    chosen_week,
    last_complete_week,
    local_day,
    refuse_unbegun,
    zone,
)
from lib.errors import UsageError
from lib.files import is_one_of, safe_name, write_all_atomically

if TYPE_CHECKING:
    from analyze.customer_period import CustomerPeriod
    from config.sites import SiteConfig
    from lib.circuit_breaker import BreakerStatus
    from lib.database import Connection

logger = logging.getLogger(__name__)

PAGE, PDF = ".html", ".pdf"
EXAMPLES = """
Examples:
  npm run py:report:customer -- --site 23271
  npm run py:report:customer -- --site 23271 --month 2026-10 --pdf
  npm run py:report:customer -- --site 23271 --week --out week.json --eml week.eml
"""


class Month(click.ParamType):
    """A calendar month, YYYY-MM."""

    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The month's first day; a malformed one is a usage error."""
        if isinstance(value, date):
            return value
        try:
            day = datetime.strptime(value, "%Y-%m").date()  # noqa: DTZ007 (a calendar month)
        except ValueError:
            self.fail(f"'{value}' is not a month such as 2026-01", param, ctx)
        if not FIRST_DAY <= day <= LAST_DAY:
            self.fail(f"'{value}' is not a month from {FIRST_DAY} to {LAST_DAY}", param, ctx)
        return day


@script(epilog=EXAMPLES)
@site_option(required=True)
@click.option("--month", type=Month(), help="A calendar month.  [default: the last complete one]")
@click.option("--week", is_flag=True, help="The last complete week, Monday to Sunday.")
@period_options("the last complete month")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The JSON file; others lie beside it. [default: reports/{site}/customer_{start}.json]",
)
@click.option("--html", is_flag=True, help="Write the HTML page. Neither named: page and PDF.")
@click.option("--pdf", is_flag=True, help="Write the PDF. Neither named: page and PDF.")
@click.option(
    "--eml",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it as a mail too, with page and PDF attached.",
)
def main(
    site: str,
    month: date | None,
    week: bool,
    start: date | None,
    end: date | None,
    out: Path | None,
    html: bool,
    pdf: bool,
    eml: Path | None,
) -> None:
    """Write the report for the customer of a site: JSON, HTML page and PDF, and a mail."""
    if (month is not None) + week + (start is not None or end is not None) > 1:
        raise UsageError("name one of --month, --week, and --start with --end")
    # pandas and the drawing library take seconds to import: --help does without them.
    from config.sites import site_config
    from deliver.customer.document import customer_document

    config, now = site_config(site), clock.now()
    found, breaker = analyzed(site, config, (month, week, start, end), now)
    document = customer_document(found, config.branding, breaker, now)

    json_path = out or default_path(document)
    if json_path.suffix in (PAGE, PDF):
        raise UsageError("--out names the JSON file; the page and the PDF are written beside it")
    if eml is not None and is_one_of(eml, (json_path, *map(json_path.with_suffix, (PAGE, PDF)))):
        raise UsageError("--eml names a file of its own")
    wanted = {PAGE: html or not pdf, PDF: pdf or not html}
    contents = customer_files(document, config, json_path, wanted, eml)
    write_all_atomically(contents)
    for path in contents:
        click.echo(path.resolve())


def analyzed(
    site_id: str,
    config: SiteConfig,
    asked: tuple[date | None, bool, date | None, date | None],
    now: datetime,
) -> tuple[CustomerPeriod, BreakerStatus]:
    """Read and analyze the period that was asked for, with those it is compared with.

    Raises UsageError for an unknown site or a period that has not begun, BlockedError when the
    circuit breaker is closed for any of the days.
    """
    from analyze.customer_period import Which, customer_period
    from analyze.exports import load_site
    from analyze.period_energy import period_before, year_before
    from analyze.readings import load_week
    from lib.circuit_breaker import period_status, require_open
    from lib.database import reader_connection, snapshot

    # The verdicts and the readings are of one instant: a sync may store between two queries.
    with reader_connection() as connection, snapshot(connection):
        zone_name = zone(load_site(connection, site_id).timezone).key
        period = asked_period(asked, now, zone_name)
        refuse_unbegun(period.first_day, now, zone_name)
        breaker = require_open(connection, site_id, period)
        data = load_week(connection, site_id, period)
        others: dict[Which, Period] = {
            "before": period_before(period),
            "year_before": year_before(period),
        }
        checked = [
            which
            for which, other in others.items()
            if period_status(connection, site_id, other).is_open
        ]
        energy = _energy(connection, site_id, config, period)
        earlier = {
            which: _energy(connection, site_id, config, other) for which, other in others.items()
        }
    settle_seconds = get_settings().eniscope_settle_seconds
    found = customer_period(
        data, config, energy, earlier, now, checked=checked, settle_seconds=settle_seconds
    )
    return found, breaker


def _energy(connection: Connection, site_id: str, config: SiteConfig, period: Period) -> Any:
    from analyze.period_energy import load_period_energy, looked_back_to

    return load_period_energy(connection, site_id, period, looked_back_to(period, config))


def asked_period(
    asked: tuple[date | None, bool, date | None, date | None], now: datetime, timezone: str
) -> Period:
    """The period that --month, --week or --start and --end name; else the last complete month."""
    from analyze.period_energy import month_of, period_before

    month, week, start, end = asked
    if week or start is not None or end is not None:
        return chosen_week(start, end, last_complete_week(now, timezone))
    today = local_day(now, timezone)
    this_month = month_of(today.year, today.month, timezone)
    return (
        period_before(this_month) if month is None else month_of(month.year, month.month, timezone)
    )


def customer_files(
    document: dict[str, Any],
    config: SiteConfig,
    json_path: Path,
    wanted: Mapping[str, bool],
    eml: Path | None,
) -> dict[Path, bytes]:
    """The contents of every file that was asked for, by path; nothing is written here."""
    from config.branding import read_logo, readable
    from config.sites import sites_file
    from deliver.customer.document import document_bytes
    from deliver.customer.page import customer_page, days_drawing
    from deliver.customer.text import customer_view

    color = config.branding.color
    if readable(color) != color:
        logger.info("branding.color %s is too light to be read: %s is used", color, readable(color))
    logo = read_logo(config.branding, sites_file().parent)
    view = customer_view(document)
    drawing = days_drawing(view)
    contents = {json_path: document_bytes(document)}
    page = customer_page(view, drawing, logo).encode() if wanted[PAGE] or eml else b""
    made = b""
    if wanted[PDF] or eml:
        from deliver.customer.pdf import customer_pdf

        created = datetime.fromisoformat(document["metadata"]["generatedAt"])
        made = customer_pdf(view, drawing, logo, created)
    contents |= {
        json_path.with_suffix(ending): content
        for ending, content in ((PAGE, page), (PDF, made))
        if wanted[ending]
    }
    if eml is not None:
        from deliver.customer.mail import customer_mail

        contents[eml] = customer_mail(document, view, logo, {PAGE: page, PDF: made})
    return contents


def default_path(document: dict[str, Any]) -> Path:
    """reports/{site}/customer_{first day}.json under ARGO_OUTPUT_DIR, else the project's root."""
    site_id, first_day = document["metadata"]["site"]["id"], document["metadata"]["period"]["start"]
    reports = get_settings().argo_output_dir / "reports"
    return reports / safe_name(site_id) / f"customer_{first_day[:10]}.json"


if __name__ == "__main__":
    # A process of a few seconds: collecting garbage costs a tenth of them and frees nothing.
    gc.disable()
    main()
