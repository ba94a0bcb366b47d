"""One run at a time, over all hosts: an advisory lock held by one open transaction.

The lock lives in a transaction of a connection of its own, so that it works through a pooler, and
it goes when the process that holds it ends, however it ends: the server waits for that connection's
next statement and sees at once that it is closed; of a host that lost its power within minutes.
"""

from __future__ import annotations

import logging
import os
import socket
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

import psycopg2

from lib.database import Connection, Cursor, connect, owner_server
from lib.errors import LockedError

logger = logging.getLogger(__name__)

# Keeps Argo's locks apart from those of other software in the same database.
LOCK_CLASS = 7_203
# What could end an idle transaction, and how soon a host that is gone is noticed; set where this
# server knows them, for this transaction alone.
_SETTINGS = {
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "0",
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "15",
    "tcp_keepalives_count": "4",
}
_HOLDER = """
SELECT a.pid, a.application_name, a.client_addr, a.xact_start
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class LockHeld(LockedError):
    """Another run holds the lock; `since` when, where the database tells."""

    def __init__(self, message: str, since: datetime | None) -> None:
        super().__init__(message)
        self.since = since


@contextmanager
def run_lock(name: str) -> Iterator[None]:
    """Hold the lock called `name`, or raise LockHeld that says who holds it.

    A connection that is lost meanwhile takes the lock with it: that is logged, and costs the work
    nothing.
    """
    key = zlib.crc32(name.encode()) & 0x7FFFFFFF
    with closing(connect(owner_server())) as connection:
        with connection.cursor() as cursor:
            _prepare(cursor)
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (LOCK_CLASS, key))
            (is_mine,) = cursor.fetchone() or (False,)
            if not is_mine:
                raise _held_by_another(cursor, name, key)
        try:
            yield
        finally:
            _release(connection, name)


def _prepare(cursor: Cursor) -> None:
    """Keep the server from ending the transaction; put our name on it for those who ask."""
    cursor.execute(
        "SELECT set_config(name, value, true) FROM unnest(%s, %s) AS wanted (name, value) "
        "JOIN pg_settings USING (name)",
        (list(_SETTINGS), list(_SETTINGS.values())),
    )
    # PostgreSQL keeps the first 63 bytes.
    holder = f"argo process {os.getpid()} on {socket.gethostname()}"
    cursor.execute("SELECT set_config('application_name', %s, true)", (holder,))


def _release(connection: Connection, name: str) -> None:
    try:
        connection.rollback()
    except psycopg2.Error as error:
        reason = str(error).strip().split("\n")[0]
        logger.warning("the lock '%s' was lost before the work ended: %s", name, reason)


def _held_by_another(cursor: Cursor, name: str, key: int) -> LockHeld:
    cursor.execute(_HOLDER, (LOCK_CLASS, key))
    row = cursor.fetchone()
    message = f"another run holds the lock '{name}'"
    if row is None:
        return LockHeld(message, None)
    session, holder, address, since = row
    who = f" ({holder})" if (holder or "").startswith("argo ") else ""
    where = address or "this machine"
    when = f", since {since:%Y-%m-%d %H:%M:%S %Z}" if since else ""
    return LockHeld(f"{message}: database session {session} from {where}{who}{when}", since)
