"""Values as a meter first tells them: a little low while an interval is fresh, right later."""

from __future__ import annotations

from typing import Any

import numpy as np

from operations.sandbox.fields import Field
from operations.sandbox.model import Channel, Event, Source, Table
from operations.sandbox.noise import Floats, Ints, smooth, stream_key

# Energy, power and what flows with them are told too low by 2 to 8 %.
SHORTFALL, SPREAD = 0.05, 0.01
NOISE_PERIOD = 4


class Provisional:
    """A source whose intervals that end after `settled_until` [unix s] are told too low.

    Implements model.Source. The truth asks the source behind it, and so does a later request.
    """

    def __init__(self, source: Source, settled_until: float) -> None:
        self._source = source
        self._settled_until = settled_until
        self.native_seconds = source.native_seconds
        self.finest_seconds = source.finest_seconds

    def fields(self, channel: Channel) -> tuple[Field, ...]:
        """Of the source behind."""
        return self._source.fields(channel)

    def rows(self, channel: Channel, start: float, end: float) -> Table:
        """Readings at the native resolution, the fresh ones too low."""
        return self._told(channel, self._source.rows(channel, start, end), self.native_seconds)

    def fine_rows(self, channel: Channel, start: float, end: float) -> Table:
        """Readings at the finest resolution, the fresh ones too low."""
        return self._told(channel, self._source.fine_rows(channel, start, end), self.finest_seconds)

    def junk(self, channel: Channel, start: float, end: float) -> list[tuple[int, dict[str, Any]]]:
        """Of the source behind: nobody should believe it anyway."""
        return self._source.junk(channel, start, end)

    def events(self, start: float, end: float) -> list[Event]:
        """Of the source behind."""
        return self._source.events(start, end)

    def plain_energy_wh(self, channel: Channel, start: float, end: float) -> tuple[Ints, Floats]:
        """Of the source behind."""
        return self._source.plain_energy_wh(channel, start, end)

    def _told(self, channel: Channel, table: Table, length: int) -> Table:
        fresh = int(np.searchsorted(table.ts, self._settled_until - length, side="right"))
        if fresh == len(table.ts):
            return table
        key = stream_key("provisional", channel.channel_id)
        # One factor for all that an interval carried, so that E = P t and the phases still agree.
        number = table.ts[fresh:] // self.native_seconds
        factor = 1 - (SHORTFALL + SPREAD * smooth(key, number, NOISE_PERIOD).clip(-3, 3))
        carried = np.array([one.kind in ("counter", "flow") for one in table.fields])
        values = table.values.copy()
        values[fresh:] = np.where(
            carried, (values[fresh:] * factor[:, None]).round(6), values[fresh:]
        )
        return Table(table.ts, values, table.fields)
