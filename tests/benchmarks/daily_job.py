"""Time and memory of the daily job's two heavy processes, each as a whole process.

    python tests/benchmarks/daily_job.py [--days 57] [--rounds 3]

Serves the sandbox from a process of its own, ingests 8 weeks of 17 channels into a fresh embedded
PostgreSQL, ingests them again, and makes the weekly report. Prints wall-clock seconds, CPU seconds
and peak memory of each process beside its limit, and where ingest's time went.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import click
from installation import Usage, fresh_installation, measure

LIMITS = {
    "ingest, empty table": (15.0, 400),
    "ingest, all rows known": (15.0, 400),
    "weekly report": (3.0, 400),
}


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
