"""The power that each part of the made-up building really draws, week by week.

Weather, opening hours, holidays and habits make the shape; noise that depends only on the instant
makes it look measured. Nothing here knows of planted faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from operations.sandbox.noise import Floats, normal, smooth, stream_key, stream_keys
from operations.sandbox.weeks import Week

Profile = Literal["hvac", "kitchen", "hood", "lighting", "plugs", "elevator"]
QUARTERS_PER_DAY = 96


@dataclass(frozen=True)
class LoadSpec:
    """One sub-meter's load. `equipment` can be left running when the building closes."""

    name: str
    profile: Profile
    standby_kw: float
    open_kw: float  # on top of standby, when in full use
    cool_kw: float = 0.0  # on top, on the hottest days
    heat_kw: float = 0.0  # on top, on the coldest days
    noise: float = 0.03  # relative, from one quarter hour to the next
    power_factor: float = 0.92
    thd_pct: float = 6.0
    equipment: bool = True


LOADS: tuple[LoadSpec, ...] = (
    LoadSpec("RTU-1", "hvac", 0.7, 2.8, 13.0, 7.0, 0.09, 0.86, 5.0),
    LoadSpec("RTU-2", "hvac", 0.6, 2.6, 12.0, 6.0, 0.09, 0.87, 5.0),
    LoadSpec("RTU-3", "hvac", 0.5, 2.2, 10.0, 5.5, 0.09, 0.85, 5.5),
    LoadSpec("AHU-1A", "hvac", 0.6, 5.0, 1.8, 0.8, 0.02, 0.90, 9.0),
    LoadSpec("AHU-1B", "hvac", 0.6, 4.6, 1.7, 0.8, 0.02, 0.90, 9.0),
    LoadSpec("AHU-2", "hvac", 0.5, 5.8, 2.2, 1.0, 0.02, 0.91, 8.5),
    LoadSpec("A/C 0", "hvac", 0.6, 1.2, 5.5, 3.5, 0.08, 0.88, 6.0),
    LoadSpec("A/C 1", "hvac", 0.4, 1.0, 4.8, 3.0, 0.08, 0.88, 6.0),
    LoadSpec("Kitchen Main Panel", "kitchen", 4.0, 17.0, noise=0.08, equipment=False),
    LoadSpec("Kitchen Panel (small)", "kitchen", 1.0, 4.0, noise=0.09, equipment=False),
    LoadSpec("Kitchen Hood", "hood", 0.2, 3.2, noise=0.02, power_factor=0.84),
    LoadSpec("Lighting Floor 1", "lighting", 1.0, 9.0, noise=0.012, power_factor=0.96, thd_pct=12),
    LoadSpec("Lighting Floor 2", "lighting", 0.8, 7.5, noise=0.012, power_factor=0.96, thd_pct=12),
    LoadSpec("Plug Loads Office", "plugs", 3.6, 10.0, noise=0.035, thd_pct=14, equipment=False),
    LoadSpec("Elevator", "elevator", 0.35, 1.6, noise=0.12, power_factor=0.78, equipment=False),
)


def loads_kw(week: Week, seed: int, site_id: int, scale: float) -> Floats:
    """True mean power of every load in every quarter hour [kW], shape (len(LOADS), n)."""
    heat, cool = _heating_and_cooling(outdoor_c(week, seed, site_id))
    presence = _presence(week, seed, site_id)
    shape = np.stack([_shape(spec, week, presence, heat, cool) for spec in LOADS])
    keys = stream_keys(len(LOADS), seed, site_id, "load")
    noise = np.array([spec.noise for spec in LOADS])[:, None]
    days = np.unique(week.day)
    factor = 1 + 0.03 * normal(keys, days)[:, week.day - days[0]]
    factor += 0.035 * smooth(keys + np.uint64(1), week.index, 16)
    factor += noise * normal(keys + np.uint64(2), week.index)
    kw: Floats = scale * shape * np.maximum(factor, 0.5)
    return kw


def unmetered_share(week: Week, seed: int, site_id: int) -> Floats:
    """The part of the main's power that no sub-meter sees, 0.05..0.08, shape (n,)."""
    drift = smooth(stream_key(seed, site_id, "unmetered"), week.index, QUARTERS_PER_DAY)
    share: Floats = 0.065 + 0.013 * np.tanh(drift)
    return share


def outdoor_c(week: Week, seed: int, site_id: int) -> Floats:
    """Outdoor temperature [degrees C] of a temperate, continental climate, shape (n,)."""
    day_of_year = (week.index / QUARTERS_PER_DAY) % 365.2425
    season = 12.5 - 12.0 * np.cos(2 * np.pi * (day_of_year - 20) / 365.2425)
    daily = 4.0 * np.cos(2 * np.pi * (week.hour - 15) / 24)
    fronts = 3.2 * smooth(stream_key(seed, site_id, "fronts"), week.index, 3 * QUARTERS_PER_DAY)
    clouds = 1.0 * smooth(stream_key(seed, site_id, "clouds"), week.index, 24)
    temperature: Floats = season + daily + fronts + clouds
    return temperature


