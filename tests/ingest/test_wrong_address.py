"""An address that is not the Eniscope API's: what is told, and that it is a setting (exit 2)."""

from __future__ import annotations

from sandbox_client import Ingest, StartSandbox
from scripted_api import Asked, Reply, scripted_api
from scripted_site import ingest_site
from support import Database, ScriptRunner


def one_line(text: str) -> str:
    """The single line of an error message."""
    (line,) = text.strip().splitlines()
    return line


def test_an_api_that_is_not_there_is_one_line(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    done = ingest(start_sandbox(), ENISCOPE_API_URL="http://127.0.0.1:9")
    # A host that never answered is a setting.
    assert done.exit_code == 2
    told, error = done.stderr.strip().splitlines()
    assert "no connection (127.0.0.1:9); trying again" in told
    assert "no connection (127.0.0.1:9); is ENISCOPE_API_URL right?" in error
    assert "npm run py:ingest:test-auth" in error


def test_a_host_without_a_name_is_told_apart(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    done = ingest(start_sandbox(), "--quiet", ENISCOPE_API_URL="https://argo.invalid")
    assert done.exit_code == 2
    assert "the host's name is not known (argo.invalid)" in one_line(done.stderr)


def test_https_at_an_http_port_is_not_called_a_bad_certificate(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox()
    address = sandbox.server.url.replace("http://", "https://")
    done = ingest(sandbox, "--quiet", ENISCOPE_API_URL=address)
    assert done.exit_code == 2
    assert "https fails: is it an http address" in one_line(done.stderr)
    assert "certificate" not in done.stderr


def test_a_server_that_is_not_eniscope_is_not_said_to_lack_the_site(
    database: Database, run_script: ScriptRunner
) -> None:
    def elsewhere(asked: Asked) -> Reply:
        return Reply(404, b"<h1>Not Found</h1>", {"X-Eniscope-Token": ""})

    with scripted_api(elsewhere) as api:
        done = ingest_site(run_script, api, "--days", "1")
    assert done.exit_code == 2
    assert "Does ENISCOPE_API_URL name the Eniscope API?" in one_line(done.stderr)
    assert "unknown to the Eniscope API" not in done.stderr
