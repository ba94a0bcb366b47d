"""Opening hours read off a channel's load, for a site that has none configured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from config.sites import WEEKDAYS
from lib.stats_utils import Floats

# An hour is open where the weekday's median lies so far from the nights' level to the days'.
OPEN_FROM_SHARE = 0.35
LOW_POINT, HIGH_POINT = 0.1, 0.9
MIN_OPEN_HOURS = 4
# Days and nights that differ by less than this share of the level tell nothing.
MIN_CONTRAST = 0.1


def learned_hours(power_kw: Floats, local: pd.DatetimeIndex) -> dict[str, list[str]]:
    """Opening and closing time by weekday; a day without is closed, none where nothing is told.

    Parameters
    ----------
    power_kw : shape (n,), mean power of each interval [kW]; NaN where unmeasured. Eight weeks are
        enough; faults of the meter should be NaN.
    local : start of each interval in the site's zone.
    """
    usual = pd.Series(power_kw).groupby([local.day_of_week, local.hour]).median().unstack()
    usual = usual.reindex(index=range(7), columns=range(24))
    weekdays = usual.iloc[:5].median().to_numpy()
    if not np.isfinite(weekdays).any():
        return {}
    low, high = np.nanquantile(weekdays, [LOW_POINT, HIGH_POINT])
    if high - low < MIN_CONTRAST * abs(high):
        return {}
    opening = {}
    for number, weekday in enumerate(WEEKDAYS):
        on = np.flatnonzero(usual.loc[number].to_numpy() > low + OPEN_FROM_SHARE * (high - low))
        if len(on) >= MIN_OPEN_HOURS:
            closes = "24:00" if on[-1] == 23 else f"{on[-1] + 1:02d}:00"
            opening[weekday] = [f"{on[0]:02d}:00", closes]
    return opening
