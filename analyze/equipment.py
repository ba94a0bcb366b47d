"""What a channel feeds, guessed from its name, and who can do what about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Effort = Literal["low", "medium", "high"]


@dataclass(frozen=True)
class Equipment:
    """What a channel feeds, and who can do what about it."""

    name: str
    owner: str
    effort: Effort
    after_hours_actions: tuple[str, ...]
    excess_actions: tuple[str, ...]


_HVAC_EXCESS = (
    "Check filters, belts and refrigerant charge",
    "Check that the unit does not heat and cool at the same time",
    "Compare set points with the weeks before",
)
GENERATOR = Equipment(
    "solar inverter",
    "Solar installer",
    "medium",
    ("Have the inverter's own use at night checked",),
    (
        "Look at the inverter: does it run, and does it show a fault?",
        "Check its breakers and the limit on what may be fed in",
        "Compare with the sunshine of these days",
    ),
)
# The first pattern found in a channel's name decides.
_KINDS: tuple[tuple[str, Equipment], ...] = (
    (r"solar|\bpv\b|photovolt|inverter", GENERATOR),
    (
        r"\brtu|roof",
        Equipment(
            "rooftop unit",
            "HVAC technician",
            "low",
            (
                "Compare the unit's schedule with the opening hours, holidays included",
                "Look for a thermostat held in override or permanent hold",
                "Set the unoccupied set points back at closing time",
            ),
            _HVAC_EXCESS,
        ),
    ),
    (
        r"\bahu|air hand|vent",
        Equipment(
            "air handler",
            "HVAC technician",
            "low",
            (
                "Compare the fan schedule with the opening hours, holidays included",
                "Check that the fan is not switched to hand at its starter or drive",
                "Let the unoccupied mode cycle the fan on demand only",
            ),
            _HVAC_EXCESS,
        ),
    ),
    (
        r"\ba/?c\b|\bac[ -]?\d|chill|cool|condens|heat ?pump|hvac|split",
        Equipment(
            "cooling",
            "HVAC technician",
            "low",
            (
                "Set the thermostat back outside opening hours",
                "Look for an override at the thermostat",
            ),
            _HVAC_EXCESS,
        ),
    ),
    (
        r"hood|exhaust|\bfan\b",
        Equipment(
            "exhaust fan",
            "Kitchen manager",
            "low",
            (
                "Add switching the hood off to the closing checklist",
                "Put the fan on a timer or interlock it with the cooking line",
            ),
            ("Check belts, filters and the fan's speed setting",),
        ),
    ),
    (
        r"kitchen|fridge|freez|refrig|cook|dish",
        Equipment(
            "kitchen equipment",
            "Kitchen manager",
            "low",
            (
                "Add ovens, warmers and dishwasher to the closing checklist",
                "Find what stays on with a walk-through one hour after closing",
            ),
            (
                "Check door seals and condenser coils of the refrigeration",
                "Ask what was cooked or washed beyond the usual",
            ),
        ),
    ),
    (
        r"light|lamp|ltg",
        Equipment(
            "lighting",
            "Facilities manager",
            "low",
            (
                "Correct the time switch, also for weekends and holidays",
                "Add occupancy sensors where cleaning crews leave the lights on",
            ),
            ("Check for lights switched to manual",),
        ),
    ),
    (
        r"plug|recept|office|desk|server|\bit\b",
        Equipment(
            "plug loads",
            "Facilities manager",
            "medium",
            (
                "Find what stays on with a walk-through after closing",
                "Put printers, screens and vending machines on switched outlets",
            ),
            ("Ask for new equipment on this circuit",),
        ),
    ),
    (
        r"elevat|lift|escalat",
        Equipment(
            "elevator",
            "Facilities manager",
            "medium",
            ("Let cabin light and ventilation switch off in standby",),
            ("Have the drive and the standby settings checked at the next service",),
        ),
    ),
    (
        r"water|boiler|pump|dhw",
        Equipment(
            "water heating and pumps",
            "Plumber",
            "medium",
            ("Put circulation pumps and water heaters on a schedule",),
            ("Look for a leak or a valve that stays open",),
        ),
    ),
)
_OTHER = Equipment(
    "equipment",
    "Facilities manager",
    "medium",
    (
        "Find what this circuit feeds and who switches it off",
        "Put it on a timer that follows the opening hours",
    ),
    ("Find what ran at these times, and whether it was meant to",),
)


def equipment_of(channel_name: str) -> Equipment:
    """Guess from a channel's name what it feeds.

    >>> equipment_of("RTU-2").owner
    'HVAC technician'
    """
    for pattern, equipment in _KINDS:
        if re.search(pattern, channel_name, re.IGNORECASE):
            return equipment
    return _OTHER
