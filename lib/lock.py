"""One run at a time, over all hosts: an advisory lock held by one open transaction.

The lock lives in a transaction of a connection of its own, so that it works through a pooler, and
it goes when the process that holds it ends, however it ends.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager

from lib.database import connect, owner_server
from lib.errors import LockedError

# Keeps Argo's locks apart from those of other software in the same database.
LOCK_CLASS = 7_203


@contextmanager
def run_lock(name: str) -> Iterator[None]:
    """Hold the lock called `name`, or raise LockedError that says who holds it."""
    key = zlib.crc32(name.encode()) & 0x7FFFFFFF
    with closing(connect(owner_server())) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (LOCK_CLASS, key))
        if not _only_value(cursor.fetchone()):
            cursor.execute(
                "SELECT a.pid, a.client_addr, a.xact_start FROM pg_locks AS l "
                "JOIN pg_stat_activity AS a USING (pid) WHERE l.locktype = 'advisory' "
                "AND l.classid = %s AND l.objid = %s AND l.granted",
                (LOCK_CLASS, key),
            )
            raise LockedError(f"another run holds the lock '{name}'{_holder(cursor.fetchone())}")
        yield


def _only_value(row: tuple[object, ...] | None) -> object:
    return row[0] if row else None


def _holder(row: tuple[object, ...] | None) -> str:
    if row is None:
        return ""
    pid, address, since = row
    where = address or "this machine"
    return f": database session {pid} from {where}, since {since:%Y-%m-%d %H:%M:%S %Z}"
