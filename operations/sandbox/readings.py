"""GET /readings/{channelId}: what is asked, at which resolution it is answered, and the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from lib.date_utils import local_day, local_midnight
from operations.sandbox.fields import Field, codes
from operations.sandbox.listing import ApiError, Params, values_of
from operations.sandbox.model import Channel, Site, Source, Table
from operations.sandbox.noise import Floats, Ints

RESOLUTIONS = (60, 900, 1800, 3600, 86400)
DAY_SECONDS, LONGEST_DAY_SECONDS = 86400, 25 * 3600
ACTIONS = {"": "summarize", "summarize": "summarize", "summarise": "summarize", "total": "total"}
OTHER_ACTIONS = ("averageday", "typicalday", "medianday", "meanday", "minday", "maxday")

Row = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """A request as understood; `resolution` None = auto, `fields` None = all."""

    fields: tuple[str, ...] | None
    start: int
    end: int
    resolution: int | None
    action: str
    counters: bool


@dataclass(frozen=True)
class Answer:
    """Rows as dictionaries (`ts` in unix seconds), and what the answer says about them."""

    query: Query
    resolution: int
    fields: tuple[Field, ...]
    rows: list[Row]


def parse_query(params: Params, timezone: str, now: float) -> Query:
    """Read the parameters. Raises ApiError 400 where the service would refuse them."""
    given = dict(params)
    action = given.get("action", "")
    if action in OTHER_ACTIONS:
        raise ApiError(400, f"action {action} is not supported by the sandbox")
    if action not in ACTIONS:
        raise ApiError(400, "Invalid action")
    res = given.get("res", "auto")
    if res != "auto" and (not res.isdecimal() or int(res) not in RESOLUTIONS):
        raise ApiError(400, "Invalid res")
    start, end = _range(params, timezone, now)
    if start >= end:
        raise ApiError(400, "Invalid daterange: the start must lie before the end")
    fields = tuple(dict.fromkeys(values_of(params, ("fields[]", "fields"))))
    return Query(
        fields=fields or None,
        start=start,
        end=end,
        resolution=None if res == "auto" else int(res),
        action=ACTIONS[action],
        counters=given.get("showCounters", "0") == "1",
    )


def _range(params: Params, timezone: str, now: float) -> tuple[int, int]:
    bounds = values_of(params, ("daterange[]",))
    if len(bounds) == 2:
        return _bound(bounds[0], timezone), _bound(bounds[1], timezone)
    words = values_of(params, ("daterange",))
    if len(words) != 1 or bounds:
        raise ApiError(400, "Invalid daterange: give daterange[] twice, or one word")
    today = local_day(datetime.fromtimestamp(now, UTC), timezone)
    first, after = _days_of_word(words[0], today)
    return _midnight(first, timezone), _midnight(after, timezone)


def _bound(text: str, timezone: str) -> int:
    if text.isdecimal():
        return int(text)
    try:
        return _midnight(date.fromisoformat(text), timezone)
    except ValueError:
        raise ApiError(400, f"Invalid daterange: {text}") from None


def _midnight(day: date, timezone: str) -> int:
    return int(local_midnight(day, timezone).timestamp())


def _days_of_word(word: str, today: date) -> tuple[date, date]:
    """First day and the day after the last of a named range."""
    day, week = timedelta(days=1), timedelta(days=7)
    tomorrow, monday = today + day, today - timedelta(days=today.weekday())
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    next_month = (month + timedelta(days=31)).replace(day=1)
    ranges = {
        "today": (today, tomorrow),
        "yesterday": (today - day, today),
        "daybefore": (today - 2 * day, today - day),
        "thisweek": (monday, monday + week),
        "lastweek": (monday - week, monday),
        "weekbefore": (monday - 2 * week, monday - week),
        "7days": (tomorrow - week, tomorrow),
        "previous7days": (tomorrow - 2 * week, tomorrow - week),
        "28days": (tomorrow - 4 * week, tomorrow),
        "30days": (tomorrow - timedelta(days=30), tomorrow),
        "thismonth": (month, next_month),
        "lastmonth": ((month - day).replace(day=1), month),
        "thisyear": (year, year.replace(year=year.year + 1)),
        "lastyear": (year.replace(year=year.year - 1), year),
    }
    if word not in ranges:
        raise ApiError(400, f"Invalid daterange: {word}")
    return ranges[word]


def choose_resolution(query: Query, source: Source, max_points: int, *, strict: bool) -> int:
    """The resolution of the answer: as asked, unless the meter or the range's length forbids it.

    Raises ApiError 400 when `strict` and the range is too long for what is asked.
    """
    offered = [length for length in RESOLUTIONS if length >= source.finest_seconds]
    wanted = query.resolution or offered[0]
    choices = [length for length in offered if length >= wanted]
    if not max_points:
        return choices[0]
    points = (query.end - query.start) / choices[0]
    if strict and query.resolution is not None and points > max_points:
        raise ApiError(400, "date range too long")
    span = query.end - query.start
    return next((length for length in choices if span / length <= max_points), choices[-1])


def next_coarser(resolution: int) -> int:
    """The next coarser one the service knows; the coarsest stays."""
    return next((length for length in RESOLUTIONS if length > resolution), resolution)


def table_at(
    site: Site, channel: Channel, resolution: int, start: int, end: int, horizon: float
) -> Table:
    """Readings that start in [start, end) and had ended by `horizon`, at any resolution."""
    source = site.source
    end = min(end, int(horizon) + 1)
    if resolution < source.native_seconds:
        table = source.fine_rows(channel, start, end)
    elif resolution == source.native_seconds:
        table = source.rows(channel, start, end)
    else:
        # Whole buckets, so that a value is the same whatever window it is asked in.
        native = source.rows(channel, start, end + max(resolution, LONGEST_DAY_SECONDS))
        bounds = _bucket_bounds(native, resolution, site.timezone)
        table = _summarize(native, bounds).between(start, end)
        ends = bounds[np.searchsorted(bounds, table.ts) + 1]
        return table.between(start, table.ts[ends <= horizon].max(initial=start - 1) + 1)
    return table.between(start, horizon - resolution + 1)


def _bucket_bounds(native: Table, resolution: int, timezone: str) -> Ints:
    """Starts of all buckets that hold a row, and the end of the last; days are local days."""
    if len(native.ts) == 0:
        return np.empty(0, np.int64)
    first, last = int(native.ts[0]), int(native.ts[-1])
    if resolution < DAY_SECONDS:
        stop = last - last % resolution + 2 * resolution
        return np.arange(first - first % resolution, stop, resolution, dtype=np.int64)
    day = local_day(datetime.fromtimestamp(first, UTC), timezone)
    bounds = [_midnight(day, timezone)]
    while bounds[-1] <= last:
        day += timedelta(days=1)
        bounds.append(_midnight(day, timezone))
    return np.array(bounds, dtype=np.int64)


def _summarize(native: Table, bounds: Ints) -> Table:
    """Counters summed and the rest averaged over the rows of each bucket; no row, no bucket."""
    if len(native.ts) == 0:
        return native
    bucket = np.searchsorted(bounds, native.ts, side="right") - 1
    filled, first = np.unique(bucket, return_index=True)
    sums = np.add.reduceat(native.values, first, axis=0)
    counts = np.diff([*first, len(native.ts)])[:, None]
    is_counter = np.array([field.kind == "counter" for field in native.fields])
    return Table(bounds[filled], np.where(is_counter, sums, sums / counts).round(6), native.fields)


def answer(site: Site, channel: Channel, query: Query, resolution: int, horizon: float) -> Answer:
    """The rows of a request that were there at `horizon`."""
    source = site.source
    wanted = query.fields
    fields = tuple(one for one in source.fields(channel) if wanted is None or one.code in wanted)
    if query.action == "total":
        native = table_at(site, channel, source.native_seconds, query.start, query.end, horizon)
        table = _summarize(native, np.array([query.start, query.end]))
        rows = _as_rows(table, fields)
        return Answer(query, query.end - query.start, fields, rows)
    table = table_at(site, channel, resolution, query.start, query.end, horizon)
    if query.counters:
        table = _as_counters(site, channel, table)
    rows = _as_rows(table, fields)
    if resolution == source.native_seconds and not query.counters:
        last = horizon - resolution + 1
        rows = _with_junk(rows, source.junk(channel, query.start, min(query.end, last)), fields)
    return Answer(query, resolution, fields, rows)


def _as_counters(site: Site, channel: Channel, table: Table) -> Table:
    """Counter readings at the end of each interval instead of the use in it; gaps count nothing."""
    if len(table.ts) == 0:
        return table
    before = site.source.rows(channel, site.installed_ts, float(table.ts[0]))
    is_counter = np.array([field.kind == "counter" for field in table.fields])
    readings: Floats = before.values.sum(axis=0) + table.values.cumsum(axis=0)
    return Table(table.ts, np.where(is_counter, readings.round(3), table.values), table.fields)


def _as_rows(table: Table, fields: tuple[Field, ...]) -> list[Row]:
    known = codes(table.fields)
    columns = [known.index(field.code) for field in fields]
    keys = ("ts", *codes(fields))
    values = table.values[:, columns].tolist()
    times = table.ts.tolist()
    # The innermost loop of the sandbox; both lists have one entry per row.
    return [dict(zip(keys, [ts, *row])) for ts, row in zip(times, values)]  # noqa: B905


def _with_junk(
    rows: list[Row], junk: list[tuple[int, Row]], fields: tuple[Field, ...]
) -> list[Row]:
    """Put each bad row behind the good row of its interval, with the fields that were asked."""
    keys = ("ts", *codes(fields))
    bad_rows: dict[int, list[Row]] = {}
    for beside, bad in junk:
        bad_rows.setdefault(beside, []).append({key: bad[key] for key in keys if key in bad})
    return [one for row in rows for one in (row, *bad_rows.get(row["ts"], ()))]


def time_writer(ts_format: str) -> Callable[[int], int | str]:
    """How a row's time is written."""
    if ts_format == "milliseconds":
        return lambda ts: ts * 1000
    if ts_format == "iso":
        return lambda ts: datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return lambda ts: ts
