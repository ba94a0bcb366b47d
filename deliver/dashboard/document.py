"""The quality board as one JSON document; the page is made from this document and nothing else.

Times are ISO 8601 on each site's own clock, days are days of its own calendar.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from analyze.quality_board.board import (
    CALENDAR_DAYS,
    Alert,
    ChannelDay,
    ChannelQuality,
    Gap,
    QualityBoard,
    Run,
    SiteQuality,
    ValidatedDay,
    by_attention,
)
from deliver.forms.formats import forward, isolated
from lib.date_utils import zone

DASHBOARD_VERSION = "1.0"
# A run of these counts as in order; `empty` means that the API had nothing new.
GOOD_RUNS = ("success", "empty", "running")


def dashboard_document(board: QualityBoard) -> dict[str, Any]:
    """The dashboard's document: `metadata`, `summary` over all sites, and each site.

    Same board, same document. A calendar holds one completeness [%] per day, oldest first, null
    where nothing was due. `alerts` is null where the database shows no book of alerts.
    """
    return {
        "metadata": {
            "generatedAt": board.generated_at.isoformat(timespec="seconds"),
            "dashboardVersion": DASHBOARD_VERSION,
            "days": CALENDAR_DAYS,
        },
        "summary": _summary(board),
        "sites": [_site(site) for site in board.sites],
    }


def document_bytes(document: dict[str, Any]) -> bytes:
    """The document as it is written: indented, with a line feed at the end."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _summary(board: QualityBoard) -> dict[str, Any]:
    sites = board.sites
    health = Counter(channel.health for site in sites for channel in site.channels)
    reasons = Counter[str]()
    for rejected in (one for site in sites for one in site.rejects):
        reasons[rejected.reason] += rejected.rejected
    known = [site.alerts for site in sites if site.alerts is not None]
    return {
        "headline": _headline(sites),
        "sites": len(sites),
        "sitesNotHealthy": sum(site.health != "healthy" for site in sites),
        "channels": sum(health.values()),
        "channelsHealthy": health["healthy"],
        "channelsWarning": health["warning"],
        "channelsCritical": health["critical"],
        "channelsInactive": health["inactive"],
        "completenessPct": board.completeness_pct,
        "openGaps": sum(site.open_gaps for site in sites),
        "missingReadings": sum(gap.missing_intervals for site in sites for gap in site.gaps),
        "rejectedByReason": [
            {"reason": reason, "count": count} for reason, count in reasons.most_common()
        ],
        "closedDays": sum(len(site.closed_days) for site in sites),
        "validatedDays": sum(len(site.validation) for site in sites),
        "openAlerts": sum(alert.state != "resolved" for alerts in known for alert in alerts)
        if known
        else None,
    }


def _headline(sites: tuple[SiteQuality, ...]) -> str:
    """What a person has to know first, in one sentence."""
    if not sites:
        return "No site is stored in this database yet"
    behind = sum(site.channels_in("warning", "critical") for site in sites)
    closed = sum(len(site.closed_days) for site in sites)
    troubled = sum(site.health != "healthy" for site in sites)
    facts = []
    if behind:
        facts.append(f"{behind} channel{'s are' if behind > 1 else ' is'} behind")
    if closed:
        facts.append(f"{closed} day{'s are' if closed > 1 else ' is'} blocked")
    if len(sites) == 1:
        (site,) = sites
        state = "is healthy" if site.health == "healthy" else "needs attention"
        subject = f"{isolated(forward(site.site_name))} {state}"
    elif troubled:
        subject = f"{troubled} of {len(sites)} sites need{'s' if troubled == 1 else ''} attention"
    else:
        subject = f"All {len(sites)} sites are healthy"
    return f"{subject}: {' and '.join(facts)}" if facts else subject


def _site(site: SiteQuality) -> dict[str, Any]:
    clock = zone(site.timezone)
    gaps = Counter(gap.channel_id for gap in site.gaps)
    return {
        "id": site.site_id,
        "name": site.site_name,
        "timezone": site.timezone,
        "health": site.health,
        "firstDay": _day(site.first_day),
        "lastDay": _day(site.last_day),
        "lastRunAt": _local(site.last_run_at, clock),
        "lastRunStatus": site.last_run_status,
        "completenessPct": site.completeness_pct,
        "channelsHealthy": site.channels_in("healthy"),
        "channelsExpected": len(site.channels) - site.channels_in("inactive"),
        "openGaps": site.open_gaps,
        "closedDays": len(site.closed_days),
        "channels": [
            _channel(channel, site, gaps[channel.channel_id], clock)
            for channel in by_attention(site)
        ],
        "gaps": [_gap(gap, clock) for gap in site.gaps],
        "rejected": [
            {
                "channelId": one.channel_id,
                "channelName": one.channel_name,
                "scope": one.scope,
                "reason": one.reason,
                "count": one.rejected,
                "firstDay": _day(one.first_day),
                "lastDay": _day(one.last_day),
            }
            for one in site.rejects
        ],
        "conflicts": _conflicts(site),
        "validationCalendar": _validation_calendar(site),
        "validation": list(_validations(site.validation, clock)),
        "runs": [_run(run, clock) for run in site.runs],
        "alerts": None if site.alerts is None else [_alert(one, clock) for one in site.alerts],
    }


