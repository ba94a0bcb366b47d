"""The customer report as one JSON document: its numbers and names, and no sentence.

The page, the PDF and the mail are made from this document alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from analyze.cost_model import BillLine
from analyze.customer_period import Comparison, CustomerPeriod, Saving
from analyze.findings import Anomaly
from analyze.period_energy import is_calendar_month
from analyze.weather_caveats import OUTDOOR_TEMPERATURE
from config.branding import Branding, readable
from deliver.forms.validation import validation_json
from deliver.weekly.document import rounded
from lib.circuit_breaker import BreakerStatus
from lib.date_utils import Period

CUSTOMER_REPORT_VERSION = "1.0"
# Currencies whose smallest coin is the unit.
WITHOUT_CENTS = ("JPY", "KRW", "CLP", "VND", "ISK")


def customer_document(
    found: CustomerPeriod, branding: Branding, breaker: BreakerStatus, generated_at: datetime
) -> dict[str, Any]:
    """The customer report of one site and period.

    Parameters
    ----------
    found : what analyze found.
    breaker : the verdict on the period, with the override if there is one.
    generated_at : the instant of making, aware; the only part that differs between two runs on the
        same inputs.
    """
    findings, totals = found.findings, found.findings.totals
    return {
        "metadata": _metadata(found, branding, breaker, generated_at),
        "use": {
            "energyKwh": rounded(totals.energy_kwh, "kwh"),
            "daysMeasured": found.days_measured,
            "measuredPct": rounded(totals.measured_pct, "pct"),
            "daysOfMetersPct": rounded(found.share_measured_pct, "pct"),
            "isComparable": found.is_comparable,
            "usualKwh": rounded(totals.expected_kwh, "kwh") if found.is_comparable else None,
            "usualChangePct": rounded(found.usual_change_pct, "pct"),
            "usualChangeKwh": rounded(found.usual_change_kwh, "kwh"),
            "usualChangeCost": rounded(found.usual_change_cost, "money"),
            "highestKw": rounded(totals.peak_kw, "kw"),
            "highestAt": None if totals.peak_at is None else totals.peak_at.isoformat(),
            "closedPct": rounded(found.closed_share_pct, "pct"),
            "carbonKg": rounded(found.bill.carbon_kg, "kwh"),
        },
        "cost": _cost(found),
        "comparisons": [_comparison(one) for one in found.comparisons],
        "where": {
            "kinds": [
                {
                    "name": use.name,
                    "meters": list(use.meters),
                    "energyKwh": rounded(use.energy_kwh, "kwh"),
                    "sharePct": rounded(use.share_pct, "pct"),
                    "changePct": rounded(use.change_pct, "pct") if found.is_comparable else None,
                }
                for use in found.where.kinds
            ],
            "otherKwh": rounded(found.where.other_kwh, "kwh"),
            "otherPct": rounded(found.where.other_pct, "pct"),
            "isOvercounted": found.where.is_overcounted,
            "completenessPct": rounded(findings.data_quality.completeness_pct, "pct"),
        },
        "savings": {
            "items": [_saving(one) for one in found.savings],
            "annualCostLow": _sum(one.annual_cost_low for one in found.savings),
            "annualCostHigh": _sum(one.annual_cost_high for one in found.savings),
            "kwh": rounded(sum(one.energy_kwh for one in found.savings), "kwh"),
        },
        "fixed": [
            {
                "meter": one.channel_name,
                "savedKwh": rounded(one.saved_kwh, "kwh"),
                "savedCost": rounded(one.saved_cost, "money"),
            }
            for one in found.fixed
        ],
        "days": _days(found),
    }


def document_bytes(document: dict[str, Any]) -> bytes:
    """The document as indented UTF-8 JSON."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _metadata(
    found: CustomerPeriod, branding: Branding, breaker: BreakerStatus, generated_at: datetime
) -> dict[str, Any]:
    findings = found.findings
    return {
        "generatedAt": generated_at.isoformat(timespec="seconds"),
        "reportVersion": CUSTOMER_REPORT_VERSION,
        "site": {
            "id": str(findings.site_id),
            "name": findings.site_name,
            "timezone": findings.timezone,
            "currency": findings.currency,
        },
        "branding": {
            "name": branding.name or findings.site_name,
            "color": readable(branding.color),
        },
        "period": {**_period(found.period), "isOver": found.is_over},
        "baselineWeeks": findings.baseline.weeks,
        "followsWeather": OUTDOOR_TEMPERATURE in findings.baseline.method,
        "readings": findings.inputs.readings,
        # What the checks found names meters by their ids: that is the analysts' report's.
        "validation": {
            key: value
            for key, value in validation_json(breaker, findings.start.tzinfo).items()
            if key != "warnings"
        },
    }


