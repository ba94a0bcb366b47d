"""The fields that the sandbox's meters send: code, label, unit, and how they add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "flow", "level"]  # summed; follows the load; stays put when it changes


@dataclass(frozen=True)
class Field:
    """One code of the API."""

    code: str
    label: str
    unit: str
    kind: Kind


def _phases(code: str, label: str, unit: str, kind: Kind) -> list[Field]:
    """The system's field and those of the three phases."""
    phases = [Field(f"{code}{n}", f"{label} phase {n}", unit, kind) for n in (1, 2, 3)]
    return [Field(code, label, unit, kind), *phases]


METER_FIELDS: tuple[Field, ...] = (
    *_phases("E", "Energy", "Wh", "counter"),
    *_phases("P", "Power", "W", "flow"),
    *_phases("V", "Voltage", "V", "level"),
    *_phases("I", "Current", "A", "flow"),
    *_phases("PF", "Power factor", "", "level"),
    Field("Q", "Reactive power", "VAr", "flow"),
    Field("S", "Apparent power", "VA", "flow"),
    Field("F", "Frequency", "Hz", "level"),
    Field("In", "Neutral current", "A", "flow"),
    Field("D", "Current THD", "%", "level"),
    Field("U", "Voltage line to line", "V", "level"),
    Field("RE", "Reactive energy", "VArh", "counter"),
)
SENSOR_FIELDS: tuple[Field, ...] = (
    Field("T", "Temperature", "°C", "level"),
    Field("RH", "Relative humidity", "%", "level"),
    Field("CO2", "Carbon dioxide", "ppm", "level"),
)
REPLAY_FIELDS: tuple[Field, ...] = (METER_FIELDS[0], METER_FIELDS[4])

METER_TYPE, GATEWAY_TYPE, SENSOR_TYPE = 20, 16, 61
FIELDS_OF_TYPE: dict[int, tuple[Field, ...]] = {
    METER_TYPE: METER_FIELDS,
    GATEWAY_TYPE: (),
    SENSOR_TYPE: SENSOR_FIELDS,
}


def codes(fields: tuple[Field, ...]) -> tuple[str, ...]:
    """The codes alone, in order."""
    return tuple(field.code for field in fields)
