"""What the sandbox knows and a real service does not: the right figures, to compare with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from operations.sandbox.fields import codes
from operations.sandbox.listing import ApiError, Params
from operations.sandbox.model import Channel, Event, Site, Table


def iso(timestamp: float) -> str:
    """An instant as ISO text in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def window(params: Params) -> tuple[int, int]:
    """start and end, ISO with an offset or unix seconds. Raises ApiError 400."""
    given = dict(params)
    start, end = (_instant(given.get(name, ""), name) for name in ("start", "end"))
    if start >= end:
        raise ApiError(400, "start must lie before end")
    return start, end


def _instant(text: str, name: str) -> int:
    if text.isdecimal():
        return int(text)
    try:
        # An unescaped + in a query arrives as a blank.
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise ApiError(400, f"{name} must be an ISO instant such as 2026-01-05T05:00:00Z") from None
    if instant.tzinfo is None:
        raise ApiError(400, f"{name} needs an offset, such as 2026-01-05T05:00:00Z")
    return int(instant.timestamp())


def offered(site: Site, channel: Channel, start: int, end: int, horizon: float) -> Table:
    """The clean rows of [start, end) that had ended by `horizon`, at the native resolution."""
    last = horizon - site.source.native_seconds + 1
    return site.source.rows(channel, start, min(end, last))


def site_truth(site: Site, start: int, end: int, horizon: float) -> dict[str, Any]:
    """Clean readings, their energy, and the planted events of a window.

    An event's `excessKwh` is what was offered less what would have been without it, `count` its
    rows (for gap and dead: the absent ones), both for the part of it that lies in the window and
    was over by `horizon`; `start` and `end` are those of the whole event.
    """
    channels = []
    for channel in site.channels:
        table = offered(site, channel, start, end, horizon)
        channels.append(
            {
                "channelId": channel.channel_id,
                "channelName": channel.name,
                "readings": len(table.ts),
                "energy_kwh": _energy_kwh(table),
            }
        )
    stop = min(end, horizon - site.source.native_seconds + 1)
    events = site.source.events(start, stop) if stop > start and site.channels else []
    return {
        "organization": site.site_id,
        "start": iso(start),
        "end": iso(end),
        "resolution": site.source.native_seconds,
        "channels": channels,
        "events": [_event(site, event, start, end, horizon) for event in events],
    }


def _energy_kwh(table: Table) -> float | None:
    if "E" not in codes(table.fields):
        return None
    return round(float(table.column("E").sum()) / 1000, 6)


def _event(site: Site, event: Event, start: int, end: int, horizon: float) -> dict[str, Any]:
    channel = site.channel(event.channel_id)
    assert channel is not None
    first, last = max(start, event.start), min(end, event.end)
    table = offered(site, channel, first, last, horizon)
    cut = min(last, int(horizon) - site.source.native_seconds + 1)
    expected_ts, expected_wh = site.source.plain_energy_wh(channel, first, cut)
    absent = len(expected_ts) - len(table.ts)
    excess_wh = float(table.column("E").sum()) - float(expected_wh.sum())
    described = {
        "kind": event.kind,
        "channelId": channel.channel_id,
        "channelName": channel.name,
        "start": iso(event.start),
        "end": iso(event.end),
        "excessKwh": round(excess_wh / 1000, 6),
        "count": absent if event.kind in ("gap", "dead") else len(table.ts),
        "detail": event.detail,
    }
    if len(table.ts):
        described["peakKw"] = round(float(table.column("P").max()) / 1000, 6)
    return described


def true_rows(site: Site, channel: Channel, start: int, end: int, horizon: float) -> dict[str, Any]:
    """The clean rows, field by field."""
    table = offered(site, channel, start, end, horizon)
    keys = ("ts", *codes(table.fields))
    rows = zip(table.ts.tolist(), table.values.tolist(), strict=True)
    return {
        "channelId": channel.channel_id,
        "resolution": site.source.native_seconds,
        "rows": [dict(zip(keys, (ts, *values), strict=True)) for ts, values in rows],
    }
