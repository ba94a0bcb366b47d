"""What the fixtures of conftest.py hand out; import from here to name their types in a test."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import psycopg2.extensions
from script_process import run_forked, run_started

SCRIPT_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Database:
    """A database of its own for one test, with the schema applied and no rows."""

    url: str
    reader_url: str

    def connect(self) -> psycopg2.extensions.connection:
        """A new connection as the owner; the caller closes it."""
        return psycopg2.connect(self.url)

    def connect_reader(self) -> psycopg2.extensions.connection:
        """A new connection as argo_reader; the caller closes it."""
        return psycopg2.connect(self.reader_url)

    def execute(
        self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run statements in one transaction; returns the rows of the last one."""
        with closing(self.connect()) as connection, connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def scalar(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None) -> Any:
        """The first column of the first row of a query."""
        return self.execute(sql, parameters)[0][0]


class ScriptResult(NamedTuple):
    """How a script ended and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class ScriptRunner:
    """Runs a stage script in a process of its own, as a user would, from another folder."""

    folder: Path

    def __call__(
        self, path: str, *args: object, env: Mapping[str, str] | None = None
    ) -> ScriptResult:
        """Run `path` (relative to the root) with the environment of the test and `env`."""
        whole_env = {**os.environ, **(env or {})}
        # The interpreter reads its own settings once, when it starts.
        run = run_started if any(name.startswith("PYTHON") for name in env or {}) else run_forked
        texts = [str(arg) for arg in args]
        return ScriptResult(*run(path, texts, self.folder, whole_env, SCRIPT_TIMEOUT_SECONDS))
