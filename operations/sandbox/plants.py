"""Which findings are planted in which week, so that every complete week has something to say.

Channels take turns on a ring: each week everybody moves two places on, and a place stands for a
kind of fault. So two faults never meet in one channel and week, and a channel gets the same kind
again after seven or eight weeks at the earliest (15 for those with one place), which keeps a
baseline of six weeks free of the kind it has to reveal.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from operations.sandbox.loads import LOADS
from operations.sandbox.model import Event, EventKind
from operations.sandbox.noise import Floats, stream_key
from operations.sandbox.weeks import CLOSES_HOUR, OPENS_HOUR, QUARTER_SECONDS, Week

PLACES_PER_WEEK = 2
# Places on the ring, from the week's first one on. 6 stays free: last week's dead channel is there.
SPIKE_PLACES = (0, 1)
GAP_PLACES = (2, 3)
BAD_ROW_PLACES = (4, 5)
FLATLINE_PLACE, DEAD_PLACE, SHORT_GAP_PLACE = 7, 8, 9
AFTER_HOURS_PLACES = (11, 12)

BAD_ROW_KINDS = (
    "no_timestamp",
    "negative_energy",
    "absurd_power",
    "voltage_9999",
    "far_future",
    "all_null",
)
VOLTAGE = "voltage_9999"


@dataclass(frozen=True)
class Ring:
    """The order in which a site's loads take their turns; `channel_ids` is indexed by load."""

    order: tuple[int, ...]
    seed: int
    site_id: int
    channel_ids: tuple[int, ...]

    def at(self, week: Week, place: int) -> int:
        """The load that stands at a place in a week."""
        return self.order[(PLACES_PER_WEEK * _number(week) + place) % len(self.order)]

    def rng(self, week: Week, purpose: str) -> random.Random:
        """Random numbers for one purpose in one week."""
        return random.Random(stream_key(self.seed, self.site_id, purpose, _number(week)))  # noqa: S311


def _number(week: Week) -> int:
    return week.monday.toordinal() // 7


def make_ring(seed: int, site_id: int, channel_ids: tuple[int, ...]) -> Ring:
    """A ring in which no two loads that cannot be left running are neighbours.

    So of two neighbouring places at least one always holds equipment.
    """
    rng = random.Random(stream_key(seed, site_id, "ring"))  # noqa: S311
    equipment = [n for n, spec in enumerate(LOADS) if spec.equipment]
    others = [n for n, spec in enumerate(LOADS) if not spec.equipment]
    rng.shuffle(equipment)
    rng.shuffle(others)
    spacing = len(LOADS) // len(others) + 1
    order = [
        others.pop() if place % spacing == 0 else equipment.pop() for place in range(len(LOADS))
    ]
    return Ring(tuple(order), seed, site_id, channel_ids)


def plan_week(ring: Ring, week: Week, base_kw: Floats) -> list[Event]:
    """All events that start in a week. `base_kw` (loads, n) is the week without any of them."""
    return [
        *_after_hours(ring, week, base_kw),
        *_spikes(ring, week, base_kw),
        *_flatline(ring, week),
        *_gaps(ring, week),
        dead(ring, week),
        *_bad_rows(ring, week),
    ]


def dead(ring: Ring, week: Week) -> Event:
    """A channel that stops on Thursday afternoon and comes back on the next Monday at 09:00."""
    start = week.at(3, 13 * 60 + _pick(ring.rng(week, "dead"), 16) * 15)
    return _event(ring, "dead", ring.at(week, DEAD_PLACE), start, week.at(7, 9 * 60), "no rows")


def _event(
    ring: Ring, kind: EventKind, load: int, start: int, end: int, detail: str, size: float = 0.0
) -> Event:
    return Event(kind, ring.channel_ids[load], start, end, detail, size)


def _pick(rng: random.Random, count: int) -> int:
    """0..count-1, from random() alone: that is the part Python promises never to change."""
    return int(rng.random() * count)


