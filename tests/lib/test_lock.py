"""The run lock: one holder at a time, gone with its process."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from support import Database

from lib.errors import LockedError
from lib.lock import run_lock

HOLD = """
from time import sleep
from lib.lock import run_lock
with run_lock("x"):
    print("held", flush=True)
    sleep(60)
"""


def test_the_second_is_told_who_holds_it(database: Database) -> None:
    told = r"another run holds the lock 'x': database session \d+"
    with run_lock("x"), pytest.raises(LockedError, match=told), run_lock("x"):
        pass


def test_another_name_is_another_lock(database: Database) -> None:
    with run_lock("x"), run_lock("y"):
        held = database.scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    assert held == 2


def test_a_killed_holder_does_not_block_the_next(database: Database) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    # The server notices the closed connection by itself; wait for that, not for a time.
    while database.scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"):
        pass
    with run_lock("x"):
        assert database.scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 1
