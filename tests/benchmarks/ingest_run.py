"""Whole runs of the ingest script: rows per second, seconds at a slow API, peak memory.

    python tests/benchmarks/ingest_run.py [--rounds 3]

Each round has a fresh embedded PostgreSQL and the sandbox in a process of its own. "Rows per
second" is what the run's own books say, over the wall clock of the whole process, start-up
included. The two processes and the database share the machine's cores. How long the sandbox itself
takes to make up the same answers is measured beside it, with a client that throws them away.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import click
from installation import NOW, Usage, fresh_installation, measure

from ingest.eniscope.client import EniscopeClient

SITE = "23271"
RUN = [sys.executable, "ingest/ingest_to_postgres.py", "--json", "--quiet"]
# A window that the API answers at 15 minutes.
WINDOW = timedelta(days=7)


@dataclass(frozen=True)
class Case:
    """One kind of run, and what it may take."""

    name: str
    days: int
    sandbox: tuple[str, ...] = ()
    parallel: int = 4
    least_rows_per_second: float | None = None
    most_seconds: float | None = None
    most_mb: float = 300


CASES = (
    Case("90 days, no latency", 90, least_rows_per_second=20_000),
    Case("90 days, 150 ms, 4 parallel", 90, ("--latency-ms", "150"), most_seconds=15),
    Case("365 days, no latency", 365),
)


def run_case(case: Case) -> tuple[Usage, float]:
    """One round: what the process took, and what the sandbox alone takes for the same answers."""
    with fresh_installation(*case.sandbox, "--clean") as environment:
        settings = {**environment, "ENISCOPE_MAX_PARALLEL": str(case.parallel)}
        used = measure([*RUN, "--days", str(case.days)], settings)
    with fresh_installation(*case.sandbox, "--clean") as environment:
        return used, only_ask(environment, case)


def only_ask(environment: Mapping[str, str], case: Case) -> float:
    """Seconds to ask for every window and forget the answers: what no ingest can be faster than."""
    end = datetime.fromisoformat(NOW)
    first = end - timedelta(days=case.days)
    with EniscopeClient(
        environment["ENISCOPE_API_URL"],
        environment["ENISCOPE_API_KEY"],
        environment["ENISCOPE_EMAIL"],
        environment["ENISCOPE_PASSWORD"],
        user_agent="argo-benchmark",
        max_requests_per_second=None,
        max_parallel=case.parallel,
    ) as client:
        channels = client.get_list("/channels", [("organization", SITE)])
        asked = [
            (f"/readings/{record['dataChannelId']}", first + number * WINDOW)
            for number in range(-(-case.days // WINDOW.days))
            for record in channels
            if record["channelName"] not in ("Virtual Reference", "Test Channel")
        ]

        def ask(path: str, start: datetime) -> None:
            bounds = (start, min(start + WINDOW, end))
            ranged = [("daterange[]", str(int(at.timestamp()))) for at in bounds]
            client.get(path, [*ranged, ("res", "900")])

        started = time.perf_counter()
        with ThreadPoolExecutor(case.parallel) as pool:
            list(pool.map(lambda one: ask(*one), asked))
        return time.perf_counter() - started


def verdict(holds: bool) -> str:
    return "met" if holds else "MISSED"


def show(case: Case, results: list[tuple[Usage, float]]) -> None:
    """The median round beside its limits."""
    used, alone = sorted(results, key=lambda result: result[0].wall_seconds)[len(results) // 2]
    run = json.loads(used.stdout)
    rows = run["inserted"]
    rate = rows / used.wall_seconds
    limits = [
        f"{used.peak_mb:.0f} MB of {case.most_mb:.0f}: {verdict(used.peak_mb < case.most_mb)}"
    ]
    if case.least_rows_per_second is not None:
        limits.append(
            f"{rate:,.0f} of {case.least_rows_per_second:,.0f} rows/s: "
            f"{verdict(rate >= case.least_rows_per_second)}"
        )
    if case.most_seconds is not None:
        limits.append(
            f"{used.wall_seconds:.1f} of {case.most_seconds:.0f} s: "
            f"{verdict(used.wall_seconds < case.most_seconds)}"
        )
    click.echo(f"{case.name}: {rows:,} rows, {run['requests']} requests; {'; '.join(limits)}")
    steps = ", ".join(f"{step} {taken:.2f}" for step, taken in run["seconds"].items())
    click.echo(
        f"    {used.wall_seconds:.2f} s wall, {used.cpu_seconds:.2f} s cpu; by step: {steps}"
    )
    click.echo(f"    the sandbox alone takes {alone:.2f} s for such answers")


@click.command()
@click.option("--rounds", default=3, show_default=True)
def main(rounds: int) -> None:
    """Print each case's median round beside its limits."""
    for case in CASES:
        show(case, [run_case(case) for _ in range(rounds)])


if __name__ == "__main__":
    main()
