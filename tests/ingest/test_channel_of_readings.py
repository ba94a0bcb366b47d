"""A reading's channel stays, without a foreign key; and two writers at once lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from nasty_payloads import answer, row
from offered_answers import CHANNEL, NOON, Intake, intake
from psycopg2.errors import ForeignKeyViolation, LockNotAvailable
from scripted_api import Asked, Reply
from support import Database

from ingest.store.readings import Outcome

TIMES = [NOON + 900 * number for number in range(4)]
BODY = answer(*(row('"E": 1500', str(ts)) for ts in TIMES))
MOST_LOOKS = 20_000


@pytest.fixture
def taken(database: Database) -> Iterator[Intake]:
    with intake(database) as one:
        yield one


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """A thread that ingests while the test does something else."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def until_it_waits(database: Database, running: Future[Outcome]) -> None:
    """Return once another session waits for a lock of ours."""
    for _ in range(MOST_LOOKS):
        if database.scalar(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            return
        assert not running.done(), running.result()
    pytest.fail("nobody waits")


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM channels WHERE channel_id = {CHANNEL}",
        f"UPDATE channels SET channel_id = 7 WHERE channel_id = {CHANNEL}",
        "TRUNCATE channels CASCADE",
        f"BEGIN ISOLATION LEVEL REPEATABLE READ; DELETE FROM channels WHERE channel_id = {CHANNEL}",
    ],
)
def test_a_channel_with_readings_can_be_neither_deleted_nor_renumbered(
    database: Database, taken: Intake, statement: str
) -> None:
    taken.offer(BODY)
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        with pytest.raises(psycopg2.Error, match=r"still has|still have|READ COMMITTED"):
            cursor.execute(statement)
    assert database.scalar("SELECT count(*) FROM readings JOIN channels USING (channel_id)") == 4


def test_the_refusal_says_what_to_do_instead(database: Database, taken: Intake) -> None:
    taken.offer(BODY)
    with pytest.raises(ForeignKeyViolation, match=f"channel {CHANNEL} still has readings: delete"):
        database.execute("DELETE FROM channels")


def test_a_channel_goes_with_or_after_its_readings(database: Database, taken: Intake) -> None:
    taken.offer(BODY)
    database.execute("DELETE FROM readings; UPDATE channels SET channel_id = 7")
    database.execute("TRUNCATE readings, channels CASCADE")
    assert database.scalar("SELECT count(*) FROM channels") == 0


def test_readings_of_a_channel_that_went_meanwhile_are_not_stored(
    database: Database, taken: Intake
) -> None:
    def answer_late(_asked: Asked) -> Reply:
        database.execute("DELETE FROM channels")
        return Reply(body=BODY)

    taken.api.answer = answer_late
    outcome = taken.offer(BODY)
    assert outcome.status == "failed"
    assert outcome.error == f"channel {CHANNEL} is no longer in the database: nothing was stored"
    assert database.scalar("SELECT count(*) FROM readings") == 0
    assert database.execute("SELECT status, readings_fetched FROM ingestion_logs") == [
        ("failed", 0)
    ]


def test_a_channel_cannot_go_while_its_readings_are_being_stored(
    database: Database, taken: Intake, beside: ThreadPoolExecutor
) -> None:
    with closing(database.connect()) as held, held.cursor() as cursor:

        def answer_while_the_log_is_held(_asked: Asked) -> Reply:
            cursor.execute("SELECT FROM ingestion_logs FOR UPDATE")
            return Reply(body=BODY)

        taken.api.answer = answer_while_the_log_is_held
        running = beside.submit(taken.offer, BODY)
        until_it_waits(database, running)
        with pytest.raises(LockNotAvailable):
            database.execute("SET lock_timeout = '50ms'; DELETE FROM channels")
        held.rollback()
        assert running.result().inserted == 4


@pytest.mark.parametrize(("energy_kwh", "conflicts"), [(9.0, 1), (1.5, 0)])
def test_what_another_writer_stored_first_stays_and_a_difference_is_noted(
    database: Database,
    taken: Intake,
    beside: ThreadPoolExecutor,
    energy_kwh: float,
    conflicts: int,
) -> None:
    instant = datetime.fromtimestamp(TIMES[1], UTC)
    with closing(database.connect()) as other, other.cursor() as cursor:

        def answer_while_another_writes(_asked: Asked) -> Reply:
            cursor.execute(
                'INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh) '
                "VALUES (%s, %s, 900, %s)",
                (CHANNEL, instant, energy_kwh),
            )
            return Reply(body=BODY)

        taken.api.answer = answer_while_another_writes
        running = beside.submit(taken.offer, BODY)
        until_it_waits(database, running)
        other.commit()
        outcome = running.result()
    assert (outcome.status, outcome.inserted, outcome.duplicate) == ("success", 3, 1)
    assert taken.energies() == [1.5, energy_kwh, 1.5, 1.5]
    noted = database.execute(
        'SELECT "timestamp", stored_value, offered_value FROM reading_conflicts'
    )
    assert noted == [(instant, "9.0", "1.5")] * conflicts


def test_the_day_before_a_window_counts_for_overlaps_only(
    database: Database, taken: Intake
) -> None:
    yesterday = datetime.fromtimestamp(NOON, UTC) - timedelta(days=1)
    database.execute(
        'INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh) '
        "VALUES (%s, %s, 900, 7)",
        (CHANNEL, yesterday),
    )
    outcome = taken.offer(BODY)
    assert (outcome.inserted, outcome.duplicate) == (4, 0)
    assert taken.energies() == [7.0, 1.5, 1.5, 1.5, 1.5]
