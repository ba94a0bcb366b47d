"""Gaps that the sandbox planted or the API caused: found row by row, and explained."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gap_steps import changes, found, instant
from sandbox_client import Ingest, Sandbox, StartSandbox, running_sandbox
from support import Database, ScriptRunner

QUARTER = timedelta(minutes=15)
# A Monday, 06:30 in New York: the whole week before is there.
MONDAY_MORNING = datetime(2026, 7, 20, 10, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox_week(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Sandbox, Database, ScriptRunner, dict[str, str]]]:
    """Two weeks of the sandbox's building in a database, with everything planted in it."""
    run = ScriptRunner(tmp_path_factory.mktemp("gaps"))
    with running_sandbox(MONDAY_MORNING) as sandbox:
        settings = {**sandbox.settings, "DATABASE_URL": module_database.url}
        done = run("ingest/ingest_to_postgres.py", "--days", 15, env=settings)
        assert done.exit_code == 0, done.stderr
        yield sandbox, module_database, run, settings


def missing_by_hand(database: Database, start: datetime, end: datetime) -> set[tuple[int, str]]:
    """(channel, start) of every quarter hour that is not stored, from the plain grid."""
    rows = database.execute(
        "SELECT channel_id, extract(epoch FROM timestamp)::bigint FROM readings "
        "WHERE timestamp >= %s AND timestamp < %s",
        (start, end),
    )
    stored: dict[int, set[int]] = {}
    for channel_id, seconds in rows:
        stored.setdefault(channel_id, set()).add(seconds)
    grid = range(int(start.timestamp()), int(end.timestamp()), 900)
    return {
        (channel_id, datetime.fromtimestamp(seconds, UTC).isoformat())
        for channel_id, there in stored.items()
        for seconds in grid
        if seconds not in there
    }


def intervals(gap: dict[str, Any]) -> set[tuple[int, str]]:
    """(channel, start) of every quarter hour of a gap."""
    start, end = instant(gap["start"]).astimezone(UTC), instant(gap["end"]).astimezone(UTC)
    steps = (end - start) // QUARTER
    return {(gap["channel_id"], (start + step * QUARTER).isoformat()) for step in range(steps)}


def test_the_gaps_are_exactly_the_intervals_that_are_not_stored(
    sandbox_week: tuple[Sandbox, Database, ScriptRunner, dict[str, str]],
) -> None:
    _, database, run, settings = sandbox_week
    document = found(run, "--start", "2026-07-06", "--end", "2026-07-19", **settings)
    expected = missing_by_hand(
        database, instant("2026-07-06T04:00+00:00"), instant("2026-07-20T04:00+00:00")
    )
    # The dead channel of the second week is silent until Monday morning: its gap is told whole.
    until = instant("2026-07-20T04:00+00:00").isoformat()
    told = {one for gap in document["gaps"] for one in intervals(gap) if one[1] < until}
    assert told == expected
    assert len(expected) > 300
    assert document["missing_intervals"] == sum(len(intervals(gap)) for gap in document["gaps"])


def test_every_planted_gap_and_dead_channel_is_a_silent_channel(
    sandbox_week: tuple[Sandbox, Database, ScriptRunner, dict[str, str]],
) -> None:
    sandbox, _, run, settings = sandbox_week
    document = found(run, "--start", "2026-07-06", "--end", "2026-07-19", **settings)
    truth = sandbox.truth(instant("2026-07-06T04:00+00:00"), instant("2026-07-20T04:00+00:00"))
    planted = [event for event in truth["events"] if event["kind"] in ("gap", "dead")]
    reasons = {
        (gap["channel_id"], instant(gap["start"])): (instant(gap["end"]), gap["reason"])
        for gap in document["gaps"]
    }
    # The newest window was read at 10:00 UTC; a channel may still be dead then.
    horizon = instant("2026-07-20T10:00+00:00")
    assert len([event for event in planted if event["kind"] == "gap"]) == 6
    for event in planted:
        start = instant(event["start"])
        if start < instant("2026-07-06T04:00+00:00"):
            continue  # last week's dead channel: its gap began before anybody asked
        end = min(instant(event["end"]), horizon)
        assert reasons[event["channelId"], start] == (end, "channel_silent")


def test_a_second_look_changes_nothing(
    sandbox_week: tuple[Sandbox, Database, ScriptRunner, dict[str, str]],
) -> None:
    _, database, run, settings = sandbox_week
    days = ("--start", "2026-07-06", "--end", "2026-07-19")
    first = found(run, *days, **settings)
    rows = database.execute("SELECT * FROM data_gaps ORDER BY gap_id")
    second = found(run, *days, **settings)
    assert changes(second) == {}
    assert second["gaps"] == first["gaps"]
    assert database.execute("SELECT * FROM data_gaps ORDER BY gap_id") == rows
    # A narrower look neither cuts nor closes what reaches out of it.
    found(run, "--start", "2026-07-09", "--end", "2026-07-10", **settings)
    assert database.execute("SELECT * FROM data_gaps ORDER BY gap_id") == rows


def test_a_channel_that_the_api_failed_to_read_is_not_called_silent(
    start_sandbox: StartSandbox, ingest: Ingest, run_script: ScriptRunner, database: Database
) -> None:
    early = start_sandbox(datetime(2026, 7, 15, 10, tzinfo=UTC), clean=True)
    assert ingest(early, "--days", 2).exit_code == 0
    later = start_sandbox(datetime(2026, 7, 17, 10, tzinfo=UTC), clean=True, fail_channel=(162119,))
    assert ingest(later, "--days", 2).exit_code == 4
    document = found(run_script, "--days", 3, **later.settings)
    by_reason = {gap["reason"] for gap in document["gaps"] if gap["channel_id"] == 162119}
    assert by_reason == {"api_failed"}
    # Between the two runs a stretch of 15 July was never asked for, of any channel.
    others = {gap["reason"] for gap in document["gaps"] if gap["channel_id"] != 162119}
    assert others == {"unknown"}
    assert all(gap["fillable"] for gap in document["gaps"])

    mended = start_sandbox(datetime(2026, 7, 17, 11, tzinfo=UTC), clean=True)
    assert ingest(mended, "--days", 3).exit_code == 0
    closed = found(run_script, "--days", 3, **mended.settings)
    assert closed["open"] == 0
    assert changes(closed) == {"closed": document["open"]}
    runs = database.execute("SELECT DISTINCT filled_by, filled_at FROM data_gaps")
    run_id = database.scalar("SELECT run_id FROM ingestion_logs ORDER BY id DESC LIMIT 1")
    assert runs == [(f"run {run_id}", datetime(2026, 7, 17, 11, tzinfo=UTC))]
