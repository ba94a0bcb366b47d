"""Fit the scorecards' weights again: faults injected by us into real meter series without labels.

    python tests/benchmarks/fit_detectors.py --data ../shared/data --dataset campus_hourly \
        --out analyze/detector_weights.py

Reads DATASET.parquet only, never a labelled set. Opening hours are read off each series; loads left
on while closed and stretches of too much are added to copies of it; three logistic regressions (L2,
faults weigh half) tell the hours with from those without. Rewrites the weights' file whole.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from meter_folder import Meter, calendar_of, read_meters, timezone_of

from analyze.expected_load import expected_load
from analyze.health_rules import meter_faults
from analyze.hourly_days import hour_grid
from analyze.learned_hours import learned_hours
from analyze.load_features import CLOSED_NAMES, OPEN_NAMES, load_features
from lib.stats_utils import Floats, Mask, runs

LEFT_ON, TOO_MUCH = 1, 2
HISTORY_HOURS = 56 * 24
# Faults of a series in the ten months after its history.
LEFT_ON_EPISODES = 4
TOO_MUCH_EVENTS = 12
PENALTY = 10.0
FAULT_WEIGHT = 0.5
STEPS = 20

HEAD = '''\
"""Fitted numbers of the scorecards; tests/benchmarks/fit_detectors.py writes them.

Fitted on {series} real series of {dataset} ({hours:,} hours with history), unlabelled, into copies
of which {left_on:,} hours of loads left on while closed and {too_much:,} hours of too much were
injected (seeds {seeds}). No labelled set was used. A weight multiplies the feature of its name in
analyze/load_features.py; "mean>0.2" is how far the mean lies above 0.2. Positive speaks for
a fault.
"""

# Confidence from which on two hours in a row are an event, in open and in closed hours: F1 on the
# injected faults is level (within .01) from .25 to .5 and from .4 to .6; alarms fall with both.
FLAG_OPEN_ABOVE = 0.35
FLAG_CLOSED_ABOVE = 0.55
# Of a whole closed stretch, from which on its energy is claimed; after a claimed one the second.
CLAIM_ABOVE = 0.3
CLAIM_AGAIN_ABOVE = 0.2
'''


@dataclass(frozen=True)
class Rows:
    """Features and kind of fault of hours; `kind` is 0 for none."""

    features: Floats
    kind: np.ndarray


def inject(power_kw: Floats, is_open: Mask, rng: np.random.Generator) -> tuple[Floats, np.ndarray]:
    """A copy with faults of known kind; hourly values."""
    faulty, kind = power_kw.copy(), np.zeros(len(power_kw), dtype=int)
    free = np.ones(len(power_kw), dtype=bool)
    difference = np.nanmedian(power_kw[is_open]) - np.nanmedian(power_kw[~is_open])
    difference = max(difference, 0.1 * np.nanmedian(power_kw))
    nights = [run for run in runs(~is_open) if run[0] >= HISTORY_HOURS]
    for _ in range(LEFT_ON_EPISODES):
        first = rng.integers(0, max(len(nights) - 8, 1))
        chosen = nights[first : first + rng.integers(1, 8)]
        left_on_kw = rng.uniform(0.2, 0.8) * difference
        if not chosen or not free[chosen[0][0] - 24 : chosen[-1][1] + 24].all():
            continue
        for start, stop in chosen:
            faulty[start:stop] += left_on_kw
            kind[start:stop], free[start:stop] = LEFT_ON, False
    for _ in range(TOO_MUCH_EVENTS):
        length = int(np.exp(rng.uniform(np.log(2), np.log(48))))
        start = int(rng.integers(HISTORY_HOURS, len(power_kw) - length - 1))
        where = slice(start, start + length)
        if free[start - 24 : start + length + 24].all():
            faulty[where] *= 1 + rng.uniform(0.3, 2.0)
            kind[where], free[where] = TOO_MUCH, False
    return faulty, kind


def training_rows(meter: Meter, timezone: str, seed: int) -> tuple[Rows, Rows, Rows]:
    """Open hours, closed hours, and closed hours with the features of open ones."""
    grid = hour_grid(meter.calendar)
    faults = meter_faults(meter.power_kw, grid, meter.interval_seconds)
    clean = np.where(faults.any, np.nan, meter.power_kw)
    # From the whole year, so that a series is not judged by hours that held for two months only.
    opening = learned_hours(clean, meter.index.tz_convert(timezone))
    calendar = calendar_of(meter.index, meter.interval_seconds, timezone, opening)
    rng = np.random.default_rng([seed, *meter.series_id.encode()])
    faulty, kind = inject(clean, calendar.is_open, rng)
    hours = hour_grid(calendar).fill(faulty)
    features = load_features(hours, expected_load(hours))
    kinds = np.zeros(hours.power_kw.size, dtype=int)
    kinds[hours.position] = kind
    beside = np.convolve(kinds > 0, [1, 1, 1], mode="same") > 0
    use = np.isfinite(hours.power_kw.ravel()) & (~beside | (kinds > 0))
    use[:HISTORY_HOURS] = False
    in_hours, closed = use & features.is_open, use & ~features.is_open
    rises = closed & (kinds != LEFT_ON)
    return (
        Rows(features.open_hours[in_hours], kinds[in_hours]),
        Rows(features.closed_hours[closed], kinds[closed]),
        Rows(features.open_hours[rises], kinds[rises]),
    )


def joined(parts: list[Rows]) -> Rows:
    """All rows of several series."""
    return Rows(
        np.vstack([part.features for part in parts]), np.concatenate([part.kind for part in parts])
    )


def logistic_fit(rows: Rows) -> Floats:
    """Bias and weights of an L2 logistic regression, standardised inside, by Newton's method."""
    is_fault = (rows.kind > 0).astype(float)
    mean, spread = rows.features.mean(axis=0), rows.features.std(axis=0) + 1e-9
    columns = np.column_stack([np.ones(len(is_fault)), (rows.features - mean) / spread])
    weight = np.where(is_fault > 0, FAULT_WEIGHT, 1.0)
    penalty = np.concatenate([[0.0], np.full(rows.features.shape[1], PENALTY)])
    beta = np.zeros(columns.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(columns @ beta, -30, 30)))
        gradient = columns.T @ (weight * (chance - is_fault)) + penalty * beta
        curvature = (columns.T * (weight * chance * (1 - chance))) @ columns + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        beta -= step
        if np.abs(step).max() < 1e-4:
            break
    scaled = beta[1:] / spread
    return np.concatenate([[beta[0] - scaled @ mean], scaled])


