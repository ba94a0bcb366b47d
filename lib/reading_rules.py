"""The rules a single reading has to satisfy, as vectorised masks.

Ingest applies them at the border, govern re-applies them to what is stored and to quarantine. A
row rule refuses the whole reading; a field rule refuses one value, so that a wild voltage never
costs a kWh.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from config.sites import SiteConfig

Limits = tuple[float, float]

MAX_POWER_KW = 1000.0
# A counter's reading may be taken a little late, so that one interval holds more than its share.
ENERGY_TOLERANCE = 1.25
# A load of poor power factor draws more VA than W, and a transformer bears some overload.
REACTIVE_TOLERANCE = 2.0
# Total harmonic distortion of a nearly idle meter is large; above this it is no measurement.
MAX_THD_PERCENT = 1000.0

ROW_FIELDS = ("energy_kwh", "power_kw")
FIELD_LIMITS: dict[str, Limits] = {
    **dict.fromkeys(("voltage_v", "voltage_v_1", "voltage_v_2", "voltage_v_3"), (100.0, 500.0)),
    **dict.fromkeys(("current_a", "current_a_1", "current_a_2", "current_a_3"), (0.0, 5000.0)),
    "neutral_current_a": (0.0, 5000.0),
    **dict.fromkeys(
        ("power_factor", "power_factor_1", "power_factor_2", "power_factor_3"), (-1.0, 1.0)
    ),
    "frequency_hz": (45.0, 65.0),
    "reactive_power_kvar": (-REACTIVE_TOLERANCE * MAX_POWER_KW, REACTIVE_TOLERANCE * MAX_POWER_KW),
    "apparent_power_kva": (0.0, REACTIVE_TOLERANCE * MAX_POWER_KW),
    "thd_current": (0.0, MAX_THD_PERCENT),
    "thd_voltage": (0.0, MAX_THD_PERCENT),
    "relative_humidity": (0.0, 100.0),
    # A freezer and a plant room lie within; a broken sensor, or tenths of a degree, do not.
    "temperature_c": (-60.0, 100.0),
}
_PHASES_OF = {
    name: tuple(f"{name}_{phase}" for phase in (1, 2, 3))
    for name in ("voltage_v", "current_a", "power_factor", "power_kw", "energy_kwh")
}


@dataclass(frozen=True)
class ReadingRules:
    """The limits that hold for one channel. Powers in kW, energies in kWh per interval."""

    interval_seconds: int
    power_kw: Limits = (0.0, MAX_POWER_KW)
    energy_kwh: Limits = (0.0, float("inf"))
    field_limits: dict[str, Limits] = field(default_factory=lambda: dict(FIELD_LIMITS))
    installed_at: datetime | None = None
    sends_power_factor: bool = False


@dataclass(frozen=True)
class Refusal:
    """Rows (or one field of them) that a rule refuses."""

    reason: str
    field: str | None
    mask: np.ndarray


def rules_for(
    site: SiteConfig,
    channel_id: int,
    interval_seconds: int,
    installed_at: datetime | None = None,
    *,
    sends_power_factor: bool = False,
    rated_kw: float | None = None,
) -> ReadingRules:
    """The rules of a channel: the defaults, the site's limits, the channel's own, in that order.

    `rated_kw` is what the channel's meter is built for; it raises the default limit of power,
    never lowers it. Reactive and apparent power may be twice the largest power allowed.
    """
    channel = site.channel(channel_id)
    exports = site.allow_export if channel.allow_export is None else channel.allow_export
    named = {**site.limits, **channel.limits}
    most_kw = max(MAX_POWER_KW, rated_kw or 0.0)
    power = named.pop("power_kw", (-most_kw if exports else 0.0, most_kw))
    hours = interval_seconds / 3600
    low, high = (min(power[0], 0.0) * hours, max(power[1], 0.0) * hours * ENERGY_TOLERANCE)
    energy = named.pop("energy_kwh", (low * ENERGY_TOLERANCE, high))
    limits = dict(FIELD_LIMITS)
    limits |= dict.fromkeys(_PHASES_OF["power_kw"], (-most_kw if exports else 0.0, power[1]))
    limits |= dict.fromkeys(_PHASES_OF["energy_kwh"], energy)
    most_kva = REACTIVE_TOLERANCE * max(most_kw, abs(power[0]), power[1])
    limits["reactive_power_kvar"] = (-most_kva, most_kva)
    limits["apparent_power_kva"] = (-most_kva if exports else 0.0, most_kva)
    for name, bounds in named.items():
        limits |= dict.fromkeys((name, *_PHASES_OF.get(name, ())), bounds)
    return ReadingRules(
        interval_seconds=interval_seconds,
        power_kw=power,
        energy_kwh=energy,
        field_limits=limits,
        installed_at=installed_at,
        sends_power_factor=sends_power_factor,
    )


def rated_power_kw(ct_ratio: float | None, voltage_scale: float | None) -> float | None:
    """What a three-phase meter is built for [kW], from its transformer [A] and scale [V].

    >>> rated_power_kw(250, 120)
    90.0
    >>> rated_power_kw(None, 120) is None
    True
    """
    if not ct_ratio or not voltage_scale or ct_ratio < 0 or voltage_scale < 0:
        return None
    return 3 * ct_ratio * voltage_scale / 1000


def refused_rows(
    timestamp_us: np.ndarray, columns: Mapping[str, np.ndarray], rules: ReadingRules, now: datetime
) -> Iterator[Refusal]:
    """Rules that refuse a whole row, in order; the first that hits a row names the reason.

    Parameters
    ----------
    timestamp_us : int64 array, shape (n,); start of the interval [µs since 1970 UTC].
    columns : float arrays, shape (n,), NaN where nothing was sent; units as in the names.
    """
    length_us = rules.interval_seconds * 1_000_000
    yield Refusal("future_timestamp", "timestamp", timestamp_us + length_us > _microseconds(now))
    if rules.installed_at is not None:
        installed_us = _microseconds(rules.installed_at)
        yield Refusal("before_installation", "timestamp", timestamp_us + length_us <= installed_us)
    for name, limits in (("energy_kwh", rules.energy_kwh), ("power_kw", rules.power_kw)):
        if name in columns:
            yield Refusal(f"{name}_out_of_range", name, outside(columns[name], limits))


def refused_fields(columns: Mapping[str, np.ndarray], rules: ReadingRules) -> Iterator[Refusal]:
    """Values outside their limits: stored as null, with the reason."""
    for name, limits in rules.field_limits.items():
        if name in columns:
            mask = outside(columns[name], limits)
            if mask.any():
                yield Refusal("out_of_range", name, mask)


def missing_power_factor(
    columns: Mapping[str, np.ndarray], rules: ReadingRules
) -> np.ndarray | None:
    """Rows with power and voltage but without the power factor that the device type sends.

    At no power there is no power factor to send.
    """
    needed = ("power_kw", "voltage_v", "power_factor")
    if not rules.sends_power_factor or not all(name in columns for name in needed):
        return None
    present = (np.abs(np.nan_to_num(columns["power_kw"])) > 0) & ~np.isnan(columns["voltage_v"])
    return present & np.isnan(columns["power_factor"])


def outside(values: np.ndarray, limits: Limits) -> np.ndarray:
    """True where a value lies outside [low, high]; a missing value does not."""
    low, high = limits
    with np.errstate(invalid="ignore"):
        return (values < low) | (values > high)


def _microseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000)
