"""Measure how good the stored data of a site and some days is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from config.settings import get_settings
from govern.gaps.book import looks_of
from govern.gaps.expected import ExpectedSpan, Site, gap_spans, load_expected, query
from govern.gaps.find import Gap, find_gaps
from govern.quality.degrading import TREND_DAYS, Degradation, degradation
from lib.database import Cursor
from lib.date_utils import Period, local_day, local_midnight

ENERGY_TYPES = ("site_total", "energy")
FIELDS = (
    "voltage_v",
    "current_a",
    "power_factor",
    "reactive_power_kvar",
    "frequency_hz",
    "temperature_c",
    "relative_humidity",
)
_ESTIMATED = """
SELECT channel_id, count(*)::integer AS estimated FROM v_readings_with_estimates
WHERE channel_id = ANY(%(channel_ids)s) AND is_estimated
  AND "timestamp" >= %(start)s AND "timestamp" < %(end)s
GROUP BY channel_id
"""


@dataclass
class Tally:
    """Counts over some days, of one channel or of all; `expected` and `received` in intervals.

    `timeless_rows` were received in these days and refused without a usable time: they may belong
    to any others, so they are in no share.
    """

    expected: int = 0
    received: int = 0
    readings: int = 0
    metered: int = 0
    null_energy: int = 0
    null_power: int = 0
    rejected_rows: int = 0
    timeless_rows: int = 0
    rejected_values: int = 0
    out_of_range: int = 0
    conflicts: int = 0
    estimated: int = 0
    gaps: int = 0
    missing_intervals: int = 0
    longest_gap_hours: float = 0.0

    def add(self, other: Tally) -> None:
        """Count the other's on top; the longest gap is the longer one."""
        for name in vars(other):
            combine = max if name == "longest_gap_hours" else sum
            setattr(self, name, combine([getattr(self, name), getattr(other, name)]))

    @property
    def completeness_pct(self) -> float | None:
        """Received of expected [%], cut to a tenth: 98.97 stays below 99. None: nothing due."""
        return 1000 * self.received // self.expected / 10 if self.expected else None

    @property
    def null_energy_pct(self) -> float | None:
        """Readings of energy channels without energy [%]."""
        return _percent(self.null_energy, self.metered)

    @property
    def null_power_pct(self) -> float | None:
        """Readings of energy channels without power [%]."""
        return _percent(self.null_power, self.metered)

    @property
    def out_of_range_pct(self) -> float | None:
        """Intervals with something out of range, of all that arrived [%]."""
        return _percent(self.out_of_range, self.readings + self.rejected_rows)

    @property
    def rejected_pct(self) -> float | None:
        """Readings of these days refused whole, of all that arrived of them [%]."""
        return _percent(self.rejected_rows, self.readings + self.rejected_rows)


@dataclass
class ChannelQuality:
    """One channel in the period and in the one before; `daily_pct` has a value per local day."""

    channel_id: int
    channel_name: str
    channel_type: str
    now: Tally = field(default_factory=Tally)
    before: Tally = field(default_factory=Tally)
    daily_pct: list[float | None] = field(default_factory=list)
    null_fields_pct: dict[str, float] = field(default_factory=dict)
    degradation: Degradation | None = None


@dataclass(frozen=True)
class SiteQuality:
    """Everything the report tells of one site; channels worst first."""

    site: Site
    period: Period
    previous: Period
    now: Tally
    before: Tally
    channels: list[ChannelQuality]
    gaps: list[Gap]
    daily_pct: list[float | None]


