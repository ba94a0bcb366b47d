"""The report's JSON: the keys of the contract, rounded numbers, the same bytes again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from example_findings import (
    GENERATED_AT,
    MONDAY,
    breaker_status,
    empty_week,
    overridden,
    week_findings,
)

from analyze.findings import WeekFindings
from deliver.weekly.document import document_bytes, report_document

Document = dict[str, Any]

# Design §7, written out: every key, and what it holds. `...` = not looked into.
NUMBER, TEXT, TIME, IDS = (int, float, type(None)), (str, type(None)), "time", [int]
SEVERITY = {"low", "medium", "high", "critical"}
CHANNEL: Document = {"channelId": int, "channelName": str}
DESIGN: Document = {
    "metadata": {
        "generatedAt": TIME,
        "reportVersion": str,
        "site": {"id": str, "name": str, "timezone": str, "currency": str},
        "period": {"start": TIME, "end": TIME, "label": str, "timezone": str},
        "baseline": {"start": TIME, "end": TIME, "weeks": int, "method": str},
        "validation": {
            "verdict": TEXT,
            "runId": (int, type(None)),
            "overriddenBy": TEXT,
            "overrideReason": TEXT,
            "overrides": [{"runId": int, "by": str, "reason": str, "days": [str]}],
            "validatedAt": (str, type(None)),
        },
        "inputs": {"readings": int, "channels": int, "completenessPct": NUMBER, "runIds": [str]},
    },
    "summary": {
        "headline": str,
        "totalEnergyKwh": NUMBER,
        "totalCost": NUMBER,
        "expectedCost": NUMBER,
        "costChangePct": NUMBER,
        "changeVsBaselinePct": NUMBER,
        "usualPeakKw": NUMBER,
        "peakChangePct": NUMBER,
        "peakDemandKw": NUMBER,
        "peakDemandAt": (str, type(None)),
        "topRisks": [{"title": str, "severity": SEVERITY, "channelIds": IDS}],
        "topOpportunities": [{"title": str, "annualCost": NUMBER, "channelIds": IDS}],
        "totalPotentialSavings": {
            "weeklyKwh": NUMBER,
            "weeklyCost": NUMBER,
            "annualCost": NUMBER,
            "low": NUMBER,
            "high": NUMBER,
        },
    },
    "sections": {
        "sensorHealth": {
            "summary": {
                "total": int,
                "bySeverity": {"low": int, "medium": int, "high": int, "critical": int},
            },
            "issues": [
                {
                    **CHANNEL,
                    "type": {
                        "missing_data",
                        "low_completeness",
                        "flatline",
                        "stale_data",
                        "dead_channel",
                        "out_of_range",
                        "energy_power_mismatch",
                        "phase_imbalance",
                    },
                    "severity": SEVERITY,
                    "start": TIME,
                    "end": TIME,
                    "description": str,
                }
            ],
        },
        "followUps": {
            "summary": {"savedKwh": NUMBER, "savedCost": NUMBER},
            "items": [
                {
                    **CHANNEL,
                    "status": {"new", "persisting", "returned", "fixed"},
                    "weeklyKwh": [NUMBER],
                    "savedKwh": NUMBER,
                    "savedCost": NUMBER,
                    "sentence": str,
                }
            ],
        },
        "afterHoursWaste": {
            "summary": {
                "totalExcessKwh": NUMBER,
                "totalExcessCost": NUMBER,
                "estimatedAnnualCost": NUMBER,
            },
            "topMeters": [
                {
                    **CHANNEL,
                    "baselineKw": NUMBER,
                    "afterHoursKwh": NUMBER,
                    "excessKwh": NUMBER,
                    "excessCost": NUMBER,
                    "errorPct": NUMBER,
                }
            ],
        },
        "anomalies": {
            "summary": {"events": int, "channels": int, "excessKwh": NUMBER},
            "timeline": [
                {
                    **CHANNEL,
                    "start": TIME,
                    "end": TIME,
                    "direction": {"high", "low"},
                    "peakKw": NUMBER,
                    "expectedKw": NUMBER,
                    "excessKwh": NUMBER,
                    "severity": SEVERITY,
                    "confidence": NUMBER,
                    "context": str,
                }
            ],
            "byChannel": [{**CHANNEL, "events": int, "excessKwh": NUMBER}],
        },
        "spikes": {
            "summary": {"events": int, "channels": int},
            "topSpikes": [
                {
                    **CHANNEL,
                    "start": TIME,
                    "end": TIME,
                    "peakKw": NUMBER,
                    "expectedKw": NUMBER,
                    "excessKwh": NUMBER,
                }
            ],
            "byChannel": [{**CHANNEL, "events": int}],
        },
        "quickWins": [
            {
                "rank": int,
                "title": str,
                "channelIds": IDS,
                "weeklyKwh": NUMBER,
                "weeklyCost": NUMBER,
                "annualCost": NUMBER,
                "confidence": NUMBER,
                "effort": str,
                "owner": str,
                "actions": [str],
                "evidence": str,
            }
        ],
    },
    "dataQuality": {
        "completenessPct": NUMBER,
        "byChannel": [
            {
                **CHANNEL,
                "expected": int,
                "received": int,
                "completenessPct": NUMBER,
                "rejected": int,
                "estimated": int,
            }
        ],
        "gaps": [{**CHANNEL}],
        "caveats": [str],
    },
}
CHART = {"title": str, "unit": str, "series": [{"name": str, "x": list, "y": [NUMBER]}]}


def deviations(value: Any, wanted: Any, path: str = "") -> list[str]:
    """Where `value` is not of the form `wanted`; further keys are allowed."""
    if isinstance(wanted, dict):
        missing = [f"{path}.{key} is missing" for key in wanted if key not in value]
        inside = [
            problem
            for key in wanted.keys() & value.keys()
            for problem in deviations(value[key], wanted[key], f"{path}.{key}")
        ]
        return missing + inside
    if isinstance(wanted, list):
        return [
            problem
            for index, item in enumerate(value)
            for problem in deviations(item, wanted[0], f"{path}[{index}]")
        ]
    if isinstance(wanted, set):
        return [] if value in wanted else [f"{path} is {value!r}"]
    if wanted == TIME:
        has_offset = datetime.fromisoformat(value).utcoffset() is not None
        return [] if has_offset else [f"{path} has no offset"]
    right = isinstance(value, wanted) and not (isinstance(value, bool) and wanted is not bool)
    return [] if right else [f"{path} is a {type(value).__name__}"]


def document_of(findings: WeekFindings) -> Document:
    return report_document(findings, breaker_status(), GENERATED_AT)


@pytest.mark.parametrize("findings", [week_findings(), empty_week()], ids=["full", "empty"])
def test_the_document_has_the_keys_and_types_of_the_design(findings: WeekFindings) -> None:
    document = orjson.loads(document_bytes(document_of(findings)))

    assert deviations(document, DESIGN) == []
    assert document["charts"]
    assert deviations(list(document["charts"].values()), [CHART]) == []


def test_the_shape_of_the_load_stands_beside_what_is_usual() -> None:
    shape = document_of(week_findings())["sections"]["loadShape"]

    assert (shape["nearBaseKw"], shape["usual"]["nearBaseKw"]) == (21.3, 20.9)
    assert (shape["loadFactor"], shape["usualWeeks"]) == (0.43, 6)
    assert shape["dayTypes"][1] == {
        "dayType": "saturday", "days": 1, "meanDayKwh": 744.0, "expectedDayKwh": 546.1,
        "changePct": 36.2, "nearBaseKw": 22.0, "nearPeakKw": 38.1, "highLoadHours": 9.3,
    }  # fmt: skip
    assert document_of(empty_week())["sections"]["loadShape"] is None


def test_a_chart_of_a_finding_names_its_channel_and_when_it_happened() -> None:
    charts = document_of(week_findings())["charts"]

    assert charts["quickWin1"]["channelId"] == 162120
    assert charts["quickWin1"]["marks"] == [
        {"start": "2026-11-14T01:00:00-05:00", "end": "2026-11-14T17:00:00-05:00"}
    ]
    assert "channelId" not in charts["load"]


def test_what_goes_in_comes_out() -> None:
    document = document_of(week_findings())
    findings = week_findings()

    assert document["metadata"]["site"]["id"] == "23271"
    assert document["metadata"]["period"]["start"] == "2026-11-09T00:00:00-05:00"
    assert document["metadata"]["period"]["end"] == "2026-11-16T00:00:00-05:00"
    assert document["metadata"]["period"]["label"] == "9 – 15 November 2026"
    assert document["summary"]["totalEnergyKwh"] == 6382.6
    assert document["summary"]["peakDemandAt"] == "2026-11-13T14:15:00-05:00"
    sections = document["sections"]
    assert len(sections["sensorHealth"]["issues"]) == len(findings.health_issues)
    assert len(sections["afterHoursWaste"]["topMeters"]) == len(findings.after_hours.meters)
    assert len(sections["anomalies"]["timeline"]) == len(findings.anomalies)
    assert len(sections["spikes"]["topSpikes"]) == len(findings.spikes)
    assert len(sections["quickWins"]) == len(findings.quick_wins)
    assert len(sections["channels"]) == len(findings.channels)
    assert len(document["dataQuality"]["gaps"]) == len(findings.data_quality.gaps)


def test_an_opportunity_carries_the_range_of_its_quick_win() -> None:
    first = document_of(week_findings())["summary"]["topOpportunities"][0]

    assert (first["annualCostLow"], first["annualCostHigh"], first["rank"]) == (790.0, 1290.0, 1)


def test_energy_below_the_expected_does_not_offset_energy_above_it() -> None:
    anomalies = document_of(week_findings())["sections"]["anomalies"]

    assert anomalies["summary"]["excessKwh"] == pytest.approx(138.2 + 77.6)
    by_channel = {row["channelName"]: row["excessKwh"] for row in anomalies["byChannel"]}
    assert by_channel == {"RTU #1 Lobby": pytest.approx(215.8), "Elevator": 0.0}


def test_an_override_stands_in_the_document_with_name_and_reason() -> None:
    validation = report_document(week_findings(), overridden(), GENERATED_AT)["metadata"][
        "validation"
    ]

    assert validation["verdict"] == "fail"
    assert validation["overriddenBy"] == "Dana Hughes"
    assert validation["overrideReason"] == "meter swap on Thursday, gap confirmed on site"
    assert [override["days"] for override in validation["overrides"]] == [["2026-11-12"]]


def test_two_runs_differ_in_generated_at_only() -> None:
    first, later = (
        report_document(week_findings(), breaker_status(), GENERATED_AT + timedelta(hours=hours))
        for hours in (0, 3)
    )
    later["metadata"]["generatedAt"] = first["metadata"]["generatedAt"]

    assert document_bytes(first) == document_bytes(later)


def test_numbers_that_are_not_finite_become_null() -> None:
    findings = week_findings()
    totals = replace(findings.totals, energy_kwh=float("nan"), peak_kw=float("inf"))
    summary = document_of(replace(findings, totals=totals))["summary"]

    assert (summary["totalEnergyKwh"], summary["peakDemandKw"]) == (None, None)


def test_a_week_of_17_channels_stays_under_150_kilobytes() -> None:
    assert len(document_bytes(document_of(week_findings()))) < 150_000


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="no UTC offset"):
        document_of(week_findings(start=MONDAY.replace(tzinfo=None)))


@pytest.mark.parametrize(
    ("first", "days", "label"),
    [
        ("2026-11-01", 1, "1 November 2026"),
        ("2026-10-26", 7, "26 October – 1 November 2026"),
        ("2026-12-28", 7, "28 December 2026 – 3 January 2027"),
    ],
)
def test_the_label_names_the_first_and_the_last_day(first: str, days: int, label: str) -> None:
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    findings = week_findings(start=start, end=start + timedelta(days=days))

    assert document_of(findings)["metadata"]["period"]["label"] == label
