"""The price of energy: flat or by time of use, and what tiers of a billing month add to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from analyze.tariffs.local_times import (
    LocalTimes,
    billing_month,
    day_numbers,
    holds,
    local_times,
    tariff_numbers,
)
from config.tariffs import TariffPeriod, Tier
from lib.stats_utils import Floats


def rate_names_and_prices(
    times: LocalTimes, tariff: TariffPeriod
) -> tuple[np.ndarray, Floats, tuple[str, ...]]:
    """Number of the rate at each instant, its price per kWh, and the names of the rates.

    The first rate of `time_of_use` that holds decides; the last number is the base price.
    """
    base = len(tariff.time_of_use)
    rate = np.full(len(times.day), base)
    if tariff.time_of_use:
        numbers = day_numbers(times.day, tariff)
        for number in reversed(range(base)):
            rate[holds(tariff.time_of_use[number], times, numbers)] = number
    prices = [one.price_per_kwh for one in tariff.time_of_use] + [tariff.energy_price_per_kwh]
    names = (*(one.name for one in tariff.time_of_use), "other hours" if base else "energy")
    return rate, np.array(prices)[rate], names


def energy_price(
    index: pd.DatetimeIndex,
    tariff: Sequence[TariffPeriod],
    month_kwh: float = 0.0,
    *,
    is_mean: bool = False,
) -> Floats:
    """Price of one more kWh at each instant, without tax; NaN before the first tariff period.

    Parameters
    ----------
    index : DatetimeIndex, shape (n,), in the site's own zone: prices change on the local clock.
    tariff : periods in the order of `valid_from`.
    month_kwh : what a whole billing month uses [kWh]; its tier is the one that a saved kWh, or one
        more, is priced in. By default the lowest.
    is_mean : of all kWh of such a month instead, each bearing its share of the tiers.
    """
    surcharge = mean_surcharge_per_kwh if is_mean else surcharge_per_kwh
    times = local_times(index)
    which = tariff_numbers(times.day, tariff)
    prices = np.full(len(index), np.nan)
    for number, period in enumerate(tariff):
        here = which == number
        if here.any():
            part = LocalTimes(times.day[here], times.second[here])
            prices[here] = rate_names_and_prices(part, period)[1]
            prices[here] += surcharge(month_kwh, period.tiers)
    return prices


def surcharge_per_kwh(month_kwh: float, tiers: Sequence[Tier]) -> float:
    """What the tier adds in which the last kWh of a month lies."""
    reached = [tier.adds_per_kwh for tier in tiers if month_kwh > tier.above_kwh]
    return reached[-1] if reached else 0.0


def mean_surcharge_per_kwh(month_kwh: float, tiers: Sequence[Tier]) -> float:
    """What the tiers add to each kWh of a month, on average.

    >>> mean_surcharge_per_kwh(15.0, [Tier(above_kwh=10, adds_per_kwh=0.3)])
    0.1
    """
    if month_kwh <= 0 or not tiers:
        return 0.0
    in_tiers = kwh_in_tiers(np.zeros(1), np.array([month_kwh]), tiers)[:, 0]
    added = sum(tier.adds_per_kwh * kwh for tier, kwh in zip(tiers, in_tiers, strict=True))
    return float(added) / month_kwh


def kwh_in_tiers(before_kwh: Floats, energy_kwh: Floats, tiers: Sequence[Tier]) -> Floats:
    """How much of each energy lies in each tier, shape (tiers, n).

    Parameters
    ----------
    before_kwh : energy of the billing month up to the interval, shape (n,).
    energy_kwh : energy of the interval, shape (n,); exported energy is negative and goes back down.
    """
    limits = [tier.above_kwh for tier in tiers] + [np.inf]
    after = before_kwh + energy_kwh
    return np.array(
        [
            np.clip(after, low, high) - np.clip(before_kwh, low, high)
            for low, high in pairwise(limits)
        ]
    )


def used_before(energy_kwh: Floats, days: np.ndarray, billing_day: int) -> Floats:
    """Energy of the billing month before each interval [kWh]; what was not measured counts as 0."""
    known = np.where(np.isfinite(energy_kwh), energy_kwh, 0.0)
    before = np.cumsum(known) - known
    starts = np.array(
        [billing_month(day, billing_day).first_day for day in np.unique(days).astype(object)],
        dtype="datetime64[D]",
    )
    month_starts = np.unique(starts)
    # Where each billing month begins in the arrays, and what had been used by then.
    first = np.searchsorted(days, month_starts)
    month = np.searchsorted(month_starts, days, side="right") - 1
    return np.asarray(before - before[first[month]])
