"""What a window meets in the database: overlaps, known rows, contradictions; and the insert."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np

from ingest.eniscope.fields import COLUMNS, DOUBLE_COLUMNS, INTEGER_COLUMNS
from ingest.eniscope.normalize import json_text
from ingest.store.binary_copy import (
    CopyColumn,
    encode_rows,
    number_column,
    text_column,
    timestamp_column,
)
from ingest.store.rows import Accepted, Conflict, Rejection, Window, value_text
from lib.database import Cursor, read_columns

# What storing as float8 and as real may change of a number.
DOUBLE_NOISE, REAL_NOISE = 1e-9, 1e-5


@dataclass(frozen=True)
class Overlapping:
    """Which rows overlap, and their refusals."""

    mask: np.ndarray
    rejections: list[Rejection]


def overlapping_rows(cursor: Cursor, window: Window, accepted: Accepted) -> Overlapping:
    """Rows that overlap a stored row of another start or length: refused, not added twice."""
    starts = accepted.timestamp_us
    none = Overlapping(np.zeros(len(starts), dtype=bool), [])
    if not len(starts):
        return none
    stored = read_columns(
        cursor,
        'SELECT "timestamp", interval_seconds::bigint FROM readings '
        'WHERE channel_id = %s AND "timestamp" >= %s - interval \'1 day\' AND "timestamp" < %s '
        'ORDER BY "timestamp"',
        (window.channel_id, window.start, window.end),
        [("timestamp", "timestamp"), ("interval_seconds", "i8")],
    )
    if not len(stored["timestamp"]):
        return none
    length_us = window.interval_seconds * 1_000_000
    # Stored rows do not overlap each other: only the last that starts before a row's end can.
    place = np.searchsorted(stored["timestamp"], starts + length_us, side="left") - 1
    found = stored["timestamp"][place]
    found_length_us = stored["interval_seconds"][place] * 1_000_000
    overlaps = (place >= 0) & (found + found_length_us > starts)
    is_other_length = overlaps & (found_length_us != length_us)
    is_shifted = overlaps & ~is_other_length & (found != starts)
    mask = is_other_length | is_shifted
    rejections = [
        Rejection(
            scope="row",
            reason="overlaps_other_interval" if is_other_length[row] else "overlaps_stored",
            field="interval_seconds" if is_other_length[row] else "timestamp",
            value=str(window.interval_seconds) if is_other_length[row] else None,
            timestamp_us=int(starts[row]),
            raw_json=json_text(accepted.raw[row]),
        )
        for row in np.flatnonzero(mask).tolist()
    ]
    return Overlapping(mask, rejections)


def window_rows(
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


def value_conflicts(
    accepted: Accepted, stored: dict[str, np.ndarray], known: np.ndarray
) -> list[Conflict]:
    """Fields of known rows that were offered with another value than the stored one."""
    offered_rows = np.flatnonzero(known)
    window_rows = np.searchsorted(stored["timestamp"], accepted.timestamp_us[offered_rows])
    conflicts = []
    for name, values in accepted.columns.items():
        offered, kept = values[offered_rows], stored[name][window_rows]
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


def copy_insert(cursor: Cursor, window: Window, accepted: Accepted, rows: np.ndarray) -> int:
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
    # Not left to the commit: one transaction may insert more than once.
    cursor.execute("DROP TABLE staged_readings")
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
