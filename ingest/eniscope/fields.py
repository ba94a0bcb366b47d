"""The border: API code -> column of `readings`, and unit -> factor. The only such table.

A code that is not listed is kept in `readings.extra`, by its code, in the unit it came with.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """A physical quantity: the API's usual unit, and how units turn into the column's unit.

    value_in_column_unit = value * factor + offset, for (factor, offset) of the value's unit.
    """

    default_unit: str
    conversions: dict[str, tuple[float, float]]


def _linear(default_unit: str, **factors: float) -> Quantity:
    return Quantity(default_unit, {unit.lower(): (factor, 0.0) for unit, factor in factors.items()})


ENERGY_KWH = _linear("Wh", Wh=1e-3, kWh=1.0, MWh=1e3)
POWER_KW = _linear("W", W=1e-3, kW=1.0, MW=1e3)
REACTIVE_KVAR = _linear("VAr", VAr=1e-3, kVAr=1.0, MVAr=1e3)
APPARENT_KVA = _linear("VA", VA=1e-3, kVA=1.0, MVA=1e3)
VOLTAGE_V = _linear("V", V=1.0, mV=1e-3, kV=1e3)
CURRENT_A = _linear("A", A=1.0, mA=1e-3, kA=1e3)
FREQUENCY_HZ = _linear("Hz", Hz=1.0, kHz=1e3)
PERCENT = Quantity("%", {"%": (1.0, 0.0), "percent": (1.0, 0.0)})
RATIO = Quantity("", {"": (1.0, 0.0), "pf": (1.0, 0.0), "none": (1.0, 0.0), "%": (1e-2, 0.0)})
TEMPERATURE_C = Quantity(
    "°C",
    {
        **dict.fromkeys(("°c", "c", "degc", "deg c", "celsius"), (1.0, 0.0)),
        **dict.fromkeys(("°f", "f", "degf", "deg f", "fahrenheit"), (5 / 9, -160 / 9)),
    },
)
# The site's currency, whatever it is called: money is stored as it comes.
MONEY = Quantity("", {})
DECIBEL = Quantity("dBm", {"dbm": (1.0, 0.0), "db": (1.0, 0.0), "%": (1.0, 0.0)})


@dataclass(frozen=True)
class Field:
    """One measure of a reading: where it is stored and what it is."""

    code: str
    column: str
    quantity: Quantity


def _phases(code: str, column: str, quantity: Quantity) -> list[Field]:
    """The system value and its three phases."""
    return [
        Field(code, column, quantity),
        *(Field(f"{code}{phase}", f"{column}_{phase}", quantity) for phase in (1, 2, 3)),
    ]


FIELDS: tuple[Field, ...] = (
    *_phases("E", "energy_kwh", ENERGY_KWH),
    *_phases("P", "power_kw", POWER_KW),
    *_phases("V", "voltage_v", VOLTAGE_V),
    *_phases("I", "current_a", CURRENT_A),
    *_phases("PF", "power_factor", RATIO),
    Field("Q", "reactive_power_kvar", REACTIVE_KVAR),
    Field("S", "apparent_power_kva", APPARENT_KVA),
    Field("F", "frequency_hz", FREQUENCY_HZ),
    Field("D", "thd_current", PERCENT),
    Field("THDI", "thd_current", PERCENT),
    Field("THDV", "thd_voltage", PERCENT),
    Field("In", "neutral_current_a", CURRENT_A),
    Field("T", "temperature_c", TEMPERATURE_C),
    Field("RH", "relative_humidity", PERCENT),
    Field("RSSI", "signal_strength", DECIBEL),
    Field("cost", "cost", MONEY),
)
FIELD_BY_CODE: dict[str, Field] = {field.code: field for field in FIELDS}
COLUMNS: tuple[str, ...] = tuple(dict.fromkeys(field.column for field in FIELDS))

# Asked of a channel whose device type does not say what it sends.
USUAL_CODES: tuple[str, ...] = tuple(
    field.code for field in FIELDS if field.code not in ("THDI", "THDV", "RSSI")
)
# Codes of the API's manual that have no column; they go to `extra`.
FURTHER_CODES: tuple[str, ...] = (
    "D1", "D2", "D3", "U", "U1", "U2", "U3", "Q1", "Q2", "Q3", "S1", "S2", "S3",
    "Ex", "Ex1", "Ex2", "Ex3", "RE", "RE1", "RE2", "RE3", "AE", "AE1", "AE2", "AE3",
    "Pmax", "Pmax1", "Pmax2", "Pmax3", "C", "Vol", "CO2", "LL", "AP", "btryVoltage",
)  # fmt: skip


# Column types of `readings`: everything else is real.
DOUBLE_COLUMNS = frozenset(("energy_kwh", "energy_kwh_1", "energy_kwh_2", "energy_kwh_3", "cost"))
INTEGER_COLUMNS = frozenset(("signal_strength",))


def largest_storable(column: str) -> float:
    """The largest absolute value that the column's type holds."""
    if column in INTEGER_COLUMNS:
        return 2.0**31 - 1
    return 1.7e308 if column in DOUBLE_COLUMNS else 3.4e38


def conversion(field: Field, unit: str | None) -> tuple[float, float] | None:
    """(factor, offset) from `unit` into the column's unit; None for a unit that is not known.

    An answer without the unit means the usual one.

    >>> conversion(FIELD_BY_CODE["E"], "Wh")
    (0.001, 0.0)
    >>> conversion(FIELD_BY_CODE["E"], "furlong") is None
    True
    """
    if field.quantity is MONEY:
        return (1.0, 0.0)
    spelled = field.quantity.default_unit if unit is None else unit
    return field.quantity.conversions.get(spelled.strip().lower())
