"""A site's month or week for the person who pays the bill: what it used, cost, and could save.

Everything comes from what the analysts' report is made of: analyze_week, the bill of the tariff,
and what became of earlier waste. Nothing is judged twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from analyze.cost_model import Bill, bill
from analyze.equipment import equipment_of
from analyze.equipment_use import WhereItWent, where_it_went
from analyze.findings import AfterHoursMeter, Anomaly, QuickWin, WeekFindings
from analyze.follow_up import FollowUp
from analyze.period_energy import PeriodEnergy
from analyze.readings import DEFAULT_BASELINE_WEEKS, SiteData, baseline_start
from analyze.week import DEFAULT_SETTLE_SECONDS, analyze_week
from analyze.wording import WEEK_DAYS
from config.sites import SiteConfig
from lib.date_utils import Period

# Two periods are compared where so much of both was measured, and by the same meters: those that
# only one of them knows had less than this share of its energy.
MIN_COMPARABLE_PCT = 90.0
MAX_ONLY_ONE_KNOWS_PCT = 5.0

Which = Literal["before", "year_before"]
# Why two periods are not compared.
Reason = Literal[
    "no_data", "not_checked", "not_over", "incomplete", "was_incomplete", "other_meters"
]


@dataclass(frozen=True)
class Comparison:
    """An earlier period beside this one.

    The changes are of a mean day, so that a month of 31 days and one of 28 can be compared; None
    where `reason` says why, or where a cost is not known.
    """

    which: Which
    period: Period
    energy_kwh: float | None
    cost: float | None
    energy_change_pct: float | None
    cost_change_pct: float | None
    reason: Reason | None = None


@dataclass(frozen=True)
class Saving:
    """Something to do. Money is of a year; `energy_kwh` and `cost` are of the period.

    `closed_times` counts the nights, weekends and holidays on which it ran on; None for what ran
    more than usual, of which `largest` tells the most.
    """

    kind: Literal["after_hours", "more_than_usual"]
    meter: str
    equipment: str
    energy_kwh: float
    cost: float | None
    annual_cost: float | None
    annual_cost_low: float | None
    annual_cost_high: float | None
    confidence: float
    effort: str
    owner: str
    actions: tuple[str, ...]
    closed_times: int | None = None
    largest: Anomaly | None = None


@dataclass(frozen=True)
class CustomerPeriod:
    """What a customer report tells; nothing is rounded.

    `findings` are those of the whole period. `share_measured_pct` is of the days of the meters that
    make up the site; `is_comparable` is False where too little of them was measured, and then
    nothing is compared. `usual_*` are of the hours that were measured.
    """

    findings: WeekFindings
    period: Period
    bill: Bill
    is_over: bool
    days_measured: int
    share_measured_pct: float
    is_comparable: bool
    usual_change_pct: float | None
    usual_change_kwh: float | None
    usual_change_cost: float | None
    closed_share_pct: float | None
    where: WhereItWent
    comparisons: tuple[Comparison, ...]
    savings: tuple[Saving, ...]
    fixed: tuple[FollowUp, ...]


def customer_period(
    data: SiteData,
    site: SiteConfig,
    energy: PeriodEnergy,
    earlier: Mapping[Which, PeriodEnergy],
    now: datetime,
    *,
    checked: Sequence[Which] = ("before", "year_before"),
    settle_seconds: int = DEFAULT_SETTLE_SECONDS,
) -> CustomerPeriod:
    """Put together what the customer of a site is told of a period.

    Parameters
    ----------
    data : readings from six weeks before the period to its end.
    energy : the site's energy in the period, and before it as far as its bill looks back.
    earlier : the same of the periods it may be compared with.
    now : what has not settled at this instant is not missing.
    checked : which of the earlier periods validation lets through.

    A pure function. Raises UsageError where the site's energy is stored by day.
    """
    period = energy.period
    findings = analyze_week(data, site, period, now, settle_seconds)
    is_over = now - timedelta(seconds=settle_seconds) >= period.end
    own_bill = _bill(energy, site, findings.currency)
    share = _share_measured_pct(energy, energy.by_channel.keys() | _reported(data))
    is_comparable = is_over and own_bill.energy_kwh is not None and share >= MIN_COMPARABLE_PCT
    totals = findings.totals
    change = totals.change_vs_baseline_pct if is_comparable else None
    change_kwh = None
    if change is not None and totals.expected_kwh is not None:
        change_kwh = totals.expected_kwh * change / 100
    fixed = _fixed(data, site, findings, period, now, settle_seconds)
    return CustomerPeriod(
        findings=findings,
        period=period,
        bill=own_bill,
        is_over=is_over,
        days_measured=energy.days_measured,
        share_measured_pct=share,
        is_comparable=is_comparable,
        usual_change_pct=change,
        usual_change_kwh=change_kwh,
        usual_change_cost=_at_mean_price(change_kwh, own_bill),
        closed_share_pct=_closed_share_pct(findings),
        where=where_it_went(findings.channels, data, totals.energy_kwh),
        comparisons=tuple(
            _comparison(
                which,
                energy,
                own_bill,
                earlier[which],
                _bill(earlier[which], site, findings.currency),
                is_over=is_over,
                is_checked=which in checked,
            )
            for which in ("before", "year_before")
            if which in earlier
        ),
        savings=savings(findings, {one.channel_id for one in fixed}),
        fixed=fixed,
    )


def since(data: SiteData, start: datetime, end: datetime) -> SiteData:
    """The same readings, of [start, end) only."""
    return replace(
        data,
        channels=tuple(
            replace(
                one,
                frame=one.frame[(one.frame.index >= start) & (one.frame.index < end)],
            )
            for one in data.channels
        ),
    )


def savings(findings: WeekFindings, fixed: set[int]) -> tuple[Saving, ...]:
    """The quick wins with what they rest on; without those that were fixed by now."""
    waste = {meter.channel_id: meter for meter in findings.after_hours.meters}
    weeks = max((findings.end.date() - findings.start.date()).days / WEEK_DAYS, 1.0)
    found = []
    for win in findings.quick_wins:
        meter = waste.get(win.channel_ids[0])
        # A channel may have both kinds; that of waste says the energy of its waste.
        if meter is not None and math.isclose(meter.excess_kwh, win.weekly_kwh * weeks):
            if meter.channel_id not in fixed:
                found.append(_saving(win, weeks, meter, None))
        else:
            found.append(_saving(win, weeks, None, _largest(findings, win.channel_ids[0])))
    return tuple(found)


def _saving(
    win: QuickWin, weeks: float, meter: AfterHoursMeter | None, largest: Anomaly | None
) -> Saving:
    name = meter.channel_name if meter is not None else largest.channel_name if largest else ""
    return Saving(
        kind="after_hours" if meter is not None else "more_than_usual",
        meter=name,
        equipment=equipment_of(name).name,
        energy_kwh=win.weekly_kwh * weeks,
        cost=None if win.weekly_cost is None else win.weekly_cost * weeks,
        annual_cost=win.annual_cost,
        annual_cost_low=win.annual_cost_low,
        annual_cost_high=win.annual_cost_high,
        confidence=win.confidence,
        effort=win.effort,
        owner=win.owner,
        actions=win.actions,
        closed_times=None if meter is None else len(meter.stretches),
        largest=largest,
    )


def _largest(findings: WeekFindings, channel_id: int) -> Anomaly | None:
    events = [
        event
        for event in findings.anomalies
        if event.channel_id == channel_id and event.direction == "high"
    ]
    return max(events, key=lambda event: event.excess_kwh, default=None)


def _fixed(
    data: SiteData,
    site: SiteConfig,
    findings: WeekFindings,
    period: Period,
    now: datetime,
    settle_seconds: int,
) -> tuple[FollowUp, ...]:
    """What was wasteful in the weeks before and was not in the last week of the period."""
    if len(period.days) > WEEK_DAYS:
        last_week = period._replace(first_day=period.last_day - timedelta(days=WEEK_DAYS - 1))
        start = baseline_start(last_week, DEFAULT_BASELINE_WEEKS)
        recent = since(data, start, last_week.end)
        findings = analyze_week(recent, site, last_week, now, settle_seconds)
    fixed = [one for one in findings.follow_ups.stories if one.status == "fixed"]
    return tuple(sorted(fixed, key=lambda one: -one.saved_kwh))


def _bill(energy: PeriodEnergy, site: SiteConfig, currency: str) -> Bill:
    return bill(
        energy.energy_kwh,
        energy.interval_seconds,
        energy.period,
        site.tariff,
        currency=currency,
        billing_day=site.billing_day,
    )


def _reported(data: SiteData) -> set[int]:
    """The channels of the site's total that have a reading in the weeks that were loaded."""
    return {
        one.channel_id
        for one in data.channels
        if one.in_site_total and bool(one.frame["received"].any())
    }


