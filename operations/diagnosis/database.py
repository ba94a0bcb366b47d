"""What is looked at of the database: reach, clock, schema, freshness, who is at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

from govern.check_database import schema_problems
from lib.database import Connection, Server, connect, fetch_all, owner_server
from lib.errors import ArgoError
from lib.lock import LOCK_CLASS
from operations.diagnosis.api import clock_finding
from operations.diagnosis.finding import Finding, isolated
from operations.health.load import load_health

OLDEST_VERSION = 14
# A sync of all sites takes minutes; one that holds its lock for so long hangs.
LONGEST_RUN = timedelta(hours=6)

_FACTS = """
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::integer / 10000 AS major,
       pg_database_size(current_database()) AS size_bytes, clock_timestamp() AS clock
"""
_HOLDERS = """
SELECT a.application_name AS program, a.xact_start AS since
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = %s AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY a.xact_start
"""


def database_findings() -> Iterator[Finding]:
    """Reach the database, then look at each thing in it; one that fails hides no other."""
    try:
        server = owner_server()
        opened = connect(server)
    except ArgoError as error:
        yield Finding(
            "database", "problem", str(error), "check DATABASE_URL and that the server runs"
        )
        return
    with closing(opened) as connection:
        yield from isolated("database", partial(facts_findings, connection, server))
        fits = isolated("schema", partial(schema_findings, connection, server))
        yield from fits
        if all(finding.state == "ok" for finding in fits):
            yield from isolated("freshness", partial(freshness_findings, connection))
        else:
            yield Finding("freshness", "skipped", "the schema has to fit first")
        yield from isolated("lock", partial(lock_findings, connection))


def facts_findings(connection: Connection, server: Server) -> Iterator[Finding]:
    """Which server it is, how large, and what its clock shows."""
    (facts,) = fetch_all(connection, _FACTS)
    text = f"{server.name}: PostgreSQL {facts['version']}, {facts['size_bytes'] / 1e6:,.0f} MB"
    if facts["major"] < OLDEST_VERSION:
        yield Finding("database", "problem", text, f"PostgreSQL {OLDEST_VERSION} is the oldest")
    else:
        yield Finding("database", "ok", text)
    yield clock_finding("the database", facts["clock"], datetime.now(UTC))


def schema_findings(connection: Connection, server: Server) -> Iterator[Finding]:
    """Whether tables and views are those of this checkout."""
    problems = schema_problems(connection)
    for problem in problems:
        what, _, advice = problem.rpartition(": ")
        if server.is_embedded and "run npm run db:migrate" in problem:
            # Every script brings the embedded server up to date by itself.
            yield Finding("schema", "note", what, "the next script does it; or npm run db:migrate")
        else:
            yield Finding("schema", "problem", what or problem, advice if what else "")
    if not problems:
        yield Finding("schema", "ok", "tables and views are those of this checkout")


def freshness_findings(connection: Connection) -> Iterator[Finding]:
    """Whether data comes in, site by site."""
    (row,) = fetch_all(connection, "SELECT count(*) AS sites FROM v_sites")
    if not row["sites"]:
        yield Finding("freshness", "note", "no site is stored yet", "npm run py:ingest")
        return
    for site in load_health(connection, None):
        told = ", ".join(f"{count} {state}" for state, count in site.counts.items() if count)
        text = f"{site.site_name} ({site.site_id}): " + "; ".join([*site.problems, told])
        if site.state in ("critical", "warning"):
            advice = f"npm run py:operations:health -- --site {site.site_id}"
            yield Finding("freshness", "problem", text, advice)
        else:
            yield Finding("freshness", "ok", text)


def lock_findings(connection: Connection) -> Iterator[Finding]:
    """Who is at work, and whether for so long that it must hang."""
    holders = fetch_all(connection, _HOLDERS, (LOCK_CLASS,))
    if not holders:
        yield Finding("lock", "ok", "no run is at work")
    for holder in holders:
        # Of sessions of another login the server tells nothing.
        program, since = holder["program"] or "another login", holder["since"]
        text = f"a run is at work: {program}" + (
            f", since {since:%Y-%m-%d %H:%M %Z}" if since else ""
        )
        if since is not None and datetime.now(UTC) - since > LONGEST_RUN:
            yield Finding("lock", "problem", text, "it hangs: end that process")
        else:
            yield Finding("lock", "note", text)
