"""The API's own totals against the stored sums, channel by channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused
from ingest.eniscope.normalize import normalize
from ingest.eniscope.resources import get_total
from ingest.pipeline.plan import PlannedWindow
from lib.database import Connection, fetch_all
from lib.date_utils import local_day

# The API rounds; a difference below both is none.
NOISE_SHARE, NOISE_KWH = 0.001, 0.01
ENERGY_CODE = "E"


@dataclass(frozen=True)
class Difference:
    """A window whose stored energy is not what the API adds up; None: the API gave no total."""

    channel_id: int
    start: datetime
    end: datetime
    stored_kwh: float
    total_kwh: float | None
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The difference as JSON values."""
        return {
            "channelId": self.channel_id,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "storedKwh": round(self.stored_kwh, 6),
            "totalKwh": None if self.total_kwh is None else round(self.total_kwh, 6),
            "problem": self.problem,
        }

    def as_text(self) -> str:
        """The difference in one line."""
        span = (
            f"channel {self.channel_id}, {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}"
        )
        if self.total_kwh is None:
            return f"{span}: the API gave no total ({self.problem})"
        return (
            f"{span}: {self.stored_kwh:.3f} kWh stored, {self.total_kwh:.3f} kWh by the API "
            f"({self.stored_kwh - self.total_kwh:+.3f})"
        )


@dataclass(frozen=True)
class Reconciliation:
    """How many windows of how many channels were compared, of which days, and those that differ."""

    windows: int
    channels: int
    days: str
    differences: list[Difference]


def reconcile(
    client: EniscopeClient,
    connection: Connection,
    windows: Sequence[PlannedWindow],
    timezone: str,
) -> Reconciliation:
    """Ask for the total of each window and compare it with the stored sum."""
    return Reconciliation(
        windows=len(windows),
        channels=len({window.channel.channel_id for window in windows}),
        days=_days(windows, timezone),
        differences=list(_differences(client, connection, windows)),
    )


def _days(windows: Sequence[PlannedWindow], timezone: str) -> str:
    """The first and the last day that the windows reach, in the site's calendar."""
    if not windows:
        return "no day"
    end = max(one.end for one in windows) - timedelta(microseconds=1)
    first = local_day(min(one.start for one in windows), timezone)
    return f"{first} to {local_day(end, timezone)}"


def _differences(
    client: EniscopeClient, connection: Connection, windows: Sequence[PlannedWindow]
) -> Iterator[Difference]:
    for window in windows:
        channel_id, start, end = window.channel.channel_id, window.start, window.end
        stored_kwh = _stored_kwh(connection, channel_id, start, end)
        try:
            total_kwh = _total_kwh(client, channel_id, start, end)
        except LoginRefused:
            raise
        except EniscopeError as error:
            yield Difference(channel_id, start, end, stored_kwh, None, str(error))
            continue
        difference_kwh = abs(stored_kwh - total_kwh)
        if difference_kwh > max(NOISE_KWH, NOISE_SHARE * abs(total_kwh)):
            yield Difference(channel_id, start, end, stored_kwh, total_kwh)


def _total_kwh(client: EniscopeClient, channel_id: int, start: datetime, end: datetime) -> float:
    """The API's total; 0 where it has nothing."""
    answer = get_total(client, channel_id, ENERGY_CODE, start, end)
    energy_kwh = normalize(answer.records, answer.units).columns.get("energy_kwh")
    return 0.0 if energy_kwh is None else float(np.nansum(energy_kwh))


def _stored_kwh(connection: Connection, channel_id: int, start: datetime, end: datetime) -> float:
    (row,) = fetch_all(
        connection,
        "SELECT coalesce(sum(energy_kwh), 0) AS kwh FROM readings "
        'WHERE channel_id = %s AND "timestamp" >= %s AND "timestamp" < %s',
        (channel_id, start, end),
    )
    return float(row["kwh"])
