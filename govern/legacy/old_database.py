"""Is this a database of the first version, what does it hold, and what stands in the way?"""

from __future__ import annotations

from dataclasses import dataclass, field

from config.sites import site_config
from lib.database import Cursor
from lib.date_utils import zone
from lib.errors import UsageError

OLD_SCHEMA = "argo_old"
TABLES = (
    "organizations",
    "devices",
    "meters",
    "channels",
    "readings",
    "ingestion_logs",
    "data_sync_status",
    "virtual_meters",
    "virtual_meter_map",
)
# Old column -> (new column, factor). power_w and energy_wh were named for other units than theirs.
MEASURES: dict[str, tuple[str, float]] = {
    **{
        name: (name, 1.0)
        for name in (
            "energy_kwh", "power_kw", "voltage_v", "current_a", "power_factor",
            "reactive_power_kvar", "temperature_c", "relative_humidity", "frequency_hz",
            "neutral_current_a", "thd_current", "cost",
        )
    },
    "apparent_power_va": ("apparent_power_kva", 1e-3),
    **{
        f"{old}{phase}": (f"{new}_{phase}", 1.0)
        for old, new in (
            ("energy_wh", "energy_kwh"),
            ("power_w", "power_kw"),
            ("voltage_v", "voltage_v"),
            ("current_a", "current_a"),
            ("power_factor_", "power_factor"),
        )
        for phase in (1, 2, 3)
    },
}  # fmt: skip


@dataclass(frozen=True)
class OldDatabase:
    """What is there: columns and row counts by table, and the views that read them."""

    columns: dict[str, frozenset[str]]
    rows: dict[str, int]
    zones: dict[str, str]
    views: tuple[str, ...] = ()
    measures: dict[str, tuple[str, float]] = field(default_factory=dict)


def is_old_database(cursor: Cursor) -> bool:
    """True where `readings` has the first version's serial id and times without a zone."""
    cursor.execute(
        """
        SELECT count(*) FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name = 'readings'
          AND ((column_name = 'id')
               OR (column_name = 'timestamp' AND data_type = 'timestamp without time zone'))
        """
    )
    return bool(cursor.fetchone()[0] == 2)


def read_old_database(cursor: Cursor) -> OldDatabase:
    """Take stock. Raises UsageError, one line, for what a person has to settle first."""
    columns = _columns(cursor)
    missing = [name for name in ("organizations", "channels") if name not in columns]
    if missing:
        raise UsageError(f"the old database has no table {missing[0]}: nothing was changed")
    _refuse_foreign_dependents(cursor)
    rows = {}
    for table in columns:
        cursor.execute(f"SELECT count(*) FROM public.{table}")  # noqa: S608 (one of TABLES)
        rows[table] = cursor.fetchone()[0]
    return OldDatabase(
        columns=columns,
        rows=rows,
        zones=_zones(cursor),
        views=_views(cursor),
        measures={old: new for old, new in MEASURES.items() if old in columns["readings"]},
    )


def _columns(cursor: Cursor) -> dict[str, frozenset[str]]:
    cursor.execute(
        "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns "
        "JOIN information_schema.tables USING (table_schema, table_name) "
        "WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name = ANY(%s) "
        "GROUP BY table_name",
        (list(TABLES),),
    )
    found = {name: frozenset(columns) for name, columns in cursor.fetchall()}
    return {name: found[name] for name in TABLES if name in found}


def _zones(cursor: Cursor) -> dict[str, str]:
    """Zone of every site: as stored, else from config/sites.yaml, never guessed."""
    cursor.execute("SELECT organization_id, timezone FROM public.organizations ORDER BY 1")
    zones = {}
    for site_id, stored in cursor.fetchall():
        name = stored or site_config(site_id).timezone
        if not name:
            raise UsageError(
                f"site {site_id} has no time zone in the old database: "
                "add it to config/sites.yaml (timezone: ...)"
            )
        zones[site_id] = str(zone(name))
    cursor.execute(
        """
        SELECT c.channel_id FROM public.channels AS c
        LEFT JOIN public.devices AS d USING (device_id)
        WHERE coalesce(c.organization_id, d.organization_id) IS NULL ORDER BY 1
        """
    )
    homeless = [str(channel_id) for (channel_id,) in cursor.fetchall()]
    if homeless:
        raise UsageError(
            f"channel {', '.join(homeless[:5])} belongs to no site in the old database: "
            "set channels.organization_id first"
        )
    return zones


# Views over the old tables, views over those, and so on; a view's rule is what depends.
_DEPENDENT_VIEWS = """
WITH RECURSIVE reading AS (
    SELECT c.oid FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(%(tables)s)
      AND c.relkind IN ('r', 'p')
    UNION
    SELECT w.ev_class FROM reading
    JOIN pg_depend AS d ON d.refobjid = reading.oid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite AS w ON w.oid = d.objid
)
SELECT c.relname, c.relnamespace::regnamespace::text, c.relkind
FROM reading JOIN pg_class AS c USING (oid)
WHERE c.relkind IN ('v', 'm')
ORDER BY 2, 1
"""


def _views(cursor: Cursor) -> tuple[str, ...]:
    cursor.execute(_DEPENDENT_VIEWS, {"tables": list(TABLES)})
    return tuple(name for name, schema, _ in cursor.fetchall() if schema == "public")


def _refuse_foreign_dependents(cursor: Cursor) -> None:
    """What would go on reading the old tables unseen has to be settled by its owner."""
    cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", (OLD_SCHEMA,))
    if cursor.fetchone()[0]:
        raise UsageError(f"the schema {OLD_SCHEMA} exists already: rename or drop it first")
    cursor.execute(_DEPENDENT_VIEWS, {"tables": list(TABLES)})
    for name, schema, _ in cursor.fetchall():
        if schema != "public":
            raise UsageError(
                f"the view {schema}.{name} reads the old tables and would go on reading them: "
                "drop it first, and make it again on the new views afterwards"
            )
    cursor.execute(
        """
        SELECT k.conrelid::regclass::text, k.confrelid::regclass::text
        FROM pg_constraint AS k
        JOIN pg_class AS c ON c.oid = k.conrelid
        JOIN pg_class AS t ON t.oid = k.confrelid
        WHERE k.contype = 'f' AND t.relname = ANY(%(tables)s)
          AND t.relnamespace = 'public'::regnamespace
          AND NOT (c.relname = ANY(%(tables)s) AND c.relnamespace = 'public'::regnamespace)
        """,
        {"tables": list(TABLES)},
    )
    found = cursor.fetchone()
    if found:
        raise UsageError(
            f"the table {found[0]} refers to the old table {found[1]}: drop that foreign key first"
        )
