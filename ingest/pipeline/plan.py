"""Which windows of which channels a run asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ingest.eniscope.resources import Channel


@dataclass(frozen=True)
class PlannedWindow:
    """A stretch [start, end) of one channel."""

    channel: Channel
    start: datetime
    end: datetime


def settled_end(
    end: datetime,
    now: datetime,
    settle_seconds: int,
    interval_seconds: int,
    timezone: str = "UTC",
) -> datetime:
    """The latest instant up to which every interval is over and settled.

    Intervals start where the site's own clock shows a multiple of their length.
    """
    latest = int(now.timestamp()) - settle_seconds
    offset = datetime.fromtimestamp(latest, ZoneInfo(timezone)).utcoffset() or timedelta()
    begun = (latest + int(offset.total_seconds())) % interval_seconds
    return min(end, datetime.fromtimestamp(latest - begun, now.tzinfo))


def plan_windows(
    channels: Sequence[Channel],
    spans: Mapping[int, Sequence[tuple[datetime, datetime]]],
    longest: timedelta,
) -> list[PlannedWindow]:
    """The spans of each channel in windows of at most `longest`, within its installed time.

    Channels take turns, so that a failing one does not hold up the others.
    """
    by_channel = []
    for channel in channels:
        windows: list[PlannedWindow] = []
        for start, end in spans[channel.channel_id]:
            first = max(start, channel.installed_at or start)
            last = min(end, channel.uninstalled_at or end)
            windows += _split(channel, first, last, longest)
        by_channel.append(windows)
    turns = max(map(len, by_channel), default=0)
    return [windows[turn] for turn in range(turns) for windows in by_channel if turn < len(windows)]


def _split(
    channel: Channel, start: datetime, end: datetime, longest: timedelta
) -> list[PlannedWindow]:
    windows = []
    while start < end:
        stop = min(start + longest, end)
        windows.append(PlannedWindow(channel, start, stop))
        start = stop
    return windows