def indoor_climate(week: Week, seed: int, site_id: int) -> Floats:
    """Temperature [degrees C], relative humidity [%] and CO2 [ppm] of an office, shape (n, 3)."""
    outdoor = outdoor_c(week, seed, site_id)
    people = _presence(week, seed, site_id) * _occupied(week.hour)
    keys = stream_keys(3, seed, site_id, "air")
    wander = smooth(keys, week.index, 12)
    hiss = normal(keys + np.uint64(1), week.index)
    temperature = 20.4 + 1.3 * people + 0.05 * (outdoor - 12) + 0.3 * wander[0] + 0.05 * hiss[0]
    humidity = 42 + 0.5 * (outdoor - 12) + 2.0 * wander[1] + 0.3 * hiss[1]
    carbon_dioxide = 425 + 420 * people + 18 * wander[2] + 6 * hiss[2]
    climate = [temperature.round(2), np.clip(humidity, 15, 85).round(2), carbon_dioxide.round(0)]
    return np.stack(climate, axis=1)


def _heating_and_cooling(outdoor: Floats) -> tuple[Floats, Floats]:
    """Demand as a part of the largest, 0..1.2: nothing between 11 and 15 degrees C."""
    return np.clip((11 - outdoor) / 20, 0, 1.2), np.clip((outdoor - 15) / 16, 0, 1.2)


def _presence(week: Week, seed: int, site_id: int) -> Floats:
    """How many people came that day, about 1 on workdays and 0 on others, shape (n,)."""
    factor = 1 + 0.04 * normal(stream_key(seed, site_id, "people"), week.day)
    factor = np.where(week.weekday == 4, 0.94 * factor, factor)
    christmas = [_is_after_christmas(int(day)) for day in week.day[:: QUARTERS_PER_DAY // 2]]
    if any(christmas):
        quiet = np.array([_is_after_christmas(int(day)) for day in week.day])
        factor = np.where(quiet, 0.7 * factor, factor)
    presence: Floats = factor * week.workday
    return presence


def _is_after_christmas(day: int) -> bool:
    month_and_day = str(np.datetime64(day, "D"))[5:]
    return "12-26" <= month_and_day <= "12-31"


def _box(hour: Floats, on: float, off: float, rise: float, fall: float) -> Floats:
    """1 between two clock times, 0 outside, with ramps of `rise` and `fall` hours inside."""
    box: Floats = np.interp(hour, [on, on + rise, off - fall, off], [0.0, 1.0, 1.0, 0.0])
    return box


def _bump(hour: Floats, centre: float, width: float) -> Floats:
    bump: Floats = np.exp(-0.5 * ((hour - centre) / width) ** 2)
    return bump


def _occupied(hour: Floats) -> Floats:
    """People in the building over a workday, 0..1."""
    clock = [6.0, 7.0, 8.5, 11.5, 12.3, 13.3, 16.5, 18.0, 19.0, 20.5]
    people = [0.03, 0.30, 0.95, 1.00, 0.85, 1.00, 0.95, 0.40, 0.12, 0.0]
    occupied: Floats = np.interp(hour, clock, people)
    return occupied


def _shape(spec: LoadSpec, week: Week, presence: Floats, heat: Floats, cool: Floats) -> Floats:
    """Noise-free power of one load [kW]."""
    hour = week.hour
    match spec.profile:
        case "hvac":
            on = _box(hour, 6.0, 19.0, 0.4, 0.3) * week.workday
            weather = spec.cool_kw * cool + spec.heat_kw * heat
            pull_up = 1 + 0.3 * np.exp(-np.maximum(hour - 6, 0) / 0.8)
            use = on * (spec.open_kw + weather * pull_up) + 0.05 * (1 - on) * weather
        case "kitchen":
            meals = 0.5 * _bump(hour, 7.8, 0.7) + 0.95 * _bump(hour, 11.9, 1.1)
            meals += 0.3 * _bump(hour, 14.6, 0.6)
            cycling = 0.12 * np.sin(week.index * 1.27 + spec.standby_kw)
            staffed = _box(hour, 6.0, 16.5, 0.5, 0.5)
            use = spec.open_kw * presence * meals * staffed + spec.standby_kw * cycling
        case "hood":
            use = spec.open_kw * (presence > 0) * _box(hour, 6.5, 15.0, 0.25, 0.25)
        case "lighting":
            clock, level = [6.0, 6.5, 8.0, 17.0, 18.5, 19.0], [0.45, 0.75, 1.0, 1.0, 0.6, 0.3]
            lit = np.interp(hour, clock, level, left=0.0, right=0.0)
            cleaning = 0.1 * (week.weekday == 5) * _box(hour, 9.0, 11.0, 0.25, 0.25)
            use = spec.open_kw * (lit * week.workday * (0.75 + 0.25 * presence) + cleaning)
        case "plugs":
            use = spec.open_kw * presence * _occupied(hour)
        case "elevator":
            rush = 0.5 * _occupied(hour) + 0.4 * (_bump(hour, 8.4, 0.6) + _bump(hour, 17.3, 0.7))
            use = spec.open_kw * presence * rush
    kw: Floats = spec.standby_kw + use
    return kw
