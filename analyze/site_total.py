"""The site as a whole: its power over time, its energy against the expected, its peak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analyze.channel_week import ChannelStudy
from analyze.cost_model import cost, known_sum
from analyze.findings import TariffCover, TariffPart, Totals
from analyze.readings import Grid
from lib.stats_utils import Floats

# What is left of a site's usual use and generation, as a share of their sizes, to compare with.
CANCELLED_SHARE = 0.02


def counted(studies: Sequence[ChannelStudy]) -> list[ChannelStudy]:
    """The channels whose sum is the site's energy."""
    return [study for study in studies if study.series.in_site_total]


def site_totals(
    studies: Sequence[ChannelStudy],
    prices: Sequence[Floats],
    cover: TariffCover,
    parts: tuple[TariffPart, ...] = (),
) -> Totals:
    """Energy, cost, change and peak of the site over the measured part of the period.

    Parameters
    ----------
    studies : the channels whose sum is the site's energy.
    prices : for each of them the price at each interval.
    cover : which part of the period has a price; `parts` what the tariff has beyond prices.

    A gap counts neither as use nor as saving: expected and actual are compared over the intervals
    for which both are known. The peak is the highest interval mean.
    """
    actual: list[float] = []
    both, expected = [], []
    costs: list[float | None] = []
    for study, price in zip(studies, prices, strict=True):
        energy = study.energy_kwh[study.in_period]
        if not np.isfinite(energy).any():
            continue
        actual.append(float(np.nansum(energy)))
        costs.append(cost(energy, price[study.in_period]))
        if study.expected is not None:
            usual = study.expected_kwh[study.in_period]
            known = np.isfinite(energy) & np.isfinite(usual)
            both.append(energy[known])
            expected.append(usual[known])
    usual_kwh = np.concatenate([*expected, []])
    peak_kw, peak_at = _peak(total_power(studies, expected_too=False)["actual"])
    return Totals(
        energy_kwh=sum(actual) if actual else None,
        cost=known_sum(costs),
        expected_kwh=float(usual_kwh.sum()) if len(usual_kwh) else None,
        change_vs_baseline_pct=_change_pct(np.concatenate([*both, []]), usual_kwh),
        peak_kw=peak_kw,
        peak_at=peak_at,
        source=_source(studies),
        measured_pct=100 * measured_share(studies),
        tariff_cover=cover,
        tariff_parts=parts,
    )


def _change_pct(energy_kwh: Floats, usual_kwh: Floats) -> float | None:
    """Change against the usual, of its size: a site that feeds in less has a positive one.

    None where use and generation usually cancel: of almost nothing there is no share.
    """
    usual = float(usual_kwh.sum())
    if not abs(usual) > CANCELLED_SHARE * float(np.abs(usual_kwh).sum()):
        return None
    return 100 * (float(energy_kwh.sum()) - usual) / abs(usual)


def measured_share(studies: Sequence[ChannelStudy]) -> float:
    """Share of the due intervals of the counted channels for which energy is known; 1 for none.

    Channels that never reported are left out: nothing is known to be missing.
    """
    due = measured = 0.0
    for study in studies:
        if study.reported:
            hours = study.calendar.hours
            due += float(study.due.sum()) * hours
            measured += float(np.isfinite(study.energy_kwh[study.due]).sum()) * hours
    return measured / due if due else 1.0


def days_not_measured(studies: Sequence[ChannelStudy]) -> list[pd.Timestamp]:
    """Local days of which a part of the site's energy was due and is not known, in order."""
    days: set[pd.Timestamp] = set()
    for study in studies:
        if study.reported:
            missing = study.index[study.due & ~np.isfinite(study.energy_kwh)]
            days.update(missing.normalize().unique())
    return sorted(days)


def total_power(studies: Sequence[ChannelStudy], *, expected_too: bool = True) -> pd.DataFrame:
    """Mean power of the site in the period [kW]: `actual`, and `expected` where it is asked for.

    At the longest interval of the channels; only instants at which every channel that reported in
    the period has data, so that a gap of one does not look like a saving of all. NaN elsewhere.
    """
    live = [study for study in studies if np.isfinite(study.power_kw[study.in_period]).any()]
    if not live:
        return pd.DataFrame({"actual": [], "expected": []}, dtype=float)
    longest = max(study.calendar.interval_seconds for study in live)
    totals = {"actual": _sum([(study, study.power_kw) for study in live], longest)}
    if expected_too:
        usual = [(study, study.expected.expected_kw) for study in live if study.expected]
        complete = len(usual) == len(live)
        totals["expected"] = _sum(usual, longest) if complete else totals["actual"] * np.nan
    return pd.DataFrame(totals)


def _sum(parts: Sequence[tuple[ChannelStudy, Floats]], interval_seconds: int) -> pd.Series:
    # Channels of one grid are added up as arrays: putting their indexes side by side takes longer.
    by_grid: dict[Grid, tuple[ChannelStudy, Floats]] = {}
    for study, values in parts:
        first, total_kw = by_grid.get(study.series.grid, (study, np.zeros(len(values))))
        by_grid[study.series.grid] = (first, total_kw + values)
    total: pd.Series | None = None
    for study, values in by_grid.values():
        power = pd.Series(values[study.in_period], study.index[study.in_period])
        if study.calendar.interval_seconds != interval_seconds:
            # Through UTC: a local hour that comes twice must not be put together.
            utc = power.tz_convert("UTC").resample(f"{interval_seconds}s")
            power = utc.mean().where(utc.count() == utc.size()).tz_convert(study.index.tz)
        total = power if total is None else total + power
    assert total is not None
    return total


def _peak(power: pd.Series) -> tuple[float | None, pd.Timestamp | None]:
    if not power.notna().any():
        return None, None
    at = power.idxmax()
    return float(power[at]), at.to_pydatetime()


def _source(studies: Sequence[ChannelStudy]) -> str:
    mains = [study.series for study in studies if study.series.channel_type == "site_total"]
    if mains:
        return "site total: " + ", ".join(series.channel_name for series in mains)
    return f"sum of {len(studies)} {'channel' if len(studies) == 1 else 'channels'}"
