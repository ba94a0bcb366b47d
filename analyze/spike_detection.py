"""Spikes: one to three intervals that stand out of both neighbours and of the expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analyze.baseline import Expected
from analyze.calendar_days import Calendar
from analyze.interval_score import IntervalScore, interval_score
from analyze.spike_score import THRESHOLD, spike_scores
from lib.stats_utils import Mask, runs


@dataclass(frozen=True)
class SpikeEvent:
    """Intervals [start, stop) of the index that stand out; powers in kW, energy in kWh."""

    start: int
    stop: int
    peak_kw: float
    expected_kw: float
    excess_kwh: float


def spikes(
    power_kw: pd.Series,
    expected: Expected,
    calendar: Calendar,
    is_history: Mask,
    judged: Mask,
    score: IntervalScore | None = None,
) -> list[SpikeEvent]:
    """Find the spikes of one channel, upwards, in the judged intervals."""
    power = power_kw.to_numpy(dtype=float)
    score = score or interval_score(power, calendar, is_history)
    usual_weather = power if score.weather_kw is None else power - score.weather_kw
    scores = spike_scores(usual_weather, score.hours, score.load, calendar)
    best, width = scores.max(axis=0), scores.argmax(axis=0) + 1
    events: list[SpikeEvent] = []
    for start, stop in runs(judged & (best > THRESHOLD)):
        at = start + int(np.argmax(best[start:stop]))
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
