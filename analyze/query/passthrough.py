"""One SQL query of a person's own, run as the reader role: the role is what keeps it safe.

The text goes to the server as a value and is opened as a cursor there, which PostgreSQL does for
one single query only; the transaction is READ ONLY. The timeout is for the whole answer; it counts
the time that the database takes: whoever reads the rows may take longer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg2
import psycopg2.errors

from analyze.query.output import Column, Row, Rows
from lib.database import Connection, owner_server, reader_server, transaction
from lib.errors import ArgoError, UsageError

BATCH_ROWS = 2000
_CURSOR, _BODY = "argo_query", "$argo_query$"
# Kinds of columns by PostgreSQL's type numbers; everything else is text.
_KINDS = {
    16: "bool", 20: "int", 21: "int", 23: "int", 700: "float", 701: "float", 1082: "date",
    1114: "clock", 1184: "timestamp", 1700: "float",
}  # fmt: skip

# Permission denied; no such table or view, column, function.
_NOT_THERE = ("42501", "42P01", "42703", "42883")
_VIEWS = (
    " (what may be read: v_readings_enriched, v_readings_daily, v_meters, v_sites and the other "
    "views of docs/data-dictionary.md)"
)


def require_reader() -> None:
    """Raises UsageError where no login of the reader role is known."""
    if reader_server(owner_server()) is None:
        raise UsageError(
            "--sql runs as the role argo_reader only: give it a password and set ARGO_READER_URL"
        )


@contextmanager
def query_rows(
    connection: Connection, sql: str, timezone: str, timeout_seconds: int
) -> Iterator[Rows]:
    """The rows of one query, times in `timezone`; they are fetched as they are read.

    Raises UsageError with one line for what PostgreSQL refuses.
    """
    if not sql.strip():
        raise UsageError("--sql is empty: it takes one SELECT, such as 'SELECT * FROM v_meters'")
    with transaction(connection) as cursor, _one_line_errors(timeout_seconds):
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('TimeZone', %s, true)",
            [f"{1000 * timeout_seconds}ms", timezone],
        )
        # The text is a literal inside of a body: nothing in it may end that body.
        if _BODY in sql:
            raise UsageError(f"--sql: must not hold {_BODY}")
        query = cursor.mogrify("%s", [sql]).decode()
        cursor.execute(
            f"DO {_BODY} DECLARE rows refcursor := '{_CURSOR}'; "
            f"BEGIN OPEN rows FOR EXECUTE {query}; END {_BODY}"
        )
        with connection.cursor(name=_CURSOR) as stream:
            stream.itersize = BATCH_ROWS
            left_seconds = float(timeout_seconds)

            def fetched() -> list[Row]:
                """The next rows, within what is left of the time; each FETCH is a statement."""
                nonlocal left_seconds
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, true)",
                    [f"{max(round(1000 * left_seconds), 1)}ms"],
                )
                started = time.monotonic()
                batch: list[Row] = stream.fetchmany(BATCH_ROWS)
                left_seconds -= time.monotonic() - started
                return batch

            first = fetched()
            columns = _distinct(
                [(one.name, _KINDS.get(one.type_code, "text")) for one in stream.description or ()]
            )

            def batches() -> Iterator[list[Row]]:
                batch = first
                while batch:
                    yield batch
                    batch = fetched()

            yield Rows(columns, batches(), {"timezone": timezone})


@contextmanager
def _one_line_errors(timeout_seconds: int) -> Iterator[None]:
    try:
        yield
    except psycopg2.errors.QueryCanceled:
        raise UsageError(
            f"--sql: no answer within {timeout_seconds} s (--timeout allows more)"
        ) from None
    except (psycopg2.errors.FeatureNotSupported, psycopg2.errors.InvalidCursorDefinition) as error:
        raise UsageError(f"--sql: only one SELECT is possible ({_first_line(error)})") from None
    except psycopg2.OperationalError as error:
        # With a code of its own the server has refused the statement and is still there.
        if error.pgcode is not None and not error.pgcode.startswith(("08", "57", "53")):
            raise UsageError(f"--sql: {_first_line(error)}") from None
        raise ArgoError(f"--sql: the connection was lost: {_first_line(error)}") from None
    except psycopg2.Error as error:
        hint = _VIEWS if error.pgcode in _NOT_THERE else ""
        raise UsageError(f"--sql: {_first_line(error)}{hint}") from None
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--sql: a value cannot be shown ({error}); cast it to text") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _distinct(columns: list[tuple[str, str]]) -> list[Column]:
    """Names that come twice get a number: JSON and Parquet need them apart."""
    taken: set[str] = set()
    named = []
    for name, kind in columns:
        candidates = (name if nth == 1 else f"{name}_{nth}" for nth in count(1))
        free = next(candidate for candidate in candidates if candidate not in taken)
        taken.add(free)
        named.append(Column(free, kind))
    return named
