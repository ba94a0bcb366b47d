"""How good each channel's data is: what came, what is missing, and what looks wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd

from analyze.calendar_days import site_calendar
from analyze.findings import SEVERITIES, Severity
from analyze.profiles.loading import FIELDS
from analyze.readings import ChannelSeries, RejectedCount
from analyze.sensor_health import flatlines
from config.sites import SiteConfig
from lib.stats_utils import Floats, equal_runs, runs

# A day counts as valid from this share of its intervals on: CalTRACK and OpenDSM ask for 90 %.
VALID_DAY = 0.9
COMPLETE_PCT, USABLE_PCT = 99.0, 90.0
LONG_GAP_HOURS, SILENT_HOURS = 24.0, 24.0
CORE_NULL_PCT, REJECTED_PCT, MISMATCH_PCT = 1.0, 1.0, 1.0
# Energy = power x time within 5 %, and 0.01 kWh for rounding: as in the validation.
MISMATCH, MISMATCH_KWH = 0.05, 0.01
# Tukey's outer fence, as OpenDSM's extreme_values: told, never dropped.
FENCE = 3.0
EXTREME_PCT = 1.0
MIN_VALUES_FOR_SHAPE = 96
MIN_DISTINCT = 3

Grade = Literal["good", "fair", "poor", "none"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a channel's data: a stable name and a sentence with numbers."""

    name: str
    severity: Severity
    text: str


@dataclass(frozen=True)
class Gap:
    """A stretch [start, end) in which readings were due and none came."""

    start: datetime
    end: datetime
    hours: float


@dataclass(frozen=True)
class ChannelHealth:
    """One channel's data over the period; shares in % of the readings received.

    `due` and `received` count intervals of `interval_seconds` since the first reading; a valid day
    has 90 % of its intervals. `flat_hours` is the longest run of equal values other than zero,
    `extreme_pct` the share of values beyond three interquartile ranges. `fields_pct` tells how
    often each field is sent; what is never sent is left out. Shares are None where nothing came.
    """

    channel_id: int
    channel_name: str
    channel_type: str
    device_name: str | None
    device_type: str | None
    status: str
    grade: Grade
    first_reading: datetime | None
    last_reading: datetime | None
    interval_seconds: int | None
    other_intervals: tuple[int, ...]
    due: int
    received: int
    completeness_pct: float | None
    days_due: int
    valid_days: int
    gaps: int
    longest_gap: Gap | None
    core_null_pct: float | None
    zero_pct: float | None
    negative_pct: float | None
    extreme_pct: float | None
    flat_hours: float | None
    mismatch_pct: float | None
    rejected_rows: int
    rejected_values: int
    months_pct: Mapping[str, float] = field(default_factory=dict)
    fields_pct: Mapping[str, float] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Arrival:
    """What was due and what came, by interval."""

    due: np.ndarray
    missing: np.ndarray
    gaps: list[tuple[int, int]]


def channel_health(
    meter: Mapping[str, Any],
    series: ChannelSeries,
    settled: datetime,
    counts: Mapping[str, int],
    rejected: Sequence[RejectedCount] = (),
    allow_export: bool = False,
    flat: Problem | None = None,
) -> ChannelHealth:
    """Judge one channel.

    Parameters
    ----------
    meter : its row of v_meters, with `first_reading` and `last_reading`.
    series : its readings of the period on a regular grid.
    settled : nothing that ends later is due yet.
    counts : how many readings hold each field, and `readings` in all.
    rejected : what was set aside in the period.
    allow_export : negative power is then real.
    flat : where it was stuck, by `stuck`.
    """
    arrival = _arrival(meter, series, settled)
    received = int((arrival.due & ~arrival.missing).sum())
    due = int(arrival.due.sum())
    rows = sum(one.rejected for one in rejected if one.scope == "row")
    values = sum(one.rejected for one in rejected if one.scope == "field")
    days_due, valid_days = _valid_days(series, arrival)
    readings = counts.get("readings", 0)
    found: dict[str, Any] = {
        "due": due,
        "received": received,
        "completeness_pct": 100 * received / due if due else None,
        "days_due": days_due,
        "valid_days": valid_days,
        "gaps": len(arrival.gaps),
        "longest_gap": _longest_gap(series, arrival),
        **_value_figures(series),
        "rejected_rows": rows,
        "rejected_values": values,
    }
    problems = _problems(meter, series, settled, found, counts, allow_export)
    problems += [] if flat is None else [flat]
    return ChannelHealth(
        **{name: meter[name] for name in _ABOUT},
        grade=_grade(received, problems),
        interval_seconds=series.interval_seconds if readings else None,
        other_intervals=series.other_intervals,
        **found,
        months_pct=_months_pct(series, arrival),
        fields_pct={
            name: 100 * counts[name] / readings for name in FIELDS if readings and counts.get(name)
        },
        problems=tuple(problems),
    )


