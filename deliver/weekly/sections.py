"""The sections of the weekly report's JSON: what was found, under the contract's names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from analyze.findings import (
    SEVERITIES,
    AfterHoursMeter,
    Anomaly,
    DayType,
    FollowUps,
    LoadNumbers,
    LoadShape,
    QuickWin,
    Reconciliation,
    Spike,
    WeekFindings,
)
from deliver.weekly.values import rounded, time_text

Event = TypeVar("Event", Anomaly, Spike)


def report_sections(findings: WeekFindings) -> dict[str, Any]:
    """The document's `sections`."""
    return {
        "channels": _channels(findings),
        "loadShape": _load_shape(findings.load_shape),
        "sensorHealth": _sensor_health(findings),
        "afterHoursWaste": _after_hours_waste(findings),
        "anomalies": _anomalies(findings.anomalies),
        "spikes": _spikes(findings.spikes),
        "quickWins": [_quick_win(win) for win in findings.quick_wins],
        "followUps": _follow_ups(findings.follow_ups),
        "drifts": [
            {
                "channelId": drift.channel_id,
                "channelName": drift.channel_name,
                "changePct": rounded(drift.change_pct, "pct"),
                "description": drift.description,
            }
            for drift in findings.drifts
        ],
        "reconciliation": _reconciliation(findings.reconciliation),
    }


def _channels(findings: WeekFindings) -> list[dict[str, Any]]:
    return [
        {
            "channelId": channel.channel_id,
            "channelName": channel.channel_name,
            "channelType": channel.channel_type,
            "inSiteTotal": channel.in_site_total,
            "energyKwh": rounded(channel.energy_kwh, "kwh"),
            "expectedKwh": rounded(channel.expected_kwh, "kwh"),
            "changePct": rounded(channel.change_pct, "pct"),
            "afterHoursKwh": rounded(channel.after_hours_kwh, "kwh"),
            "peakKw": rounded(channel.peak_kw, "kw"),
            "measuredPct": rounded(channel.measured_pct, "pct"),
            "stuckHours": rounded(channel.stuck_hours, "hours"),
            "implausibleHours": rounded(channel.implausible_hours, "hours"),
        }
        for channel in findings.channels
    ]


def _sensor_health(findings: WeekFindings) -> dict[str, Any]:
    counts = Counter(issue.severity for issue in findings.health_issues)
    return {
        "summary": {
            "total": len(findings.health_issues),
            "bySeverity": {severity: counts[severity] for severity in SEVERITIES},
            "channelsChecked": findings.channels_checked,
        },
        "issues": [
            {
                "type": issue.type,
                "severity": issue.severity,
                "channelId": issue.channel_id,
                "channelName": issue.channel_name,
                "start": time_text(issue.start),
                "end": time_text(issue.end),
                "description": issue.description,
            }
            for issue in findings.health_issues
        ],
    }


def _after_hours_waste(findings: WeekFindings) -> dict[str, Any]:
    waste = findings.after_hours
    return {
        "summary": {
            "totalExcessKwh": rounded(waste.total_excess_kwh, "kwh"),
            "totalExcessCost": rounded(waste.total_excess_cost, "money"),
            "estimatedAnnualCost": rounded(waste.estimated_annual_cost, "money"),
        },
        "topMeters": [_after_hours_meter(meter) for meter in waste.meters],
        "caveat": waste.caveat,
    }


def _after_hours_meter(meter: AfterHoursMeter) -> dict[str, Any]:
    return {
        "channelId": meter.channel_id,
        "channelName": meter.channel_name,
        "baselineKw": rounded(meter.baseline_kw, "kw"),
        "afterHoursKwh": rounded(meter.after_hours_kwh, "kwh"),
        "excessKwh": rounded(meter.excess_kwh, "kwh"),
        "excessCost": rounded(meter.excess_cost, "money"),
        "errorPct": rounded(meter.error_pct, "pct"),
        "stretches": [
            {"start": time_text(start), "end": time_text(end)} for start, end in meter.stretches
        ],
    }


def _anomalies(anomalies: Sequence[Anomaly]) -> dict[str, Any]:
    by_channel = [
        {
            "channelId": channel_id,
            "channelName": events[0].channel_name,
            "events": len(events),
            "excessKwh": rounded(_energy_above(events), "kwh"),
        }
        for channel_id, events in _grouped(anomalies).items()
    ]
    return {
        "summary": {
            "events": len(anomalies),
            "channels": len(by_channel),
            "excessKwh": rounded(_energy_above(anomalies), "kwh"),
        },
        "timeline": [
            {
                "channelId": event.channel_id,
                "channelName": event.channel_name,
                "start": time_text(event.start),
                "end": time_text(event.end),
                "direction": event.direction,
                "peakKw": rounded(event.peak_kw, "kw"),
                "expectedKw": rounded(event.expected_kw, "kw"),
                "excessKwh": rounded(event.excess_kwh, "kwh"),
                "severity": event.severity,
                "confidence": rounded(event.confidence, "ratio"),
                "context": event.context,
            }
            for event in anomalies
        ],
        "byChannel": by_channel,
    }


def _energy_above(events: Iterable[Anomaly]) -> float:
    """Energy above the expected [kWh]; what a channel used too little does not offset it."""
    return sum(event.excess_kwh for event in events if event.direction == "high")


