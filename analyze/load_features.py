"""What the scorecard looks at in every hour: how far, how long and how unusually it is above.

All from the past of the hour: cut the series anywhere and the features before the cut stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyze.expected_load import ExpectedLoad, median_last
from analyze.hourly_days import HOURS, HourlyDays, rows_of
from lib.stats_utils import MAD_TO_SIGMA, Floats, Mask, runs

WEEK_HOURS = 168
BEFORE_CLOSING_HOURS = 8
# A longer closure is judged in parts.
LONGEST_STRETCH_HOURS = 96
PAST_STRETCHES = 30
NEWEST_STRETCHES = 14
STEP_HOURS = 2
# Nights differ at least by this share of the difference between open and closed.
SPREAD_FLOOR = 0.03
NOISE_FLOOR = 0.3
FAR = 10.0
WIDE = 3.0

Ints = NDArray[np.int64]
Kinks = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Stretches:
    """Closed stretches of the flat matrix, [start, stop), in order, with what is known of each.

    `before` : mean excess of the 8 hours before closing, as a share of the difference between open
    and closed load.
    """

    start: Ints
    stop: Ints
    before: Floats


@dataclass(frozen=True)
class LoadFeatures:
    """Features of every hour of a channel by name, and what they are made from.

    `open_hours`, `closed_hours` : shape (hours, features), columns as OPEN_NAMES and CLOSED_NAMES.
    `share` : excess as a share of the difference between open and closed load, shape (hours,).
    """

    open_hours: Floats
    closed_hours: Floats
    share: Floats
    is_open: Mask
    stretches: Stretches


# How far above: in usual deviations (z) now and on average over hours, as a share of the difference
# between open and closed load, of the expected load, of the channel's own restlessness; and against
# the same hour of yesterday and of last week.
LOAD_NAMES = (
    "z", "z_3h", "z_24h", "z_168h", "share", "ratio", "z_3h_by_noise", "noise", "since_yesterday",
    "since_last_week",
)  # fmt: skip
# Since closing: mean, least and unsteadiness of the share; the hours before closing (a busy day is
# no waste); what the load fell by at closing; the stretch before; all against the channel's nights.
STRETCH_NAMES = (
    "mean", "least", "before", "z_before", "previous", "share_by_nights", "mean_by_nights",
    "least_by_nights", "nights", "lowest", "lowest_by_nights", "unsteady", "least_for_long", "step",
)  # fmt: skip
# A straight line in a feature gets kinks here: "mean>0.2" is how far the mean lies above 0.2.
OPEN_KINKS = {"ratio": (0.1, 0.3, 0.6), "share": (0.1, 0.3, 0.6), "z_3h": (1.0, 3.0, 6.0)}
CLOSED_KINKS = {"mean": (0.05, 0.2, 0.5), "least": (0.05, 0.2, 0.5), "step": (0.05, 0.2, 0.5)}


def _with_kinks(names: tuple[str, ...], kinks: Kinks) -> tuple[str, ...]:
    return names + tuple(f"{name}>{at:g}" for name, points in kinks.items() for at in points)


OPEN_NAMES = _with_kinks(LOAD_NAMES, OPEN_KINKS)
CLOSED_NAMES = _with_kinks(LOAD_NAMES + STRETCH_NAMES, CLOSED_KINKS)


def load_features(hours: HourlyDays, load: ExpectedLoad) -> LoadFeatures:
    """Compute the features of every hour."""
    power = hours.power_kw.ravel()
    expected = load.expected_kw.ravel()
    residual = power - expected
    difference = np.repeat(load.difference_kw[:, 0], HOURS)
    level = np.repeat(load.level_kw[:, 0], HOURS)
    z = np.clip(residual / load.scale_kw.ravel(), -FAR, FAR)
    share = np.clip(residual / difference, -WIDE, WIDE)
    z_3h = trailing_mean(z, 3)
    noise = _noise(hours, z_3h)
    columns = {
        "z": z,
        "z_3h": z_3h,
        "z_24h": trailing_mean(z, HOURS),
        "z_168h": trailing_mean(z, WEEK_HOURS),
        "share": share,
        "ratio": np.clip(residual / np.maximum(np.abs(expected), 0.05 * level), -2.0, 2.0),
        "z_3h_by_noise": np.clip(z_3h / noise, -FAR, FAR),
        "noise": np.log(noise),
        "since_yesterday": np.clip((power - _ago(power, HOURS)) / difference, -WIDE, WIDE),
        "since_last_week": np.clip((power - _ago(power, WEEK_HOURS)) / difference, -WIDE, WIDE),
    }
    is_open = hours.is_open.ravel()
    stretches, nights = _stretch_features(power, share, z, difference, is_open)
    return LoadFeatures(
        open_hours=_matrix(columns, OPEN_KINKS),
        closed_hours=_matrix(columns | nights, CLOSED_KINKS),
        share=share,
        is_open=is_open,
        stretches=stretches,
    )


def _matrix(columns: dict[str, Floats], kinks: Kinks) -> Floats:
    bends = [np.maximum(columns[name] - at, 0.0) for name, points in kinks.items() for at in points]
    return _finite(np.array([*columns.values(), *bends])).T


def trailing_mean(values: Floats, width: int) -> Floats:
    """Mean of the measured ones of the last `width` values, itself included; NaN for none."""
    measured = np.isfinite(values)
    sums = np.cumsum(np.where(measured, values, 0.0))
    counts = np.cumsum(measured)
    sums[width:] -= sums[:-width].copy()
    counts[width:] -= counts[:-width].copy()
    return np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)


def _ago(values: Floats, hours: int) -> Floats:
    return np.concatenate([np.full(min(hours, len(values)), np.nan), values[:-hours]])


def _noise(hours: HourlyDays, z_3h: Floats) -> Floats:
    """How far the three-hour means go on an ordinary day: 95 % point by day, median of 42 days."""
    daily = np.sort(np.abs(z_3h).reshape(-1, HOURS), axis=1)
    counts = np.isfinite(daily).sum(axis=1)
    at = np.maximum(np.rint(0.95 * (counts - 1)).astype(int), 0)
    reach = np.where(counts > 0, daily[np.arange(len(daily)), at], np.nan)
    usual = median_last(rows_of(reach, hours.past.season))
    usual = np.where(np.isfinite(usual), usual, 1.0)
    return np.repeat(np.maximum(usual, NOISE_FLOOR), HOURS)


def _stretch_features(
    power: Floats, share: Floats, z: Floats, difference: Floats, is_open: Mask
) -> tuple[Stretches, dict[str, Floats]]:
    start, stop = closed_stretches(is_open)
    if not len(start):
        zeros = np.zeros(len(share))
        stretches = Stretches(start, stop, np.zeros(0))
        return stretches, dict.fromkeys(STRETCH_NAMES, zeros)
    at = start[:, None] + np.arange(int((stop - start).max()))
    inside = at < stop[:, None]
    at = np.minimum(at, len(share) - 1)
    shares = np.where(inside, share[at], np.nan)
    mean, unsteady = _running_moments(shares)
    least = _finite(_running_least(shares))
    whole = np.where(np.isfinite(shares).any(axis=1), mean[:, -1], np.nan)
    previous, nights = _past_nights(whole, start, stop)
    lowest, by_lowest = _lowest(np.where(inside, power[at], np.nan), difference[start], start, stop)
    before = _before(share, start, BEFORE_CLOSING_HOURS)
    night = nights[:, None]
    # The first two hours; in the first hour there is no second.
    is_first = np.arange(mean.shape[1]) == 0
    first_hours = np.where(is_first, mean, mean[:, min(1, mean.shape[1] - 1), None])
    rows = {
        "mean": mean,
        "least": least,
        "before": before[:, None],
        "z_before": _before(z, start, BEFORE_CLOSING_HOURS)[:, None],
        "previous": _finite(previous)[:, None],
        "share_by_nights": np.clip(_finite(shares) / night, -FAR, FAR),
        "mean_by_nights": np.clip(mean / night, -FAR, FAR),
        "least_by_nights": np.clip(least / night, -FAR, FAR),
        "nights": np.log(night),
        "lowest": lowest,
        "lowest_by_nights": by_lowest,
        "unsteady": unsteady,
        "least_for_long": np.clip(least, -0.3, 0.6) * np.log1p(np.arange(mean.shape[1])),
        "step": first_hours - _before(share, start, STEP_HOURS)[:, None],
    }
    values = {}
    hour = at[inside]
    for name in STRETCH_NAMES:
        column = np.zeros(len(share))
        column[hour] = np.broadcast_to(rows[name], at.shape)[inside]
        values[name] = column
    return Stretches(start, stop, before), values


def _running_moments(rows: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation from the start of each row to every place."""
    measured = np.isfinite(rows)
    counts = np.maximum(np.cumsum(measured, axis=1), 1)
    filled = np.where(measured, rows, 0.0)
    mean = np.cumsum(filled, axis=1) / counts
    squares = np.cumsum(filled**2, axis=1) / counts
    return mean, np.sqrt(np.maximum(squares - mean**2, 0.0))


