"""What a site is going to use: the next days and its billing month, energy, peak and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from analyze.cost_model import SHARE_NOTE, Bill, bill
from analyze.forecast.day_grid import cells, day_grid
from analyze.forecast.method import (
    MIN_HISTORY_DAYS,
    OLDEST_DAYS,
    SameDayRule,
    error_paths,
    peak_paths,
    trials,
)
from analyze.site_load import Load
from analyze.tariffs.local_times import billing_month
from config.sites import SiteConfig
from lib.date_utils import Period
from lib.errors import UsageError
from lib.stats_utils import Floats

# The 10 and 90 % points, and the 2.5 and 97.5 % points.
LEVELS = (0.025, 0.1, 0.9, 0.975)
# A forecast that hangs on a month-old week tells nothing of the next.
LONGEST_LAG_DAYS = 14
# So many of the paths are billed: each takes some milliseconds.
BILLED_PATHS = 60
PART_NOTE = "Days of a part of a month bear their share of its demand and monthly charges."


@dataclass(frozen=True)
class Estimate:
    """A value that is expected, and between what it lies in 80 and in 95 of 100 cases."""

    expected: float
    low80: float
    high80: float
    low95: float
    high95: float


@dataclass(frozen=True)
class PeriodOutlook:
    """Whole local days, both inclusive: what was measured of them and what is to come.

    `energy` [kWh], `peak` (highest interval mean, [kW]) and `cost` are of the whole period, its
    measured part included; `cost` is None where there is no tariff, and `cost_parts` are what the
    expected cost is made of: energy, demand, fixed, tax. `measured_kwh` and `measured_peak_kw` are
    what there was so far. `filled_kwh` is what was put in for intervals of the past that were not
    measured.
    """

    name: str
    first_day: date
    last_day: date
    measured_kwh: float
    filled_kwh: float
    energy: Estimate
    peak: Estimate
    cost: Estimate | None
    cost_parts: Mapping[str, float] | None = None
    measured_peak_kw: float | None = None


@dataclass(frozen=True)
class Outlook:
    """The forecast of a site; where there is none, `reason` says why and `periods` is empty."""

    site_id: str
    site_name: str
    timezone: str
    currency: str
    source: str
    data_until: datetime | None
    periods: tuple[PeriodOutlook, ...]
    daily: tuple[tuple[date, Estimate], ...]
    notes: tuple[str, ...]
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The forecast for a JSON document: keys in camelCase, days and times in ISO 8601."""
        document = asdict(self) | {
            "daily": [{"day": day, "energy": asdict(energy)} for day, energy in self.daily]
        }
        found: dict[str, Any] = _camel_case(document)
        return found


def forecast_periods(
    load: Load, site: SiteConfig, currency: str, today: date, days: int
) -> tuple[tuple[PeriodOutlook, ...], tuple[tuple[date, Estimate], ...], tuple[str, ...]]:
    """What is left of today, the next `days` days from tomorrow on, and the billing month of today.

    Returns the three periods, the energy of each of the days, and notes. Raises UsageError with the
    reason where the history does not allow a forecast. A pure function: the same load gives the
    same forecast.
    """
    month = billing_month(today, site.billing_day)
    periods = {
        "today": (today, today),
        f"next {days} days": (today + timedelta(days=1), today + timedelta(days=days)),
        "billing month": (month.first_day, month.end_day - timedelta(days=1)),
    }
    last_day = max(last for _, last in periods.values())
    future = _Future(load, site, today, last_day)
    found = tuple(
        future.outlook(name, first, last, site, currency) for name, (first, last) in periods.items()
    )
    next_days = [today + timedelta(days=ahead) for ahead in range(1, days + 1)]
    daily = tuple((day, future.energy(day, day)) for day in next_days)
    filled = [note for one in found for note in _filled_note(one)]
    return found, daily, tuple(dict.fromkeys([*load.notes, *filled, *future.bill_notes]))


