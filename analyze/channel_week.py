"""One channel's week: its faults, what was expected, and what happened, each event told once.

The order decides under which name an event is told: sensor faults, spikes, after-hours waste,
anomalies. What one step tells is hidden from the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from analyze.after_hours_waste import ChannelWaste, after_hours_waste
from analyze.anomaly_detection import AnomalyEvent, anomalies
from analyze.baseline import Expected, expected_power
from analyze.calendar_days import Calendar
from analyze.drift_detection import newest_drift_pct
from analyze.faults import Fault
from analyze.hourly_days import HourGrid
from analyze.interval_score import IntervalScore, interval_score
from analyze.readings import ChannelSeries
from analyze.sensor_health import sensor_health
from analyze.spike_detection import SpikeEvent, spikes
from analyze.weather_response import Weather, WeatherResponse, weather_response
from lib.reading_rules import ReadingRules
from lib.stats_utils import Floats, Mask

MIN_BASELINE_WEEKS = 3
CONSUMERS = ("energy", "site_total")
NOT_JUDGED = ("unreadable", "retired")


@dataclass(frozen=True)
class ChannelStudy:
    """Everything found about one channel; arrays have one value per interval of `index`.

    `drift_pct` : how much its whole level moved slowly over four weeks; None for not at all.
    `expected` is None where the channel's consumption is not judged: no consumer, or a history of
    fewer than three weeks (`weeks` says how many). `weather` is what is known of its answer to
    the outdoor temperature, which `expected` contains; None where it does not follow it.
    """

    series: ChannelSeries
    index: pd.DatetimeIndex
    calendar: Calendar
    in_period: Mask
    due: Mask
    power_kw: Floats
    energy_kwh: Floats
    expected: Expected | None
    weeks: int
    faults: tuple[Fault, ...]
    spikes: tuple[SpikeEvent, ...] = ()
    waste: ChannelWaste | None = None
    anomalies: tuple[AnomalyEvent, ...] = ()
    drift_pct: float | None = None
    weather: WeatherResponse | None = None

    @property
    def is_consumer(self) -> bool:
        """True where the channel stands for energy that is used, once."""
        return self.series.is_additive or self.series.in_site_total

    @cached_property
    def reported(self) -> bool:
        """True when anything arrived, in the baseline or in the period."""
        return bool(self.series.frame["received"].any())

    @cached_property
    def expected_kwh(self) -> Floats:
        """Expected energy of each interval; NaN where it is unknown."""
        if self.expected is None:
            return np.full(len(self.index), np.nan)
        return self.expected.expected_kw * self.calendar.hours

    @property
    def excess_kw(self) -> Floats:
        """Measured less expected power; NaN where either is unknown."""
        if self.expected is None:
            return np.full(len(self.index), np.nan)
        return self.power_kw - self.expected.expected_kw

    def told_kwh(self, start: pd.Timestamp, end: pd.Timestamp) -> float:
        """Energy above the expected that this channel's own events tell of, in [start, end)."""
        told = np.zeros(len(self.index), dtype=bool)
        for span in self.told_spans():
            told[slice(*span)] = True
        first, last = self.index.searchsorted([start, end])
        inside = self.excess_kw[first:last][told[first:last]]
        return float(np.nansum(inside) * self.calendar.hours)

    def told_spans(self) -> list[tuple[int, int]]:
        """[start, stop) of every consumption event."""
        spans = [(spike.start, spike.stop) for spike in self.spikes]
        spans += [(event.start, event.stop) for event in self.anomalies]
        return spans + list(self.waste.stretches if self.waste is not None else ())


def study_channel(
    series: ChannelSeries,
    index: pd.DatetimeIndex,
    calendar: Calendar,
    in_period: Mask,
    due: Mask,
    rules: ReadingRules,
    rejected: Mapping[str, int],
    grid: HourGrid | None = None,
    weather: Weather | None = None,
) -> ChannelStudy:
    """Judge one channel.

    Parameters
    ----------
    series : the channel; its frame has n rows.
    index, calendar : the same n intervals in the site's zone.
    in_period, due : bool arrays, shape (n,)
        The period, and the part of it that should have arrived by now. What lies before the first
        interval of the period is history.
    rules : the plausible range of each value.
    rejected : readings or values of the period that were set aside, by reason.
    grid : the calendar's days and hours, where several channels share them.
    weather : the outdoor temperature of the same intervals, where the site knows it.
    """
    is_history = ~in_period
    power = series.power_kw().to_numpy(dtype=float)
    limits = {**rules.field_limits, "power_kw": rules.power_kw, "energy_kwh": rules.energy_kwh}
    faults: list[Fault] = []
    if series.status not in NOT_JUDGED:
        habits = grid if series.channel_type in CONSUMERS else None
        value = series.main_value()
        faults = sensor_health(
            series.frame, value, calendar, is_history, due, limits, rejected, habits
        )
    load_kw = power.copy()
    for fault in faults:
        if fault.hides_load:
            load_kw[fault.start : fault.stop] = np.nan
    load = pd.Series(load_kw, index)
    is_consumer = series.channel_type in CONSUMERS and (series.is_additive or series.in_site_total)
    response = weather_response(load_kw, weather) if is_consumer and weather is not None else None
    weather_kw = response.power_kw if response is not None else None
    expected = expected_power(load, calendar, is_history, weather_kw) if is_consumer else None
    weeks = expected.weeks if expected is not None else 0
    study = ChannelStudy(
        series=series,
        index=index,
        calendar=calendar,
        in_period=in_period,
        due=due,
        power_kw=power,
        energy_kwh=series.energy_kwh().to_numpy(dtype=float),
        expected=expected if weeks >= MIN_BASELINE_WEEKS else None,
        weeks=weeks,
        faults=tuple(faults),
        weather=response if weeks >= MIN_BASELINE_WEEKS else None,
    )
    if study.expected is None:
        return study
    score = interval_score(load_kw, calendar, is_history, grid, weather_kw)
    return _with_events(study, load, is_history, score)


def _with_events(
    study: ChannelStudy, load: pd.Series, is_history: Mask, score: IntervalScore
) -> ChannelStudy:
    expected, calendar, due = study.expected, study.calendar, study.due
    assert expected is not None
    found = spikes(load, expected, calendar, is_history, due, score)
    load = _without(load, [(spike.start, spike.stop) for spike in found])
    waste = None
    # The main meter sees the waste of its parts: it would be told twice.
    if study.series.is_additive and study.series.channel_type == "energy":
        waste = after_hours_waste(load, expected, calendar, is_history, due, score)
    if waste is not None:
        load = _without(load, waste.stretches)
    events = anomalies(load, expected, calendar, is_history, due, score)
    return replace(
        study,
        spikes=tuple(found),
        waste=waste,
        anomalies=tuple(events),
        drift_pct=newest_drift_pct(score.hours, study.due),
    )


def _without(load: pd.Series, spans: Sequence[tuple[int, int]]) -> pd.Series:
    if not spans:
        return load
    hidden = load.to_numpy(copy=True)
    for start, stop in spans:
        hidden[start:stop] = np.nan
    return pd.Series(hidden, load.index)
