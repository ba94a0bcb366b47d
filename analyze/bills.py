"""The bills of whole billing months, and what keeps each from being exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from analyze.cost_model import Bill, bill
from analyze.period_energy import PeriodEnergy, load_period_energy, looked_back_to
from analyze.tariffs.local_times import billing_month, months_before
from config.sites import SiteConfig
from lib.database import Connection
from lib.date_utils import Period, local_day
from lib.errors import UsageError

WHOLE_PCT = 99.0


@dataclass(frozen=True)
class MonthBill:
    """The bill of a billing month, named after the calendar month in which it begins.

    Of a month that is not over, `period` ends with today.
    """

    name: str
    period: Period
    is_over: bool
    bill: Bill
    notes: tuple[str, ...]


def asked_months(
    month: date | None, count: int, billing_day: int, now: datetime, timezone: str
) -> list[Period]:
    """The days of `count` billing months up to the one that begins in `month`, oldest first.

    Without `month`, up to the last one that is over; one that is not over ends today.
    Raises UsageError for a month that has not begun.
    """
    today = local_day(now, timezone)
    current = billing_month(today, billing_day)
    last = months_before(current, 1)
    if month is not None:
        last = billing_month(month.replace(day=billing_day), billing_day)
        if last.first_day > today:
            raise UsageError(f"the billing month from {last.first_day} has not begun")
    months = [months_before(last, ago) for ago in reversed(range(count))]
    return [
        Period(one.first_day, min(one.end_day - timedelta(days=1), today), timezone)
        for one in months
    ]


def load_bill(
    connection: Connection,
    site: Mapping[str, Any],
    config: SiteConfig,
    period: Period,
    now: datetime,
) -> MonthBill:
    """The bill of the days of one billing month; `site` is its row of v_sites."""
    first_day = looked_back_to(period, config)
    energy = load_period_energy(connection, site["site_id"], period, first_day)
    return month_bill(energy, config, config.money_currency(site["currency_code"]), now)


def month_bill(energy: PeriodEnergy, config: SiteConfig, currency: str, now: datetime) -> MonthBill:
    """The bill of the days of one billing month, with its notes.

    `now`: readings that end later are left out.
    """
    period = energy.period
    step = timedelta(seconds=energy.interval_seconds)
    known = energy.energy_kwh.where(energy.energy_kwh.index <= now - step)
    found = bill(
        known,
        energy.interval_seconds,
        period,
        config.tariff,
        currency=currency,
        billing_day=config.billing_day,
    )
    is_over = now >= period.end
    inside = known[known.index >= period.start]
    first = inside.first_valid_index()
    begins = None if first is None else first.date()
    return MonthBill(
        name=f"{period.first_day:%Y-%m}",
        period=period,
        is_over=is_over,
        # Fixed charges alone are no bill of a month of which nothing is known.
        bill=found if begins is not None else replace(found, total=None),
        notes=(*_coverage_notes(found, period, begins, is_over), *found.notes),
    )


def _coverage_notes(
    found: Bill, period: Period, begins: date | None, is_over: bool
) -> Iterator[str]:
    """What is missing from the bill, the most important first."""
    if not is_over:
        yield f"The billing month is not over: this is up to {period.last_day}."
    if found.cover == "outside":
        yield "The tariff begins later: nothing of this month has a price."
    elif found.cover == "part":
        yield "The tariff begins within the month: earlier days cost nothing here."
    if begins is None:
        yield "Nothing was measured in this month."
    elif begins > period.first_day:
        yield f"Data begin {begins}: earlier days of the month cost no energy here."
    if found.measured_pct < WHOLE_PCT and is_over and begins is not None:
        share = int(found.measured_pct * 10) / 10
        yield (
            f"{share:g} % of the month was measured: energy and its cost are a lower bound, "
            "and the demand may be higher."
        )
