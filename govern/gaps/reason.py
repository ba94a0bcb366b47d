"""Why a gap is there, guessed from what ingestion wrote down about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Reason = Literal["api_failed", "channel_silent", "site_offline", "rejected", "unknown"]

# A gap has the reason that explains at least so much of it.
MOST = 0.5
# A device that was cut off sends what it kept when it is back; two days later it has done so.
LAST_CHANCE = timedelta(days=2)


class Stretch(NamedTuple):
    """A stretch of time, end exclusive."""

    start: datetime
    end: datetime


class Attempt(NamedTuple):
    """A finished attempt of ingestion, and the time that it asked for."""

    status: str
    asked_from: datetime
    asked_until: datetime
    started_at: datetime


class Refusals(NamedTuple):
    """Refused readings: with a time inside of the gap, and without any usable time."""

    located: int
    unlocated: int


def judge(
    gap: Stretch,
    missing_intervals: int,
    attempts: Sequence[Attempt],
    refusals: Refusals,
    silence: Sequence[Stretch],
) -> tuple[Reason, bool]:
    """The likely reason of a gap, and whether asking again may fill it.

    In this order: `rejected`, where refused readings make up at least half of what is missing;
    `api_failed`, where less than half of it was ever answered and an attempt failed; `unknown`,
    where less than half was answered and none failed (nobody asked); `site_offline`, where no
    channel of the site reported for at least half of it; else `channel_silent`.

    Parameters
    ----------
    attempts : those that overlap the gap, oldest first.
    silence : when no channel of the site reported (see `site_silence`).
    """
    answered = [one for one in attempts if one.status in ("success", "empty")]
    # Readings without a usable time explain a gap only when there are enough for all of it.
    if refusals.located >= MOST * missing_intervals or refusals.unlocated >= missing_intervals:
        return "rejected", False
    if share((Stretch(one.asked_from, one.asked_until) for one in answered), gap) < MOST:
        failed = any(one.status in ("failed", "partial") for one in attempts)
        return ("api_failed" if failed else "unknown"), True
    # Windows may meet inside of a gap: what counts is what they cover together.
    late = (
        Stretch(one.asked_from, one.asked_until)
        for one in answered
        if one.started_at >= gap.end + LAST_CHANCE
    )
    reason: Reason = "site_offline" if share(silence, gap) >= MOST else "channel_silent"
    return reason, share(late, gap) < 1


def share(parts: Iterable[Stretch], whole: Stretch) -> float:
    """How much of a stretch the parts cover together, 0..1; they may overlap."""
    covered = timedelta()
    reached = whole.start
    for part in sorted(parts):
        start, end = max(part.start, reached), min(part.end, whole.end)
        if start < end:
            covered += end - start
            reached = end
    return covered / (whole.end - whole.start)


def site_silence(
    gaps: Sequence[Stretch], expected: Sequence[tuple[datetime, datetime]]
) -> list[Stretch]:
    """When every channel that should report had a gap, and there were at least two such channels.

    Parameters
    ----------
    gaps : of all channels of a site; those of one channel do not overlap.
    expected : from when to when each channel should report.
    """
    # At one instant ends come before starts, so that a stretch of no length is never silent.
    changes = sorted(
        [(gap.end, 0, -1, 0) for gap in gaps]
        + [(gap.start, 1, 1, 0) for gap in gaps]
        + [(end, 0, 0, -1) for _, end in expected]
        + [(start, 1, 0, 1) for start, _ in expected]
    )
    found: list[Stretch] = []
    silent = channels = 0
    since: datetime | None = None
    for at, _, gap_step, channel_step in changes:
        silent, channels = silent + gap_step, channels + channel_step
        is_silent = channels >= 2 and silent >= channels
        if is_silent and since is None:
            since = at
        elif not is_silent and since is not None:
            if since < at:
                found.append(Stretch(since, at))
            since = None
    return found
