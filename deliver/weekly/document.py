"""The weekly report as one JSON document: the findings under the contract's names.

Everything that is shown anywhere else (HTML, and later PDF and mail) is made from this document
alone, so that a saved report gives the same page again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from analyze.findings import Chart, Headline, QuickWin, WeekFindings
from deliver.forms.formats import day_range
from deliver.forms.validation import validation_json
from deliver.weekly.sections import quality_section, report_sections
from deliver.weekly.values import rounded, time_text
from lib.circuit_breaker import BreakerStatus

REPORT_VERSION = "1.0"


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
        "sections": report_sections(findings),
        "charts": {_camel(name): _chart(chart) for name, chart in findings.charts.items()},
        "dataQuality": quality_section(findings),
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


def _metadata(
    findings: WeekFindings, breaker: BreakerStatus, generated_at: datetime
) -> dict[str, Any]:
    baseline, inputs = findings.baseline, findings.inputs
    return {
        "generatedAt": time_text(generated_at),
        "reportVersion": REPORT_VERSION,
        "site": {
            "id": str(findings.site_id),
            "name": findings.site_name,
            "timezone": findings.timezone,
            "currency": findings.currency,
        },
        "period": {
            "start": time_text(findings.start),
            "end": time_text(findings.end),
            "label": day_range(findings.start, findings.end),
            "timezone": str(findings.start.tzinfo),
            "closedDays": [day.isoformat() for day in findings.closed_days],
        },
        "baseline": {
            "start": time_text(baseline.start),
            "end": time_text(baseline.end),
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
    totals, savings, expected = findings.totals, findings.savings, findings.expected
    wins = {(win.title, win.channel_ids): win for win in findings.quick_wins}
    return {
        "headline": findings.headline,
        "totalEnergyKwh": rounded(totals.energy_kwh, "kwh"),
        "expectedEnergyKwh": rounded(totals.expected_kwh, "kwh"),
        "totalCost": rounded(totals.cost, "money"),
        "expectedCost": rounded(expected.cost, "money"),
        "costChangePct": rounded(expected.cost_change_pct, "pct"),
        "changeVsBaselinePct": rounded(totals.change_vs_baseline_pct, "pct"),
        "usualChangePct": rounded(expected.usual_change_pct, "pct"),
        "peakDemandKw": rounded(totals.peak_kw, "kw"),
        "peakDemandAt": None if totals.peak_at is None else time_text(totals.peak_at),
        "usualPeakKw": rounded(expected.peak_kw, "kw"),
        "peakChangePct": rounded(expected.peak_change_pct, "pct"),
        "totalsSource": totals.source,
        "totalsMeasuredPct": rounded(totals.measured_pct, "pct"),
        "tariffCover": totals.tariff_cover,
        "tariffParts": list(totals.tariff_parts),
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


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def _chart(chart: Chart) -> dict[str, Any]:
    of_channel = (
        {}
        if chart.channel_id is None
        else {
            "channelId": chart.channel_id,
            "marks": [
                {"start": time_text(start), "end": time_text(end)} for start, end in chart.marks
            ],
        }
    )
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
        **of_channel,
    }
