"""test_neon_connection.py: what it says of a connection, against real servers and certificates."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from support import Database, ScriptRunner
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from lib.embedded_postgres import EmbeddedPostgres

SCRIPT = "govern/test_neon_connection.py"
NAME, OTHER_NAME = "db.argo.test", "other.argo.test"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def binaries_with_tls() -> Path | None:
    """Folder of a PostgreSQL that was built with OpenSSL; the embedded one is not."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if not (folder / "pg_ctl").exists() or not shutil.which("openssl"):
            continue
        libraries = subprocess.run(
            ["ldd", folder / "postgres"], capture_output=True, text=True, check=False
        )
        if "libssl" in libraries.stdout:
            return folder
    return None


BINARIES = binaries_with_tls()
PGBOUNCER = shutil.which(
    "pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
)
needs_tls = pytest.mark.skipif(
    BINARIES is None, reason="no PostgreSQL server with OpenSSL, or no openssl, on this machine"
)


@dataclass(frozen=True)
class TlsServer:
    """A server on this machine that answers to any name, with one certificate for NAME."""

    port: int
    authority: Path

    def url(self, host: str = NAME, **options: str) -> str:
        """An address whose name is looked up nowhere: the connection goes to this machine."""
        query = "&".join(f"{key}={value}" for key, value in options.items())
        return f"postgresql://postgres@{host}:{self.port}/postgres?hostaddr=127.0.0.1&{query}"


def openssl(folder: Path, *args: str) -> None:
    """Run openssl in `folder`."""
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def make_certificates(folder: Path) -> None:
    """An authority, a certificate for NAME that it signed, and one that signed itself."""
    openssl(folder, "req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.crt",
            "-subj", "/CN=Argo test authority", "-days", "2")  # fmt: skip
    openssl(folder, "req", *KEY, "-keyout", "signed.key", "-out", "signed.csr",
            "-subj", f"/CN={NAME}")  # fmt: skip
    (folder / "names").write_text(f"subjectAltName=DNS:{NAME}\n")
    openssl(folder, "x509", "-req", "-in", "signed.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", "signed.crt", "-days", "2", "-extfile", "names")  # fmt: skip
    openssl(folder, "req", "-x509", *KEY, "-keyout", "self.key", "-out", "self.crt",
            "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
            "-days", "2")  # fmt: skip


def as_user(owner: pwd.struct_passwd) -> dict[str, Any]:
    """Arguments that run a process as the server's user, where we are root."""
    if os.geteuid() != 0:
        return {}
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def tls_server(folder: Path, owner: pwd.struct_passwd, certificate: str) -> Iterator[TlsServer]:
    """Run a server with the certificate `signed` or `self`, for the user that may run one."""
    assert BINARIES is not None
    port = free_port()
    folder.chmod(0o755)
    make_certificates(folder)
    data = folder / "data"
    data.mkdir(mode=0o700)
    key = folder / f"{certificate}.key"
    key.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(data, owner.pw_uid, owner.pw_gid)
        os.chown(key, owner.pw_uid, owner.pw_gid)

    def run(tool: str, *args: str | Path) -> None:
        subprocess.run(
            [BINARIES / tool, *args],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_user(owner),
        )

    run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-instructions", "-N")
    with (data / "postgresql.conf").open("a") as config:
        config.write(
            f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n"
            f"ssl = on\nssl_cert_file = '{folder}/{certificate}.crt'\nssl_key_file = '{key}'\n"
        )
    run("pg_ctl", "-D", data, "-w", "-l", data / "server.log", "start")
    try:
        yield TlsServer(port, folder / "ca.crt")
    finally:
        run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def server_owner(embedded_server: EmbeddedPostgres) -> pwd.struct_passwd:
    """The user that the embedded server runs as: PostgreSQL does not run as root."""
    return pwd.getpwuid(embedded_server.pgdata.stat().st_uid)


@pytest.fixture(scope="module")
def signed_server(
    _isolated_environment: Path, server_owner: pwd.struct_passwd
) -> Iterator[TlsServer]:
    """A server whose certificate our own authority signed."""
    folder = _isolated_environment / "signed"
    folder.mkdir()
    with tls_server(folder, server_owner, "signed") as server:
        yield server


@pytest.fixture(scope="module")
def self_signed_server(
    _isolated_environment: Path, server_owner: pwd.struct_passwd
) -> Iterator[TlsServer]:
    """A server whose certificate nobody vouches for."""
    folder = _isolated_environment / "self"
    folder.mkdir()
    with tls_server(folder, server_owner, "self") as server:
        yield server