def _running_least(rows: Floats) -> Floats:
    least = np.minimum.accumulate(np.where(np.isfinite(rows), rows, np.inf), axis=1)
    return np.where(np.isfinite(least), least, np.nan)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, 0.0)


def _lowest(power: Floats, difference: Floats, start: Ints, stop: Ints) -> tuple[Floats, Floats]:
    """The lowest load since closing against that of past nights: something left on lifts it."""
    least = _running_least(power)
    past = _last_of(least[:, -1], start, stop)
    usual = median_last(past[:, :NEWEST_STRETCHES])
    sizes = MAD_TO_SIGMA * median_last(np.abs(past - median_last(past)[:, None]))
    spread = np.fmax(sizes / difference, SPREAD_FLOOR)
    lifted = _finite(np.clip((least - usual[:, None]) / difference[:, None], -WIDE, WIDE))
    return lifted, np.clip(lifted / spread[:, None], -FAR, FAR)


def closed_stretches(is_open: Mask) -> tuple[Ints, Ints]:
    """[start, stop) from closing to opening; longer closures in parts of four days."""
    pieces = [
        (first, min(first + LONGEST_STRETCH_HOURS, stop))
        for start, stop in runs(~is_open)
        for first in range(start, stop, LONGEST_STRETCH_HOURS)
    ]
    edges = np.array(pieces, dtype=np.int64).reshape(-1, 2)
    return edges[:, 0], edges[:, 1]


def _before(values: Floats, start: Ints, hours: int) -> Floats:
    """Mean of the measured values of the hours before each start; 0 for none."""
    mean = trailing_mean(values, hours)
    return _finite(np.where(start > 0, mean[np.maximum(start - 1, 0)], np.nan))


def _past_nights(whole: Floats, start: Ints, stop: Ints) -> tuple[Floats, Floats]:
    """The mean of the stretch before each one, and the spread of the last 30."""
    past = _last_of(whole, start, stop)
    sizes = MAD_TO_SIGMA * median_last(np.abs(past - median_last(past)[:, None]))
    return past[:, 0], np.fmax(sizes, SPREAD_FLOOR)


def _last_of(values: Floats, start: Ints, stop: Ints) -> Floats:
    """For each stretch the values of the last 30 that ended before it, newest first."""
    ended = np.searchsorted(stop, start, side="right")
    back = ended[:, None] - 1 - np.arange(PAST_STRETCHES)
    return np.where(back >= 0, values[np.maximum(back, 0)], np.nan)
