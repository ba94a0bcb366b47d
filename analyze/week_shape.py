"""The shape of a site's week: base, peak, load factor, its kinds of days, against the weeks before.

The figures are those of analyze/profiles/load_shape.py. What is usual is the median of a figure
over the same days of the weeks before, each looked at only at the times at which the period itself
was measured, so that a gap, or a week that is not over, is no change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analyze.calendar_days import Calendar, site_calendar
from analyze.channel_week import ChannelStudy
from analyze.charts import HOURS
from analyze.cost_model import cost, known_sum
from analyze.findings import Chart, DayType, ExpectedTotals, LoadNumbers, LoadShape, Series, Totals
from analyze.profiles.load_shape import DayShape, day_shapes, load_duration, load_figures
from analyze.site_total import total_power
from analyze.usual_change import usual_change_pct
from config.sites import SiteConfig
from lib.date_utils import Period
from lib.stats_utils import Floats

# As for the expected load: fewer weeks than these tell nothing, and of each so much is measured.
MIN_WEEKS = 3
MIN_MEASURED = 0.8
WEEK_DAYS = 7
# Less than this is no finding.
UNCHANGED_PCT = 5.0
DAY_NAMES = {
    "workday": ("The working day", "Working days"),
    "saturday": ("Saturday", "Saturdays"),
    "sunday": ("Sunday", "Sundays"),
    "holiday": ("The holiday", "Holidays"),
}


def site_shape(
    site_power_kw: pd.DataFrame,
    counted: Sequence[ChannelStudy],
    period: Period,
    own_zone: ZoneInfo,
    site: SiteConfig,
) -> LoadShape | None:
    """The shape of the site's load in a period; None where nothing was measured.

    Parameters
    ----------
    site_power_kw : what total_power returned for `counted`, the channels of the site's total.
    own_zone : of the site: its hours and kinds of days follow its own clock.
    """
    actual = site_power_kw["actual"]
    if not actual.notna().any():
        return None
    interval_seconds = max(study.calendar.interval_seconds for study in counted if _is_live(study))
    calendar = site_calendar(actual.index.tz_convert(own_zone), interval_seconds, site)
    return load_shape(site_power_kw, earlier_power(counted, actual, period), calendar)


def earlier_power(
    counted: Sequence[ChannelStudy], power_kw: pd.Series, period: Period
) -> list[Floats]:
    """The site's power on the same days of the weeks before, the latest first.

    Parameters
    ----------
    counted : the channels whose sum is the site's energy, with their history.
    power_kw : their sum in the period, shape (n,) [kW]; NaN where unmeasured.

    Returns arrays of n values, NaN wherever `power_kw` is; a week of which less than 80 % of that
    time was measured is left out, as is any in which not every channel of the period reported.
    """
    measured = np.isfinite(power_kw.to_numpy())
    live = [study for study in counted if _is_live(study)]
    before = [replace(study, in_period=~study.in_period) for study in live]
    if not measured.any() or not all(map(_is_live, before)):
        return []
    history = total_power(before, expected_too=False)["actual"]
    step = timedelta(days=-(-len(period.days) // WEEK_DAYS) * WEEK_DAYS)
    found = []
    first, last = period.first_day - step, period.last_day - step
    while len(history) and Period(first, last, period.timezone).start >= history.index[0]:
        then = Period(first, last, period.timezone)
        start, stop = history.index.searchsorted([then.start, then.end])
        values = np.full(len(measured), np.nan)
        # A week in which the clocks change is an hour longer or shorter: its end is cut or unknown.
        part = history.to_numpy()[start:stop][: len(measured)]
        values[: len(part)] = part
        values[~measured] = np.nan
        if np.isfinite(values).sum() >= MIN_MEASURED * measured.sum():
            found.append(values)
        first, last = first - step, last - step
    return found


def load_shape(
    site_power_kw: pd.DataFrame, earlier: Sequence[Floats], calendar: Calendar
) -> LoadShape | None:
    """Figures of the site's load and of its kinds of days; None where nothing was measured.

    Parameters
    ----------
    site_power_kw : columns `actual` and `expected`, shape (n,) each [kW]; NaN where unknown.
    earlier : what `earlier_power` returned.
    calendar : of the n intervals.
    """
    actual = site_power_kw["actual"]
    if not actual.notna().any():
        return None
    usual = None
    if len(earlier) >= MIN_WEEKS:
        each = [_numbers(pd.Series(values, actual.index), calendar.hours) for values in earlier]
        usual = LoadNumbers(*(_median(column) for column in zip(*each, strict=True)))
    expected = site_power_kw["expected"].where(actual.notna())
    normal = {shape.day_type: shape for shape in day_shapes(expected, calendar)}
    return LoadShape(
        period=_numbers(actual, calendar.hours),
        usual=usual,
        usual_weeks=len(earlier) if usual is not None else 0,
        day_types=tuple(
            _day_type(shape, normal.get(shape.day_type)) for shape in day_shapes(actual, calendar)
        ),
        duration_kw=tuple(load_duration(actual).tolist()),
        usual_duration_kw=(
            tuple(np.median([load_duration(pd.Series(one)) for one in earlier], axis=0).tolist())
            if usual is not None
            else None
        ),
    )


def expected_totals(
    totals: Totals,
    shape: LoadShape | None,
    counted: Sequence[ChannelStudy],
    prices: Sequence[Floats],
    period: Period,
) -> ExpectedTotals:
    """What cost and peak would have been: the cost of the expected energy, and the usual peak.

    And how far the energy of a week usually lies from its expected one.

    Costs are compared over the intervals for which energy, expected energy and price are known.
    `prices` has one array for each of `counted`, the price at each interval.
    """
    actual, expected = [], []
    for study, price in zip(counted, prices, strict=True):
        if study.expected is None:
            continue
        inside = study.in_period
        energy = study.energy_kwh[inside]
        usual = study.expected.expected_kw[inside] * study.calendar.hours
        known = np.isfinite(energy) & np.isfinite(usual)
        actual.append(cost(np.where(known, energy, np.nan), price[inside]))
        expected.append(cost(np.where(known, usual, np.nan), price[inside]))
    usual_peak_kw = shape.usual.peak_kw if shape is not None and shape.usual is not None else None
    expected_cost = known_sum(expected)
    return ExpectedTotals(
        cost=expected_cost,
        cost_change_pct=_change_pct(known_sum(actual), expected_cost),
        peak_kw=usual_peak_kw,
        peak_change_pct=_change_pct(totals.peak_kw, usual_peak_kw),
        usual_change_pct=usual_change_pct(counted, period),
    )


def shape_charts(shape: LoadShape | None) -> dict[str, Chart]:
    """The kinds of days by hour, and the load duration, as far as there are numbers."""
    if shape is None:
        return {}
    charts = {}
    if shape.day_types:
        charts["day_profiles"] = _profiles_chart(shape.day_types)
    charts["load_duration"] = _duration_chart(shape)
    return charts


def _is_live(study: ChannelStudy) -> bool:
    return bool(np.isfinite(study.power_kw[study.in_period]).any())


def _profiles_chart(day_types: Sequence[DayType]) -> Chart:
    series = []
    for kind in day_types:
        series.append(Series(kind.day_type, HOURS, kind.mean_kw))
        if kind.expected_kw is not None:
            series.append(Series(f"{kind.day_type}, expected", HOURS, kind.expected_kw))
    return Chart(_profiles_title(day_types), "kW", tuple(series))


def _profiles_title(day_types: Sequence[DayType]) -> str:
    changed = [
        (abs(kind.change_pct), kind, kind.change_pct)
        for kind in day_types
        if kind.change_pct is not None
    ]
    if not changed:
        return "What each kind of day uses by hour"
    size, kind, change = max(changed, key=lambda one: one[0])
    if size < UNCHANGED_PCT:
        return "Every kind of day ran about as expected"
    name = DAY_NAMES[kind.day_type][kind.days > 1]
    return f"{name} used {size:.0f} % {'more' if change > 0 else 'less'} than expected"


def _duration_chart(shape: LoadShape) -> Chart:
    shares = tuple(float(share) for share in range(len(shape.duration_kw)))
    series = [Series("actual", shares, shape.duration_kw)]
    if shape.usual_duration_kw is not None:
        series.append(Series("usual", shares, shape.usual_duration_kw))
    title = f"Half of the time the load was above {shape.duration_kw[50]:,.0f} kW"
    base = shape.period.near_base_kw
    if base is not None and base > 0:
        title = (
            f"{_kw(base)} ran day and night; half of the time it was {_kw(shape.duration_kw[50])}"
        )
        title += " or more"
    return Chart(title, "kW", tuple(series))


def _kw(value: float) -> str:
    return f"{value:,.0f} kW" if abs(value) >= 10 else f"{value:.1f} kW"


def _numbers(power_kw: pd.Series, hours: float) -> LoadNumbers:
    figures = load_figures(power_kw, hours, len(power_kw))
    return LoadNumbers(*(getattr(figures, name) for name in LoadNumbers._fields))


def _day_type(shape: DayShape, normal: DayShape | None) -> DayType:
    return DayType(
        day_type=shape.day_type,
        days=shape.days,
        mean_day_kwh=shape.mean_day_kwh,
        expected_day_kwh=None if normal is None else normal.mean_day_kwh,
        near_base_kw=shape.near_base_kw,
        near_peak_kw=shape.near_peak_kw,
        high_load_hours=shape.high_load_hours,
        mean_kw=_values(shape.mean_kw),
        expected_kw=None if normal is None else _values(normal.mean_kw),
        change_pct=_change_pct(shape.mean_day_kwh, normal.mean_day_kwh) if normal else None,
    )


def _values(values: Floats) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in values)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if len(known) >= MIN_WEEKS else None


def _change_pct(value: float | None, usual: float | None) -> float | None:
    if value is None or usual is None or usual <= 0:
        return None
    return 100 * (value / usual - 1)
