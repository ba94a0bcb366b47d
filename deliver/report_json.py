"""The weekly report as one JSON document: the findings under the contract's names.

Everything that is shown anywhere else (HTML, and later PDF and mail) is made from this document
alone, so that a saved report gives the same page again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson

from analyze.findings import (
    SEVERITIES,
    AfterHoursMeter,
    Anomaly,
    Chart,
    Headline,
    QuickWin,
    Reconciliation,
    Spike,
    WeekFindings,
)
from deliver.formats import day_range
from deliver.validation import validation_json
from lib.circuit_breaker import BreakerStatus

REPORT_VERSION = "1.0"
Event = TypeVar("Event", Anomaly, Spike)

# The one place that says to how many digits each kind of number is given.
DIGITS = {"kwh": 2, "kw": 3, "money": 2, "pct": 1, "ratio": 2, "chart": 2}


def report_document(
    findings: WeekFindings, breaker: BreakerStatus, generated_at: datetime
) -> dict[str, Any]:
    """The weekly report of one site, as the document design §7 fixes.

    Parameters
    ----------
    findings : what analyze found; its times are aware.
    breaker : the verdict on the period, with the override if there is one.
    generated_at : the instant of making, aware; the only part that differs between two runs on
        the same inputs.

    Returns
    -------
    dict of str, numbers, bool, None, list and dict only; numbers rounded by DIGITS, NaN as None.
    """
    return {
        "metadata": _metadata(findings, breaker, generated_at),
        "summary": _summary(findings),
        "sections": {
            "channels": _channels(findings),
            "sensorHealth": _sensor_health(findings),
            "afterHoursWaste": _after_hours_waste(findings),
            "anomalies": _anomalies(findings.anomalies),
            "spikes": _spikes(findings.spikes),
            "quickWins": [_quick_win(win) for win in findings.quick_wins],
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
        },
        "charts": {_camel(name): _chart(chart) for name, chart in findings.charts.items()},
        "dataQuality": _data_quality(findings),
    }


def document_bytes(document: dict[str, Any]) -> bytes:
    """The document as indented UTF-8 JSON; a chart's series stay on one line each."""
    charts = {
        name: {
            **chart,
            "series": [
                {
                    **series,
                    "x": orjson.Fragment(orjson.dumps(series["x"])),
                    "y": orjson.Fragment(orjson.dumps(series["y"])),
                }
                for series in chart["series"]
            ],
        }
        for name, chart in document["charts"].items()
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps({**document, "charts": charts}, option=options)


def rounded(value: float | None, kind: str) -> float | None:
    """`value` to the digits of its kind; None where there is no finite number."""
    if value is None or not math.isfinite(value):
        return None
    # Adding 0.0 turns -0.0 into 0.0.
    return round(float(value), DIGITS[kind]) + 0.0


def _time(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no UTC offset")
    return instant.isoformat(timespec="seconds")


def _metadata(
    findings: WeekFindings, breaker: BreakerStatus, generated_at: datetime
) -> dict[str, Any]:
    baseline, inputs = findings.baseline, findings.inputs
    return {
        "generatedAt": _time(generated_at),
        "reportVersion": REPORT_VERSION,
        "site": {
            "id": str(findings.site_id),
            "name": findings.site_name,
            "timezone": findings.timezone,
            "currency": findings.currency,
        },
        "period": {
            "start": _time(findings.start),
            "end": _time(findings.end),
            "label": day_range(findings.start, findings.end),
            "timezone": str(findings.start.tzinfo),
            "closedDays": [day.isoformat() for day in findings.closed_days],
        },
        "baseline": {
            "start": _time(baseline.start),
            "end": _time(baseline.end),
            "weeks": baseline.weeks,
            "method": baseline.method,
        },
        "validation": validation_json(breaker, findings.start.tzinfo),
        "inputs": {
            "readings": inputs.readings,
            "channels": inputs.channels,
            "completenessPct": rounded(inputs.completeness_pct, "pct"),
            "runIds": list(inputs.run_ids),
        },
    }


def _summary(findings: WeekFindings) -> dict[str, Any]:
    totals, savings = findings.totals, findings.savings
    wins = {(win.title, win.channel_ids): win for win in findings.quick_wins}
    return {
        "headline": findings.headline,
        "totalEnergyKwh": rounded(totals.energy_kwh, "kwh"),
        "expectedEnergyKwh": rounded(totals.expected_kwh, "kwh"),
        "totalCost": rounded(totals.cost, "money"),
        "changeVsBaselinePct": rounded(totals.change_vs_baseline_pct, "pct"),
        "peakDemandKw": rounded(totals.peak_kw, "kw"),
        "peakDemandAt": None if totals.peak_at is None else _time(totals.peak_at),
        "totalsSource": totals.source,
        "totalsMeasuredPct": rounded(totals.measured_pct, "pct"),
        "tariffCover": totals.tariff_cover,
        "topRisks": [_risk(risk) for risk in findings.top_risks],
        "topOpportunities": [
            _opportunity(item, wins.get((item.title, item.channel_ids)))
            for item in findings.top_opportunities
        ],
        "totalPotentialSavings": {
            "weeklyKwh": rounded(savings.weekly_kwh, "kwh"),
            "weeklyCost": rounded(savings.weekly_cost, "money"),
            "annualCost": rounded(savings.annual_cost, "money"),
            "low": rounded(savings.low, "money"),
            "high": rounded(savings.high, "money"),
        },
    }


def _risk(risk: Headline) -> dict[str, Any]:
    return {
        "title": risk.title,
        "severity": risk.severity,
        "channelIds": list(risk.channel_ids),
    }


def _opportunity(opportunity: Headline, win: QuickWin | None) -> dict[str, Any]:
    """An opportunity; its range and rank are those of the quick win it names."""
    return {
        "title": opportunity.title,
        "weeklyKwh": None if win is None else rounded(win.weekly_kwh, "kwh"),
        "annualCost": rounded(opportunity.annual_cost, "money"),
        "annualCostLow": None if win is None else rounded(win.annual_cost_low, "money"),
        "annualCostHigh": None if win is None else rounded(win.annual_cost_high, "money"),
        "confidence": None if win is None else rounded(win.confidence, "ratio"),
        "rank": None if win is None else win.rank,
        "channelIds": list(opportunity.channel_ids),
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
                "start": _time(issue.start),
                "end": _time(issue.end),
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
        "stretches": [{"start": _time(start), "end": _time(end)} for start, end in meter.stretches],
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
                "start": _time(event.start),
                "end": _time(event.end),
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
                "start": _time(spike.start),
                "end": _time(spike.end),
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


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def _chart(chart: Chart) -> dict[str, Any]:
    return {
        "title": chart.title,
        "unit": chart.unit,
        "series": [
            {
                "name": series.name,
                "x": list(series.x),
                "y": [rounded(value, "chart") for value in series.y],
            }
            for series in chart.series
        ],
    }


def _data_quality(findings: WeekFindings) -> dict[str, Any]:
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
                "start": _time(gap.start),
                "end": _time(gap.end),
                "missingIntervals": gap.missing_intervals,
            }
            for gap in quality.gaps
        ],
        "caveats": list(quality.caveats),
    }