def measure(cursor: Cursor, site: Site, period: Period) -> SiteQuality:
    """Measure a site's days and as many days before them. mv_hourly_usage has to be fresh."""
    days = len(period.days)
    previous = Period(
        period.first_day - timedelta(days=days), period.first_day - timedelta(days=1),
        period.timezone,
    )  # fmt: skip
    trend = _trend_days(site, period)
    whole = Period(min(previous.first_day, trend.first_day), period.last_day, period.timezone)
    spans = load_expected(cursor, site)
    tallies = _tallies_by_day(cursor, spans, whole)
    due = gap_spans(spans, site)
    gaps = find_gaps(cursor, due, looks_of(due, period))
    gaps_before = find_gaps(cursor, due, looks_of(due, previous))
    lags = _daily_lags(cursor, spans, trend)
    fields = _null_fields(cursor, spans, period)
    estimated = {
        row["channel_id"]: row["estimated"]
        for row in query_text(cursor, _ESTIMATED, _window(spans, period))
    }
    channels = []
    for span in spans:
        by_day = tallies[span.channel_id]
        channel = ChannelQuality(span.channel_id, span.channel_name, span.channel_type)
        channel.now = _sum(by_day, period, gaps, span.channel_id)
        channel.before = _sum(by_day, previous, gaps_before, span.channel_id)
        channel.now.estimated = estimated.get(span.channel_id, 0)
        channel.daily_pct = [by_day[day].completeness_pct for day in period.days]
        channel.null_fields_pct = fields.get(span.channel_id, {})
        channel.degradation = degradation(
            np.array([_share(by_day[day]) for day in trend.days]), lags[span.channel_id]
        )
        if channel.now.expected or channel.now.readings:
            channels.append(channel)
    total, before = Tally(), Tally()
    for channel in channels:
        total.add(channel.now)
        before.add(channel.before)
    return SiteQuality(
        site=site,
        period=period,
        previous=previous,
        now=total,
        before=before,
        channels=sorted(channels, key=_rank),
        gaps=sorted(gaps, key=lambda gap: (gap.start - gap.end, gap.channel_id)),
        daily_pct=[_site_day(tallies, spans, day) for day in period.days],
    )


