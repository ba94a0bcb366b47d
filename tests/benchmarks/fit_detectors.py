"""Fit the scorecards' weights again: faults injected by us into real meter series without labels.

    python tests/benchmarks/fit_detectors.py --data ../shared/data --dataset campus_hourly \
        --out analyze/detector_weights.py

Reads DATASET.parquet only, never a labelled set. Opening hours are read off each series; loads left
on while closed and stretches of too much are added to copies of it; three logistic regressions (L2,
faults weigh half) tell the hours with from those without. Rewrites the weights' file whole.

With --thresholds it writes nothing: it prints how well events of further injected faults are found
(F1) and how often it alarms, by the two thresholds of the scorecard, which are chosen by hand.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd
from meter_folder import Meter, calendar_of, read_meters, timezone_of

from analyze.consumption_score import Scorecard, confidence_of
from analyze.detector_weights import FLAG_CLOSED_ABOVE, FLAG_OPEN_ABOVE
from analyze.expected_load import expected_load
from analyze.health_rules import meter_faults
from analyze.hourly_days import hour_grid
from analyze.learned_hours import learned_hours
from analyze.load_features import CLOSED_NAMES, OPEN_NAMES, LoadFeatures, load_features
from lib.stats_utils import Floats, Mask, runs

LEFT_ON, TOO_MUCH = 1, 2
HISTORY_HOURS = 56 * 24
# Faults of a series in the ten months after its history.
LEFT_ON_EPISODES = 4
TOO_MUCH_EVENTS = 12
PENALTY = 10.0
FAULT_WEIGHT = 0.5
STEPS = 20
THRESHOLDS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
HOURS_OF_MONTH = 24 * 365.25 / 12

HEAD = '''\
"""Fitted numbers of the consumption scorecards; tests/benchmarks/fit_detectors.py writes them.

