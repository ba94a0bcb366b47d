"""Connections to PostgreSQL: as owner for ingest and govern, as reader for analyze and deliver.

Nothing here or above relies on session state: the server may be reached through a pooler that
gives each transaction another session.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeAlias

import certifi
import numpy as np
import psycopg2
import psycopg2.extensions
import psycopg2.extras
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from config.settings import SettingsError, get_settings
from lib.embedded_postgres import embedded_postgres
from lib.errors import ArgoError, UsageError
from lib.schema import apply_schema, schema_problem

logger = logging.getLogger(__name__)

Connection: TypeAlias = psycopg2.extensions.connection
Cursor: TypeAlias = psycopg2.extensions.cursor

READER_ROLE = "argo_reader"
CONNECT_TIMEOUT_SECONDS = 10
# A sleeping Neon database needs a few seconds to wake up.
CONNECT_ATTEMPTS = 4
# PostgreSQL counts microseconds from 2000-01-01, NumPy from 1970-01-01.
POSTGRES_EPOCH_US = 946_684_800_000_000
# Binary COPY: bytes before the first row and after the last, and the width of each kind.
_COPY_HEADER, _COPY_TRAILER = 19, 2
_COPY_KINDS = {
    "f8": ">f8", "f4": ">f4", "i8": ">i8", "i4": ">i4", "bool": "?", "timestamp": ">i8"
}  # fmt: skip


@dataclass(frozen=True)
class Server:
    """Where the database is. `url` may hold a password: never log it, log `name`."""

    url: str
    is_embedded: bool
    is_reader: bool = False

    @property
    def name(self) -> str:
        """Host and database, for messages."""
        if self.is_embedded:
            return "the embedded PostgreSQL"
        parts = self.parts
        host = parts.get("host") or parts.get("hostaddr") or "local socket"
        # Of several hosts libpq tells the ports as a list, empty where none was given.
        port = parts.get("port", "").strip(",") or 5432
        return f"{host}:{port}/{parts.get('dbname', '')}"

    @property
    def setting(self) -> str:
        """The setting that names this server."""
        return "ARGO_READER_URL" if self.is_reader else "DATABASE_URL"

    @property
    def parts(self) -> dict[str, str]:
        """The address as libpq itself understands it; raises SettingsError where it does not."""
        try:
            return dict(psycopg2.extensions.parse_dsn(self.url))
        except psycopg2.ProgrammingError:
            raise SettingsError(f"{self.setting} is not a valid PostgreSQL address") from None

    @property
    def is_remote(self) -> bool:
        """True when the connection may leave this machine: one name or address of it leads away.

        What the address leaves out libpq takes from a service file, which may name any host, and
        from the environment.
        """
        parts = self.parts
        is_service = "service" in parts or "PGSERVICE" in os.environ
        if is_service and not parts.get("host"):
            return True
        hosts = parts.get("host") or os.environ.get("PGHOST", "")
        addresses = parts.get("hostaddr") or os.environ.get("PGHOSTADDR", "")
        return any(map(_leaves_this_machine, (*hosts.split(","), *addresses.split(","))))


def _leaves_this_machine(host: str) -> bool:
    """False for a socket's folder, localhost and loopback addresses; a name may mean anything."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def owner_server() -> Server:
    """The server of DATABASE_URL, else the embedded one (started when it is not running)."""
    settings = get_settings()
    embedded = embedded_postgres()
    if settings.database_url is None:
        embedded.ensure_running()
        return Server(embedded.url(), is_embedded=True)
    server = Server(settings.database_url.get_secret_value(), is_embedded=False)
    if server.parts.get("host") != str(embedded.socket_dir):
        return server
    embedded.ensure_running()
    return Server(server.url, is_embedded=True)


def reader_server(owner: Server) -> Server | None:
    """The same database as the reader role, or None where no login of it is known."""
    settings = get_settings()
    if settings.argo_reader_url is not None:
        url = settings.argo_reader_url.get_secret_value()
        return Server(url, is_embedded=False, is_reader=True)
    if not owner.is_embedded:
        return None
    database = owner.parts["dbname"]
    return Server(embedded_postgres().url(READER_ROLE, database), is_embedded=True)


def _program() -> str:
    """How a session of this process is called in pg_stat_activity."""
    return f"argo {Path(sys.argv[0]).stem}"[:63]


def connect(server: Server) -> Connection:
    """Open a connection; a remote host is retried and has to show a valid certificate.

    Raises ArgoError with one line that names the host, never the password.
    """
    options: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, **_tls_options(server)}
    attempts = Retrying(
        retry=retry_if_exception(_may_pass_by_itself),
        stop=stop_after_attempt(CONNECT_ATTEMPTS if server.is_remote else 1),
        wait=wait_exponential(multiplier=0.5, max=5) + wait_random(0, 1),
        reraise=True,
    )
    try:
        return attempts(psycopg2.connect, server.url, application_name=_program(), **options)
    except psycopg2.ProgrammingError:
        raise SettingsError(f"{server.setting} is not a valid PostgreSQL address") from None
    except psycopg2.OperationalError as error:
        raise ArgoError(f"cannot reach the database at {server.name}: {_one_line(error)}") from None


@contextmanager
def owner_connection() -> Iterator[Connection]:
    """A connection that may write, to a database whose schema fits this code.

    On the embedded server the schema is created or brought up to date; elsewhere an outdated one
    is an error that names the command to run.
    """
    server = owner_server()
    with closing(connect(server)) as connection:
        _fit_schema(connection, server)
        yield connection


