"""Store the accepted rows of one window, with its log row, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from uuid import UUID

import numpy as np

from ingest.eniscope.fields import COLUMNS
from ingest.eniscope.normalize import json_text
from ingest.store.binary_copy import (
    CopyColumn,
    encode_rows,
    number_column,
    text_column,
    timestamp_column,
)
from ingest.store.quarantine import save_conflicts, save_rejections
from ingest.store.rows import Accepted, Conflict, Rejection, value_text
from lib.database import Connection, Cursor, read_columns, transaction

DOUBLE_COLUMNS = frozenset(("energy_kwh", "energy_kwh_1", "energy_kwh_2", "energy_kwh_3", "cost"))
INTEGER_COLUMNS = frozenset(("signal_strength",))
# What storing as float8 and as real may change of a number.
DOUBLE_NOISE, REAL_NOISE = 1e-9, 1e-5


@dataclass(frozen=True)
class Window:
    """One channel and stretch of time, as it stands in ingestion_logs."""

    log_id: int
    run_id: UUID
    site_id: str
    channel_id: int
    start: datetime
    end: datetime
    interval_seconds: int


@dataclass
class Outcome:
    """What became of a window's records; fetched = inserted + duplicate + rejected."""

    status: str
    fetched: int = 0
    inserted: int = 0
    duplicate: int = 0
    rejected: int = 0
    requests: int = 0
    error: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)


def open_window(
    connection: Connection,
    run_id: UUID,
    site_id: str,
    channel_id: int,
    start: datetime,
    end: datetime,
    interval_seconds: int,
    started_at: datetime,
) -> Window:
    """Note, and commit, that the window is about to be fetched."""
    with transaction(connection) as cursor:
        cursor.execute(
            "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
            "window_end, interval_seconds, status, started_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, 'running', %s) RETURNING id",
            (str(run_id), site_id, channel_id, start, end, interval_seconds, started_at),
        )
        (log_id,) = cursor.fetchone()
    return Window(log_id, run_id, site_id, channel_id, start, end, interval_seconds)


def fail_window(
    connection: Connection, window: Window, error: str, requests: int, finished_at: datetime
) -> Outcome:
    """Note that nothing of the window could be had."""
    outcome = Outcome(status="failed", requests=requests, error=error)
    with transaction(connection) as cursor:
        _close_log(cursor, window, outcome, finished_at)
    return outcome


def save_window(
    connection: Connection,
    window: Window,
    accepted: Accepted,
    requests: int,
    problem: str | None,
    finished_at: datetime,
) -> Outcome:
    """Store rows, refusals, contradictions and the log's final state, all or nothing.

    A known row is left as it is; where it differs from the one offered, the difference goes to
    reading_conflicts. The insert is ON CONFLICT DO NOTHING, so that another writer does no harm.
    """
    with transaction(connection) as cursor:
        overlapping = _overlapping_rows(cursor, window, accepted)
        accepted.rejections += overlapping.rejections
        stored = _stored_rows(cursor, window, accepted.columns)
        known = np.isin(accepted.timestamp_us, stored["timestamp"])
        fresh = ~known & ~overlapping.mask
        inserted = _insert(cursor, window, accepted, np.flatnonzero(fresh))
        conflicts = [*accepted.conflicts, *_conflicts(accepted, stored, known & ~overlapping.mask)]
        save_rejections(cursor, window.run_id, window.channel_id, accepted.rejections)
        save_conflicts(cursor, window.channel_id, conflicts)
        refused = accepted.refused
        reasons: dict[str, int] = {}
        for rejection in accepted.rejections:
            reasons[rejection.reason] = reasons.get(rejection.reason, 0) + 1
        outcome = Outcome(
            status="partial" if problem else "success" if accepted.fetched else "empty",
            fetched=accepted.fetched,
            inserted=inserted,
            duplicate=accepted.fetched - inserted - refused,
            rejected=refused,
            requests=requests,
            error=problem,
            reasons=reasons,
        )
        _close_log(cursor, window, outcome, finished_at)
    return outcome


@dataclass(frozen=True)
class _Overlapping:
    mask: np.ndarray
    rejections: list[Rejection]


def _overlapping_rows(cursor: Cursor, window: Window, accepted: Accepted) -> _Overlapping:
    """Rows that overlap stored rows of another interval length: refused, not added twice."""
    cursor.execute(
        """
        SELECT extract(epoch FROM "timestamp")::bigint, interval_seconds FROM readings
        WHERE channel_id = %s AND "timestamp" >= %s - interval '1 day' AND "timestamp" < %s
          AND interval_seconds <> %s
        ORDER BY "timestamp"
        """,
        (window.channel_id, window.start, window.end, window.interval_seconds),
    )
    others = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 2) * 1_000_000
    starts = accepted.timestamp_us
    if not len(others) or not len(starts):
        return _Overlapping(np.zeros(len(starts), dtype=bool), [])
    ends = starts + window.interval_seconds * 1_000_000
    # The last other row that starts before this one ends: does it end after this one starts?
    place = np.searchsorted(others[:, 0], ends, side="left") - 1
    mask = (place >= 0) & (others[place, 0] + others[place, 1] > starts)
    rejections = [
        Rejection(
            scope="row",
            reason="overlaps_other_interval",
            field="interval_seconds",
            value=str(window.interval_seconds),
            timestamp_us=int(starts[row]),
            raw_json=json_text(accepted.raw[row]),
        )
        for row in np.flatnonzero(mask).tolist()
    ]
    return _Overlapping(mask, rejections)


