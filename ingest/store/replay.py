"""Quarantine read back page by page, and what a changed rule accepts of it, stored.

Everything here works inside the caller's transaction: rows, values, books and the removal from
quarantine are committed together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from psycopg2.extras import execute_values

from ingest.eniscope.fields import COLUMNS
from ingest.eniscope.normalize import json_text
from ingest.store.extra_fields import extra_conflicts
from ingest.store.merge import (
    insert_fresh,
    known_rows,
    overlapping_rows,
    value_conflicts,
    window_rows,
    with_stored_values,
)
from ingest.store.quarantine import save_conflicts, save_rejections
from ingest.store.rows import Accepted, Conflict, Rejection, Window
from lib.database import Connection, Cursor, fetch_all, read_columns
from lib.date_utils import local_midnight
from lib.errors import UsageError
from lib.reading_rules import rated_power_kw

# Keeps memory flat however much is in quarantine.
PAGE_ENTRIES = 20_000
REPLAY_NOTE = "replay of quarantine"
DAY_US = 86_400_000_000
# The first microsecond of the year 10000.
LATEST_US = 253_402_300_800 * 1_000_000

# A row without a time, or with an impossible one, counts for the moment at which it came.
_COUNTED_AT = """CASE WHEN reason = 'future_timestamp' THEN rejected_at
                 ELSE coalesce("timestamp", rejected_at) END"""
_PAGE = f"""
WITH entry AS (
    SELECT *, {_COUNTED_AT} AS counted_at FROM rejected_readings
    WHERE channel_id = %(channel_id)s
),
page AS (
    SELECT * FROM entry
    WHERE counted_at >= coalesce(%(start)s, '-infinity'::timestamptz)
      AND counted_at < coalesce(%(end)s, 'infinity'::timestamptz)
      AND (%(reasons)s::text[] IS NULL OR reason = ANY(%(reasons)s::text[]))
      AND (counted_at, id) > (coalesce(%(after_time)s, '-infinity'::timestamptz), %(after_id)s)
    ORDER BY counted_at, id
    LIMIT %(limit)s
),
-- A record does not say its own length; the run that asked for it does.
asked AS (
    SELECT run_id, min(interval_seconds) AS interval_seconds FROM ingestion_logs
    WHERE channel_id = %(channel_id)s AND run_id IN (SELECT run_id FROM page)
    GROUP BY run_id HAVING min(interval_seconds) = max(interval_seconds)
)
SELECT id, run_id::text, scope, reason, field, value, raw, counted_at,
       (extract(epoch FROM "timestamp") * 1000000)::bigint,
       (extract(epoch FROM rejected_at) * 1000000)::bigint,
       interval_seconds, units
FROM page LEFT JOIN asked USING (run_id)
ORDER BY counted_at, id
"""  # noqa: S608 (a fixed expression)


@dataclass(frozen=True)
class Selection:
    """Which part of a site's quarantine is meant; None leaves that side open."""

    site_id: str
    channel_ids: tuple[int, ...]
    reasons: tuple[str, ...] | None
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Entry:
    """A row of rejected_readings; times in µs since 1970 UTC.

    `interval_seconds` is what the run asked for; None where its log is gone. `units` are those of
    the record's fields; None where they were not recorded.
    """

    entry_id: int
    run_id: str
    scope: str
    reason: str
    field: str | None
    value: str | None
    raw: Any
    counted_at: datetime
    timestamp_us: int | None
    rejected_at_us: int
    interval_seconds: int | None
    units: dict[str, str] | None


@dataclass(frozen=True)
class FieldChange:
    """A value, in the column's unit, that goes into a stored row which holds null there."""

    entry_id: int
    timestamp_us: int
    field: str
    value: float


@dataclass(frozen=True)
class Touched:
    """What happened to one time of a channel: entries that left quarantine, and to what end."""

    timestamp_us: int
    interval_seconds: int
    entries: int
    is_inserted: bool = False
    is_changed: bool = False


@dataclass(frozen=True)
class Inserted:
    """Times [µs] of new rows and of rows that overlap stored ones of another length; single
    values of the new rows that were refused.
    """

    new_us: list[int]
    overlapping_us: list[int]
    values_refused: int


def next_page(
    cursor: Cursor, selection: Selection, channel_id: int, after: Entry | None
) -> list[Entry]:
    """The next page of a channel's entries, in the order of their time; empty at the end."""
    cursor.execute(
        _PAGE,
        {
            "channel_id": channel_id,
            "start": selection.start,
            "end": selection.end,
            "reasons": list(selection.reasons) if selection.reasons else None,
            "after_time": after.counted_at if after else None,
            "after_id": after.entry_id if after else 0,
            "limit": PAGE_ENTRIES,
        },
    )
    return [Entry(*row) for row in cursor.fetchall()]


