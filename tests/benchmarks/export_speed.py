"""How long the exports of half a million readings take, as whole processes.

    python tests/benchmarks/export_speed.py [--readings 500000] [--rounds 3]

A fresh embedded PostgreSQL is filled by SQL with clean quarter-hours of 17 channels. Printed: the
fastest of the rounds [s] (what else the machine does only ever adds), the processor time of the
process, and the ratio to a bare COPY of the same readings in the same run, which depends less on
the machine than the seconds do.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import time
from contextlib import closing
from pathlib import Path

import click
import psycopg2
from govern_scale import SITE, fill
from installation import Usage, measure, temporary_server

from lib.embedded_postgres import EmbeddedPostgres

NOW = "2026-11-16T06:00:00Z"
LAST_DAY = "2026-11-15"
TABLEAU, RAW = "deliver/export_for_tableau.py", "deliver/export_raw_monthly.py"
NO_FINDINGS = ("--findings-weeks", "0")
# Name, script and options, and the limit of the readings themselves [s].
EXPORTS: tuple[tuple[str, str, tuple[str, ...], float | None], ...] = (
    ("csv", TABLEAU, NO_FINDINGS, 4.0),
    ("csv, findings of 4 weeks", TABLEAU, (), None),
    ("hyper", TABLEAU, ("--hyper", *NO_FINDINGS), 2.0),
    ("parquet", TABLEAU, ("--format", "parquet", *NO_FINDINGS), None),
    ("csv by month", TABLEAU, ("--by-month", *NO_FINDINGS), None),
    ("csv by month, unchanged", TABLEAU, ("--by-month", *NO_FINDINGS), None),
    ("raw csv.gz", RAW, (), None),
    ("raw csv.gz, unchanged", RAW, (), None),
)
_BARE = """COPY (
    SELECT channel_id, "timestamp", energy_kwh, power_kw, voltage_v, current_a, power_factor,
           temperature_c, relative_humidity
    FROM v_readings_enriched WHERE site_id = '23271'
) TO STDOUT (FORMAT csv)"""
_VERDICT = """
INSERT INTO validation_runs (organization_id, window_start, window_end, verdict, checks, started_at,
                             finished_at, last_log_id)
SELECT '23271', min("timestamp") - interval '1 day', max("timestamp") + interval '1 day', 'pass',
       '[]', now(), now(), (SELECT max(id) FROM ingestion_logs)
FROM readings
"""


def bare_copy_seconds(server: EmbeddedPostgres) -> float:
    """The readings as PostgreSQL itself writes them, into memory."""
    with closing(psycopg2.connect(server.url())) as connection, connection.cursor() as cursor:
        started = time.perf_counter()
        cursor.copy_expert(_BARE, io.BytesIO())
        return time.perf_counter() - started


def first_whole_month(server: EmbeddedPostgres) -> str:
    """The first day of the first month that is stored from its beginning."""
    with closing(psycopg2.connect(server.url())) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT (date_trunc('month', min(day)) + interval '1 month')::date::text "
                       "FROM mv_hourly_usage")  # fmt: skip
        return str((cursor.fetchone() or ("",))[0])


def one_round(
    server: EmbeddedPostgres, environment: dict[str, str], first_day: str
) -> tuple[float, dict[str, Usage]]:
    """A bare COPY, then every export once; the unchanged ones find the files of those before."""
    bare, used = bare_copy_seconds(server), {}
    for name, script, options, _ in EXPORTS:
        out = server.folder / "out" / script.replace("/", "-") / name.removesuffix(", unchanged")
        if not name.endswith("unchanged"):
            shutil.rmtree(out, ignore_errors=True)
        start = first_day if script == RAW else environment["FIRST_DAY"]
        period = ("--site", SITE, "--start", start, "--end", LAST_DAY)
        command = [sys.executable, script, *period, *options, "--quiet", "--out", str(out)]
        used[name] = measure(command, environment)
    return bare, used


@click.command()
@click.option("--readings", default=500_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(readings: int, rounds: int) -> None:
    """Print the fastest of the rounds."""
    with temporary_server() as server:
        fill(server, readings)
        with closing(psycopg2.connect(server.url())) as connection, connection:
            cursor = connection.cursor()
            cursor.execute(_VERDICT)
            cursor.execute("SELECT (min(day) + 1)::text FROM mv_hourly_usage")
            first_day = str(cursor.fetchone()[0])
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ARGO_")},
            "ARGO_ENV_FILE": "", "ARGO_DATA_DIR": str(Path(server.folder)), "DATABASE_URL": "",
            "ARGO_NOW": NOW, "FIRST_DAY": first_day,
        }  # fmt: skip
        whole = first_whole_month(server)
        results = [one_round(server, environment, whole) for _ in range(rounds)]
    bare = min(seconds for seconds, _ in results)
    click.echo(f"{'bare COPY of the readings':<26} {bare:6.2f} s")
    for name, _, _, limit in EXPORTS:
        wall = min(used[name].wall_seconds for _, used in results)
        cpu = min(used[name].cpu_seconds for _, used in results)
        peak = max(used[name].peak_mb for _, used in results)
        ratio = min(used[name].wall_seconds / seconds for seconds, used in results)
        wanted = f"  limit {limit:g} s" if limit else ""
        click.echo(
            f"{name:<26} {wall:6.2f} s  cpu {cpu:5.2f} s  {peak:4.0f} MB  "
            f"{ratio:5.1f} x the bare COPY{wanted}"
        )


if __name__ == "__main__":
    main()
