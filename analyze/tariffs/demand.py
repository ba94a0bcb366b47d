"""The demand that a billing month is charged for: its highest mean power, and its ratchet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from analyze.tariffs.local_times import (
    BillingMonth,
    day_numbers,
    holds,
    in_season,
    local_times,
    months_before,
)
from config.tariffs import DemandCharge, TariffPeriod, When
from lib.stats_utils import Floats


@dataclass(frozen=True)
class BilledDemand:
    """Billed and measured demand of a month [kW], and what kept it from being exact."""

    billed_kw: float
    measured_kw: float | None
    notes: tuple[str, ...] = ()


def demand_windows(energy_kwh: pd.Series, interval_seconds: int, window_minutes: int) -> pd.Series:
    """Mean power of each window [kW]; NaN where any of it was not measured.

    Windows begin with the hour of the site's own clock; the two passes of a repeated hour are two.
    An interval that two windows share counts in both, by its share. Intervals longer than the
    window are left as they are.
    """
    power = energy_kwh * (3600 / interval_seconds)
    window_seconds = window_minutes * 60
    if interval_seconds >= window_seconds:
        return power
    step_seconds = math.gcd(interval_seconds, window_seconds)
    steps = np.arange(0, interval_seconds, step_seconds)
    second = local_times(power.index).second[:, np.newaxis] + steps
    instant = power.index.as_unit("s").asi8[:, np.newaxis] + steps
    # Counted back from each instant: a local hour that comes twice must not be put together.
    begins = pd.to_datetime((instant - second % window_seconds).ravel(), unit="s", utc=True)
    parts = pd.Series(np.repeat(power.to_numpy(dtype=float), len(steps))).groupby(begins)
    mean: pd.Series = parts.mean().where(parts.count() >= window_seconds // step_seconds)
    return mean.tz_convert(power.index.tz)


def billed_demand(
    energy_kwh: pd.Series,
    interval_seconds: int,
    month: BillingMonth,
    charge: DemandCharge,
    tariff: TariffPeriod,
) -> BilledDemand:
    """The demand of a billing month: measured, at least the minimum and the ratchet.

    Parameters
    ----------
    energy_kwh : energy of each interval up to the day of the bill, on an index in the site's own
        zone; the earlier months are those of the ratchet.
    """
    power = demand_windows(energy_kwh, interval_seconds, charge.window_minutes)
    days = local_times(power.index).day
    values = power.to_numpy(dtype=float)
    measured = _highest(power, values, days, month, charge, tariff)
    billed = max(measured or 0.0, charge.minimum_kw)
    notes = []
    if interval_seconds > charge.window_minutes * 60:
        notes.append(
            f"{charge.name}: power is known in means of {interval_seconds // 60} min, billed are "
            f"{charge.window_minutes} min: the demand may be higher."
        )
    if charge.ratchet_share:
        counted = charge.model_copy(update={"season": charge.ratchet_season})
        first = months_before(month, charge.ratchet_months)
        span = BillingMonth(first.first_day, month.first_day)
        earlier = _highest(power, values, days, span, counted, tariff)
        billed = max(billed, charge.ratchet_share * (earlier or 0.0))
        known_from = _first_measured(values, days)
        if known_from is None or known_from > span.first_day:
            notes.append(
                f"{charge.name}: the ratchet looks back to {span.first_day}, the readings to "
                f"{known_from or 'no day'}: the demand may be higher."
            )
    return BilledDemand(billed, measured, tuple(notes))


def season_days(charge: DemandCharge, first_day: date, end_day: date) -> int:
    """Days of [first_day, end_day) in the charge's season: on them it is charged."""
    days = np.arange(np.datetime64(first_day, "D"), np.datetime64(end_day, "D"))
    return int(in_season(charge.season, days).sum())


def _highest(
    power: pd.Series,
    values: Floats,
    days: np.ndarray,
    month: BillingMonth,
    when: When,
    tariff: TariffPeriod,
) -> float | None:
    inside = (days >= np.datetime64(month.first_day)) & (days < np.datetime64(month.end_day))
    inside &= np.isfinite(values)
    times = local_times(power.index[inside])
    here = values[inside][holds(when, times, day_numbers(times.day, tariff))]
    # A site that feeds back all month has no demand, not a negative one.
    return max(float(here.max()), 0.0) if len(here) else None


def _first_measured(values: Floats, days: np.ndarray) -> date | None:
    measured = np.flatnonzero(np.isfinite(values))
    first: date | None = days[measured[0]].astype(object) if len(measured) else None
    return first
