"""Bring a database of the first version over: all of it in one transaction, or nothing.

The old tables, and the views that read them, are kept in the schema argo_old.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from govern.legacy.load import (
    fill_zones_and_types,
    old_readings,
    plan_the_rest,
    run_sql,
    write_plan,
)
from govern.legacy.old_database import OLD_SCHEMA, OldDatabase, is_old_database, read_old_database
from govern.legacy.plan import plan_channel
from lib.clock import now
from lib.database import Connection, Cursor, transaction
from lib.errors import ArgoError, LockedError
from lib.schema import SCHEMA_LOCK_KEY, create_tables, told_in_one_line

# Below this many "VA" a kW the old apparent power was kept in kVA, whatever its name says.
LARGEST_KVA_PER_KW = 50.0


@dataclass
class Summary:
    """What became of an old database, in numbers. `hours` by (written hour [µs], what)."""

    old: OldDatabase
    source_timezone: str
    stored: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    values_refused: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    lengths_by_energy: int = 0
    hours: Counter[tuple[int, str]] = field(default_factory=Counter)
    zero_rows: int = 0
    apparent_power_unit: str | None = None
    copied: dict[str, int] = field(default_factory=dict)


def plan_migration(connection: Connection, source_timezone: str) -> Summary:
    """What a migration would do; changes nothing."""
    with transaction(connection) as cursor:
        _allow_a_long_transaction(cursor)
        summary = _plan(cursor, source_timezone, "public")
        connection.rollback()
    return summary


def migrate_old_database(connection: Connection, source_timezone: str) -> Summary:
    """Move the old tables aside, make the new ones and fill them, in one transaction.

    Raises ArgoError, and changes nothing, unless every old reading is stored or in quarantine.
    """
    with transaction(connection) as cursor:
        _allow_a_long_transaction(cursor)
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK_KEY,))
        if not is_old_database(cursor):
            raise LockedError("another run has just brought this database over: run it again")
        old = read_old_database(cursor)
        _move_aside(cursor, old)
        summary = _plan(cursor, source_timezone, OLD_SCHEMA, old)
        create_tables(cursor)
        with told_in_one_line("bring the old rows over"):
            _copy(cursor, summary, uuid4())
        _require_every_reading(cursor, summary)
    return summary


def _allow_a_long_transaction(cursor: Cursor) -> None:
    cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    cursor.execute("SET LOCAL statement_timeout = 0")


def _move_aside(cursor: Cursor, old: OldDatabase) -> None:
    """The old tables and every view that reads them into argo_old."""
    with told_in_one_line("move the old tables into the schema argo_old"):
        # A program that still writes into the old tables has to be stopped first.
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        cursor.execute(f"CREATE SCHEMA {OLD_SCHEMA}")
        for table in old.columns:
            cursor.execute(f"ALTER TABLE public.{table} SET SCHEMA {OLD_SCHEMA}")
        for view in old.views:
            quoted = view.replace('"', '""')
            cursor.execute(f'ALTER TABLE public."{quoted}" SET SCHEMA {OLD_SCHEMA}')
        cursor.execute("SET LOCAL lock_timeout = 0")


def _plan(
    cursor: Cursor, source_timezone: str, schema: str, old: OldDatabase | None = None
) -> Summary:
    """Decide every reading's fate, in legacy_plan and legacy_fields."""
    summary = Summary(old or read_old_database(cursor), source_timezone)
    instant = now()
    summary.apparent_power_unit = _apparent_power_unit(cursor, summary.old, schema)
    run_sql(cursor, "10_plan_tables", {})
    fill_zones_and_types(cursor, summary.old, schema)
    for rows in old_readings(cursor, summary.old, schema):
        _plan_one(cursor, summary, rows, instant)
    plan_the_rest(cursor, summary.old, schema)
    cursor.execute("ANALYZE legacy_plan")
    _count(cursor, summary)
    return summary


def _plan_one(cursor: Cursor, summary: Summary, rows: Any, instant: datetime) -> None:
    plan = plan_channel(rows, summary.source_timezone, instant)
    write_plan(cursor, rows, plan)
    summary.hours += plan.hours
    summary.lengths_by_energy += plan.by_energy
    energy, power = (rows.measures.get(name) for name in ("energy_kwh", "power_kw"))
    if energy is not None and power is not None:
        summary.zero_rows += int(((energy == 0) & (power == 0)).sum())


def _count(cursor: Cursor, summary: Summary) -> None:
    cursor.execute("SELECT reason, interval_seconds, count(*) FROM legacy_plan GROUP BY 1, 2")
    for reason, seconds, count in cursor.fetchall():
        if reason is None:
            summary.stored += count
            summary.lengths[seconds] += count
        else:
            summary.refused[reason] += count
    cursor.execute(
        "SELECT f.field || ' ' || f.reason, count(*) FROM legacy_fields AS f "
        "JOIN legacy_plan AS p USING (id) WHERE p.reason IS NULL GROUP BY 1"
    )
    summary.values_refused.update(dict(cursor.fetchall()))


