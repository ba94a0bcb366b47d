"""Find the gaps in what a site's channels should have reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from config.settings import get_settings
from govern.gaps.expected import ExpectedSpan, query
from govern.gaps.reason import Attempt, Refusals, Stretch, judge, site_silence
from lib.database import Cursor


@dataclass(frozen=True)
class Gap:
    """Whole intervals of a channel that are not stored; `end` is exclusive."""

    channel_id: int
    channel_name: str
    start: datetime
    end: datetime
    missing_intervals: int
    reason: str = "unknown"
    fillable: bool = True

    @property
    def hours(self) -> float:
        """Length [h]."""
        return (self.end - self.start).total_seconds() / 3600


class Look(NamedTuple):
    """The stretch of a channel's time that is looked at."""

    start: datetime
    end: datetime


def find_gaps(
    cursor: Cursor, spans: Sequence[ExpectedSpan], looks: Mapping[int, Look]
) -> list[Gap]:
    """Every gap that overlaps the stretch looked at of its channel, with its likely reason.

    A gap is given whole: from the last reading before it to the first one after it, also where
    these lie outside of the stretch looked at. mv_hourly_usage has to be fresh.

    Parameters
    ----------
    spans : when each channel should report; channels without a look are left out.
    looks : by channel id.
    """
    looked_at = [span for span in spans if span.channel_id in looks]
    if not looked_at:
        return []
    by_channel = {span.channel_id: span for span in looked_at}
    stretches = query(
        cursor,
        "gaps/20_uncovered_stretches",
        {
            "channel_ids": [span.channel_id for span in looked_at],
            "span_starts": [looks[span.channel_id].start for span in looked_at],
            "span_ends": [looks[span.channel_id].end for span in looked_at],
            "expected_from": [span.expected_from for span in looked_at],
            "expected_to": [span.expected_to for span in looked_at],
        },
    )
    gaps = [
        gap
        for row in stretches
        if (gap := whole_intervals(row, by_channel[row["channel_id"]])) is not None
    ]
    return _with_reasons(cursor, gaps, spans)


def whole_intervals(stretch: Mapping[str, Any], span: ExpectedSpan) -> Gap | None:
    """The gap that an uncovered stretch of time is; None where no whole interval fits into it.

    Where no reading bounds it, it is cut to whole intervals counted from the side that one does.
    """
    start, end = stretch["stretch_start"], stretch["stretch_end"]
    lengths = [
        seconds for seconds in (stretch["interval_before"], stretch["interval_after"]) if seconds
    ]
    interval = timedelta(seconds=min(lengths, default=span.interval_seconds))
    missing = (end - start) // interval
    if missing == 0:
        return None
    if stretch["interval_after"] is None:
        end = start + missing * interval
    elif stretch["interval_before"] is None:
        start = end - missing * interval
    return Gap(span.channel_id, span.channel_name, start, end, missing)


def _with_reasons(cursor: Cursor, gaps: Sequence[Gap], spans: Sequence[ExpectedSpan]) -> list[Gap]:
    if not gaps:
        return []
    parameters = {
        "numbers": list(range(len(gaps))),
        "channel_ids": [gap.channel_id for gap in gaps],
        "gap_starts": [gap.start for gap in gaps],
        "gap_ends": [gap.end for gap in gaps],
        "settle_seconds": get_settings().eniscope_settle_seconds,
    }
    attempts: dict[int, list[Attempt]] = {}
    for row in query(cursor, "gaps/30_attempts", parameters):
        attempts.setdefault(row.pop("number"), []).append(Attempt(**row))
    refusals = {
        row.pop("number"): Refusals(**row) for row in query(cursor, "gaps/31_refusals", parameters)
    }
    silence = site_silence(_stretches(gaps), [(s.expected_from, s.expected_to) for s in spans])
    found = []
    for number, gap in enumerate(gaps):
        reason, fillable = judge(
            Stretch(gap.start, gap.end),
            gap.missing_intervals,
            attempts.get(number, []),
            refusals[number],
            silence,
        )
        found.append(replace(gap, reason=reason, fillable=fillable))
    return found


def _stretches(gaps: Iterable[Gap]) -> list[Stretch]:
    return [Stretch(gap.start, gap.end) for gap in gaps]
