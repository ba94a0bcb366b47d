"""After-hours waste: energy of a closed site above the level a channel normally falls to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analyze.baseline import Expected
from analyze.calendar_days import Calendar
from analyze.closed_nights import (
    MIN_MEASURED,
    NIGHT_SPREADS,
    Stretch,
    UsualNight,
    closed_stretches,
    usual_night,
)
from analyze.interval_score import IntervalScore, interval_score
from lib.stats_utils import Floats, Mask, bridge, rolling_mean, runs

# What a part of a stretch has to exceed at all, beside NIGHT_SPREADS usual spreads.
MIN_SHARE_OF_DIFFERENCE = 0.1
MIN_SHARE_OF_LEVEL = 0.05
MIN_KW = 0.2
# A part of a stretch is claimed when it is on for long, or large: at least so many hours, of at
# least that share of the difference, and so many standard deviations of that time of day.
PARTS = ((6.0, 0.1, 3.0), (2.0, 0.25, 5.0))
# And the scorecard has to see it in so much of the part, unless it lies so many times beyond what
# is claimed at all.
BEYOND = 4.0
MIN_PART_HIGH = 0.5
PART_BRIDGED_HOURS = 0.5
# Or it is so much of what was claimed in the night before, in a stretch with a day off.
AGAIN_SHARE = 0.5
# Inside a claimed stretch it was off where its excess stays below this share of the stretch's for
# so many hours, and on average below what is claimed at all.
OFF_SHARE = 0.5
OFF_HOURS = 3.0
MIN_PAST_STRETCHES = 8
# Half-width of a 90 % interval, in standard deviations.
NINETY_PERCENT = 1.645

Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class ChannelWaste:
    """One channel's waste in the judged intervals.

    `baseline_kw` is the closed level normal for these hours, `after_hours_kwh` everything used
    while closed, `excess_kwh` the waste; `error_pct` the half-width of its 90 % interval, from the
    spread of past nights. `stretches` are claimed intervals [start, stop) of the index.
    """

    baseline_kw: float
    after_hours_kwh: float
    excess_kwh: float
    error_pct: float
    stretches: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Claim:
    """Intervals [start, stop) claimed as waste, less the excess that is usual in each [kW]."""

    start: int
    stop: int
    usual_kw: float


def after_hours_waste(
    power_kw: pd.Series,
    expected: Expected,
    calendar: Calendar,
    is_history: Mask,
    judged: Mask,
    score: IntervalScore | None = None,
) -> ChannelWaste | None:
    """Judge each closed stretch, from closing to opening, against the nights of the history.

    Parameters
    ----------
    power_kw : Series of float, shape (n,)
        Mean power of each interval [kW]; regular index; NaN where unmeasured: a gap counts neither
        as use nor as saving.
    expected, calendar : of the same n intervals; expected is the level the channel falls to at the
        same time of the week.
    is_history, judged : bool arrays, shape (n,)
        Where the spread of nights is learned from, and where waste is looked for.
    score : the scorecard of the same intervals; made here where it is not given.

    Returns
    -------
    ChannelWaste, or None when it cannot be judged: no closed interval was measured, or fewer than
    8 closed stretches of history.

    References
    ----------
    Night and weekend base load: P. N. Price, "Methods for Analyzing Electric Load Shape and its
    Variability", Lawrence Berkeley National Laboratory, 2010. Claiming whole stretches by their
    median, and what is taken off after a busy day, are this project's choice.
    """
    power = power_kw.to_numpy(dtype=float)
    # What usually feeds in wastes nothing when it does not.
    residual = np.where(expected.expected_kw < 0, np.nan, power - expected.expected_kw)
    closed = ~calendar.is_open
    known = judged & closed & np.isfinite(residual)
    past = closed_stretches(residual, calendar, is_history & closed)
    if not known.any() or len(past) < MIN_PAST_STRETCHES:
        return None
    score = score or interval_score(power, calendar, is_history)
    usual = usual_night(past, open_closed_difference(expected, calendar))
    judge = _Judge(residual, expected, calendar, score, usual)
    claims = judge.claims(closed_stretches(residual, calendar, judged & closed), past)
    excess_kwh, error_kwh = _energy(claims, residual, calendar, usual.spread_kw, len(past))
    return ChannelWaste(
        baseline_kw=float(expected.expected_kw[known].mean()),
        after_hours_kwh=float(power[known].sum() * calendar.hours),
        excess_kwh=excess_kwh,
        error_pct=100 * error_kwh / excess_kwh if excess_kwh > 0 else 0.0,
        stretches=tuple((claim.start, claim.stop) for claim in claims),
    )


class _Judge:
    """Says which parts of a closed stretch were waste."""

    def __init__(
        self,
        residual: Floats,
        expected: Expected,
        calendar: Calendar,
        score: IntervalScore,
        usual: UsualNight,
    ) -> None:
        self.residual, self.expected, self.calendar = residual, expected, calendar
        self.score, self.usual = score, usual
        self.difference = open_closed_difference(expected, calendar)
        self.least_kw = max(
            NIGHT_SPREADS * usual.spread_kw,
            MIN_SHARE_OF_DIFFERENCE * self.difference,
            MIN_SHARE_OF_LEVEL * expected.level_kw,
            MIN_KW,
        )

    def claims(self, stretches: list[Stretch], past: list[Stretch]) -> list[_Claim]:
        """What is claimed of stretches in order, each at the level of its quiet neighbours."""
        claimed: list[tuple[Stretch, Spans]] = []
        quiet = list(past)
        for stretch in stretches:
            parts = self.parts(stretch, claimed)
            if parts:
                claimed.append((stretch, parts))
            else:
                quiet.append(stretch)
        return [
            _Claim(
                stretch.start + start,
                stretch.start + stop,
                self.usual.near(stretch, quiet, self.calendar),
            )
            for stretch, parts in claimed
            for start, stop in parts
        ]

    def parts(self, stretch: Stretch, claimed: list[tuple[Stretch, Spans]]) -> Spans:
        """Its claimed parts [start, stop), counted from its start; `claimed` are those before.

        Whether there is waste is decided after all that the day may explain; how much, after what
        it usually leaves.
        """
        inside = slice(stretch.start, stretch.stop)
        most_kw = self.usual.most_after(stretch)
        excess_kw = self.residual[inside] - most_kw
        if np.count_nonzero(self.score.is_claimed[inside]) >= MIN_MEASURED * len(excess_kw):
            whole_kw = stretch.excess_kw - most_kw
            return _on_parts(excess_kw, whole_kw, self.least_kw, self.calendar)
        scale_kw = self.expected.scale_kw[inside]
        is_high = self.score.is_high[inside]
        believed: Spans = []
        for start, stop in _parts(
            excess_kw, scale_kw, self.difference, self.least_kw, self.calendar
        ):
            if (
                is_high[start:stop].mean() >= MIN_PART_HIGH
                or _is_beyond(excess_kw[start:stop], scale_kw[start:stop], self.least_kw)
                or self._is_again(stretch, start, stop, [*claimed, (stretch, believed)])
            ):
                believed.append((start, stop))
        return believed

    def _is_again(
        self, stretch: Stretch, start: int, stop: int, claimed: list[tuple[Stretch, Spans]]
    ) -> bool:
        """On a day off, the load of the night before again: the scorecard sees a quiet day only."""
        day = self.calendar.intervals(24.0)
        if stretch.stop - stretch.start <= day:
            return False
        spans = [(night.start + a, night.start + b) for night, parts in claimed for a, b in parts]
        if not spans or stretch.start + start - spans[-1][1] > day:
            return False
        again_kw = np.nanmean(self.residual[stretch.start + start : stretch.start + stop])
        return bool(again_kw >= AGAIN_SHARE * np.nanmean(self.residual[slice(*spans[-1])]))


def open_closed_difference(expected: Expected, calendar: Calendar) -> float:
    """Median expected power when open less when closed [kW], at least a tenth of the level."""
    known = np.isfinite(expected.expected_kw)
    in_hours = expected.expected_kw[known & calendar.is_open]
    closed = expected.expected_kw[known & ~calendar.is_open]
    least = 0.1 * expected.level_kw
    if not len(in_hours) or not len(closed):
        return least
    return max(float(np.median(in_hours) - np.median(closed)), least)


def _on_parts(
    excess_kw: Floats, stretch_kw: float, least_kw: float, calendar: Calendar
) -> list[tuple[int, int]]:
    """A claimed stretch without the parts in which it was clearly off for hours."""
    sustained = rolling_mean(excess_kw, calendar.intervals(1.0))
    is_on = np.ones(len(excess_kw), dtype=bool)
    for start, stop in runs(sustained < OFF_SHARE * stretch_kw):
        mean_kw = float(np.nanmean(excess_kw[start:stop]))
        if stop - start >= calendar.intervals(OFF_HOURS) and mean_kw < least_kw:
            is_on[start:stop] = False
    return runs(is_on)


def _parts(
    excess_kw: Floats, scale_kw: Floats, difference: float, least_kw: float, calendar: Calendar
) -> list[tuple[int, int]]:
    """Runs inside a stretch in which something was on for part of it."""
    if not (excess_kw > least_kw).any():
        return []
    sustained = rolling_mean(excess_kw, calendar.intervals(1.0))
    claimed = np.zeros(len(excess_kw), dtype=bool)
    for hours, share, scales in PARTS:
        is_on = sustained > np.maximum(max(least_kw, share * difference), scales * scale_kw)
        is_on = bridge(is_on, calendar.intervals(PART_BRIDGED_HOURS))
        for start, stop in runs(is_on):
            if stop - start >= calendar.intervals(hours):
                claimed[start:stop] = True
    return runs(claimed)


def _is_beyond(excess_kw: Floats, scale_kw: Floats, least_kw: float) -> bool:
    """So large that the scorecard need not be asked."""
    known = np.isfinite(excess_kw) & np.isfinite(scale_kw)
    if not known.any():
        return False
    far_kw = BEYOND * max(least_kw, BEYOND * float(np.median(scale_kw[known])))
    return float(excess_kw[known].mean()) >= far_kw


def _energy(
    claims: list[_Claim], residual: Floats, calendar: Calendar, spread: float, nights: int
) -> tuple[float, float]:
    """Energy of the claims [kWh] and the half-width of its 90 % interval [kWh]."""
    excess_kwh, hours = 0.0, []
    for claim in claims:
        part = residual[claim.start : claim.stop]
        part = part[np.isfinite(part)]
        excess_kwh += float((part - claim.usual_kw).sum() * calendar.hours)
        hours.append(len(part) * calendar.hours)
    own = math.sqrt(sum(hour**2 for hour in hours))
    common = sum(hours) * math.sqrt(math.pi / 2 / nights)
    return max(excess_kwh, 0.0), NINETY_PERCENT * spread * math.hypot(own, common)
