"""Short read-only connections for the server: few at a time, each with a time limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import BoundedSemaphore, Lock
from time import monotonic
from typing import Any

from analyze.quality_board.load import load_quality_board
from deliver.dashboard.document import dashboard_document
from lib import clock
from lib.database import (
    Connection,
    Server,
    connect,
    owner_server,
    reader_connection,
    reader_server,
    snapshot,
)
from lib.errors import ArgoError

MOST_CONNECTIONS = 4
WAIT_SECONDS = 10.0
STATEMENT_SECONDS = 15.0
# The board costs seconds on a large database; whoever reloads gets the one just made.
BOARD_KEPT_SECONDS = 15.0


class Busy(ArgoError):
    """Too many requests at once: none of the connections came free in time."""


class Reader:
    """The database as the reader role, for many requests at once."""

    def __init__(self, server: Server, statement_seconds: float = STATEMENT_SECONDS) -> None:
        """Nothing is opened before a request asks."""
        self._server = server
        self._statement_seconds = statement_seconds
        self._free = BoundedSemaphore(MOST_CONNECTIONS)
        self._board = _Board()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection in one READ ONLY transaction whose statements end in time.

        Raises Busy, or ArgoError where the database cannot be reached.
        """
        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise Busy("too many requests at once, try again")
        try:
            with closing(connect(self._server)) as connection:
                connection.set_session(readonly=True)
                with snapshot(connection):
                    limit = f"{int(self._statement_seconds * 1000)}ms"
                    with connection.cursor() as cursor:
                        # For this transaction only: behind a pooler the session is not ours.
                        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [limit])
                    yield connection
        finally:
            self._free.release()

    def board(self) -> dict[str, Any]:
        """The dashboard's document, at most BOARD_KEPT_SECONDS old."""
        return self._board.document(self)


class _Board:
    """The last document; who asks while one is being made waits for that one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made_at = -BOARD_KEPT_SECONDS
        self._document: dict[str, Any] = {}

    def document(self, reader: Reader) -> dict[str, Any]:
        with self._lock:
            if monotonic() - self._made_at >= BOARD_KEPT_SECONDS or not self._document:
                with reader.snapshot() as connection:
                    self._document = dashboard_document(load_quality_board(connection, clock.now()))
                self._made_at = monotonic()
            return self._document


def open_reader() -> Reader:
    """The reader of the database that the settings name; it is started and looked at once.

    Raises what `lib.database.reader_connection` raises.
    """
    with reader_connection():
        owner = owner_server()
        return Reader(reader_server(owner) or owner)
