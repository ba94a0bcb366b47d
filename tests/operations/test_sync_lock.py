"""The lock of a long run: no timeout of the server ends it; to lose it costs the work nothing."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

import pytest
from support import Database

from lib.lock import LockHeld, run_lock

HOLDERS = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
IS_OLD = f"""
SELECT clock_timestamp() - xact_start > interval '500 ms'
FROM pg_stat_activity JOIN ({HOLDERS}) AS holder USING (pid)
"""


@pytest.mark.parametrize("timeout", ["idle_in_transaction_session_timeout", "transaction_timeout"])
def test_a_timeout_of_the_server_does_not_end_the_lock(timeout: str, database: Database) -> None:
    known = database.scalar("SELECT count(*) FROM pg_settings WHERE name = %s", [timeout])
    if not known:
        pytest.skip(f"this server knows no {timeout}")
    database.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET "
        f"{timeout} = ''200ms''', current_database()); END $$"
    )
    with run_lock("x"):
        while not database.scalar(IS_OLD):
            pass


def test_a_lock_that_is_lost_with_its_connection_is_logged_and_the_work_goes_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with run_lock("x"):
        database.execute(f"SELECT pg_terminate_backend(pid) FROM ({HOLDERS}) AS holder")
        while database.execute(HOLDERS):
            pass
    assert "the lock 'x' was lost before the work ended" in caplog.text


def test_the_second_is_told_process_host_and_since_when(database: Database) -> None:
    before = datetime.now(UTC)
    with run_lock("x"), pytest.raises(LockHeld) as held, run_lock("x"):
        pass
    assert f"argo process {os.getpid()} on {socket.gethostname()[:30]}" in str(held.value)
    assert held.value.since is not None
    assert abs((held.value.since - before).total_seconds()) < 60


def test_an_error_of_the_work_reaches_the_caller_and_frees_the_lock(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), run_lock("x"):
        raise ZeroDivisionError
    assert database.execute(HOLDERS) == []
