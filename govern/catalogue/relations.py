"""Tables and views of a schema: columns, types, keys, meanings, and what each view reads.

For comparing two databases also their triggers, functions and what our roles may do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from govern.catalogue.rights import functions, rights
from lib.database import Connection, Cursor, transaction
from lib.schema import create_tables, existing_roles, give_rights, sql_files, told_in_one_line

SCRATCH_SCHEMA = "argo_expected"


@dataclass(frozen=True)
class Column:
    """One column; `origin` is the table's column that a view's column simply shows.

    `default` is an expression, or the kind of identity.
    """

    name: str
    data_type: str
    is_nullable: bool
    comment: str | None
    origin: tuple[str, str] | None = None
    default: str | None = None


@dataclass
class Relation:
    """A table or view. `constraints`, `indexes` and `triggers` are definitions, sorted."""

    name: str
    is_view: bool
    comment: str | None
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: list[str] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)
    triggers: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Catalogue:
    """A schema as a whole: relations by name, function definitions by signature, and rights.

    `rights` holds (object, role) -> what our role may do with it, by whatever grant; an object is
    such as "table readings", "function argo_now()" or "schema public".
    """

    relations: dict[str, Relation]
    functions: dict[str, str]
    rights: dict[tuple[str, str], frozenset[str]]


@contextmanager
def expected_schema(connection: Connection) -> Iterator[Cursor]:
    """All migrations and views, made in a schema of their own and taken back afterwards.

    Nothing of the database's own tables is read or changed. Raises UsageError where the login may
    not create a schema.
    """
    try:
        with connection.cursor() as cursor:
            with told_in_one_line(f"create the schema {SCRATCH_SCHEMA} (taken back at once)"):
                cursor.execute(f"CREATE SCHEMA {SCRATCH_SCHEMA}")
            cursor.execute(f"SET LOCAL search_path = {SCRATCH_SCHEMA}")
            # A function with a search path of its own would be checked against the stored tables.
            cursor.execute("SET LOCAL check_function_bodies = off")
            create_tables(cursor)
            for view in sql_files("views"):
                with told_in_one_line(f"make the view {view.name}"):
                    cursor.execute(view.text)
            yield cursor
    finally:
        connection.rollback()


def expected_relations(connection: Connection) -> dict[str, Relation]:
    """What the files of this checkout make, by name."""
    with expected_schema(connection) as cursor:
        return _relations(cursor, SCRATCH_SCHEMA)


def expected_catalogue(connection: Connection) -> Catalogue:
    """What the files of this checkout make, with the rights that they give to existing roles."""
    with expected_schema(connection) as cursor:
        cursor.execute(
            "INSERT INTO schema_views (name, checksum) SELECT unnest(%s), ''",
            ([view.name for view in sql_files("views")],),
        )
        roles = existing_roles(cursor)
        give_rights(cursor, roles, SCRATCH_SCHEMA)
        for role in sorted(roles):
            cursor.execute(f"GRANT USAGE ON SCHEMA {SCRATCH_SCHEMA} TO {role}")
        return _catalogue(cursor, SCRATCH_SCHEMA, roles)


def stored_catalogue(connection: Connection) -> Catalogue:
    """What the database has in its schema public."""
    with transaction(connection) as cursor:
        cursor.execute("SET LOCAL search_path = public")
        return _catalogue(cursor, "public", existing_roles(cursor))


def _catalogue(cursor: Cursor, schema: str, roles: set[str]) -> Catalogue:
    return Catalogue(
        _relations(cursor, schema), functions(cursor, schema), rights(cursor, schema, roles)
    )


def _relations(cursor: Cursor, schema: str) -> dict[str, Relation]:
    cursor.execute(
        "SELECT oid, relname, relkind IN ('v', 'm'), obj_description(oid, 'pg_class') "
        "FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p', 'v', 'm') "
        "ORDER BY relname",
        (schema,),
    )
    by_oid = {oid: Relation(name, is_view, comment) for oid, name, is_view, comment in cursor}
    _add_columns(cursor, by_oid)
    _add_defaults(cursor, by_oid, schema)
    _add_keys(cursor, by_oid, schema)
    _add_triggers(cursor, by_oid, schema)
    _add_reads(cursor, by_oid)
    for oid, relation in by_oid.items():
        if relation.is_view:
            _add_origins(cursor, oid, relation, by_oid)
    return {relation.name: relation for relation in by_oid.values()}


def _add_columns(cursor: Cursor, by_oid: dict[int, Relation]) -> None:
    cursor.execute(
        "SELECT attrelid, attname, format_type(atttypid, atttypmod), NOT attnotnull, "
        "col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = ANY(%s::oid[]) AND attnum > 0 AND NOT attisdropped "
        "ORDER BY attrelid, attnum",
        (list(by_oid),),
    )
    for oid, name, data_type, is_nullable, comment in cursor:
        by_oid[oid].columns[name] = Column(name, data_type, is_nullable, comment)


def _add_defaults(cursor: Cursor, by_oid: dict[int, Relation], schema: str) -> None:
    cursor.execute(
        "SELECT a.attrelid, a.attname, CASE "
        "  WHEN a.attidentity = 'a' THEN 'GENERATED ALWAYS AS IDENTITY' "
        "  WHEN a.attidentity = 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' "
        "  WHEN a.attgenerated <> '' THEN 'GENERATED ALWAYS AS ' || e.expression "
        "  ELSE e.expression END "
        "FROM pg_attribute AS a LEFT JOIN LATERAL ("
        "  SELECT pg_get_expr(d.adbin, d.adrelid) AS expression FROM pg_attrdef AS d "
        "  WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) AS e ON true "
        "WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped "
        "  AND (a.attidentity <> '' OR e.expression IS NOT NULL)",
        (list(by_oid),),
    )
    for oid, name, default in cursor:
        columns = by_oid[oid].columns
        columns[name] = replace(columns[name], default=default.replace(f"{schema}.", ""))


def _add_triggers(cursor: Cursor, by_oid: dict[int, Relation], schema: str) -> None:
    """Triggers that somebody made, not those by which PostgreSQL or an extension keeps its word."""
    cursor.execute(
        "SELECT t.tgrelid, substr(pg_get_triggerdef(t.oid), length('CREATE ') + 1) "
        "  || CASE t.tgenabled WHEN 'D' THEN ' (disabled)' WHEN 'R' THEN ' (on replicas only)' "
        "     ELSE '' END "
        "FROM pg_trigger AS t WHERE t.tgrelid = ANY(%s::oid[]) AND NOT t.tgisinternal "
        "AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass "
        "  AND d.objid = t.tgfoid AND d.deptype = 'e') ORDER BY 1, 2",
        (list(by_oid),),
    )
    for oid, definition in cursor:
        by_oid[oid].triggers.append(definition.replace(f"{schema}.", ""))


def _add_keys(cursor: Cursor, by_oid: dict[int, Relation], schema: str) -> None:
    """Keys and checks by their definition: what they are called is nobody's concern."""
    cursor.execute(
        "SELECT conrelid, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = ANY(%s::oid[]) AND contype IN ('p', 'u', 'f', 'c') ORDER BY 1, 2",
        (list(by_oid),),
    )
    for oid, definition in cursor:
        by_oid[oid].constraints.append(definition.replace(f"{schema}.", ""))
    cursor.execute(
        "SELECT i.indrelid, regexp_replace(pg_get_indexdef(i.indexrelid), "
        "'^CREATE (UNIQUE )?INDEX .* ON .* USING', '\\1INDEX USING') FROM pg_index AS i "
        "WHERE i.indrelid = ANY(%s::oid[]) AND NOT EXISTS (SELECT FROM pg_constraint AS k "
        "WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u')) ORDER BY 1, 2",
        (list(by_oid),),
    )
    for oid, definition in cursor:
        by_oid[oid].indexes.append(definition.replace(f"{schema}.", ""))


