"""From a load's mean power to the fields that a three-phase meter sends, physically consistent.

E = P x 0.25 h, E = E1 + E2 + E3, P = P1 + P2 + P3, S = sqrt(P2 + Q2), PF = P / S, and P never above
the sum of Vi x Ii. Service is 120/208 V, 60 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operations.sandbox.fields import METER_FIELDS
from operations.sandbox.noise import Floats, Ints, normal, smooth, stream_key, stream_keys

NOMINAL_V = 120.0
QUARTER_HOURS = 0.25


@dataclass(frozen=True)
class Wiring:
    """What makes the fields of one channel its own."""

    seed: int
    site_id: int
    channel_id: int
    power_factor: float
    thd_pct: float


def phase_energy_wh(wiring: Wiring, index: Ints, power_kw: Floats) -> Floats:
    """Energy of each phase [Wh], shape (3, n), rounded as it is sent."""
    key = (wiring.seed, wiring.channel_id, "split")
    share = 1 + 0.07 * normal(stream_keys(3, *key), np.zeros(1, np.int64))
    share = share * (1 + 0.01 * normal(stream_keys(3, *key, "noise"), index))
    energy: Floats = (power_kw * 1000 * QUARTER_HOURS * share / share.sum(axis=0)).round(3)
    return energy


def meter_values(wiring: Wiring, index: Ints, power_kw: Floats) -> Floats:
    """All METER_FIELDS for the quarter hours of `index`, shape (n, len(METER_FIELDS))."""
    seed, channel = wiring.seed, wiring.channel_id
    energy = phase_energy_wh(wiring, index, power_kw)
    power = (energy / QUARTER_HOURS).round(3)
    volts = _phase_voltage(wiring, index)
    drift = normal(stream_keys(3, seed, channel, "pf"), index)
    factor = np.clip(wiring.power_factor + 0.006 * drift, 0.5, 0.985).round(5)
    amps = (power / (volts * factor)).round(4)
    reactive = power * np.tan(np.arccos(factor))
    total_power = power.sum(axis=0).round(3)
    total_reactive = reactive.sum(axis=0).round(3)
    apparent = np.hypot(total_power, total_reactive).round(3)
    thd = wiring.thd_pct + 0.4 * smooth(stream_key(seed, channel, "thd"), index, 24)
    first, second, third = amps
    unbalance = amps.sum(axis=0) ** 2 - 3 * (first * second + second * third + third * first)
    neutral = np.sqrt(np.maximum(unbalance, 0)) + amps.mean(axis=0) * thd / 100
    grid = 60 + 0.012 * normal(stream_key(seed, wiring.site_id, "hertz"), index)
    columns = [
        *(energy.sum(axis=0).round(3), *energy),
        *(total_power, *power),
        *(volts.mean(axis=0).round(3), *volts),
        *(amps.mean(axis=0).round(4), *amps),
        *((total_power / apparent).round(5), *factor),
        total_reactive,
        apparent,
        grid.round(3),
        neutral.round(4),
        thd.round(3),
        (volts.mean(axis=0) * np.sqrt(3)).round(3),
        (total_reactive * QUARTER_HOURS).round(3),
    ]
    assert len(columns) == len(METER_FIELDS)
    return np.stack(columns, axis=1)


def _phase_voltage(wiring: Wiring, index: Ints) -> Floats:
    """Line-to-neutral voltage of each phase [V], shape (3, n): one service feeds all channels."""
    keys = stream_keys(3, wiring.seed, wiring.site_id, "volts")
    offset = 0.3 * normal(keys, np.zeros(1, np.int64))
    slow = 0.7 * smooth(keys + np.uint64(1), index, 40)
    fast = 0.15 * normal(keys + np.uint64(2), index)
    volts: Floats = (NOMINAL_V + offset + slow + fast).round(3)
    return volts
