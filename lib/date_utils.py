"""Local calendars: days and weeks of a site's own time zone, as instants.

A local day has 23, 24 or 25 hours. Everything here is computed on the calendar first and turned
into an instant last, so that both clock-change days come out right.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lib.errors import UsageError

# Days outside cannot be told from typing errors, and some lie outside what a clock can show.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)
# Where each day begins first: what has not begun there has begun nowhere.
EARLIEST_ZONE = "Pacific/Kiritimati"


class Period(NamedTuple):
    """Whole local days, [first_day, last_day] inclusive, and the instants that bound them."""

    first_day: date
    last_day: date
    timezone: str

    @property
    def start(self) -> datetime:
        """Local midnight that opens the period, as an aware local time."""
        return local_midnight(self.first_day, self.timezone)

    @property
    def end(self) -> datetime:
        """Local midnight that closes the period (exclusive), as an aware local time."""
        return local_midnight(self.last_day + timedelta(days=1), self.timezone)

    @property
    def days(self) -> list[date]:
        """Every local day of the period."""
        count = (self.last_day - self.first_day).days + 1
        return [self.first_day + timedelta(days=offset) for offset in range(count)]


def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises UsageError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError):
        raise UsageError(f"'{name}' is not an IANA time zone (such as America/New_York)") from None


def local_midnight(day: date, timezone: str) -> datetime:
    """The instant at which a local day begins (its first instant, where midnight is skipped)."""
    midnight = datetime.combine(day, time(), zone(timezone))
    # Where clocks go forward at midnight, 00:00 does not exist: the round trip gives 01:00.
    return midnight.astimezone(UTC).astimezone(midnight.tzinfo)


def local_day(instant: datetime, timezone: str) -> date:
    """The local calendar day an instant falls on."""
    return instant.astimezone(zone(timezone)).date()


def last_days(count: int, now: datetime, timezone: str) -> Period:
    """Today and the `count` - 1 days before it, in the site's own calendar.

    Raises UsageError when they begin before FIRST_DAY.
    """
    return days_up_to(local_day(now, timezone), count, timezone)


def days_up_to(last_day: date, count: int, timezone: str) -> Period:
    """A day and the `count` - 1 days before it.

    Raises UsageError when they begin before FIRST_DAY.
    """
    if count > (last_day - FIRST_DAY).days:
        raise UsageError(f"{count} days up to {last_day} reach back before {FIRST_DAY}")
    return Period(last_day - timedelta(days=count - 1), last_day, timezone)


def refuse_unbegun(first_day: date, now: datetime, timezone: str) -> None:
    """Raises UsageError for a first day that has not begun in that calendar."""
    if first_day > local_day(now, timezone):
        raise UsageError(f"{first_day} has not begun: there is nothing to ask for")


def last_complete_week(now: datetime, timezone: str) -> Period:
    """The last Monday to Sunday that is over at `now`."""
    today = local_day(now, timezone)
    monday = today - timedelta(days=today.weekday() + 7)
    return Period(monday, monday + timedelta(days=6), timezone)


def chosen_week(start: date | None, end: date | None, default: Period) -> Period:
    """The days asked for; where only one end is named, the seven days from it or up to it."""
    if start is not None and end is None:
        return Period(start, start + timedelta(days=6), default.timezone)
    if end is not None and start is None:
        return Period(end - timedelta(days=6), end, default.timezone)
    return chosen_period(start, end, default)


def chosen_period(start: date | None, end: date | None, default: Period) -> Period:
    """The days asked for; what is not named comes from `default`.

    Raises UsageError when the end lies before the start.
    """
    first = start if start is not None else default.first_day
    last = end if end is not None else default.last_day
    if start is not None and end is None and last < first:
        last = first
    if last < first:
        raise UsageError(f"the end ({last}) lies before the start ({first})")
    return Period(first, last, default.timezone)
