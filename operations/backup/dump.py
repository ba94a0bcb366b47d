"""Making a backup: one file in pg_dump's own format, and beside it what is in it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from psycopg2.sql import SQL, Identifier

from lib.database import Connection, Cursor, Server, connect
from lib.errors import ArgoError, UsageError
from lib.files import atomic_file, write_atomically
from operations.backup.tools import address, first_line, fitting_programs, server_major

NAME = re.compile(r"argo_[A-Za-z0-9_-]+_\d{8}T\d{6}Z\.dump")
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What a backup holds; `tables` are its rows, as they were at the backup's own instant."""

    file: str
    sha256: str
    bytes: int
    database: str
    server_version: str
    created_at: str
    tables: dict[str, int]

    @property
    def server_major(self) -> int:
        """The main version of the server that was backed up."""
        return int(self.server_version.split(".")[0])

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(self.tables.values())


def make_backup(server: Server, folder: Path, now: datetime) -> tuple[Path, Manifest]:
    """Back a database up into a folder, as it is at one instant; scripts go on meanwhile.

    Raises UsageError where this machine has no fitting pg_dump, ArgoError when the disk or the
    server refuses; then there is no file.
    """
    with closing(connect(server)) as connection:
        programs = fitting_programs(server_major(connection))
        with connection, connection.cursor() as cursor:
            # The counts and the dump see the same rows; the transaction stays open for both.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT pg_export_snapshot(), current_database()")
            snapshot, database = cursor.fetchone() or ("", "")
            tables = count_tables(cursor)
            if not tables:
                raise UsageError(f"{server.name} holds no table: there is nothing to back up")
            path = folder / f"argo_{re.sub(r'[^A-Za-z0-9_-]', '_', database)}_{now:%Y%m%dT%H%M%SZ}"
            path = path.with_suffix(".dump")
            if path.exists():
                raise UsageError(f"{path} is there already")
            _dump(server, programs.path("pg_dump"), snapshot, path)
        version = _version(connection)
    manifest = Manifest(
        path.name, sha256_of(path), path.stat().st_size, database, version, now.isoformat(), tables
    )
    write_atomically(
        path.with_suffix(".json"), json.dumps(asdict(manifest), indent=2).encode() + b"\n"
    )
    return path, manifest


def _version(connection: Connection) -> str:
    return str(connection.get_parameter_status("server_version"))


def _dump(server: Server, pg_dump: str, snapshot: str, path: Path) -> None:
    dsn, environment = address(server)
    command = [pg_dump, f"--dbname={dsn}", f"--snapshot={snapshot}", "--format=custom",
               "--no-password", "--lock-wait-timeout=60s"]  # fmt: skip
    with tempfile.TemporaryFile("w+") as errors, atomic_file(path) as file:
        # It holds everything: for the owner's eyes.
        os.fchmod(file.fileno(), 0o600)
        done = subprocess.run(command, stdout=file, stderr=errors, env=environment, check=False)
        if done.returncode != 0:
            errors.seek(0)
            raise ArgoError(f"pg_dump failed: {first_line(errors.read())}")


def count_tables(cursor: Cursor) -> dict[str, int]:
    """Rows of every table outside the system's own schemas, by schema and name."""
    cursor.execute(
        "SELECT n.nspname, c.relname FROM pg_class AS c "
        "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^(pg_|information_schema$)' "
        # What an extension made is its own.
        "AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass "
        "AND d.objid = c.oid AND d.deptype = 'e') ORDER BY 1, 2"
    )
    counts = {}
    for schema, table in cursor.fetchall():
        cursor.execute(SQL("SELECT count(*) FROM {}").format(Identifier(schema, table)))
        (rows,) = cursor.fetchone() or (0,)
        counts[f"{schema}.{table}"] = int(rows)
    return counts


def sha256_of(path: Path) -> str:
    """The checksum of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def read_manifest(path: Path) -> Manifest:
    """What stands beside a backup, after its checksum was found right.

    Raises UsageError where it is not a backup of ours, ArgoError where the file was damaged.
    """
    beside = path.with_suffix(".json")
    try:
        manifest = Manifest(**json.loads(beside.read_bytes()))
    except (OSError, ValueError, TypeError):
        raise UsageError(f"{beside} is missing or damaged: it says what is in the backup") from None
    if not path.is_file():
        raise UsageError(f"{path} is no file")
    if sha256_of(path) != manifest.sha256:
        raise ArgoError(f"{path} is damaged: its checksum is not the one it was written with")
    return manifest


def remove_old(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest `keep` backups of each database; returns those deleted."""
    by_database: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            by_database.setdefault(path.stem.rpartition("_")[0], []).append(path)
    old = [path for paths in by_database.values() for path in paths[:-keep]]
    for path in old:
        path.unlink()
        path.with_suffix(".json").unlink(missing_ok=True)
    return old
