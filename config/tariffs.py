"""What a site pays for electricity, as config/sites.yaml says it: prices and from when they hold.

A site has a list of TariffPeriod. Each holds from `valid_from` until the next begins, so a new
price is a new entry and never changes what earlier energy cost. Prices are without tax.
"""

from __future__ import annotations

from datetime import date, time
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

TariffDay = Literal[
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holiday"
]
Charge = Literal["energy", "demand", "fixed"]
# February 29 included: a season may begin or end on it.
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


# Currencies of which a kWh never cost so much of.
_LARGE_CURRENCIES = ("USD", "EUR", "GBP", "CHF", "CAD", "AUD", "NZD", "SGD")
DOUBTFUL_PRICE = 5.0

# Of everything that is read from the file: no unknown keys, no changes.
STRICT = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Strict(BaseModel):
    model_config = STRICT


class Holidays(_Strict):
    """Public holidays (codes of the `holidays` package)."""

    country: str
    subdivision: str | None = None


def _month_day(value: Any) -> Any:
    """'06-15' as (6, 15)."""
    if not isinstance(value, str):
        return value
    month, _, day = value.partition("-")
    if not (month.isdigit() and day.isdigit()):
        raise ValueError(f"'{value}' is not a month and day such as '06-15'")
    return int(month), int(day)


def _in_a_year(value: tuple[int, int]) -> tuple[int, int]:
    month, day = value
    if not (1 <= month <= 12 and 1 <= day <= _LONGEST_MONTHS[month - 1]):
        raise ValueError(f"there is no day {month:02d}-{day:02d}")
    return value


def _clock(value: Any) -> Any:
    if not isinstance(value, str):
        # Without quotes YAML reads 19:00 as the number 1140.
        raise ValueError('write the times in quotes, such as ["12:00", "18:00"]')
    # "24:00" is how people write the end of a day.
    return "00:00" if value == "24:00" else value


MonthDay = Annotated[tuple[int, int], BeforeValidator(_month_day), AfterValidator(_in_a_year)]
Clock = Annotated[time, BeforeValidator(_clock)]


class When(_Strict):
    """Part of the year, week and day, on the site's own clock; what is not given is all of it.

    season : first and last day, both inclusive; one that ends before it begins runs over New Year.
    days : weekdays; a holiday of the tariff is a `holiday` and nothing else.
    hours : from (inclusive) to (exclusive); one that ends before it begins runs over midnight.
    """

    season: tuple[MonthDay, MonthDay] | None = None
    days: tuple[TariffDay, ...] | None = None
    hours: tuple[Clock, Clock] | None = None


class TimeOfUse(When):
    """A price of a kWh at certain times."""

    name: str
    price_per_kwh: float = Field(ge=0)


class Tier(_Strict):
    """What the energy of a billing month above `above_kwh` costs more (or less) than the price."""

    above_kwh: float = Field(gt=0)
    adds_per_kwh: float


class DemandCharge(When):
    """A price of the highest mean power of a billing month, of the times that `When` says.

    window_minutes : over which power is averaged; a whole number of windows is an hour.
    minimum_kw : billed at least.
    ratchet_share : billed is at least this share of the highest demand of the `ratchet_months`
        billing months before, of which only the days of `ratchet_season` count.
    """

    name: str = "demand"
    price_per_kw: float = Field(ge=0)
    window_minutes: int = Field(default=15, gt=0, le=60)
    minimum_kw: float = Field(default=0.0, ge=0)
    ratchet_share: float = Field(default=0.0, ge=0, le=1)
    ratchet_months: int = Field(default=11, ge=1, le=24)
    ratchet_season: tuple[MonthDay, MonthDay] | None = None

    @field_validator("window_minutes")
    @classmethod
    def _fills_an_hour(cls, minutes: int) -> int:
        if 60 % minutes:
            raise ValueError(f"{minutes} min do not divide an hour: 5, 10, 15, 20, 30 or 60 do")
        return minutes


class Tax(_Strict):
    """A share of the charges it is levied on; not of other taxes."""

    name: str
    percent: float = Field(ge=0, le=100)
    on: tuple[Charge, ...] = ("energy", "demand", "fixed")


