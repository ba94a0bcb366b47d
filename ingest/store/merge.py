"""What a window meets in the database: overlaps, known rows, contradictions; and the insert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np

from ingest.eniscope.fields import COLUMNS, DOUBLE_COLUMNS, INTEGER_COLUMNS
from ingest.eniscope.normalize import json_text, units_text
from ingest.store.binary_copy import (
    CopyColumn,
    constant_column,
    encode_rows,
    number_column,
    text_column,
    timestamp_column,
)
from ingest.store.rows import Accepted, Conflict, Rejection, Window, value_text
from lib.database import Cursor, read_columns
from lib.errors import ArgoError

# What storing as float8 and as real may change of a number.
DOUBLE_NOISE, REAL_NOISE = 1e-9, 1e-5
# psycopg2 reads a stream in pieces; its own 8 kB are slower.
_PIECE_BYTES = 1 << 18


class ChannelGone(ArgoError):
    """The channel was deleted while its readings were fetched."""


@dataclass(frozen=True)
class Overlapping:
    """Which rows overlap, and their refusals."""

    mask: np.ndarray
    rejections: list[Rejection]


def window_rows(
    cursor: Cursor, window: Window, columns: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What is stored of the window and of the day before it, in the columns that were offered.

    No interval is longer than a day: an earlier row does not reach into the window.
    """
    names = sorted(columns)
    assert set(names) <= set(COLUMNS)
    kinds = {
        name: "f8" if name in DOUBLE_COLUMNS or name in INTEGER_COLUMNS else "f4" for name in names
    }
    types = {"f8": "float8", "f4": "real"}
    values = "".join(f", coalesce({name}, 'NaN'::{types[kinds[name]]})" for name in names)
    return read_columns(
        cursor,
        f'SELECT "timestamp", interval_seconds{values} FROM readings '  # noqa: S608 (field table)
        'WHERE channel_id = %s AND "timestamp" >= %s - interval \'1 day\' AND "timestamp" < %s '
        'ORDER BY "timestamp"',
        (window.channel_id, window.start, window.end),
        [("timestamp", "timestamp"), ("interval_seconds", "i4"), *kinds.items()],
    )


def known_rows(accepted: Accepted, stored: dict[str, np.ndarray]) -> np.ndarray:
    """True for rows whose time is stored already."""
    times = stored["timestamp"]
    if not len(times):
        return np.zeros(len(accepted.timestamp_us), dtype=bool)
    place = np.searchsorted(times, accepted.timestamp_us).clip(max=len(times) - 1)
    return np.asarray(times[place] == accepted.timestamp_us)


def overlapping_rows(
    window: Window, accepted: Accepted, stored: dict[str, np.ndarray]
) -> Overlapping:
    """Rows that overlap a stored row of another start or length: refused, not added twice."""
    starts = accepted.timestamp_us
    if not len(starts) or not len(stored["timestamp"]):
        return Overlapping(np.zeros(len(starts), dtype=bool), [])
    length_us = window.interval_seconds * 1_000_000
    # Stored rows do not overlap each other: only the last that starts before a row's end can.
    place = np.searchsorted(stored["timestamp"], starts + length_us, side="left") - 1
    found = stored["timestamp"][place]
    found_length_us = stored["interval_seconds"][place].astype(np.int64) * 1_000_000
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
            units_json=units_text(accepted.raw[row], accepted.units[row]),
        )
        for row in np.flatnonzero(mask).tolist()
    ]
    return Overlapping(mask, rejections)


def value_conflicts(
    accepted: Accepted, stored: dict[str, np.ndarray], known: np.ndarray
) -> list[Conflict]:
    """Fields of known rows that were offered with another value than the stored one."""
    offered_rows = np.flatnonzero(known)
    conflicts: list[Conflict] = []
    if not len(offered_rows):
        return conflicts
    stored_rows = np.searchsorted(stored["timestamp"], accepted.timestamp_us[offered_rows])
    for name, values in accepted.columns.items():
        offered, kept = values[offered_rows], stored[name][stored_rows]
        if name in INTEGER_COLUMNS:
            offered = np.round(offered)
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