def _share_measured_pct(energy: PeriodEnergy, channels: set[int]) -> float:
    days = len(energy.period.days) * len(channels)
    measured = sum(energy.by_channel[one].days for one in channels if one in energy.by_channel)
    return 100 * measured / days if days else 0.0


def _comparison(
    which: Which,
    energy: PeriodEnergy,
    own: Bill,
    earlier: PeriodEnergy,
    then: Bill,
    *,
    is_over: bool,
    is_checked: bool,
) -> Comparison:
    reason = _why_not(energy, earlier, is_over=is_over, is_checked=is_checked)
    is_shown = reason is None
    priced = own.cover == then.cover == "whole"
    days, days_then = len(energy.period.days), len(earlier.period.days)
    return Comparison(
        which=which,
        period=earlier.period,
        energy_kwh=then.energy_kwh if is_shown else None,
        cost=then.total if is_shown and priced else None,
        energy_change_pct=(
            _change_pct(own.energy_kwh, days, then.energy_kwh, days_then) if is_shown else None
        ),
        cost_change_pct=(
            _change_pct(own.total, days, then.total, days_then) if is_shown and priced else None
        ),
        reason=reason,
    )


def _why_not(
    energy: PeriodEnergy, earlier: PeriodEnergy, *, is_over: bool, is_checked: bool
) -> Reason | None:
    """Why the two cannot be compared; None where they can."""
    if not earlier.by_channel:
        return "no_data"
    if not is_checked:
        return "not_checked"
    if not is_over:
        return "not_over"
    channels = energy.by_channel.keys() | earlier.by_channel.keys()
    if not energy.by_channel or _only_in(earlier, energy) > MAX_ONLY_ONE_KNOWS_PCT:
        return "other_meters" if energy.by_channel else "incomplete"
    if _only_in(energy, earlier) > MAX_ONLY_ONE_KNOWS_PCT:
        return "other_meters"
    if _share_measured_pct(energy, set(channels)) < MIN_COMPARABLE_PCT:
        return "incomplete"
    if _share_measured_pct(earlier, set(channels)) < MIN_COMPARABLE_PCT:
        return "was_incomplete"
    return None


