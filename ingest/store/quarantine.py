"""Quarantine and contradictions: nothing that arrived is dropped without a row that says why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import md5
from uuid import UUID

from psycopg2.extras import execute_values

from ingest.eniscope.fields import COLUMNS
from ingest.store.rows import EXTRA_PREFIX, Conflict, Rejection
from lib.database import Cursor

# The remarks of a row without those about one column.
_REMARKS_LEFT = """CASE WHEN r.data_quality IS NOT NULL THEN (
    SELECT string_agg(remark, '; ' ORDER BY place)
    FROM unnest(string_to_array(r.data_quality, '; ')) WITH ORDINALITY AS had (remark, place)
    WHERE NOT starts_with(remark, REMARKED)
) END"""


def save_rejections(
    cursor: Cursor, run_id: UUID, channel_id: int, rejections: Sequence[Rejection]
) -> None:
    """Quarantine; what is there already is counted once more instead of stored again.

    A row is known by its record, a single value by its time, field and text.
    """
    for scope, key in (
        ("row", "(channel_id, raw_md5) WHERE scope = 'row'"),
        (
            "field",
            "(channel_id, \"timestamp\", field, md5(coalesce(value, ''))) WHERE scope = 'field'",
        ),
    ):
        seen: dict[tuple[object, ...], list[object]] = {}
        for rejection in rejections:
            if rejection.scope != scope:
                continue
            digest = md5(rejection.raw_json.encode(), usedforsecurity=False).hexdigest()
            identity: tuple[object, ...] = (digest,)
            if scope == "field":
                identity = (rejection.timestamp_us, rejection.field, rejection.value)
            entry = seen.setdefault(
                identity, [*_rejection_row(run_id, channel_id, rejection, digest), 0]
            )
            entry[-1] += 1  # type: ignore[operator]
        execute_values(
            cursor,
            f"""
            INSERT INTO rejected_readings (run_id, channel_id, "timestamp", scope, reason, field,
                value, raw, raw_md5, units, times_seen)
            VALUES %s
            ON CONFLICT {key} DO UPDATE SET
                times_seen = rejected_readings.times_seen + excluded.times_seen,
                units = coalesce(rejected_readings.units, excluded.units)
            """,  # noqa: S608 (one of two fixed keys)
            list(seen.values()),
            template="(%s, %s, to_timestamp(%s), %s, %s, %s, %s, %s, %s, %s, %s)",
        )


def _rejection_row(
    run_id: UUID, channel_id: int, rejection: Rejection, digest: str
) -> list[object]:
    seconds = None if rejection.timestamp_us is None else rejection.timestamp_us / 1_000_000
    return [
        str(run_id),
        channel_id,
        seconds,
        rejection.scope,
        rejection.reason,
        rejection.field,
        rejection.value,
        rejection.raw_json,
        digest,
        rejection.units_json,
    ]


def save_conflicts(
    cursor: Cursor,
    channel_id: int,
    conflicts: Sequence[Conflict],
    *,
    repaired: Sequence[Conflict] = (),
) -> None:
    """Contradictions; a known one keeps its first sight, its newest offer, and every other one.

    Of those `repaired`, `replaced` keeps every value that was replaced. Of several conflicts of one
    time and field the last says what was stored.
    """
    repaired_keys = {(conflict.timestamp_us, conflict.field) for conflict in repaired}
    offers: dict[tuple[int, str], dict[str, None]] = {}
    newest: dict[tuple[int, str], Conflict] = {}
    for conflict in (*conflicts, *repaired):
        key = (conflict.timestamp_us, conflict.field)
        newest[key] = conflict
        if conflict.offered_value is not None:
            offers.setdefault(key, {})[conflict.offered_value] = None
    execute_values(
        cursor,
        """
        INSERT INTO reading_conflicts
            (channel_id, "timestamp", field, stored_value, offered_value, offers, repaired_at,
             replaced)
        VALUES %s
        ON CONFLICT (channel_id, "timestamp", field) DO UPDATE SET
            stored_value = excluded.stored_value,
            offered_value = excluded.offered_value,
            offers = reading_conflicts.offers || (
                SELECT coalesce(jsonb_agg(offer ORDER BY place), '[]')
                FROM jsonb_array_elements(excluded.offers) WITH ORDINALITY AS new (offer, place)
                WHERE NOT reading_conflicts.offers @> offer
            ),
            last_seen_at = argo_now(),
            times_seen = reading_conflicts.times_seen + 1,
            repaired_at = excluded.repaired_at,
            replaced = reading_conflicts.replaced || excluded.replaced
        """,
        [
            (
                channel_id,
                conflict.timestamp_us / 1_000_000,
                conflict.field,
                conflict.stored_value,
                conflict.offered_value,
                json.dumps(list(offers.get(key, ()))),
                key in repaired_keys,
                json.dumps([conflict.stored_value] if key in repaired_keys else []),
            )
            for key, conflict in newest.items()
        ],
        template="(%s, to_timestamp(%s), %s, %s, %s, %s::jsonb, "
        "CASE WHEN %s THEN argo_now() END, %s::jsonb)",
    )


def replace_values(cursor: Cursor, channel_id: int, conflicts: Sequence[Conflict]) -> int:
    """Overwrite stored values with the ones offered; returns how many rows changed.

    A remark about a value that is now there goes with it.
    """
    by_field: dict[str, list[tuple[float, str | None]]] = {}
    for conflict in conflicts:
        seconds = conflict.timestamp_us / 1_000_000
        by_field.setdefault(conflict.field, []).append((seconds, conflict.offered_value))
    for field, values in by_field.items():
        if field.startswith(EXTRA_PREFIX):
            code = field.removeprefix(EXTRA_PREFIX)
            change = cursor.mogrify(
                "extra = coalesce(extra, '{}') || jsonb_build_object(%s, offered.value::jsonb)",
                (code,),
            ).decode()
            change = change.replace("%", "%%")  # execute_values reads % as its own
        else:
            assert field in COLUMNS
            change = f"{field} = offered.value::float8, data_quality = {_REMARKS_LEFT}"
            change = change.replace("REMARKED", f"'{field} '")
        execute_values(
            cursor,
            f"""
            UPDATE readings AS r SET {change}
            FROM (VALUES %s) AS offered (seconds, value)
            WHERE r.channel_id = {channel_id:d} AND r."timestamp" = to_timestamp(offered.seconds)
            """,  # noqa: S608 (a column of the field table or a quoted code, and numbers of ours)
            values,
            template="(%s::float8, %s::text)",
        )
    return len({conflict.timestamp_us for conflict in conflicts})


def release_values(
    cursor: Cursor, channel_id: int, conflicts: Sequence[Conflict]
) -> list[Conflict]:
    """Take the refused values of repaired ones out of quarantine; returned as earlier offers."""
    found = execute_values(
        cursor,
        f"""
        DELETE FROM rejected_readings AS q
        USING (VALUES %s) AS repaired (seconds, field)
        WHERE q.scope = 'field' AND q.channel_id = {channel_id:d}
          AND q."timestamp" = to_timestamp(repaired.seconds) AND q.field = repaired.field
        RETURNING (repaired.seconds * 1000000)::bigint, q.field, q.value
        """,  # noqa: S608 (a number of ours)
        [(conflict.timestamp_us / 1_000_000, conflict.field) for conflict in conflicts],
        template="(%s::float8, %s::text)",
        fetch=True,
    )
    return [Conflict(timestamp_us, field, None, value) for timestamp_us, field, value in found]
