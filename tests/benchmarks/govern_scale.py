"""Does govern stay as quick when the table grows? One site of 17 channels, three histories.

    python tests/benchmarks/govern_scale.py [--millions 0.6 --millions 6 --millions 20] [--rounds 5]

For each size a fresh embedded PostgreSQL is filled by SQL with clean quarter-hours that end now.
Measured: the refresh after a sync of two days, the same as a whole process, the checks of seven
days, the whole circuit breaker as a process, and the views with the filters people use. Prints the
fastest of the rounds in milliseconds (what else the machine does only ever adds) and how far the
sizes lie apart.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from datetime import date
from typing import Any

import click
import psycopg2
from installation import measure, temporary_server

from govern.checks.check_file import load_checks
from govern.checks.runner import run_checks
from govern.checks.window import load_window
from govern.refresh_views import refresh
from govern.views.opening_hours import store_opening_hours
from lib import clock
from lib.database import transaction
from lib.embedded_postgres import EmbeddedPostgres
from lib.schema import apply_schema

# The readings end at midnight in New York; the last sync ran an hour later, and now.
END, NOW = "2026-11-16T05:00:00+00:00", "2026-11-16T06:00:00+00:00"
SITE = "23271"
CHANNELS = 17
# In a round; a process takes seconds.
REPEATS = 5
FIRST_DAY, LAST_DAY = date(2026, 11, 9), date(2026, 11, 15)

_SITE = """
INSERT INTO organizations (organization_id, organization_name, timezone)
VALUES ('23271', 'Synthetic site', 'America/New_York');
INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, interval_seconds)
SELECT 100 + n, '23271', 'Channel ' || n, CASE WHEN n = 1 THEN 'site_total' ELSE 'energy' END, 900
FROM generate_series(1, 17) AS n;
INSERT INTO virtual_meters (organization_id, name) VALUES ('23271', 'Unmetered');
INSERT INTO virtual_meter_map (virtual_meter_id, channel_id, weight)
SELECT virtual_meter_id, channel_id, CASE WHEN channel_id = 101 THEN 1 ELSE -1 END
FROM virtual_meters, channels;
"""
# Smooth curves, so that no check has anything to say; the total is well above its sub-meters.
_READINGS = """
INSERT INTO readings (
    channel_id, "timestamp", interval_seconds, run_id, power_kw, energy_kwh,
    power_kw_1, power_kw_2, power_kw_3, energy_kwh_1, energy_kwh_2, energy_kwh_3,
    voltage_v, current_a, power_factor
)
SELECT c.channel_id, at, 900, %(run_id)s, p.kw, p.kw::float8 / 4,
       p.kw / 3, p.kw / 3, p.kw / 3, p.kw::float8 / 12, p.kw::float8 / 12, p.kw::float8 / 12,
       230 + sin(extract(epoch FROM at)), p.kw * 1000 / 230 / 3 / 0.95, 0.95
FROM generate_series(
    %(end)s::timestamptz - make_interval(secs => %(steps)s * 900.0),
    %(end)s::timestamptz - interval '15 minutes', interval '15 minutes'
) AS at
CROSS JOIN channels AS c
CROSS JOIN LATERAL (
    SELECT (CASE WHEN c.channel_id = 101 THEN 110 ELSE 2 + c.channel_id %% 7 END
            + sin(extract(epoch FROM at) / 7000 + c.channel_id))::real AS kw
) AS p
"""
# A window of ingestion covers 28 days at most, as in a historical run.
_LOGS = """
INSERT INTO ingestion_logs (
    run_id, organization_id, channel_id, window_start, window_end, interval_seconds, status,
    readings_fetched, readings_inserted, requests, started_at, finished_at
)
SELECT %(run_id)s, '23271', c.channel_id, w.starts, w.ends, 900, 'success', n.steps, n.steps, 1,
       w.ends + interval '58 minutes', w.ends + interval '59 minutes'