def test_an_unencrypted_local_connection_is_told_as_it_is(
    database: Database, run_script: ScriptRunner
) -> None:
    done = run_script(SCRIPT, "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["tls"] == {
        "in_use": False,
        "protocol": None,
        "sslmode": found["tls"]["sslmode"],
        "verified": None,
    }
    assert found["is_pooled"] is False
    assert found["server_version"] == database.scalar("SHOW server_version")
    assert found["time_zone"] == database.scalar("SHOW timezone")
    assert found["extensions"] == ["plpgsql 1.0"]
    assert found["round_trip_ms"] > 0


def test_the_text_says_the_same(database: Database, run_script: ScriptRunner) -> None:
    done = run_script(SCRIPT)
    assert done.exit_code == 0, done.stderr
    for told in ("encryption  none", "direct", "a round trip (median of 11)", "plpgsql"):
        assert told in done.stdout


@needs_tls
def test_a_right_certificate_is_verified_in_full_without_being_asked(
    signed_server: TlsServer, run_script: ScriptRunner
) -> None:
    url = signed_server.url(sslrootcert=str(signed_server.authority))
    done = run_script(SCRIPT, "--json", env={"DATABASE_URL": url})
    assert done.exit_code == 0, done.stderr
    encryption = json.loads(done.stdout)["tls"]
    assert encryption["in_use"]
    assert encryption["sslmode"] == "verify-full"
    assert encryption["verified"] == "authority and host name"
    assert done.stderr == ""


@needs_tls
def test_a_self_signed_certificate_is_refused(
    self_signed_server: TlsServer, run_script: ScriptRunner
) -> None:
    for options in ({}, {"sslrootcert": str(self_signed_server.authority)}):
        done = run_script(SCRIPT, env={"DATABASE_URL": self_signed_server.url(**options)})
        assert (done.exit_code, done.stdout) == (1, "")
        assert "certificate verify failed" in done.stderr
        assert len(done.stderr.splitlines()) == 1


@needs_tls
def test_a_certificate_of_another_host_is_refused(
    signed_server: TlsServer, run_script: ScriptRunner
) -> None:
    url = signed_server.url(OTHER_NAME, sslrootcert=str(signed_server.authority))
    done = run_script(SCRIPT, env={"DATABASE_URL": url})
    assert (done.exit_code, done.stdout) == (1, "")
    assert NAME in done.stderr
    assert OTHER_NAME in done.stderr
    assert len(done.stderr.splitlines()) == 1


@needs_tls
def test_a_weaker_mode_connects_with_a_warning(
    self_signed_server: TlsServer, run_script: ScriptRunner
) -> None:
    url = self_signed_server.url(sslmode="require")
    done = run_script(SCRIPT, "--json", env={"DATABASE_URL": url})
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["tls"]["verified"] is None
    assert "DATABASE_URL asks for sslmode=require" in done.stderr


@pytest.fixture
def pooled_url(
    _isolated_environment: Path,
    embedded_server: EmbeddedPostgres,
    server_owner: pwd.struct_passwd,
    database: Database,
) -> Iterator[str]:
    """The test's database through PgBouncer in transaction mode."""
    assert PGBOUNCER is not None
    port = free_port()
    config = _isolated_environment / "pgbouncer.ini"
    users = _isolated_environment / "users.txt"
    users.write_text('"postgres" ""\n')
    config.write_text(
        f"[databases]\n* = host={embedded_server.socket_dir}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {users}\npool_mode = transaction\n"
    )
    process = subprocess.Popen(
        [PGBOUNCER, config],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **as_user(server_owner),
    )
    name = database.url.split("@/")[1].split("?")[0]
    url = f"postgresql://postgres@127.0.0.1:{port}/{name}"
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(psycopg2.OperationalError),
            stop=stop_after_delay(20),
            wait=wait_fixed(0.05),
            reraise=True,
        ):
            with attempt, closing(psycopg2.connect(url)):
                pass
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")
def test_a_pooler_is_told_from_a_direct_connection(
    pooled_url: str, run_script: ScriptRunner
) -> None:
    done = run_script(SCRIPT, "--json", env={"DATABASE_URL": pooled_url})
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["is_pooled"] is True


def test_a_password_is_never_shown(run_script: ScriptRunner) -> None:
    url = "postgresql://me:s3cret-word@127.0.0.1:1/db"
    done = run_script(SCRIPT, "--debug", env={"DATABASE_URL": url})
    assert done.exit_code == 1
    assert "127.0.0.1:1" in done.stderr
    assert "s3cret-word" not in done.stdout + done.stderr
