"""What did a site's electricity cost: the bill of a billing month, line by line, by its tariff?

Reads   v_sites, v_readings_enriched, v_readings_daily (read-only); config/sites.yaml (tariff,
        billing day)
Writes  nothing
Exits   0 done, also where readings are missing and that is said; 2 bad arguments, the site is not
        in the database, or no tariff is set for it

    python analyze/show_bill.py --site 23271 --month 2026-06
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from config.sites import site_config
from lib.cli import script, site_option
from lib.clock import now
from lib.database import fetch_all, reader_connection
from lib.errors import UsageError

if TYPE_CHECKING:
    from analyze.bills import MonthBill
    from analyze.cost_model import BillLine

CSV_COLUMNS = (
    "month", "first_day", "last_day", "charge", "name", "quantity", "unit", "price", "amount",
    "currency", "is_share_of_month", "measured_pct",
)  # fmt: skip
EXAMPLES = """
Examples:
  npm run py:analyze:bill
  npm run py:analyze:bill -- --month 2026-06
  npm run py:analyze:bill -- --site 23271 --months 12 --csv > bills.csv
"""


class Month(click.ParamType):
    """A month, YYYY-MM, as its first day."""

    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Parse the month; a malformed one is a usage error."""
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(value, "%Y-%m").date()  # noqa: DTZ007 (a calendar month)
        except ValueError:
            self.fail(f"'{value}' is not a month such as 2026-01", param, ctx)


@script(epilog=EXAMPLES)
@site_option()
@click.option(
    "--month", type=Month(),
    help="The billing month that begins in it.  [default: the last one that is over]",
)  # fmt: skip
@click.option(
    "--months", type=click.IntRange(1, 36), metavar="N",
    help="So many billing months, up to the last one that is over (or up to --month).",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line for each line of the bills.")
def main(site: str, month: date | None, months: int | None, as_json: bool, as_csv: bool) -> None:
    """Show what a site's electricity cost in a billing month, by its tariff."""
    # pandas takes half a second to import: --help does without it.
    from analyze.bills import asked_months, load_bill
    from analyze.site_settings import say_doubts, sites_file_name

    if as_json and as_csv:
        raise UsageError("give --json or --csv, not both")
    config = site_config(site)
    with reader_connection() as connection:
        rows = fetch_all(connection, "SELECT * FROM v_sites WHERE site_id = %s", [site])
        if not rows:
            raise UsageError(f"site {site} is not in the database: npm run py:ingest stores it")
        say_doubts(config)
        if not config.tariff:
            raise UsageError(f"no tariff is set for site {site} in {sites_file_name()}")
        instant = now()
        asked = asked_months(month, months or 1, config.billing_day, instant, rows[0]["timezone"])
        found = [load_bill(connection, rows[0], config, one, instant) for one in asked]
    if as_json:
        click.echo(json.dumps(document(rows[0], found), indent=2, ensure_ascii=False))
    elif as_csv:
        click.echo(csv_text(found), nl=False)
    else:
        for one in found:
            show(rows[0], one)


def document(site: dict[str, Any], found: Sequence[MonthBill]) -> dict[str, Any]:
    """The bills for a JSON document: keys in camelCase, amounts not rounded."""
    return {
        "siteId": site["site_id"],
        "siteName": site["site_name"],
        "timezone": site["timezone"],
        "bills": [
            {
                "month": one.name,
                "firstDay": one.period.first_day.isoformat(),
                "lastDay": one.period.last_day.isoformat(),
                "isOver": one.is_over,
                "currency": one.bill.currency,
                "total": one.bill.total,
                "charges": {charge: one.bill.amount(charge) for charge in CHARGES},
                "lines": [_line(line) for line in one.bill.lines],
                "energyKwh": one.bill.energy_kwh,
                "measuredPct": one.bill.measured_pct,
                "carbonKg": one.bill.carbon_kg,
                "notes": list(one.notes),
            }
            for one in found
        ],
    }


CHARGES = ("energy", "demand", "fixed", "tax")


def _line(line: BillLine) -> dict[str, Any]:
    return {
        "charge": line.charge,
        "name": line.name,
        "quantity": line.quantity,
        "unit": line.unit,
        "price": line.price,
        "amount": line.amount,
        "isShareOfMonth": line.is_attributed,
    }


def csv_text(found: Sequence[MonthBill]) -> str:
    """A line for each line of the bills; their amounts add up to the totals."""
    from lib.spreadsheet import harmless

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for one in found:
        for line in one.bill.lines:
            writer.writerow([
                one.name, one.period.first_day, one.period.last_day, line.charge,
                harmless(line.name), round(line.quantity, 6), line.unit, round(line.price, 6),
                round(line.amount, 6), one.bill.currency, str(line.is_attributed).lower(),
                round(one.bill.measured_pct, 3),
            ])  # fmt: skip
    return text.getvalue()


def show(site: dict[str, Any], one: MonthBill) -> None:
    """One bill as a table, and what to bear in mind."""
    from analyze.text_table import TextColumn, table_text, terminal_width

    period, bill = one.period, one.bill
    title = f"{site['site_name']} (site {site['site_id']}): billing month {one.name}"
    click.echo(f"{title}, {period.first_day} to {period.last_day}")
    columns = [
        TextColumn("what", is_words=True), TextColumn("quantity"),
        TextColumn("unit", is_words=True), TextColumn("price"), TextColumn(bill.currency),
    ]  # fmt: skip
    click.echo(table_text(columns, _cells(bill.lines, bill.total), terminal_width()), nl=False)
    for note in one.notes:
        click.echo(note)
    click.echo()


def _cells(lines: Sequence[BillLine], total: float | None) -> Iterator[tuple[str, ...]]:
    """Name, quantity, unit, price and amount of each line, and the total."""
    for line in lines:
        name = line.name if line.name.startswith(line.charge) else f"{line.charge}: {line.name}"
        share = " (share of a month)" if line.is_attributed else ""
        if line.charge == "tax":
            price = f"{100 * line.price:.6g} %"
            yield name, f"{line.quantity:,.2f}", "of the charges", price, f"{line.amount:,.2f}"
        else:
            price = f"{line.price:,.6g}"
            yield name + share, f"{line.quantity:,.2f}", line.unit, price, f"{line.amount:,.2f}"
    yield "total", "", "", "", "–" if total is None else f"{total:,.2f}"


if __name__ == "__main__":
    main()
