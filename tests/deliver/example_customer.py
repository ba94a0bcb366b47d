"""A hand-written customer report: a month with every part, as its JSON."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

DAYS = [f"2026-10-{day:02d}" for day in range(1, 32)]


def customer_example(name: str = "Wilson Center", meters: int = 3) -> dict[str, Any]:
    """The document; `name` stands for every name in it, of `meters` meters a kind."""
    is_plain = name == "Wilson Center"
    meter = "RTU-1" if is_plain else name
    return deepcopy(
        {
            "metadata": {
                "generatedAt": "2026-11-02T06:10:00-05:00",
                "reportVersion": "1.0",
                "site": {
                    "id": "23271", "name": name, "timezone": "America/New_York", "currency": "USD",
                },
                "branding": {"name": name, "color": "#0b5a8a"},
                "period": {
                    "start": "2026-10-01T00:00:00-04:00", "end": "2026-11-01T00:00:00-04:00",
                    "days": 31, "isMonth": True, "isOver": True,
                },
                "baselineWeeks": 6,
                "followsWeather": False,
                "readings": 50_592,
                "validation": {
                    "verdict": "pass", "runId": 1, "validatedAt": "2026-11-02T06:03:00-05:00",
                    "overriddenBy": None, "overrideReason": None, "overrides": [],
                },
            },
            "use": {
                "energyKwh": 31_471.66, "daysMeasured": 31, "measuredPct": 100.0,
                "daysOfMetersPct": 100.0, "isComparable": True, "usualKwh": 34_904.17,
                "usualChangePct": -9.8, "usualChangeKwh": -3_432.51, "usualChangeCost": -411.9,
                "highestKw": 121.24, "highestAt": "2026-10-15T11:45:00-04:00", "closedPct": 27.1,
                "carbonKg": 9_126.78,
            },
            "cost": {
                "lines": [
                    _line("energy", "on-peak", 11_199.21, "kWh", 0.165, 1_847.87),
                    _line("energy", "other hours", 20_272.45, "kWh", 0.0925, 1_875.2),
                    _line("demand", "demand", 121.24, "kW month", 14.5, 1_757.98),
                    _line("fixed", "monthly charge", 1.0, "months", 35.0, 35.0),
                    _line("tax", "sales tax", 5_516.05, "net", 0.08875, 489.55),
                ],
                "total": 6_005.6, "cover": "whole", "notes": [],
            },
            "comparisons": [
                {
                    "which": "before",
                    "period": {
                        "start": "2026-09-01T00:00:00-04:00", "end": "2026-10-01T00:00:00-04:00",
                        "days": 30, "isMonth": True,
                    },
                    "energyKwh": 34_310.07, "cost": 6_612.4, "energyChangePct": -11.2,
                    "costChangePct": -12.1, "reason": None,
                },
                {
                    "which": "year_before",
                    "period": {
                        "start": "2025-10-01T00:00:00-04:00", "end": "2025-11-01T00:00:00-04:00",
                        "days": 31, "isMonth": True,
                    },
                    "energyKwh": None, "cost": None, "energyChangePct": None,
                    "costChangePct": None, "reason": "no_data",
                },
            ],
            "where": {
                "kinds": [
                    {
                        "name": kind, "meters": [meter] * meters, "energyKwh": energy,
                        "sharePct": share, "changePct": 1.5,
                    }
                    for kind, energy, share in (
                        ("Rooftop units", 15_735.83, 50.0), ("Lighting", 9_441.5, 30.0),
                        ("Cooling", 1_600.0, 5.1), ("Kitchen", 1_500.0, 4.8),
                        ("Exhaust fans", 500.0, 1.6), ("Elevators", 400.0, 1.3),
                        ("Air handlers and ventilation", 300.0, 1.0),
                        ("Sockets and office equipment", 200.0, 0.6),
                        ("Water heating and pumps", 100.0, 0.3), ("Other equipment", 50.0, 0.2),
                    )
                ],
                "otherKwh": 1_644.33, "otherPct": 5.2, "isOvercounted": False,
                "completenessPct": 96.2,
            },
            "savings": {
                "items": [_saving(meter, number) for number in range(7)],
                "annualCostLow": 700.0, "annualCostHigh": 1_750.0, "kwh": 875.0,
            },
            "fixed": [{"meter": meter, "savedKwh": 80.5, "savedCost": 9.66}],
            "days": {
                "closedDays": ["2026-10-12"],
                "series": [
                    {"name": "used", "x": DAYS, "y": [1_015.2 + day for day in range(31)]},
                    {"name": "usual", "x": DAYS, "y": [1_126.0] * 31},
                ],
            },
        }
    )  # fmt: skip


def without_readings() -> dict[str, Any]:
    """A month in which nothing was measured."""
    document = customer_example()
    document["use"] |= dict.fromkeys(
        (
            "energyKwh", "usualKwh", "usualChangePct", "usualChangeKwh", "usualChangeCost",
            "highestKw", "highestAt", "closedPct", "carbonKg",
        )
    )  # fmt: skip
    document["use"] |= {"daysMeasured": 0, "daysOfMetersPct": 0.0, "isComparable": False}
    document["cost"] |= {"lines": [], "total": None}
    for comparison in document["comparisons"]:
        comparison |= {"energyKwh": None, "cost": None, "reason": "incomplete"}
    document["where"] |= {"kinds": [], "otherKwh": None, "otherPct": None}
    document["savings"] = {"items": [], "annualCostLow": None, "annualCostHigh": None, "kwh": 0.0}
    document["fixed"], document["days"]["series"] = [], []
    return document


def _line(
    charge: str, name: str, quantity: float, unit: str, price: float, amount: float
) -> dict[str, Any]:
    return {
        "charge": charge, "name": name, "quantity": quantity, "unit": unit, "price": price,
        "amount": amount, "isShare": False,
    }  # fmt: skip


def _saving(meter: str, number: int) -> dict[str, Any]:
    is_waste = number % 2 == 0
    return {
        "kind": "after_hours" if is_waste else "more_than_usual",
        "meter": meter, "equipment": "rooftop unit", "energyKwh": 125.0, "cost": 15.0,
        "annualCost": 176.0, "annualCostLow": 100.0, "annualCostHigh": 250.0, "confidence": 0.9,
        "effort": "low", "owner": "HVAC technician",
        "actions": [f"Look at thing {number}", "Ask who switches it off", "Put it on a timer"],
        "closedTimes": 4 if is_waste else None,
        "largest": None
        if is_waste
        else {"start": "2026-10-13T14:00:00-04:00", "energyKwh": 80.0},
    }  # fmt: skip
