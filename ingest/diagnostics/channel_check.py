"""What one channel answers: its readings of the last day, its newest one, its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np

from config.sites import SiteConfig
from ingest.diagnostics.observed import ObservedClient
from ingest.eniscope.errors import EniscopeError, LoginRefused
from ingest.eniscope.normalize import MISSING, TIMESTAMP_KEYS, normalize
from ingest.eniscope.resources import (
    Channel,
    channel_type_by_name,
    field_codes_or_usual,
    get_readings,
)
from ingest.pipeline.fetch import WindowLimit, answered_resolution, fetch_window

DAY = timedelta(days=1)
# How far back a channel without a reading of the last day is looked for, hour by hour.
LOOK_BACK = timedelta(days=28)
HOUR_SECONDS = 3600

State = Literal["complete", "incomplete", "silent", "fails", "known to fail", "retired"]


@dataclass(frozen=True)
class ChannelCheck:
    """What a channel answered.

    `expected` and `received` count intervals of `resolution_seconds` in the last day;
    `newest` is the start of the newest interval, None where LOOK_BACK holds none; `http_status`
    is that of the last answer about its readings.
    """

    channel: Channel
    channel_type: str
    device_type: str | None
    state: State
    http_status: int | None
    fields_asked: tuple[str, ...]
    fields_seen: tuple[str, ...] = ()
    resolution_seconds: int | None = None
    expected: int = 0
    received: int = 0
    newest: datetime | None = None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """The check for a JSON document."""
        return {
            "channelId": self.channel.channel_id,
            "channelName": self.channel.name,
            "channelType": self.channel_type,
            "deviceType": self.device_type,
            "displayedPhase": self.channel.displayed_phase,
            "state": self.state,
            "httpStatus": self.http_status,
            "resolutionSeconds": self.resolution_seconds,
            "expected": self.expected,
            "received": self.received,
            "newest": self.newest.isoformat() if self.newest else None,
            "fieldsAsked": list(self.fields_asked),
            "fieldsSeen": list(self.fields_seen),
            "problem": self.problem,
        }


class ChannelChecker:
    """Checks the channels of a site over the day that ends at `end`, several at once.

    `type_names`: names of device types by id, for channels that do not say theirs.
    """

    def __init__(
        self,
        client: ObservedClient,
        config: SiteConfig,
        end: datetime,
        resolution_seconds: int,
        max_parallel: int,
        type_names: Mapping[str, str],
    ) -> None:
        self._type_names = type_names
        self._client = client
        self._config = config
        self._end = end
        self._resolution_seconds = resolution_seconds
        self._max_parallel = max_parallel
        self._limit = WindowLimit()
        self._codes: dict[int | None, tuple[str, ...]] = {}

    def check_all(self, channels: Sequence[Channel]) -> list[ChannelCheck]:
        """Every channel, in the order given. Raises LoginRefused; other failures are findings."""
        for type_id in {channel.device_type_id for channel in channels}:
            self._codes[type_id], _ = field_codes_or_usual(self._client, type_id)
        with ThreadPoolExecutor(self._max_parallel) as pool:
            return list(pool.map(self._check, channels))

    def codes_of(self, channel: Channel) -> tuple[str, ...]:
        """The fields that ingest asks of a channel."""
        return self._codes[channel.device_type_id]

    def _check(self, channel: Channel) -> ChannelCheck:
        try:
            return self._answered(channel)
        except LoginRefused:
            raise
        except EniscopeError as error:
            configured = self._config.channel(channel.channel_id).status
            known = configured in ("unreadable", "retired")
            return self._result(channel, "known to fail" if known else "fails", problem=str(error))

    def _answered(self, channel: Channel) -> ChannelCheck:
        """Ask for the last day at the wanted resolution, else at the finest there is."""
        start, end = self._end - DAY, self._end
        start = max(start, min(channel.installed_at or start, end))
        wanted = self._resolution_seconds
        codes = self.codes_of(channel)
        try:
            window = fetch_window(
                self._client, self._limit, channel.channel_id, codes, start, end, wanted
            )
            if window.problem:
                raise EniscopeError(window.problem)
            records = [record for batch in window.batches for record in batch.raw]
        except EniscopeError:
            coarse = self._limit.coarse_resolution(channel.channel_id)
            if coarse is None:
                raise
            wanted = coarse
            answer = get_readings(self._client, channel.channel_id, codes, start, end, coarse)
            records = answer.records
        times = _start_times(records, start, end)
        expected = _intervals(start, end, wanted)
        # A row with an odd time is not one interval more.
        received = len({(time - start) // timedelta(seconds=wanted) for time in times})
        return self._result(
            channel,
            self._state(channel, received, expected),
            fields_seen=codes_with_values(records),
            resolution_seconds=wanted,
            expected=expected,
            received=received,
            newest=times[-1] if times else self._newest_before(channel, codes),
        )

    def _state(self, channel: Channel, received: int, expected: int) -> State:
        left = channel.uninstalled_at is not None and channel.uninstalled_at < self._end
        if left or self._config.channel(channel.channel_id).status == "retired":
            return "retired"
        if received == 0:
            return "silent"
        return "complete" if received >= expected else "incomplete"

    def _newest_before(self, channel: Channel, codes: Sequence[str]) -> datetime | None:
        """The newest hour with a reading in LOOK_BACK; coarser where the API answers so."""
        start = self._end - LOOK_BACK
        answer = get_readings(
            self._client, channel.channel_id, codes, start, self._end, HOUR_SECONDS
        )
        with_values = [record for record in answer.records if codes_with_values([record])]
        times = _start_times(with_values, start, self._end)
        return times[-1] if times else None

    def _result(self, channel: Channel, state: State, **more: Any) -> ChannelCheck:
        codes = self.codes_of(channel)
        configured = self._config.channel(channel.channel_id).channel_type
        return ChannelCheck(
            channel=channel,
            channel_type=configured or channel_type_by_name(channel, codes),
            device_type=channel.device_type or self._type_names.get(str(channel.device_type_id)),
            state=state,
            http_status=self._client.last_status(f"/readings/{channel.channel_id}"),
            fields_asked=codes,
            **more,
        )


def longest_window(
    client: ObservedClient,
    channel_id: int,
    codes: Sequence[str],
    end: datetime,
    resolution_seconds: int,
) -> timedelta | None:
    """The longest range that is answered at the resolution, in whole days up to 28, else hours.

    None where not even an hour is. Halves the candidates, so about five requests.
    """
    candidates = [timedelta(hours=hours) for hours in (1, 2, 3, 6, 12)]
    candidates += [timedelta(days=days) for days in range(1, 29)]
    fitting, too_long = -1, len(candidates)
    while too_long - fitting > 1:
        middle = (fitting + too_long) // 2
        start = end - candidates[middle]
        if _fits(client, channel_id, codes, start, end, resolution_seconds):
            fitting = middle
        else:
            too_long = middle
    return candidates[fitting] if fitting >= 0 else None


def codes_with_values(records: Sequence[Any]) -> tuple[str, ...]:
    """Codes that hold anything but null in at least one record, in the order they came."""
    return tuple(
        dict.fromkeys(
            code
            for record in records
            if isinstance(record, dict)
            for code, value in record.items()
            if value is not None and code not in TIMESTAMP_KEYS
        )
    )


def _fits(
    client: ObservedClient,
    channel_id: int,
    codes: Sequence[str],
    start: datetime,
    end: datetime,
    resolution_seconds: int,
) -> bool:
    try:
        answer = get_readings(client, channel_id, codes, start, end, resolution_seconds)
    except LoginRefused:
        raise
    except EniscopeError:
        return False
    return answered_resolution(answer, resolution_seconds) == resolution_seconds


def _intervals(start: datetime, end: datetime, seconds: int) -> int:
    """How many intervals start in [start, end)."""
    return -(-int((end - start).total_seconds()) // seconds)


def _start_times(records: Sequence[Any], start: datetime, end: datetime) -> list[datetime]:
    """The distinct starts of intervals in [start, end), in order."""
    stamps = normalize(records, None).timestamp_us
    seconds = np.unique(stamps[stamps != MISSING]) // 1_000_000
    inside = seconds[(seconds >= start.timestamp()) & (seconds < end.timestamp())]
    return [datetime.fromtimestamp(int(second), UTC) for second in inside]