def query_text(cursor: Cursor, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a query as dictionaries, inside the cursor's transaction."""
    cursor.execute(sql, parameters)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _percent(count: int, of: int) -> float | None:
    return round(100 * count / of, 2) if of else None


def _share(tally: Tally) -> float:
    return 100 * tally.received / tally.expected if tally.expected else np.nan


def _rank(channel: ChannelQuality) -> tuple[float, int, int, int]:
    """Worst first: least complete, then most refused and contradicted, then by id."""
    complete = channel.now.completeness_pct
    now = channel.now
    doubted = now.rejected_rows + now.timeless_rows + now.rejected_values + now.conflicts
    return (
        100.0 if complete is None else complete,
        -channel.now.missing_intervals,
        -doubted,
        channel.channel_id,
    )


def _trend_days(site: Site, period: Period) -> Period:
    """The last complete local days of the period, or before it where it is shorter."""
    last = min(period.last_day, local_day(site.complete_until, site.timezone) - timedelta(days=1))
    return Period(last - timedelta(days=TREND_DAYS - 1), last, period.timezone)


def _window(spans: Sequence[ExpectedSpan], period: Period) -> dict[str, Any]:
    return {
        "channel_ids": [span.channel_id for span in spans],
        "first_day": period.first_day,
        "last_day": period.last_day,
        "start": period.start,
        "end": period.end,
        "timezone": period.timezone,
    }


def _tallies_by_day(
    cursor: Cursor, spans: Sequence[ExpectedSpan], period: Period
) -> dict[int, dict[date, Tally]]:
    """A tally for every channel and local day."""
    window = _window(spans, period)
    stored = {
        (row["channel_id"], row["day"]): row
        for row in query(cursor, "quality/10_channel_days", window)
    }
    refused = {
        (row["channel_id"], row["day"]): row
        for row in query(cursor, "quality/20_refused_days", window)
    }
    midnights = [local_midnight(day, period.timezone) for day in period.days] + [period.end]
    bounds = list(zip(period.days, midnights, midnights[1:], strict=False))
    return {
        span.channel_id: {
            day: _day_tally(
                span, start, end, stored.get((span.channel_id, day), {}),
                refused.get((span.channel_id, day), {}),
            )
            for day, start, end in bounds
        }
        for span in spans
    }  # fmt: skip


def _day_tally(
    span: ExpectedSpan,
    start: datetime,
    end: datetime,
    stored: Mapping[str, Any],
    refused: Mapping[str, Any],
) -> Tally:
    """Expected by the interval length of the day's own readings, where there are any."""
    readings = stored.get("readings", 0)
    interval = stored["covered_seconds"] / readings if readings else span.interval_seconds
    # As instants: two local times of one zone would forget the clock change between them.
    due_seconds = max(
        min(end.timestamp(), span.expected_to.timestamp())
        - max(start.timestamp(), span.expected_from.timestamp()),
        0.0,
    )
    expected = int(due_seconds // interval)
    metered = readings if span.channel_type in ENERGY_TYPES else 0
    return Tally(
        expected=expected,
        received=min(readings, expected),
        readings=readings,
        metered=metered,
        null_energy=stored.get("null_energy", 0) if metered else 0,
        null_power=stored.get("null_power", 0) if metered else 0,
        rejected_rows=refused.get("rejected_rows", 0),
        timeless_rows=refused.get("timeless_rows", 0),
        rejected_values=refused.get("rejected_values", 0),
        out_of_range=refused.get("out_of_range", 0),
        conflicts=refused.get("conflicts", 0),
    )


def _sum(
    by_day: Mapping[date, Tally], period: Period, gaps: Sequence[Gap], channel_id: int
) -> Tally:
    """A channel's days together, with its gaps."""
    total = Tally()
    for day in period.days:
        total.add(by_day[day])
    mine = [gap for gap in gaps if gap.channel_id == channel_id]
    total.gaps = len(mine)
    total.missing_intervals = total.expected - total.received
    total.longest_gap_hours = max((gap.hours for gap in mine), default=0.0)
    return total


def _site_day(
    tallies: Mapping[int, Mapping[date, Tally]], spans: Sequence[ExpectedSpan], day: date
) -> float | None:
    total = Tally()
    for span in spans:
        total.add(tallies[span.channel_id][day])
    return total.completeness_pct


def _null_fields(
    cursor: Cursor, spans: Sequence[ExpectedSpan], period: Period
) -> dict[int, dict[str, float]]:
    """How much of each measure is missing [%], by channel; measures never sent are left out."""
    found: dict[int, dict[str, float]] = {}
    for row in query(cursor, "quality/30_sent_fields", _window(spans, period)):
        found[row["channel_id"]] = {
            name: round(100 * (1 - row[name] / row["readings"]), 2) for name in FIELDS if row[name]
        }
    return found


def _daily_lags(
    cursor: Cursor, spans: Sequence[ExpectedSpan], days: Period
) -> dict[int, np.ndarray]:
    """How far the newest reading was behind what was asked for [h], at the last run of each day.

    Only runs count that asked for newer intervals than any run before them.
    """
    parameters = {
        **_window(spans, days),
        "end": days.end + timedelta(days=1),
        "settle_seconds": get_settings().eniscope_settle_seconds,
    }
    lags = {span.channel_id: np.full(len(days.days), np.nan) for span in spans}
    frontier: dict[int, datetime] = {}
    newest: dict[int, datetime] = {}
    for row in query(cursor, "quality/40_run_frontiers", parameters):
        channel_id, asked_until, end = row["channel_id"], row["asked_until"], row["newest_end"]
        if end is not None:
            newest[channel_id] = max(end, newest.get(channel_id, end))
        if asked_until <= frontier.get(channel_id, asked_until - timedelta(seconds=1)):
            continue
        frontier[channel_id] = asked_until
        place = (local_day(asked_until, days.timezone) - days.first_day).days
        if channel_id in newest and 0 <= place < len(days.days):
            behind = (asked_until - newest[channel_id]).total_seconds() / 3600
            lags[channel_id][place] = max(behind, 0.0)
    return lags
