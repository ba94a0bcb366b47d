"""What energy costs: the price of each interval, and the bill of a period.

Marginal prices (`price_per_kwh`) say what a kWh more or less costs; findings and quick wins are
priced with them. `bill` is the whole: energy, demand, fixed charges and taxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Literal

import numpy as np
import pandas as pd

from analyze.findings import TariffCover, TariffPart
from analyze.tariffs.demand import billed_demand, season_days
from analyze.tariffs.energy import energy_price, kwh_in_tiers, rate_names_and_prices, used_before
from analyze.tariffs.local_times import (
    BillingMonth,
    LocalTimes,
    billing_month,
    local_times,
    tariff_numbers,
)
from config.sites import TariffPeriod
from lib.date_utils import Period
from lib.stats_utils import Floats, Mask

WEEKS_PER_YEAR = 52
DAYS_PER_MONTH = 365.25 / 12
# How a note on a part of a billing month ends.
SHARE_NOTE = ", by its demand so far."


@dataclass(frozen=True)
class BillLine:
    """One line of a bill: quantity x price, in the bill's currency.

    `is_attributed` marks a charge of a whole billing month of which the days of the period are
    given their share; `quantity` is then the month's quantity times that share.
    """

    charge: Literal["energy", "demand", "fixed", "tax"]
    name: str
    quantity: float
    unit: str
    price: float
    amount: float
    is_attributed: bool = False


@dataclass(frozen=True)
class Bill:
    """What a period costs by its tariff; nothing is rounded.

    `total` is None where no day of the period has a price. `cover` says which part of its days
    has one, `measured_pct` how much of its intervals was measured: the rest costs nothing here.
    `carbon_kg` [kg CO2e] is None where a day of the period has no factor. `notes` say in words
    what is estimated.
    """

    currency: str
    lines: tuple[BillLine, ...]
    total: float | None
    energy_kwh: float | None
    measured_pct: float
    cover: TariffCover
    carbon_kg: float | None
    notes: tuple[str, ...]

    def amount(self, charge: str) -> float:
        """Sum of the lines of one charge: energy, demand, fixed or tax."""
        return sum(line.amount for line in self.lines if line.charge == charge)


def price_per_kwh(
    index: pd.DatetimeIndex, tariff: Sequence[TariffPeriod], month_kwh: float = 0.0
) -> Floats:
    """Price of one more kWh at each instant, without tax; NaN before the first tariff period.

    Parameters
    ----------
    index : DatetimeIndex, shape (n,), in the site's own zone: prices change on the local clock.
        An interval has the price of its start.
    tariff : periods in the order of `valid_from`.
    month_kwh : what the site uses in a whole billing month [kWh]: a saved kWh is one of the last,
        and priced in the tier in which they lie. By default the lowest tier.
    """
    return energy_price(index, tariff, month_kwh)


def mean_price_per_kwh(
    index: pd.DatetimeIndex, tariff: Sequence[TariffPeriod], month_kwh: float
) -> Floats:
    """Price of all energy at each instant, every tier of a month of `month_kwh` borne by each kWh.

    With it the energy of a whole site is priced; one kWh less is worth `price_per_kwh`.
    """
    return energy_price(index, tariff, month_kwh, is_mean=True)


def usual_month_kwh(energy_kwh: Floats, interval_seconds: int) -> float:
    """Energy of a mean month at the rate of the measured intervals [kWh]; 0 without any.

    >>> round(usual_month_kwh(np.array([1.0, np.nan, 1.0]), 3600), 1)
    730.5
    """
    known = energy_kwh[np.isfinite(energy_kwh)]
    days = len(known) * interval_seconds / 86_400
    return float(known.sum()) / days * DAYS_PER_MONTH if days else 0.0


def cost(energy_kwh: Floats, price: Floats) -> float | None:
    """Cost of the measured energy that has a price; None where none of it has one.

    >>> cost(np.array([2.0, np.nan, 1.0, 9.0]), np.array([0.5, 0.5, 1.0, np.nan]))
    2.0
    """
    priced = np.isfinite(energy_kwh) & np.isfinite(price)
    return float((energy_kwh[priced] * price[priced]).sum()) if priced.any() else None


def tariff_cover(period: Period, tariff: Sequence[TariffPeriod]) -> TariffCover:
    """Whether a price holds on the days of a period."""
    if not tariff:
        return "unset"
    begins = min(one.valid_from for one in tariff)
    if begins <= period.first_day:
        return "whole"
    return "part" if begins <= period.last_day else "outside"


def tariff_parts(period: Period, tariff: Sequence[TariffPeriod]) -> tuple[TariffPart, ...]:
    """What the tariff of a period has beyond its energy prices, in the order of a bill."""
    entries = [entry for entry, _ in _charged_days(period, tariff)]
    has: dict[TariffPart, bool] = {
        "tiers": any(entry.tiers for entry in entries),
        "demand": any(entry.demand for entry in entries),
        "fixed": any(entry.fixed_per_day or entry.fixed_per_month for entry in entries),
        "taxes": any(entry.taxes for entry in entries),
    }
    return tuple(part for part, is_there in has.items() if is_there)


def known_sum(amounts: Iterable[float | None], *, nothing: float | None = None) -> float | None:
    """Sum of the amounts that are known; `nothing` where there is none.

    >>> known_sum([1.0, None, 2.0]), known_sum([None]), known_sum([], nothing=0.0)
    (3.0, None, 0.0)
    """
    amounts = list(amounts)
    known = [amount for amount in amounts if amount is not None]
    if known:
        return sum(known)
    return None if amounts else nothing


def annual(weekly: float) -> float:
    """A year of weeks like this one."""
    return WEEKS_PER_YEAR * weekly


def bill(
    energy_kwh: pd.Series,
    interval_seconds: int,
    period: Period,
    tariff: Sequence[TariffPeriod],
    *,
    currency: str,
    billing_day: int = 1,
) -> Bill:
    """What the energy of a period costs, with demand, fixed charges and taxes.

    Parameters
    ----------
    energy_kwh : energy of each interval [kWh], on a regular index in the site's own zone; NaN where
        unmeasured. What lies before the period tells tiers and ratchets where they stand; what
        lies after it is not looked at.
    interval_seconds : length of an interval [s].
    period : local days; a part of a billing month, one, or several.
    billing_day : day of the calendar month on which a billing month begins.

    Energy is priced interval by interval, in the tier that the billing month had reached. Charges
    of a whole billing month (demand, fixed per month) are given to the period by its share of the
    month's days, the demand being the highest up to the end of the period: the bills of all weeks
    of a month need not add up to the month's. Each day is charged by the tariff valid on it.
    """
    energy_kwh = energy_kwh[energy_kwh.index < period.end]
    days = local_times(pd.DatetimeIndex(energy_kwh.index)).day
    values = energy_kwh.to_numpy(dtype=float)
    inside = days >= np.datetime64(period.first_day)
    known = values[inside & np.isfinite(values)]
    # By timestamps: Python subtracts two times of one zone by the clock on the wall.
    due = round((period.end.timestamp() - period.start.timestamp()) / interval_seconds)
    meter = _Metered(energy_kwh, interval_seconds, days, values, inside, billing_day)
    lines: list[BillLine] = []
    notes: list[str] = []
    for entry, charged in _charged_days(period, tariff):
        own = list(_energy_lines(meter, entry, charged, notes))
        for month, of_month in _by_month(charged, billing_day):
            own += _month_lines(meter, entry, month, of_month, notes)
        lines += own + _tax_lines(own, entry)
    cover = tariff_cover(period, tariff)
    return Bill(
        currency=currency,
        lines=tuple(_merged(lines)),
        total=sum(line.amount for line in lines) if cover in ("part", "whole") else None,
        energy_kwh=float(known.sum()) if len(known) else None,
        measured_pct=100 * len(known) / due,
        cover=cover,
        carbon_kg=_carbon_kg(meter, period, tariff),
        notes=tuple(dict.fromkeys(notes)),
    )


@dataclass(frozen=True)
class _Metered:
    """What was measured up to the end of the period; arrays of one length."""

    energy: pd.Series
    interval_seconds: int
    days: np.ndarray
    values: Floats
    in_period: Mask
    billing_day: int

    def on(self, days: Sequence[date]) -> Mask:
        """True at the measured intervals of these consecutive days of the period."""
        first, last = np.datetime64(days[0]), np.datetime64(days[-1])
        return (self.days >= first) & (self.days <= last) & np.isfinite(self.values)


def _charged_days(
    period: Period, tariff: Sequence[TariffPeriod]
) -> Iterator[tuple[TariffPeriod, list[date]]]:
    """The entries that hold in a period and the days on which each does."""
    days = period.days
    numbers = tariff_numbers(np.array(days, dtype="datetime64[D]"), tariff)
    for number, group in groupby(zip(numbers.tolist(), days, strict=True), key=lambda one: one[0]):
        if number >= 0:
            yield tariff[number], [day for _, day in group]


def _by_month(days: Sequence[date], billing_day: int) -> Iterator[tuple[BillingMonth, list[date]]]:
    for month, group in groupby(days, key=lambda day: billing_month(day, billing_day)):
        yield month, list(group)


def _energy_lines(
    meter: _Metered, tariff: TariffPeriod, days: Sequence[date], notes: list[str]
) -> Iterator[BillLine]:
    here = meter.on(days)
    energy = meter.values[here]
    times = local_times(pd.DatetimeIndex(meter.energy.index[here]))
    rate, prices, names = rate_names_and_prices(LocalTimes(times.day, times.second), tariff)
    for number, name in enumerate(names):
        kwh = float(energy[rate == number].sum())
        if (rate == number).any():
            price = float(prices[rate == number][0])
            yield BillLine("energy", name, kwh, "kWh", price, kwh * price)
    if not tariff.tiers or not len(meter.days):
        return
    month = billing_month(days[0], meter.billing_day)
    if meter.days[0] > np.datetime64(month.first_day):
        notes.append(
            f"The billing month began on {month.first_day}, the readings begin later: energy may "
            "lie in a higher tier."
        )
    before = used_before(meter.values, meter.days, meter.billing_day)[here]
    in_tiers = kwh_in_tiers(before, energy, tariff.tiers).sum(axis=1)
    for tier, kwh in zip(tariff.tiers, in_tiers.tolist(), strict=True):
        if kwh:
            name = f"above {tier.above_kwh:,g} kWh a month"
            yield BillLine("energy", name, kwh, "kWh", tier.adds_per_kwh, kwh * tier.adds_per_kwh)


def _month_lines(
    meter: _Metered,
    tariff: TariffPeriod,
    month: BillingMonth,
    days: Sequence[date],
    notes: list[str],
) -> Iterator[BillLine]:
    """Demand and fixed charges of those days, all of one billing month."""
    end_day = days[-1] + timedelta(days=1)
    is_part = len(days) < month.length
    for charge in tariff.demand:
        charged = season_days(charge, days[0], end_day)
        if not charged:
            continue
        demand = billed_demand(meter.energy, meter.interval_seconds, month, charge, tariff)
        notes += demand.notes
        share = charged / month.length
        quantity = demand.billed_kw * share
        yield BillLine(
            "demand", charge.name, quantity, "kW month", charge.price_per_kw,
            quantity * charge.price_per_kw, is_attributed=is_part,
        )  # fmt: skip
        if is_part:
            notes.append(
                f"{charge.name}: {len(days)} of {month.length} days of the billing month from "
                f"{month.first_day}{SHARE_NOTE}"
            )
    for name, unit, quantity, price, is_share in (
        ("daily charge", "days", float(len(days)), tariff.fixed_per_day, False),
        ("monthly charge", "months", len(days) / month.length, tariff.fixed_per_month, is_part),
    ):
        if price:
            yield BillLine("fixed", name, quantity, unit, price, quantity * price, is_share)


def _tax_lines(lines: Sequence[BillLine], tariff: TariffPeriod) -> list[BillLine]:
    taxes = []
    for tax in tariff.taxes:
        base = sum(line.amount for line in lines if line.charge in tax.on)
        rate = tax.percent / 100
        taxes.append(BillLine("tax", tax.name, base, "net", rate, base * rate))
    return taxes


def _merged(lines: Sequence[BillLine]) -> Iterator[BillLine]:
    """Lines of the same charge, name and price put together, in the order of a bill."""
    order = ("energy", "demand", "fixed", "tax")
    grouped: dict[tuple[str, str, float, bool], list[BillLine]] = {}
    for line in sorted(lines, key=lambda one: order.index(one.charge)):
        key = (line.charge, line.name, line.price, line.is_attributed)
        grouped.setdefault(key, []).append(line)
    for same in grouped.values():
        one = same[0]
        yield BillLine(
            one.charge, one.name, sum(line.quantity for line in same), one.unit, one.price,
            sum(line.amount for line in same), one.is_attributed,
        )  # fmt: skip


def _carbon_kg(meter: _Metered, period: Period, tariff: Sequence[TariffPeriod]) -> float | None:
    charged = list(_charged_days(period, tariff))
    factors = [entry.carbon_kg_per_kwh for entry, _ in charged]
    known = [factor for factor in factors if factor is not None]
    if len(known) < len(factors) or sum(len(days) for _, days in charged) < len(period.days):
        return None
    return sum(
        factor * float(meter.values[meter.on(days)].sum())
        for factor, (_, days) in zip(known, charged, strict=True)
    )