def channel_facts(cursor: Cursor, channel_id: int) -> tuple[datetime | None, bool, float | None]:
    """When the channel was installed, whether it ever sent a power factor, its meter's rating [kW].

    The second stands for its device's list of fields, which is not stored.
    """
    cursor.execute(
        """
        SELECT installed_at, EXISTS (
            SELECT FROM readings AS r
            WHERE r.channel_id = c.channel_id AND r.power_factor IS NOT NULL
        ), m.ct_ratio, m.voltage_scale
        FROM channels AS c LEFT JOIN meters AS m USING (meter_id) WHERE c.channel_id = %s
        """,
        (channel_id,),
    )
    installed_at, sends_power_factor, ct_ratio, voltage_scale = cursor.fetchone()
    return installed_at, bool(sends_power_factor), rated_power_kw(ct_ratio, voltage_scale)


def load_selection(
    connection: Connection,
    site_id: str,
    channels: Sequence[int],
    reasons: Sequence[str],
    start: date | None,
    end: date | None,
) -> Selection:
    """What to look at. Raises UsageError for an unknown site or channel, or an end before start."""
    sites = fetch_all(
        connection, "SELECT timezone FROM organizations WHERE organization_id = %s", (site_id,)
    )
    if not sites:
        raise UsageError(f"site {site_id} is not in the database")
    rows = fetch_all(
        connection,
        "SELECT channel_id FROM channels WHERE organization_id = %s ORDER BY channel_id",
        (site_id,),
    )
    known = tuple(row["channel_id"] for row in rows)
    unknown = set(channels) - set(known)
    if unknown:
        raise UsageError(f"site {site_id} has no channel {min(unknown)}")
    if start is not None and end is not None and end < start:
        raise UsageError(f"the end ({end}) lies before the start ({start})")
    timezone = sites[0]["timezone"]
    return Selection(
        site_id,
        tuple(sorted(set(channels))) or known,
        tuple(reasons) or None,
        local_midnight(start, timezone) if start is not None else None,
        local_midnight(end + timedelta(days=1), timezone) if end is not None else None,
    )


def stored_starts(
    cursor: Cursor, channel_id: int, interval_seconds: int, timestamps_us: Sequence[int]
) -> np.ndarray:
    """Starts [µs] of stored readings of this length, from a day before to a day after these."""
    if not timestamps_us:
        return np.empty(0, dtype=np.int64)
    return read_columns(
        cursor,
        'SELECT "timestamp" FROM readings WHERE channel_id = %s AND interval_seconds = %s '
        'AND "timestamp" >= %s AND "timestamp" <= %s ORDER BY "timestamp"',
        (
            channel_id,
            interval_seconds,
            instant(min(timestamps_us) - DAY_US),
            instant(max(timestamps_us) + DAY_US),
        ),
        [("timestamp", "timestamp")],
    )["timestamp"]


def stored_rows(
    cursor: Cursor, channel_id: int, timestamps_us: Sequence[int], fields: Sequence[str]
) -> dict[int, dict[str, Any]]:
    """Stored readings at these times [µs]: length, remarks, `fields`, and what a missing power
    factor is told by. Names that are no column are left out.
    """
    names = sorted({"power_kw", "voltage_v", "power_factor", *fields} & set(COLUMNS))
    cursor.execute(
        f"""
        SELECT (extract(epoch FROM "timestamp") * 1000000)::bigint, interval_seconds, data_quality,
               {", ".join(names)}
        FROM readings WHERE channel_id = %s AND "timestamp" = ANY(%s)
        """,  # noqa: S608 (columns of the field table)
        (channel_id, [instant(at) for at in timestamps_us]),
    )
    keys = ("interval_seconds", "data_quality", *names)
    return {at: dict(zip(keys, rest, strict=True)) for at, *rest in cursor.fetchall()}


