"""Common methods of finding anomalies, as peers of the shipped detectors.

Each gives one score and one flag per interval. Z-score and IQR rule see the past only; the others
are fitted to the whole series, as they are commonly used.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

import numpy as np
import pandas as pd
from meter_folder import Meter

from lib.stats_utils import Floats, Mask, runs

WEEK_DAYS = 7
Found = tuple[Floats, Mask]


def z_score(meter: Meter) -> Found:
    """|value - mean| / standard deviation of the 8 weeks before, above 3."""
    width = 56 * 24 * 3600 // meter.interval_seconds
    power = pd.Series(meter.power_kw)
    before = power.shift(1).rolling(width, min_periods=width // 8)
    z = ((power - before.mean()).abs() / before.std()).to_numpy()
    return _known(z), z > 3


def iqr_rule(meter: Meter) -> Found:
    """Above q3 + 3 IQR of the same local time of the 4 weeks before, 3 intervals in a row."""
    key = meter.calendar.day * meter.calendar.slots_per_day + meter.calendar.slot
    table = pd.Series(meter.power_kw).groupby(key).mean()
    week = WEEK_DAYS * meter.calendar.slots_per_day
    past = np.stack([table.reindex(table.index - back * week).to_numpy() for back in (1, 2, 3, 4)])
    with np.errstate(invalid="ignore"):
        counts = np.isfinite(past).sum(axis=0)
        past[:, counts == 0] = 0.0
        low, high = np.nanquantile(past, [0.25, 0.75], axis=0)
    spread = np.maximum(high - low, 0.02 * np.nanmean(meter.power_kw))
    over = pd.Series((table.to_numpy() - high) / spread, table.index)
    over[counts < 3] = 0.0
    score = over.reindex(key).to_numpy()
    above = score > 3
    flag = np.zeros(len(score), dtype=bool)
    for start, stop in runs(above):
        if stop - start >= 3:
            flag[start + 2 : stop] = True
    return _known(score), flag


def isolation_forest(meter: Meter) -> Found:
    """scikit-learn's IsolationForest on load, hour, weekday and yesterday's load; 2 % flagged."""
    ensemble = importlib.import_module("sklearn.ensemble")
    calendar = meter.calendar
    day_ago = pd.Series(meter.power_kw).shift(24 * 3600 // meter.interval_seconds)
    columns = [meter.power_kw, calendar.slot, calendar.weekday, meter.power_kw - day_ago]
    features = np.column_stack(columns)
    known = np.isfinite(features).all(axis=1)
    forest = ensemble.IsolationForest(random_state=0, contamination=0.02).fit(features[known])
    score = np.zeros(len(features))
    score[known] = -forest.score_samples(features[known])
    flag = np.zeros(len(features), dtype=bool)
    flag[known] = forest.predict(features[known]) < 0
    return score, flag


def mstl_residual(meter: Meter) -> Found:
    """statsmodels' MSTL by day and week on hourly means; residual above 4 robust deviations."""
    seasonal = importlib.import_module("statsmodels.tsa.seasonal")
    hour = pd.Series(meter.power_kw, meter.index).resample("h").mean()
    filled = hour.interpolate(limit_direction="both")
    residual = seasonal.MSTL(filled, periods=(24, 168)).fit().resid
    deviation = 1.4826 * residual.abs().median()
    z = (residual / deviation).where(hour.notna())
    score = z.reindex(meter.index.floor("h")).to_numpy()
    return _known(score), score > 4


def adtk_seasonal(meter: Meter) -> Found:
    """ADTK's SeasonalAD, weekly, on hourly means."""
    adtk_detector = importlib.import_module("adtk.detector")
    hour = pd.Series(meter.power_kw, meter.index.tz_localize(None)).resample("h").mean()
    filled = hour.interpolate(limit_direction="both")
    detector = adtk_detector.SeasonalAD(freq=168, side="positive", c=3.0)
    flagged = detector.fit_detect(filled).fillna(value=False).astype(bool)
    residual = filled - filled.groupby(np.arange(len(filled)) % 168).transform("median")
    at = meter.index.tz_localize(None).floor("h")
    return _known(residual.reindex(at).to_numpy()), flagged.reindex(at).to_numpy(dtype=bool)


METHODS: dict[str, Callable[[Meter], Found]] = {
    "z-score": z_score,
    "IQR rule": iqr_rule,
    "IsolationForest": isolation_forest,
    "MSTL residual": mstl_residual,
    "ADTK SeasonalAD": adtk_seasonal,
}
NEEDS = {"IsolationForest": "sklearn", "MSTL residual": "statsmodels", "ADTK SeasonalAD": "adtk"}


def available() -> list[str]:
    """The methods whose libraries are installed."""
    return [name for name in METHODS if name not in NEEDS or importlib.util.find_spec(NEEDS[name])]


def _known(score: Floats) -> Floats:
    return np.where(np.isfinite(score), score, 0.0)
