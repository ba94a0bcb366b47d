"""All detectors of one channel in their order: what the weekly report and the benchmarks run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyze.calendar_days import Calendar
from analyze.consumption_score import SHIPPED, ConsumptionScore, Scorecard, consumption_score
from analyze.drift_detection import Drift, drift
from analyze.expected_load import ExpectedLoad, expected_load
from analyze.health_rules import MeterFaults, meter_faults
from analyze.hourly_days import HourGrid, HourlyDays, hour_grid
from analyze.spike_score import THRESHOLD, spike_scores
from lib.stats_utils import Floats, Mask


@dataclass(frozen=True)
class Detections:
    """What each detector says of one channel; `hours` and `load` are what they worked on.

    `spike_score` : shape (n,); `spike_width` : how many intervals the best spike from there has.
    """

    faults: MeterFaults
    hours: HourlyDays
    load: ExpectedLoad
    consumption: ConsumptionScore
    spike_score: Floats
    spike_width: NDArray[np.int64]
    drift: Drift

    @property
    def is_spike(self) -> Mask:
        """Intervals at which a spike starts, shape (n,)."""
        return self.spike_score > THRESHOLD


def detect(
    power_kw: Floats,
    calendar: Calendar,
    grid: HourGrid | None = None,
    card: Scorecard = SHIPPED,
) -> Detections:
    """Run every detector on one channel.

    Parameters
    ----------
    power_kw : shape (n,), mean power of each interval [kW]; NaN where unmeasured.
    calendar : of the same n intervals, of an hour or less, without a gap.
    grid : of that calendar, where several channels share it.
    card : weights of the consumption scorecard.
    """
    grid = grid or hour_grid(calendar)
    faults = meter_faults(power_kw, grid, calendar.interval_seconds)
    measured = np.where(faults.hides_load, np.nan, power_kw)
    hours = grid.fill(np.where(faults.over_range, np.nan, measured))
    load = expected_load(hours)
    spikes = spike_scores(measured, hours, load, calendar)
    return Detections(
        faults=faults,
        hours=hours,
        load=load,
        consumption=consumption_score(hours, load, card),
        spike_score=spikes.max(axis=0),
        spike_width=spikes.argmax(axis=0) + 1,
        drift=drift(hours),
    )