def _add_reads(cursor: Cursor, by_oid: dict[int, Relation]) -> None:
    """The tables and views that each view's rule depends on, as PostgreSQL recorded it."""
    cursor.execute(
        "SELECT DISTINCT w.ev_class, c.relname FROM pg_rewrite AS w "
        "JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid "
        "  AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class "
        "JOIN pg_class AS c ON c.oid = d.refobjid "
        "WHERE w.ev_class = ANY(%s::oid[]) AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY 1, 2",
        (list(by_oid),),
    )
    for oid, name in cursor:
        by_oid[oid].reads.append(name)


def _add_origins(
    cursor: Cursor, view_oid: int, view: Relation, by_oid: dict[int, Relation]
) -> None:
    """Which table's column a view's column shows unchanged: PostgreSQL tells it of any query."""
    cursor.execute("SELECT pg_get_viewdef(%s::oid)", (view_oid,))
    query = cursor.fetchone()[0].rstrip().rstrip(";")
    cursor.execute(f"SELECT * FROM ({query}) AS shown LIMIT 0")  # noqa: S608 (the view's own text)
    found: list[Any] = list(cursor.description or ())
    sources = [(column.name, column.table_oid, column.table_column) for column in found]
    for name, table_oid, position in sources:
        if table_oid in by_oid:
            cursor.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum = %s",
                (table_oid, position),
            )
            origin = (by_oid[table_oid].name, cursor.fetchone()[0])
            view.columns[name] = replace(view.columns[name], origin=origin)