def insert_rows(
    cursor: Cursor, window: Window, accepted: Accepted, entries: Mapping[int, Entry]
) -> Inserted:
    """Store what ingest would store of these rows; `accepted.raw` are ids of `entries`.

    Known rows stay; what differs from them is noted in reading_conflicts.
    """
    stored = window_rows(cursor, window, accepted.columns)
    overlapping = overlapping_rows(window, accepted, stored).mask
    known = known_rows(accepted, stored)
    fresh = ~known & ~overlapping
    inserted = insert_fresh(cursor, window, accepted, np.flatnonzero(fresh))
    # The lock of ingest is held: a writer that ignores it must not be counted as ours.
    assert inserted == fresh.sum(), "another process stored readings during the replay"
    refused_us = accepted.timestamp_us[overlapping]
    kept_out = set(refused_us.tolist())
    comparable = known & ~overlapping
    conflicts = [
        *with_stored_values(accepted.conflicts, stored),
        *value_conflicts(accepted, stored, comparable),
        *extra_conflicts(cursor, window.channel_id, accepted, comparable),
    ]
    save_conflicts(
        cursor, window.channel_id, [c for c in conflicts if c.timestamp_us not in kept_out]
    )
    rejections = [
        _with_record(r, entries[int(r.raw_json)])
        for r in accepted.rejections
        if r.timestamp_us not in kept_out
    ]
    save_rejections(cursor, window.run_id, window.channel_id, rejections)
    return Inserted(accepted.timestamp_us[fresh].tolist(), refused_us.tolist(), len(rejections))


def _with_record(rejection: Rejection, entry: Entry) -> Rejection:
    """A refusal of an entry's value, with the entry's own record."""
    units_json = None if entry.units is None else json_text(entry.units)
    return replace(rejection, raw_json=json_text(entry.raw), units_json=units_json)


def change_fields(
    cursor: Cursor,
    channel_id: int,
    changes: Sequence[FieldChange],
    remarks: Mapping[int, str | None],
    conflicts: Sequence[Conflict],
) -> set[int]:
    """Put the values where null stands, with the row's remarks; returns the times changed [µs]."""
    changed = set()
    for name in sorted({change.field for change in changes}):
        assert name in COLUMNS
        rows = [
            (instant(change.timestamp_us), change.value, remarks[change.timestamp_us])
            for change in changes
            if change.field == name
        ]
        found = execute_values(
            cursor,
            f"""
            UPDATE readings AS r SET {name} = v.value, data_quality = v.remarks
            FROM (VALUES %s) AS v (at, value, remarks)
            WHERE r.channel_id = {int(channel_id)} AND r."timestamp" = v.at AND r.{name} IS NULL
            RETURNING (extract(epoch FROM r."timestamp") * 1000000)::bigint
            """,  # noqa: S608 (a column of the field table, a number)
            rows,
            template="(%s, %s::float8, %s::text)",
            fetch=True,
        )
        changed |= {at for (at,) in found}
    save_conflicts(cursor, channel_id, conflicts)
    return changed


def close_books(
    cursor: Cursor,
    run_id: UUID,
    site_id: str,
    channel_id: int,
    touched: Sequence[Touched],
    at: datetime,
) -> None:
    """One row of ingestion_logs per unbroken stretch of touched times.

    A stretch claims nothing but what it holds, so that nobody takes the time between two replayed
    rows for ingested; by it the hourly aggregate finds the hours to do again.
    """
    rows = [
        (
            str(run_id),
            site_id,
            channel_id,
            instant(stretch[0].timestamp_us),
            instant(stretch[-1].timestamp_us + stretch[-1].interval_seconds * 1_000_000),
            stretch[0].interval_seconds,
            sum(one.entries for one in stretch),
            sum(one.is_inserted for one in stretch),
            sum(one.entries - one.is_inserted for one in stretch),
            sum(one.is_changed for one in stretch),
            REPLAY_NOTE,
            at,
            at,
        )
        for stretch in _stretches(touched)
    ]
    execute_values(
        cursor,
        """
        INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end,
            interval_seconds, readings_fetched, readings_inserted, readings_duplicate,
            readings_changed, error_message, started_at, finished_at, status)
        VALUES %s
        """,
        rows,
        template="(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'success')",
    )


def release(cursor: Cursor, entry_ids: Sequence[int]) -> None:
    """Take entries out of quarantine."""
    cursor.execute("DELETE FROM rejected_readings WHERE id = ANY(%s)", (list(entry_ids),))


def instant(timestamp_us: int) -> datetime:
    """Microseconds since 1970 UTC as an aware time; the latest there is for what lies beyond."""
    if timestamp_us >= LATEST_US:
        return datetime.max.replace(tzinfo=UTC)
    seconds, rest = divmod(timestamp_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def _stretches(touched: Sequence[Touched]) -> Iterator[list[Touched]]:
    """Times of one length that follow one another without a break."""
    stretch: list[Touched] = []
    for one in sorted(touched, key=lambda one: (one.interval_seconds, one.timestamp_us)):
        last = stretch[-1] if stretch else None
        if last is not None and (
            one.interval_seconds != last.interval_seconds
            or one.timestamp_us > last.timestamp_us + last.interval_seconds * 1_000_000
        ):
            yield stretch
            stretch = []
        stretch.append(one)
    if stretch:
        yield stretch