class TariffPeriod(_Strict):
    """The prices that hold from a local day on.

    energy_price_per_kwh : at all times for which `time_of_use` has no price.
    time_of_use : the first entry that holds at an interval's start gives its price.
    tiers : of the energy of a billing month.
    holidays, holiday_dates : the days that are a `holiday`; by default the site's public ones.
    carbon_kg_per_kwh : emission factor of the supply [kg CO2e/kWh].
    """

    valid_from: date
    energy_price_per_kwh: float = Field(ge=0)
    time_of_use: tuple[TimeOfUse, ...] = ()
    tiers: tuple[Tier, ...] = ()
    demand: tuple[DemandCharge, ...] = ()
    fixed_per_day: float = Field(default=0.0, ge=0)
    fixed_per_month: float = Field(default=0.0, ge=0)
    taxes: tuple[Tax, ...] = ()
    holidays: Holidays | None = None
    holiday_dates: tuple[date, ...] = ()
    carbon_kg_per_kwh: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _tiers_rise(self) -> TariffPeriod:
        limits = [tier.above_kwh for tier in self.tiers]
        if limits != sorted(set(limits)):
            raise ValueError("tiers: each above_kwh must be higher than the one before")
        return self


def in_order(
    tariff: tuple[TariffPeriod, ...], holidays: Holidays | None
) -> tuple[TariffPeriod, ...]:
    """The periods by `valid_from`, those that name no holidays with the site's.

    Raises ValueError where two begin on one day.
    """
    ordered = sorted(tariff, key=lambda period: period.valid_from)
    for earlier, later in pairwise(ordered):
        if earlier.valid_from == later.valid_from:
            raise ValueError(f"tariff: two entries are valid from {later.valid_from}")
    return tuple(
        period
        if "holidays" in period.model_fields_set
        else period.model_copy(update={"holidays": holidays})
        for period in ordered
    )


def doubtful(tariff: tuple[TariffPeriod, ...], currency: str) -> list[str]:
    """What a tariff says that can hardly be meant: prices out of scale, rates that never apply.

    Each line begins with the entry, counted from 1 in the order of `valid_from`.
    """
    told = []
    for number, entry in enumerate(tariff, start=1):
        at = f"tariff {number} (valid from {entry.valid_from})"
        prices = {"energy_price_per_kwh": entry.energy_price_per_kwh} | {
            f"time_of_use '{rate.name}'": rate.price_per_kwh for rate in entry.time_of_use
        }
        told += [
            f"{at}, {name}: {price:g} {currency} for a kWh; were cents meant?"
            for name, price in prices.items()
            if currency in _LARGE_CURRENCIES and price > DOUBTFUL_PRICE
        ]
        told += [f"{at}, {text}" for text in _never_applying(entry)]
    return told


def _never_applying(entry: TariffPeriod) -> list[str]:
    """Rates of which every instant has the price of an earlier one, or that have no instant."""
    edges = sorted({edge for rate in entry.time_of_use for edge in _season_edges(rate)})
    clocks = sorted({time(), *(clock for rate in entry.time_of_use for clock in rate.hours or ())})
    taken: set[tuple[int, str, time]] = set()
    told = []
    for number, rate in enumerate(entry.time_of_use, start=1):
        own = {
            (edge, day, clock)
            for edge in edges
            for day in rate.days or get_args(TariffDay)
            for clock in clocks
            if _in_season(rate, edge) and _in_hours(rate, clock)
            and (day != "holiday" or entry.holidays or entry.holiday_dates)
        }  # fmt: skip
        if not own:
            why = "the tariff knows no holidays"
        elif own <= taken:
            why = "the rates before it hold at all of its times"
        else:
            why = ""
        if why:
            told.append(f"time_of_use {number} '{rate.name}' never applies: {why}")
        taken |= own
    return told


def _season_edges(rate: When) -> tuple[int, ...]:
    """The days [100 x month + day] on which the season begins and after which it has ended."""
    if rate.season is None:
        return (101,)
    first, last = (100 * month + day for month, day in rate.season)
    return (101, first, last + 1)


def _in_season(rate: When, day: int) -> bool:
    if rate.season is None:
        return True
    first, last = (100 * month + day for month, day in rate.season)
    return first <= day <= last if first <= last else day >= first or day <= last


def _in_hours(rate: When, clock: time) -> bool:
    if rate.hours is None:
        return True
    begin, end = rate.hours
    return begin <= clock < end if begin < end else clock >= begin or clock < end