def _apparent_power_unit(cursor: Cursor, old: OldDatabase, schema: str) -> str | None:
    """The unit that apparent_power_va was really kept in; sets the factor accordingly.

    Apparent power is at least the power: a few times the kW in kVA, thousands of times in VA.
    """
    name = "apparent_power_va"
    if name not in old.measures or "power_kw" not in old.measures:
        return None
    cursor.execute(
        f"SELECT count(*), count(*) FILTER (WHERE {name} < %s * power_kw) "  # noqa: S608 (ours)
        f"FROM {schema}.readings WHERE {name} > 0 AND power_kw > 0.01",
        (LARGEST_KVA_PER_KW,),
    )
    telling, in_kva = cursor.fetchone()
    if in_kva * 2 > telling:
        old.measures[name] = (old.measures[name][0], 1.0)
        return "kVA"
    return "VA"


def _copy(cursor: Cursor, summary: Summary, run_id: UUID) -> None:
    """Fill the new tables from argo_old, in the order of their references."""
    old = summary.old
    same = {"zone": summary.source_timezone, "run_id": str(run_id)}
    run_sql(cursor, "20_sites_and_channels", same)
    if "meters" in old.columns:
        run_sql(cursor, "25_meters", same)
    meter_id = "c.meter_id" if "meter_id" in old.columns["channels"] else "NULL"
    run_sql(cursor, "30_channels", same, meter_id=meter_id)
    new = {new: _value(name, factor) for name, (new, factor) in old.measures.items()}
    run_sql(cursor, "40_readings", same, columns=", ".join(new), values=", ".join(new.values()))
    _refuse_values(cursor)
    run_sql(cursor, "50_quarantine", same)
    run_sql(cursor, "70_channel_facts", same)
    run_sql(cursor, "60_logs", same)
    if "ingestion_logs" in old.columns:
        summary.copied["ingestion_logs"] = run_sql(cursor, "65_old_logs", same)
    for table in ("organizations", "devices", "meters", "channels"):
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 (fixed names)
        summary.copied[table] = cursor.fetchone()[0]
    for table in ("virtual_meters", "virtual_meter_map"):
        if _same_shape(cursor, table, old):
            summary.copied[table] = _copy_alike(cursor, table)
    cursor.execute(
        "SELECT setval(pg_get_serial_sequence('virtual_meters', 'virtual_meter_id'), "
        "max(virtual_meter_id)) FROM virtual_meters HAVING count(*) > 0"
    )


def _value(old_column: str, factor: float) -> str:
    """An old value in the new unit; through text, as 0.1::real is not 0.1 as a double."""
    if factor != 1.0:
        return f"(r.{old_column} * {factor!r}::float8)::real"
    if old_column.startswith("energy_"):
        return f"r.{old_column}::text::float8"
    return f"r.{old_column}" if old_column != "cost" else "r.cost::float8"


def _refuse_values(cursor: Cursor) -> None:
    """Null the refused values of stored rows and say why."""
    cursor.execute("SELECT DISTINCT field FROM legacy_fields ORDER BY 1")
    for (name,) in cursor.fetchall():
        cursor.execute(
            f"""
            UPDATE readings AS r
            SET {name} = NULL,
                data_quality = concat_ws('; ', r.data_quality, f.field || ' ' || f.reason)
            FROM legacy_fields AS f
            JOIN legacy_plan AS p USING (id)
            JOIN argo_old.readings AS o USING (id)
            WHERE f.field = %s AND p.reason IS NULL AND r.channel_id = o.channel_id
              AND r."timestamp" = 'epoch'::timestamptz + p.instant_us * interval '1 microsecond'
            """,  # noqa: S608 (a column of our own table)
            (name,),
        )


def _same_shape(cursor: Cursor, table: str, old: OldDatabase) -> bool:
    """True where the old table has every column that the new one cannot fill by itself."""
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND table_name = %s AND column_default IS NULL AND is_nullable = 'NO'",
        (table,),
    )
    needed = {name for (name,) in cursor.fetchall()}
    return table in old.columns and needed <= old.columns[table]


def _copy_alike(cursor: Cursor, table: str) -> int:
    cursor.execute(
        "SELECT string_agg(quote_ident(new.column_name), ', ') "
        "FROM information_schema.columns AS new JOIN information_schema.columns AS old "
        "  USING (table_name, column_name) WHERE new.table_schema = 'public' "
        "AND old.table_schema = %s AND table_name = %s AND column_name NOT LIKE '%%\\_at'",
        (OLD_SCHEMA, table),
    )
    columns = cursor.fetchone()[0]
    cursor.execute(
        f"INSERT INTO public.{table} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608 (quoted)
        f"SELECT {columns} FROM {OLD_SCHEMA}.{table}"
    )
    return int(cursor.rowcount)


def _require_every_reading(cursor: Cursor, summary: Summary) -> None:
    """Old readings = stored + refused, counted in the tables themselves."""
    cursor.execute(
        "SELECT (SELECT count(*) FROM argo_old.readings), (SELECT count(*) FROM readings), "
        "(SELECT count(*) FROM rejected_readings WHERE scope = 'row')"
    )
    before, stored, refused = cursor.fetchone()
    if before != stored + refused:
        raise ArgoError(
            f"{before} old readings, but {stored} stored and {refused} refused: "
            "nothing was changed; please report this"
        )
    summary.copied["readings"] = stored
