"""How much of the period arrived, and what a reader has to know before trusting the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from analyze.channel_week import MIN_BASELINE_WEEKS, NOT_JUDGED, ChannelStudy
from analyze.findings import ChannelQuality, DataGap, DataQuality, Totals
from analyze.readings import DAY_SECONDS, ChannelSeries, RejectedCount
from analyze.site_total import counted, days_not_measured
from analyze.wording import listed
from config.sites import SiteConfig
from lib.stats_utils import runs

MAX_GAPS = 100
MAX_DAYS = 7


def data_quality(
    studies: Sequence[ChannelStudy],
    rejected: Mapping[int, Sequence[RejectedCount]],
    caveats: Sequence[str],
    estimated: Mapping[int, int] = MappingProxyType({}),
) -> DataQuality:
    """Completeness by channel, the gaps, and the caveats.

    `estimated` counts, by channel, the missing intervals of the period that have an estimate: it
    stands beside the readings and is in no figure. Channels that never reported, and those nobody
    expects to, are left out.
    """
    judged = [study for study in studies if is_judged(study)]
    by_channel = tuple(_channel_quality(study, rejected, estimated) for study in judged)
    gaps = [gap for study in judged for gap in _gaps(study)]
    longest = sorted(gaps, key=lambda gap: gap.start - gap.end)[:MAX_GAPS]
    left_out = [_not_listed(len(gaps) - MAX_GAPS)] if gaps[MAX_GAPS:] else []
    return DataQuality(
        completeness_pct=completeness_pct(by_channel),
        by_channel=by_channel,
        gaps=tuple(sorted(longest, key=lambda gap: (gap.start, gap.channel_id))),
        caveats=(*caveats, *left_out),
    )


def _not_listed(count: int) -> str:
    return "1 shorter gap is not listed." if count == 1 else f"{count} shorter gaps are not listed."


def is_judged(study: ChannelStudy) -> bool:
    """True for channels that ought to report and have done so in the baseline or the period."""
    return study.reported and study.series.status not in NOT_JUDGED


def completeness_pct(channels: Sequence[ChannelQuality]) -> float:
    """Received readings of all channels as a share of those due; 0 where nothing was due."""
    expected = sum(channel.expected for channel in channels)
    return 100 * sum(channel.received for channel in channels) / expected if expected else 0.0


def _channel_quality(
    study: ChannelStudy,
    rejected: Mapping[int, Sequence[RejectedCount]],
    estimated: Mapping[int, int],
) -> ChannelQuality:
    series = study.series
    expected = int(study.due.sum())
    received = int((series.frame["received"].to_numpy() & study.due).sum())
    counts = rejected.get(series.channel_id, ())
    return ChannelQuality(
        channel_id=series.channel_id,
        channel_name=series.channel_name,
        expected=expected,
        received=received,
        completeness_pct=100 * received / expected if expected else 0.0,
        rejected=sum(count.rejected for count in counts),
        estimated=estimated.get(series.channel_id, 0),
    )


def _gaps(study: ChannelStudy) -> Iterator[DataGap]:
    interval = pd.Timedelta(seconds=study.calendar.interval_seconds)
    for start, stop in runs(study.due & ~study.series.frame["received"].to_numpy()):
        yield DataGap(
            channel_id=study.series.channel_id,
            channel_name=study.series.channel_name,
            start=study.index[start].to_pydatetime(),
            end=(study.index[stop - 1] + interval).to_pydatetime(),
            missing_intervals=stop - start,
        )


def caveats(
    studies: Sequence[ChannelStudy], site: SiteConfig, totals: Totals, *, is_over: bool
) -> list[str]:
    """What limits the findings, in whole sentences."""
    found = []
    if not is_over:
        found.append("The period is not over: the figures cover the part that has settled.")
    found += _channel_caveats(studies)
    found += _schedule_caveats(studies, site)
    if totals.energy_kwh is None:
        found.append(f"No energy of the site was measured ({totals.source}).")
    elif totals.is_partly_measured:
        found.append(_partly_measured(studies, totals))
    return found + _tariff_caveats(site, totals)


def _partly_measured(studies: Sequence[ChannelStudy], totals: Totals) -> str:
    days = [f"{day:%a} {day.day} {day:%b}" for day in days_not_measured(counted(studies))]
    return (
        f"The site's energy ({totals.source}) was measured for {int(totals.measured_pct)} % of the "
        f"due intervals: {totals.energy_kwh:,.0f} kWh is the measured part, and what was used is "
        f"more. Readings are missing on {listed(days, MAX_DAYS)}."
    )


def _tariff_caveats(site: SiteConfig, totals: Totals) -> list[str]:
    if totals.tariff_cover == "unset":
        return ["No tariff is configured for the site: costs are unknown."]
    if totals.tariff_cover == "whole":
        return []
    begins = min(one.valid_from for one in site.tariff)
    since = f"The site's tariff begins on {begins.day} {begins:%B %Y}"
    if totals.tariff_cover == "outside":
        return [f"{since}, after the period: costs are unknown."]
    return [f"{since}: energy before it has no price, and all costs leave it out."]


def _channel_caveats(studies: Sequence[ChannelStudy]) -> list[str]:
    def names(chosen: Sequence[ChannelStudy]) -> str:
        return ", ".join(
            f"{study.series.channel_name} ({study.series.channel_id})" for study in chosen
        )

    unreadable = [study for study in studies if study.series.status == "unreadable"]
    never = [
        study for study in studies if not study.reported and study.series.status not in NOT_JUDGED
    ]
    silent_parts = [
        study
        for study in studies
        if study.series.in_site_total
        and study.reported
        and not np.isfinite(study.power_kw[study.in_period]).any()
    ]
    exporting = [study for study in studies if study.is_consumer and _exports(study)]
    found = []
    if exporting:
        found.append(
            f"Negative power (export) of {names(exporting)}: it counts against what is used."
        )
    if unreadable:
        found.append(f"Not judged, because the API refuses to read them: {names(unreadable)}.")
    if never:
        found.append(f"Never reported in the period or its baseline: {names(never)}.")
    if silent_parts:
        found.append(f"The site total is without {names(silent_parts)}, silent in the period.")
    for weeks in sorted({study.weeks for study in studies if _history_too_short(study)}):
        short = [study for study in studies if _history_too_short(study) and study.weeks == weeks]
        found.append(
            f"History too short: {weeks} {'week' if weeks == 1 else 'weeks'} of "
            f"{MIN_BASELINE_WEEKS} needed, so that consumption was not judged: {names(short)}."
        )
    for study in studies:
        if study.series.other_intervals:
            found.append(_changed_interval(names([study]), study.series))
    return found


def _changed_interval(name: str, series: ChannelSeries) -> str:
    def lengths(chosen: Iterable[int]) -> str:
        return ", ".join(f"{length} s" for length in chosen)

    text = []
    converted = [length for length in series.other_intervals if length < DAY_SECONDS]
    if converted:
        text.append(
            f"readings of {lengths(converted)} were converted to {series.interval_seconds} s"
        )
    if daily := [length for length in series.other_intervals if length >= DAY_SECONDS]:
        text.append(f"readings of {lengths(daily)} have no time of day and were left out")
    return f"{name} changed its interval: {'; '.join(text)}."


def _exports(study: ChannelStudy) -> bool:
    power = study.power_kw[study.in_period]
    return bool((power[np.isfinite(power)] < 0).any())


def _history_too_short(study: ChannelStudy) -> bool:
    return study.is_consumer and is_judged(study) and study.expected is None


def _schedule_caveats(studies: Sequence[ChannelStudy], site: SiteConfig) -> list[str]:
    reason = no_after_hours_reason(studies, site)
    return [reason] if reason is not None else []


def no_after_hours_reason(studies: Sequence[ChannelStudy], site: SiteConfig) -> str | None:
    """Why after-hours waste cannot be judged; None where it can."""
    if not site.opening_hours:
        return "No opening hours are configured for the site: after-hours waste is not judged."
    if studies and all(study.calendar.is_open[study.in_period].all() for study in studies):
        return "The site was never closed in the period: there is no after-hours waste to judge."
    return None