def _spikes(spikes: Sequence[Spike]) -> dict[str, Any]:
    by_channel = [
        {
            "channelId": channel_id,
            "channelName": events[0].channel_name,
            "events": len(events),
        }
        for channel_id, events in _grouped(spikes).items()
    ]
    return {
        "summary": {"events": len(spikes), "channels": len(by_channel)},
        "topSpikes": [
            {
                "channelId": spike.channel_id,
                "channelName": spike.channel_name,
                "start": time_text(spike.start),
                "end": time_text(spike.end),
                "peakKw": rounded(spike.peak_kw, "kw"),
                "expectedKw": rounded(spike.expected_kw, "kw"),
                "excessKwh": rounded(spike.excess_kwh, "kwh"),
            }
            for spike in spikes
        ],
        "byChannel": by_channel,
    }


def _grouped(events: Sequence[Event]) -> dict[int, list[Event]]:
    """The events of each channel, in the order in which channels first appear."""
    groups: dict[int, list[Event]] = {}
    for event in events:
        groups.setdefault(event.channel_id, []).append(event)
    return groups


def _quick_win(win: QuickWin) -> dict[str, Any]:
    return {
        "rank": win.rank,
        "title": win.title,
        "channelIds": list(win.channel_ids),
        "weeklyKwh": rounded(win.weekly_kwh, "kwh"),
        "weeklyCost": rounded(win.weekly_cost, "money"),
        "annualCost": rounded(win.annual_cost, "money"),
        "annualCostLow": rounded(win.annual_cost_low, "money"),
        "annualCostHigh": rounded(win.annual_cost_high, "money"),
        "confidence": rounded(win.confidence, "ratio"),
        "effort": win.effort,
        "owner": win.owner,
        "actions": list(win.actions),
        "evidence": win.evidence,
    }


def _reconciliation(found: Reconciliation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    shares = (found.unexplained_share, found.usual_share)
    share_pct, usual_pct = (None if share is None else 100 * share for share in shares)
    return {
        "channelId": found.channel_id,
        "mainKwh": rounded(found.main_kwh, "kwh"),
        "partsKwh": rounded(found.parts_kwh, "kwh"),
        "unexplainedKwh": rounded(found.unexplained_kwh, "kwh"),
        "unexplainedPct": rounded(share_pct, "pct"),
        "usualUnexplainedPct": rounded(usual_pct, "pct"),
        "leftOut": list(found.left_out),
        "finding": found.finding,
    }


def _load_shape(shape: LoadShape | None) -> dict[str, Any] | None:
    if shape is None:
        return None
    return {
        **_load_numbers(shape.period),
        "usual": None if shape.usual is None else _load_numbers(shape.usual),
        "usualWeeks": shape.usual_weeks,
        "dayTypes": [_day_type(kind) for kind in shape.day_types],
    }


def _load_numbers(numbers: LoadNumbers) -> dict[str, Any]:
    return {
        "meanKw": rounded(numbers.mean_kw, "kw"),
        "nearBaseKw": rounded(numbers.near_base_kw, "kw"),
        "nearPeakKw": rounded(numbers.near_peak_kw, "kw"),
        "baseToPeak": rounded(numbers.base_to_peak, "ratio"),
        "baseSharePct": rounded(numbers.base_share_pct, "pct"),
        "loadFactor": rounded(numbers.load_factor, "ratio"),
        "peakKw": rounded(numbers.peak_kw, "kw"),
    }


def _day_type(kind: DayType) -> dict[str, Any]:
    return {
        "dayType": kind.day_type,
        "days": kind.days,
        "meanDayKwh": rounded(kind.mean_day_kwh, "kwh"),
        "expectedDayKwh": rounded(kind.expected_day_kwh, "kwh"),
        "changePct": rounded(kind.change_pct, "pct"),
        "nearBaseKw": rounded(kind.near_base_kw, "kw"),
        "nearPeakKw": rounded(kind.near_peak_kw, "kw"),
        "highLoadHours": rounded(kind.high_load_hours, "hours"),
    }


def _follow_ups(found: FollowUps) -> dict[str, Any]:
    return {
        "summary": {
            "savedKwh": rounded(found.saved_kwh, "kwh"),
            "savedCost": rounded(found.saved_cost, "money"),
        },
        "items": [
            {
                "channelId": story.channel_id,
                "channelName": story.channel_name,
                "status": story.status,
                "weeklyKwh": [rounded(kwh, "kwh") for kwh in story.weekly_kwh],
                "savedKwh": rounded(story.saved_kwh, "kwh"),
                "savedCost": rounded(story.saved_cost, "money"),
                "sentence": story.sentence(),
            }
            for story in found.stories
        ],
    }


def quality_section(findings: WeekFindings) -> dict[str, Any]:
    """The document's `dataQuality`."""
    quality = findings.data_quality
    return {
        "completenessPct": rounded(quality.completeness_pct, "pct"),
        "byChannel": [
            {
                "channelId": channel.channel_id,
                "channelName": channel.channel_name,
                "expected": channel.expected,
                "received": channel.received,
                "completenessPct": rounded(channel.completeness_pct, "pct"),
                "rejected": channel.rejected,
                "estimated": channel.estimated,
            }
            for channel in quality.by_channel
        ],
        "gaps": [
            {
                "channelId": gap.channel_id,
                "channelName": gap.channel_name,
                "start": time_text(gap.start),
                "end": time_text(gap.end),
                "missingIntervals": gap.missing_intervals,
            }
            for gap in quality.gaps
        ],
        "caveats": list(quality.caveats),
    }
