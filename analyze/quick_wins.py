"""Quick wins: what to do about waste and excess, ranked by money a year, or else by energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from analyze.cost_model import annual
from analyze.equipment import GENERATOR, Equipment, equipment_of
from analyze.findings import AfterHoursMeter, Anomaly, QuickWin, Span
from analyze.follow_up import FollowUp

# One event is not a habit: its money may be half or one and a half of what a year brings.
ANOMALY_SPREAD = 0.5
WASTE_CONFIDENCE = 0.95
ANOMALY_CONFIDENCE = 0.6


def quick_wins(
    meters: Sequence[AfterHoursMeter],
    anomalies: Sequence[Anomaly],
    anomaly_costs: Mapping[int, float | None],
    missing_share: Mapping[int, float],
    weeks: float,
    followed: Mapping[int, FollowUp] | None = None,
) -> tuple[QuickWin, ...]:
    """Turn waste and excess into things to do, the most money per year first.

    Where any of them has no price, the most energy first.

    Parameters
    ----------
    meters : after-hours waste by channel.
    anomalies : of which those above the expected that are more than low are used.
    anomaly_costs : cost of those anomalies by channel, None without a price.
    missing_share : 0..1 by channel, how much of its period is missing; it widens the range.
    weeks : length of the period.
    followed : what became of each channel's waste over the weeks before: told as evidence, and
        waste that was not there in every week bounds the year's money from below.
    """
    followed = followed or {}
    wins = [
        _waste_win(
            meter,
            missing_share.get(meter.channel_id, 0.0),
            weeks,
            followed.get(meter.channel_id),
        )
        for meter in meters
    ]
    by_channel: dict[int, list[Anomaly]] = {}
    for anomaly in anomalies:
        if anomaly.direction == "high" and anomaly.severity != "low":
            by_channel.setdefault(anomaly.channel_id, []).append(anomaly)
    wins += [
        _excess_win(
            events, anomaly_costs.get(channel_id), missing_share.get(channel_id, 0.0), weeks
        )
        for channel_id, events in by_channel.items()
    ]
    return _ranked(wins)


def _ranked(wins: Sequence[QuickWin]) -> tuple[QuickWin, ...]:
    by_money = all(win.annual_cost is not None for win in wins)
    ordered = sorted(
        wins,
        key=lambda win: (
            -(win.annual_cost or 0.0) if by_money else 0.0,
            -win.weekly_kwh,
            win.channel_ids,
        ),
    )
    return tuple(replace(win, rank=rank) for rank, win in enumerate(ordered, start=1))


def _waste_win(
    meter: AfterHoursMeter, missing: float, weeks: float, story: FollowUp | None
) -> QuickWin:
    equipment = equipment_of(meter.channel_name)
    nights = len(meter.stretches)
    evidence = (
        f"On {nights} closed {'stretch' if nights == 1 else 'stretches'} {meter.channel_name} used "
        f"{meter.excess_kwh:,.0f} kWh more than it normally falls to ({meter.baseline_kw:.1f} kW); "
        f"the error is about {meter.error_pct:.0f} %."
    )
    often = 1.0
    # The two measures may differ on a small load: a story of its end is none of this win's.
    if story is not None and story.status != "fixed":
        evidence += f" {story.sentence()}"
        often = story.weeks_wasteful / story.weeks_known
    spread = min(meter.error_pct / 100 + missing, 1.0)
    return _win(
        title=f"Switch {meter.channel_name} ({equipment.name}) off after hours",
        channel_id=meter.channel_id,
        kwh=meter.excess_kwh,
        cost=meter.excess_cost,
        weeks=weeks,
        spread=spread,
        often=often,
        confidence=WASTE_CONFIDENCE * (1 - spread),
        equipment=equipment,
        actions=equipment.after_hours_actions,
        evidence=evidence,
        spans=meter.stretches,
    )


def _excess_win(
    events: Sequence[Anomaly], cost: float | None, missing: float, weeks: float
) -> QuickWin:
    name = events[0].channel_name
    # What feeds in and falls short has lost generation.
    is_fed_in = all(event.expected_kw < 0 for event in events)
    equipment = GENERATOR if is_fed_in else equipment_of(name)
    kwh = sum(event.excess_kwh for event in events)
    largest = max(events, key=lambda event: event.excess_kwh)
    evidence = (
        f"{len(events)} {'event' if len(events) == 1 else 'events'} with {kwh:,.0f} kWh "
        f"{'less fed in than' if is_fed_in else 'above the'} expected; the largest from "
        f"{largest.start:%a %d %b %H:%M}, "
    )
    evidence += (
        f"when {abs(largest.expected_kw):.1f} kW are usually fed in."
        if is_fed_in
        else f"up to {largest.peak_kw:.1f} kW where {largest.expected_kw:.1f} kW are usual."
    )
    less = "fed in less" if is_fed_in else "used more"
    # A main meter feeds in without being an inverter.
    label = f"{name} ({equipment.name})" if equipment is equipment_of(name) else name
    confidence = max(event.confidence for event in events)
    return _win(
        title=f"Find out why {label} {less} than usual",
        channel_id=events[0].channel_id,
        kwh=kwh,
        cost=cost,
        weeks=weeks,
        spread=min(ANOMALY_SPREAD + missing, 1.0),
        confidence=ANOMALY_CONFIDENCE * confidence * (1 - missing),
        equipment=equipment,
        actions=equipment.excess_actions,
        evidence=evidence,
        spans=tuple((event.start, event.end) for event in events),
    )


def _win(
    *,
    title: str,
    channel_id: int,
    kwh: float,
    cost: float | None,
    weeks: float,
    spread: float,
    confidence: float,
    equipment: Equipment,
    actions: tuple[str, ...],
    evidence: str,
    spans: tuple[Span, ...],
    often: float = 1.0,
) -> QuickWin:
    # Less than a week tells nothing of its other days: it is not scaled up.
    weekly_cost = None if cost is None else cost / max(weeks, 1.0)
    annual_cost = None if weekly_cost is None else annual(weekly_cost)
    return QuickWin(
        rank=0,
        title=title,
        channel_ids=(channel_id,),
        weekly_kwh=kwh / max(weeks, 1.0),
        weekly_cost=weekly_cost,
        annual_cost=annual_cost,
        annual_cost_low=None if annual_cost is None else annual_cost * often * (1 - spread),
        annual_cost_high=None if annual_cost is None else annual_cost * (1 + spread),
        confidence=confidence,
        effort=equipment.effort,
        owner=equipment.owner,
        actions=actions,
        evidence=evidence,
        spans=spans,
    )