def _only_in(one: PeriodEnergy, other: PeriodEnergy) -> float:
    """Share of the energy of one period that is of meters which the other does not know [%]."""
    whole = sum(measured.energy_kwh for measured in one.by_channel.values())
    alone = sum(
        measured.energy_kwh
        for channel_id, measured in one.by_channel.items()
        if channel_id not in other.by_channel
    )
    return 100 * alone / whole if whole > 0 else 0.0


def _change_pct(value: float | None, days: int, then: float | None, days_then: int) -> float | None:
    if value is None or then is None or then <= 0:
        return None
    return 100 * ((value / days) / (then / days_then) - 1)


def _at_mean_price(energy_kwh: float | None, own: Bill) -> float | None:
    """What so much energy costs at the period's mean price of energy, without demand and taxes."""
    if energy_kwh is None or own.total is None or not own.energy_kwh or own.cover != "whole":
        return None
    return energy_kwh * own.amount("energy") / own.energy_kwh


def _closed_share_pct(findings: WeekFindings) -> float | None:
    """Share of the energy that was used outside opening hours [%]; None where they are unknown."""
    closed = [
        one.after_hours_kwh
        for one in findings.channels
        if one.in_site_total and one.after_hours_kwh is not None
    ]
    energy_kwh = findings.totals.energy_kwh
    return 100 * sum(closed) / energy_kwh if closed and energy_kwh else None
