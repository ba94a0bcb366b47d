"""Phases of a meter: one that reads backwards, two that changed places, one that fell away.

Each is compared with what the channel's phases usually share, by the interval and only under load,
so that a fault has a beginning and an end, and a channel that was always uneven has none.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd

from analyze.calendar_days import Calendar
from analyze.faults import Fault, span_of, strongest_span
from lib.stats_utils import Floats, Mask, nan_quantile

PHASE_POWERS = ("power_kw_1", "power_kw_2", "power_kw_3")
# An interval counts from this share of the channel's high load on.
MIN_LOAD = 0.25
# So many hours under load must tell of it, and so many before of what is usual.
LEAST_HOURS = 6.0
LEAST_PAST_HOURS = 24.0
IMBALANCE = 0.5
ABOVE_USUAL = 0.25
USUAL_POINT = 0.95
# A phase runs backwards day and night (a solar inverter by day only), nearly without a break.
BACKWARDS_HOURS = 24.0
BACKWARDS_SHARE = 0.05
BACKWARDS_BREAK_WEIGHT = -4.0
# Phases can be told apart when their usual shares differ by so much; then they have changed places
# when every share lies this near to the other's.
APART = 0.1
NEAR = 1 / 3
RARELY = 0.05


def phase_faults(
    frame: pd.DataFrame, calendar: Calendar, is_history: Mask, due: Mask
) -> list[Fault]:
    """The fault of a three-phase channel's phases among the intervals that are due.

    Parameters
    ----------
    frame : columns PHASE_POWERS and power_kw [kW], shape (n, ...); NaN where unmeasured.
    calendar, is_history, due : of the same n intervals.
    """
    phases = np.array([frame[name].to_numpy(dtype=float) for name in PHASE_POWERS])
    if np.isfinite(phases).any(axis=1).sum() < 2:
        return []
    phases = _with_refused(phases, frame["power_kw"].to_numpy(dtype=float))
    size = np.abs(phases).sum(axis=0)
    known = np.isfinite(size)
    if not known.any():
        return []
    loaded = known & (size > MIN_LOAD * float(np.quantile(size[known], 0.95)))
    shares = np.divide(phases, size, out=np.full(phases.shape, np.nan), where=loaded)
    now, past = loaded & due, loaded & is_history
    if now.sum() < calendar.intervals(LEAST_HOURS):
        return []
    found = _backwards(shares, now, calendar)
    if not found and past.sum() >= calendar.intervals(LEAST_PAST_HOURS):
        found = _swapped(shares, now, past, calendar) or _imbalance(shares, now, past, calendar)
    # What still held under the last load holds to the end.
    _, end = span_of(due)
    return [fault if now[fault.stop :].any() else replace(fault, stop=end) for fault in found]


def _with_refused(phases: Floats, power: Floats) -> Floats:
    """Phases with a single missing one made from the others and their sum.

    A phase that reads backwards is refused at the border where a channel may not export.
    """
    missing = ~np.isfinite(phases)
    alone = (missing.sum(axis=0) == 1) & np.isfinite(power)
    rest = power - np.where(missing, 0.0, phases).sum(axis=0)
    return np.where(missing & alone, rest, phases)


def _backwards(shares: Floats, now: Mask, calendar: Calendar) -> list[Fault]:
    with np.errstate(invalid="ignore"):
        draws_power = now & (shares.sum(axis=0) > 0)
        is_backward = draws_power & (shares < -BACKWARDS_SHARE)
    for phase, is_back in enumerate(is_backward, start=1):
        start, stop = strongest_span(
            np.where(is_back, 1.0, np.where(now, BACKWARDS_BREAK_WEIGHT, 0.0))
        )
        enough = is_back[start:stop].sum() >= calendar.intervals(LEAST_HOURS)
        if enough and stop - start >= calendar.intervals(BACKWARDS_HOURS):
            text = (
                f"Phase {phase} reads backwards while the others draw power: its current "
                "transformer is mounted the wrong way round, and the sum is too small"
            )
            return [Fault("phase_imbalance", "medium", start, stop, text)]
    return []


def _swapped(shares: Floats, now: Mask, past: Mask, calendar: Calendar) -> list[Fault]:
    usual = np.median(shares[:, past], axis=1)
    for order in permutations(range(3)):
        changed = [phase + 1 for phase in range(3) if order[phase] != phase]
        apart = float(np.abs(usual[list(order)] - usual).max())
        # All that changed places must be told apart from what stood there.
        if not changed or np.abs(usual[list(order)] - usual)[np.array(changed) - 1].min() < APART:
            continue
        from_usual = np.abs(shares - usual[:, None]).max(axis=0)
        from_other = np.abs(shares - usual[list(order)][:, None]).max(axis=0)
        start, stop = strongest_span(np.where(now, from_usual - from_other, 0.0))
        inside = slice(start, stop)
        told = now[inside]
        if told.sum() < calendar.intervals(LEAST_HOURS):
            continue
        is_near = float(np.median(from_other[inside][told])) < NEAR * apart
        was_rare = (from_other[past] < from_usual[past]).mean() < RARELY
        if is_near and was_rare:
            names = f"{', '.join(map(str, changed[:-1]))} and {changed[-1]}"
            text = f"Phases {names} have changed places against the weeks before"
            return [Fault("phase_imbalance", "medium", start, stop, text)]
    return []


def _imbalance(shares: Floats, now: Mask, past: Mask, calendar: Calendar) -> list[Fault]:
    """One phase carries far more or less than the others, and did not before."""
    mean = shares.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        imbalance = np.abs(shares - mean).max(axis=0) / np.abs(mean)
    usual = float(nan_quantile(imbalance[past], USUAL_POINT))
    limit = max(IMBALANCE, usual + ABOVE_USUAL)
    start, stop = strongest_span(np.where(now, np.minimum(imbalance, 2.0) - limit, 0.0))
    told = imbalance[start:stop][now[start:stop]]
    if len(told) < calendar.intervals(LEAST_HOURS) or float(np.median(told)) < limit:
        return []
    before = float(np.median(imbalance[past]))
    text = (
        f"Phases differ by {100 * float(np.median(told)):.0f} % from their mean, "
        f"usually by {100 * before:.0f} %"
    )
    return [Fault("phase_imbalance", "medium", start, stop, text)]