def stuck(series: ChannelSeries, site: SiteConfig, start: datetime) -> Problem | None:
    """Where a channel kept one value for longer than it usually does, from `start` on.

    The rule and the severities are those of the reports (analyze/sensor_health.py); habits are
    learned from all that is measured.
    """
    values = series.main_value()
    first = values.first_valid_index()
    due = np.asarray(values.index >= start)
    if first is None or not due.any():
        return None
    calendar = site_calendar(values.index, series.interval_seconds, site)
    known = np.asarray(values.index >= first)
    found = flatlines(series.frame, values.to_numpy(dtype=float), calendar, known, due)
    if not found:
        return None
    longest = max(found, key=lambda one: one.stop - one.start)
    text = f"{longest.description} from {values.index[longest.start]:%Y-%m-%d %H:%M}"
    if len(found) > 1:
        text += f", and {len(found) - 1} shorter time{'s' if len(found) > 2 else ''}"
    return Problem("flatline", max((one.severity for one in found), key=SEVERITIES.index), text)


_ABOUT = (
    "channel_id", "channel_name", "channel_type", "device_name", "device_type", "status",
    "first_reading", "last_reading",
)  # fmt: skip


def _arrival(meter: Mapping[str, Any], series: ChannelSeries, settled: datetime) -> _Arrival:
    """Due from the first reading on; until the last one where the channel is retired."""
    starts, received = series.frame.index, series.frame["received"].to_numpy(dtype=bool)
    step = pd.Timedelta(seconds=series.interval_seconds)
    at = np.flatnonzero(received)
    first = meter["first_reading"] or (starts[at[0]] if len(at) else None)
    if first is None or meter["status"] in ("silent", "unreadable"):
        return _Arrival(received.copy(), np.zeros(len(received), dtype=bool), [])
    due = np.asarray((starts >= first) & (starts + step <= settled))
    if meter["status"] == "retired" and meter["last_reading"] is not None:
        due &= np.asarray(starts <= meter["last_reading"])
    due |= received
    missing = due & ~received
    return _Arrival(due, missing, runs(missing))


def _longest_gap(series: ChannelSeries, arrival: _Arrival) -> Gap | None:
    if not arrival.gaps:
        return None
    start, stop = max(arrival.gaps, key=lambda gap: gap[1] - gap[0])
    index, step = series.frame.index, pd.Timedelta(seconds=series.interval_seconds)
    begin, end = index[start].to_pydatetime(), (index[stop - 1] + step).to_pydatetime()
    return Gap(begin, end, (stop - start) * series.hours)


def _valid_days(series: ChannelSeries, arrival: _Arrival) -> tuple[int, int]:
    days = np.asarray(series.frame.index.tz_localize(None).normalize())[arrival.due]
    if not len(days):
        return 0, 0
    _, position = np.unique(days, return_inverse=True)
    due = np.bincount(position)
    came = np.bincount(position, weights=~arrival.missing[arrival.due])
    return len(due), int((came >= VALID_DAY * due - 1e-9).sum())


def _months_pct(series: ChannelSeries, arrival: _Arrival) -> dict[str, float]:
    """Completeness of each calendar month in which something was due [%]."""
    index = series.frame.index[arrival.due]
    came = ~arrival.missing[arrival.due]
    keys = index.year * 12 + index.month - 1
    numbers, position = np.unique(np.asarray(keys), return_inverse=True)
    shares = 100 * np.bincount(position, weights=came) / np.maximum(np.bincount(position), 1)
    return {
        f"{number // 12}-{number % 12 + 1:02d}": float(share)
        for number, share in zip(numbers.tolist(), shares, strict=False)
    }


def _value_figures(series: ChannelSeries) -> dict[str, float | None]:
    """What the values of the channel's main measure look like."""
    values = series.main_value().to_numpy(dtype=float)
    known = values[np.isfinite(values)]
    received = int(series.frame["received"].sum())
    names = ("core_null_pct", "zero_pct", "negative_pct", "extreme_pct", "flat_hours")
    if not len(known):
        nothing: dict[str, float | None] = dict.fromkeys((*names, "mismatch_pct"))
        return nothing | {"core_null_pct": 100.0 if received else None}
    longest = max(
        (stop - start for start, stop in equal_runs(values) if values[start] != 0), default=0
    )
    return {
        "core_null_pct": 100 * (1 - len(known) / received) if received else None,
        "zero_pct": 100 * float((known == 0).mean()),
        "negative_pct": 100 * float((known < 0).mean()),
        "extreme_pct": _extreme_pct(known),
        "flat_hours": longest * series.hours,
        "mismatch_pct": _mismatch_pct(series),
    }


def _extreme_pct(known: Floats) -> float | None:
    """Values beyond three interquartile ranges of the quartiles; None for too few values."""
    if len(known) < MIN_VALUES_FOR_SHAPE:
        return None
    low, high = np.quantile(known, [0.25, 0.75])
    reach = FENCE * (high - low)
    return 100 * float(((known < low - reach) | (known > high + reach)).mean()) if reach else 0.0


