"""All findings of one site and period. deliver calls analyze_week and formats what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analyze.anomaly_detection import AnomalyEvent
from analyze.baseline import METHOD
from analyze.channel_week import ChannelStudy
from analyze.charts import week_charts
from analyze.cost_model import (
    annual,
    cost,
    known_sum,
    mean_price_per_kwh,
    price_per_kwh,
    tariff_cover,
    tariff_parts,
)
from analyze.data_quality import caveats, data_quality, is_judged, no_after_hours_reason
from analyze.finding_charts import finding_charts
from analyze.findings import (
    SEVERITIES,
    AfterHoursMeter,
    AfterHoursWaste,
    Anomaly,
    BaselineInfo,
    ChannelWeek,
    DriftFinding,
    FollowUps,
    HealthIssue,
    Inputs,
    Spike,
    WeekFindings,
)
from analyze.follow_up import follow_ups, total_saved
from analyze.quick_wins import quick_wins
from analyze.readings import DAY_SECONDS, SiteData
from analyze.reconciliation import reconciliation
from analyze.site_load import site_month_kwh
from analyze.site_studies import prices_of, readings_due_until, site_studies
from analyze.site_total import counted, measured_share, site_totals, total_power
from analyze.summary import headline, potential_savings, top_opportunities, top_risks
from analyze.told_once import COMMON_OTHERS, told_once
from analyze.weather_caveats import followed_weather, outdoor_temperatures, weather_caveats
from analyze.week_shape import expected_totals, shape_charts, site_shape
from config.sites import SiteConfig
from lib.closed_days import closed_days
from lib.date_utils import Period, zone
from lib.errors import UsageError
from lib.stats_utils import Floats

DEFAULT_SETTLE_SECONDS = 1800


def analyze_week(
    data: SiteData,
    site: SiteConfig,
    period: Period,
    now: datetime,
    settle_seconds: int = DEFAULT_SETTLE_SECONDS,
) -> WeekFindings:
    """Judge every channel of a site in a period against the weeks before it.

    Parameters
    ----------
    data : readings from the start of the baseline to the end of the period.
    site : opening hours, holidays, tariff and limits.
    now : intervals that ended after `now` less `settle_seconds` are not due yet; in a period that
        is not over, neither is what ended after the newest reading of the site.

    A pure function: the same arguments give the same findings. Nothing is rounded.

    Raises UsageError where the site's energy is stored by day: that has no hours to judge.
    """
    _require_hours(data, period)
    due_until = readings_due_until(data, period, now - timedelta(seconds=settle_seconds))
    outdoor = outdoor_temperatures(data, site)
    studies = told_once(site_studies(data, site, period, due_until, outdoor))
    own_zone = zone(data.own_timezone)
    prices, total_prices = _prices(data, studies, own_zone, site)
    total = counted(studies)
    tariff = site.tariff
    totals = site_totals(
        total, total_prices, tariff_cover(period, tariff), tariff_parts(period, tariff)
    )
    waste = _after_hours(studies, prices, site, period)
    anomalies, anomaly_costs = _anomalies(studies, prices)
    issues = _health_issues(studies)
    is_over = due_until >= period.end
    notes = caveats(studies, site, totals, is_over=is_over)
    notes += weather_caveats(studies, outdoor, site, period.start, due_until)
    quality = data_quality(studies, data.rejected, notes, data.estimated)
    missing = {one.channel_id: 1 - one.completeness_pct / 100 for one in quality.by_channel}
    followed = follow_ups(studies, prices)
    wins = quick_wins(waste.meters, anomalies, anomaly_costs, missing, _weeks(period), followed)
    channels = tuple(_channel_week(study, site) for study in studies if is_judged(study))
    currency = site.money_currency(data.currency)
    power = total_power(total)
    shape = site_shape(power, total, period, own_zone, site)
    return WeekFindings(
        site_id=data.site_id,
        site_name=data.site_name,
        timezone=data.own_timezone,
        currency=currency,
        start=period.start,
        end=period.end,
        baseline=_baseline_info(studies, period),
        inputs=Inputs(
            readings=sum(one.received for one in quality.by_channel),
            channels=sum(one.received > 0 for one in quality.by_channel),
            completeness_pct=quality.completeness_pct,
            run_ids=data.run_ids,
        ),
        headline=headline(
            totals,
            wins,
            issues,
            currency,
            quality.completeness_pct,
            days=len(period.days),
            is_over=is_over,
        ),
        totals=totals,
        top_risks=top_risks(issues, anomalies),
        top_opportunities=top_opportunities(wins),
        savings=potential_savings(wins, totals.tariff_cover),
        health_issues=issues,
        channels_checked=len(channels),
        after_hours=waste,
        anomalies=anomalies,
        spikes=_spikes(studies),
        quick_wins=wins,
        channels=channels,
        data_quality=quality,
        charts={
            **week_charts(power, totals, total, channels, waste),
            **shape_charts(shape),
            **finding_charts(studies, wins, anomalies),
        },
        closed_days=tuple(
            sorted(set(period.days) & closed_days({day.year for day in period.days}, site))
        ),
        drifts=_drifts(studies),
        reconciliation=reconciliation(studies),
        expected=expected_totals(totals, shape, total, total_prices, period),
        load_shape=shape,
        follow_ups=FollowUps(tuple(followed.values()), *total_saved(followed)),
    )


def _prices(
    data: SiteData, studies: Sequence[ChannelStudy], own_zone: ZoneInfo, site: SiteConfig
) -> tuple[list[Floats], list[Floats]]:
    """What a kWh less is worth, for each study; what each kWh costs, for those of the total."""
    prices = whole = prices_of(studies, own_zone, site)
    if any(entry.tiers for entry in site.tariff):
        # What is saved are the last kWh of a month; the whole energy lies in all of its tiers.
        month_kwh = site_month_kwh(data)
        indexes = [study.index.tz_convert(own_zone) for study in studies]
        prices = [price_per_kwh(index, site.tariff, month_kwh) for index in indexes]
        whole = [mean_price_per_kwh(index, site.tariff, month_kwh) for index in indexes]
    pairs = zip(studies, whole, strict=True)
    return prices, [price for study, price in pairs if study.series.in_site_total]


def _require_hours(data: SiteData, period: Period) -> None:
    for series in data.channels:
        is_daily = series.interval_seconds >= DAY_SECONDS
        if is_daily and (series.is_additive or series.in_site_total):
            received = series.frame["received"].to_numpy()
            if received[np.asarray(series.frame.index >= period.start)].any():
                raise UsageError(
                    f"channel {series.channel_id} ({series.channel_name}) is stored in intervals "
                    f"of {series.interval_seconds} s: a report needs an hour or less "
                    "(ENISCOPE_RESOLUTION)"
                )


def _weeks(period: Period) -> float:
    return len(period.days) / 7


def _baseline_info(studies: Sequence[ChannelStudy], period: Period) -> BaselineInfo:
    starts = [study.index[0].to_pydatetime() for study in studies if len(study.index)]
    return BaselineInfo(
        start=min(starts, default=period.start),
        end=period.start,
        weeks=max((study.weeks for study in studies), default=0),
        method=METHOD + followed_weather(studies),
    )


def _instants(study: ChannelStudy, start: int, stop: int) -> tuple[datetime, datetime]:
    """Start of the first interval and end of the last, of [start, stop)."""
    interval = pd.Timedelta(seconds=study.calendar.interval_seconds)
    end = study.index[stop - 1] + interval
    return study.index[start].to_pydatetime(), end.to_pydatetime()


def _health_issues(studies: Sequence[ChannelStudy]) -> tuple[HealthIssue, ...]:
    issues = []
    for study in studies:
        for fault in study.faults:
            start, end = _instants(study, fault.start, fault.stop)
            issues.append(
                HealthIssue(
                    type=fault.type,
                    severity=fault.severity,
                    channel_id=study.series.channel_id,
                    channel_name=study.series.channel_name,
                    start=start,
                    end=end,
                    description=fault.description,
                )
            )
    return tuple(
        sorted(issues, key=lambda one: (-SEVERITIES.index(one.severity), one.start, one.channel_id))
    )


def _after_hours(
    studies: Sequence[ChannelStudy], prices: Sequence[Floats], site: SiteConfig, period: Period
) -> AfterHoursWaste:
    meters = []
    for study, price in zip(studies, prices, strict=True):
        waste = study.waste
        if waste is None or waste.excess_kwh <= 0:
            continue
        claimed = np.zeros(len(study.index), dtype=bool)
        for start, stop in waste.stretches:
            claimed[start:stop] = True
        meters.append(
            AfterHoursMeter(
                channel_id=study.series.channel_id,
                channel_name=study.series.channel_name,
                baseline_kw=waste.baseline_kw,
                after_hours_kwh=waste.after_hours_kwh,
                excess_kwh=waste.excess_kwh,
                excess_cost=_cost_of(waste.excess_kwh, study, price, claimed),
                error_pct=waste.error_pct,
                stretches=tuple(_instants(study, *stretch) for stretch in waste.stretches),
            )
        )
    has_price = tariff_cover(period, site.tariff) in ("part", "whole")
    total_cost = known_sum(
        (meter.excess_cost for meter in meters), nothing=0.0 if has_price else None
    )
    return AfterHoursWaste(
        meters=tuple(sorted(meters, key=lambda one: (-one.excess_kwh, one.channel_id))),
        total_excess_kwh=sum(meter.excess_kwh for meter in meters),
        total_excess_cost=total_cost,
        estimated_annual_cost=(
            None if total_cost is None else annual(total_cost / max(_weeks(period), 1.0))
        ),
        caveat=no_after_hours_reason(studies, site),
    )


def _cost_of(
    excess_kwh: float, study: ChannelStudy, price: Floats, where: np.ndarray
) -> float | None:
    """Cost of an excess at the prices of its intervals; None where none of them has a price."""
    excess = np.where(where, study.excess_kw, np.nan)
    measured = float(np.nansum(excess))
    amount = cost(excess, price)
    if amount is None:
        return None
    return excess_kwh * amount / measured if measured else 0.0


def _anomalies(
    studies: Sequence[ChannelStudy], prices: Sequence[Floats]
) -> tuple[tuple[Anomaly, ...], dict[int, float | None]]:
    """Every anomaly, and by channel the cost of those that are high and more than low."""
    found: list[Anomaly] = []
    costs: dict[int, float | None] = {}
    for study, price in zip(studies, prices, strict=True):
        for event in study.anomalies:
            start, end = _instants(study, event.start, event.stop)
            found.append(
                Anomaly(
                    channel_id=study.series.channel_id,
                    channel_name=study.series.channel_name,
                    start=start,
                    end=end,
                    direction=event.direction,
                    peak_kw=event.peak_kw,
                    expected_kw=event.expected_kw,
                    excess_kwh=event.excess_kwh,
                    severity=event.severity,
                    confidence=event.confidence,
                    context=_context(study, event),
                )
            )
            if event.direction == "high" and event.severity != "low":
                where = np.zeros(len(study.index), dtype=bool)
                where[event.start : event.stop] = True
                amount = _cost_of(event.excess_kwh, study, price, where)
                channel_id = study.series.channel_id
                costs[channel_id] = known_sum((costs.get(channel_id), amount))
    return tuple(sorted(found, key=lambda one: (one.start, one.channel_id))), costs


def _context(study: ChannelStudy, event: AnomalyEvent) -> str:
    """When it happened, in the words of people who run buildings."""
    inside = slice(event.start, event.stop)
    is_open = study.calendar.is_open[inside].mean() >= 0.5
    words = [f"{study.index[event.start]:%A}", "open hours" if is_open else "closed hours"]
    if study.calendar.is_quiet[inside].any():
        words.append("between Christmas and New Year")
    if event.told_kwh:
        more = "more" if event.direction == "high" else "less"
        words.append(f"{abs(event.told_kwh):,.0f} kWh {more} are told by sub-meters")
    if event.others:
        words.append(f"{event.others} other channels too: weather or occupancy?")
    return ", ".join(words)


def _spikes(studies: Sequence[ChannelStudy]) -> tuple[Spike, ...]:
    found = []
    for study in studies:
        for event in study.spikes:
            start, end = _instants(study, event.start, event.stop)
            found.append(
                Spike(
                    channel_id=study.series.channel_id,
                    channel_name=study.series.channel_name,
                    start=start,
                    end=end,
                    peak_kw=event.peak_kw,
                    expected_kw=event.expected_kw,
                    excess_kwh=event.excess_kwh,
                )
            )
    return tuple(sorted(found, key=lambda one: (-one.excess_kwh, one.start, one.channel_id)))


def _drifts(studies: Sequence[ChannelStudy]) -> tuple[DriftFinding, ...]:
    """Drifts of single channels: what several share is season or use, not a meter."""
    drifting = [(study, study.drift_pct) for study in studies if study.drift_pct is not None]
    alone = [
        (study, change)
        for study, change in drifting
        if sum(other * change > 0 for _, other in drifting) - 1 < COMMON_OTHERS
    ]
    return tuple(
        DriftFinding(
            channel_id=study.series.channel_id,
            channel_name=study.series.channel_name,
            change_pct=change,
            description=(
                f"Its whole level, low loads too, moved by {change:+.0f} % in four weeks: "
                "season, or a meter that loses its calibration"
            ),
        )
        for study, change in alone
    )


def _channel_week(study: ChannelStudy, site: SiteConfig) -> ChannelWeek:
    energy = study.energy_kwh[study.in_period]
    measured = np.isfinite(energy)
    usual = study.expected_kwh[study.in_period]
    known = measured & np.isfinite(usual)
    expected_kwh = float(usual[known].sum()) if known.any() else None
    closed = measured & ~study.calendar.is_open[study.in_period]
    power = study.power_kw[study.in_period]
    return ChannelWeek(
        channel_id=study.series.channel_id,
        channel_name=study.series.channel_name,
        channel_type=study.series.channel_type,
        in_site_total=study.series.in_site_total,
        energy_kwh=float(energy[measured].sum()) if measured.any() else None,
        expected_kwh=expected_kwh,
        change_pct=(
            100 * (float(energy[known].sum()) / expected_kwh - 1)
            if expected_kwh is not None and expected_kwh > 0
            else None
        ),
        after_hours_kwh=(
            float(energy[closed].sum()) if measured.any() and site.opening_hours else None
        ),
        peak_kw=float(np.nanmax(power)) if np.isfinite(power).any() else None,
        measured_pct=_measured_pct(study),
        stuck_hours=_hidden_hours(study, is_stuck=True),
        implausible_hours=_hidden_hours(study, is_stuck=False),
    )


def _measured_pct(study: ChannelStudy) -> float:
    """Share of the due intervals with energy, of other channels with their value [%]."""
    if study.is_consumer:
        return 100 * measured_share([study])
    value = study.series.main_value()[study.due]
    return 100 * float(np.isfinite(value).mean()) if len(value) else 100.0


def _hidden_hours(study: ChannelStudy, *, is_stuck: bool) -> float:
    """Hours of the period that were measured, and in which a fault hides the load."""
    hidden = np.zeros(len(study.index), dtype=bool)
    for fault in study.faults:
        if fault.hides_load and (fault.type == "flatline") == is_stuck:
            hidden[fault.start : fault.stop] = True
    counted_in = hidden & study.in_period & np.isfinite(study.energy_kwh)
    return float(counted_in.sum()) * study.calendar.hours