def _after_hours(ring: Ring, week: Week, base_kw: Floats) -> list[Event]:
    """One or two machines left running for 3-5 weeknights, by a constant extra load."""
    rng = ring.rng(week, "after_hours")
    loads = [ring.at(week, place) for place in AFTER_HOURS_PLACES]
    loads = [load for load in loads if LOADS[load].equipment]
    wants_two = rng.random() < 0.5
    events: list[Event] = []
    for load in loads if wants_two else loads[:1]:
        nights = 3 + _pick(rng, 3)
        first = _pick(rng, 5 - nights + 1)
        part = 0.4 + 0.3 * rng.random()
        open_kw = float(np.median(base_kw[load][week.is_open])) if week.is_open.any() else 0.0
        extra_kw = round(part * (open_kw - float(np.median(base_kw[load][~week.is_open]))), 3)
        for night in range(first, first + nights):
            start = week.at(night, CLOSES_HOUR * 60)
            end = week.at(night + 1, OPENS_HOUR * 60)
            detail = f"left on: {extra_kw} kW, {part:.0%} of its open-closed difference"
            events.append(_event(ring, "after_hours", load, start, end, detail, extra_kw))
    return [event for event in events if event.size > 0]


def _spikes(ring: Ring, week: Week, base_kw: Floats) -> list[Event]:
    """Three wrong quarter hours on two channels, at times when the load is not at its lowest."""
    rng = ring.rng(week, "spike")
    two, one = (ring.at(week, place) for place in SPIKE_PLACES)
    events: list[Event] = []
    for load, days in ((two, (0, 3)), (two, (3, 5)), (one, (0, 5))):
        busy = base_kw[load] >= 0.5 * base_kw[load].max()
        inside = (week.weekday >= days[0]) & (week.weekday < days[1]) & (week.hour < 23)
        # A week of holidays may leave no busy hour in these days.
        slots = np.flatnonzero(busy & inside) if (busy & inside).any() else np.flatnonzero(inside)
        start = int(week.index[slots[_pick(rng, len(slots))]]) * QUARTER_SECONDS
        factor = round(3 + 3 * rng.random(), 2)
        detail = f"times {factor}, not seen by the main"
        events.append(_event(ring, "spike", load, start, start + QUARTER_SECONDS, detail, factor))
    return events


def _flatline(ring: Ring, week: Week) -> list[Event]:
    """One channel that repeats one reading for 14-20 h, over the working hours of a workday."""
    rng = ring.rng(week, "flatline")
    workdays = sorted({int(day) for day in week.weekday[week.workday]})
    if not workdays:
        return []
    start = week.at(workdays[_pick(rng, len(workdays))], 4 * 60 + _pick(rng, 16) * 15)
    end = start + (56 + _pick(rng, 25)) * QUARTER_SECONDS
    return [
        _event(ring, "flatline", ring.at(week, FLATLINE_PLACE), start, end, "stuck at one value")
    ]


def _gaps(ring: Ring, week: Week) -> list[Event]:
    """Two gaps of 3-9 h and one of two quarter hours, on three channels."""
    rng = ring.rng(week, "gap")
    sizes = [(place, 12 + _pick(rng, 25)) for place in GAP_PLACES] + [(SHORT_GAP_PLACE, 2)]
    events = []
    for place, quarters in sizes:
        start = week.at(_pick(rng, 6), _pick(rng, 80) * 15)
        end = start + quarters * QUARTER_SECONDS
        events.append(
            _event(ring, "gap", ring.at(week, place), start, end, f"{quarters} rows absent")
        )
    return events


def _bad_rows(ring: Ring, week: Week) -> list[Event]:
    """6-10 rows that a validation has to refuse, each kind at least once, on two channels."""
    rng = ring.rng(week, "bad_rows")
    kinds = list(BAD_ROW_KINDS) + [
        BAD_ROW_KINDS[_pick(rng, len(BAD_ROW_KINDS))] for _ in range(_pick(rng, 5))
    ]
    # One stretch of the week for each, so that no interval gets two.
    stretch = len(week.index) // len(kinds)
    events = []
    for number, kind in enumerate(kinds):
        slot = number * stretch + _pick(rng, stretch)
        start = int(week.index[slot]) * QUARTER_SECONDS
        load = ring.at(week, BAD_ROW_PLACES[number % len(BAD_ROW_PLACES)])
        events.append(_event(ring, "bad_rows", load, start, start + QUARTER_SECONDS, kind))
    return events
