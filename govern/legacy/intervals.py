"""How long each old reading's interval was: the old table did not say.

Evidence, in this order: energy ÷ power, where the channel's meter obeys it; else what the rows
around it do. Pure functions on arrays sorted by time; starts in µs since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LENGTHS_SECONDS = (60, 300, 600, 900, 1800, 3600, 86400)
# Below this the rounding of the API's numbers is more than the tolerance.
SMALLEST_KWH, SMALLEST_KW = 0.05, 0.05
RATIO_TOLERANCE = 0.02
# A channel obeys energy = power × time when this share of its rows gives a usual length.
OBEYING_SHARE, OBEYING_ROWS = 0.8, 20
NEIGHBOURS_EACH_SIDE = 8
# Where rows disagree with no evidence, the window's majority; none known is 0.
UNKNOWN = 0


@dataclass(frozen=True)
class Lengths:
    """Per row: its length [s] (0 unknown), the length usual around it, what told it."""

    seconds: np.ndarray
    usual_seconds: np.ndarray
    by_energy: np.ndarray


def interval_lengths(
    starts_us: np.ndarray, energy_kwh: np.ndarray, power_kw: np.ndarray
) -> Lengths:
    """Derive the length of every row of one channel.

    Parameters
    ----------
    starts_us : int64 array, shape (n,), strictly increasing.
    energy_kwh, power_kw : float arrays, shape (n,); NaN where nothing was stored.
    """
    spacing = np.append(np.diff(starts_us) // 1_000_000, UNKNOWN)
    is_usual_spacing = np.isin(spacing, LENGTHS_SECONDS)
    by_energy = lengths_by_energy(energy_kwh, power_kw)
    votes = np.where(by_energy > 0, by_energy, np.where(is_usual_spacing, spacing, UNKNOWN))
    usual = _majority(votes)
    known = np.unique(usual[usual > 0])
    if len(known) == 1:
        usual = np.full_like(usual, known[0])
    # A row never reaches into the next one unless its own energy says so.
    fitting = np.where(is_usual_spacing & (spacing < usual), spacing, usual)
    return Lengths(np.where(by_energy > 0, by_energy, fitting), usual, by_energy > 0)


def lengths_by_energy(energy_kwh: np.ndarray, power_kw: np.ndarray) -> np.ndarray:
    """Length [s] that energy ÷ power gives; 0 without evidence.

    Where a channel's power is no mean of the interval the quotient means nothing: unless most of
    its rows give one of the usual lengths, none of them is believed.
    """
    seconds = np.zeros(len(energy_kwh), dtype=np.int64)
    telling = np.flatnonzero((energy_kwh >= SMALLEST_KWH) & (power_kw >= SMALLEST_KW))
    if len(telling) < OBEYING_ROWS:
        return seconds
    quotient = energy_kwh[telling] / power_kw[telling] * 3600
    for length in LENGTHS_SECONDS:
        near = np.abs(quotient / length - 1) <= RATIO_TOLERANCE
        seconds[telling[near]] = length
    obeying = np.count_nonzero(seconds) / len(telling)
    return seconds if obeying >= OBEYING_SHARE else np.zeros_like(seconds)


def overlapping(starts_us: np.ndarray, lengths: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Rows that would count time twice, as a mask; what is usual there stays, then the earlier."""
    refused = np.zeros(len(starts_us), dtype=bool)
    ends_us = starts_us + lengths * 1_000_000
    latest_end = np.maximum.accumulate(ends_us)
    if not (starts_us[1:] < latest_end[:-1]).any():
        return refused
    kept = _greedy(starts_us, ends_us, np.flatnonzero(lengths == usual))
    others = np.flatnonzero(lengths != usual)
    if len(kept):
        # Kept rows do not overlap: only the last that starts before a row's end can touch it.
        before = np.searchsorted(starts_us[kept], ends_us[others], side="left") - 1
        clear = (before < 0) | (ends_us[kept][before] <= starts_us[others])
        others = others[clear]
    refused[:] = True
    refused[kept] = False
    refused[_greedy(starts_us, ends_us, others)] = False
    return refused


def _greedy(starts_us: np.ndarray, ends_us: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Those of `rows` (in time order) that begin no earlier than the last kept one ends."""
    kept = []
    free_from = None
    for row, start, end in zip(
        rows.tolist(), starts_us[rows].tolist(), ends_us[rows].tolist(), strict=True
    ):
        if free_from is None or start >= free_from:
            kept.append(row)
            free_from = end
    return np.array(kept, dtype=np.int64)


def _majority(votes: np.ndarray) -> np.ndarray:
    """The length most voted for among the rows around each; the shorter on a tie, 0 without."""
    count = len(votes)
    low = np.maximum(np.arange(count) - NEIGHBOURS_EACH_SIDE, 0)
    high = np.minimum(np.arange(count) + NEIGHBOURS_EACH_SIDE + 1, count)
    best, usual = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for length in np.unique(votes[votes > 0]):
        total = np.concatenate(([0], np.cumsum(votes == length)))
        found = total[high] - total[low]
        usual = np.where(found > best, length, usual)
        best = np.maximum(best, found)
    return usual