def table(name: str, names: tuple[str, ...], weights: Floats) -> str:
    """A dictionary of weights as Python source."""
    lines = [
        f'    "{key}": {value:.4g},' for key, value in zip(("bias", *names), weights, strict=True)
    ]
    return "\n".join([f"{name} = {{", *lines, "}", ""])


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True
)
@click.option("--dataset", default="campus_hourly", show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Copies of each series with faults.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--timezone", help="The meters' zone; default by --dataset.")
@click.option("--without", multiple=True, help="Leave these series out (for cross-validation).")
def main(
    data: Path, dataset: str, seeds: int, out: Path, timezone: str | None, without: tuple[str, ...]
) -> None:
    """Inject, fit, and write the weights' file."""
    started = time.monotonic()
    where = timezone_of(dataset, timezone)
    known = [one for one in read_meters(data, dataset, where) if one.series_id not in without]
    # A series whose load tells no opening hours has no closed hours to learn from.
    meters = [one for one in known if one.calendar.is_open.any()]
    rows = []
    for meter in meters:
        for seed in range(seeds):
            rows.append(training_rows(meter, where, seed))
    in_hours = joined([parts[0] for parts in rows])
    closed = joined([parts[1] for parts in rows])
    rises = joined([parts[2] for parts in rows])
    both = np.concatenate([in_hours.kind, closed.kind])
    head = HEAD.format(
        series=len(meters),
        dataset=dataset,
        hours=len(both) // seeds,
        left_on=int((both == LEFT_ON).sum()),
        too_much=int((both == TOO_MUCH).sum()),
        seeds=", ".join(map(str, range(seeds))),
    )
    tables = [
        table("OPEN_WEIGHTS", OPEN_NAMES, logistic_fit(in_hours)),
        table("CLOSED_WEIGHTS", CLOSED_NAMES, logistic_fit(closed)),
        table("RISE_WEIGHTS", OPEN_NAMES, logistic_fit(rises)),
    ]
    out.write_text(head + "".join(tables), encoding="utf-8")
    click.echo(f"{len(both):,} hours, {time.monotonic() - started:.0f} s, {out}")


if __name__ == "__main__":
    main()
