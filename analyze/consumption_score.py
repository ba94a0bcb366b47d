"""Scorecard of consumption: how sure it is that an hour draws more than it should.

Three piecewise linear logistic scores on the features of analyze/load_features.py, with the weights
of analyze/detector_weights.py: for open hours, for what was left on since closing, and for what
rises while closed. Closed stretches that score high are claimed as after-hours waste. NumPy only,
and from the past of each hour only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analyze.detector_weights import (
    CLAIM_ABOVE,
    CLAIM_AGAIN_ABOVE,
    CLOSED_WEIGHTS,
    FLAG_CLOSED_ABOVE,
    FLAG_OPEN_ABOVE,
    OPEN_WEIGHTS,
    RISE_WEIGHTS,
)
from analyze.expected_load import ExpectedLoad
from analyze.hourly_days import HourlyDays
from analyze.load_features import (
    CLOSED_NAMES,
    OPEN_NAMES,
    LoadFeatures,
    load_features,
    trailing_mean,
)
from lib.stats_utils import Floats, Mask

HOURS_IN_A_ROW = 2
LAST_HOURS = 4
BUSY_DAY_SHARE = 0.3


@dataclass(frozen=True)
class Scorecard:
    """The weights of the three scores, by the name of the feature each multiplies."""

    in_hours: Mapping[str, float]
    left_on: Mapping[str, float]
    rise: Mapping[str, float]


SHIPPED = Scorecard(OPEN_WEIGHTS, CLOSED_WEIGHTS, RISE_WEIGHTS)


@dataclass(frozen=True)
class ConsumptionScore:
    """Of every hour of the flat matrix, shape (hours,).

    `confidence` : that it draws more than it should [0..1], 0 where unknown; `flag` : an event,
    from its second hour on; `waste_kw` : mean power claimed as left on while closed, else 0.
    """

    confidence: Floats
    flag: Mask
    waste_kw: Floats


def consumption_score(
    hours: HourlyDays, load: ExpectedLoad, card: Scorecard = SHIPPED
) -> ConsumptionScore:
    """Score every hour of a channel."""
    features = load_features(hours, load)
    confidence = confidence_of(features, card)
    confidence[~np.isfinite(hours.power_kw.ravel())] = 0.0
    above = confidence > np.where(features.is_open, FLAG_OPEN_ABOVE, FLAG_CLOSED_ABOVE)
    flag = above.copy()
    for back in range(1, HOURS_IN_A_ROW):
        flag[back:] &= above[:-back]
        flag[:back] = False
    return ConsumptionScore(confidence, flag, _waste_kw(hours, load, features, confidence))


def confidence_of(features: LoadFeatures, card: Scorecard = SHIPPED) -> Floats:
    """Confidence of every hour by its scorecards, shape (hours,)."""
    in_hours = _logistic(features.open_hours, OPEN_NAMES, card.in_hours)
    rise = _logistic(features.open_hours, OPEN_NAMES, card.rise)
    left_on = _logistic(features.closed_hours, CLOSED_NAMES, card.left_on)
    return np.where(features.is_open, in_hours, 1 - (1 - left_on) * (1 - rise))


def _logistic(features: Floats, names: tuple[str, ...], weights: Mapping[str, float]) -> Floats:
    total = features @ np.array([weights[name] for name in names]) + weights["bias"]
    return np.asarray(1 / (1 + np.exp(-np.clip(total, -30, 30))))


def _waste_kw(
    hours: HourlyDays, load: ExpectedLoad, features: LoadFeatures, confidence: Floats
) -> Floats:
    """Claim whole stretches; a claim is complete when the stretch is over."""
    waste = np.zeros(len(confidence))
    stretches = features.stretches
    last = trailing_mean(confidence, LAST_HOURS)
    beside = False
    difference = load.difference_kw[:, 0]
    for start, stop, before in zip(stretches.start, stretches.stop, stretches.before, strict=True):
        inside = slice(start, stop)
        least = CLAIM_AGAIN_ABOVE if beside else CLAIM_ABOVE
        beside = bool(last[stop - 1] > least and np.median(confidence[inside]) > least)
        if beside:
            share = np.nanmedian(features.share[inside]) - BUSY_DAY_SHARE * before
            kw = min(max(share, 0.0), 1.0) * difference[start // 24]
            waste[inside] = np.where(np.isfinite(hours.power_kw.ravel()[inside]), kw, 0.0)
    return waste