class _Future:
    """The measured load and what may follow: one array of paths over the same intervals."""

    def __init__(self, load: Load, site: SiteConfig, today: date, last_day: date) -> None:
        seconds = load.interval_seconds
        zone = load.energy_kwh.index.tz
        end = pd.Timestamp(last_day + timedelta(days=1)).tz_localize(zone)
        start = load.energy_kwh.index[0]
        self.index = pd.date_range(start, end, freq=f"{seconds}s", inclusive="left")
        self.known_kwh = load.energy_kwh.reindex(self.index).to_numpy(dtype=float)
        self.seconds = seconds
        self.bill_notes: list[str] = []
        self.grid = day_grid(pd.Series(self.known_kwh * 3600 / seconds, self.index), seconds, site)
        self.days = self.index.tz_localize(None).to_numpy().astype("datetime64[D]")
        self.origin = self._origin(today)
        self._forecast()

    def _origin(self, today: date) -> int:
        """Row of the first day that is not wholly over; later ones are to be forecast."""
        measured = np.flatnonzero(np.isfinite(self.known_kwh))
        if not len(measured):
            raise UsageError("no reading was found")
        # The interval after the last measured one: on the next day where that ended its day.
        following = min(measured[-1] + 1, len(self.index) - 1)
        day = self.days[following]
        lag = int((np.datetime64(today, "D") - day).astype(int))
        if lag > LONGEST_LAG_DAYS:
            raise UsageError(f"the readings end on {day}, {lag} days ago")
        origin = int(day.astype(np.int64)) - self.grid.first_day
        days_known = int(np.isfinite(self.grid.power_kw[:origin]).any(axis=1).sum())
        if days_known < MIN_HISTORY_DAYS:
            raise UsageError(
                f"the history is too short: {days_known} days with readings, "
                f"{MIN_HISTORY_DAYS} are needed"
            )
        return origin

    def _forecast(self) -> None:
        grid = self.grid
        known = grid.upto(self.origin)
        rule = SameDayRule(known)
        ahead = len(grid.power_kw) - self.origin
        point = rule.forecast(self.origin, ahead)
        first = max(self.origin - 2 * OLDEST_DAYS, 0) + MIN_HISTORY_DAYS - 7
        done = trials(rule, first, self.origin, ahead)
        errors = error_paths(rule, done, self.origin, ahead)
        if not len(errors) or not np.isfinite(point).all():
            raise UsageError("the history has too few complete weeks")
        where = cells(grid, self.index, self.seconds)
        self.is_ahead = ~np.isfinite(self.known_kwh) & (where >= self.origin * point.shape[1])
        measured = np.flatnonzero(np.isfinite(self.known_kwh))
        self.is_ahead[: measured[-1] + 1] = False
        self.expected_kwh = self._past(rule, where)
        to_kwh = self.seconds / 3600
        at = where[self.is_ahead] - self.origin * point.shape[1]
        self.expected_kwh[self.is_ahead] = point.ravel()[at] * to_kwh
        paths = point + errors
        if np.nanmin(known.power_kw) >= 0:
            paths = np.maximum(paths, 0.0)
        paths = _capped(paths, peak_paths(known, done, self.origin, ahead))
        self.paths_kwh = paths.reshape(len(paths), -1)[:, at] * to_kwh
        self.done, self.known_grid = done, known

    def _past(self, rule: SameDayRule, where: np.ndarray) -> Floats:
        """The measured energy, gaps filled with what the rule said of them [kWh]."""
        energy = self.known_kwh.copy()
        missing = ~np.isfinite(energy) & ~self.is_ahead
        slots = self.grid.power_kw.shape[1]
        for day in np.unique(where[missing] // slots):
            here = missing & (where // slots == day)
            energy[here] = rule.filled(int(day))[where[here] % slots] * self.seconds / 3600
        return energy

    def _inside(self, first: date, last: date) -> np.ndarray:
        return (self.days >= np.datetime64(first)) & (self.days <= np.datetime64(last))

    def energy(self, first: date, last: date) -> Estimate:
        """Energy of those days [kWh]."""
        inside = self._inside(first, last)
        past = float(np.nansum(self.expected_kwh[inside & ~self.is_ahead]))
        ahead = inside[self.is_ahead]
        expected = float(self.expected_kwh[inside & self.is_ahead].sum())
        return _estimate(past + expected, past + self.paths_kwh[:, ahead].sum(axis=1))

    def peak(self, first: date, last: date) -> Estimate:
        """Highest interval mean of those days [kW]."""
        inside = self._inside(first, last)
        hours = self.seconds / 3600
        past = self.known_kwh[inside & np.isfinite(self.known_kwh)] / hours
        highest = float(past.max()) if len(past) else -np.inf
        ahead = inside & self.is_ahead
        if not ahead.any():
            return _estimate(highest, np.array([highest]))
        count = len(np.unique(self.days[ahead]))
        maxima = peak_paths(self.known_grid, self.done, self.origin, count)
        if not len(maxima):
            maxima = self.paths_kwh[:, inside[self.is_ahead]].max(axis=1) / hours
        maxima = np.maximum(maxima, highest)
        return _estimate(float(np.median(maxima)), maxima)

    def cost(
        self, first: date, last: date, site: SiteConfig, currency: str
    ) -> tuple[Estimate | None, dict[str, float] | None]:
        """Cost of those days, and the charges that make up what is expected; None: no price."""
        half = len(self.paths_kwh) // 2
        # With each path its mirror image, which lies half of the paths further on.
        picked = np.arange(0, half, max(half // (BILLED_PATHS // 2), 1))
        picked = np.concatenate([picked, picked + half])
        period = Period(first, last, str(self.index.tz))
        bills: list[Bill] = []
        for ahead_kwh in self.paths_kwh[picked]:
            energy = self.expected_kwh.copy()
            energy[self.is_ahead] = ahead_kwh
            billed = bill(
                pd.Series(energy, self.index),
                self.seconds,
                period,
                site.tariff,
                currency=currency,
                billing_day=site.billing_day,
            )
            if billed.total is None:
                return None, None
            bills.append(billed)
            if len(bills) == 1:
                own = [note for note in billed.notes if not note.endswith(SHARE_NOTE)]
                shares = [PART_NOTE] if len(own) < len(billed.notes) else []
                self.bill_notes += own + shares
                if billed.cover != "whole":
                    self.bill_notes.append("A part of the days has no tariff: its cost is left out")
        # Not the bill of the expected load, which is smoother than any: its demand is too low.
        amounts = np.array([one.total for one in bills])
        # The median of an even number lies between two of them.
        order = np.argsort(amounts, kind="stable")
        middle = [bills[at] for at in order[(len(bills) - 1) // 2 : len(bills) // 2 + 1]]
        parts = {
            charge: sum(one.amount(charge) for one in middle) / len(middle)
            for charge in ("energy", "demand", "fixed", "tax")
        }
        return _estimate(float(np.median(amounts)), amounts), parts

    def outlook(
        self, name: str, first: date, last: date, site: SiteConfig, currency: str
    ) -> PeriodOutlook:
        """Energy, peak and cost of those days."""
        inside = self._inside(first, last)
        missing = inside & ~self.is_ahead & ~np.isfinite(self.known_kwh)
        measured = self.known_kwh[inside & np.isfinite(self.known_kwh)]
        cost, parts = self.cost(first, last, site, currency)
        return PeriodOutlook(
            name=name,
            first_day=first,
            last_day=last,
            measured_kwh=float(np.nansum(self.known_kwh[inside])),
            filled_kwh=float(np.nansum(self.expected_kwh[missing])),
            energy=self.energy(first, last),
            peak=self.peak(first, last),
            cost=cost,
            cost_parts=parts,
            measured_peak_kw=float(measured.max()) * 3600 / self.seconds if len(measured) else None,
        )


def _capped(paths_kw: Floats, maxima_kw: Floats) -> Floats:
    """Paths of which none goes beyond its share of the peaks that are to be expected.

    Errors added to a forecast make more extremes than a load has; demand is billed by them.
    """
    if not len(maxima_kw):
        return paths_kw
    rank = np.argsort(np.argsort(paths_kw.max(axis=(1, 2))))
    most_kw = np.quantile(maxima_kw, (rank + 0.5) / len(paths_kw))
    return np.minimum(paths_kw, most_kw[:, np.newaxis, np.newaxis])


def _estimate(expected: float, values: Floats) -> Estimate:
    low95, low80, high80, high95 = (float(one) for one in np.quantile(values, LEVELS))
    return Estimate(expected, low80, high80, low95, high95)


def _filled_note(period: PeriodOutlook) -> list[str]:
    if not period.filled_kwh:
        return []
    return [
        f"{period.name}: {period.filled_kwh:,.0f} kWh were put in for intervals that were not "
        "measured."
    ]


def _camel_case(value: Any) -> Any:
    if isinstance(value, dict):
        return {_camel(name): _camel_case(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_camel_case(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
