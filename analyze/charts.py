"""The numbers of the charts. Drawing is deliver's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from analyze.channel_week import ChannelStudy
from analyze.findings import AfterHoursWaste, ChannelWeek, Chart, Series, Totals

# Finer than this no chart of a week can show, and the report would grow too large.
FINEST_CHART_SECONDS = 900
HOURS = tuple(float(hour) for hour in range(24))


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
    if len(power_kw) > 1 and power_kw.index[1] - power_kw.index[0] < _finest():
        utc = power_kw.tz_convert("UTC").resample(_finest()).mean()
        power_kw = utc.tz_convert(power_kw.index.tz)
    times = _iso(power_kw.index)
    series = [Series("actual", times, _values(power_kw["actual"]))]
    if power_kw["expected"].notna().any():
        series.append(Series("expected", times, _values(power_kw["expected"])))
    title = "Load of the site"
    if totals.peak_kw is not None and totals.peak_at is not None:
        title = f"The load peaked at {totals.peak_kw:.1f} kW on {totals.peak_at:%A at %H:%M}"
    return Chart(title, "kW", tuple(series))


def _daily_energy(counted: Sequence[ChannelStudy]) -> Chart:
    actual, expected = (_by_day(parts) for parts in _daily_parts(counted))
    days = tuple(actual.index)
    series = [Series("actual", days, _values(actual))]
    if expected.notna().any():
        series.append(Series("expected", days, _values(expected)))
    title = "Energy by day"
    if actual.notna().any():
        most = pd.Timestamp(actual.idxmax())
        title = f"{most:%A} used the most energy: {actual.max():,.0f} kWh"
    return Chart(title, "kWh", tuple(series))


def _daily_parts(counted: Sequence[ChannelStudy]) -> tuple[list[pd.Series], list[pd.Series]]:
    """Actual energy of each channel, and expected energy where the actual is known."""
    actual, expected = [], []
    for study in counted:
        index = study.index[study.in_period]
        energy = study.energy_kwh[study.in_period]
        actual.append(pd.Series(energy, index))
        if study.expected is not None:
            usual = study.expected.expected_kw[study.in_period] * study.calendar.hours
            expected.append(pd.Series(np.where(np.isfinite(energy), usual, np.nan), index))
    return actual, expected


def _by_day(parts: Iterable[pd.Series]) -> pd.Series:
    """Sum over channels by local day; NaN for a day without any value."""
    total = pd.Series(dtype=float)
    for part in parts:
        days = part.groupby(_local_day(part.index)).sum(min_count=1)
        total = days if total.empty else total.add(days, fill_value=0.0)
    return total


def _local_day(index: pd.DatetimeIndex) -> pd.Index:
    """The local date of each instant as text; formatting each instant would take far longer."""
    day, place = np.unique(index.tz_localize(None).as_unit("s").asi8 // 86_400, return_inverse=True)
    return pd.Index(day.astype("datetime64[D]").astype(str)[place], dtype=object)


def _heatmap(power_kw: pd.Series) -> Chart:
    """Mean power by local hour, one series a day; the hour that autumn repeats is averaged."""
    by_hour = power_kw.groupby([_local_day(power_kw.index), power_kw.index.hour]).mean()
    series = tuple(
        Series(str(day), HOURS, _values(hours.droplevel(0).reindex(range(24))))
        for day, hours in by_hour.groupby(level=0)
    )
    mean = power_kw.groupby(power_kw.index.hour).mean()
    title = f"{int(mean.idxmax()):02d}:00 is the hour of highest load"
    return Chart(title, "kW", series)


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


def _finest() -> pd.Timedelta:
    return pd.Timedelta(seconds=FINEST_CHART_SECONDS)


def _iso(index: pd.DatetimeIndex) -> tuple[str, ...]:
    return tuple(instant.isoformat() for instant in index.to_pydatetime())


def _values(values: pd.Series) -> tuple[float | None, ...]:
    return tuple(value if value == value else None for value in values.tolist())
