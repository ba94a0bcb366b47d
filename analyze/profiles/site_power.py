"""The power of a channel over its life, and of the site as the sum of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from analyze.profiles.documents import Caveat
from analyze.readings import ChannelSeries

DAY = timedelta(days=1)
# A day with less of it measured says little about the day as a whole.
MIN_DAY_SHARE = 0.8


@dataclass(frozen=True)
class ChannelPower:
    """One channel's mean power [kW] on its regular grid, local time; NaN where unmeasured.

    It is expected to report from `since` on and until `until`.
    """

    channel_id: int
    channel_name: str
    channel_type: str
    in_site_total: bool
    is_additive: bool
    interval_seconds: int
    power_kw: pd.Series
    since: pd.Timestamp
    until: pd.Timestamp

    @property
    def is_due(self) -> np.ndarray:
        """True for the intervals in which a reading was due, shape (n,)."""
        index = self.power_kw.index
        ends = index + pd.Timedelta(seconds=self.interval_seconds)
        return np.asarray((index >= self.since) & (ends <= self.until))


def channel_power(
    series: ChannelSeries, first_reading: datetime | None, settled: datetime
) -> ChannelPower | None:
    """The power of a channel over what is loaded; None where none was ever measured.

    Its life begins with its first reading. It ends with the last one only where the channel is
    retired: another one that fell silent is missing, not gone. Nothing after `settled` is due.
    """
    power_kw = series.power_kw()
    measured = power_kw.index[power_kw.notna()]
    if not len(measured):
        return None
    step = pd.Timedelta(seconds=series.interval_seconds)
    begins = min(first_reading, measured[0]) if first_reading is not None else measured[0]
    since = max(pd.Timestamp(begins).tz_convert(power_kw.index.tz), power_kw.index[0])
    ends = measured[-1] if series.status == "retired" else power_kw.index[-1]
    until = min(ends + step, pd.Timestamp(settled).tz_convert(power_kw.index.tz))
    return ChannelPower(
        channel_id=series.channel_id,
        channel_name=series.channel_name,
        channel_type=series.channel_type,
        in_site_total=series.in_site_total,
        is_additive=series.is_additive,
        interval_seconds=series.interval_seconds,
        power_kw=power_kw.rename("power_kw"),
        since=since,
        until=max(until, measured[-1] + step),
    )


def site_power(channels: Sequence[ChannelPower]) -> ChannelPower | None:
    """The sum of `channels` as one channel, at their longest interval; None where there is none.

    An interval counts only where every channel that was due in it is measured: a gap of one must
    not look like a saving of all. A channel adds nothing before its first reading.
    """
    if not channels:
        return None
    longest = max(channels, key=lambda channel: channel.interval_seconds)
    parts = pd.DataFrame(
        {number: _in_life(channel, longest) for number, channel in enumerate(channels)}
    )
    is_gone = np.isposinf(parts.to_numpy())
    total = np.where(is_gone, 0.0, parts.to_numpy()).sum(axis=1)
    total[is_gone.all(axis=1)] = np.nan
    first = channels[0]
    names = [channel.channel_name for channel in channels]
    return ChannelPower(
        channel_id=first.channel_id if len(channels) == 1 else 0,
        channel_name=", ".join(names) if len(names) <= 3 else f"sum of {len(names)} channels",
        channel_type="site_total",
        in_site_total=True,
        is_additive=False,
        interval_seconds=longest.interval_seconds,
        power_kw=pd.Series(total, parts.index, name="power_kw"),
        since=min(channel.since for channel in channels),
        until=max(channel.until for channel in channels),
    )


def _in_life(channel: ChannelPower, longest: ChannelPower) -> pd.Series:
    """Power at the interval of `longest`; infinite before and after the channel's life."""
    power = channel.power_kw.where(channel.is_due | channel.power_kw.notna(), np.inf)
    if channel.interval_seconds == longest.interval_seconds:
        return power
    # Through UTC: a local hour that comes twice must not be put together.
    origin = longest.power_kw.index[0].tz_convert("UTC")
    parts = power.tz_convert("UTC").resample(f"{longest.interval_seconds}s", origin=origin)
    whole = parts.mean().where(parts.count() == parts.size())
    return whole.tz_convert(channel.power_kw.index.tz)


def since(channel: ChannelPower, start: datetime) -> ChannelPower:
    """The channel from an instant on."""
    return replace(channel, power_kw=channel.power_kw[channel.power_kw.index >= start])


def composition_caveats(channels: Sequence[ChannelPower], start: pd.Timestamp) -> list[Caveat]:
    """What of the total came or went inside the period, so that it changed by that alone."""
    if len(channels) < 2:
        return []
    first, last = min(c.since for c in channels), max(c.until for c in channels)
    first = max(first, start)
    came = [c for c in channels if c.since > first + DAY]
    went = [c for c in channels if c.until < last - DAY]
    told = [f"{c.channel_name} since {c.since:%Y-%m-%d}" for c in came]
    told += [f"{c.channel_name} until {c.until:%Y-%m-%d}" for c in went]
    text = "the total is not made of the same channels throughout: " + ", ".join(told)
    return [Caveat("total_changed", text)] if told else []


def daily_mean_kw(power_kw: pd.Series, interval_seconds: int) -> pd.Series:
    """Mean power of each local day [kW], indexed by local date; NaN below MIN_DAY_SHARE measured.

    Shares are of the day's own length, 23, 24 or 25 hours.
    """
    index = power_kw.index
    days = pd.DatetimeIndex(index.tz_localize(None).normalize())
    by_day = power_kw.groupby(days)
    starts = days.unique()
    lengths = _day_seconds(starts, index.tz)
    share = by_day.count().reindex(starts) * interval_seconds / lengths
    return by_day.mean().reindex(starts).where(share >= MIN_DAY_SHARE - 1e-9)


def _day_seconds(days: pd.DatetimeIndex, timezone: object) -> np.ndarray:
    """Length of each local day [s]; `days` are its local dates."""
    options = {"ambiguous": True, "nonexistent": "shift_forward"}
    begins = days.tz_localize(timezone, **options)
    ends = (days + pd.Timedelta(days=1)).tz_localize(timezone, **options)
    return np.asarray((ends - begins).total_seconds())
