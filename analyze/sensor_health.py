"""Sensor health: faults of a meter or of its data, so that they are not taken for consumption."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from analyze.calendar_days import Calendar
from analyze.faults import Fault, span_of
from analyze.findings import Severity
from analyze.health_rules import from_their_start, meter_faults
from analyze.hourly_days import HourGrid
from analyze.phase_health import phase_faults
from analyze.wording import length_of_time
from lib.reading_rules import Limits, outside
from lib.stats_utils import Floats, Mask, equal_runs, nan_quantile, runs

GAP_HOURS = 1.0
MEDIUM_GAP_HOURS = 2.0
HIGH_GAP_HOURS = 24.0
STALE_HOURS = 6.0
DEAD_HOURS = 24.0
MIN_COMPLETENESS = 0.99

# One value for so long is a stuck sensor, unless the channel often does so.
FLAT_HOURS_FINE = 3.0
FLAT_HOURS_HOURLY = 6.0
FLAT_TIMES_USUAL = 2.0
# Lower than a median, so that a sensor that stuck in half of the weeks does not make it usual.
FLAT_USUAL_QUANTILE = 0.35
USUAL_ZERO_SHARE = 0.05
# Where the voltage moves by this share, the meter lives and the equipment is off.
LIVE_VOLTAGE_SPREAD = 0.001

MISMATCH = 0.05
MISMATCH_SHARE = 0.01
# Of the intervals: from here on it matters, and a register that stands still is no rounding.
STILL_SHARE = 0.05
MISMATCH_FLOOR_OF_PEAK = 0.005

# Longer than a spike may be, it is the meter's scale.
OVER_RANGE_HOURS = 1.0
MIN_RARE_ZEROS = 2
OUT_OF_RANGE_SHARE = 0.01
NOTHING_REJECTED: Mapping[str, int] = MappingProxyType({})


def sensor_health(
    frame: pd.DataFrame,
    value: pd.Series,
    calendar: Calendar,
    is_history: Mask,
    due: Mask,
    limits: Mapping[str, Limits],
    rejected: Mapping[str, int] = NOTHING_REJECTED,
    grid: HourGrid | None = None,
) -> list[Fault]:
    """Every fault of one channel among the intervals that are due.

    Parameters
    ----------
    frame : DataFrame, shape (n, ...); columns as in ChannelSeries.frame, units in their names.
    value : Series of float, shape (n,); what the channel is there to measure: power [kW], else
        temperature [°C]. NaN where unmeasured.
    calendar : of the same n intervals.
    is_history, due : bool arrays, shape (n,)
        Where habits are learned from; which intervals should have arrived (a contiguous stretch).
        Stale and dead are judged at the end of `due`.
    limits : lowest and highest plausible value by column.
    rejected : readings or values that were set aside at the border, by reason.
    grid : the calendar's days and hours, of which only the history is learned from; without it
        the habits of whole days (rare zeros, days and intervals out of scale) are not judged.

    Returns
    -------
    list of Fault; none for a channel that never reported. A missing interval is told once.
    """
    values = value.to_numpy(dtype=float)
    if not due.any() or not np.isfinite(values).any():
        return []
    silence = _silence(values, calendar, is_history, due)
    told = _mask(silence, len(values))
    gaps = _gaps(values, calendar, due & ~told)
    told |= _mask(gaps, len(values))
    stuck = flatlines(frame, values, calendar, is_history, due)
    habits = _out_of_habit(frame, values, calendar, grid, due, stuck) if grid is not None else []
    return [
        *silence,
        *gaps,
        *_low_completeness(values, due, told),
        *stuck,
        *habits,
        *_out_of_range(frame, due & ~_hidden(habits, len(values)), limits),
        *_set_aside(rejected, due),
        *_energy_power_mismatch(frame, calendar, due),
        *phase_faults(frame, calendar, is_history, due),
    ]


def _mask(faults: list[Fault], length: int) -> Mask:
    mask = np.zeros(length, dtype=bool)
    for fault in faults:
        mask[fault.start : fault.stop] = True
    return mask


def _hidden(faults: list[Fault], length: int) -> Mask:
    """Where a fault tells that the values are not the load."""
    return _mask([fault for fault in faults if fault.hides_load], length)


def _silence(values: Floats, calendar: Calendar, is_history: Mask, due: Mask) -> list[Fault]:
    """The channel stopped reporting, and was still silent at the end."""
    first, end = span_of(due)
    measured = np.flatnonzero(np.isfinite(values[first:end]))
    if not len(measured):
        text = "No data in the whole period, after reporting in the weeks before"
        if not np.isfinite(values[is_history]).any():
            return []
        return [Fault("dead_channel", "high", first, end, text, hides_load=True)]
    start = first + int(measured[-1]) + 1
    hours = (end - start) * calendar.hours
    if hours >= DEAD_HOURS:
        text = f"No data for the last {length_of_time(hours)}"
        return [Fault("dead_channel", "high", start, end, text, hides_load=True)]
    if hours >= STALE_HOURS:
        text = f"The last reading is {length_of_time(hours)} old"
        return [Fault("stale_data", "medium", start, end, text, hides_load=True)]
    return []


def _gaps(values: Floats, calendar: Calendar, due: Mask) -> list[Fault]:
    """Missing stretches of at least an hour."""
    faults = []
    for start, stop in runs(due & ~np.isfinite(values)):
        hours = (stop - start) * calendar.hours
        if hours < GAP_HOURS or stop - start < 2:
            continue
        severity = _by_size(hours, MEDIUM_GAP_HOURS, HIGH_GAP_HOURS)
        text = f"No data for {length_of_time(hours)} ({stop - start} intervals)"
        faults.append(Fault("missing_data", severity, start, stop, text, hides_load=True))
    return faults


def _low_completeness(values: Floats, due: Mask, told: Mask) -> list[Fault]:
    """Many single intervals missing, besides the gaps that are told already."""
    scattered = due & ~told & ~np.isfinite(values)
    missing = scattered.sum() / due.sum()
    if missing <= 1 - MIN_COMPLETENESS:
        return []
    text = f"{100 * missing:.1f} % of the intervals are missing here and there ({scattered.sum()})"
    return [Fault("low_completeness", _by_size(missing, 0.05, 0.2), *span_of(due), text)]


def flatlines(
    frame: pd.DataFrame, values: Floats, calendar: Calendar, is_history: Mask, due: Mask
) -> list[Fault]:
    """One value for longer than the channel usually keeps one; parameters as `sensor_health`."""
    past = values[is_history]
    past = past[np.isfinite(past)]
    if not len(past):
        return []
    zeros_are_usual = (past == 0).mean() >= USUAL_ZERO_SHARE
    least_hours = FLAT_HOURS_FINE if calendar.interval_seconds <= 1800 else FLAT_HOURS_HOURLY
    first, end = span_of(due)
    flat = [run for run in equal_runs(values) if (run[1] - run[0]) * calendar.hours >= least_hours]
    faults = []
    for begin, stop in flat:
        is_zero = values[begin] == 0
        start, stop = max(begin, first), min(stop, end)
        if start >= stop or (is_zero and (zeros_are_usual or _meter_lives(frame, start, stop))):
            continue
        hours = (stop - begin) * calendar.hours
        if hours <= FLAT_TIMES_USUAL * _usual_run_hours(flat, values, calendar, is_history):
            continue
        unit = "kW" if frame["power_kw"].notna().any() else "(same value)"
        text = f"Stuck at {values[begin]:.4g} {unit} for {length_of_time(hours)}"
        severity: Severity = "high" if hours >= HIGH_GAP_HOURS else "medium"
        faults.append(Fault("flatline", severity, start, stop, text, hides_load=True))
    return faults


def _usual_run_hours(
    flat: list[tuple[int, int]], values: Floats, calendar: Calendar, is_history: Mask
) -> float:
    """Longest run of one value in an ordinary week of the history [h]; zeros do not count."""
    day = calendar.day
    last = int(day[is_history].max())
    longest = np.zeros(int(last - day[is_history].min()) // 7 + 1)
    for start, stop in flat:
        if not is_history[start] or values[start] == 0:
            continue
        stop = min(stop, int(np.flatnonzero(is_history)[-1]) + 1)
        # A run may reach over several weeks: it is usual in each of them.
        newest, oldest = int(last - day[stop - 1]) // 7, int(last - day[start]) // 7
        hours = (stop - start) * calendar.hours
        longest[newest : oldest + 1] = np.maximum(longest[newest : oldest + 1], hours)
    return float(np.quantile(longest, FLAT_USUAL_QUANTILE))


def _meter_lives(frame: pd.DataFrame, start: int, stop: int) -> bool:
    voltage = frame["voltage_v"].to_numpy()[start:stop]
    voltage = voltage[np.isfinite(voltage)]
    return bool(len(voltage)) and np.ptp(voltage) > LIVE_VOLTAGE_SPREAD * np.median(voltage)


def _out_of_habit(
    frame: pd.DataFrame,
    values: Floats,
    calendar: Calendar,
    grid: HourGrid,
    due: Mask,
    stuck: list[Fault],
) -> list[Fault]:
    """Zeros, days and intervals that this channel does not have (analyze/health_rules.py)."""
    found = meter_faults(values, grid, calendar.interval_seconds)
    judged = due & ~_mask(stuck, len(values))
    faults = _rare_zeros(judged & found.zero & ~(frame["voltage_v"].to_numpy() > 0), due)
    low_scale = from_their_start(found.low_scale, calendar.interval_seconds)
    scales = (
        (
            low_scale & (values != 0) & np.isfinite(values),
            1,
            "Below 60 % of its usual base load",
            "a lost phase, a wrong ratio, or most of it is off",
        ),
        (
            found.over_range,
            calendar.intervals(OVER_RANGE_HOURS),
            "More than 4 times its usual highest load",
            "a wrong ratio, or a new load",
        ),
    )
    for mask, least, what, why in scales:
        for start, stop in runs(judged & mask):
            if stop - start >= least:
                hours = (stop - start) * calendar.hours
                text = f"{what} for {length_of_time(hours)}: {why}"
                if np.median(values[start:stop]) < 0:
                    length = length_of_time(hours)
                    text = f"Negative power for {length}: a reversed clamp, or generation"
                faults.append(Fault("out_of_range", "medium", start, stop, text, hides_load=True))
    return faults


def _rare_zeros(zeros: Mask, due: Mask) -> list[Fault]:
    """Readings of zero among others, where no voltage shows that the equipment was off."""
    count = int(zeros.sum())
    if count < MIN_RARE_ZEROS:
        return []
    severity: Severity = "medium" if count >= OUT_OF_RANGE_SHARE * due.sum() else "low"
    text = f"{count} readings of zero, which this channel hardly ever has"
    return [Fault("out_of_range", severity, *span_of(zeros), text)]


def _out_of_range(frame: pd.DataFrame, due: Mask, limits: Mapping[str, Limits]) -> list[Fault]:
    """Stored values that the rules of the channel would refuse today."""
    if not due.any():
        return []
    first, end = span_of(due)
    wrong = {
        name: due & outside(frame[name].to_numpy(), bounds)
        for name, bounds in limits.items()
        if name in frame.columns and outside(frame[name].to_numpy()[first:end], bounds).any()
    }
    with_energy = np.zeros(len(due), dtype=bool)
    if "power_kw" in wrong and "energy_kwh" in wrong:
        # A wrong power makes its energy wrong: that is one fault.
        with_energy = wrong["power_kw"] & wrong["energy_kwh"]
        wrong["energy_kwh"] &= ~with_energy
    faults = []
    for name, mask in wrong.items():
        count = int(mask.sum())
        if not count:
            continue
        what = f"1 value of {name} lies" if count == 1 else f"{count} values of {name} lie"
        text = f"{what} outside {limits[name][0]:g} .. {limits[name][1]:g}"
        if name == "power_kw" and with_energy.any():
            text += ", the energy too"
        severity: Severity = "medium" if count / due.sum() >= OUT_OF_RANGE_SHARE else "low"
        faults.append(Fault("out_of_range", severity, *span_of(mask), text))
    return faults


def _set_aside(rejected: Mapping[str, int], due: Mask) -> list[Fault]:
    """So many implausible values at the border that the sensor has to be looked at."""
    count = sum(rejected.values())
    if count < OUT_OF_RANGE_SHARE * due.sum():
        return []
    reasons = ", ".join(
        f"{times} × {reason.replace('_', ' ')}" for reason, times in sorted(rejected.items())
    )
    text = (
        f"1 implausible reading or value was set aside ({reasons})"
        if count == 1
        else f"{count} implausible readings or values were set aside ({reasons})"
    )
    return [Fault("out_of_range", "medium", *span_of(due), text)] if count else []


def _energy_power_mismatch(frame: pd.DataFrame, calendar: Calendar, due: Mask) -> list[Fault]:
    """Energy and power of the same interval contradict each other."""
    energy = frame["energy_kwh"].to_numpy(dtype=float)
    by_power = frame["power_kw"].to_numpy(dtype=float) * calendar.hours
    both = due & np.isfinite(energy) & np.isfinite(by_power)
    if not both.any():
        return []
    larger = np.maximum(np.abs(energy), np.abs(by_power))
    floor = MISMATCH_FLOOR_OF_PEAK * float(nan_quantile(larger[both], 0.99))
    wrong = both & (np.abs(energy - by_power) > np.maximum(MISMATCH * larger, floor))
    share = wrong.sum() / both.sum()
    if share <= MISMATCH_SHARE:
        return []
    still = wrong & (np.abs(energy) <= floor) & (np.abs(by_power) > floor)
    if still.sum() >= STILL_SHARE * both.sum():
        missing_kwh = float((by_power - energy)[still].sum())
        text = (
            f"The energy register stood still in {100 * still.sum() / both.sum():.0f} % of the "
            f"intervals while power flowed: about {missing_kwh:,.0f} kWh are not counted"
        )
        return [Fault("energy_power_mismatch", "high", *span_of(still), text)]
    text = f"Energy and power differ by more than 5 % in {100 * share:.0f} % of the intervals"
    severity: Severity = "medium" if share >= STILL_SHARE else "low"
    return [Fault("energy_power_mismatch", severity, *span_of(wrong), text)]


def _by_size(size: float, medium: float, high: float) -> Severity:
    if size >= high:
        return "high"
    return "medium" if size >= medium else "low"
