"""The daily job through PgBouncer in transaction mode, as behind a hosted database's pool.

Skipped where pgbouncer is not installed (Debian: apt-get install pgbouncer).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sandbox_client import Sandbox, StartSandbox
from support import Database, ScriptResult, ScriptRunner
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from config.settings import PROJECT_ROOT
from lib.embedded_postgres import EmbeddedPostgres

PGBOUNCER = shutil.which(
    "pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
)
# Fewer server connections than the scripts open clients, so that they really share them.
POOL_SIZE = 3
NOW = datetime(2026, 7, 20, 10, tzinfo=UTC)
INGEST = "ingest/ingest_to_postgres.py"
SOME_DAYS = ("--start-date", "2026-07-17", "--end-date", "2026-07-19")

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")

CONFIG = """\
[databases]
* = host={socket_dir} port=5432
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
admin_users = postgres
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 100
logfile = {folder}/pgbouncer.log
"""


@dataclass(frozen=True)
class Pooled:
    """A database that is reached through the pooler, and directly to look what came of it."""

    database: Database
    url: str
    reader_url: str
    admin_url: str

    def settings(self, sandbox: Sandbox) -> dict[str, str]:
        """The environment of a script that goes through the pooler."""
        return {
            **sandbox.settings,
            "DATABASE_URL": self.url,
            "ARGO_READER_URL": self.reader_url,
        }

    def show(self, what: str) -> list[dict[str, Any]]:
        """An answer of the pooler's own console."""
        with closing(psycopg2.connect(self.admin_url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"SHOW {what}")
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def running_pooler(socket_dir: Path) -> Iterator[int]:
    """PgBouncer in front of the server with this socket; gives its TCP port on loopback."""
    assert PGBOUNCER is not None
    # The socket's folder is closed to all but the server's user: the pooler runs as that user.
    owner = socket_dir.stat()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="argo-pgbouncer-"))
    config = folder / "pgbouncer.ini"
    config.write_text(
        CONFIG.format(socket_dir=socket_dir, port=port, folder=folder, pool_size=POOL_SIZE)
    )
    (folder / "users.txt").write_text('"postgres" ""\n"argo_reader" ""\n')
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.st_uid, owner.st_gid)
        user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    process = subprocess.Popen(
        [PGBOUNCER, str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **user,
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(folder)


@pytest.fixture
def pooled(embedded_server: EmbeddedPostgres, database: Database) -> Iterator[Pooled]:
    """The test's database behind a pooler of its own."""
    with running_pooler(embedded_server.socket_dir) as port:
        name = database.url.split("@/")[1].split("?")[0]
        address = f"127.0.0.1:{port}"
        found = Pooled(
            database,
            url=f"postgresql://postgres@{address}/{name}",
            reader_url=f"postgresql://argo_reader@{address}/{name}",
            admin_url=f"postgresql://postgres@{address}/pgbouncer",
        )
        for attempt in Retrying(
            retry=retry_if_exception_type(psycopg2.OperationalError),
            stop=stop_after_delay(20),
            wait=wait_fixed(0.05),
            reraise=True,
        ):
            with attempt, closing(psycopg2.connect(found.url)):
                pass
        yield found


def ingest(run_script: ScriptRunner, pooled: Pooled, sandbox: Sandbox, *args: str) -> ScriptResult:
    return run_script(INGEST, *args, "--allow-sandbox-data", env=pooled.settings(sandbox))


def start_ingest(pooled: Pooled, sandbox: Sandbox) -> subprocess.Popen[bytes]:
    """A run in the background that has stored a window and is at work on the next ones."""
    process = subprocess.Popen(
        [sys.executable, PROJECT_ROOT / INGEST, *SOME_DAYS, "--allow-sandbox-data", "--quiet"],
        env={**os.environ, **pooled.settings(sandbox)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stored = "SELECT count(*) FROM ingestion_logs WHERE status = 'success'"
    while not pooled.database.scalar(stored):
        assert process.poll() is None, "the run ended before it stored anything"
    return process


def stored_kwh(database: Database) -> dict[int, tuple[int, float | None]]:
    """Readings and energy by channel."""
    return {
        channel_id: (count, energy_kwh)
        for channel_id, count, energy_kwh in database.execute(
            "SELECT channel_id, count(*), sum(energy_kwh) FROM readings GROUP BY channel_id"
        )
    }


def true_kwh(sandbox: Sandbox) -> dict[int, tuple[int, Any]]:
    """What SOME_DAYS have to come to, as the sandbox knows it."""
    start, end = datetime(2026, 7, 17, 4, tzinfo=UTC), datetime(2026, 7, 20, 4, tzinfo=UTC)
    return {
        one["channelId"]: (
            one["readings"],
            None if one["energy_kwh"] is None else pytest.approx(one["energy_kwh"]),
        )
        for one in sandbox.truth(start, end)["channels"]
        if one["readings"]
    }


def test_the_daily_job_works_through_a_transaction_pooler(
    pooled: Pooled, start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    sandbox = start_sandbox(NOW, clean=True)
    settings = pooled.settings(sandbox)
    done = ingest(run_script, pooled, sandbox, "--days", "50", "--json")
    assert done.exit_code == 0, done.stderr
    first = json.loads(done.stdout)
    assert first["inserted"] == first["fetched"] > 17 * 49 * 96
    again = json.loads(ingest(run_script, pooled, sandbox, "--days", "50", "--json").stdout)
    assert (again["inserted"], again["duplicate"]) == (0, first["inserted"])
    week = ("--start", "2026-07-13", "--end", "2026-07-19")
    steps: list[tuple[str, ...]] = [
        ("govern/refresh_views.py",),
        ("govern/validate_data.py", *week),
        ("deliver/generate_weekly_report.py", "--site", "23271", *week, "--html", "--out",
         str(tmp_path / "report.json")),
    ]  # fmt: skip
    for script, *args in steps:
        done = run_script(script, *args, env=settings)
        assert done.exit_code == 0, (script, done.stderr)
    report = json.loads((tmp_path / "report.json").read_text())
    start, end = datetime(2026, 7, 13, 4, tzinfo=UTC), datetime(2026, 7, 20, 4, tzinfo=UTC)
    (main,) = [
        channel["energy_kwh"]
        for channel in sandbox.truth(start, end)["channels"]
        if channel["channelName"] == "Main Incomer"
    ]
    assert report["summary"]["totalEnergyKwh"] == pytest.approx(main, rel=1e-4)
    # The report read as the reader's own role, and through the pooler.
    pools = {(pool["user"], pool["pool_mode"]) for pool in pooled.show("POOLS")}
    assert {("postgres", "transaction"), ("argo_reader", "transaction")} <= pools


def test_two_runs_at_once_through_a_pooler_leave_the_second_with_5_and_the_table_whole(
    pooled: Pooled, start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    # Slow enough that the second run, whose start alone takes seconds, meets the first.
    slow = start_sandbox(NOW, clean=True, latency_ms=1_500)
    holder = start_ingest(pooled, slow)
    second = ingest(run_script, pooled, start_sandbox(NOW, clean=True), *SOME_DAYS)
    assert holder.wait(timeout=120) == 0
    assert second.exit_code == 5, second.stderr
    assert "another run holds the lock" in second.stderr
    assert stored_kwh(pooled.database) == true_kwh(slow)


def test_a_killed_run_behind_a_pooler_does_not_block_the_next(
    pooled: Pooled, start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    holder = start_ingest(pooled, start_sandbox(NOW, clean=True, latency_ms=150))
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=20)
    sandbox = start_sandbox(NOW, clean=True)
    done = ingest(run_script, pooled, sandbox, *SOME_DAYS)
    assert done.exit_code == 0, done.stderr
    assert stored_kwh(pooled.database) == true_kwh(sandbox)


def test_runs_through_a_pooler_leave_nothing_behind_in_its_server_connections(
    pooled: Pooled, start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    done = ingest(run_script, pooled, start_sandbox(NOW, clean=True), *SOME_DAYS)
    assert done.exit_code == 0, done.stderr
    left: list[tuple[Any, ...]] = []
    with closing(psycopg2.connect(pooled.url)) as one, closing(psycopg2.connect(pooled.url)) as two:
        # Both hold a transaction open, so that they look into two server connections.
        for connection in (one, two):
            with connection.cursor() as cursor:
                cursor.execute("SELECT relname FROM pg_class WHERE relpersistence = 't'")
                left += cursor.fetchall()
                cursor.execute(
                    "SELECT name, setting FROM pg_settings WHERE source = 'session' "
                    "AND name NOT IN ('application_name', 'client_encoding')"
                )
                left += cursor.fetchall()
                cursor.execute("SELECT name FROM pg_prepared_statements")
                left += cursor.fetchall()
    assert left == []
    assert pooled.database.scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
