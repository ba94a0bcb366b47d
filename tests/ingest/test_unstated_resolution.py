"""Answers that do not say their resolution, or say it late: never stored at a wrong length."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sandbox_client import Ingest, StartSandbox
from scripted_api import Answer, Asked, Reply, said, scripted_api
from scripted_site import NOW, ingest_site, rows_of, scripted_site
from support import Database, ScriptRunner

DAY_SECONDS = 86_400
COUNTS = "SELECT channel_id, interval_seconds, count(*)::int FROM readings GROUP BY 1, 2 ORDER BY 1"


def without_power(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a sensor: nothing in them tells their length."""
    return [{"ts": row["ts"], "T": 21.5} for row in rows]


def in_kolkata(answer: Answer) -> Answer:
    """The same site in another time zone."""

    def moved(asked: Asked) -> Reply:
        reply = answer(asked)
        if not asked.path.startswith("/organizations"):
            return reply
        return replace(reply, body=reply.body.replace(b"America/New_York", b"Asia/Kolkata"))

    return moved


@pytest.mark.parametrize("shown", [lambda rows: rows, without_power], ids=["meter", "sensor"])
@pytest.mark.parametrize("days", [1, 2])
def test_half_hours_are_never_stored_as_quarter_hours(
    database: Database,
    run_script: ScriptRunner,
    shown: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    days: int,
) -> None:
    def readings(channel_id: int, asked: Asked) -> Reply:
        return said({"records": shown(rows_of(asked, 1800 if channel_id == 1 else 900))})

    with scripted_api(scripted_site(readings)) as api:
        done = ingest_site(run_script, api, "--days", days)
        assert len(api.asked) < 20
    assert done.exit_code == 4
    assert "channel 1 has nothing finer than 1800 s" in done.stderr
    # From midnight in New York (04:00 UTC) to 11:30 UTC, and the day before.
    assert database.execute(COUNTS) == [(2, 900, 30 + 96 * (days - 1))]


@pytest.mark.parametrize("last_hours", [0.5, 1])
def test_an_answer_of_one_or_two_half_hours_is_not_taken_for_quarter_hours(
    database: Database, run_script: ScriptRunner, last_hours: float
) -> None:
    begin = int((NOW - timedelta(hours=0.5 + last_hours)).timestamp())

    def readings(channel_id: int, asked: Asked) -> Reply:
        rows = rows_of(asked, 1800 if channel_id == 1 else 900)
        return said({"records": [row for row in rows if row["ts"] >= begin]})

    with scripted_api(scripted_site(readings)) as api:
        done = ingest_site(run_script, api, "--days", "1")
    if last_hours == 1:
        assert done.exit_code == 4
        assert database.execute(COUNTS) == [(2, 900, 4)]
    else:
        # One row of 30 minutes has nothing to be measured by; its power still tells.
        assert (2, 900, 2) in database.execute(COUNTS)


