"""What energy costs: the price valid on each local day. A flat price by now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from analyze.findings import TariffCover
from config.sites import TariffPeriod
from lib.date_utils import Period
from lib.stats_utils import Floats

WEEKS_PER_YEAR = 52


def price_per_kwh(index: pd.DatetimeIndex, tariff: Sequence[TariffPeriod]) -> Floats:
    """Price of a kWh at each instant; NaN before the first tariff period.

    Parameters
    ----------
    index : DatetimeIndex, shape (n,), in the site's own zone: prices change at local midnight.
    tariff : periods in the order of `valid_from`.
    """
    days = index.tz_localize(None).to_numpy().astype("datetime64[D]")
    starts = np.array([period.valid_from for period in tariff], dtype="datetime64[D]")
    prices = np.array([np.nan, *(period.energy_price_per_kwh for period in tariff)])
    return np.asarray(prices[np.searchsorted(starts, days, side="right")])


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
