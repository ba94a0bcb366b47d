"""Judge a folder of meter series as the weekly report does, week by week against six fixed weeks.

    python tests/benchmarks/run_report_form.py --data ../shared/data --dataset campus_faults \
        --out preds.parquet

Reads DATASET.parquet and DATASET_schedule.csv, never the labels. Writes series_id, timestamp,
score, flag and excess_kwh of the consumption track, as score_anomalies.py wants them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas as pd
from meter_folder import Meter, read_meters, timezone_of

from analyze.after_hours_waste import after_hours_waste
from analyze.anomaly_detection import anomalies
from analyze.baseline import expected_power
from analyze.channel_week import MIN_BASELINE_WEEKS
from analyze.health_rules import meter_faults
from analyze.interval_score import interval_score, period_grid
from analyze.spike_detection import spikes
from lib.stats_utils import Floats

BASELINE_DAYS, WEEK_DAYS = 42, 7
# What a waste claim counts as, beside the confidence of the scorecard.
CLAIMED = 0.9


def predictions(meter: Meter) -> pd.DataFrame:
    """Score, flag and claimed energy of every interval of one series."""
    length = len(meter.index)
    score, flag, excess_kwh = np.zeros(length), np.zeros(length, int), np.zeros(length)
    for first, start, stop in _weeks(meter):
        judged = slice(start, stop)
        found = judge(meter, first, start, stop)
        if found is not None:
            score[judged], flag[judged], excess_kwh[judged] = found
    return pd.DataFrame(
        {
            "series_id": meter.series_id,
            "timestamp": meter.index,
            "score": score,
            "flag": flag,
            "excess_kwh": excess_kwh,
        }
    )


def _weeks(meter: Meter) -> Iterator[tuple[int, int, int]]:
    """Positions of baseline start, Monday and the next Monday of every week with a baseline."""
    day = meter.calendar.day
    monday = int(day[0]) - (int(day[0]) + 3) % 7 + 7
    for begin in range(monday + BASELINE_DAYS, int(day[-1]) - WEEK_DAYS + 2, WEEK_DAYS):
        edges = np.searchsorted(day, [begin - BASELINE_DAYS, begin, begin + WEEK_DAYS])
        yield int(edges[0]), int(edges[1]), int(edges[2])


def judge(meter: Meter, first: int, start: int, stop: int) -> tuple[Floats, Floats, Floats] | None:
    """Score, flag and claimed energy of one week; None where its history is too short."""
    whole, calendar = slice(first, stop), meter.calendar
    calendar = replace(
        calendar,
        day=calendar.day[whole],
        weekday=calendar.weekday[whole],
        slot=calendar.slot[whole],
        is_open=calendar.is_open[whole],
    )
    is_history = np.arange(stop - first) < start - first
    grid = period_grid(calendar, is_history)
    power = meter.power_kw[whole].copy()
    faults = meter_faults(power, grid, calendar.interval_seconds)
    power[faults.hides_load | faults.over_range] = np.nan
    load = pd.Series(power, meter.index[whole], copy=True)
    expected = expected_power(load, calendar, is_history)
    if expected.weeks < MIN_BASELINE_WEEKS:
        return None
    seen = interval_score(power, calendar, is_history, grid)
    usual = (expected, calendar, is_history, ~is_history, seen)
    for spike in spikes(load, *usual):
        load.iloc[spike.start : spike.stop] = np.nan
    score, flag = seen.confidence.copy(), np.zeros(len(power))
    excess_kwh = np.zeros(len(power))
    waste = after_hours_waste(load, *usual)
    if waste is not None and waste.excess_kwh > 0:
        claimed = np.zeros(len(power), dtype=bool)
        for begin, end in waste.stretches:
            claimed[begin:end] = True
        above = np.where(claimed, np.nan_to_num(load.to_numpy() - expected.expected_kw), 0.0)
        excess_kwh = np.maximum(above * waste.excess_kwh / max(above.sum(), 1e-9), 0.0)
        flag[claimed], score[claimed] = 1, np.maximum(score[claimed], CLAIMED)
        load[claimed] = np.nan
    for event in anomalies(load, *usual):
        if event.direction == "high":
            inside = slice(event.start, event.stop)
            flag[inside], score[inside] = 1, np.maximum(score[inside], event.confidence)
    judged = slice(start - first, None)
    return score[judged], flag[judged], excess_kwh[judged]


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--dataset", required=True)
@click.option("--timezone", help="Of the schedule; default as in meter_folder.py.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(data: Path, dataset: str, timezone: str | None, out: Path) -> None:
    """Judge every week of every series."""
    zone_name = timezone_of(data, dataset, timezone)
    parts = [predictions(meter) for meter in read_meters(data, dataset, zone_name)]
    pd.concat(parts).to_parquet(out)


if __name__ == "__main__":
    main()
