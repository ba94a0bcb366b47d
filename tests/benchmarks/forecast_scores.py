"""Score the shipped forecast against the seasonal-naive one on real buildings, by rolling origin.

    python tests/benchmarks/forecast_scores.py --data ../shared/data

Every 13th day of each series (so that every weekday has its turn) the next 7 days (--days) are
forecast with the 16 weeks before. Seasonal-naive is the same slot one week earlier, with quantiles
of the errors that it made itself in those 16 weeks. MAE and pinball loss are in % of a series' mean
load, means over series, of the peak the median over origins; pinball is the mean over the 2.5, 10,
50, 90 and 97.5 % quantiles. campus_faults is another year of buildings of campus_hourly, with
injected faults; the constants of the rule were chosen on campus_hourly and the substation.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from meter_folder import on_grid

from analyze.forecast.day_grid import DayGrid, day_grid
from analyze.forecast.method import (
    COMPLETE_SHARE,
    MIN_HISTORY_DAYS,
    OLDEST_DAYS,
    SameDayRule,
    Trials,
    error_paths,
    peak_paths,
    trials,
)
from config.sites import SiteConfig
from lib.stats_utils import Floats

QUANTILES = np.array([0.025, 0.1, 0.5, 0.9, 0.975])
HISTORY_DAYS, STEP = 112, 13
SETS = {
    "campus_hourly": ("Europe/London", {"country": "GB", "subdivision": "ENG"}),
    "campus_faults": ("Europe/London", {"country": "GB", "subdivision": "ENG"}),
    "substation_15min": ("Europe/Rome", {"country": "IT"}),
}
Scores = dict[str, list[float]]


class Naive(SameDayRule):
    """The same slot one week earlier."""

    def forecast(self, origin: int, days: int) -> Floats:
        rows = origin - 7 + np.arange(min(days, len(self.grid.power_kw) - origin)) % 7
        return np.asarray(np.where(rows[:, None] >= 0, self.grid.power_kw[rows], np.nan))


def naive_paths(done: Trials, origin: int, days: int) -> Floats:
    errors = done.error_kw[done.origins + days <= origin]
    return errors[np.isfinite(errors).mean(axis=(1, 2)) >= COMPLETE_SHARE]


def pinball(actual: Floats, quantiles: Floats) -> Floats:
    off = actual - quantiles
    shape = (-1,) + (1,) * (off.ndim - 1)
    levels = QUANTILES.reshape(shape)
    return np.asarray(np.maximum(levels * off, (levels - 1) * off))


def score_series(grid: DayGrid, days: int) -> dict[str, dict[str, float]]:
    mean_kw = float(np.nanmean(grid.power_kw))
    ours, naive = SameDayRule(grid), Naive(grid)
    count = len(grid.power_kw)
    rules = {"same days": ours, "naive": naive}
    tried = {name: trials(rule, 21, count, days) for name, rule in rules.items()}
    sums: dict[str, Scores] = {name: {} for name in tried}
    for origin in range(HISTORY_DAYS, count - days, STEP):
        actual = grid.power_kw[origin : origin + days]
        both = np.isfinite(actual) & np.isfinite(naive.forecast(origin, days))
        if both.mean() < 0.75:
            continue
        for name, done in tried.items():
            point = done.point_kw[done.origins == origin][0]
            recent = done.origins >= origin - HISTORY_DAYS + MIN_HISTORY_DAYS
            kept = Trials(done.origins[recent], done.point_kw[recent], done.error_kw[recent])
            paths = naive_paths(kept, origin, days)
            if name != "naive":
                paths = error_paths(ours, kept, origin, days)
            peaks = peak_paths(grid, kept, origin, days)
            if len(paths) and np.isfinite(point[both]).all():
                for key, value in one_origin(actual, point, paths, peaks, both, mean_kw):
                    sums[name].setdefault(key, []).append(value)
    return {
        # A meter's fault makes a peak of many times the load: of those the median is told.
        name: {
            key: float(np.median(values) if key == "peak error" else np.mean(values))
            for key, values in found.items()
        }
        for name, found in sums.items()
    }


def one_origin(
    actual: Floats, point: Floats, paths: Floats, peaks: Floats, known: np.ndarray, mean_kw: float
) -> Iterator[tuple[str, float]]:
    paths = np.where(np.isfinite(paths), paths, 0.0)
    off = (actual - point)[known]
    yield "MAE", 100 * float(np.abs(off).mean()) / mean_kw
    bands = np.quantile(point + paths, QUANTILES, axis=0)[:, known]
    yield "pinball", 100 * float(pinball(actual[known], bands).mean()) / mean_kw
    yield "in 80 %", 100 * float(((actual[known] >= bands[1]) & (actual[known] <= bands[3])).mean())
    yield "in 95 %", 100 * float(((actual[known] >= bands[0]) & (actual[known] <= bands[4])).mean())
    total, said = actual[known].mean(), point[known].mean() + paths[:, known].mean(axis=1)
    low95, low80, _, high80, high95 = np.quantile(said, QUANTILES)
    yield "sum MAE", 100 * abs(float(off.mean())) / mean_kw
    yield "sum in 80 %", 100.0 * (low80 <= total <= high80)
    yield "sum in 95 %", 100.0 * (low95 <= total <= high95)
    if not len(peaks):  # a load that was off all the time
        return
    peak = float(np.max(actual[known]))
    low95, low80, middle, high80, high95 = np.quantile(peaks, QUANTILES)
    yield "peak error", 100 * abs(peak - middle) / mean_kw
    yield "peak in 80 %", 100.0 * (low80 <= peak <= high80)
    yield "peak in 95 %", 100.0 * (low95 <= peak <= high95)


def series_of(folder: Path, dataset: str) -> Iterator[DayGrid]:
    timezone, holidays = SETS[dataset]
    site = SiteConfig.model_validate({"site_id": "1", "holidays": holidays})
    rows = pd.read_parquet(folder / f"{dataset}.parquet")
    for _, group in rows.groupby("series_id", observed=True, sort=True):
        index, power_kw, seconds = on_grid(group)
        grid = day_grid(pd.Series(power_kw, index.tz_convert(timezone)), seconds, site)
        if len(grid.power_kw) > HISTORY_DAYS + OLDEST_DAYS:
            yield grid


@click.command(help=__doc__)
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--days", type=click.IntRange(1, 31), default=7, show_default=True)
def main(data: Path, days: int) -> None:
    for dataset in SETS:
        begun = time.perf_counter()
        results: list[dict[str, Any]] = [
            score_series(grid, days) for grid in series_of(data, dataset)
        ]
        for name in ("naive", "same days"):
            frame = pd.DataFrame([one[name] for one in results])
            figures = "  ".join(f"{key} {value:.1f}" for key, value in frame.mean().items())
            print(f"{dataset:18} {name:10} {figures}")
        better = [one["same days"]["MAE"] < one["naive"]["MAE"] for one in results]
        took = time.perf_counter() - begun
        print(f"{dataset:18} better than naive on {sum(better)} of {len(better)}; {took:.0f} s\n")


if __name__ == "__main__":
    main()