@contextmanager
def reader_connection() -> Iterator[Connection]:
    """A connection for analyze and deliver: the reader role, in READ ONLY transactions."""
    owner = owner_server()
    reader = reader_server(owner)
    if reader is None:
        logger.warning(
            "ARGO_READER_URL is not set: reading as the owner in READ ONLY transactions "
            "(db:migrate makes the role %s; give it a password and set ARGO_READER_URL)",
            READER_ROLE,
        )
    if reader is None or owner.is_embedded:
        with closing(connect(owner)) as connection:
            _fit_schema(connection, owner)
    with closing(connect(reader or owner)) as connection:
        connection.set_session(readonly=True)
        if reader is not None and not owner.is_embedded:
            _require_views(connection, reader)
        yield connection


@contextmanager
def transaction(connection: Connection) -> Iterator[Cursor]:
    """One transaction: committed at the end, rolled back on any error. Views see ARGO_NOW.

    Inside `snapshot` it is a part of that transaction.
    """
    now = get_settings().argo_now
    is_part = connection.isolation_level == psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ
    with nullcontext() if is_part else connection, connection.cursor() as cursor:
        if now is not None:
            cursor.execute("SELECT set_config('argo.now', %s, true)", (now.isoformat(),))
        yield cursor


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Whatever is read inside, by however many queries, is the database of one instant.

    For a decision and the data it is about: between two transactions a sync may have stored.
    """
    connection.set_session(isolation_level="REPEATABLE READ")
    try:
        with connection:
            yield
    finally:
        if not connection.closed:
            connection.set_session(isolation_level="DEFAULT")


def fetch_all(
    connection: Connection, sql: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
) -> list[dict[str, Any]]:
    """Rows of a query as dictionaries, in a transaction of its own."""
    with transaction(connection) as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def copy_columns(
    connection: Connection,
    sql: str,
    parameters: Mapping[str, Any] | Sequence[Any] | None,
    columns: Sequence[tuple[str, str]],
) -> dict[str, np.ndarray]:
    """Columns of a query as NumPy arrays, in a transaction of its own; see `read_columns`."""
    with transaction(connection) as cursor:
        return read_columns(cursor, sql, parameters, columns)


def read_columns(
    cursor: Cursor,
    sql: str,
    parameters: Mapping[str, Any] | Sequence[Any] | None,
    columns: Sequence[tuple[str, str]],
) -> dict[str, np.ndarray]:
    """Columns of a query as NumPy arrays, by one binary COPY.

    Parameters
    ----------
    sql : a SELECT whose columns are fixed-width and never null (use coalesce(x, 'NaN')).
    columns : name and kind of each column, in the order of the SELECT; kinds are "f8" (float8),
        "f4" (real), "i8" (bigint), "i4" (integer), "bool" and "timestamp" (timestamptz, returned
        as int64 microseconds since 1970-01-01 UTC).

    Raises ValueError when a column is null or not of the stated kind.
    """
    buffer = io.BytesIO()
    query = cursor.mogrify(sql, parameters).decode() if parameters else sql
    cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", buffer)
    fields: list[tuple[str, str]] = [("field_count", ">i2")]
    for position, (_, kind) in enumerate(columns):
        fields += [(f"length_{position}", ">i4"), (f"value_{position}", _COPY_KINDS[kind])]
    dtype = np.dtype(fields)
    payload = buffer.getbuffer()
    count, rest = divmod(payload.nbytes - _COPY_HEADER - _COPY_TRAILER, dtype.itemsize)
    rows = np.frombuffer(payload, dtype, count=count, offset=_COPY_HEADER)
    arrays = {}
    for position, (name, kind) in enumerate(columns):
        width = np.dtype(_COPY_KINDS[kind]).itemsize
        if rest or (count and (rows[f"length_{position}"] != width).any()):
            raise ValueError(f"column {name} is null somewhere, or not of kind {kind}")
        values = rows[f"value_{position}"]
        values = values.astype(values.dtype.newbyteorder("="))
        arrays[name] = values + POSTGRES_EPOCH_US if kind == "timestamp" else values
    return arrays


def _fit_schema(connection: Connection, server: Server) -> None:
    problem = schema_problem(connection)
    if problem is None:
        return
    if problem.is_newer or not server.is_embedded:
        raise UsageError(f"{server.name}: {problem.message}")
    apply_schema(connection)


def _require_views(connection: Connection, server: Server) -> None:
    """A reader sees no books: the first view tells whether there is a schema. Raises UsageError."""
    (row,) = fetch_all(connection, "SELECT to_regclass('public.v_sites') IS NOT NULL AS found")
    if not row["found"]:
        raise UsageError(f"{server.name}: the database has no schema: run npm run db:migrate")


def _tls_options(server: Server) -> dict[str, str]:
    if not server.is_remote:
        return {}
    asked = server.parts
    mode = asked.get("sslmode", "verify-full")
    if mode == "verify-full":
        # An authority of one's own stands in the address.
        return {"sslmode": mode, "sslrootcert": asked.get("sslrootcert", certifi.where())}
    logger.warning(
        "%s asks for sslmode=%s: the server's certificate is not verified in full",
        server.setting,
        mode,
    )
    return {}


def _may_pass_by_itself(error: BaseException) -> bool:
    """A sleeping or restarting server, but not wrong credentials, names or certificates."""
    final = (
        "authentication",
        "does not exist",
        "certificate",
        "no pg_hba",
        "SSL",
        "translate host",
    )
    return isinstance(error, psycopg2.OperationalError) and not any(
        word in str(error) for word in final
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
