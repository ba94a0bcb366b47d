"""Was the waste of the last weeks stopped? The same loads, looked at week by week.

Analyze stores nothing, so that a report can be made again: what was found in earlier weeks is found
again in the same readings, by the same detector, each week judged by the weeks before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from analyze.after_hours_waste import ChannelWaste, after_hours_waste
from analyze.baseline import expected_power
from analyze.calendar_days import Calendar
from analyze.channel_week import MIN_BASELINE_WEEKS, ChannelStudy
from analyze.closed_nights import week_numbers
from analyze.expected_load import median_last
from analyze.hourly_days import rows_between
from lib.stats_utils import MAD_TO_SIGMA, Floats, count_measured, nan_quantile, runs

Status = Literal["new", "persisting", "returned", "fixed"]

WEEK_DAYS = 7
# A closed stretch counts where so much of it was measured, a week where so much of its closed time.
MIN_MEASURED = 0.5
MIN_STRETCHES = 10
# The screen, which only says where the detector is to look again. A channel can fall to a level as
# low as so many of its closed stretches that begin on the same weekday; how much they differ is
# read from the lower ones of all.
CLEAN_LEVEL, CLEAN_SHARE = 0.30, 0.60
# A stretch is looked at when it lies above that level by more than all of these.
SPREADS = 3.0
MIN_SHARE_OF_DIFFERENCE = 0.1
MIN_KW = 0.2
# Earlier weeks that are judged again, each by the weeks before it: at least three, of seven loaded.
EARLIER_WEEKS = 3
# Less is not worth a word.
MIN_WEEKLY_KWH = 2.0
# One bad week that passed is no fault that somebody fixed.
MIN_WEEKS_BEFORE_FIX = 2


@dataclass(frozen=True)
class FollowUp:
    """What became of a channel's after-hours waste over the weeks that were looked at.

    `weekly_kwh` : waste of each week, the oldest first and the newest the one of the report; None
    where too little was measured. `weeks_wasteful` of the `weeks_known` had waste. `saved_kwh` and
    `saved_cost` are what was saved since it was fixed, against the mean of the weeks before; 0 and
    None where nothing was fixed or no price is known.
    """

    channel_id: int
    channel_name: str
    status: Status
    weekly_kwh: tuple[float | None, ...]
    weeks_wasteful: int
    weeks_known: int
    saved_kwh: float = 0.0
    saved_cost: float | None = None

    def sentence(self) -> str:
        """The story in words, for a report."""
        name = self.channel_name
        before, known = self.weeks_wasteful - 1, self.weeks_known - 1
        if self.status == "fixed":
            return (
                f"{name} is off after hours again, after {self.weeks_wasteful} of "
                f"{self.weeks_known} weeks with waste: about {self.saved_kwh:,.0f} kWh saved since."
            )
        if self.status == "new":
            return f"It is new: {known} earlier weeks were without it."
        again = "It came back" if self.status == "returned" else "It goes on"
        return f"{again}: {before} of the {known} weeks before had it too."


def follow_ups(studies: Sequence[ChannelStudy], prices: Sequence[Floats]) -> dict[int, FollowUp]:
    """What became of the waste of each channel that may be added up, by channel id.

    Parameters
    ----------
    prices : for each study the price of a kWh at each interval.

    A channel without waste in any week is left out, as is one of which too little is known.
    """
    found = {}
    for study, price in zip(studies, prices, strict=True):
        if study.expected is None or not study.series.is_additive:
            continue
        weekly = (*earlier_waste_kwh(_load_kw(study), study.calendar), _newest_kwh(study))
        closed = ~study.calendar.is_open & np.isfinite(price)
        closed_price = float(price[closed].mean()) if closed.any() else None
        one = follow_up(study.series.channel_id, study.series.channel_name, weekly, closed_price)
        if one is not None:
            found[one.channel_id] = one
    return found


def earlier_waste_kwh(power_kw: Floats, calendar: Calendar) -> tuple[float | None, ...]:
    """After-hours waste of each week before the newest, as it could have been found then [kWh].

    The last EARLIER_WEEKS, the oldest first; the arguments are those of `screened_kwh`. A week for
    which the screen finds nothing had none; the others are judged by the detector itself, against
    the weeks before them. None where that is not possible.
    """
    screened = screened_kwh(power_kw, calendar)
    found: list[float | None] = []
    load_kw = power_kw.copy()
    for ago in range(EARLIER_WEEKS, 0, -1):
        kwh = screened[-1 - ago] if len(screened) > ago else None
        if kwh:
            waste = _detected(load_kw, calendar, ago)
            kwh = None if waste is None else waste.excess_kwh
            # What was found in one week does not make it normal in the next.
            for start, stop in waste.stretches if waste is not None else ():
                load_kw[start:stop] = np.nan
        found.append(kwh)
    return tuple(found)


def _detected(power_kw: Floats, calendar: Calendar, ago: int) -> ChannelWaste | None:
    """What the detector says of the week so long ago; None where it cannot tell."""
    week = week_numbers(calendar)
    known = week < -ago
    then = replace(
        calendar,
        day=calendar.day[known],
        weekday=calendar.weekday[known],
        slot=calendar.slot[known],
        is_open=calendar.is_open[known],
    )
    is_history = week[known] < -ago - 1
    load = pd.Series(power_kw[known])
    expected = expected_power(load, then, is_history)
    if expected is None or expected.weeks < MIN_BASELINE_WEEKS:
        return None
    return after_hours_waste(load, expected, then, is_history, ~is_history)


def screened_kwh(power_kw: Floats, calendar: Calendar) -> tuple[float | None, ...]:
    """Energy of each week's closed stretches above the level the channel can fall to [kWh].

    Parameters
    ----------
    power_kw : mean power of each interval, shape (n,) [kW]; NaN where unmeasured.
    calendar : of the same n intervals, which end with the last week.

    Returns one value per whole week, the oldest first; None where less than half of its closed time
    was measured. Empty where there are fewer than 10 closed stretches. What lasted longer than most
    of the weeks looked at is the channel's level and not seen.
    """
    closed = ~calendar.is_open
    weeks = week_numbers(calendar)
    measured = np.isfinite(power_kw)
    start, stop = np.array(runs(closed), dtype=np.int64).reshape(-1, 2).T
    stretches = rows_between(power_kw, start, stop)
    enough = count_measured(stretches) >= MIN_MEASURED * (stop - start)
    if enough.sum() < MIN_STRETCHES:
        return ()
    start, stop, medians = start[enough], stop[enough], median_last(stretches[enough])
    level_kw = _clean_level_kw(medians, calendar.weekday[start])
    above_kw = medians - level_kw
    lower = above_kw[above_kw <= np.quantile(above_kw, CLEAN_SHARE)]
    least_kw = max(
        SPREADS * MAD_TO_SIGMA * float(np.median(np.abs(lower))),
        MIN_SHARE_OF_DIFFERENCE * _difference_kw(power_kw, calendar, float(np.median(level_kw))),
        MIN_KW,
    )
    excess_kw = np.zeros(len(power_kw))
    for at in np.flatnonzero(above_kw > least_kw):
        inside = slice(start[at], stop[at])
        excess_kw[inside] = power_kw[inside] - level_kw[at]
    first = int(weeks[0]) + (0 if _is_whole(weeks, calendar) else 1)
    counted = closed & (weeks >= first)
    known = counted & measured
    number = weeks - first
    possible_count = np.bincount(number[counted], minlength=-first)
    known_count = np.bincount(number[known], minlength=-first)
    sums = np.bincount(number[known], weights=excess_kw[known], minlength=-first)
    return tuple(
        max(float(total) * calendar.hours, 0.0) if count and part >= MIN_MEASURED * count else None
        for total, part, count in zip(sums, known_count, possible_count, strict=True)
    )


def follow_up(
    channel_id: int,
    channel_name: str,
    weekly_kwh: Sequence[float | None],
    price_per_kwh: float | None = None,
) -> FollowUp | None:
    """Tell from a channel's waste week by week what became of it; None where there is no story.

    Parameters
    ----------
    weekly_kwh : the oldest first, the newest is the week of the report; None where not known.
    price_per_kwh : what the saved energy would have cost.

    >>> follow_up(1, "RTU-1", [50.0, 52.0, 48.0, 0.0, 0.0]).saved_kwh
    100.0
    """
    known = [kwh for kwh in weekly_kwh if kwh is not None]
    if len(known) < 2 or weekly_kwh[-1] is None:
        return None
    wasteful = [kwh >= MIN_WEEKLY_KWH for kwh in known]
    if not any(wasteful):
        return None
    saved_kwh = 0.0
    if wasteful[-1]:
        status: Status = "new"
        if any(wasteful[:-1]):
            status = "persisting" if wasteful[-2] else "returned"
    else:
        last = max(number for number, is_waste in enumerate(wasteful) if is_waste)
        if sum(wasteful) < MIN_WEEKS_BEFORE_FIX:
            return None
        status = "fixed"
        usual = float(np.mean([kwh for kwh, waste in zip(known, wasteful, strict=True) if waste]))
        saved_kwh = sum(usual - kwh for kwh in known[last + 1 :])
    return FollowUp(
        channel_id=channel_id,
        channel_name=channel_name,
        status=status,
        weekly_kwh=tuple(weekly_kwh),
        weeks_wasteful=sum(wasteful),
        weeks_known=len(known),
        saved_kwh=saved_kwh,
        saved_cost=saved_kwh * price_per_kwh if saved_kwh and price_per_kwh is not None else None,
    )


def total_saved(found: Mapping[int, FollowUp]) -> tuple[float, float | None]:
    """Energy [kWh] and money saved by all that was fixed; None where a price is not known."""
    fixed = [one for one in found.values() if one.status == "fixed"]
    costs = [one.saved_cost for one in fixed]
    known = [cost for cost in costs if cost is not None]
    return sum(one.saved_kwh for one in fixed), sum(known) if len(known) == len(costs) else None


def _load_kw(study: ChannelStudy) -> Floats:
    """The channel's power without what a sensor fault hides and the weather adds [kW]."""
    weather = study.weather
    load_kw = study.power_kw.copy() if weather is None else study.power_kw - weather.power_kw
    for fault in study.faults:
        if fault.hides_load:
            load_kw[fault.start : fault.stop] = np.nan
    return load_kw


