"""Spikes: one to three intervals that stand out of both neighbours and of the expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from analyze.baseline import Expected, slot_sigma
from analyze.calendar_days import Calendar
from lib.stats_utils import MAD_TO_SIGMA, Floats, Mask, nan_quantile, runs

MAX_INTERVALS = 3
# A spike is this many times as large as each of the sizes below.
THRESHOLD = 1.5
USUAL_CHANGES = 3.0
NOISE_FLOOR_KW = 0.1
SHARE_OF_RANGE = 0.15
SHARE_OF_EXPECTED = 0.5
SCALES = 1.5
ABOVE_EXPECTED = 0.35
ABOVE_NEIGHBOUR = 0.2
# What is restless for hours may jump as it does then: changes are compared with those around too.
AROUND_HOURS = 4.0
# Jumps on at least this many days of the history are a habit of the channel.
HABITUAL_DAYS = 6
HABIT_FACTOR = 1.2
# Beyond everything the history holds, by this share of its range, it is a spike in any channel.
SHARE_BEYOND_RECORD = 0.5
# Also by this many standard deviations of the changes around it.
CHANGES_AROUND = 2.5
# Some sources add up the two passes of the hour that autumn repeats.
REPEATED_HOUR_RATIO = 2.5

Widths = NDArray[np.int64]


@dataclass(frozen=True)
class SpikeEvent:
    """Intervals [start, stop) of the index that stand out; powers in kW, energy in kWh."""

    start: int
    stop: int
    peak_kw: float
    expected_kw: float
    excess_kwh: float


def spikes(
    power_kw: pd.Series, expected: Expected, calendar: Calendar, is_history: Mask, judged: Mask
) -> list[SpikeEvent]:
    """Find the spikes of one channel, upwards, in the judged intervals.

    Parameters
    ----------
    power_kw : Series of float, shape (n,)
        Mean power of each interval [kW]; regular index; NaN where unmeasured.
    expected, calendar : of the same n intervals.
    is_history, judged : bool arrays, shape (n,)
        Where habits are learned from, and where spikes are looked for.

    References
    ----------
    The tests a spike has to pass and their sizes are this project's choice, tuned on public meter
    data with injected spikes.
    """
    power = power_kw.to_numpy(dtype=float)
    usual = _usual_sizes(power, expected, calendar, is_history)
    score, width = _best_score(power, expected, usual, calendar, is_history)
    found = judged & (score > THRESHOLD)
    events: list[SpikeEvent] = []
    for start, stop in runs(found):
        at = start + int(np.argmax(score[start:stop]))
        end = min(at + int(width[at]), len(power))
        if events and at < events[-1].stop:
            continue
        excess = (power[at:end] - expected.expected_kw[at:end]).sum() * calendar.hours
        events.append(
            SpikeEvent(
                start=at,
                stop=end,
                peak_kw=float(power[at:end].max()),
                expected_kw=float(expected.expected_kw[at:end].mean()),
                excess_kwh=float(excess),
            )
        )
    return events


@dataclass(frozen=True)
class _Usual:
    change_kw: Floats
    around_kw: Floats
    size_kw: Floats
    highest_kw: float
    range_kw: float


def _usual_sizes(power: Floats, expected: Expected, calendar: Calendar, is_history: Mask) -> _Usual:
    """How much the channel usually changes at that time of day, and what is large for it."""
    residual = power - expected.expected_kw
    steps = np.diff(residual, prepend=np.nan)
    usual = slot_sigma(steps, calendar, is_history)
    around = _sigma_around(steps, calendar.intervals(AROUND_HOURS))
    change = np.fmax(usual, around)
    past = power[is_history & np.isfinite(power)]
    low, high, highest = (
        float(nan_quantile(past, point)) if len(past) else np.nan for point in (0.01, 0.99, 0.995)
    )
    # By night a spike is small against the day's range, so its own level counts too.
    size = np.minimum(
        SHARE_OF_RANGE * (high - low), SHARE_OF_EXPECTED * np.abs(expected.expected_kw)
    )
    floor = max(0.02 * expected.level_kw, NOISE_FLOOR_KW / THRESHOLD)
    return _Usual(
        change_kw=np.maximum(change, floor),
        around_kw=np.fmax(around, floor),
        size_kw=np.maximum(size, floor),
        highest_kw=highest,
        range_kw=max(high - low, floor),
    )


def _sigma_around(steps: Floats, width: int) -> Floats:
    """Standard deviation of the changes before or after each interval, the larger.

    Of one side, because the other may be a quiet night. A median, so that a spike is not in it.
    """
    around = np.pad(np.abs(steps), width, constant_values=np.nan)
    sizes = sliding_window_view(around, width).T
    enough = 2 * np.isfinite(sizes).sum(axis=0) > width
    sigma = np.where(enough, MAD_TO_SIGMA * nan_quantile(sizes, 0.5), np.nan)
    return np.fmax(sigma[: len(steps)], sigma[width : width + len(steps)])


def _best_score(
    power: Floats, expected: Expected, usual: _Usual, calendar: Calendar, is_history: Mask
) -> tuple[Floats, Widths]:
    """For each interval the score of the best spike that starts there, and its width.

    A spike stands out either of what is usual at its time, and more than the channel's habitual
    jumps do, or of everything the channel did in its history.
    """
    residual = power - expected.expected_kw
    ordinary, record = [], []
    for width in range(1, min(MAX_INTERVALS, len(power)) + 1):
        lowest = sliding_window_view(residual, width).min(axis=1)
        lowest_kw = sliding_window_view(power, width).min(axis=1)
        step, step_kw = lowest - _beside(residual, width), lowest_kw - _beside(power, width)
        here = slice(0, len(lowest))
        size_kw = usual.size_kw[here]
        expected_kw = np.maximum(np.abs(expected.expected_kw[here]), size_kw)
        beside_kw = np.maximum(np.abs(lowest_kw - step_kw), size_kw)
        tests = (
            step / (USUAL_CHANGES * usual.change_kw[here]),
            step / size_kw,
            lowest / (SCALES * expected.scale_kw[here]),
            lowest / (ABOVE_EXPECTED * expected_kw),
            step_kw / (ABOVE_NEIGHBOUR * beside_kw),
        )
        doubled = calendar.is_repeated[here] & (lowest_kw < REPEATED_HOUR_RATIO * expected_kw)
        ordinary.append(_padded(np.where(doubled, 0.0, np.minimum.reduce(tests)), len(power)))
        beyond = np.minimum(step_kw, lowest_kw - usual.highest_kw)
        beyond = np.minimum(
            beyond / (SHARE_BEYOND_RECORD * usual.range_kw),
            step_kw / (CHANGES_AROUND * usual.around_kw[here]),
        )
        record.append(_padded(THRESHOLD * np.where(doubled, 0.0, beyond), len(power)))
    habit = HABIT_FACTOR * _habitual_score(np.max(ordinary, axis=0), calendar, is_history)
    scores = np.maximum(np.array(ordinary) / max(1.0, habit), record)
    return scores.max(axis=0), scores.argmax(axis=0) + 1


def _padded(scores: Floats, length: int) -> Floats:
    """Scores with 0 where one is not known, and where the window leaves the index."""
    padded = np.zeros(length)
    padded[: len(scores)] = np.where(np.isfinite(scores), scores, 0.0)
    return padded


def _beside(values: Floats, width: int) -> Floats:
    """The larger of the values before and after each window; 0 where neither was measured."""
    before = np.concatenate([[np.nan], values[:-width]])
    after = np.concatenate([values[width:], [np.nan]])
    larger = np.fmax(before, after)
    return np.where(np.isfinite(larger), larger, 0.0)


def _habitual_score(score: Floats, calendar: Calendar, is_history: Mask) -> float:
    """The sixth largest of the history's daily maxima."""
    if not is_history.any():
        return 0.0
    days = calendar.day[is_history] - calendar.day[is_history].min()
    daily = np.zeros(int(days.max()) + 1)
    np.maximum.at(daily, days, score[is_history])
    return float(np.sort(daily)[-HABITUAL_DAYS]) if len(daily) >= HABITUAL_DAYS else 0.0
