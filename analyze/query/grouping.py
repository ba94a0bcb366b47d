"""What rows are made by: hours, days, weeks and months of the site's own calendar, and channels.

Each time key is a whole number, computed by the same formula in SQL (for readings) and in NumPy
(for what was due), from an instant and its local clock time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib.date_utils import Period, zone
from lib.errors import UsageError

Ints = NDArray[np.int64]

# Every offset from UTC in use today is a multiple of this.
STEP_SECONDS = 900
HOUR_SECONDS, DAY_SECONDS = 3600, 86_400
CHANNEL = "channel"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# 1970-01-01 was a Thursday: so many days after the Monday of its week.
_FIRST_WEEKDAY = 3


class Steps(NamedTuple):
    """Quarter-hours of a period: starts [s since 1970] in UTC and by the local clock."""

    utc: Ints
    local: Ints

    @property
    def day(self) -> Ints:
        """Local days since 1970."""
        return self.local // DAY_SECONDS


class TimeKey(NamedTuple):
    """One way of cutting time: as SQL over a reading, and as a function of quarter-hours."""

    sql: str
    of: Callable[[Steps], Ints]


_LOCAL = "floor(extract(epoch FROM timestamp_local))::bigint"
_UTC = 'floor(extract(epoch FROM "timestamp"))::bigint'


def _month(steps: Steps) -> Ints:
    days = steps.day.astype("datetime64[D]")
    return days.astype("datetime64[M]").astype(np.int64)


# Weeks begin on Mondays; an hour is one of the local clock, told by the instant it starts at.
TIME_KEYS: dict[str, TimeKey] = {
    "hour": TimeKey(
        f"{_UTC} - mod({_LOCAL}, {HOUR_SECONDS})", lambda at: at.utc - at.local % HOUR_SECONDS
    ),
    "day": TimeKey(f"{_LOCAL} / {DAY_SECONDS}", lambda at: at.day),
    "week": TimeKey(
        f"({_LOCAL} / {DAY_SECONDS} + {_FIRST_WEEKDAY}) / 7",
        lambda at: (at.day + _FIRST_WEEKDAY) // 7,
    ),
    "month": TimeKey(
        "((extract(year FROM timestamp_local) - 1970) * 12"
        " + extract(month FROM timestamp_local) - 1)::bigint",
        _month,
    ),
    "hour-of-week": TimeKey(
        f"mod({_LOCAL} / {DAY_SECONDS} + {_FIRST_WEEKDAY}, 7) * 24"
        f" + mod({_LOCAL}, {DAY_SECONDS}) / {HOUR_SECONDS}",
        lambda at: (at.day + _FIRST_WEEKDAY) % 7 * 24 + at.local % DAY_SECONDS // HOUR_SECONDS,
    ),
}
KEYS = (*TIME_KEYS, CHANNEL)
# Readings of longer intervals say nothing about such rows.
WITHIN_DAY = ("hour", "hour-of-week")


def chosen_keys(text: str) -> tuple[str, ...]:
    """The keys of `--by`, such as "day,channel"; "total" is none. Raises UsageError."""
    names = [name.strip() for name in text.split(",")]
    if names == ["total"]:
        return ()
    wrong = [name for name in names if name not in KEYS]
    if wrong:
        raise UsageError(f"--by {wrong[0]}: must be of {', '.join(KEYS)}, or total alone")
    if len(set(names)) < len(names):
        raise UsageError(f"--by {text}: a key stands there twice")
    return tuple(names)


def steps_of(period: Period) -> Steps:
    """Every quarter-hour of a period."""
    first, end = int(period.start.timestamp()), int(period.end.timestamp())
    utc = np.arange(first, end, STEP_SECONDS, dtype=np.int64)
    index = pd.to_datetime(utc, unit="s", utc=True).tz_convert(zone(period.timezone))
    return Steps(utc, index.tz_localize(None).as_unit("s").asi8.astype(np.int64))


class Groups(NamedTuple):
    """The rows of a period, in order: `keys` has a column for each time key, `start` begins each
    row [s since 1970], and `code` tells for each quarter-hour its row."""

    keys: pd.DataFrame
    start: Ints
    label: Ints
    code: Ints


def groups_of(names: Sequence[str], steps: Steps) -> Groups:
    """Cut quarter-hours into rows.

    `label` is the local hour since 1970 by which hours of two periods are compared.
    """
    if not names:
        nothing = pd.DataFrame(index=range(1))
        return Groups(nothing, steps.utc[:1], steps.local[:1], np.zeros_like(steps.utc))
    table = pd.DataFrame({name: TIME_KEYS[name].of(steps) for name in names})
    code = table.groupby(list(names), sort=True).ngroup().to_numpy(dtype=np.int64)
    _, first = np.unique(code, return_index=True)
    keys = table.iloc[first].reset_index(drop=True)
    return Groups(keys, steps.utc[first], steps.local[first] // HOUR_SECONDS, code)


def column_name(key: str) -> str:
    """How a key's column is called in the output."""
    return key.replace("-", "_")


def kind_of(key: str) -> str:
    """What a key's column holds: see output.Column."""
    return {"hour": "timestamp", "day": "date", "week": "date"}.get(key, "text")


def key_values(key: str, numbers: Ints, starts: Ints, timezone: str) -> list[Any]:
    """What stands in a key's column: local times with their offset, days, or words."""
    if key == "hour":
        tz = zone(timezone)
        return [datetime.fromtimestamp(int(at), UTC).astimezone(tz) for at in starts]
    if key == "day":
        return [_day(int(number)) for number in numbers]
    if key == "week":
        return [_day(int(number) * 7 - _FIRST_WEEKDAY) for number in numbers]
    if key == "month":
        return [f"{1970 + number // 12}-{number % 12 + 1:02d}" for number in numbers.tolist()]
    return [f"{WEEKDAYS[number // 24]} {number % 24:02d}:00" for number in numbers.tolist()]


def _day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)
