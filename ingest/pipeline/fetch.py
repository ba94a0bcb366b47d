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

from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import BadRequest, EniscopeError, LoginRefused
from ingest.eniscope.normalize import Batch, normalize
from ingest.eniscope.resources import ReadingsAnswer, get_readings
from ingest.pipeline.spacing import interval_length

LONGEST_WINDOW = timedelta(days=28)
# Keeps a run's memory flat however short the intervals are: several windows are held at once.
LONGEST_WINDOW_INTERVALS = 4 * 1440
SHORTEST_WINDOW = timedelta(hours=1)


def longest_window(interval_seconds: int) -> timedelta:
    """The longest window to ask for at once."""
    return min(LONGEST_WINDOW, timedelta(seconds=interval_seconds * LONGEST_WINDOW_INTERVALS))


class WrongResolution(EniscopeError):
    """However short the window, the answer is not at the resolution asked for."""


class _TooLong(Exception):
    """The range is too long for the resolution; `is_told`: by the API, not by its rows alone."""

    def __init__(self, *, is_told: bool) -> None:
        super().__init__()
        self.is_told = is_told


class WindowLimit:
    """The longest window that the API answers at the resolution asked; learned, thread-safe.

    What the API says (a resolution, a refusal) holds for every channel; what only the rows of a
    channel look like holds for that channel.
    """

    def __init__(self, longest: timedelta = LONGEST_WINDOW) -> None:
        self._longest = longest
        self._lock = threading.Lock()
        self._longest_of: dict[int, timedelta] = {}
        self._spacing_of: dict[int, int] = {}
        self._coarse_channels: dict[int, int] = {}

    def longest(self, channel_id: int) -> timedelta:
        """The longest window worth asking for of a channel."""
        return min(self._longest, self._longest_of.get(channel_id, self._longest))

    def fitted_after_halving(self, channel_id: int, length: timedelta, *, is_told: bool) -> None:
        """Remember a length that fitted where twice as much did not."""
        with self._lock:
            length = min(self.longest(channel_id), max(length, SHORTEST_WINDOW))
            if is_told:
                self._longest = min(self._longest, length)
            else:
                self._longest_of[channel_id] = length

    def note_spacing(self, channel_id: int, seconds: int) -> None:
        """Remember how far the rows of a channel lie apart whose answers do not say it."""
        with self._lock:
            self._spacing_of[channel_id] = seconds

    def noted_spacing(self, channel_id: int) -> int | None:
        """How far the channel's rows lay apart the last time that could be seen."""
        return self._spacing_of.get(channel_id)

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

    def note_problem(self, words: str) -> None:
        """Add to what is missing, in one line."""
        self.problem = words if self.problem is None else f"{self.problem}; {words}"


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

    A piece that fails costs no other, but two in a row end the window. Raises EniscopeError when
    nothing of it could be had, or its first piece fails.
    """
    window = FetchedWindow()
    requests_before = client.requests_of_this_thread()
    pieces = [_Piece(start, end)]
    failed_in_a_row = 0
    while pieces and failed_in_a_row < 2:
        piece = pieces.pop(0)
        longest = limit.longest(channel_id)
        if piece.length > longest:
            pieces[:0] = piece.parts(longest, resolution_seconds)
            continue
        try:
            batch = _fitting_answer(
                client, limit, channel_id, codes, piece, resolution_seconds, window
            )
        except _TooLong as refusal:
            pieces[:0] = piece.halves(resolution_seconds, refusal)
        except LoginRefused:
            raise
        except EniscopeError as error:
            error.requests = client.requests_of_this_thread() - requests_before
            if not window.batches:
                raise
            failed_in_a_row += 1
            window.note_problem(f"{piece.start:%Y-%m-%d %H:%M%z}: {error}")
        else:
            failed_in_a_row = 0
            if piece.was_refused_whole is not None:
                limit.fitted_after_halving(
                    channel_id, piece.length, is_told=piece.was_refused_whole.is_told
                )
            window.batches.append(_without_neighbours(batch, piece, start, end))
    if pieces:
        window.note_problem(f"nothing was asked from {pieces[0].start:%Y-%m-%d %H:%M%z}")
    window.requests = client.requests_of_this_thread() - requests_before
    return window


def _without_neighbours(batch: Batch, piece: _Piece, start: datetime, end: datetime) -> Batch:
    """An answer without the rows of the window's other pieces, which bring their own."""
    times = batch.timestamp_us
    in_window = (times >= _us(start)) & (times < _us(end))
    in_piece = (times >= _us(piece.start)) & (times < _us(piece.end))
    return batch.only(in_piece | ~in_window)


@dataclass(frozen=True)
class _Piece:
    """A part of a window; `was_refused_whole`: why twice its length was too long."""

    start: datetime
    end: datetime
    was_refused_whole: _TooLong | None = None

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def halves(self, resolution_seconds: int, refusal: _TooLong) -> list[_Piece]:
        """Two pieces that meet on an interval boundary, after the whole was refused."""
        half = _whole_intervals(self.length / 2, resolution_seconds)
        middle = self.start + half
        return [_Piece(self.start, middle, refusal), _Piece(middle, self.end, refusal)]

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
    window: FetchedWindow,
) -> Batch:
    """The answer at the resolution asked. Raises _TooLong when the piece is too long for it."""
    known_seconds = limit.coarse_resolution(channel_id)
    if known_seconds is not None:
        raise _coarser(channel_id, known_seconds, resolution_seconds)
    is_shortest = piece.length <= max(SHORTEST_WINDOW, timedelta(seconds=resolution_seconds))
    try:
        answer = get_readings(client, channel_id, codes, piece.start, piece.end, resolution_seconds)
    except BadRequest:
        # Some versions refuse a range that is too long with the same status as plain nonsense.
        if is_shortest:
            raise
        raise _TooLong(is_told=True) from None
    started = time.perf_counter()
    batch = normalize(answer.records, answer.units)
    window.parse_seconds += time.perf_counter() - started
    got_seconds = answer.resolution
    if got_seconds is None:
        noted_seconds = limit.noted_spacing(channel_id)
        got_seconds = interval_length(batch, resolution_seconds, noted_seconds)
        if len(batch) > 1:
            limit.note_spacing(channel_id, got_seconds)
    if got_seconds == resolution_seconds:
        return batch
    if got_seconds < resolution_seconds:
        raise WrongResolution(
            f"channel {channel_id}: asked for {resolution_seconds} s, got {got_seconds} s"
        )
    if is_shortest:
        limit.note_coarse(channel_id, got_seconds)
        raise _coarser(channel_id, got_seconds, resolution_seconds)
    raise _TooLong(is_told=answer.resolution is not None)


def answered_resolution(answer: ReadingsAnswer, asked_seconds: int) -> int:
    """What the answer says; where it says nothing, what its rows look like."""
    if answer.resolution is not None:
        return answer.resolution
    return interval_length(normalize(answer.records, answer.units), asked_seconds)


def _coarser(channel_id: int, got_seconds: int, asked_seconds: int) -> WrongResolution:
    return WrongResolution(
        f"channel {channel_id} has nothing finer than {got_seconds} s (asked: {asked_seconds} s); "
        f"set ENISCOPE_RESOLUTION={got_seconds}"
    )


def _us(instant: datetime) -> int:
    return int(instant.timestamp()) * 1_000_000
