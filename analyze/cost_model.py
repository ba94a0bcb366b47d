"""What energy costs: the price valid on each local day. A flat price by now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from config.sites import TariffPeriod
from lib.stats_utils import Floats

WEEKS_PER_YEAR = 52


def price_per_kwh(index: pd.DatetimeIndex, tariff: Sequence[TariffPeriod]) -> Floats:
    """Price of a kWh at each instant; NaN before the first tariff period.

    Parameters
    ----------
    index : DatetimeIndex, shape (n,), in the site's own zone: prices change at local midnight.
    tariff : periods in the order of `valid_from`.
    """
    days = index.tz_localize(None).to_numpy().astype("datetime64[D]")
    starts = np.array([period.valid_from for period in tariff], dtype="datetime64[D]")
    prices = np.array([np.nan, *(period.energy_price_per_kwh for period in tariff)])
    return np.asarray(prices[np.searchsorted(starts, days, side="right")])


def cost(energy_kwh: Floats, price: Floats) -> float | None:
    """Cost of the measured energy; None where a part of it has no price.

    >>> cost(np.array([2.0, np.nan, 1.0]), np.array([0.5, 0.5, 1.0]))
    2.0
    """
    measured = np.isfinite(energy_kwh)
    total = float((energy_kwh[measured] * price[measured]).sum())
    return total if np.isfinite(total) else None


def annual(weekly: float) -> float:
    """A year of weeks like this one."""
    return WEEKS_PER_YEAR * weekly