def _period(period: Period) -> dict[str, Any]:
    return {
        "start": period.start.isoformat(timespec="seconds"),
        "end": period.end.isoformat(timespec="seconds"),
        "days": len(period.days),
        "isMonth": is_calendar_month(period),
    }


def _cost(found: CustomerPeriod) -> dict[str, Any]:
    lines = [_line(line, found.bill.currency) for line in found.bill.lines]
    has_total = found.bill.total is not None and found.bill.energy_kwh is not None
    digits = _digits(found.bill.currency)
    return {
        "lines": lines if has_total else [],
        # As on a bill: the sum of what stands above it.
        "total": round(sum(line["amount"] for line in lines), digits) + 0.0 if has_total else None,
        "cover": found.bill.cover,
        "notes": list(found.bill.notes) if has_total else [],
    }


def _line(line: BillLine, currency: str) -> dict[str, Any]:
    return {
        "charge": line.charge,
        "name": line.name,
        "quantity": rounded(line.quantity, "kwh"),
        "unit": line.unit,
        "price": round(line.price, 6),
        "amount": round(line.amount, _digits(currency)) + 0.0,
        "isShare": line.is_attributed,
    }


def _digits(currency: str) -> int:
    return 0 if currency in WITHOUT_CENTS else 2


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "which": one.which,
        "period": _period(one.period),
        "energyKwh": rounded(one.energy_kwh, "kwh"),
        "cost": rounded(one.cost, "money"),
        "energyChangePct": rounded(one.energy_change_pct, "pct"),
        "costChangePct": rounded(one.cost_change_pct, "pct"),
        "reason": one.reason,
    }


def _saving(one: Saving) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "meter": one.meter,
        "equipment": one.equipment,
        "energyKwh": rounded(one.energy_kwh, "kwh"),
        "cost": rounded(one.cost, "money"),
        "annualCost": rounded(one.annual_cost, "money"),
        "annualCostLow": rounded(one.annual_cost_low, "money"),
        "annualCostHigh": rounded(one.annual_cost_high, "money"),
        "confidence": rounded(one.confidence, "ratio"),
        "effort": one.effort,
        "owner": one.owner,
        "actions": list(one.actions),
        "closedTimes": one.closed_times,
        "largest": None if one.largest is None else _event(one.largest),
    }


def _event(event: Anomaly) -> dict[str, Any]:
    return {
        "start": event.start.isoformat(timespec="seconds"),
        "energyKwh": rounded(event.excess_kwh, "kwh"),
    }


def _sum(amounts: Any) -> float | None:
    """Sum of amounts; None where there is none, or one of them is not known."""
    known = list(amounts)
    return rounded(sum(known), "money") if known and None not in known else None


def _days(found: CustomerPeriod) -> dict[str, Any]:
    """Energy by local day, and what is usual, as the chart of the days needs them."""
    chart = found.findings.charts.get("daily_energy")
    series = chart.series if chart is not None else ()
    shown = series if found.is_comparable else series[:1]
    return {
        "closedDays": [day.isoformat() for day in found.findings.closed_days],
        "series": [
            {
                "name": name,
                "x": list(one.x),
                "y": [rounded(value, "chart") for value in one.y],
            }
            for name, one in zip(("used", "usual"), shown, strict=False)
        ],
    }
