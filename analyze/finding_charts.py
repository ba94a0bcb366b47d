"""The evidence of the most important findings: the channel's load around the event.

How many charts there are, and of how many points, is bounded: a report stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from analyze.channel_week import ChannelStudy
from analyze.findings import SEVERITIES, Anomaly, Chart, QuickWin, Series, Span
from analyze.wording import power_text

MAX_WIN_CHARTS = 3
MAX_CHARTS = 5
MAX_POINTS = 96
MAX_HOURS = 96.0
# What is shown before and after an event: as much again, within these.
LEAST_MARGIN, MOST_MARGIN = timedelta(hours=6), timedelta(hours=12)


def finding_charts(
    studies: Sequence[ChannelStudy], wins: Sequence[QuickWin], anomalies: Sequence[Anomaly]
) -> dict[str, Chart]:
    """A chart for each of the first quick wins, then for the worst events of other channels.

    Returns quick_win_{rank}: of the win of that rank; anomaly_1, anomaly_2, ...: the others.
    """
    by_channel = {study.series.channel_id: study for study in studies}
    charts: dict[str, Chart] = {}
    for win in wins[:MAX_WIN_CHARTS]:
        study = by_channel[win.channel_ids[0]]
        if win.spans:
            charts[f"quick_win_{win.rank}"] = _chart(study, win.spans)
    told = {win.channel_ids[0] for win in wins}
    rest = [one for one in anomalies if one.channel_id not in told and one.severity != "low"]
    worst_first = sorted(
        rest, key=lambda one: (-SEVERITIES.index(one.severity), -abs(one.excess_kwh), one.start)
    )
    for event in worst_first:
        if len(charts) == MAX_CHARTS:
            break
        if event.channel_id not in told:
            told.add(event.channel_id)
            spans = tuple(
                (one.start, one.end) for one in anomalies if one.channel_id == event.channel_id
            )
            chart = _chart(by_channel[event.channel_id], spans, (event.start, event.end))
            charts[f"anomaly_{sum(name.startswith('anomaly') for name in charts) + 1}"] = chart
    return charts


def _chart(study: ChannelStudy, spans: Sequence[Span], chosen: Span | None = None) -> Chart:
    """The load around `chosen`, or around that of the spans which differs most."""
    main = chosen or max(spans, key=lambda span: abs(_excess_kwh(study, span)))
    first, last, every = _window(study, main)
    starts = study.index[first:last:every]
    end = study.index[last - 1] + pd.Timedelta(seconds=study.calendar.interval_seconds)
    times = tuple(instant.isoformat() for instant in starts.to_pydatetime())
    series = [Series("actual", times, _means(study.power_kw[first:last], every))]
    if study.expected is not None:
        usual = study.expected.expected_kw[first:last]
        series.append(Series("expected", times, _means(usual, every)))
    marks = tuple(
        (max(span[0], starts[0].to_pydatetime()), min(span[1], end.to_pydatetime()))
        for span in spans
        if span[1] > starts[0] and span[0] < end
    )
    return Chart(_title(study, main), "kW", tuple(series), study.series.channel_id, marks)


def _window(study: ChannelStudy, span: Span) -> tuple[int, int, int]:
    """[first, last) interval to show, and how many make a point; it begins at a full hour."""
    start, end = span
    margin = min(max(end - start, LEAST_MARGIN), MOST_MARGIN)
    seconds = study.calendar.interval_seconds
    shown = min(end - start + 2 * margin, timedelta(hours=MAX_HOURS))
    first = int(study.index.searchsorted(pd.Timestamp(start - margin)))
    while first > 0 and study.index[first].minute:
        first -= 1
    last = min(first + int(-(-shown.total_seconds() // seconds)), len(study.index))
    every = 1
    while (last - first) / every > MAX_POINTS:
        every *= 2
    return first, first + max((last - first) // every, 1) * every, every


def _means(power_kw: np.ndarray, every: int) -> tuple[float | None, ...]:
    """Means of so many intervals each; None where one of them is unknown."""
    means = power_kw.reshape(-1, every).mean(axis=1)
    return tuple(float(value) if np.isfinite(value) else None for value in means)


def _excess_kwh(study: ChannelStudy, span: Span) -> float:
    return float(np.nansum(study.excess_kw[_inside(study, span)]) * study.calendar.hours)


def _inside(study: ChannelStudy, span: Span) -> slice:
    first, last = study.index.searchsorted([pd.Timestamp(span[0]), pd.Timestamp(span[1])])
    return slice(int(first), int(last))


def _title(study: ChannelStudy, span: Span) -> str:
    inside = _inside(study, span)
    actual = study.power_kw[inside]
    usual = actual - study.excess_kw[inside]
    known = np.isfinite(usual)
    name, when = study.series.channel_name, f"{_when(span[0])} to {_until(span)}"
    if not known.any():
        return f"{name} from {when}"
    return (
        f"{name}: {power_text(float(actual[known].mean()))} on average from {when}, where "
        f"{power_text(float(usual[known].mean()))} is expected"
    )


def _when(instant: datetime) -> str:
    return f"{instant:%A %H:%M}"


def _until(span: Span) -> str:
    is_same_day = span[0].date() == span[1].date()
    return f"{span[1]:%H:%M}" if is_same_day else _when(span[1])