def with_stored_values(
    conflicts: Sequence[Conflict], stored: dict[str, np.ndarray]
) -> list[Conflict]:
    """Contradictions within an answer; where their time is stored, against what is stored."""
    place_of = {int(at): place for place, at in enumerate(stored["timestamp"])} if conflicts else {}
    found: list[Conflict] = []
    for conflict in conflicts:
        place = place_of.get(conflict.timestamp_us)
        if place is None or conflict.field not in stored:
            found.append(conflict)
            continue
        kept = stored[conflict.field][place]
        noise = DOUBLE_NOISE if conflict.field in DOUBLE_COLUMNS else REAL_NOISE
        if not np.isclose(float(conflict.offered_value or "nan"), kept, rtol=noise, atol=1e-9):
            found.append(replace(conflict, stored_value=value_text(kept)))
    return found


def insert_fresh(cursor: Cursor, window: Window, accepted: Accepted, rows: np.ndarray) -> int:
    """Stage the rows by binary COPY, insert them, and count what was really new.

    What another writer stored meanwhile stays as it is. Raises ChannelGone, with nothing stored,
    when the channel is no longer there.
    """
    if not len(rows):
        return 0
    columns = _copy_columns(window, accepted, rows)
    names = ", ".join(f'"{column.name}"' for column in columns)
    # Only the columns used, in one round trip with the lock of migration 0009.
    cursor.execute(
        f"CREATE TEMP TABLE staged_readings ON COMMIT DROP AS SELECT {names} FROM readings "  # noqa: S608
        "WITH NO DATA; SELECT FROM channels WHERE channel_id = %s FOR KEY SHARE",
        (window.channel_id,),
    )
    if cursor.fetchone() is None:
        raise ChannelGone(
            f"channel {window.channel_id} is no longer in the database: nothing was stored"
        )
    cursor.copy_expert(
        f"COPY staged_readings ({names}) FROM STDIN (FORMAT binary)",
        BytesIO(encode_rows(columns, len(rows))),
        size=_PIECE_BYTES,
    )
    cursor.execute(
        f"""
        WITH stored AS (
            INSERT INTO readings ({names}) SELECT {names} FROM staged_readings
            ON CONFLICT DO NOTHING
            RETURNING 1
        )
        SELECT count(*) FROM stored
        """  # noqa: S608 (columns of the field table)
    )
    (inserted,) = cursor.fetchone()
    # Not left to the commit: one transaction may insert more than once.
    cursor.execute("DROP TABLE staged_readings")
    return int(inserted)


def _copy_columns(window: Window, accepted: Accepted, rows: np.ndarray) -> list[CopyColumn]:
    """The columns that hold anything, ready for COPY."""
    is_all = len(rows) == len(accepted.timestamp_us)
    timestamp_us = accepted.timestamp_us if is_all else accepted.timestamp_us[rows]
    columns = [
        constant_column("channel_id", window.channel_id.to_bytes(8, "big", signed=True)),
        timestamp_column("timestamp", timestamp_us),
        constant_column("interval_seconds", window.interval_seconds.to_bytes(4, "big")),
        constant_column("run_id", window.run_id.bytes),
    ]
    for name, all_values in accepted.columns.items():
        values = all_values if is_all else all_values[rows]
        if np.isnan(values).all():
            continue
        if name in INTEGER_COLUMNS:
            columns.append(number_column(name, "int4", np.round(values)))
        else:
            kind = "float8" if name in DOUBLE_COLUMNS else "float4"
            columns.append(number_column(name, kind, values))
    # jsonb in binary form is the text behind a version byte.
    for name, all_texts, prefix in (
        ("data_quality", accepted.data_quality, ""),
        ("extra", accepted.extra, "\x01"),
    ):
        texts = all_texts if is_all else [all_texts[row] for row in rows.tolist()]
        if any(texts):
            columns.append(text_column(name, [text and prefix + text for text in texts]))
    return columns
