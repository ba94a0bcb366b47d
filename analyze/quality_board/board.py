"""What the quality dashboard knows, as plain values; nothing here reads or writes.

Days are days of a site's own calendar, instants are aware, percentages are cut to a tenth so that
98.97 % never reads 99 %. None means "not known" or "nothing was due", never 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

# As many days as v_ingestion_quality keeps.
CALENDAR_DAYS = 35
WEEK_DAYS = 7
# The threshold of v_data_health_monitor and of the validation's warning.
COMPLETE_PCT = 99.0


class ChannelDay(NamedTuple):
    """What arrived of a channel on one local day. Counts of readings; conflicts are values."""

    day: date
    expected: int
    received: int
    completeness_pct: float | None
    rejected_rows: int
    rejected_values: int
    conflicts: int


class Gap(NamedTuple):
    """A stretch without readings, [start, end); `filled_at` None = it is open."""

    channel_id: int
    channel_name: str
    start: datetime
    end: datetime
    missing_intervals: int
    reason: str
    fillable: bool
    filled_at: datetime | None
    filled_by: str | None

    @property
    def hours(self) -> float:
        """Length of the gap [h]."""
        return (self.end - self.start).total_seconds() / 3600


class Rejected(NamedTuple):
    """What was refused of a channel for one reason; scope `row` or `field` (one value of a row)."""

    channel_id: int
    channel_name: str
    scope: str
    reason: str
    rejected: int
    first_day: date
    last_day: date


class Finding(NamedTuple):
    """A check of the validation that did not pass."""

    name: str
    verdict: str
    summary: str


class ValidatedDay(NamedTuple):
    """The newest validation of a local day; closed days may not be delivered."""

    day: date
    run_id: int
    verdict: str
    is_open: bool
    has_newer_data: bool
    overridden_by: str | None
    override_reason: str | None
    finished_at: datetime
    findings: tuple[Finding, ...]


class Run(NamedTuple):
    """One ingestion run of a site, over all its windows; counts of readings."""

    run_id: str
    started_at: datetime
    finished_at: datetime | None
    status: str
    windows: int
    failed: int
    partial: int
    fetched: int
    inserted: int
    duplicate: int
    rejected: int
    requests: int
    window_start: datetime
    window_end: datetime


class Alert(NamedTuple):
    """An alert that is open or was seen in the last days; no channel = the whole site."""

    channel_id: int | None
    channel_name: str | None
    rule: str
    severity: str
    state: str
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None
    message: str


@dataclass(frozen=True)
class ChannelQuality:
    """One channel: is it on time, and what arrived of it day by day.

    `health` is healthy, warning, critical or inactive, `hours_since_last` counts to the end of the
    last sync that was due (v_channel_health). `days` holds only days on which something was due or
    came.
    """

    channel_id: int
    channel_name: str
    channel_type: str
    status: str
    health: str
    last_reading: datetime | None
    hours_since_last: float | None
    days: tuple[ChannelDay, ...]

    @property
    def expected(self) -> int:
        """Readings that were due in the days."""
        return sum(day.expected for day in self.days)

    @property
    def received(self) -> int:
        """Readings that came; what one day has too much makes up for no other day."""
        return sum(min(day.received, day.expected) for day in self.days)

    @property
    def completeness_pct(self) -> float | None:
        """Share of the readings due that came, over all days [%]."""
        return cut_percent(self.received, self.expected)

    @property
    def incomplete_days(self) -> tuple[ChannelDay, ...]:
        """Days with less than 99 % of what was due, newest first."""
        short = (day for day in self.days if (day.completeness_pct or 0) < COMPLETE_PCT)
        due = (day for day in short if day.completeness_pct is not None)
        return tuple(sorted(due, key=lambda day: day.day, reverse=True))

    @property
    def rejected_rows(self) -> int:
        """Readings refused whole."""
        return sum(day.rejected_rows for day in self.days)

    @property
    def rejected_values(self) -> int:
        """Single values refused; their reading is stored."""
        return sum(day.rejected_values for day in self.days)

    @property
    def conflicts(self) -> int:
        """Values that a later answer told differently."""
        return sum(day.conflicts for day in self.days)

    def week(self, last_day: date) -> tuple[int, int]:
        """Readings received and due in the seven days up to `last_day`."""
        days = [day for day in self.days if day.day > last_day - timedelta(days=WEEK_DAYS)]
        return sum(min(d.received, d.expected) for d in days), sum(d.expected for d in days)

    def needs_attention(self, last_day: date) -> bool:
        """True for a channel that is late or silent, or less than 99 % complete in a week."""
        week_pct = cut_percent(*self.week(last_day))
        is_short = week_pct is not None and week_pct < COMPLETE_PCT
        return self.health in ("warning", "critical") or (self.health != "inactive" and is_short)


@dataclass(frozen=True)
class SiteQuality:
    """One site: its state as v_data_health_monitor says it, and everything that explains it.

    `completeness_pct` is that of the last seven local days. `alerts` is None where the database
    does not show any book of alerts to its readers.
    """

    site_id: str
    site_name: str
    timezone: str
    last_day: date
    health: str
    last_run_at: datetime | None
    last_run_status: str | None
    completeness_pct: float | None
    open_gaps: int
    channels: tuple[ChannelQuality, ...]
    gaps: tuple[Gap, ...]
    rejects: tuple[Rejected, ...]
    validation: tuple[ValidatedDay, ...]
    runs: tuple[Run, ...]
    alerts: tuple[Alert, ...] | None

    @property
    def first_day(self) -> date:
        """First day of the calendar."""
        return self.last_day - timedelta(days=CALENDAR_DAYS - 1)

    @property
    def calendar(self) -> tuple[date, ...]:
        """The days of the calendar, oldest first."""
        return tuple(self.first_day + timedelta(days=age) for age in range(CALENDAR_DAYS))

    @property
    def closed_days(self) -> tuple[ValidatedDay, ...]:
        """Validated days of the calendar that the circuit breaker keeps from being delivered."""
        return tuple(day for day in self.validation if not day.is_open)

    @property
    def week_expected(self) -> int:
        """Readings that were due in the last seven local days."""
        return sum(channel.week(self.last_day)[1] for channel in self.channels)

    def channels_in(self, *health: str) -> int:
        """How many channels are in one of these states."""
        return sum(channel.health in health for channel in self.channels)


@dataclass(frozen=True)
class QualityBoard:
    """Every site of the database at one instant."""

    generated_at: datetime
    sites: tuple[SiteQuality, ...]

    @property
    def completeness_pct(self) -> float | None:
        """Completeness of the sites' last seven days, weighted by the readings due [%]."""
        known = [
            (round(site.completeness_pct * 10), site.week_expected)
            for site in self.sites
            if site.completeness_pct is not None
        ]
        return cut_percent(
            sum(tenths * due for tenths, due in known), 1000 * sum(due for _, due in known)
        )


def cut_percent(part: int, whole: int) -> float | None:
    """`part` of `whole` [%], cut to a tenth; None where there is no whole.

    >>> cut_percent(1979, 1980), cut_percent(0, 0)
    (99.9, None)
    """
    return part * 1000 // whole / 10 if whole else None


def by_attention(site: SiteQuality) -> Iterable[ChannelQuality]:
    """The channels of a site, those that need somebody first, then by name."""
    order = {"critical": 0, "warning": 1, "healthy": 2, "inactive": 3}
    return sorted(
        site.channels,
        key=lambda one: (
            not one.needs_attention(site.last_day),
            order.get(one.health, 2),
            one.channel_name.casefold(),
            one.channel_id,
        ),
    )
