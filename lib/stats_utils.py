"""Robust statistics on arrays with gaps. NaN means "not measured" everywhere.

Only NumPy: importing SciPy takes a third of a second, longer than analysing a week.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Makes the median absolute deviation, and the 80 % point of |x|, equal sigma for Gaussian noise.
MAD_TO_SIGMA = 1.4826
Q80_TO_SIGMA = 1 / 1.2816


def nan_quantile(values: Floats, quantile: float) -> Floats:
    """Quantile along the first axis, over the measured values; NaN where there is none.

    Linear interpolation, as np.nanquantile, but without its loop over columns in Python.

    >>> nan_quantile(np.array([[1.0, np.nan], [3.0, np.nan], [2.0, 5.0]]), 0.5).tolist()
    [2.0, 5.0]
    """
    ordered = np.sort(values, axis=0)
    counts = np.isfinite(values).sum(axis=0)
    return _at_quantile(ordered, counts, quantile)


def median_of_few(values: Floats) -> float:
    """Median of a few measured values, at least one; np.median takes five times as long.

    >>> median_of_few(np.array([4.0, 1.0, 3.0, 2.0]))
    2.5
    """
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def robust_sigma(residuals: Floats) -> Floats:
    """Spread along the first axis, for residuals about 0, as a Gaussian's standard deviation.

    The larger of 1.4826 x median |x| and the 80 % point of |x| / 1.2816. The second keeps loads
    that are off more than half of the time from looking noiseless; both ignore a fifth of outliers.
    """
    sizes = np.abs(residuals)
    ordered = np.sort(sizes, axis=0)
    counts = np.isfinite(sizes).sum(axis=0)
    return np.maximum(
        MAD_TO_SIGMA * _at_quantile(ordered, counts, 0.5),
        Q80_TO_SIGMA * _at_quantile(ordered, counts, 0.8),
    )


def count_measured(values: Floats) -> NDArray[np.int64]:
    """How many values of the last axis are measured; summing booleans takes twice as long.

    >>> count_measured(np.array([[1.0, np.nan], [2.0, 3.0]])).tolist()
    [1, 2]
    """
    return np.asarray((np.isfinite(values) @ np.ones(values.shape[-1])).astype(np.int64))


def mean_without_outliers(values: Floats, centre: Floats, limit: Floats) -> Floats:
    """Mean along the first axis of the values within `limit` of `centre`; NaN where none is.

    Unlike a median it does not understate loads that switch on and off, and unlike clipping it
    leaves no trace of what was cut (Huber's skipped mean).
    """
    near = np.abs(values - centre) <= limit
    counts = near.sum(axis=0)
    sums = np.where(near, values, 0.0).sum(axis=0)
    return np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)


def rolling_mean(values: Floats, width: int) -> Floats:
    """Centred mean over `width` values, of those measured; NaN where fewer than half are.

    At the ends the window is what there is of it.

    >>> rolling_mean(np.array([1.0, 2.0, 3.0]), 3).tolist()
    [1.5, 2.0, 2.5]
    """
    width = min(width, max(len(values), 1))
    if width <= 1:
        return values.copy()
    measured = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(measured, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(measured)])
    first = np.maximum(np.arange(len(values)) - (width - 1) // 2, 0)
    last = np.minimum(np.arange(len(values)) + width // 2 + 1, len(values))
    inside = counts[last] - counts[first]
    means = np.full(len(values), np.nan)
    np.divide(sums[last] - sums[first], inside, out=means, where=2 * inside >= last - first)
    return means


def runs(mask: Mask) -> list[tuple[int, int]]:
    """[start, stop) of every run of True.

    >>> runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def bridge(mask: Mask, longest: int) -> Mask:
    """Fill runs of False of at most `longest` that lie between two runs of True.

    >>> bridge(np.array([True, False, True, False, False]), 1).tolist()
    [True, True, True, False, False]
    """
    filled = mask.copy()
    for start, stop in runs(~mask):
        if start > 0 and stop < len(mask) and stop - start <= longest:
            filled[start:stop] = True
    return filled


def equal_runs(values: Floats) -> list[tuple[int, int]]:
    """[start, stop) of every run of two or more measured values that are exactly equal."""
    same = np.zeros(len(values), dtype=bool)
    same[1:] = values[1:] == values[:-1]
    return [(start - 1, stop) for start, stop in runs(same)]


def _at_quantile(ordered: Floats, counts: NDArray[np.int_], quantile: float) -> Floats:
    """Pick a quantile out of columns sorted with NaN last."""
    position = quantile * np.maximum(counts - 1, 0).ravel()
    below, above = np.floor(position).astype(int), np.ceil(position).astype(int)
    columns = ordered.reshape(len(ordered), -1)
    column = np.arange(columns.shape[1])
    low, high = columns[below, column], columns[above, column]
    return np.asarray(low + (high - low) * (position - below)).reshape(counts.shape)