def _newest_kwh(study: ChannelStudy) -> float | None:
    """What was found of the period; None where it was hardly measured."""
    closed = study.in_period & ~study.calendar.is_open
    is_known = np.isfinite(study.power_kw[closed])
    if study.waste is None or not len(is_known) or is_known.mean() < MIN_MEASURED:
        return None
    return study.waste.excess_kwh


def _clean_level_kw(medians_kw: Floats, weekday: np.ndarray) -> Floats:
    """For each stretch the clean level of those that begin on the same weekday, shape (n,)."""
    by_weekday = np.where(weekday[:, None] == np.arange(WEEK_DAYS), medians_kw[:, None], np.nan)
    return nan_quantile(by_weekday, CLEAN_LEVEL)[weekday]


def _difference_kw(power_kw: Floats, calendar: Calendar, level_kw: float) -> float:
    """Median power when open above the closed level [kW]; 0 where it was never measured open."""
    in_hours = power_kw[calendar.is_open & np.isfinite(power_kw)]
    return max(float(np.median(in_hours)) - level_kw, 0.0) if len(in_hours) else 0.0


def _is_whole(weeks: np.ndarray, calendar: Calendar) -> bool:
    """True where the first week has all of its days."""
    return len(np.unique(calendar.day[weeks == weeks[0]])) == WEEK_DAYS
