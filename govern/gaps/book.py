"""Keep data_gaps: new gaps, grown and shrunk ones, closed and reopened ones.

A gap keeps its number while any of it is missing. Where two gaps have grown together the older one
stays; where readings arrived in the middle of one, the earlier part keeps the number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from govern.gaps.expected import (
    ExpectedSpan,
    Site,
    gap_spans,
    load_expected,
    query,
    was_asked,
)
from govern.gaps.find import Gap, Look, find_gaps
from lib.database import Cursor
from lib.date_utils import Period

# Any number will do that no other lock of Argo uses: one at a time keeps the book.
GAPS_LOCK_KEY = 7_203_003


class BookedGap(NamedTuple):
    """A row of data_gaps."""

    gap_id: int
    channel_id: int
    gap_start: datetime
    gap_end: datetime
    missing_intervals: int
    reason: str
    fillable: bool
    filled_at: datetime | None

    @property
    def is_open(self) -> bool:
        """True until its readings have arrived."""
        return self.filled_at is None

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """True where some time belongs to both."""
        return self.gap_start < end and self.gap_end > start

    def tells(self, gap: Gap) -> bool:
        """True where the row needs no change to describe `gap`."""
        told = (self.gap_start, self.gap_end, self.missing_intervals, self.reason, self.fillable)
        found = (gap.start, gap.end, gap.missing_intervals, gap.reason, gap.fillable)
        return self.is_open and told == found


@dataclass(frozen=True)
class BookChanges:
    """What has to be written so that the book tells what was found."""

    new: list[Gap] = field(default_factory=list)
    changed: list[tuple[BookedGap, Gap]] = field(default_factory=list)
    reopened: list[tuple[BookedGap, Gap]] = field(default_factory=list)
    merged: list[BookedGap] = field(default_factory=list)
    closed: list[BookedGap] = field(default_factory=list)


@dataclass(frozen=True)
class Kept:
    """What keeping the book of one site did: the open gaps of the days, and what changed.

    `channels` is how many should have reported in the days; `asked` is False where nobody ever
    asked for any of them.
    """

    site: Site
    period: Period
    gaps: list[Gap]
    changes: BookChanges
    channels: int
    asked: bool


def keep_book(cursor: Cursor, site: Site, period: Period, now: datetime) -> Kept:
    """Find the gaps of some days and make data_gaps tell them, in the cursor's transaction.

    mv_hourly_usage has to be fresh.
    """
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (GAPS_LOCK_KEY,))
    spans = gap_spans(load_expected(cursor, site), site)
    looks = looks_of(spans, period)
    channels = len(looks)
    while True:
        gaps = find_gaps(cursor, spans, looks)
        booked = _booked(cursor, site, period, looks, gaps)
        wider = widened(looks, gaps, booked)
        if wider == looks:
            break
        looks = wider
    changes = plan_changes(
        gaps, [row for row in booked if _is_looked_at(row, looks, gaps, site, period)]
    )
    _write(cursor, changes, now)
    return Kept(site, period, gaps, changes, channels, was_asked(cursor, site, period))


def looks_of(spans: Sequence[ExpectedSpan], period: Period) -> dict[int, Look]:
    """The part of the days in which each channel should report, by channel id."""
    looks = {
        span.channel_id: Look(
            max(period.start, span.expected_from), min(period.end, span.expected_to)
        )
        for span in spans
    }
    return {channel_id: look for channel_id, look in looks.items() if look.start < look.end}


def widened(
    looks: Mapping[int, Look], gaps: Sequence[Gap], booked: Sequence[BookedGap]
) -> dict[int, Look]:
    """The stretches to look at so that every open gap they touch lies in them whole."""
    wider = dict(looks)
    touched = {
        channel_id: [look, *_extents(channel_id, gaps)] for channel_id, look in looks.items()
    }
    for row in booked:
        if row.is_open and any(row.overlaps(*one) for one in touched.get(row.channel_id, ())):
            look = wider[row.channel_id]
            wider[row.channel_id] = Look(min(look.start, row.gap_start), max(look.end, row.gap_end))
    return wider


def plan_changes(gaps: Sequence[Gap], booked: Sequence[BookedGap]) -> BookChanges:
    """Compare what was found with what is booked of the same stretches of time."""
    changes = BookChanges()
    kept: set[int] = set()
    touched: set[int] = set()
    for gap in sorted(gaps, key=lambda gap: (gap.channel_id, gap.start)):
        rows = [
            row
            for row in booked
            if row.channel_id == gap.channel_id and row.overlaps(gap.start, gap.end)
        ]
        touched |= {row.gap_id for row in rows}
        free = [row for row in rows if row.gap_id not in kept]
        if not free:
            changes.new.append(gap)
            continue
        row = min(free, key=lambda row: (not row.is_open, row.gap_id))
        kept.add(row.gap_id)
        if not row.is_open:
            changes.reopened.append((row, gap))
        elif not row.tells(gap):
            changes.changed.append((row, gap))
    for row in booked:
        if row.gap_id in touched - kept:
            changes.merged.append(row)
        elif row.is_open and row.gap_id not in touched:
            changes.closed.append(row)
    return changes


def _extents(channel_id: int, gaps: Sequence[Gap]) -> list[Look]:
    return [Look(gap.start, gap.end) for gap in gaps if gap.channel_id == channel_id]


def _booked(
    cursor: Cursor,
    site: Site,
    period: Period,
    looks: Mapping[int, Look],
    gaps: Sequence[Gap],
) -> list[BookedGap]:
    extents = [*looks.values(), *(Look(gap.start, gap.end) for gap in gaps)]
    bounds = {
        "start": min([period.start, *(one.start for one in extents)]),
        "end": max([period.end, *(one.end for one in extents)]),
    }
    rows = query(cursor, "gaps/40_booked_gaps", {"site_id": site.site_id, **bounds})
    return [BookedGap(**row) for row in rows]


def _is_looked_at(
    row: BookedGap, looks: Mapping[int, Look], gaps: Sequence[Gap], site: Site, period: Period
) -> bool:
    """True where what was found says whether the booked gap is still there."""
    look = looks.get(row.channel_id)
    if look is None:
        # Nothing is expected of the channel in these days (any more, or until the next sync).
        is_earlier = row.gap_start < site.gaps_until <= period.start
        return row.overlaps(period.start, period.end) and not is_earlier
    is_after = look.end <= row.gap_start < min(period.end, site.complete_until)
    is_before = period.start < row.gap_end <= look.start
    if is_after or is_before:
        return True  # the channel was retired, or installed later than was thought
    return any(row.overlaps(*one) for one in (look, *_extents(row.channel_id, gaps)))


def _write(cursor: Cursor, changes: BookChanges, now: datetime) -> None:
    """Deletes first, so that no two rows ever start at the same instant."""
    gone = [row.gap_id for row in (*changes.merged, *changes.closed)]
    if gone:
        cursor.execute("DELETE FROM estimated_readings WHERE gap_id = ANY(%s)", (gone,))
    if changes.merged:
        merged = [row.gap_id for row in changes.merged]
        cursor.execute("DELETE FROM data_gaps WHERE gap_id = ANY(%s)", (merged,))
    arrivals = _arrivals(cursor, changes.closed)
    for row in changes.closed:
        arrival = arrivals.get(row.gap_id)
        filled_by, filled_at = _closing(arrival, now)
        cursor.execute(
            "UPDATE data_gaps SET filled_at = %s, filled_by = %s WHERE gap_id = %s",
            (filled_at, filled_by, row.gap_id),
        )
    for row, gap in (*changes.changed, *changes.reopened):
        cursor.execute(
            "UPDATE data_gaps SET gap_start = %s, gap_end = %s, missing_intervals = %s, "
            "reason = %s, fillable = %s, filled_at = NULL, filled_by = NULL, "
            "times_reopened = times_reopened + %s WHERE gap_id = %s",
            (*_columns(gap), 0 if row.is_open else 1, row.gap_id),
        )
    for gap in changes.new:
        cursor.execute(
            "INSERT INTO data_gaps (channel_id, gap_start, gap_end, missing_intervals, reason, "
            "fillable, detected_at) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (gap.channel_id, *_columns(gap), now),
        )


def _columns(gap: Gap) -> tuple[Any, ...]:
    return gap.start, gap.end, gap.missing_intervals, gap.reason, gap.fillable


def _arrivals(cursor: Cursor, closed: Sequence[BookedGap]) -> dict[int, dict[str, Any]]:
    parameters = {
        "gap_ids": [row.gap_id for row in closed],
        "channel_ids": [row.channel_id for row in closed],
        "gap_starts": [row.gap_start for row in closed],
        "gap_ends": [row.gap_end for row in closed],
    }
    rows = query(cursor, "gaps/50_arrivals", parameters) if closed else ()
    return {row["gap_id"]: row for row in rows}


def _closing(arrival: Mapping[str, Any] | None, now: datetime) -> tuple[str, datetime]:
    """What closed a gap, and when."""
    if arrival is None:
        return "not expected", now
    run = f"run {arrival['run_id']}" if arrival["run_id"] else "readings"
    return run, arrival["finished_at"] or now
