"""What a backfill would do, and what it did: as documents for --json and as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from govern.detect_data_gaps import REASONS
from ingest.historical_ingestion import POINTS_PER_ANSWER
from lib.date_utils import zone
from operations.backfill.plan import AskedWindow, OpenGap, Selection, windows_of
from operations.backfill.run import SiteBackfill


def plan_document(
    site_id: str, timezone: str, selection: Selection, *, dry_run: bool
) -> dict[str, Any]:
    """What would be asked for; `requests` is an estimate for the live API, without metadata."""
    windows = windows_of(selection.due)
    return {
        "site": site_id,
        "timezone": timezone,
        **_selection_figures(selection, timezone),
        "dryRun": dry_run,
        "requests": sum(-(-window.intervals // POINTS_PER_ANSWER) for window in windows),
        "windows": [_window_document(window, timezone) for window in windows],
    }


def done_document(done: SiteBackfill) -> dict[str, Any]:
    """What was asked, what came, and which days have to be validated again."""
    asked = done.asked
    return {
        "site": done.site_id,
        "timezone": done.timezone,
        **_selection_figures(done.selection, done.timezone),
        "dryRun": False,
        "runIds": asked.run_ids,
        "windows": asked.windows,
        "requests": asked.requests,
        "inserted": asked.inserted,
        "filled": [_gap_document(gap, done.timezone) for gap in done.filled],
        "apiHasNothing": [_gap_document(gap, done.timezone) for gap in done.empty],
        "stillOpen": [_gap_document(gap, done.timezone) for gap in done.open],
        "windowsLeft": len(asked.left),
        "failedChannels": {str(key): words for key, words in asked.problems.items()},
        "daysToValidate": [
            {"start": str(period.first_day), "end": str(period.last_day)}
            for period in done.days_with_new_readings()
        ],
    }


def plan_lines(plan: dict[str, Any]) -> Iterator[str]:
    """A plan in words."""
    yield f"site {plan['site']}: {_due_words(plan)}"
    if plan["windows"]:
        yield (
            f"{len(plan['windows'])} windows in about {plan['requests']} requests "
            f"(an estimate: {POINTS_PER_ANSWER} readings each), the newest first:"
        )
    for window in plan["windows"]:
        yield (
            f"  {window['channelName']} ({window['channelId']}) "
            f"{_minute(window['start'])} to {_minute(window['end'])}"
        )


def done_lines(done: dict[str, Any]) -> Iterator[str]:
    """A finished backfill in words, and what to run next."""
    site = done["site"]
    yield f"site {site}: {_due_words(done)}"
    yield (
        f"{done['windows']} windows, {done['requests']} requests, {done['inserted']:,} new "
        f"readings: {len(done['filled'])} gaps filled, the API has nothing for "
        f"{len(done['apiHasNothing'])}, {len(done['stillOpen'])} still open"
    )
    for gap in done["apiHasNothing"]:
        yield f"  {_gap_words(gap)}: {REASONS[gap['reason']]}; not asked again"
    if done["windowsLeft"]:
        yield f"the time was up: {done['windowsLeft']} windows are left; run it again"
    for channel_id, words in done["failedChannels"].items():
        yield f"channel {channel_id}: {words}"
    for days in done["daysToValidate"]:
        yield (
            "next: npm run py:govern:validate -- "
            f"--site {site} --start {days['start']} --end {days['end']}"
        )
    if done["daysToValidate"]:
        yield "until then these days are blocked; reports that hold them have to be made again"


def _due_words(document: dict[str, Any]) -> str:
    words = [f"{document['due']} open gaps to ask for"]
    if document["waiting"]:
        words.append(
            f"{document['waiting']} were asked for lately (the next is due "
            f"{_minute(document['nextDueAt'])})"
        )
    if document["unfillable"]:
        words.append(f"{document['unfillable']} that asking does not fill")
    return ", ".join(words)


def _selection_figures(selection: Selection, timezone: str) -> dict[str, Any]:
    next_due_at = selection.next_due_at()
    return {
        "due": len(selection.due),
        "waiting": len(selection.waiting),
        "nextDueAt": None if next_due_at is None else _local(next_due_at, timezone),
        "unfillable": len(selection.unfillable),
    }


def _window_document(window: AskedWindow, timezone: str) -> dict[str, Any]:
    return {
        "channelId": window.channel_id,
        "channelName": window.channel_name,
        "start": _local(window.start, timezone),
        "end": _local(window.end, timezone),
        "intervals": window.intervals,
    }


def _gap_document(gap: OpenGap, timezone: str) -> dict[str, Any]:
    return {
        "gapId": gap.gap_id,
        "channelId": gap.channel_id,
        "channelName": gap.channel_name,
        "start": _local(gap.start, timezone),
        "end": _local(gap.end, timezone),
        "missingIntervals": gap.missing_intervals,
        "reason": gap.reason,
        "fillable": gap.fillable,
    }


def _gap_words(gap: dict[str, Any]) -> str:
    return (
        f"{gap['channelName']} ({gap['channelId']}) {_minute(gap['start'])} to "
        f"{_minute(gap['end'])}, {gap['missingIntervals']:,} intervals"
    )


def _local(instant: datetime, timezone: str) -> str:
    return instant.astimezone(zone(timezone)).isoformat()


def _minute(text: str) -> str:
    return text[:16].replace("T", " ")
