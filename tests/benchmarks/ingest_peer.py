"""Ingest beside dlt: the same API, the same PostgreSQL, rows per second of whole processes.

    python -m venv /somewhere/dlt && /somewhere/dlt/bin/pip install 'dlt[postgres]' requests
    python tests/benchmarks/ingest_peer.py --python /somewhere/dlt/bin/python [--days 28]

dlt loads the rows as they come (no rules, units, quarantine or log), in parallel over the channels,
appended without a key, and merged by key ("upsert"), which like ingest may be run again; each with
its own INSERT files and with CSV, its fastest. Skips with one line where dlt is not installed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import click
import psycopg2
from installation import fresh_installation, measure

from lib.embedded_postgres import EmbeddedPostgres

PEER = Path(__file__).with_name("dlt_peer.py")
WAYS = tuple((way, kind) for kind in ("insert_values", "csv") for way in ("append", "merge"))
TARGET = 5


def peer_version(python: str) -> str | None:
    """dlt's version in the environment of this interpreter; None where it is not installed."""
    probe = "import dlt, psycopg2, requests; print(dlt.__version__)"
    try:
        done = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def count_rows(server: EmbeddedPostgres, schema: str) -> int:
    """What a candidate has stored, each reading once."""
    with closing(psycopg2.connect(server.url())) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(DISTINCT (channel_id, ts)) FROM {schema}.readings")
        (rows,) = cursor.fetchone()
    return int(rows)


def one_round(python: str, days: int) -> dict[str, float]:
    """Rows per second by candidate."""
    rates = {}
    with fresh_installation("--clean") as environment:
        run = [sys.executable, "ingest/ingest_to_postgres.py", "--json", "--quiet"]
        used = measure([*run, "--days", str(days)], environment)
        rates["ingest"] = json.loads(used.stdout)["inserted"] / used.wall_seconds
        server = EmbeddedPostgres(Path(environment["ARGO_DATA_DIR"]))
        socket_dir = quote(str(server.socket_dir), safe="")
        # dlt asks for a password; the server, whose socket is private, does not.
        url = f"postgresql://postgres:none@localhost/argo?host={socket_dir}"
        settings = {**environment, "RUNTIME__DLTHUB_TELEMETRY": "false"}
        for disposition, file_format in WAYS:
            command = [python, str(PEER), url, str(days), disposition, file_format]
            used = measure(command, settings)
            rows = count_rows(server, f"peer_{disposition}_{file_format}")
            rates[f"dlt {disposition}, {file_format}"] = rows / used.wall_seconds
    return rates


@click.command()
@click.option(
    "--python", default=sys.executable, help="Interpreter of an environment that has dlt[postgres]."
)
@click.option("--days", default=28, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(python: str, days: int, rounds: int) -> None:
    """Print the medians of rows per second, and how many times faster ingest is."""
    version = peer_version(python)
    if version is None:
        click.echo(f"skipped: {python} has no dlt[postgres] (see the head of this file)")
        return
    results = [one_round(python, days) for _ in range(rounds)]
    click.echo(f"{days} days of 18 channels, dlt {version}, median of {rounds} rounds")
    for name in results[0]:
        rate = statistics.median(result[name] for result in results)
        times = statistics.median(result["ingest"] / result[name] for result in results)
        beside = f"   ingest is {times:4.1f} x as fast" if name != "ingest" else ""
        target = f" (target >= {TARGET})" if beside else ""
        click.echo(f"{name:<28} {rate:>8,.0f} rows/s{beside}{target}")


if __name__ == "__main__":
    main()
