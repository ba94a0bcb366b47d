"""An API that stops answering, for a while, for a part of a window, or for good."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from offered_answers import CHANNEL, SITE, START, Intake, intake
from scripted_api import Answer, Asked, Reply
from support import Database

from ingest.eniscope import client as client_module
from ingest.pipeline.plan import PlannedWindow
from ingest.pipeline.run import OUTAGE_WINDOWS, RunOptions, RunSummary, ingest_windows
from ingest.store.channel_status import learn_from_run
from ingest.store.readings import Outcome
from lib.timing import Stopwatch

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
DOWN = Reply(status=503)


@pytest.fixture
def taken(database: Database) -> Iterator[Intake]:
    with intake(database) as one:
        yield one


def rows_of(asked: Asked, resolution: int = 900) -> Reply:
    """Rows of 1 kWh for the range asked for, at a resolution [s]."""
    first, end = asked.daterange
    records = [{"ts": ts, "E": 1000} for ts in range(first, end, resolution)]
    return Reply(body=json.dumps({"resolution": resolution, "records": records}).encode())


def run(
    taken: Intake, windows: Sequence[PlannedWindow], parallel: int = 2
) -> tuple[RunSummary, list[Outcome]]:
    outcomes: list[Outcome] = []
    summary = ingest_windows(
        taken.client,
        taken.connection,
        taken.site,
        windows,
        RunOptions(interval_seconds=900, max_parallel=parallel),
        Stopwatch(),
        lambda _planned, outcome: outcomes.append(outcome),
    )
    return summary, outcomes


def hours(taken: Intake, count: int) -> list[PlannedWindow]:
    """One window an hour of the only channel."""
    channel = taken.site.channels[0]
    return [
        PlannedWindow(channel, START + HOUR * number, START + HOUR * (number + 1))
        for number in range(count)
    ]


# --- for good -------------------------------------------------------------------------------------


def test_an_api_that_died_in_mid_run_is_not_asked_for_every_window(
    taken: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    taken.api.answer = lambda asked: rows_of(asked) if asked.number <= 4 else DOWN
    with caplog.at_level(logging.WARNING):
        summary, outcomes = run(taken, hours(taken, 200))
    stored = sum(outcome.status == "success" for outcome in outcomes)
    asked = sum(outcome.requests > 0 for outcome in outcomes)
    # Two are being asked and two are at hand when the last of the eight is found to have failed.
    assert stored == 4
    assert stored + OUTAGE_WINDOWS <= asked <= stored + OUTAGE_WINDOWS + 4
    assert len(taken.energies()) == 4 * stored
    # Every attempt has a row, each with the reason, and the exit code will tell.
    logs = taken.rows("SELECT status, count(*) FROM ingestion_logs GROUP BY status ORDER BY status")
    assert logs == [("failed", 196), ("success", 4)]
    ((reason, count),) = taken.rows(
        "SELECT error_message, count(*) FROM ingestion_logs WHERE requests = 0 GROUP BY 1"
    )
    assert reason.startswith("the API no longer answers (GET /readings/")
    assert count == 200 - asked
    assert list(summary.problems) == [CHANNEL]
    # The person reads of it once, not two hundred times.
    assert len([line for line in caplog.messages if "no longer answers" in line]) == 1
    assert len(caplog.messages) <= 4


def test_one_channel_that_fails_is_no_outage(taken: Intake) -> None:
    other = replace(taken.site.channels[0], channel_id=CHANNEL + 1)
    taken.connection.cursor().execute(
        "INSERT INTO channels (channel_id, organization_id, channel_name) "
        "SELECT %s, organization_id, 'RTU-3' FROM channels",
        (other.channel_id,),
    )
    taken.connection.commit()
    windows = [
        replace(window, channel=channel)
        for window in hours(taken, 12)
        for channel in (taken.site.channels[0], other)
    ]
    taken.api.answer = lambda asked: DOWN if asked.path.endswith(str(CHANNEL)) else rows_of(asked)
    _, outcomes = run(taken, windows)
    assert [outcome.requests > 0 for outcome in outcomes] == [True] * 24
    assert sum(outcome.status == "success" for outcome in outcomes) == 12


def test_an_api_that_comes_back_in_time_is_asked_for_the_rest(taken: Intake) -> None:
    # With one thread and five tries a window, these are the tries of fewer windows than an outage.
    broken = range(6, 6 + 5 * (OUTAGE_WINDOWS - 1))
    taken.api.answer = lambda asked: DOWN if asked.number in broken else rows_of(asked)
    _, outcomes = run(taken, hours(taken, 40), parallel=1)
    statuses = [outcome.status for outcome in outcomes]
    assert statuses.count("failed") == OUTAGE_WINDOWS - 1
    assert statuses.count("success") == 40 - (OUTAGE_WINDOWS - 1)


# --- for a part of a window -----------------------------------------------------------------------


def in_days(bad_days: set[int]) -> Answer:
    """An API that answers a day at most at 15 minutes, and some days not at all."""

    def answer(asked: Asked) -> Reply:
        start, end = asked.daterange
        if end - start > DAY.total_seconds():
            return rows_of(asked, resolution=3600)
        number = (start - int(START.timestamp())) // 86_400
        return DOWN if number in bad_days else rows_of(asked)

    return answer


@pytest.mark.parametrize(
    ("bad_days", "stored_days"),
    [
        ({1}, [-4, -3, -2, -1]),
        ({-3}, [-4, -2, -1]),
        ({-1}, [-4, -3, -2]),
        ({-3, -2}, [-4]),
    ],
)
def test_a_failing_piece_of_a_window_costs_no_other_piece(
    taken: Intake, bad_days: set[int], stored_days: list[int]
) -> None:
    taken.api.answer = in_days(bad_days)
    window = PlannedWindow(taken.site.channels[0], START - 4 * DAY, START)
    _, (outcome,) = run(taken, [window])
    days = taken.rows(
        "SELECT DISTINCT (\"timestamp\" AT TIME ZONE 'UTC')::date - date '2026-07-14' "
        "FROM readings ORDER BY 1"
    )
    assert [number for (number,) in days] == stored_days
    assert outcome.inserted == 96 * len(stored_days)
    if bad_days == {1}:
        assert (outcome.status, outcome.error) == ("success", None)
    else:
        assert outcome.status == "partial"
        first_bad = START + DAY * min(bad_days)
        assert outcome.error is not None
        assert f"{first_bad:%Y-%m-%d 00:00}" in outcome.error


def test_two_failing_pieces_in_a_row_end_the_window_and_it_says_so(taken: Intake) -> None:
    taken.api.answer = in_days({-3, -2})
    window = PlannedWindow(taken.site.channels[0], START - 4 * DAY, START)
    _, (outcome,) = run(taken, [window])
    assert outcome.error is not None
    assert outcome.error.endswith(f"nothing was asked from {START - DAY:%Y-%m-%d 00:00}+0000")


# --- for a moment ---------------------------------------------------------------------------------


def test_an_answer_that_does_not_come_is_asked_for_again(
    taken: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT_SECONDS", 0.2)
    over = threading.Event()

    def answer(asked: Asked) -> Reply:
        if asked.number in (1, 2):
            over.wait(60)
            return Reply(silent=True)
        return rows_of(asked)

    taken.api.answer = answer
    _, (outcome,) = run(taken, hours(taken, 1))
    over.set()
    assert (outcome.status, outcome.inserted) == ("success", 4)
    assert len(taken.api.asked) == 3


def test_an_api_that_never_answers_in_time_fails_the_window_with_the_reason(
    taken: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT_SECONDS", 0.1)
    over = threading.Event()

    def answer(_asked: Asked) -> Reply:
        over.wait(60)
        return Reply(silent=True)

    taken.api.answer = answer
    _, (outcome,) = run(taken, hours(taken, 1))
    over.set()
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert "no answer in time" in outcome.error


# --- what is learned of it ------------------------------------------------------------------------


@pytest.mark.parametrize(("requests", "given_up"), [(0, []), (5, [CHANNEL])])
def test_only_windows_that_were_asked_make_a_channel_unreadable(
    taken: Intake, requests: int, given_up: list[int]
) -> None:
    with taken.connection, taken.connection.cursor() as cursor:
        for run_id, (channel_id, status, asked) in product(
            (UUID(int=1), UUID(int=2), UUID(int=3)),
            ((CHANNEL, "failed", requests), (CHANNEL + 1, "success", 1)),
        ):
            cursor.execute(
                "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
                "window_end, interval_seconds, status, requests, started_at) "
                "VALUES (%s, %s, %s, %s, %s, 900, %s, %s, now())",
                (str(run_id), SITE, channel_id, START, START + DAY, status, asked),
            )
    assert learn_from_run(taken.connection, SITE, UUID(int=3), [CHANNEL]) == given_up
