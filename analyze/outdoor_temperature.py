"""A site's outdoor temperature, from its own sensor channel or a file, at any interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from config.outdoor_temperature import read_temperatures
from config.sites import SiteConfig, sites_file
from lib.stats_utils import Floats, equal_runs

# Finer readings are averaged to quarter hours: a building answers to no less.
STEP_SECONDS = 900
# Further from the nearest reading than that the temperature is not known: readings are hourly.
REACH_SECONDS = 2700.0
# One value for so long is a stuck sensor, or one that is not outdoors.
STUCK_SECONDS = 12 * 3600


@dataclass(frozen=True)
class Temperatures:
    """Readings in order of time, shape (n,) each: [s since 1970] and [degrees C]."""

    seconds: Floats
    temperature_c: Floats

    def at(self, index: pd.DatetimeIndex, interval_seconds: int) -> Floats:
        """The temperature in the middle of each interval, shape (len(index),).

        On the straight line between the readings about it; NaN where none of them is near.
        """
        if not len(self.seconds):
            return np.full(len(index), np.nan)
        middle = index.as_unit("s").asi8 + interval_seconds / 2
        after = np.searchsorted(self.seconds, middle)
        before = np.clip(after - 1, 0, len(self.seconds) - 1)
        after = np.minimum(after, len(self.seconds) - 1)
        away = np.minimum(
            np.abs(middle - self.seconds[before]), np.abs(middle - self.seconds[after])
        )
        value = np.interp(middle, self.seconds, self.temperature_c)
        return np.where(away <= REACH_SECONDS, value, np.nan)


def temperatures(seconds: Floats, temperature_c: Floats) -> Temperatures:
    """Put readings in order, those of one quarter hour as their mean; NaN is left out."""
    known = np.isfinite(temperature_c)
    step, position = np.unique(seconds[known] // STEP_SECONDS, return_inverse=True)
    counts = np.bincount(position, minlength=len(step))
    sums = [
        np.bincount(position, weights=values[known], minlength=len(step))
        for values in (seconds, temperature_c)
    ]
    return Temperatures(sums[0] / np.maximum(counts, 1), sums[1] / np.maximum(counts, 1))


def of_file(site: SiteConfig, start: datetime, end: datetime) -> Temperatures | None:
    """What the site's file says in [start, end); None where no file is configured.

    Raises SettingsError, one line, where the file is wrong.
    """
    outdoor = site.outdoor_temperature
    if outdoor is None or outdoor.file is None:
        return None
    rows = read_temperatures(sites_file().parent / outdoor.file, start, end)
    columns = np.array(rows, dtype=float).reshape(-1, 2)
    return temperatures(columns[:, 0], columns[:, 1])


def of_channel(frame: pd.DataFrame, interval_seconds: int) -> Temperatures:
    """What a channel measured, without the stretches over which its sensor was stuck.

    `frame` : `temperature_c` by the start of each interval.
    """
    index = frame.index
    assert isinstance(index, pd.DatetimeIndex)
    measured = frame["temperature_c"].to_numpy(dtype=float, copy=True)
    for start, stop in equal_runs(measured):
        if (stop - start) * interval_seconds >= STUCK_SECONDS:
            measured[start:stop] = np.nan
    return temperatures(index.as_unit("s").asi8 + interval_seconds / 2, measured)
