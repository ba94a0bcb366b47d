"""The functions of a schema, and what our two roles may do with what is in it."""

from __future__ import annotations

from lib.database import Cursor

TABLE_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
COLUMN_RIGHTS = ("SELECT", "INSERT", "UPDATE")


def functions(cursor: Cursor, schema: str) -> dict[str, str]:
    """Signature -> definition of every function; the search path has to be the schema alone."""
    cursor.execute(
        "SELECT proname || '(' || oidvectortypes(proargtypes) || ')', pg_get_functiondef(oid) "
        "FROM pg_proc WHERE pronamespace = %s::regnamespace AND prokind IN ('f', 'p') ORDER BY 1",
        (schema,),
    )
    # Only the head names the schema of its own accord; a body says what its author wrote.
    return {
        signature: definition.replace(f"FUNCTION {schema}.", "FUNCTION ", 1)
        for signature, definition in cursor
    }


def rights(cursor: Cursor, schema: str, roles: set[str]) -> dict[tuple[str, str], frozenset[str]]:
    """(object, role) -> what the role may do, whether granted to it, to all, or by membership."""
    found: dict[tuple[str, str], set[str]] = {}
    for query, parameters in (
        (_ON_TABLES, (list(roles), list(TABLE_RIGHTS), schema)),
        (_ON_COLUMNS, (list(roles), list(COLUMN_RIGHTS), schema)),
        (_ON_FUNCTIONS, (list(roles), schema)),
        (_ON_SCHEMA, (list(roles), schema)),
    ):
        cursor.execute(query, parameters)
        for name, role, right in cursor:
            found.setdefault((name, role), set()).add(right)
    return {key: frozenset(allowed) for key, allowed in found.items()}


_ON_TABLES = """
SELECT CASE WHEN c.relkind IN ('v', 'm') THEN 'view ' ELSE 'table ' END || c.relname, r.role,
       p.allowed
FROM pg_class AS c, unnest(%s) AS r (role), unnest(%s) AS p (allowed)
WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND has_table_privilege(r.role, c.oid, p.allowed)
"""
_ON_COLUMNS = """
SELECT CASE WHEN c.relkind IN ('v', 'm') THEN 'view ' ELSE 'table ' END || c.relname, r.role,
       p.allowed || ' on some columns'
FROM pg_class AS c, unnest(%s) AS r (role), unnest(%s) AS p (allowed)
WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND has_any_column_privilege(r.role, c.oid, p.allowed)
  AND NOT has_table_privilege(r.role, c.oid, p.allowed)
"""
_ON_FUNCTIONS = """
SELECT 'function ' || p.proname || '(' || oidvectortypes(p.proargtypes) || ')', r.role, 'EXECUTE'
FROM pg_proc AS p JOIN unnest(%s) AS r (role) ON has_function_privilege(r.role, p.oid, 'EXECUTE')
WHERE p.pronamespace = %s::regnamespace
"""
_ON_SCHEMA = """
SELECT 'schema public', r.role, 'USAGE'
FROM pg_namespace AS n, unnest(%s) AS r (role)
WHERE n.nspname = %s AND has_schema_privilege(r.role, n.oid, 'USAGE')
"""