FROM generate_series(
    %(end)s::timestamptz - make_interval(secs => %(steps)s * 900.0),
    %(end)s::timestamptz - interval '15 minutes', interval '28 days'
) AS start
CROSS JOIN LATERAL (
    SELECT start AS starts, least(start + interval '28 days', %(end)s::timestamptz) AS ends
) AS w
CROSS JOIN LATERAL (SELECT (extract(epoch FROM w.ends - w.starts) / 900)::integer AS steps) AS n
CROSS JOIN channels AS c
"""
HISTORY = "00000000-0000-4000-8000-000000000001"
SYNC = "00000000-0000-4000-8000-000000000002"
SYNC_STEPS = 2 * 96

# What is forgotten before each round is what a sync of two days brings.
_FORGET_SYNC = """
DELETE FROM mv_hourly_usage WHERE hour >= %(end)s::timestamptz - interval '2 days';
UPDATE ingestion_logs SET aggregated_at = NULL WHERE run_id = %(run_id)s;
"""

WEEK = "BETWEEN '2026-11-09' AND '2026-11-15'"
INSTANTS = """ >= '2026-11-09 05:00Z' AND {0} < '2026-11-16 05:00Z'"""
VIEWS = {
    "v_readings_hourly, 7 days": "v_readings_hourly WHERE hour" + INSTANTS.format("hour"),
    "v_readings_daily, 7 days": f"v_readings_daily WHERE day {WEEK}",
    "v_readings_daily, the site's 7 days": f"v_readings_daily WHERE day {WEEK}"
    " AND site_id = '23271' AND in_site_total",
    "v_readings_monthly, 2 months": "v_readings_monthly WHERE month >= '2026-10-01'",
    "v_readings_business_hours, 7 days": f"v_readings_business_hours WHERE day {WEEK}",
    "v_readings_enriched, 7 days": 'v_readings_enriched WHERE "timestamp"'
    + INSTANTS.format('"timestamp"'),
    "v_virtual_readings, 7 days": 'v_virtual_readings WHERE "timestamp"'
    + INSTANTS.format('"timestamp"'),
    "v_latest_readings": "v_latest_readings",
    "v_channel_health": "v_channel_health",
    "v_ingestion_quality": "v_ingestion_quality",
    "v_data_quality_scorecard": "v_data_quality_scorecard",
    "v_data_health_monitor": "v_data_health_monitor",
}


def milliseconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def fill(server: EmbeddedPostgres, readings: int) -> None:
    """Clean readings that end now, their books, and the aggregate."""
    steps = readings // CHANNELS - SYNC_STEPS
    history = {"run_id": HISTORY, "end": "2026-11-14T05:00:00Z", "steps": steps}
    sync = {"run_id": SYNC, "end": END, "steps": SYNC_STEPS}
    with closing(psycopg2.connect(server.url())) as connection:
        apply_schema(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
            cursor.execute(_SITE)
            for part in (history, sync):
                cursor.execute(_READINGS, part)
                cursor.execute(_LOGS, part)
        refresh(connection)
        with transaction(connection) as cursor:
            store_opening_hours(cursor)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")


def forget_sync(connection: Any) -> None:
    """The aggregate as it was before the last two days came."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_FORGET_SYNC, {"end": END, "run_id": SYNC})


def in_process(server: EmbeddedPostgres) -> dict[str, float]:
    """Refresh, checks and views on one open connection; milliseconds."""
    with closing(psycopg2.connect(server.url())) as connection:
        forget_sync(connection)
        taken = {"refresh after 2 days": milliseconds(lambda: refresh(connection, SITE))}
        window = load_window(connection, SITE, FIRST_DAY, LAST_DAY, clock.now())
        with transaction(connection) as cursor:
            taken["checks of 7 days"] = milliseconds(
                lambda: run_checks(cursor, load_checks(), window)
            )
        for name, view in VIEWS.items():
            with transaction(connection) as cursor:
                query = f"SELECT * FROM {view}"
                taken[name] = milliseconds(lambda: _fetch(cursor, query))  # noqa: B023
    return taken


def _fetch(cursor: Any, query: str) -> None:
    cursor.execute(query)
    if not cursor.fetchall():
        raise SystemExit(f"no row: {query}")


def whole_processes(server: EmbeddedPostgres) -> dict[str, float]:
    """The two scripts as the daily sync calls them, start-up included."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ARGO_")},
        "ARGO_ENV_FILE": "",
        "ARGO_DATA_DIR": str(server.folder),
        "DATABASE_URL": "",
        "ARGO_NOW": NOW,
    }
    commands = {
        "refresh after 2 days, process": ["govern/refresh_views.py", "--quiet"],
        "breaker on 7 days, process": [
            "govern/validate_data.py", "--quiet", "--json",
            "--start", str(FIRST_DAY), "--end", str(LAST_DAY),
        ],
    }  # fmt: skip
    with closing(psycopg2.connect(server.url())) as connection:
        forget_sync(connection)
    return {
        name: 1000 * measure([sys.executable, *command], environment).wall_seconds
        for name, command in commands.items()
    }


def rounds_of(
    servers: Mapping[float, EmbeddedPostgres], rounds: int
) -> dict[float, dict[str, list[float]]]:
    """Every round goes through all sizes, so that what else the machine does hits all alike."""
    results: dict[float, dict[str, list[float]]] = {size: {} for size in servers}
    for number in range(rounds + 1):
        for size, server in servers.items():
            parts = [*(in_process(server) for _ in range(REPEATS)), whole_processes(server)]
            # The first round warms up what a daily job finds warm.
            for part in parts if number else ():
                for name, figure in part.items():
                    results[size].setdefault(name, []).append(figure)
    return results


@click.command()
@click.option("--millions", multiple=True, type=float, default=(0.6, 6.0, 20.0), show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print every round as JSON.")
def main(millions: tuple[float, ...], rounds: int, as_json: bool) -> None:
    """Print a line per measurement: the fastest round at each size, and largest over smallest."""
    os.environ |= {"ARGO_NOW": NOW, "ARGO_ENV_FILE": ""}
    with ExitStack() as stack:
        servers = {size: stack.enter_context(temporary_server()) for size in millions}
        for size, server in servers.items():
            filled_ms = milliseconds(lambda: fill(server, int(size * 1e6)))  # noqa: B023
            click.echo(f"{size:g} million readings filled in {filled_ms / 1000:.0f} s", err=True)
        results = rounds_of(servers, rounds)
    if as_json:
        click.echo(json.dumps(results))
        return
    click.echo(f"{'[ms]':<36}" + "".join(f"{size:>9g} M" for size in millions) + "  max/min")
    for name in results[millions[0]]:
        fastest = [min(results[size][name]) for size in millions]
        figures = "".join(f"{figure:>11.1f}" for figure in fastest)
        click.echo(f"{name:<36}{figures}{max(fastest) / min(fastest):>9.2f}")


if __name__ == "__main__":
    main()
