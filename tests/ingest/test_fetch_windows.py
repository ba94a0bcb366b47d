"""Windows: as few requests as the API's resolution allows, learned once and remembered."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sandbox_client import Ingest, StartSandbox
from support import Database

NOW = datetime(2026, 7, 16, 10, tzinfo=UTC)


@pytest.mark.parametrize(("max_points", "days_per_request"), [(700, 7.29), (100, 1.04), (2700, 28)])
def test_a_backfill_needs_few_requests_whatever_the_api_allows(
    database: Database,
    start_sandbox: StartSandbox,
    ingest: Ingest,
    max_points: int,
    days_per_request: float,
) -> None:
    sandbox = start_sandbox(NOW, clean=True, max_points=max_points)
    channels = [part for one in (158694, 162119, 162120) for part in ("--channel", str(one))]
    done = ingest(sandbox, "--days", "90", *channels, "--json")
    run = json.loads(done.stdout)
    assert run["inserted"] > 3 * 89 * 96
    # Halving finds at worst half of what fits; a few more go into finding it.
    fewest = 3 * 90 / days_per_request
    assert run["requests"] <= 2 * fewest + 4 * 8


def test_a_window_of_minutes_is_four_days_at_most_so_that_memory_stays_flat(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, clean=True, max_points=0)
    done = ingest(sandbox, "--days", "15", "--channel", 162119, "--resolution", "60", "--json")
    run = json.loads(done.stdout)
    # Two weeks and the settled part of a day: 00:00 to 05:30 in New York.
    assert run["inserted"] == 14 * 1440 + 330
    assert database.execute(
        "SELECT DISTINCT window_end - window_start <= interval '4 days' FROM ingestion_logs"
    ) == [(True,)]