def _channel(
    channel: ChannelQuality, site: SiteQuality, gaps: int, clock: ZoneInfo
) -> dict[str, Any]:
    by_day = {day.day: day.completeness_pct for day in channel.days}
    lag = channel.hours_since_last
    return {
        "id": channel.channel_id,
        "name": channel.channel_name,
        "type": channel.channel_type,
        "status": channel.status,
        "health": channel.health,
        "needsAttention": channel.needs_attention(site.last_day),
        "lastReadingAt": _local(channel.last_reading, clock),
        "hoursBehind": None if lag is None else round(lag, 2),
        "expected": channel.expected,
        "received": channel.received,
        "completenessPct": channel.completeness_pct,
        "calendar": [by_day.get(day) for day in site.calendar],
        "incompleteDays": [_incomplete_day(day) for day in channel.incomplete_days],
        "gaps": gaps,
        "rejectedRows": channel.rejected_rows,
        "rejectedValues": channel.rejected_values,
        "conflicts": channel.conflicts,
    }


def _incomplete_day(day: ChannelDay) -> dict[str, Any]:
    return {
        "day": _day(day.day),
        "expected": day.expected,
        "received": day.received,
        "completenessPct": day.completeness_pct,
    }


def _gap(gap: Gap, clock: ZoneInfo) -> dict[str, Any]:
    return {
        "channelId": gap.channel_id,
        "channelName": gap.channel_name,
        "start": _local(gap.start, clock),
        "end": _local(gap.end, clock),
        "hours": round(gap.hours, 2),
        "missingIntervals": gap.missing_intervals,
        "reason": gap.reason,
        "fillable": gap.fillable,
        "filledAt": _local(gap.filled_at, clock),
        "filledBy": gap.filled_by,
    }


def _conflicts(site: SiteQuality) -> list[dict[str, Any]]:
    """The channels of which something was told differently later, most values first."""
    found = []
    for channel in site.channels:
        days = [day.day for day in channel.days if day.conflicts]
        if days:
            found.append(
                {
                    "channelId": channel.channel_id,
                    "channelName": channel.channel_name,
                    "firstDay": _day(min(days)),
                    "lastDay": _day(max(days)),
                    "days": len(days),
                    "values": channel.conflicts,
                }
            )
    return sorted(found, key=lambda one: (-one["values"], one["channelId"]))


def _state(day: ValidatedDay) -> str:
    """What a validation means for deliveries: passed, warned, overridden, changed or failed."""
    if not day.is_open:
        return "changed" if day.has_newer_data else "failed"
    if day.overridden_by is not None:
        return "overridden"
    return {"pass": "passed", "warn": "warned"}.get(day.verdict, "failed")


def _validation_calendar(site: SiteQuality) -> list[str | None]:
    states = {day.day: _state(day) for day in site.validation}
    return [states.get(day) for day in site.calendar]


def _validations(days: tuple[ValidatedDay, ...], clock: ZoneInfo) -> Iterator[dict[str, Any]]:
    """Days in a row with one run and one meaning are one line of the history, newest first."""
    runs = groupby(enumerate(days), key=lambda at: (at[1].run_id, _state(at[1]), _rank(*at)))
    for _, group in runs:
        same = [day for _, day in group]
        newest = same[0]
        yield {
            "firstDay": _day(same[-1].day),
            "lastDay": _day(newest.day),
            "days": len(same),
            "runId": newest.run_id,
            "verdict": newest.verdict,
            "state": _state(newest),
            "isOpen": newest.is_open,
            "overriddenBy": newest.overridden_by,
            "overrideReason": newest.override_reason,
            "validatedAt": _local(newest.finished_at, clock),
            "findings": [finding._asdict() for finding in newest.findings],
        }


def _rank(position: int, day: ValidatedDay) -> int:
    """The same number for days that follow each other, newest first; another after a hole."""
    return day.day.toordinal() + position


def _run(run: Run, clock: ZoneInfo) -> dict[str, Any]:
    return {
        "runId": run.run_id,
        "status": run.status,
        "isGood": run.status in GOOD_RUNS,
        "startedAt": _local(run.started_at, clock),
        "finishedAt": _local(run.finished_at, clock),
        "windowStart": _local(run.window_start, clock),
        "windowEnd": _local(run.window_end, clock),
        "windows": run.windows,
        "failed": run.failed,
        "partial": run.partial,
        "fetched": run.fetched,
        "inserted": run.inserted,
        "duplicate": run.duplicate,
        "rejected": run.rejected,
        "requests": run.requests,
    }


def _alert(alert: Alert, clock: ZoneInfo) -> dict[str, Any]:
    return {
        "channelId": alert.channel_id,
        "channelName": alert.channel_name,
        "rule": alert.rule,
        "severity": alert.severity,
        "state": alert.state,
        "firstSeenAt": _local(alert.first_seen_at, clock),
        "lastSeenAt": _local(alert.last_seen_at, clock),
        "resolvedAt": _local(alert.resolved_at, clock),
        "message": alert.message,
    }


def _local(instant: datetime | None, clock: ZoneInfo) -> str | None:
    return None if instant is None else instant.astimezone(clock).isoformat(timespec="seconds")


def _day(day: date) -> str:
    return day.isoformat()
