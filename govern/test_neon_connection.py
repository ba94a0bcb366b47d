"""Try the way to the database: TLS, pooler, latency, version, extensions, time zone.

Reads   DATABASE_URL (the embedded server when it is unset)
Writes  nothing
Exits   0 connected, 1 not (the certificate does not fit, the host does not answer), 2 settings

    npm run db:test-neon
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from statistics import median
from time import perf_counter
from typing import Any

import click

from lib.cli import script
from lib.database import Connection, Server, connect, fetch_all, owner_server

ROUND_TRIPS = 11
NEON_HOST = re.compile(
    r"^(?P<endpoint>ep-[\w-]+?)(?P<pooler>-pooler)?\.(?:c-\d+\.)?(?P<region>[\w-]+)\.(?P<cloud>\w+)"
    r"\.neon\.tech$"
)


def look_at(connection: Connection, server: Server, connect_ms: float) -> dict[str, Any]:
    """What the connection is like."""
    (facts,) = fetch_all(
        connection,
        "SELECT current_setting('server_version') AS server_version, "
        "current_setting('TimeZone') AS time_zone, current_database() AS database, "
        "current_user AS login, pg_backend_pid() AS backend_pid, "
        "(SELECT array_agg(extname || ' ' || extversion ORDER BY extname) FROM pg_extension) "
        "AS extensions",
    )
    # Behind a pooler the session that answers is not the one that was greeted.
    is_pooled = facts.pop("backend_pid") != connection.info.backend_pid
    neon = NEON_HOST.match(connection.info.host or "")
    return {
        "server": server.name,
        "region": f"{neon['region']} ({neon['cloud']})" if neon else None,
        **facts,
        "is_pooled": is_pooled or bool(neon and neon["pooler"]),
        "tls": tls(connection),
        "connect_ms": round(connect_ms, 1),
        "round_trip_ms": round(round_trip_ms(connection), 2),
    }


def tls(connection: Connection) -> dict[str, Any]:
    """The connection's encryption, and what was made sure of the server's certificate."""
    mode = connection.info.dsn_parameters.get("sslmode")
    in_use = connection.info.ssl_in_use
    checked = {"verify-full": "authority and host name", "verify-ca": "authority only"}
    return {
        "in_use": in_use,
        "protocol": connection.info.ssl_attribute("protocol") if in_use else None,
        "sslmode": mode,
        "verified": checked.get(mode) if in_use else None,
    }


def round_trip_ms(connection: Connection) -> float:
    """Median time of a statement that does nothing [ms]."""
    times = []
    connection.autocommit = True
    with connection.cursor() as cursor:
        for _ in range(ROUND_TRIPS):
            start = perf_counter()
            cursor.execute("SELECT 1")
            times.append((perf_counter() - start) * 1000)
    return median(times)


def show(found: dict[str, Any]) -> None:
    """The same as text."""
    encryption = found["tls"]
    click.echo(f"server      {found['server']}, login {found['login']}")
    if found["region"]:
        click.echo(f"region      {found['region']}")
    click.echo(f"version     PostgreSQL {found['server_version']}, time zone {found['time_zone']}")
    if encryption["in_use"]:
        verified = encryption["verified"] or "nothing"
        click.echo(
            f"encryption  {encryption['protocol']}, sslmode {encryption['sslmode']}; "
            f"verified: {verified}"
        )
    else:
        click.echo("encryption  none")
    click.echo(f"way         {'through a pooler' if found['is_pooled'] else 'direct'}")
    click.echo(
        f"latency     {found['round_trip_ms']} ms a round trip (median of {ROUND_TRIPS}), "
        f"{found['connect_ms']} ms to connect"
    )
    click.echo(f"extensions  {', '.join(found['extensions'] or [])}")


@script(
    epilog="Examples:\n  python govern/test_neon_connection.py\n"
    "  python govern/test_neon_connection.py --json"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(as_json: bool) -> None:
    """Connect as every script does, and say what the connection is like."""
    server = owner_server()
    start = perf_counter()
    with closing(connect(server)) as connection:
        found = look_at(connection, server, (perf_counter() - start) * 1000)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
