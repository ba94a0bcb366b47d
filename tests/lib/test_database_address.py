"""Where an address leads: every host that libpq would try counts, not the first one we see."""

from __future__ import annotations

import pytest
from support import ScriptRunner

from config.settings import SettingsError
from lib.database import Server


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://db.example.com/argo",
        "postgresql:///argo?host=db.example.com",
        "postgresql:///argo?hostaddr=192.0.2.7",
        # The address is where it goes, whatever the name before it says.
        "postgresql://localhost/argo?hostaddr=192.0.2.7",
        "postgresql://localhost/argo?host=db.example.com",
        "postgresql://localhost,db.example.com/argo",
        "postgresql:///argo?host=/tmp,db.example.com",
        "postgresql://127.evil.example.com/argo",
        "postgresql://[2001:db8::7]/argo",
        # A tunnel: whatever answers on this machine has to show that name's certificate.
        "postgresql://db.example.com/argo?hostaddr=127.0.0.1",
        # A service file may name any host.
        "postgresql:///argo?service=anything",
    ],
)
def test_an_address_that_may_leave_the_machine_is_remote(address: str) -> None:
    assert Server(address, is_embedded=False).is_remote


@pytest.mark.parametrize(
    "address",
    [
        "postgresql:///argo",
        "postgresql://localhost/argo",
        "postgresql://127.0.0.1:5433/argo",
        "postgresql://[::1]/argo",
        "postgresql:///argo?host=%2Fvar%2Frun%2Fpostgresql",
        "postgresql://localhost,127.0.0.1/argo",
    ],
)
def test_sockets_and_loopback_are_not_remote(address: str) -> None:
    assert not Server(address, is_embedded=False).is_remote


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR"])
def test_without_a_host_the_environment_says_where_it_goes(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    server = Server("postgresql:///argo", is_embedded=False)
    monkeypatch.setenv(name, "192.0.2.7")
    assert server.is_remote
    monkeypatch.setenv(name, "127.0.0.1")
    assert not server.is_remote


def test_an_address_is_named_without_its_password() -> None:
    server = Server("postgresql://me:secret@one.example,two.example/argo", is_embedded=False)
    assert server.name == "one.example,two.example:5432/argo"


def test_what_libpq_does_not_understand_names_the_setting(run_script: ScriptRunner) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL is not a valid PostgreSQL address"):
        assert Server("postgresql://h/argo?nonsense=1", is_embedded=False).is_remote
    done = run_script(
        "govern/check_database.py", env={"DATABASE_URL": "postgresql://h/argo?nonsense=1"}
    )
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "DATABASE_URL" in done.stderr