def _mismatch_pct(series: ChannelSeries) -> float | None:
    """Share of the intervals with both in which energy is not power x time [%]."""
    energy = series.frame["energy_kwh"].to_numpy()
    by_power = series.frame["power_kw"].to_numpy() * series.hours
    both = np.isfinite(energy) & np.isfinite(by_power)
    if not both.any():
        return None
    size = np.maximum(np.abs(energy[both]), np.abs(by_power[both]))
    apart = np.abs(energy[both] - by_power[both])
    return 100 * float((apart > np.maximum(MISMATCH_KWH, MISMATCH * size)).mean())


def _problems(
    meter: Mapping[str, Any],
    series: ChannelSeries,
    settled: datetime,
    found: Mapping[str, Any],
    counts: Mapping[str, int],
    allow_export: bool,
) -> list[Problem]:
    """Everything worth a line, in the order in which it should be looked at."""
    if not found["received"]:
        first = meter["first_reading"]
        if first is not None and first >= series.frame.index[-1]:
            return [Problem("no_data", "low", f"its first reading is of {first:%Y-%m-%d}")]
        expected: Severity = "low" if meter["status"] in ("silent", "unreadable") else "high"
        return [Problem("no_data", expected, f"no reading in the period; status {meter['status']}")]
    told = [*_arrival_problems(meter, series, settled, found)]
    is_power = meter["channel_type"] != "environment"
    distinct = series.main_value().dropna().nunique()
    readings = max(counts.get("readings", 0), 1)
    shares: tuple[tuple[str, Severity, float | None, float, str], ...] = (
        ("null_core_field", "medium", found["core_null_pct"], CORE_NULL_PCT,
         "of the readings hold no value of what the channel measures"),
        ("energy_power_mismatch", "high", found["mismatch_pct"], MISMATCH_PCT,
         "of the intervals have an energy that is not power x time"),
        ("negative_values", "medium", found["negative_pct"] if is_power and not allow_export
         else None, 0.0, "of the values are negative, and export is not configured"),
        ("extreme_values", "low", found["extreme_pct"] if is_power else None, EXTREME_PCT,
         "of the values lie beyond three interquartile ranges"),
        ("rejected_readings", "medium", 100 * found["rejected_rows"] / readings, REJECTED_PCT,
         "as many readings were refused as are stored"),
    )  # fmt: skip
    told += [
        Problem(name, severity, f"{share:.2g} % {text}")
        for name, severity, share, limit, text in shares
        if share is not None and share > limit
    ]
    if found["zero_pct"] == 100:
        told.append(Problem("all_zero", "medium", "every value is zero"))
    elif distinct < MIN_DISTINCT and found["received"] >= MIN_VALUES_FOR_SHAPE:
        text = f"only {distinct} different values in {found['received']} readings"
        told.append(Problem("insufficient_unique_values", "medium", text))
    if series.other_intervals:
        others = ", ".join(f"{seconds} s" for seconds in series.other_intervals)
        text = f"intervals of {others} beside those of {series.interval_seconds} s"
        told.append(Problem("mixed_intervals", "low", text))
    return told


def _arrival_problems(
    meter: Mapping[str, Any], series: ChannelSeries, settled: datetime, found: Mapping[str, Any]
) -> list[Problem]:
    """Missing readings: at the end, in one piece, and altogether."""
    told = []
    complete, gap = found["completeness_pct"], found["longest_gap"]
    index = series.frame.index
    last = index[np.flatnonzero(series.frame["received"])[-1]]
    step = pd.Timedelta(seconds=series.interval_seconds)
    end = min(pd.Timestamp(settled), index[-1] + step)
    silent_hours = (end - last - step).total_seconds() / 3600
    if meter["status"] != "retired" and silent_hours >= SILENT_HOURS:
        text = f"nothing since {last:%Y-%m-%d %H:%M}, {silent_hours:.0f} h before the end"
        told.append(Problem("stopped_reporting", "high", text))
    if complete is not None and complete < COMPLETE_PCT:
        severity: Severity = "high" if complete < USABLE_PCT else "medium"
        text = f"{int(complete * 10) / 10:g} % of {found['due']} readings due; "
        text += f"{found['valid_days']} of {found['days_due']} days are at least 90 % measured"
        told.append(Problem("low_completeness", severity, text))
    if gap is not None and gap.hours >= LONG_GAP_HOURS:
        text = f"{gap.hours:g} h from {gap.start:%Y-%m-%d %H:%M}"
        told.append(Problem("too_many_consecutive_missing", "medium", text))
    return told


def _grade(received: int, problems: Sequence[Problem]) -> Grade:
    if not received:
        return "none"
    severities = {problem.severity for problem in problems}
    return (
        "poor"
        if {"high", "critical"} & severities
        else "fair"
        if "medium" in severities
        else "good"
    )
