"""Reconciliation: what the main meter measured and its sub-meters do not explain.

The remainder is unmetered load, losses, and every meter's error. How large it is says how much of a
site is known; that it changes against the weeks before says that a sub-meter fails, was moved, or
that something new draws power.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analyze.channel_week import ChannelStudy
from analyze.findings import Reconciliation
from lib.stats_utils import Floats, Mask

# A remainder below this share of the main's energy, negative, is more than meters' errors.
OVERCOUNT_SHARE = -0.02
# The share has changed when it moved by so much.
CHANGED_SHARE = 0.05
MIN_COMMON_SHARE = 0.5
MIN_PART_SHARE = 0.7


def reconciliation(studies: Sequence[ChannelStudy]) -> Reconciliation | None:
    """Compare the main meter with the sum of its parts, in the period and in its baseline.

    Only intervals at which the main and every part were measured count, of the longest length
    among them, so that a gap of a part is no remainder; a part that was silent for a third of the
    period is left out of it and of the baseline, and counts as unexplained in both. None where the
    site has no main, or more than one, or no part, or where they were measured together for less
    than half of the period.
    """
    mains = [one for one in studies if one.series.channel_type == "site_total" and one.reported]
    if len(mains) != 1:
        return None
    (main,) = mains
    found = [
        one
        for one in studies
        if one.series.is_additive and one.series.channel_type == "energy" and one.reported
    ]
    parts = [one for one in found if _is_measured(one)]
    if not parts:
        return None
    grid = max((main, *parts), key=lambda one: one.calendar.interval_seconds)
    main_energy = _energy_kwh(main, grid)
    explained = np.sum([_energy_kwh(part, grid) for part in parts], axis=0)
    both = np.isfinite(explained) & np.isfinite(main_energy)
    now = both & grid.in_period
    due = main.due.sum() * main.calendar.interval_seconds
    if now.sum() * grid.calendar.interval_seconds < MIN_COMMON_SHARE * due or not now.any():
        return None

    def share_of(mask: Mask) -> float | None:
        total = float(main_energy[mask].sum())
        return 1 - float(explained[mask].sum()) / total if total > 0 else None

    share, usual = share_of(now), share_of(both & ~grid.in_period)
    main_kwh, parts_kwh = float(main_energy[now].sum()), float(explained[now].sum())
    return Reconciliation(
        channel_id=main.series.channel_id,
        main_kwh=main_kwh,
        parts_kwh=parts_kwh,
        unexplained_kwh=main_kwh - parts_kwh,
        unexplained_share=share,
        usual_share=usual,
        left_out=tuple(one.series.channel_name for one in found if not _is_measured(one)),
        finding=_finding(share, usual),
    )


def _energy_kwh(study: ChannelStudy, grid: ChannelStudy) -> Floats:
    """Energy of a channel in each interval of `grid` [kWh]; NaN where any of it is not known."""
    energy = pd.Series(study.energy_kwh, study.index)
    seconds = grid.calendar.interval_seconds
    if study.calendar.interval_seconds != seconds:
        # By instants: a local hour that comes twice must not be put together.
        utc = energy.tz_convert("UTC")
        parts = utc.resample(f"{seconds}s", origin=grid.index[0].tz_convert("UTC"))
        energy = parts.sum().where(parts.count() == seconds // study.calendar.interval_seconds)
    if len(energy) != len(grid.index) or energy.index[0] != grid.index[0]:
        energy = energy.reindex(grid.index)
    return energy.to_numpy(dtype=float)


def _is_measured(part: ChannelStudy) -> bool:
    measured = np.isfinite(part.energy_kwh) & part.due
    return bool(measured.sum() >= MIN_PART_SHARE * part.due.sum())


def _finding(share: float | None, usual: float | None) -> str | None:
    """The finding in words; None where all is as usual."""
    if share is None:
        return None
    if share < OVERCOUNT_SHARE:
        return (
            f"The sub-meters measured {-100 * share:.0f} % more than the main meter: "
            "one is counted twice, or a ratio is wrong"
        )
    if usual is not None and abs(share - usual) >= CHANGED_SHARE:
        return (
            f"{100 * share:.0f} % of the main meter's energy is not explained by its sub-meters, "
            f"usually {100 * usual:.0f} %"
        )
    return None
