"""The consumption scorecard of a period against the weeks before it, for every interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analyze.calendar_days import Calendar
from analyze.consumption_score import HOURS_IN_A_ROW, consumption_score
from analyze.expected_load import ExpectedLoad, expected_load
from analyze.hourly_days import HourGrid, HourlyDays, hour_grid
from lib.stats_utils import Floats, Mask


@dataclass(frozen=True)
class IntervalScore:
    """Of n intervals, shape (n,) each.

    `confidence` : that it draws more than it should [0..1]; `is_high` : part of an event;
    `is_claimed` : part of a closed stretch over which something was left on. `hours` and `load` :
    the channel by the hour, and what was expected of it, both without `weather_kw`, where it
    follows the weather.
    """

    confidence: Floats
    is_high: Mask
    is_claimed: Mask
    hours: HourlyDays
    load: ExpectedLoad
    weather_kw: Floats | None = None


def period_grid(calendar: Calendar, is_history: Mask) -> HourGrid:
    """The grid of a calendar whose days are learned from in the history only."""
    judged = calendar.day[~is_history]
    return hour_grid(calendar, int(judged[0]) if len(judged) else None)


def interval_score(
    power_kw: Floats,
    calendar: Calendar,
    is_history: Mask,
    grid: HourGrid | None = None,
    weather_kw: Floats | None = None,
) -> IntervalScore:
    """Score a channel.

    Parameters
    ----------
    power_kw : shape (n,), mean power of each interval [kW]; NaN where unmeasured.
    calendar : of the same n intervals, of an hour or less.
    is_history : bool, shape (n,); whole local days before the period.
    grid : `period_grid` of the two, where several channels share it.
    weather_kw : what the outdoor temperature adds to the channel's usual power, where it is known.
    """
    usual_weather_kw = power_kw if weather_kw is None else power_kw - weather_kw
    hours = (grid or period_grid(calendar, is_history)).fill(usual_weather_kw)
    load = expected_load(hours)
    score = consumption_score(hours, load)
    # The score knows of an event from its second hour on; told afterwards, it began with the first.
    whole = score.flag.copy()
    for back in range(1, HOURS_IN_A_ROW):
        whole[:-back] |= score.flag[back:]
    return IntervalScore(
        confidence=hours.of_intervals(score.confidence),
        is_high=np.asarray(whole[hours.position]),
        is_claimed=hours.of_intervals(score.waste_kw) > 0,
        hours=hours,
        load=load,
        weather_kw=weather_kw,
    )
