"""Time and memory of the daily job's two heavy processes, each as a whole process.

    python tests/benchmarks/daily_job.py [--days 57] [--rounds 3]

Serves the sandbox from a process of its own, ingests 8 weeks of 17 channels into a fresh embedded
PostgreSQL, ingests them again, and makes the weekly report. Prints wall-clock seconds, CPU seconds
and peak memory of each process beside its limit, and where ingest's time went.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from lib.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-16T00:00:00-05:00"
LIMITS = {
    "ingest, empty table": (15.0, 400),
    "ingest, all rows known": (15.0, 400),
    "weekly report": (3.0, 400),
}


@dataclass(frozen=True)
class Usage:
    """What one process took."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    stdout: str


def measure(command: list[str], environment: dict[str, str]) -> Usage:
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
def fresh_installation() -> Iterator[dict[str, str]]:
    """A sandbox and an empty embedded server, as the environment of a script."""
    folder = Path(tempfile.mkdtemp(prefix="argo-benchmark-"))
    folder.chmod(0o755)
    script = [sys.executable, str(ROOT / "operations" / "sandbox_api.py"), "--quiet"]
    sandbox = subprocess.Popen(
        [*script, "--port", "0", "--now", NOW, "--parent-pid", str(os.getpid())],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sandbox.stdout is not None
    access = json.loads(sandbox.stdout.readline())
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ARGO_")}
    server = EmbeddedPostgres(folder.resolve())
    server.ensure_running()
    try:
        yield {
            **kept,
            "ARGO_ENV_FILE": "",
            "ARGO_DATA_DIR": str(folder),
            "DATABASE_URL": "",
            "ARGO_NOW": NOW,
            "ENISCOPE_API_URL": access["url"],
            "ENISCOPE_API_KEY": access["key"],
            "ENISCOPE_EMAIL": access["email"],
            "ENISCOPE_PASSWORD": access["password"],
        }
    finally:
        sandbox.terminate()
        sandbox.wait()
        server.stop()
        shutil.rmtree(folder)


def one_round(days: int) -> dict[str, Usage]:
    """Each process once, in the order of the daily job."""
    with fresh_installation() as environment:
        run = [sys.executable]
        ingest = [*run, "ingest/ingest_to_postgres.py", "--days", str(days), "--json", "--quiet"]
        report = [*run, "deliver/generate_weekly_report.py", "--site", "23271", "--quiet"]
        folder = Path(environment["ARGO_DATA_DIR"])
        used = {"ingest, empty table": measure(ingest, environment)}
        used["ingest, all rows known"] = measure(ingest, environment)
        measure([*run, "govern/refresh_views.py", "--quiet"], environment)
        validate = [*run, "govern/validate_data.py", "--quiet", "--start", "2026-11-09"]
        measure([*validate, "--end", "2026-11-15"], environment)
        out = folder / "report.json"
        used["weekly report"] = measure([*report, "--out", str(out), "--html"], environment)
        return used


@click.command()
@click.option("--days", default=57, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(days: int, rounds: int) -> None:
    """Print the medians over the rounds beside the limits."""
    results = [one_round(days) for _ in range(rounds)]
    for name, (limit_seconds, limit_mb) in LIMITS.items():
        usages = sorted((result[name] for result in results), key=lambda used: used.wall_seconds)
        median = usages[len(usages) // 2]
        click.echo(
            f"{name:<24} {median.wall_seconds:6.2f} s wall "
            f"({median.wall_seconds / limit_seconds:4.0%} of {limit_seconds:g} s)  "
            f"{median.cpu_seconds:6.2f} s cpu  "
            f"{median.peak_mb:4.0f} MB ({median.peak_mb / limit_mb:4.0%} of {limit_mb} MB)"
        )
        if name.startswith("ingest"):
            run = json.loads(median.stdout)
            steps = ", ".join(f"{step} {taken:.2f} s" for step, taken in run["seconds"].items())
            rows = run["inserted"] + run["duplicate"]
            click.echo(f"{'':<24} {rows} rows in {run['windows']} windows: {steps}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
