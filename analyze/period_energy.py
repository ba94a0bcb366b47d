"""A site's energy over any local days, as little of it as a bill and a comparison need.

Reads   v_readings_enriched (summed by the database), v_readings_daily
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from analyze.readings import DAY_SECONDS
from analyze.tariffs.local_times import billing_month, months_before
from config.sites import SiteConfig
from lib.database import Connection, copy_columns, fetch_all
from lib.date_utils import FIRST_DAY, Period, local_midnight, zone
from lib.stats_utils import Floats

# So many weeks lie between a day and the same weekday a year before.
YEAR_WEEKS = 52


class Measured(NamedTuple):
    """What a channel measured in a period: days (of a day in part, that part) and energy."""

    days: float
    energy_kwh: float


@dataclass(frozen=True)
class PeriodEnergy:
    """A site's energy in a period and before it.

    `energy_kwh` is on a regular index in the site's own zone, from where the bill of the period has
    to look back to, up to the end of the period. It is the sum of what the channels of the site's
    total measured; NaN where none of them did. `by_channel` is of the period only.
    """

    period: Period
    energy_kwh: pd.Series
    interval_seconds: int
    by_channel: Mapping[int, Measured]

    @property
    def days_measured(self) -> int:
        """Local days of the period of which at least half was measured."""
        inside = self.energy_kwh[self.energy_kwh.index >= self.period.start]
        if inside.empty:
            return 0
        by_day = inside.notna().groupby(inside.index.date).mean()
        return int((by_day >= 0.5).sum())


def period_before(period: Period) -> Period:
    """The calendar month before a calendar month; else as many days, just before.

    >>> period_before(Period(date(2026, 3, 1), date(2026, 3, 31), "UTC")).first_day
    datetime.date(2026, 2, 1)
    """
    last_day = period.first_day - timedelta(days=1)
    if is_calendar_month(period):
        return Period(last_day.replace(day=1), last_day, period.timezone)
    return Period(last_day - timedelta(days=len(period.days) - 1), last_day, period.timezone)


def year_before(period: Period) -> Period:
    """The same calendar month of the year before; else the same weekdays, 52 weeks earlier."""
    if is_calendar_month(period):
        return month_of(period.first_day.year - 1, period.first_day.month, period.timezone)
    weeks = timedelta(weeks=YEAR_WEEKS)
    return Period(period.first_day - weeks, period.last_day - weeks, period.timezone)


def month_of(year: int, month: int, timezone: str) -> Period:
    """A calendar month."""
    length = calendar.monthrange(year, month)[1]
    return Period(date(year, month, 1), date(year, month, length), timezone)


def is_calendar_month(period: Period) -> bool:
    """True for the days of one whole calendar month."""
    first = period.first_day
    return period == month_of(first.year, first.month, period.timezone)


def looked_back_to(period: Period, site: SiteConfig) -> date:
    """The first day whose energy the bill of a period depends on, for its tiers and ratchets."""
    month = billing_month(period.first_day, site.billing_day)
    months = [
        charge.ratchet_months
        for entry in site.tariff
        if entry.valid_from <= period.last_day
        for charge in entry.demand
        if charge.ratchet_share
    ]
    return max(months_before(month, max(months, default=0)).first_day, FIRST_DAY)


def load_period_energy(
    conn: Connection, site_id: str, period: Period, first_day: date
) -> PeriodEnergy:
    """Read the site's energy from the local day `first_day` on, to the end of the period.

    Readings of whole days are left out: they have no time of day.
    """
    start = local_midnight(first_day, period.timezone)
    columns = copy_columns(
        conn,
        """SELECT "timestamp", interval_seconds,
                  sum(coalesce(energy_kwh, power_kw::float8 * interval_seconds / 3600))
                      AS energy_kwh
           FROM v_readings_enriched
           WHERE site_id = %(site_id)s AND in_site_total AND interval_seconds < %(day)s
             AND "timestamp" >= %(start)s AND "timestamp" < %(end)s
             AND coalesce(energy_kwh, power_kw) IS NOT NULL
           GROUP BY "timestamp", interval_seconds ORDER BY 1, 2""",
        {"site_id": site_id, "start": start, "end": period.end, "day": DAY_SECONDS},
        [("timestamp", "timestamp"), ("interval_seconds", "i4"), ("energy_kwh", "f8")],
    )
    seconds = columns["timestamp"] // 1_000_000
    lengths = columns["interval_seconds"].astype(np.int64)
    interval = _interval_of(lengths[seconds >= period.start.timestamp()])
    window = int(start.timestamp()), int(period.end.timestamp())
    energy = _on_grid(seconds, lengths, columns["energy_kwh"].astype(float), interval, window)
    index = pd.to_datetime(np.arange(*window, interval), unit="s", utc=True)
    return PeriodEnergy(
        period=period,
        energy_kwh=pd.Series(energy, index.tz_convert(zone(period.timezone))),
        interval_seconds=interval,
        by_channel=_by_channel(conn, site_id, period),
    )


def _by_channel(conn: Connection, site_id: str, period: Period) -> dict[int, Measured]:
    rows = fetch_all(
        conn,
        """SELECT channel_id, sum(energy_kwh) AS energy_kwh,
                  sum(least(reading_count::float8 / expected_count, 1)) AS days
           FROM v_readings_daily
           WHERE site_id = %s AND in_site_total AND energy_kwh IS NOT NULL
             AND expected_count > 1 AND day BETWEEN %s AND %s
           GROUP BY channel_id ORDER BY channel_id""",
        [site_id, period.first_day, period.last_day],
    )
    return {row["channel_id"]: Measured(row["days"], row["energy_kwh"]) for row in rows}


def _interval_of(lengths: np.ndarray) -> int:
    """The length that covers most of the period."""
    if not len(lengths):
        return 900
    distinct, counts = np.unique(lengths, return_counts=True)
    return int(distinct[np.argmax(distinct * counts)])


def _on_grid(
    seconds: np.ndarray,
    lengths: np.ndarray,
    energy_kwh: Floats,
    interval: int,
    window: tuple[int, int],
) -> Floats:
    """Sums by interval; the energy of a longer one is spread evenly over those that it covers."""
    parts = np.maximum(lengths // interval, 1)
    row = np.repeat(np.arange(len(seconds)), parts)
    part = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts)
    cell = (seconds[row] + part * interval - window[0]) // interval
    count = len(range(*window, interval))
    inside = cell < count
    weights = (energy_kwh / parts)[row][inside]
    sums = np.bincount(cell[inside], weights=weights, minlength=count)
    known = np.bincount(cell[inside], minlength=count) > 0
    return np.where(known, sums, np.nan)
