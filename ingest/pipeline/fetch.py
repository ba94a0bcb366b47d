"""Fetch one window of one channel, in as few requests as the API's resolution allows.

The API answers a long range at a coarser resolution than asked. Such an answer is never used: the
window is halved until it fits, and what fitted is remembered for the rest of the run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import BadRequest, EniscopeError, LoginRefused
from ingest.eniscope.normalize import MISSING, Batch, normalize
from ingest.eniscope.resources import ReadingsAnswer, get_readings

LONGEST_WINDOW = timedelta(days=28)
SHORTEST_WINDOW = timedelta(hours=1)


class WrongResolution(EniscopeError):
    """However short the window, the answer is not at the resolution asked for."""


class WindowLimit:
    """The longest window that the API answers at the resolution asked; learned, thread-safe."""

    def __init__(self, longest: timedelta = LONGEST_WINDOW) -> None:
        self._longest = longest
        self._lock = threading.Lock()
        self._coarse_channels: dict[int, int] = {}

    @property
    def longest(self) -> timedelta:
        """The longest window worth asking for."""
        return self._longest

    def fitted_after_halving(self, length: timedelta) -> None:
        """Remember a length that fitted where twice as much did not."""
        with self._lock:
            self._longest = min(self._longest, max(length, SHORTEST_WINDOW))

    def note_coarse(self, channel_id: int, resolution_seconds: int) -> None:
        """Remember a channel that has nothing finer than this."""
        with self._lock:
            self._coarse_channels[channel_id] = resolution_seconds

    def coarse_resolution(self, channel_id: int) -> int | None:
        """The resolution of a channel that has nothing finer; None where that is not known."""
        return self._coarse_channels.get(channel_id)


@dataclass
class FetchedWindow:
    """What came for a window; `problem` says why a part of it is missing.

    `parse_seconds` is the time it took to turn answers into columns, in the fetching thread.
    """

    batches: list[Batch] = field(default_factory=list)
    requests: int = 0
    problem: str | None = None
    parse_seconds: float = 0.0


def fetch_window(
    client: EniscopeClient,
    limit: WindowLimit,
    channel_id: int,
    codes: Sequence[str],
    start: datetime,
    end: datetime,
    resolution_seconds: int,
) -> FetchedWindow:
    """All records of [start, end), or as much as could be had, with the problem in words.

    Raises EniscopeError when nothing of it could be had.
    """
    window = FetchedWindow()
    pieces = [_Piece(start, end)]
    while pieces:
        piece = pieces.pop(0)
        if piece.length > limit.longest:
            pieces[:0] = piece.parts(limit.longest, resolution_seconds)
            continue
        try:
            window.requests += 1
            answer = _fitting_answer(client, limit, channel_id, codes, piece, resolution_seconds)
        except LoginRefused:
            raise
        except EniscopeError as error:
            error.requests = window.requests
            if not window.batches:
                raise
            window.problem = str(error)
            return window
        if answer is None:
            pieces[:0] = piece.halves(resolution_seconds)
            continue
        if piece.was_refused_whole:
            limit.fitted_after_halving(piece.length)
        started = time.perf_counter()
        window.batches.append(normalize(answer.records, answer.units))
        window.parse_seconds += time.perf_counter() - started
    return window


@dataclass(frozen=True)
class _Piece:
    """A part of a window; `was_refused_whole`: twice its length was too long for the API."""

    start: datetime
    end: datetime
    was_refused_whole: bool = False

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def halves(self, resolution_seconds: int) -> list[_Piece]:
        """Two pieces that meet on an interval boundary, after the whole was refused."""
        half = _whole_intervals(self.length / 2, resolution_seconds)
        middle = self.start + half
        return [_Piece(self.start, middle, True), _Piece(middle, self.end, True)]

    def parts(self, longest: timedelta, resolution_seconds: int) -> list[_Piece]:
        """As few equal pieces as fit into `longest`; nobody has refused them."""
        step = _whole_intervals(self.length / -(-self.length // longest), resolution_seconds)
        step = max(step, timedelta(seconds=resolution_seconds))
        starts = [self.start]
        while self.end - starts[-1] > longest:
            starts.append(starts[-1] + step)
        return [
            _Piece(start, end) for start, end in zip(starts, [*starts[1:], self.end], strict=True)
        ]


def _whole_intervals(length: timedelta, resolution_seconds: int) -> timedelta:
    """The length, rounded down to whole intervals."""
    return timedelta(seconds=length.total_seconds() // resolution_seconds * resolution_seconds)


def _fitting_answer(
    client: EniscopeClient,
    limit: WindowLimit,
    channel_id: int,
    codes: Sequence[str],
    piece: _Piece,
    resolution_seconds: int,
) -> ReadingsAnswer | None:
    """The answer at the resolution asked; None when the piece is too long for it."""
    known_seconds = limit.coarse_resolution(channel_id)
    if known_seconds is not None:
        raise _coarser(channel_id, known_seconds, resolution_seconds)
    try:
        answer = get_readings(client, channel_id, codes, piece.start, piece.end, resolution_seconds)
    except BadRequest:
        # Some versions refuse a range that is too long with the same status as plain nonsense.
        if piece.length <= timedelta(days=1):
            raise
        return None
    got_seconds = answered_resolution(answer, resolution_seconds)
    if got_seconds == resolution_seconds:
        return answer
    if got_seconds < resolution_seconds:
        raise WrongResolution(
            f"channel {channel_id}: asked for {resolution_seconds} s, got {got_seconds} s"
        )
    if piece.length <= max(SHORTEST_WINDOW, timedelta(seconds=resolution_seconds)):
        limit.note_coarse(channel_id, got_seconds)
        raise _coarser(channel_id, got_seconds, resolution_seconds)
    return None


def answered_resolution(answer: ReadingsAnswer, asked_seconds: int) -> int:
    """What the answer says; where it says nothing, what was asked, unless its rows lie wider."""
    if answer.resolution is not None:
        return answer.resolution
    timestamps = normalize(answer.records, None).timestamp_us
    steps = np.diff(np.unique(timestamps[timestamps != MISSING]))
    if len(steps) < 2:
        return asked_seconds
    # A gap widens a few steps and a stray row narrows a few: most of them tell.
    usual_seconds = int(np.median(steps) // 1_000_000)
    narrowest_seconds = int(steps.min() // 1_000_000)
    return usual_seconds if usual_seconds < asked_seconds else max(narrowest_seconds, asked_seconds)


def _coarser(channel_id: int, got_seconds: int, asked_seconds: int) -> WrongResolution:
    return WrongResolution(
        f"channel {channel_id} has nothing finer than {got_seconds} s (asked: {asked_seconds} s); "
        f"set ENISCOPE_RESOLUTION={got_seconds}"
    )
