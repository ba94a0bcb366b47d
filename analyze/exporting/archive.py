"""Read stored readings as they are, a site's month at a time, for an archive.

Reads   v_readings_enriched (every measured column it has), v_meters, readings_fingerprint()
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Literal

from lib.database import Connection, fetch_all, transaction
from lib.date_utils import Period

Kind = Literal["integer", "double", "single", "boolean", "time", "text"]
# Names and roles may change; an archive of what was measured must not change with them.
_NOT_STORED_WITH_A_READING = frozenset(
    {
        "site_name",
        "channel_name",
        "channel_type",
        "is_additive",
        "in_site_total",
        "timestamp_local",
    }
)
# By PostgreSQL's type numbers; anything else is text.
_KINDS: dict[int, Kind] = {
    20: "integer", 23: "integer", 21: "integer", 701: "double", 700: "single", 16: "boolean",
    1184: "time",
}  # fmt: skip


@dataclass(frozen=True)
class RawColumn:
    """A stored column and what kind of value it holds."""

    name: str
    kind: Kind


def raw_columns(connection: Connection) -> tuple[RawColumn, ...]:
    """Every column of a stored reading that the reader role may see, in the view's order."""
    with transaction(connection) as cursor:
        cursor.execute("SELECT * FROM v_readings_enriched LIMIT 0")
        found = cursor.description or ()
    return tuple(
        RawColumn(column.name, _KINDS.get(column.type_code, "text"))
        for column in found
        if column.name not in _NOT_STORED_WITH_A_READING
    )


def copy_month(
    connection: Connection,
    site_id: str,
    month: Period,
    columns: tuple[RawColumn, ...],
    file: BinaryIO,
) -> None:
    """Write the month's readings as CSV with a header, in the order of channel and time.

    Times are UTC (`2026-11-01 05:30:00+00`), numbers have all stored digits, null is empty.
    """
    listed = ", ".join(f'"{column.name}"' for column in columns)
    with transaction(connection) as cursor:
        # For this transaction only: the file must not depend on the server's settings.
        cursor.execute(
            "SELECT set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true), "
            "set_config('extra_float_digits', '1', true)"
        )
        query = cursor.mogrify(
            f"SELECT {listed} FROM v_readings_enriched "  # noqa: S608 (names from the database)
            'WHERE site_id = %s AND "timestamp" >= %s AND "timestamp" < %s '
            'ORDER BY channel_id, "timestamp"',
            [site_id, month.start, month.end],
        ).decode()
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)", file)


def month_channels(
    connection: Connection, site_id: str, month: Period, due_until: datetime
) -> list[dict[str, Any]]:
    """Rows, energy and completeness of each channel that reported in the month or should have.

    `expected` counts intervals between the later of the month's start and the installation, and the
    earlier of the month's end and `due_until`, at the length that the month's readings have.
    """
    return fetch_all(
        connection,
        """
        WITH received AS (
            SELECT channel_id, count(*) AS rows, sum(energy_kwh) AS energy_kwh,
                   min("timestamp") AS first_utc, max("timestamp") AS last_utc,
                   avg(interval_seconds) AS interval_seconds
            FROM v_readings_enriched
            WHERE site_id = %(site_id)s
              AND "timestamp" >= %(start)s AND "timestamp" < %(end)s
            GROUP BY channel_id
        )
        SELECT m.channel_id, m.channel_name, m.channel_type, coalesce(r.rows, 0) AS rows,
               r.energy_kwh, r.first_utc, r.last_utc,
               greatest(coalesce(r.rows, 0), floor(
                   extract(epoch FROM least(%(end)s, %(due_until)s)
                                      - greatest(%(start)s, m.installed_at))
                   / coalesce(r.interval_seconds, m.interval_seconds, 900)
               ))::bigint AS expected
        FROM v_meters AS m
        LEFT JOIN received AS r USING (channel_id)
        WHERE m.site_id = %(site_id)s
          AND (r.rows > 0 OR (m.status = 'active' AND m.channel_type <> 'virtual'
                              AND coalesce(m.installed_at < %(end)s, true)))
        ORDER BY m.channel_id
        """,
        {"site_id": site_id, "start": month.start, "end": month.end, "due_until": due_until},
    )
