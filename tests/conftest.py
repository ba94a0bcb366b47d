"""Shared fixtures: one embedded server for the whole run, a fresh database for each test.

No test reaches a database or an API of the environment or of `.env`: every setting is cleared
before the first test, and DATABASE_URL unset means the test run's own server.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sandbox_client import Ingest, Sandbox, StartSandbox, running_sandbox
from support import Database, ScriptResult, ScriptRunner

from config.settings import get_settings
from lib.embedded_postgres import EmbeddedPostgres
from lib.schema import READER_ROLE, apply_schema

TEMPLATE = "argo_template"
# Midnight in New York on a Thursday; the days before it hold planted bad rows.
SANDBOX_NOW = datetime(2026, 7, 16, 4, tzinfo=UTC)
SETTING_PREFIXES = ("ARGO_", "ENISCOPE_", "VITE_", "PG", "SMTP_")
SETTING_NAMES = ("DATABASE_URL", "HEALTHCHECK_URL")
# Tests need no data after a power cut, and run several times faster without these.
UNSAFE_BUT_FAST = ("fsync", "synchronous_commit", "full_page_writes")

_numbers = count(1)


@pytest.fixture(scope="session", autouse=True)
def _isolated_environment() -> Iterator[Path]:
    """Clear every setting; unset DATABASE_URL means a server in a folder of this run."""
    # Not tmp_path: as root the server has a user of its own, which must be able to enter.
    data_dir = Path(tempfile.mkdtemp(prefix="argo-tests-"))
    data_dir.chmod(0o755)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in list(os.environ):
            if name.startswith(SETTING_PREFIXES) or name in SETTING_NAMES:
                monkeypatch.delenv(name)
        monkeypatch.setenv("ARGO_ENV_FILE", "")
        monkeypatch.setenv("ARGO_DATA_DIR", str(data_dir))
        get_settings.cache_clear()
        yield data_dir
        EmbeddedPostgres(data_dir.resolve()).stop()
    get_settings.cache_clear()
    shutil.rmtree(data_dir)


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    """Settings read in one test are not seen by the next."""
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def embedded_server(_isolated_environment: Path) -> EmbeddedPostgres:
    """The running server of this test run, with a template database that has the schema."""
    server = EmbeddedPostgres(_isolated_environment.resolve())
    server.ensure_running()
    for setting in UNSAFE_BUT_FAST:
        _as_superuser(server, f"ALTER SYSTEM SET {setting} = off")
    _as_superuser(server, "SELECT pg_reload_conf()")
    _as_superuser(server, f"CREATE DATABASE {TEMPLATE}")
    with closing(psycopg2.connect(server.url(database=TEMPLATE))) as connection:
        apply_schema(connection)
    return server


@pytest.fixture
def database(
    embedded_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """A fresh database with the schema; DATABASE_URL names it for the test and its scripts."""
    with _new_database(embedded_server, TEMPLATE) as fresh:
        monkeypatch.setenv("DATABASE_URL", fresh.url)
        get_settings.cache_clear()
        yield fresh


@pytest.fixture(scope="module")
def module_database(embedded_server: EmbeddedPostgres) -> Iterator[Database]:
    """A database that the tests of one file share; DATABASE_URL does not name it by itself."""
    with _new_database(embedded_server, TEMPLATE) as fresh:
        yield fresh


@pytest.fixture
def empty_database(
    embedded_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """A fresh database without any table; DATABASE_URL names it."""
    with _new_database(embedded_server, "template1") as fresh:
        monkeypatch.setenv("DATABASE_URL", fresh.url)
        get_settings.cache_clear()
        yield fresh


@pytest.fixture
def run_script(tmp_path: Path) -> ScriptRunner:
    """Call it with a script and its arguments; returns (exit_code, stdout, stderr)."""
    return ScriptRunner(tmp_path)


@pytest.fixture
def start_sandbox() -> Iterator[StartSandbox]:
    """Start a sandbox API with the options given; it stops with the test."""
    with ExitStack() as stack:

        def start(now: datetime = SANDBOX_NOW, **options: Any) -> Sandbox:
            return stack.enter_context(running_sandbox(now, **options))

        yield start


@pytest.fixture
def ingest(run_script: ScriptRunner, database: Database) -> Ingest:
    """Run ingest_to_postgres.py against a sandbox, into the test's database."""

    def run(sandbox: Sandbox, *args: object, **env: str) -> ScriptResult:
        return run_script("ingest/ingest_to_postgres.py", *args, env={**sandbox.settings, **env})

    return run


@contextmanager
def _new_database(server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    name = f"argo_test_{next(_numbers)}"
    _as_superuser(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield Database(server.url(database=name), server.url(READER_ROLE, name))
    _as_superuser(server, f"DROP DATABASE {name} WITH (FORCE)")


def _as_superuser(server: EmbeddedPostgres, statement: str) -> None:
    with closing(psycopg2.connect(server.url(database="postgres"))) as connection:
        connection.autocommit = True  # CREATE DATABASE and ALTER SYSTEM refuse a transaction
        with connection.cursor() as cursor:
            cursor.execute(statement)
