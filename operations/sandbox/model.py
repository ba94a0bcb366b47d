"""What the parts of the sandbox hand to each other: sites, channels, tables, planted events."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np

from operations.sandbox.fields import Field, codes
from operations.sandbox.noise import Floats, Ints

Role = Literal["main", "load", "sensor", "silent", "failing", "replay"]
EventKind = Literal["after_hours", "spike", "flatline", "gap", "dead", "bad_rows"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Channel:
    """One channel of a site. `number` is its place in the site, `load` its row in loads.LOADS."""

    channel_id: int
    name: str
    role: Role
    number: int
    device_type_id: int
    load: int = -1


@dataclass(frozen=True)
class Event:
    """A planted finding over [start, end), unix seconds; `size` in the unit `detail` names."""

    kind: EventKind
    channel_id: int
    start: int
    end: int
    detail: str
    size: float = 0.0
    episode: str = ""


@dataclass(frozen=True, eq=False)
class Table:
    """Readings of one channel: `ts` (n,) interval starts [unix s], `values` (n, fields)."""

    ts: Ints
    values: Floats
    fields: tuple[Field, ...]

    def column(self, code: str) -> Floats:
        """One field's values; KeyError when the channel does not send it."""
        try:
            return self.values[:, codes(self.fields).index(code)]
        except ValueError:
            raise KeyError(code) from None

    def between(self, start: float, end: float) -> Table:
        """The rows that start in [start, end)."""
        first, last = np.searchsorted(self.ts, [start, end])
        return Table(self.ts[first:last], self.values[first:last], self.fields)


def join(tables: list[Table], fields: tuple[Field, ...]) -> Table:
    """Tables of one channel, one after the other; an empty one where there is none."""
    if not tables:
        return Table(np.empty(0, np.int64), np.empty((0, len(fields))), fields)
    ts = np.concatenate([table.ts for table in tables])
    return Table(ts, np.concatenate([table.values for table in tables]), fields)


class Source(Protocol):
    """Where a site's readings come from: a made-up building or a file of real ones.

    Sources know no "now": whoever asks cuts off what has not happened yet.
    """

    native_seconds: int
    finest_seconds: int

    def fields(self, channel: Channel) -> tuple[Field, ...]:
        """What the channel sends."""

    def rows(self, channel: Channel, start: float, end: float) -> Table:
        """Readings at the native resolution that start in [start, end)."""

    def fine_rows(self, channel: Channel, start: float, end: float) -> Table:
        """Readings at the finest resolution."""

    def junk(self, channel: Channel, start: float, end: float) -> list[tuple[int, dict[str, Any]]]:
        """Planted rows that nobody should believe, each with the interval it stands beside."""

    def events(self, start: float, end: float) -> list[Event]:
        """Planted events that touch [start, end)."""

    def plain_energy_wh(self, channel: Channel, start: float, end: float) -> tuple[Ints, Floats]:
        """Interval starts and energies [Wh] as they would be without the channel's own events."""


@dataclass(frozen=True, eq=False)
class Site:
    """An organization with its channels and where their readings come from."""

    site_id: int
    name: str
    timezone: str
    installed_ts: int
    channels: tuple[Channel, ...]
    source: Source

    def channel(self, channel_id: int) -> Channel | None:
        """The channel of that id, None when the site has none."""
        return next((one for one in self.channels if one.channel_id == channel_id), None)


class Recent(Generic[Key, Value]):
    """Remembers the last `size` values that were asked for; safe to use from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The remembered value, or the one that `make` gives now."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        value = make()
        with self._lock:
            self._known[key] = value
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return value