def _stored_rows(
    cursor: Cursor, window: Window, columns: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What is stored of the window, in the columns that were offered."""
    names = sorted(columns)
    assert set(names) <= set(COLUMNS)
    values = "".join(f", coalesce({name}, 'NaN'::float8)::float8" for name in names)
    return read_columns(
        cursor,
        f'SELECT "timestamp"{values} FROM readings '  # noqa: S608 (columns of the field table)
        'WHERE channel_id = %s AND "timestamp" >= %s AND "timestamp" < %s ORDER BY "timestamp"',
        (window.channel_id, window.start, window.end),
        [("timestamp", "timestamp"), *((name, "f8") for name in names)],
    )


def _conflicts(
    accepted: Accepted, stored: dict[str, np.ndarray], known: np.ndarray
) -> list[Conflict]:
    """Fields of known rows that were offered with another value than the stored one."""
    offered_rows = np.flatnonzero(known)
    stored_rows = np.searchsorted(stored["timestamp"], accepted.timestamp_us[offered_rows])
    conflicts = []
    for name, values in accepted.columns.items():
        offered, kept = values[offered_rows], stored[name][stored_rows]
        noise = DOUBLE_NOISE if name in DOUBLE_COLUMNS else REAL_NOISE
        same = np.isclose(offered, kept, rtol=noise, atol=1e-9, equal_nan=True)
        # An answer that leaves a value out does not contradict the one that is stored.
        for place in np.flatnonzero(~same & ~np.isnan(offered)):
            conflicts.append(
                Conflict(
                    int(accepted.timestamp_us[offered_rows[place]]),
                    name,
                    value_text(kept[place]),
                    value_text(offered[place]),
                )
            )
    return conflicts


def _insert(cursor: Cursor, window: Window, accepted: Accepted, rows: np.ndarray) -> int:
    """Stage the rows by binary COPY, insert them, and count what was really new."""
    if not len(rows):
        return 0
    columns = _copy_columns(accepted, rows)
    names = ", ".join(f'"{column.name}"' for column in columns)
    cursor.execute(
        "CREATE TEMP TABLE staged_readings (LIKE readings) ON COMMIT DROP; "
        "ALTER TABLE staged_readings ALTER channel_id DROP NOT NULL, "
        "ALTER interval_seconds DROP NOT NULL, ALTER ingested_at DROP NOT NULL, "
        "ALTER extra TYPE text"
    )
    cursor.copy_expert(
        f"COPY staged_readings ({names}) FROM STDIN (FORMAT binary)", BytesIO(encode_rows(columns))
    )
    targets = ", ".join(f'"{column.name}"' for column in columns if column.name != "extra")
    extra = any(column.name == "extra" for column in columns)
    cursor.execute(
        f"""
        WITH stored AS (
            INSERT INTO readings (channel_id, interval_seconds, run_id, {targets}
                                  {", extra" if extra else ""})
            SELECT %s, %s, %s, {targets}{", extra::jsonb" if extra else ""} FROM staged_readings
            ON CONFLICT DO NOTHING
            RETURNING 1
        )
        SELECT count(*) FROM stored
        """,  # noqa: S608 (columns of the field table)
        (window.channel_id, window.interval_seconds, str(window.run_id)),
    )
    (inserted,) = cursor.fetchone()
    return int(inserted)


def _copy_columns(accepted: Accepted, rows: np.ndarray) -> list[CopyColumn]:
    """The columns that hold anything, ready for COPY."""
    columns = [timestamp_column("timestamp", accepted.timestamp_us[rows])]
    for name, all_values in accepted.columns.items():
        values = all_values[rows]
        if np.isnan(values).all():
            continue
        if name in INTEGER_COLUMNS:
            columns.append(number_column(name, "int4", np.round(values)))
        else:
            kind = "float8" if name in DOUBLE_COLUMNS else "float4"
            columns.append(number_column(name, kind, values))
    for name, all_texts in (("data_quality", accepted.data_quality), ("extra", accepted.extra)):
        texts = [all_texts[row] for row in rows]
        if any(text is not None for text in texts):
            columns.append(text_column(name, texts))
    return columns


def _close_log(cursor: Cursor, window: Window, outcome: Outcome, finished_at: datetime) -> None:
    cursor.execute(
        """
        UPDATE ingestion_logs SET status = %s, readings_fetched = %s, readings_inserted = %s,
            readings_duplicate = %s, readings_rejected = %s, requests = %s, error_message = %s,
            finished_at = %s
        WHERE id = %s
        """,
        (
            outcome.status,
            outcome.fetched,
            outcome.inserted,
            outcome.duplicate,
            outcome.rejected,
            outcome.requests,
            outcome.error,
            finished_at,
            window.log_id,
        ),
    )
