"""Read the old tables, wherever they lie; write the plan beside them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from psycopg2.extras import execute_values

from config.sites import site_config
from govern.legacy.local_times import UNPLACED
from govern.legacy.old_database import OldDatabase
from govern.legacy.plan import ChannelPlan, OldReadings
from lib.database import Cursor, read_columns
from lib.reading_rules import rated_power_kw
from lib.schema import SQL_FOLDER

NO_CHANNEL = "no_channel"
NO_TIMESTAMP = "no_timestamp"


def run_sql(cursor: Cursor, name: str, parameters: dict[str, Any], **parts: str) -> int:
    """Run a file of govern/sql/legacy; returns the rows of its last statement."""
    text = (SQL_FOLDER / "legacy" / f"{name}.sql").read_text(encoding="utf-8")
    for part, sql in parts.items():
        text = text.replace("{" + part + "}", sql)
    cursor.execute(text, parameters)
    return int(cursor.rowcount)


def fill_zones_and_types(cursor: Cursor, old: OldDatabase, schema: str) -> None:
    """Zones of the sites; type and status of the channels from config/sites.yaml, else energy."""
    execute_values(cursor, "INSERT INTO legacy_zones VALUES %s", list(old.zones.items()))
    cursor.execute(
        "SELECT c.channel_id, coalesce(c.organization_id, d.organization_id) "  # noqa: S608 (ours)
        f"FROM {schema}.channels AS c LEFT JOIN {schema}.devices AS d USING (device_id)"
    )
    known = []
    for channel_id, site_id in cursor.fetchall():
        channel = site_config(site_id).channel(channel_id)
        known.append((channel_id, channel.channel_type or "energy", channel.status))
    execute_values(cursor, "INSERT INTO legacy_types VALUES %s", known)


def old_readings(cursor: Cursor, old: OldDatabase, schema: str) -> Iterator[OldReadings]:
    """The placeable readings, channel by channel: those with a channel and a finite time."""
    cursor.execute(_channel_query(old, schema))
    for channel_id, site_id, ct_ratio, voltage_scale in cursor.fetchall():
        values = "".join(
            f", coalesce({name}::{_type(name)}, 'NaN'::{_type(name)})" for name in old.measures
        )
        kinds = [(name, "f8" if _type(name) == "float8" else "f4") for name in old.measures]
        columns = read_columns(
            cursor,
            f'SELECT id::bigint, "timestamp"{values} FROM {schema}.readings '  # noqa: S608 (ours)
            'WHERE channel_id = %s AND isfinite("timestamp") ORDER BY "timestamp", id',
            (channel_id,),
            [("id", "i8"), ("timestamp", "timestamp"), *kinds],
        )
        if len(columns["id"]):
            measures = {
                new: _finite(columns[name], factor) for name, (new, factor) in old.measures.items()
            }
            rated_kw = rated_power_kw(ct_ratio, voltage_scale)
            yield OldReadings(
                channel_id, site_id, rated_kw, columns["id"], columns["timestamp"], measures
            )


def _channel_query(old: OldDatabase, schema: str) -> str:
    has_meters = "meters" in old.columns and "meter_id" in old.columns["channels"]
    rating = "m.ct_ratio::float8, m.voltage_scale::float8" if has_meters else "NULL, NULL"
    meters = f"LEFT JOIN {schema}.meters AS m ON m.meter_id = c.meter_id " if has_meters else ""
    return (
        f"SELECT c.channel_id, coalesce(c.organization_id, d.organization_id), {rating} "  # noqa: S608 (ours)
        f"FROM {schema}.channels AS c LEFT JOIN {schema}.devices AS d USING (device_id) "
        f"{meters}ORDER BY 1"
    )


def _type(old_column: str) -> str:
    return "float8" if old_column == "cost" else "real"


def _finite(values: np.ndarray, factor: float) -> np.ndarray:
    """In the new unit, as float64; what is no number is told of by the database."""
    return np.where(np.isfinite(values), values, np.nan).astype(np.float64) * factor


def write_plan(cursor: Cursor, rows: OldReadings, plan: ChannelPlan) -> None:
    """Copy a channel's plan into legacy_plan and legacy_fields."""
    lines = io.StringIO()
    for row_id, instant_us, seconds, reason, culprit in zip(
        rows.row_id.tolist(),
        plan.instant_us.tolist(),
        plan.seconds.tolist(),
        plan.reason.tolist(),
        plan.culprit.tolist(),
        strict=True,
    ):
        instant = r"\N" if instant_us == UNPLACED else instant_us
        lines.write(f"{row_id}\t{instant}\t{seconds}\t{reason or chr(92) + 'N'}\t")
        lines.write(f"{culprit or chr(92) + 'N'}\n")
    lines.seek(0)
    cursor.copy_expert("COPY legacy_plan FROM STDIN", lines)
    execute_values(
        cursor,
        "INSERT INTO legacy_fields (id, field, value, reason) VALUES %s",
        [
            (int(rows.row_id[row]), name, repr(value), "out_of_range")
            for row, name, value in plan.fields
        ],
    )


def plan_the_rest(cursor: Cursor, old: OldDatabase, schema: str) -> None:
    """Rows without channel or time, and single values that are no number."""
    cursor.execute(
        f"""
        INSERT INTO legacy_plan (id, interval_seconds, reason, field)
        SELECT id, 0,
            CASE WHEN channel_id IS NULL THEN %s ELSE %s END,
            CASE WHEN channel_id IS NULL THEN 'channel_id' ELSE 'timestamp' END
        FROM {schema}.readings
        WHERE channel_id IS NULL OR "timestamp" IS NULL OR NOT isfinite("timestamp")
        """,  # noqa: S608 (ours)
        (NO_CHANNEL, NO_TIMESTAMP),
    )
    no_number = "('NaN', 'Infinity', '-Infinity')"
    numbers = {name: new for name, (new, _) in old.measures.items()}
    listed = ", ".join(f"({new!r}, {name}::text)" for name, new in numbers.items())
    # A sum is a number when each of its terms is one: one test a row instead of thirty.
    total = " + ".join(f"coalesce({name}, 0)::float8" for name in numbers)
    cursor.execute(
        f"""
        INSERT INTO legacy_fields (id, field, value, reason)
        SELECT r.id, v.field, v.value, 'not_a_number'
        FROM {schema}.readings AS r
        CROSS JOIN LATERAL (VALUES {listed}) AS v (field, value)
        WHERE ({total}) IN {no_number} AND v.value IN {no_number}
        """  # noqa: S608 (columns of our own table)
    )
