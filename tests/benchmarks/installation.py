"""What the benchmarks run on: a PostgreSQL of their own, a sandbox process, whole processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lib.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-16T00:00:00-05:00"


@dataclass(frozen=True)
class Usage:
    """What one process took."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    stdout: str


def measure(command: list[str], environment: Mapping[str, str]) -> Usage:
    """Run a command to its end; the operating system's own accounting of it."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, env=environment, cwd=ROOT)
        _, status, used = os.wait4(process.pid, 0)
        wall_seconds = time.perf_counter() - started
        output.seek(0)
        stdout = output.read()
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
    per_mb = 1024 if sys.platform.startswith("linux") else 1024 * 1024
    cpu_seconds = used.ru_utime + used.ru_stime
    return Usage(wall_seconds, cpu_seconds, used.ru_maxrss / per_mb, stdout)


@contextmanager
def temporary_server() -> Iterator[EmbeddedPostgres]:
    """An empty embedded PostgreSQL as it is shipped; it goes with the block."""
    folder = Path(tempfile.mkdtemp(prefix="argo-benchmark-"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder.resolve())
    server.ensure_running()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@contextmanager
def running_sandbox(*options: str) -> Iterator[dict[str, str]]:
    """The sandbox in a process of its own, as settings of a script."""
    script = [sys.executable, str(ROOT / "operations" / "sandbox_api.py"), "--quiet"]
    process = subprocess.Popen(
        [*script, "--port", "0", "--now", NOW, "--parent-pid", str(os.getpid()), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    access = json.loads(process.stdout.readline())
    try:
        yield {
            "ARGO_NOW": NOW,
            "ENISCOPE_API_URL": access["url"],
            "ENISCOPE_API_KEY": access["key"],
            "ENISCOPE_EMAIL": access["email"],
            "ENISCOPE_PASSWORD": access["password"],
        }
    finally:
        process.terminate()
        process.wait()


@contextmanager
def fresh_installation(*sandbox_options: str) -> Iterator[dict[str, str]]:
    """A sandbox and an empty embedded server, as the environment of a script."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("ARGO_", "ENISCOPE_", "VITE_"))
    }
    with temporary_server() as server, running_sandbox(*sandbox_options) as sandbox:
        yield {
            **kept,
            "ARGO_ENV_FILE": "",
            "ARGO_DATA_DIR": str(server.folder),
            "DATABASE_URL": "",
            **sandbox,
        }
