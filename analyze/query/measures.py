"""What can be asked of readings: each measure, how its values may be put together, and how not."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from lib.errors import UsageError

Agg = Literal["sum", "mean", "min", "max", "count"]
AGGS: tuple[Agg, ...] = ("sum", "mean", "min", "max", "count")
# The column of the tariff's prices, see analyze/query/prices.py.
PRICE = "price_per_kwh"
# How names end, and the unit that this stands for.
_UNITS = {
    "kwh": "kWh", "kw": "kW", "kvar": "kvar", "kva": "kVA", "v": "V", "a": "A", "hz": "Hz",
    "c": "°C",
}  # fmt: skip
_SHARES = dict.fromkeys(("thd_current", "thd_voltage", "relative_humidity"), "%")


@dataclass(frozen=True)
class Measure:
    """A column of v_readings_enriched, or energy times its price.

    `adds_over_time`: an amount (kWh, money), so that intervals may be summed. `adds_over_channels`:
    values of several channels at one time may be summed (kWh, kW; not volts or degrees).
    `is_priced`: made of the energy and `PRICE`, which stands beside each reading.
    """

    name: str
    adds_over_time: bool = False
    adds_over_channels: bool = False
    is_environment: bool = False
    is_priced: bool = False

    @property
    def sql(self) -> str:
        """Its value of a reading."""
        if self.is_priced:
            return f"(energy_kwh * {PRICE})"
        # What the meter's own tariff made of it stands in the column `cost`.
        return "cost" if self.name == "cost_sent" else self.name

    @property
    def unit(self) -> str:
        """Its unit, empty where it has none; that of money is the site's currency."""
        return _SHARES.get(self.name) or _UNITS.get(self._words()[-1], "")

    @property
    def label(self) -> str:
        """How people call it: "Energy", "Power factor, phase 2"."""
        words = self._words()
        text = " ".join(words[:-1] if words[-1] in _UNITS else words).replace("thd", "THD of the")
        phase = f", phase {self.name[-1]}" if self.name[-1].isdigit() else ""
        return f"{text[:1].upper()}{text[1:]}{phase}"

    def _words(self) -> list[str]:
        """The words of its name without the phase; the last one may be a unit."""
        return self.name.rstrip("_123").split("_")

    @property
    def default_agg(self) -> Agg:
        """Amounts are summed, everything else is averaged over time."""
        return "sum" if self.adds_over_time else "mean"


def _phases(name: str) -> tuple[str, ...]:
    return (name, f"{name}_1", f"{name}_2", f"{name}_3")


_AMOUNTS = (*_phases("energy_kwh"), "cost_sent")
_RATES = (*_phases("power_kw"), "reactive_power_kvar")
_LEVELS = (
    *_phases("voltage_v"), *_phases("current_a"), *_phases("power_factor"), "apparent_power_kva",
    "frequency_hz", "thd_current", "thd_voltage", "neutral_current_a",
)  # fmt: skip
_ENVIRONMENT = ("temperature_c", "relative_humidity")

MEASURES: dict[str, Measure] = {
    **{name: Measure(name, adds_over_time=True, adds_over_channels=True) for name in _AMOUNTS},
    "cost": Measure("cost", adds_over_time=True, adds_over_channels=True, is_priced=True),
    **{name: Measure(name, adds_over_channels=True) for name in _RATES},
    **{name: Measure(name) for name in _LEVELS},
    **{name: Measure(name, is_environment=True) for name in _ENVIRONMENT},
}


def chosen_measure(name: str) -> Measure:
    """The measure of that name. Raises UsageError that names the nearest ones."""
    if name in MEASURES:
        return MEASURES[name]
    near = get_close_matches(name, MEASURES, n=3, cutoff=0.4) or list(MEASURES)
    raise UsageError(f"'{name}' is not a measure; {', '.join(near)}?")


def chosen_agg(measure: Measure, agg: Agg | None) -> Agg:
    """How to put a measure's values together. Raises UsageError for a sum that means nothing."""
    if agg == "sum" and not measure.adds_over_time:
        instead = " (the energy is --measure energy_kwh)" if measure.name in _RATES else ""
        raise UsageError(
            f"{measure.name} cannot be summed over time{instead}; use --agg mean, min, max or count"
        )
    return agg or measure.default_agg
