"""The channels of a site, each judged on the clock that it shares with those of its intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analyze.calendar_days import Calendar, site_calendar
from analyze.channel_week import ChannelStudy, study_channel
from analyze.cost_model import price_per_kwh
from analyze.hourly_days import HourGrid
from analyze.interval_score import period_grid
from analyze.outdoor_temperature import Temperatures
from analyze.readings import DAY_SECONDS, ChannelSeries, Grid, SiteData
from analyze.weather_response import Weather, weather_of
from config.sites import SiteConfig
from lib.date_utils import Period, zone
from lib.reading_rules import rated_power_kw, rules_for
from lib.stats_utils import Floats, Mask


@dataclass(frozen=True)
class _Clock:
    """What all channels of one grid share; arrays have one value per interval.

    `due` : in the period, and should have arrived by now.
    """

    index: pd.DatetimeIndex
    calendar: Calendar
    hours: HourGrid
    in_period: Mask
    due: Mask
    weather: Weather | None = None


def site_studies(
    data: SiteData,
    site: SiteConfig,
    period: Period,
    due_until: datetime,
    outdoor: Temperatures | None = None,
) -> list[ChannelStudy]:
    """Judge each channel of the site in the period, in order of its id.

    `due_until` : what `readings_due_until` says; `outdoor` : the site's outdoor temperature.
    """
    clocks: dict[Grid, _Clock] = {}
    studies = []
    for series in sorted(data.channels, key=lambda one: one.channel_id):
        if series.grid not in clocks:
            clocks[series.grid] = _clock(series, data, site, period, due_until, outdoor)
        clock = clocks[series.grid]
        due = clock.due
        if series.installed_at is not None:
            due = due & np.asarray(clock.index >= series.installed_at)
        rules = rules_for(
            site,
            series.channel_id,
            series.interval_seconds,
            rated_kw=rated_power_kw(series.ct_ratio, series.voltage_scale),
        )
        rejected: Counter[str] = Counter()
        for count in data.rejected.get(series.channel_id, ()):
            rejected[count.reason] += count.rejected
        studies.append(
            study_channel(
                series,
                clock.index,
                clock.calendar,
                clock.in_period,
                due,
                rules,
                rejected,
                clock.hours,
                clock.weather,
            )
        )
    return studies


def _clock(
    series: ChannelSeries,
    data: SiteData,
    site: SiteConfig,
    period: Period,
    due_until: datetime,
    outdoor: Temperatures | None,
) -> _Clock:
    index = series.frame.index.tz_convert(zone(data.timezone))
    # The building opens and closes by its own clock, whatever zone the report is in.
    own_index = index.tz_convert(zone(data.own_timezone))
    calendar = site_calendar(own_index, series.interval_seconds, site)
    in_period = np.asarray(index >= period.start)
    has_ended = np.asarray(index <= due_until - timedelta(seconds=series.interval_seconds))
    hours = period_grid(calendar, ~in_period)
    weather = None
    if outdoor is not None and series.interval_seconds < DAY_SECONDS:
        temperature_c = outdoor.at(index, series.interval_seconds)
        weather = weather_of(temperature_c, calendar, ~in_period, hours)
    return _Clock(index, calendar, hours, in_period, in_period & has_ended, weather)


def readings_due_until(data: SiteData, period: Period, settled_until: datetime) -> datetime:
    """Until when readings should have arrived.

    The end of a period that is over; else the end of the site's newest reading, because what has
    not been fetched yet is not missing.
    """
    if settled_until >= period.end:
        return period.end
    newest = [_newest_end(series) for series in data.channels]
    return min(settled_until, max((end for end in newest if end), default=settled_until))


def _newest_end(series: ChannelSeries) -> datetime | None:
    received = np.flatnonzero(series.frame["received"].to_numpy())
    if not len(received):
        return None
    start: datetime = series.frame.index[received[-1]].to_pydatetime()
    return start + timedelta(seconds=series.interval_seconds)


def prices_of(
    studies: Sequence[ChannelStudy], own_zone: ZoneInfo, site: SiteConfig
) -> list[Floats]:
    """For each study the price of a kWh at each interval, by the building's own clock."""
    prices: dict[Grid, Floats] = {}
    for study in studies:
        if study.series.grid not in prices:
            own_index = study.index.tz_convert(own_zone)
            prices[study.series.grid] = price_per_kwh(own_index, site.tariff)
    return [prices[study.series.grid] for study in studies]
