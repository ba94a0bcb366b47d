"""The fields without a column of known rows: where they differ from what is stored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson

from ingest.store.rows import EXTRA_PREFIX, Accepted, Conflict
from lib.database import Cursor

# jsonb keeps the number as it was written; only rounding by another writer would change it.
NOISE = 1e-9


def extra_conflicts(
    cursor: Cursor, channel_id: int, accepted: Accepted, known: np.ndarray
) -> list[Conflict]:
    """Contradictions in `readings.extra`; a field that the answer leaves out is none."""
    offered = {
        int(accepted.timestamp_us[row]): accepted.extra[row]
        for row in np.flatnonzero(known).tolist()
        if accepted.extra[row] is not None
    }
    if not offered:
        return []
    cursor.execute(
        'SELECT (extract(epoch FROM "timestamp") * 1000000)::bigint, extra::text FROM readings '
        'WHERE channel_id = %s AND "timestamp" BETWEEN to_timestamp(%s) AND to_timestamp(%s)',
        (channel_id, min(offered) / 1_000_000, max(offered) / 1_000_000),
    )
    conflicts: list[Conflict] = []
    for timestamp_us, stored_text in cursor.fetchall():
        conflicts += extra_differences(timestamp_us, stored_text, offered.get(timestamp_us))
    return conflicts


def extra_differences(
    timestamp_us: int, stored_text: str | None, offered_text: str | None
) -> list[Conflict]:
    """What one row's fields, as JSON text, offer otherwise than the stored ones; what they leave
    out is no difference.
    """
    if offered_text is None or offered_text == stored_text:
        return []
    stored, offered = _fields(stored_text), _fields(offered_text)
    return [
        Conflict(timestamp_us, EXTRA_PREFIX + code, _text(stored.get(code)), _text(value))
        for code, value in offered.items()
        if not _same(stored.get(code), value)
    ]


def _fields(text: str | None) -> dict[str, Any]:
    """The fields by code; what json_text could only keep as one text has no code."""
    value = orjson.loads(text) if text else {}
    return value if isinstance(value, dict) else {"": value}


def _same(stored: Any, offered: Any) -> bool:
    if isinstance(stored, int | float) and isinstance(offered, int | float):
        return math.isclose(stored, offered, rel_tol=NOISE, abs_tol=NOISE)
    return bool(stored == offered)


def _text(value: Any) -> str | None:
    """A value as JSON text; None for a missing one."""
    return None if value is None else orjson.dumps(value).decode()
