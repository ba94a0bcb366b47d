"""A made-up building as a source of readings: true loads, meters, and what is planted in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from operations.sandbox.electrics import Wiring, meter_values, phase_energy_wh
from operations.sandbox.fields import METER_FIELDS, SENSOR_FIELDS, Field, codes
from operations.sandbox.loads import LOADS, indoor_climate, loads_kw, unmetered_share
from operations.sandbox.minutes import to_minutes
from operations.sandbox.model import Channel, Event, Recent, Table, join
from operations.sandbox.noise import Floats, Ints, stream_key
from operations.sandbox.plants import VOLTAGE, dead, make_ring, plan_week
from operations.sandbox.weeks import QUARTER_SECONDS, Week, build_week, mondays

MAIN_POWER_FACTOR, MAIN_THD_PCT = 0.91, 5.0
VOLTAGE_COLUMN = codes(METER_FIELDS).index("V")
POWERS_AND_ENERGIES = ("E", "E1", "E2", "E3", "P", "P1", "P2", "P3")
TWO_YEARS_SECONDS = 2 * 365 * 86400
OFF_GRID_SECONDS = 7  # a bad row must not be able to take the place of a good one
ABSURD_POWER_W = 5e6


@dataclass(frozen=True, eq=False)
class WeekState:
    """One week of the building: loads (n_loads, n) without and with real events, and the plan."""

    week: Week
    base_kw: Floats
    true_kw: Floats
    events: tuple[Event, ...]

    def events_of(self, channel: Channel) -> list[Event]:
        """What is planted in one channel."""
        return [event for event in self.events if event.channel_id == channel.channel_id]


class Memory:
    """What all buildings of a fleet remember together, within about 150 MB."""

    def __init__(self) -> None:
        self.weeks: Recent[tuple[str, date], Week] = Recent(256)
        self.states: Recent[tuple[int, date], WeekState] = Recent(256)
        self.tables: Recent[tuple[Channel, date], Table] = Recent(600)


class Building:
    """The readings of one made-up site. Implements model.Source."""

    native_seconds = QUARTER_SECONDS
    finest_seconds = 60

    def __init__(
        self,
        *,
        site_id: int,
        timezone: str,
        installed_ts: int,
        channels: tuple[Channel, ...],
        seed: int,
        clean: bool,
        scale: float,
        memory: Memory,
    ) -> None:
        self._site_id, self._timezone, self._installed_ts = site_id, timezone, installed_ts
        self._seed, self._clean, self._scale = seed, clean, scale
        by_load: dict[int, int] = {}
        for one in channels:
            if one.role == "load":
                by_load.setdefault(one.load, one.channel_id)  # a second view has no events
        self._ring = make_ring(seed, site_id, tuple(by_load[n] for n in range(len(LOADS))))
        self._memory = memory

    def fields(self, channel: Channel) -> tuple[Field, ...]:
        """What the channel sends."""
        return SENSOR_FIELDS if channel.role == "sensor" else METER_FIELDS

    def rows(self, channel: Channel, start: float, end: float) -> Table:
        """Quarter-hour readings that start in [start, end)."""
        fields = self.fields(channel)
        if channel.role in ("silent", "failing"):
            return join([], fields)
        start = max(start, self._installed_ts)
        weeks = mondays(start, end, self._timezone)
        tables = [self._table(channel, monday).between(start, end) for monday in weeks]
        return join(tables, fields)

    def fine_rows(self, channel: Channel, start: float, end: float) -> Table:
        """One-minute readings that start in [start, end); a quarter hour's energies add up."""
        opens, closes = (
            start - start % QUARTER_SECONDS,
            -(-end // QUARTER_SECONDS) * QUARTER_SECONDS,
        )
        quarters = self.rows(channel, opens, closes)
        frozen = np.zeros(len(quarters.ts), dtype=bool)
        for event in self.events(opens, closes):
            if event.kind == "flatline" and event.channel_id == channel.channel_id:
                frozen |= (quarters.ts >= event.start) & (quarters.ts < event.end)
        key = stream_key(self._seed, channel.channel_id, "minutes")
        return to_minutes(quarters, frozen, key).between(start, end)

    def junk(self, channel: Channel, start: float, end: float) -> list[tuple[int, dict[str, Any]]]:
        """Planted bad rows that come besides a good one."""
        found: list[tuple[int, dict[str, Any]]] = []
        weeks = mondays(start, end, self._timezone)
        for event in (one for monday in weeks for one in self._state(monday).events_of(channel)):
            is_extra = event.kind == "bad_rows" and event.detail != VOLTAGE
            if is_extra and start <= event.start < end:
                good = self.rows(channel, event.start, event.end)
                row = dict(zip(codes(good.fields), good.values[0].tolist(), strict=True))
                found.append((event.start, _spoil(event.detail, event.start, row)))
        return found

    def events(self, start: float, end: float) -> list[Event]:
        """Planted events that touch [start, end), in order of time."""
        # A dead channel of the week before may still be dead.
        weeks = mondays(start - 7 * 86400, end, self._timezone)
        planned = [event for monday in weeks for event in self._state(monday).events]
        touching = [event for event in planned if event.start < end and event.end > start]
        return sorted(touching, key=lambda event: (event.start, event.channel_id))

    def plain_energy_wh(self, channel: Channel, start: float, end: float) -> tuple[Ints, Floats]:
        """Interval starts and energies [Wh] of a load without its own events."""
        start = max(start, self._installed_ts)
        times: list[Ints] = [np.empty(0, np.int64)]
        energies: list[Floats] = [np.empty(0)]
        for monday in mondays(start, end, self._timezone):
            state = self._state(monday)
            inside = state.week.slots(int(start), int(end))
            index = state.week.index[inside]
            phases = phase_energy_wh(
                self._wiring(channel), index, state.base_kw[channel.load][inside]
            )
            times.append(index * QUARTER_SECONDS)
            energies.append(phases.sum(axis=0).round(3))
        return np.concatenate(times), np.concatenate(energies)

    def _week(self, monday: date) -> Week:
        key = (self._timezone, monday)
        return self._memory.weeks.get(key, lambda: build_week(monday, self._timezone))

    def _state(self, monday: date) -> WeekState:
        key = (self._site_id, monday)
        return self._memory.states.get(key, lambda: self._build_state(monday))

    def _table(self, channel: Channel, monday: date) -> Table:
        key = (channel, monday)
        return self._memory.tables.get(key, lambda: self._build_table(channel, monday))

    def _wiring(self, channel: Channel) -> Wiring:
        power_factor, thd_pct = MAIN_POWER_FACTOR, MAIN_THD_PCT
        if channel.role == "load":
            spec = LOADS[channel.load]
            power_factor, thd_pct = spec.power_factor, spec.thd_pct
        return Wiring(self._seed, self._site_id, channel.channel_id, power_factor, thd_pct)

    def _build_state(self, monday: date) -> WeekState:
        week = self._week(monday)
        base_kw = loads_kw(week, self._seed, self._site_id, self._scale)
        # The week in which the meters were installed is incomplete: nothing to find there.
        planned = not self._clean and week.start >= self._installed_ts
        events = plan_week(self._ring, week, base_kw) if planned else []
        true_kw = base_kw.copy()
        for event in events:
            if event.kind == "after_hours":
                load = self._ring.channel_ids.index(event.channel_id)
                true_kw[load, week.slots(event.start, event.end)] += event.size
        return WeekState(week, base_kw, true_kw, tuple(events))

    def _build_table(self, channel: Channel, monday: date) -> Table:
        state = self._state(monday)
        week, ts = state.week, state.week.index * QUARTER_SECONDS
        if channel.role == "sensor":
            return Table(ts, indoor_climate(week, self._seed, self._site_id), SENSOR_FIELDS)
        if channel.role == "main":
            metered = state.true_kw.sum(axis=0)
            main_kw = metered / (1 - unmetered_share(week, self._seed, self._site_id))
            return Table(ts, meter_values(self._wiring(channel), week.index, main_kw), METER_FIELDS)
        events = state.events_of(channel)
        power_kw = state.true_kw[channel.load].copy()
        for event in events:
            if event.kind == "spike":
                power_kw[week.slots(event.start, event.end)] *= event.size
        values = meter_values(self._wiring(channel), week.index, power_kw)
        present = np.ones(len(ts), dtype=bool)
        for event in [*events, *self._still_dead(channel, monday)]:
            slots = week.slots(event.start, event.end)
            if event.kind == "flatline":
                values[slots] = values[slots.start]
            elif event.kind in ("gap", "dead"):
                present[slots] = False
            elif event.detail == VOLTAGE:
                values[slots, VOLTAGE_COLUMN] = 9999.0
        return Table(ts[present], values[present], METER_FIELDS)

    def _still_dead(self, channel: Channel, monday: date) -> list[Event]:
        """The end of the week before, when this channel stopped reporting in it."""
        before = self._week(monday - timedelta(days=7))
        if self._clean or before.start < self._installed_ts:
            return []
        event = dead(self._ring, before)
        return [event] if event.channel_id == channel.channel_id else []


def _spoil(kind: str, ts: int, row: dict[str, Any]) -> dict[str, Any]:
    """A copy of a good row that nobody should believe."""
    match kind:
        case "no_timestamp":
            return row
        case "negative_energy":
            negative = {code: -row[code] - 1 for code in POWERS_AND_ENERGIES}
            return {"ts": ts + OFF_GRID_SECONDS, **row, **negative}
        case "absurd_power":
            absurd = {"P": ABSURD_POWER_W, "E": ABSURD_POWER_W * QUARTER_SECONDS / 3600}
            return {"ts": ts + OFF_GRID_SECONDS, **row, **absurd}
        case "far_future":
            return {"ts": ts + TWO_YEARS_SECONDS, **row}
        case _:
            return {"ts": ts + OFF_GRID_SECONDS, **dict.fromkeys(row)}
