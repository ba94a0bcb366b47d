"""A site over the months and years: energy, like-for-like change, energy use intensity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from analyze.profiles.documents import Caveat
from analyze.profiles.load_shape import LoadFigures, load_figures
from analyze.profiles.site_power import ChannelPower, daily_mean_kw
from lib.date_utils import Period, days_up_to

# 52 weeks back is the same weekday.
YEAR_OF_WEEKS = timedelta(days=364)
MIN_COMPARED_DAYS = 14
DAYS_OF_YEAR = 365
HOURS_OF_YEAR = 8760
# OpenDSM asks for 90 % of a year's days before a year may stand for a year.
MIN_YEAR_PCT = 90.0
KBTU_PER_KWH = 3.412142
SQUARE_FEET_PER_M2 = 10.763910


@dataclass(frozen=True)
class Month:
    """One calendar month, or what of it lies in the period (`month` is its first day).

    `begins` is the day on which the data, or the period, begins in it, where that is not the first.
    """

    month: date
    figures: LoadFigures
    begins: date | None = None


@dataclass(frozen=True)
class MonthChange:
    """Energy of the days compared [kWh], and of the days 52 weeks before them."""

    month: date
    days: int
    energy_kwh: float
    energy_before_kwh: float
    change_pct: float | None


@dataclass(frozen=True)
class YearOnYear:
    """The change against the same weekdays 52 weeks before, over `days` compared days."""

    months: tuple[MonthChange, ...]
    days: int
    channels: int
    energy_kwh: float
    energy_before_kwh: float
    change_pct: float | None


@dataclass(frozen=True)
class Intensity:
    """Electricity of a year by floor area; electricity only, no other fuel."""

    floor_area_m2: float
    first_day: date
    last_day: date
    kwh_per_m2: float
    kbtu_per_ft2: float


def months(total: ChannelPower) -> list[Month]:
    """Figures of each calendar month of the load, in order."""
    index = total.power_kw.index
    key = index.year * 12 + index.month - 1
    due, hours = total.is_due, total.interval_seconds / 3600
    found = []
    for number in np.unique(key):
        inside = np.asarray(key == number)
        figures = load_figures(total.power_kw[inside], hours, int(due[inside].sum()))
        month = date(int(number) // 12, int(number) % 12 + 1, 1)
        begins = max(total.since, index[inside][0]).date()
        found.append(Month(month, figures, begins if begins > month else None))
    return found


def year_on_year(channels: Sequence[ChannelPower], period: Period) -> YearOnYear | None:
    """The change of the site's energy against 52 weeks before, like for like.

    Parameters
    ----------
    channels : what the site's total is made of, loaded from 364 days before the period on.

    A channel counts on a day only where it is measured (see `daily_mean_kw`) on that day and 52
    weeks before: a gap, or a meter that came or went, is no change of use. None for fewer than
    MIN_COMPARED_DAYS days.
    """
    if not channels:
        return None
    daily = pd.DataFrame(
        {
            number: daily_mean_kw(channel.power_kw, channel.interval_seconds)
            for number, channel in enumerate(channels)
        }
    )
    days = pd.DatetimeIndex(pd.to_datetime(period.days))
    now = daily.reindex(days).to_numpy()
    before = daily.reindex(days - YEAR_OF_WEEKS).to_numpy()
    both = np.isfinite(now) & np.isfinite(before)
    compared = both.any(axis=1)
    if compared.sum() < MIN_COMPARED_DAYS:
        return None
    energy = 24 * np.where(both, now, 0.0).sum(axis=1)
    energy_before = 24 * np.where(both, before, 0.0).sum(axis=1)
    key = days.year * 12 + days.month - 1
    changes = []
    for number in np.unique(key[compared]):
        inside = np.asarray(key == number) & compared
        total, total_before = float(energy[inside].sum()), float(energy_before[inside].sum())
        count = int(inside.sum())
        change = _change_pct(total, total_before) if count >= MIN_COMPARED_DAYS else None
        month = date(int(number) // 12, int(number) % 12 + 1, 1)
        changes.append(MonthChange(month, count, total, total_before, change))
    total, total_before = float(energy.sum()), float(energy_before.sum())
    return YearOnYear(
        months=tuple(changes),
        days=int(compared.sum()),
        channels=int(both.any(axis=0).sum()),
        energy_kwh=total,
        energy_before_kwh=total_before,
        change_pct=_change_pct(total, total_before),
    )


def comparison_caveats(found: YearOnYear | None, channels: int) -> list[Caveat]:
    """Why there is no comparison, or what it leaves out."""
    if found is None:
        text = f"fewer than {MIN_COMPARED_DAYS} days are measured both now and 52 weeks before"
        return [Caveat("no_year_before", text)]
    if found.channels < channels:
        text = f"only {found.channels} of the total's {channels} channels were there a year before"
        return [Caveat("year_on_year_of_a_part", text)]
    return []


def intensity(
    total: ChannelPower, period: Period, floor_area_m2: float | None
) -> tuple[Intensity | None, list[Caveat]]:
    """Energy use intensity of the last 365 days: mean power x 8,760 h / floor area.

    None where the area is not known, and, with a caveat, where less than a year is asked for or
    less than MIN_YEAR_PCT of it is measured: the missing season would decide the figure.
    """
    if floor_area_m2 is None:
        return None, []
    year = days_up_to(period.last_day, DAYS_OF_YEAR, period.timezone)
    if period.first_day > year.first_day:
        count = len(period.days)
        text = f"energy per floor area needs {DAYS_OF_YEAR} days; the period has {count}"
        return None, [Caveat("less_than_a_year", text)]
    index = total.power_kw.index
    power = total.power_kw[(index >= year.start) & (index < year.end)]
    measured_pct = 100 * float(power.notna().sum()) * total.interval_seconds / _seconds(year)
    if measured_pct < MIN_YEAR_PCT:
        text = f"energy per floor area needs {MIN_YEAR_PCT:g} % of the year measured; "
        return None, [Caveat("year_incomplete", f"{text}{measured_pct:.1f} % is")]
    per_m2 = float(power.mean()) * HOURS_OF_YEAR / floor_area_m2
    found = Intensity(
        floor_area_m2=floor_area_m2,
        first_day=year.first_day,
        last_day=year.last_day,
        kwh_per_m2=per_m2,
        kbtu_per_ft2=per_m2 * KBTU_PER_KWH / SQUARE_FEET_PER_M2,
    )
    return found, []


def _seconds(period: Period) -> float:
    return (period.end.timestamp()) - period.start.timestamp()


def _change_pct(now: float, before: float) -> float | None:
    return 100 * (now / before - 1) if before > 0 else None
