"""A site's profile: everything `generate_site_profile.py` says, computed from its channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from analyze.calendar_days import Calendar, site_calendar
from analyze.profiles.documents import Caveat
from analyze.profiles.load_shape import (
    DayShape,
    LoadFigures,
    Peak,
    closed_share_pct,
    day_shapes,
    heat_map,
    load_duration,
    load_figures,
    peak_days,
    weekly_pattern,
)
from analyze.profiles.loading import Site, chosen_meter, load_channel
from analyze.profiles.over_time import (
    YEAR_OF_WEEKS,
    Intensity,
    Month,
    YearOnYear,
    comparison_caveats,
    intensity,
    months,
    year_on_year,
)
from analyze.profiles.schedule import DayHours, Difference, differences, inferred_hours
from analyze.profiles.site_power import (
    ChannelPower,
    channel_power,
    composition_caveats,
    daily_mean_kw,
    since,
    site_power,
)
from config.sites import SiteConfig
from lib.closed_days import closed_days
from lib.database import Connection
from lib.date_utils import Period, local_midnight
from lib.errors import UsageError
from lib.stats_utils import Floats

# A schedule that changed is told within a season; fewer weeks would tell of single days.
SCHEDULE_WEEKS = 12
MIN_COMPLETE_PCT = 90.0


@dataclass(frozen=True)
class Schedule:
    """When the load is on, over the last weeks of the period, against what is configured."""

    first_day: date
    last_day: date
    configured: bool
    hours: tuple[DayHours, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class ChannelFacts:
    """One channel of the profile; `share_pct` is its mean power as a share of the total's."""

    channel_id: int
    channel_name: str
    channel_type: str
    in_site_total: bool
    figures: LoadFigures
    share_pct: float | None
    schedule: Schedule | None


@dataclass(frozen=True)
class SiteProfile:
    """A site's load over the local days `start` to `end`; powers in kW, energies in kWh.

    `of` says what the load is the sum of. `heat_map_kw` is by weekday and local hour,
    `weekly_kwh` by weekday, both Monday first with days off as Sundays; `load_duration_kw` for
    0..100 % of the time. None where the data does not tell.
    """

    site_id: str
    site_name: str
    timezone: str
    start: date
    end: date
    of: str
    interval_seconds: int | None
    figures: LoadFigures
    closed_share_pct: float | None
    day_shapes: tuple[DayShape, ...]
    heat_map_kw: Floats | None
    weekly_kwh: Floats | None
    load_duration_kw: Floats | None
    peaks: tuple[Peak, ...]
    months: tuple[Month, ...]
    year_on_year: YearOnYear | None
    intensity: Intensity | None
    schedule: Schedule | None
    channels: tuple[ChannelFacts, ...]
    caveats: tuple[Caveat, ...]


def load_powers(
    connection: Connection, site: Site, period: Period, settled: datetime, channel: str | None
) -> list[ChannelPower]:
    """The power of every channel that meters energy, from 52 weeks before the period on.

    With `channel` (id or name) only that one, as the whole total. Raises UsageError when the site
    does not have it, or where it is a sensor.
    """
    meters = [meter for meter in site.meters if meter["channel_type"] != "environment"]
    if channel is not None:
        chosen = chosen_meter(site, channel)
        if chosen not in meters:
            raise UsageError(f"{chosen['channel_name']} meters no energy: it has no load")
        meters = [{**chosen, "in_site_total": True}]
    else:
        meters = [meter for meter in meters if meter["in_site_total"] or meter["is_additive"]]
    window = (local_midnight(period.first_day - YEAR_OF_WEEKS, period.timezone), period.end)
    powers = (
        channel_power(
            load_channel(connection, meter, window, period.start), meter["first_reading"], settled
        )
        for meter in meters
    )
    return [power for power in powers if power is not None]


