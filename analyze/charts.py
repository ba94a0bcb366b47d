"""The numbers of the charts. Drawing is deliver's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analyze.calendar_days import DAY_SECONDS
from analyze.channel_week import ChannelStudy
from analyze.findings import AfterHoursWaste, ChannelWeek, Chart, Series, Totals
from analyze.wording import power_text
from lib.stats_utils import Floats

# Finer than this no chart of a week can show, and the report would grow too large.
FINEST_CHART_SECONDS = 900
# A longer period is drawn by coarser means: a month by the hour.
CHART_SECONDS = (FINEST_CHART_SECONDS, 1800, 3600, 7200, 14_400, DAY_SECONDS)
MAX_LOAD_POINTS = 1000
HOURS = tuple(float(hour) for hour in range(24))

Ints = NDArray[np.int64]


def week_charts(
    site_power_kw: pd.DataFrame,
    totals: Totals,
    counted: Sequence[ChannelStudy],
    channels: Sequence[ChannelWeek],
    waste: AfterHoursWaste,
) -> dict[str, Chart]:
    """Every chart for which there are numbers, by name.

    `site_power_kw` has the columns `actual` and `expected`, its index is in the site's zone.
    """
    charts = {}
    if site_power_kw["actual"].notna().any():
        charts["load"] = _load(site_power_kw, totals)
        charts["heatmap"] = _heatmap(site_power_kw["actual"])
    if totals.energy_kwh is not None:
        charts["daily_energy"] = _daily_energy(counted)
    if any(channel.energy_kwh is not None for channel in channels):
        charts["channel_energy"] = _channel_energy(channels)
    if waste.meters:
        charts["after_hours"] = _after_hours(waste)
    return charts


def _load(power_kw: pd.DataFrame, totals: Totals) -> Chart:
    step = _chart_step(power_kw.index)
    if len(power_kw) > 1 and power_kw.index[1] - power_kw.index[0] < step:
        utc = power_kw.tz_convert("UTC").resample(step).mean()
        power_kw = utc.tz_convert(power_kw.index.tz)
    times = _iso(power_kw.index)
    series = [Series("actual", times, _values(power_kw["actual"]))]
    if power_kw["expected"].notna().any():
        series.append(Series("expected", times, _values(power_kw["expected"])))
    title = "Load of the site"
    if totals.peak_kw is not None and totals.peak_at is not None:
        title = f"The load peaked at {power_text(totals.peak_kw)} on {totals.peak_at:%A at %H:%M}"
    return Chart(title, "kW", tuple(series))


def _daily_energy(counted: Sequence[ChannelStudy]) -> Chart:
    """Energy by local day; the expected is of the intervals whose energy is known."""
    by_grid = {study.series.grid: study for study in counted}
    clocks = {grid: _clock(study.index)[study.in_period] for grid, study in by_grid.items()}
    clock = np.concatenate([clocks[study.series.grid] for study in counted])
    energy = np.concatenate([study.energy_kwh[study.in_period] for study in counted])
    usual = np.concatenate([study.expected_kwh[study.in_period] for study in counted])
    day, place = np.unique(clock // DAY_SECONDS, return_inverse=True)
    actual = _sums(energy, place, len(day))
    expected = _sums(np.where(np.isfinite(energy), usual, np.nan), place, len(day))
    names = _day_names(day)
    series = [Series("actual", names, _values(actual))]
    if np.isfinite(expected).any():
        series.append(Series("expected", names, _values(expected)))
    title = "Energy by day"
    if np.isfinite(actual).any():
        most = int(np.nanargmax(actual))
        title = f"{pd.Timestamp(names[most]):%A} used the most energy: {actual[most]:,.0f} kWh"
    return Chart(title, "kWh", tuple(series))


def _heatmap(power_kw: pd.Series) -> Chart:
    """Mean power by local hour, one series a day; the hour that autumn repeats is averaged."""
    clock, power = _clock(power_kw.index), power_kw.to_numpy(dtype=float)
    day, row = np.unique(clock // DAY_SECONDS, return_inverse=True)
    hour = clock % DAY_SECONDS // 3600
    by_day = _means(power, row * len(HOURS) + hour, len(day) * len(HOURS)).reshape(len(day), -1)
    series = tuple(
        Series(name, HOURS, _values(hours))
        for name, hours in zip(_day_names(day), by_day, strict=True)
    )
    highest = int(np.nanargmax(_means(power, hour, len(HOURS))))
    return Chart(f"{highest:02d}:00 is the hour of highest load", "kW", series)


def _sums(values: Floats, place: Ints, places: int) -> Floats:
    """Sum of the known values of each place; NaN for none."""
    known = np.isfinite(values)
    counts = np.bincount(place[known], minlength=places)
    sums = np.bincount(place[known], weights=values[known], minlength=places)
    return np.where(counts > 0, sums, np.nan)


def _means(values: Floats, place: Ints, places: int) -> Floats:
    """Mean of the known values of each place; NaN for none."""
    counts = np.bincount(place[np.isfinite(values)], minlength=places)
    return _sums(values, place, places) / np.maximum(counts, 1)


def _clock(index: pd.DatetimeIndex) -> Ints:
    """Local clock of each instant, in seconds since 1970."""
    return np.asarray(index.tz_localize(None).as_unit("s").asi8)


def _day_names(day: Ints) -> tuple[str, ...]:
    """Dates as text."""
    return tuple(day.astype("datetime64[D]").astype(str).tolist())


def _channel_energy(channels: Sequence[ChannelWeek]) -> Chart:
    measured = [channel for channel in channels if channel.energy_kwh is not None]
    ordered = sorted(measured, key=lambda channel: -(channel.energy_kwh or 0.0))
    names = tuple(channel.channel_name for channel in ordered)
    series = [Series("actual", names, tuple(channel.energy_kwh for channel in ordered))]
    if any(channel.expected_kwh is not None for channel in ordered):
        series.append(Series("expected", names, tuple(one.expected_kwh for one in ordered)))
    parts = [channel for channel in ordered if channel.channel_type != "site_total"] or ordered
    return Chart(f"{parts[0].channel_name} is the largest consumer", "kWh", tuple(series))


def _after_hours(waste: AfterHoursWaste) -> Chart:
    ordered = sorted(waste.meters, key=lambda meter: -meter.excess_kwh)
    names = tuple(meter.channel_name for meter in ordered)
    title = f"{ordered[0].channel_name} wastes the most after hours"
    values = tuple(meter.excess_kwh for meter in ordered)
    return Chart(title, "kWh", (Series("excess", names, values),))


def _chart_step(index: pd.DatetimeIndex) -> pd.Timedelta:
    """The finest step by which a period is drawn with at most MAX_LOAD_POINTS."""
    length = (index[-1] - index[0]).total_seconds()
    fine = (seconds for seconds in CHART_SECONDS if length < seconds * MAX_LOAD_POINTS)
    return pd.Timedelta(seconds=next(fine, DAY_SECONDS))


def _iso(index: pd.DatetimeIndex) -> tuple[str, ...]:
    return tuple(instant.isoformat() for instant in index.to_pydatetime())


def _values(values: pd.Series | Floats) -> tuple[float | None, ...]:
    return tuple(value if value == value else None for value in values.tolist())
