"""Which gaps are asked for again, when, and in which windows; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from ingest.pipeline.fetch import longest_window
from ingest.pipeline.job import LONGEST_BREAK
from ingest.store.coverage import Span, joined
from lib.date_utils import Period, local_day

# An attempt in vain is repeated after an hour, then after twice as long each time ...
FIRST_WAIT = timedelta(hours=1)
# ... but weekly at the least, as a channel that only ever answered errors is tried again.
LONGEST_WAIT = timedelta(days=7)
# The 9th wait would be longer than the longest.
LONGEST_DOUBLING = 8


@dataclass(frozen=True)
class OpenGap:
    """A row of data_gaps whose readings have not arrived; `end` is exclusive.

    `tries` are the attempts of ingestion that asked the API for some of it, `last_try` is when the
    newest of them began.
    """

    gap_id: int
    channel_id: int
    channel_name: str
    start: datetime
    end: datetime
    missing_intervals: int
    interval_seconds: int
    reason: str
    fillable: bool
    tries: int
    last_try: datetime | None

    @property
    def span(self) -> Span:
        """From its start to its end."""
        return self.start, self.end

    def due_at(self) -> datetime | None:
        """When it is asked for again; None: at once."""
        if self.last_try is None:
            return None
        doubled = FIRST_WAIT * 2 ** min(self.tries - 1, LONGEST_DOUBLING)
        return self.last_try + min(doubled, LONGEST_WAIT)


@dataclass(frozen=True)
class Selection:
    """Open gaps of a site: those to ask for, those that wait, and those that nothing would fill."""

    due: tuple[OpenGap, ...] = ()
    waiting: tuple[OpenGap, ...] = ()
    unfillable: tuple[OpenGap, ...] = ()

    def next_due_at(self) -> datetime | None:
        """When the first of those that wait is due."""
        return min((at for gap in self.waiting if (at := gap.due_at())), default=None)


@dataclass(frozen=True)
class AskedWindow:
    """A stretch of one channel to ask for, which holds one gap or several."""

    channel_id: int
    channel_name: str
    start: datetime
    end: datetime
    interval_seconds: int

    @property
    def intervals(self) -> int:
        """How many intervals it spans."""
        return int((self.end - self.start).total_seconds()) // self.interval_seconds


def select(gaps: Iterable[OpenGap], now: datetime, *, by_name: bool) -> Selection:
    """Sort open gaps by whether they are asked for now.

    Days named by a person (`by_name`) are always asked again, whatever was tried before.
    """
    due, waiting, unfillable = [], [], []
    for gap in gaps:
        due_at = gap.due_at()
        if by_name or (gap.fillable and (due_at is None or due_at <= now)):
            due.append(gap)
        elif gap.fillable:
            waiting.append(gap)
        else:
            unfillable.append(gap)
    return Selection(tuple(due), tuple(waiting), tuple(unfillable))


def windows_of(gaps: Sequence[OpenGap]) -> list[AskedWindow]:
    """The fewest windows that hold the gaps, the newest first.

    As in ingest, gaps of a channel no more than a day apart are asked for at once, and no window
    is longer than ingest's longest.
    """
    windows = []
    ordered = sorted(gaps, key=lambda gap: (gap.interval_seconds, gap.channel_id, gap.start))
    groups = groupby(ordered, key=lambda gap: (gap.interval_seconds, gap.channel_id))
    for (interval_seconds, channel_id), grouped in groups:
        of_channel = list(grouped)
        name, longest = of_channel[0].channel_name, longest_window(interval_seconds)
        for start, end in joined([gap.span for gap in of_channel], LONGEST_BREAK):
            while start < end:
                stop = min(start + longest, end)
                windows.append(AskedWindow(channel_id, name, start, stop, interval_seconds))
                start = stop
    return sorted(windows, key=lambda one: (one.end, one.start, one.channel_id), reverse=True)


def batches(windows: Sequence[AskedWindow], size: int | None) -> list[list[AskedWindow]]:
    """The windows in runs of one interval length each, of at most `size` (None: any number)."""
    found: list[list[AskedWindow]] = []
    lengths = sorted({one.interval_seconds for one in windows})
    for length in lengths:
        of_length = [one for one in windows if one.interval_seconds == length]
        step = size or len(of_length)
        found += [of_length[first : first + step] for first in range(0, len(of_length), step)]
    return found


def periods_of(spans: Iterable[Span], timezone: str) -> list[Period]:
    """The local days that the spans touch, neighbouring ones together, oldest first."""
    periods: list[Period] = []
    for start, end in joined(sorted(spans), timedelta()):
        first = local_day(start, timezone)
        last = local_day(end - timedelta(microseconds=1), timezone)
        if periods and first <= periods[-1].last_day + timedelta(days=1):
            periods[-1] = periods[-1]._replace(last_day=max(last, periods[-1].last_day))
        else:
            periods.append(Period(first, last, timezone))
    return periods
