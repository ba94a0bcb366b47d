"""Written wall-clock times, turned into the instants that they may mean.

Pure functions on int64 microseconds: since 1970 on the written clock (no zone), and since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

DEFINITE, AMBIGUOUS, NONEXISTENT = 0, 1, 2
# No instant is known (yet).
UNPLACED = np.iinfo(np.int64).min
_LOOK_ASIDE = pd.Timedelta(hours=6)


@dataclass(frozen=True)
class Meanings:
    """What each written time may mean; arrays of shape (n,).

    `first_us` and `second_us` are equal where there is one meaning. An ambiguous time (clocks go
    back) has two, the earlier first. A time that never was on the clock (clocks go forward) has
    the two that a clock with the wrong offset would have meant, the earlier first.
    """

    first_us: np.ndarray
    second_us: np.ndarray
    kind: np.ndarray


def meanings(written_us: np.ndarray, timezone: str) -> Meanings:
    """The instants that times written on the clock of `timezone` may mean."""
    written = pd.DatetimeIndex(written_us.astype("datetime64[us]"))
    every = np.ones(len(written), dtype=bool)
    earlier = written.tz_localize(timezone, ambiguous=every, nonexistent="NaT")
    later = written.tz_localize(timezone, ambiguous=~every, nonexistent="NaT")
    skipped = np.asarray(earlier.isna())
    first_us, second_us = _microseconds(earlier), _microseconds(later)
    if skipped.any():
        offset_after = _offset_us(written[skipped] + _LOOK_ASIDE, timezone)
        offset_before = _offset_us(written[skipped] - _LOOK_ASIDE, timezone)
        first_us[skipped] = written_us[skipped] - offset_after
        second_us[skipped] = written_us[skipped] - offset_before
    kind = np.where(skipped, NONEXISTENT, np.where(first_us != second_us, AMBIGUOUS, DEFINITE))
    return Meanings(np.minimum(first_us, second_us), np.maximum(first_us, second_us), kind)


def place_nonexistent(found: Meanings) -> np.ndarray:
    """Instants of the written times, or UNPLACED where neighbours leave more than one meaning.

    A time that never was on the clock is placed where one of its two meanings is taken by another
    row and the other is free: the row can only be the missing one. Ambiguous times stay UNPLACED.
    """
    instants = np.where(found.kind == DEFINITE, found.first_us, UNPLACED)
    odd = np.flatnonzero(found.kind == NONEXISTENT)
    if len(odd):
        taken = np.sort(found.first_us[found.kind == DEFINITE])
        first, second = found.first_us[odd], found.second_us[odd]
        first_taken, second_taken = _is_in(first, taken), _is_in(second, taken)
        instants[odd] = np.where(first_taken & ~second_taken, second, UNPLACED)
        instants[odd] = np.where(second_taken & ~first_taken, first, instants[odd])
    return instants


def _is_in(values: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """np.isin for a few values among many: it would hash the many."""
    if not len(ordered):
        return np.zeros(len(values), dtype=bool)
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.asarray(ordered[place] == values)


def _microseconds(instants: pd.DatetimeIndex) -> np.ndarray:
    return np.array(instants.tz_convert("UTC").tz_localize(None).as_unit("us").asi8)


def _offset_us(written: pd.DatetimeIndex, timezone: str) -> np.ndarray:
    every = np.ones(len(written), dtype=bool)
    local = written.tz_localize(timezone, ambiguous=every, nonexistent="shift_forward")
    return np.array(local.tz_localize(None).as_unit("us").asi8) - _microseconds(local)