Fitted on {series} real series of {dataset} ({hours:,} hours with history), unlabelled, into copies
of which {left_on:,} hours of loads left on while closed and {too_much:,} hours of too much were
injected (seeds {seeds}). The weights saw no label; features, injected faults and thresholds were
chosen by hand while looking at the labelled public sets too. A weight multiplies the feature of
its name in analyze/load_features.py; "mean>0.2" is how far the mean lies above 0.2. Positive
speaks for a fault.
"""

# Confidence from which on two hours in a row are an event, in open and in closed hours: where F1 on
# injected faults is highest; within .01 from .25 to .65 and from .45 to .6, with fewer alarms above
# (`fit_detectors.py --thresholds` prints it).
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


@dataclass(frozen=True)
class Copy:
    """A series with injected faults, by the hour; `use` are the hours to learn from."""

    features: LoadFeatures
    kind: np.ndarray
    use: Mask


def faulty_copy(meter: Meter, timezone: str, seed: int) -> Copy:
    """Inject faults into a series and look at it as the detectors do."""
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
    return Copy(features, kinds, use)


def training_rows(meter: Meter, timezone: str, seed: int) -> tuple[Rows, Rows, Rows]:
    """Open hours, closed hours, and closed hours with the features of open ones."""
    copy = faulty_copy(meter, timezone, seed)
    features, kind = copy.features, copy.kind
    in_hours, closed = copy.use & features.is_open, copy.use & ~features.is_open
    rises = closed & (kind != LEFT_ON)
    return (
        Rows(features.open_hours[in_hours], kind[in_hours]),
        Rows(features.closed_hours[closed], kind[closed]),
        Rows(features.open_hours[rises], kind[rises]),
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


def table(name: str, weights: Mapping[str, float]) -> str:
    """A dictionary of weights as Python source."""
    lines = [f'    "{key}": {value:.4g},' for key, value in weights.items()]
    return "\n".join([f"{name} = {{", *lines, "}", ""])


@dataclass(frozen=True)
class Fit:
    """Fitted weights, and from how many series and hours."""

    card: Scorecard
    series: int
    hours: int
    left_on: int
    too_much: int


def meters_of(data: Path, dataset: str, timezone: str, without: Iterable[str]) -> list[Meter]:
    """The series to fit on: one that tells no opening hours has no closed ones to learn from."""
    left_out = set(without)
    known = read_meters(data, dataset, timezone)
    return [one for one in known if one.series_id not in left_out and one.calendar.is_open.any()]


def fit(meters: Sequence[Meter], timezone: str, seeds: int) -> Fit:
    """Inject faults into copies of the series and fit the three scores."""
    rows = [training_rows(meter, timezone, seed) for meter in meters for seed in range(seeds)]
    in_hours, closed, rises = (joined([parts[number] for parts in rows]) for number in range(3))
    both = np.concatenate([in_hours.kind, closed.kind])
    return Fit(
        Scorecard(
            by_name(OPEN_NAMES, logistic_fit(in_hours)),
            by_name(CLOSED_NAMES, logistic_fit(closed)),
            by_name(OPEN_NAMES, logistic_fit(rises)),
        ),
        series=len(meters),
        hours=len(both) // seeds,
        left_on=int((both == LEFT_ON).sum()),
        too_much=int((both == TOO_MUCH).sum()),
    )


def by_name(names: tuple[str, ...], weights: Floats) -> dict[str, float]:
    """Bias and weights by name, as the file has them: to four digits."""
    pairs = zip(("bias", *names), weights.tolist(), strict=True)
    return {name: float(f"{weight:.4g}") for name, weight in pairs}


def threshold_table(meters: Sequence[Meter], timezone: str, seed: int) -> pd.DataFrame:
    """F1 and alarms of injected events with the shipped weights, one threshold moved at a time."""
    copies = [faulty_copy(meter, timezone, seed) for meter in meters]
    confidence = [np.where(copy.use, confidence_of(copy.features), 0.0) for copy in copies]
    lines = []
    for threshold in THRESHOLDS:
        line: dict[str, float] = {"threshold": threshold}
        for name, limits in (
            ("open", (threshold, FLAG_CLOSED_ABOVE)),
            ("closed", (FLAG_OPEN_ABOVE, threshold)),
        ):
            found = np.sum(
                [
                    event_counts(copy, score, *limits)
                    for copy, score in zip(copies, confidence, strict=True)
                ],
                axis=0,
            )
            events, hits, alarms, hours = found.tolist()
            line[f"{name} F1"] = 2 * hits / (events + hits + alarms)
            line[f"{name} alarms a month"] = alarms / hours * HOURS_OF_MONTH
        lines.append(line)
    return pd.DataFrame(lines).set_index("threshold")


def event_counts(
    copy: Copy, confidence: Floats, open_above: float, closed_above: float
) -> tuple[int, int, int, int]:
    """Events, those hit, false alarms (one for every 24 h of them), and hours judged."""
    above = confidence > np.where(copy.features.is_open, open_above, closed_above)
    flag = above & np.concatenate([[False], above[:-1]])
    events = runs(copy.kind > 0)
    hits = sum(bool(flag[start:stop].any()) for start, stop in events)
    false = runs(flag & copy.use & (copy.kind == 0))
    alarms = sum(-(-(stop - start) // 24) for start, stop in false)
    return len(events), hits, alarms, int(copy.use.sum())


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True
)
@click.option("--dataset", default="campus_hourly", show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Copies of each series with faults.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The weights' file.")
@click.option("--timezone", help="The meters' zone; default as in meter_folder.py.")
@click.option("--without", multiple=True, help="Leave these series out of the fit.")
@click.option("--thresholds", is_flag=True, help="Print what the thresholds do; fit nothing.")
def main(
    data: Path,
    dataset: str,
    seeds: int,
    out: Path | None,
    timezone: str | None,
    without: tuple[str, ...],
    thresholds: bool,
) -> None:
    """Inject, fit, and write the weights' file."""
    started = time.monotonic()
    where = timezone_of(data, dataset, timezone)
    meters = meters_of(data, dataset, where, without)
    if thresholds:
        # Faults that the fit has not seen.
        click.echo(threshold_table(meters, where, seeds).to_string(float_format="{:.3f}".format))
        return
    if out is None:
        raise click.UsageError("--out is needed, or --thresholds")
    fitted = fit(meters, where, seeds)
    head = HEAD.format(
        series=fitted.series,
        dataset=dataset,
        hours=fitted.hours,
        left_on=fitted.left_on,
        too_much=fitted.too_much,
        seeds=", ".join(map(str, range(seeds))),
    )
    tables = [
        table("OPEN_WEIGHTS", fitted.card.in_hours),
        table("CLOSED_WEIGHTS", fitted.card.left_on),
        table("RISE_WEIGHTS", fitted.card.rise),
    ]
    out.write_text(head + "".join(tables), encoding="utf-8")
    click.echo(f"{fitted.hours * seeds:,} hours, {time.monotonic() - started:.0f} s, {out}")


if __name__ == "__main__":
    main()
