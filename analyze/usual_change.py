"""How far a week's energy usually lies from its expected one: what a change has to be held against.

Each earlier week is compared with what the others let expect. The expected load is close to a mean
of the weeks it was learned from, and of a mean of n the part of each is known: without it a week
lies n / (n - 1) times as far away. So no week has to be learned again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np

from analyze.channel_week import ChannelStudy
from analyze.readings import Grid
from lib.date_utils import Period
from lib.stats_utils import Floats

# As for what is usual of the load's shape.
MIN_WEEKS = 3
MIN_MEASURED = 0.8
WEEK_DAYS = 7


def usual_change_pct(counted: Sequence[ChannelStudy], period: Period) -> float | None:
    """Median of |actual / expected - 1| over the same days of the weeks before [%].

    Parameters
    ----------
    counted : the channels whose sum is the site's energy, with their history.
    period : of the report; each of them is looked at only at the times measured in it.

    None where fewer than 3 earlier weeks had 80 % of that, or where next to nothing is expected.
    """
    parts = [study for study in counted if study.expected is not None]
    if not parts:
        return None
    actual, expected, share = _energy_of_weeks(parts, period)
    known = (share >= MIN_MEASURED) & (expected > 0)
    weeks = int(known.sum())
    if weeks < MIN_WEEKS:
        return None
    away = np.abs(actual[known] / expected[known] - 1)
    return float(100 * np.median(away) * weeks / (weeks - 1))


def _energy_of_weeks(
    parts: Sequence[ChannelStudy], period: Period
) -> tuple[Floats, Floats, Floats]:
    """Actual and expected energy [kWh] and the measured share of each earlier week."""
    slices: dict[Grid, list[slice]] = {}
    found = []
    for study in parts:
        grid = study.series.grid
        if grid not in slices:
            slices[grid] = list(_weeks_before(study, period))
        energy, usual = study.energy_kwh, study.expected_kwh
        asked = np.isfinite(energy[study.in_period])
        rows = []
        for week in slices[grid]:
            # A week in which the clocks change is an hour longer or shorter.
            length = min(week.stop - week.start, len(asked))
            inside = slice(week.start, week.start + length)
            both = np.isfinite(energy[inside]) & np.isfinite(usual[inside]) & asked[:length]
            counts = (both.sum(), asked.sum())
            rows.append((energy[inside][both].sum(), usual[inside][both].sum(), *counts))
        found.append(rows)
    weeks = min(len(rows) for rows in found)
    sums = np.array([rows[:weeks] for rows in found], dtype=float).reshape(-1, weeks, 4).sum(axis=0)
    actual, expected, measured, asked_for = sums.T
    share = np.divide(measured, asked_for, out=np.zeros(weeks), where=asked_for > 0)
    return actual, expected, share


def _weeks_before(study: ChannelStudy, period: Period) -> Iterator[slice]:
    """Where the same days of the weeks before lie in the index, the latest first."""
    step = timedelta(days=-(-len(period.days) // WEEK_DAYS) * WEEK_DAYS)
    first, last = period.first_day - step, period.last_day - step
    while Period(first, last, period.timezone).start >= study.index[0]:
        then = Period(first, last, period.timezone)
        start, stop = study.index.searchsorted([then.start, then.end])
        yield slice(int(start), int(stop))
        first, last = first - step, last - step
