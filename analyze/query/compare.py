"""An earlier period to compare with, and which of its rows belongs to which of the asked one."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from analyze.query.grouping import TIME_KEYS
from lib.date_utils import FIRST_DAY, Period, zone
from lib.errors import UsageError

Comparison = Literal["previous", "last-year"]
# A change of a period of which less was measured tells of the readings, not of the use.
MIN_COMPARED_COVERAGE = 0.95
# 52 weeks: the same weekdays, which say more of a building's day than the same date.
YEAR_DAYS = 364


@dataclass(frozen=True)
class Shift:
    """How far back the other period lies: in whole days, or in calendar months."""

    days: int = 0
    months: int = 0

    def back(self, period: Period) -> Period:
        """The period so much earlier. Raises UsageError before FIRST_DAY."""
        try:
            if not self.months:
                step = timedelta(days=self.days)
                first, last = period.first_day - step, period.last_day - step
            else:
                first = _months_back(period.first_day, self.months)
                last = _months_back(period.last_day, self.months)
        except (OverflowError, ValueError):
            first = last = date.min
        if first < FIRST_DAY:
            raise UsageError(f"there is nothing to compare with before {FIRST_DAY}")
        return Period(first, last, period.timezone)

    def instant_back(self, instant: datetime, timezone: str) -> datetime:
        """The same local clock time so much earlier: a day half over is compared with a half."""
        local = instant.astimezone(zone(timezone))
        day = Period(local.date(), local.date(), timezone)
        return datetime.combine(self.back(day).first_day, local.timetz())


def chosen_shift(period: Period, by: Sequence[str], comparison: Comparison) -> Shift:
    """How far back `previous` and `last-year` lie.

    By month, and where whole months are asked for without any key of time, months are compared
    with months. Else `previous` is the same number of days before (of whole weeks, by week),
    `last-year` 52 weeks.
    """
    touched = _month_number(period.last_day) - _month_number(period.first_day) + 1
    if not set(by) & set(TIME_KEYS) and _is_whole_months(period):
        return Shift(months=12 if comparison == "last-year" else touched)
    if "month" in by:
        if {"hour", "day", "week"} & set(by):
            raise UsageError("--compare with --by month cannot be combined with hour, day or week")
        return Shift(months=12 if comparison == "last-year" else touched)
    if comparison == "last-year":
        return Shift(days=YEAR_DAYS)
    count = len(period.days)
    return Shift(days=-(-count // 7) * 7 if "week" in by else count)


def joined(
    table: pd.DataFrame, earlier: pd.DataFrame, shift: Shift, time_keys: Sequence[str]
) -> pd.DataFrame:
    """`table` with `compared` and `compared_coverage` of the earlier rows; NaN = none.

    `change` and `change_pct` are told where MIN_COMPARED_COVERAGE of both was measured.
    `change_per_day_pct` is of the values by measured time, whatever was measured.
    A local hour is compared with the same hour of the clock; one that comes twice, or never, on a
    day on which clocks change has no partner where the other day has none.
    """
    by = ["channel_id"]
    left, right = table.copy(), earlier.copy()
    if "hour" in time_keys:
        # The first and the second of an hour that comes twice are told apart by their order.
        for frame in (left, right):
            frame["nth"] = frame.groupby(["channel_id", "label"]).cumcount()
        right["label"] += shift.days * 24
        by += ["label", "nth"]
    else:
        steps = {"day": shift.days, "week": shift.days // 7, "month": shift.months}
        for key in time_keys:
            right[key] += steps.get(key, 0)
            by.append(key)
    other = {name: f"compared_{name}" for name in ("coverage", "seconds")} | {"value": "compared"}
    right = right[[*by, *other]].rename(columns=other)
    result = left.merge(right, on=by, how="left").drop(columns="nth", errors="ignore")
    is_part = (result["coverage"] < MIN_COMPARED_COVERAGE) | (
        result["compared_coverage"] < MIN_COMPARED_COVERAGE
    )
    change = result["value"] - result["compared"]
    base = result["compared"].abs()
    base = base.where(base > 0, np.nan)
    result["change"] = change.where(~is_part)
    result["change_pct"] = (100 * change / base).where(~is_part)
    result["is_untold"] = is_part & change.notna()
    now, before = result["seconds"], result["compared_seconds"]
    rate = result["value"] / now.where(now > 0) / (base / before.where(before > 0))
    result["change_per_day_pct"] = 100 * (rate - np.sign(result["compared"]))
    return result


def _months_back(day: date, months: int) -> date:
    """The same day of an earlier month; the end of a month stays the end of one."""
    year, month = divmod(_month_number(day) - months, 12)
    length = calendar.monthrange(year, month + 1)[1]
    is_last = day.day == calendar.monthrange(day.year, day.month)[1]
    return date(year, month + 1, length if is_last else min(day.day, length))


def _is_whole_months(period: Period) -> bool:
    return period.first_day.day == 1 and (period.last_day + timedelta(days=1)).day == 1


def _month_number(day: date) -> int:
    return day.year * 12 + day.month - 1