def profile_site(site: Site, period: Period, loaded: Sequence[ChannelPower]) -> SiteProfile:
    """Everything that is said of a site; `loaded` reaches back 52 weeks before the period."""
    channels = [
        channel
        for channel in (since(one, period.start) for one in loaded)
        if channel.power_kw.notna().any()
    ]
    counted = [channel for channel in channels if channel.in_site_total]
    total = site_power(counted)
    if total is None:
        return _without_data(site, period)
    calendar = site_calendar(total.power_kw.index, total.interval_seconds, site.config)
    due = total.is_due
    figures = load_figures(total.power_kw, calendar.hours, int(due.sum()))
    before = year_on_year([one for one in loaded if one.in_site_total], period)
    per_area, area_caveats = intensity(total, period, site.config.floor_area_m2)
    daily = daily_mean_kw(total.power_kw, total.interval_seconds)
    return SiteProfile(
        site_id=site.site_id,
        site_name=site.site_name,
        timezone=site.timezone,
        start=period.first_day,
        end=period.last_day,
        of=total.channel_name,
        interval_seconds=total.interval_seconds,
        figures=figures,
        closed_share_pct=(
            closed_share_pct(total.power_kw, calendar) if site.config.opening_hours else None
        ),
        day_shapes=tuple(day_shapes(total.power_kw, calendar)),
        heat_map_kw=heat_map(total.power_kw, calendar),
        weekly_kwh=weekly_pattern(daily, _is_day_off(daily.index, site.config)),
        load_duration_kw=load_duration(total.power_kw),
        peaks=tuple(peak_days(total.power_kw)),
        months=tuple(months(total)),
        year_on_year=before,
        intensity=per_area,
        schedule=schedule(total, site.config),
        channels=tuple(_channel_facts(one, site.config, figures) for one in channels),
        caveats=(
            *_load_caveats(total, figures, calendar),
            *composition_caveats(counted, pd.Timestamp(period.start)),
            *comparison_caveats(before, len(counted)),
            *area_caveats,
        ),
    )


def schedule(channel: ChannelPower, config: SiteConfig) -> Schedule | None:
    """When a load is on, over the last SCHEDULE_WEEKS that are measured; None where none is."""
    power = channel.power_kw
    last = power.last_valid_index()
    if last is None:
        return None
    first = last - timedelta(weeks=SCHEDULE_WEEKS)
    power = power[(power.index > first) & (power.index <= last)]
    calendar = site_calendar(power.index, channel.interval_seconds, config)
    hours = inferred_hours(power, calendar)
    return Schedule(
        first_day=power.index[0].date(),
        last_day=last.date(),
        configured=bool(config.opening_hours),
        hours=tuple(hours),
        differences=tuple(differences(hours, config.opening_hours)),
    )


def _channel_facts(channel: ChannelPower, config: SiteConfig, total: LoadFigures) -> ChannelFacts:
    hours = channel.interval_seconds / 3600
    figures = load_figures(channel.power_kw, hours, int(channel.is_due.sum()))
    share = None
    if figures.mean_kw is not None and total.mean_kw is not None and total.mean_kw > 0:
        # Of the means: a channel with gaps is not smaller for them.
        share = 100 * figures.mean_kw / total.mean_kw
    return ChannelFacts(
        channel_id=channel.channel_id,
        channel_name=channel.channel_name,
        channel_type=channel.channel_type,
        in_site_total=channel.in_site_total,
        figures=figures,
        share_pct=share,
        schedule=schedule(channel, config),
    )


def _load_caveats(total: ChannelPower, figures: LoadFigures, calendar: Calendar) -> list[Caveat]:
    """What makes the figures of the total doubtful, by name."""
    caveats = []
    complete, power = figures.completeness_pct, total.power_kw
    if not power.notna().any():
        text = "at no instant were all channels of the total measured: no figure of the whole"
        return [Caveat("total_never_complete", text)]
    if complete is not None and complete < MIN_COMPLETE_PCT:
        text = f"the whole load is measured for {complete:.1f} % of the time; figures are of that"
        caveats.append(Caveat("incomplete", text))
    if (power < 0).any():
        share = 100 * float((power < 0).sum()) / float(power.notna().sum())
        text = f"power is negative (fed back) in {share:.1f} % of the intervals; load is net"
        caveats.append(Caveat("negative_power", text))
    elif (power.dropna() == 0).all():
        caveats.append(Caveat("no_load", "every measured interval is zero"))
    if calendar.interval_seconds > 3600:
        text = f"intervals of {calendar.interval_seconds} s show no hours of the day"
        caveats.append(Caveat("no_hours", text))
    return caveats


def _is_day_off(days: pd.DatetimeIndex, config: SiteConfig) -> np.ndarray:
    found = closed_days(sorted({int(year) for year in days.year}), config)
    return np.array([day.date() in found for day in days], dtype=bool)


def _without_data(site: Site, period: Period) -> SiteProfile:
    text = f"no power is stored from {period.first_day} to {period.last_day}"
    return SiteProfile(
        site_id=site.site_id,
        site_name=site.site_name,
        timezone=site.timezone,
        start=period.first_day,
        end=period.last_day,
        of="nothing",
        interval_seconds=None,
        figures=load_figures(pd.Series(dtype=float), 1.0, 0),
        closed_share_pct=None,
        day_shapes=(),
        heat_map_kw=None,
        weekly_kwh=None,
        load_duration_kw=None,
        peaks=(),
        months=(),
        year_on_year=None,
        intensity=None,
        schedule=None,
        channels=(),
        caveats=(Caveat("no_data", text),),
    )