def test_a_meter_of_which_every_second_row_is_missing_is_stored_in_as_few_requests(
    database: Database, run_script: ScriptRunner
) -> None:
    def readings(channel_id: int, asked: Asked) -> Reply:
        rows = rows_of(asked)
        if channel_id == 1:
            rows = [row for row in rows if row["ts"] % 1800 == 0]
        return said({"records": rows})

    with scripted_api(scripted_site(readings)) as api:
        done = ingest_site(run_script, api, "--days", "28")
        asked = [one for one in api.asked if "readings" in one.path]
    assert done.exit_code == 0, done.stderr
    assert len(asked) == 2
    quarters = 27 * 96 + 30
    assert database.execute(COUNTS) == [(1, 900, quarters // 2), (2, 900, quarters)]


def test_what_one_channel_looks_like_shortens_the_windows_of_no_other(
    database: Database, run_script: ScriptRunner
) -> None:
    def readings(channel_id: int, asked: Asked) -> Reply:
        start, end = asked.daterange
        is_long = end - start > 2 * DAY_SECONDS and channel_id == 1
        return said({"records": without_power(rows_of(asked, 3600 if is_long else 900))})

    with scripted_api(scripted_site(readings)) as api:
        done = ingest_site(run_script, api, "--days", "56")
        asked = [one.path for one in api.asked if "readings" in one.path]
    assert done.exit_code == 0, done.stderr
    quarters = 55 * 96 + 30
    assert database.execute(COUNTS) == [(1, 900, quarters), (2, 900, quarters)]
    assert asked.count("/readings/2") == 2
    # At most two whole trees of halves, from 28 days down to the 42 hours that fit.
    assert asked.count("/readings/1") <= 2 * 31


def test_rows_of_the_neighbouring_piece_do_not_replace_its_own(
    database: Database, run_script: ScriptRunner
) -> None:
    def readings(_channel_id: int, asked: Asked) -> Reply:
        start, end = asked.daterange
        if end - start > DAY_SECONDS:
            return said({"resolution": 1800, "records": []})
        half_filled = {"ts": start - 900, "E": 1.0, "P": 4.0}
        return said({"resolution": 900, "records": [half_filled, *rows_of(asked)]})

    period = ("--start-date", "2026-07-10", "--end-date", "2026-07-14")
    with scripted_api(scripted_site(readings)) as api:
        assert ingest_site(run_script, api, *period, "--channel", "1").exit_code == 0
    energies = "SELECT energy_kwh, count(*)::int FROM readings GROUP BY 1"
    assert database.execute(energies) == [(0.5, 5 * 96)]
    assert database.scalar("SELECT count(*) FROM reading_conflicts") == 0


def test_a_range_that_is_refused_below_a_day_is_halved_too(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, clean=True, long_range_error=True)
    done = ingest(sandbox, "--channel", 162119, "--days", "3", "--resolution", "60", "--json")
    assert done.exit_code == 0, done.stderr
    # Two days and the settled part of the third: 00:00 to 07:30 in New York.
    assert json.loads(done.stdout)["inserted"] == (48 + 7.5) * 60


def test_an_interval_is_stored_only_once_it_has_settled_wherever_its_grid_lies(
    database: Database, run_script: ScriptRunner
) -> None:
    # The hours of Kolkata begin at half past, UTC. 10:30 to 11:30 ended one minute ago.
    now = NOW.replace(hour=11, minute=31)

    def readings(_channel_id: int, asked: Asked) -> Reply:
        start, end = asked.daterange
        first = -(-(start - 1800) // 3600) * 3600 + 1800
        rows = [{"ts": ts, "E": 2000.0, "P": 2000.0} for ts in range(first, end, 3600)]
        return said({"resolution": 3600, "records": rows})

    with scripted_api(in_kolkata(scripted_site(readings))) as api:
        args = ("--days", "1", "--resolution", "3600")
        assert ingest_site(run_script, api, *args, now=now).exit_code == 0
        last = database.scalar('SELECT max("timestamp") FROM readings')
        assert last == NOW.replace(hour=9, minute=30)
        later = now + timedelta(minutes=29)
        assert ingest_site(run_script, api, *args, now=later).exit_code == 0
    last = database.scalar('SELECT max("timestamp") FROM readings')
    assert last == NOW.replace(hour=10, minute=30)


def test_a_row_off_the_grid_that_has_not_settled_waits_for_the_next_run(
    database: Database, run_script: ScriptRunner
) -> None:
    def readings(_channel_id: int, asked: Asked) -> Reply:
        rows = [{**row, "ts": row["ts"] + 420} for row in rows_of(asked)]
        return said({"resolution": 900, "records": rows})

    with scripted_api(scripted_site(readings)) as api:
        done = ingest_site(run_script, api, "--days", "1", "--channel", "1")
    assert done.exit_code == 0
    # 11:22 + 15 minutes + 30 to settle is after noon.
    last = database.scalar('SELECT max("timestamp") FROM readings')
    assert last == NOW - timedelta(minutes=53)
    assert database.scalar("SELECT count(*) FROM rejected_readings") == 0
