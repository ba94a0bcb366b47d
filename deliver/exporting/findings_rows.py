"""The findings of a site's weeks as rows of one table, a row each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from analyze.findings import WeekFindings
from deliver.exporting.csv_tables import offset_text
from deliver.exporting.tables import names

Row = dict[str, Any]


def findings_rows(weeks: Iterable[WeekFindings]) -> list[Row]:
    """Every finding of the weeks, in the order of the weekly report's sections."""
    columns = names("findings")
    return [
        {**dict.fromkeys(columns), **_of_week(week), **row} for week in weeks for row in _rows(week)
    ]


def _of_week(week: WeekFindings) -> Row:
    return {
        "site_id": str(week.site_id),
        "site_name": week.site_name,
        "week": week.start.date(),
        "currency": week.currency,
        **_span(week.start, week.end),
    }


def _rows(week: WeekFindings) -> Iterator[Row]:
    names_by_id = {channel.channel_id: channel.channel_name for channel in week.channels}
    for win in week.quick_wins:
        is_one = len(win.channel_ids) == 1
        yield {
            "kind": "quick_win",
            "rank": win.rank,
            "channel_id": win.channel_ids[0] if is_one else None,
            "channel_name": "; ".join(names_by_id.get(one, str(one)) for one in win.channel_ids),
            "title": win.title,
            "evidence": win.evidence,
            "actions": "\n".join(win.actions),
            "effort": win.effort,
            "owner": win.owner,
            "confidence": win.confidence,
            "excess_kwh": win.weekly_kwh,
            "weekly_cost": win.weekly_cost,
            "annual_cost": win.annual_cost,
            "annual_cost_low": win.annual_cost_low,
            "annual_cost_high": win.annual_cost_high,
        }
    for meter in week.after_hours.meters:
        yield {
            "kind": "after_hours",
            **_channel(meter),
            **(_span(meter.stretches[0][0], meter.stretches[-1][1]) if meter.stretches else {}),
            "title": "Use while closed, above the usual",
            "evidence": f"In {len(meter.stretches)} closed stretches",
            "expected_kw": meter.baseline_kw,
            "excess_kwh": meter.excess_kwh,
            "weekly_cost": meter.excess_cost,
        }
    yield from _of_events(week)
    yield from _of_sensors(week)


def _of_events(week: WeekFindings) -> Iterator[Row]:
    for event in week.anomalies:
        yield {
            "kind": "anomaly",
            **_channel(event),
            **_span(event.start, event.end),
            "severity": event.severity,
            "title": f"Consumption {event.direction}",
            "evidence": event.context,
            "confidence": event.confidence,
            "peak_kw": event.peak_kw,
            "expected_kw": event.expected_kw,
            "excess_kwh": event.excess_kwh,
        }
    for spike in week.spikes:
        yield {
            "kind": "spike",
            **_channel(spike),
            **_span(spike.start, spike.end),
            "title": "Short peak",
            "peak_kw": spike.peak_kw,
            "expected_kw": spike.expected_kw,
            "excess_kwh": spike.excess_kwh,
        }


def _of_sensors(week: WeekFindings) -> Iterator[Row]:
    for issue in week.health_issues:
        yield {
            "kind": "sensor_health",
            **_channel(issue),
            **_span(issue.start, issue.end),
            "severity": issue.severity,
            "title": issue.type.replace("_", " "),
            "evidence": issue.description,
        }
    for drift in week.drifts:
        yield {
            "kind": "drift",
            **_channel(drift),
            "title": "Level drifts",
            "evidence": drift.description,
        }


def _channel(finding: Any) -> Row:
    return {"channel_id": finding.channel_id, "channel_name": finding.channel_name}


def _span(start: datetime, end: datetime) -> Row:
    """Times without an offset, as all tables have them."""
    offset = start.utcoffset()
    assert offset is not None
    return {
        "start_utc": start.astimezone(UTC).replace(tzinfo=None, microsecond=0),
        "start_local": start.replace(tzinfo=None, microsecond=0),
        "end_utc": end.astimezone(UTC).replace(tzinfo=None, microsecond=0),
        "end_local": end.replace(tzinfo=None, microsecond=0),
        "utc_offset": offset_text(int(offset.total_seconds())),
    }
