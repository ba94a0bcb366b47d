"""What is a site going to use, and what will it cost: the next days and this billing month?

Reads   v_sites, v_meters, v_readings_enriched, v_rejected_counts (the last 16 weeks; a year and
        more where the tariff has a ratchet), config/sites.yaml (holidays, tariff, billing day)
Writes  nothing
Exits   0 done, also where the history is too short and that is said; 2 bad arguments, or the site
        is not in the database

    python analyze/forecast_usage.py --site 23271 --days 7
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import click
import numpy as np
import pandas as pd

from analyze.forecast.outlook import Estimate, Outlook, PeriodOutlook, forecast_periods
from analyze.readings import SiteData, load_week
from analyze.site_load import Load, site_load
from analyze.site_settings import say_doubts, sites_file_name
from analyze.text_table import MISSING, TextColumn, table_text, terminal_width
from config.sites import SiteConfig, site_config
from lib.cli import script, site_option
from lib.clock import now
from lib.database import Connection, fetch_all, reader_connection
from lib.date_utils import days_up_to, local_day
from lib.errors import UsageError

# The days whose readings tell the interval's length, and the weeks before them.
PERIOD_DAYS, HISTORY_WEEKS = 28, 12
MONTH_WEEKS = 4.5
EXAMPLES = """
Examples:
  npm run py:analyze:forecast
  python analyze/forecast_usage.py --site 23271 --days 14 --json
"""


def load_site(connection: Connection, config: SiteConfig, instant: datetime) -> SiteData:
    """The site's readings up to now, as far back as the forecast and its tariff look.

    Raises UsageError when the site is not in the database.
    """
    site_id = config.site_id
    sites = fetch_all(connection, "SELECT timezone FROM v_sites WHERE site_id = %s", [site_id])
    if not sites:
        raise UsageError(f"site {site_id} is not in the database: npm run py:ingest stores it")
    timezone = sites[0]["timezone"]
    ratchets = [
        charge.ratchet_months + 2
        for entry in config.tariff
        for charge in entry.demand
        if charge.ratchet_share
    ]
    weeks = max([HISTORY_WEEKS, *(int(months * MONTH_WEEKS) for months in ratchets)])
    today = local_day(instant, timezone)
    return load_week(connection, site_id, days_up_to(today, PERIOD_DAYS, timezone), weeks)


def outlook_of(data: SiteData, config: SiteConfig, instant: datetime, days: int) -> Outlook:
    """The forecast of a site at an instant, or why there is none; later readings are left out."""
    source, until, reason = "", None, None
    currency = config.money_currency(data.currency)
    periods: tuple[PeriodOutlook, ...] = ()
    daily: tuple[tuple[date, Estimate], ...] = ()
    notes: tuple[str, ...] = ()
    try:
        load = known_at(site_load(data), instant)
        source = load.source
        measured = np.flatnonzero(np.isfinite(load.energy_kwh.to_numpy(dtype=float)))
        if len(measured):
            until = load.energy_kwh.index[measured[-1]].to_pydatetime()
            until += timedelta(seconds=load.interval_seconds)
        today = local_day(instant, data.own_timezone)
        periods, daily, notes = forecast_periods(load, config, currency, today, days)
    except UsageError as error:
        # What the data does not allow is an answer, not a mistake of who asks.
        reason = str(error)
    return Outlook(
        site_id=data.site_id,
        site_name=data.site_name,
        timezone=data.own_timezone,
        currency=currency,
        source=source,
        data_until=until,
        periods=periods,
        daily=daily,
        notes=notes,
        reason=reason,
    )


def known_at(load: Load, instant: datetime) -> Load:
    """The load of which only what was over at an instant is known: who looks back sees no more."""
    ends = load.energy_kwh.index + pd.Timedelta(seconds=load.interval_seconds)
    return replace(load, energy_kwh=load.energy_kwh.where(ends <= instant))


def between(estimate: Estimate, unit: str) -> tuple[str, str, str]:
    """Expected, and the ranges of 80 and 95 %, as cells of the table."""
    return (
        f"{amount(estimate.expected)} {unit}",
        f"{amount(estimate.low80)} to {amount(estimate.high80)}",
        f"{amount(estimate.low95)} to {amount(estimate.high95)}",
    )


def amount(value: float | None) -> str:
    """A figure as people read it; a dash where there is none."""
    if value is None:
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"


def show(outlook: Outlook) -> None:
    """The periods, the days, and what to know of them."""
    click.echo(f"{outlook.site_name} (site {outlook.site_id}, {outlook.timezone})")
    if outlook.reason is not None:
        click.echo(f"No forecast: {outlook.reason}.")
        return
    click.echo(f"{outlook.source}; readings until {outlook.data_until:%Y-%m-%d %H:%M}\n")
    columns = [
        TextColumn("period", is_words=True), TextColumn("what", is_words=True),
        TextColumn("so far"), TextColumn("expected"), TextColumn("80 of 100 times"),
        TextColumn("95 of 100 times", leave_out=1),
    ]  # fmt: skip
    rows = [row for period in outlook.periods for row in period_rows(period, outlook.currency)]
    rows += [
        (f"{day:%a} {day}", "energy", "", *between(energy, "kWh")) for day, energy in outlook.daily
    ]
    click.echo(table_text(columns, rows, terminal_width()), nl=False)
    click.echo("expected is of the whole period, what there was so far included")
    for note in outlook.notes:
        click.echo(note)
    if any(period.cost is None for period in outlook.periods):
        click.echo(f"Cost: no tariff of {sites_file_name()} holds on these days.")


def period_rows(period: PeriodOutlook, currency: str) -> Iterator[tuple[str, ...]]:
    """Energy, peak and cost of a period, and the parts of the cost where it has several."""
    days = f"{period.first_day} to {period.last_day}"
    if period.first_day == period.last_day:
        days = f"{period.first_day}"
    measured = period.measured_peak_kw is not None
    energy = amount(period.measured_kwh) if measured else MISSING
    yield f"{period.name}, {days}", "energy", energy, *between(period.energy, "kWh")
    yield "", "peak", amount(period.measured_peak_kw), *between(period.peak, "kW")
    if period.cost is None or period.cost_parts is None:
        return
    yield "", "cost", "", *between(period.cost, currency)
    parts = {name: value for name, value in period.cost_parts.items() if value}
    if len(parts) > 1:
        for name, value in parts.items():
            yield "", f"  {name}", "", f"{amount(value)} {currency}", "", ""


@script(epilog=EXAMPLES)
@site_option()
@click.option(
    "--days",
    type=click.IntRange(1, 31),
    default=7,
    show_default=True,
    help="How many days to look ahead, from tomorrow on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(site: str, days: int, as_json: bool) -> None:
    """Forecast energy, peak and cost of a site: the next days and its billing month."""
    config, instant = site_config(site), now()
    with reader_connection() as connection:
        data = load_site(connection, config, instant)
    say_doubts(config)
    outlook = outlook_of(data, config, instant, days)
    if as_json:
        click.echo(json.dumps(outlook.as_json(), indent=2, ensure_ascii=False))
    else:
        show(outlook)


if __name__ == "__main__":
    main()
