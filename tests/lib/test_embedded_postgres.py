"""The embedded server: starts by itself, survives its scripts, is shared, is stopped."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import ScriptRunner

from config.settings import get_settings
from lib.database import fetch_all, owner_connection, reader_connection
from lib.embedded_postgres import EmbeddedPostgres

HOLD = """
from time import sleep
from lib.database import owner_connection
with owner_connection():
    print("ready", flush=True)
    sleep(60)
"""


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Not tmp_path: as root the server has a user of its own, which must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="argo-embedded-"))
    folder.chmod(0o755)
    inside = folder / "with space" / "data"
    monkeypatch.setenv("ARGO_DATA_DIR", str(inside))
    get_settings.cache_clear()
    yield inside
    EmbeddedPostgres(inside.resolve()).stop()
    shutil.rmtree(folder)


def version() -> int:
    with owner_connection() as connection:
        return int(fetch_all(connection, "SHOW server_version_num")[0]["server_version_num"])


def test_it_starts_on_first_use_is_closed_to_others_and_stops_by_command(
    data_dir: Path, run_script: ScriptRunner
) -> None:
    assert version() >= 140000
    for folder in ("postgres", "socket"):
        assert stat.S_IMODE((data_dir / folder).stat().st_mode) == 0o700
    with reader_connection() as connection:
        assert fetch_all(connection, "SELECT current_user AS login") == [{"login": "argo_reader"}]
    first = run_script("operations/stop_database.py")
    second = run_script("operations/stop_database.py")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "stopped the server" in first.stderr
    assert "no server runs" in second.stderr
    assert version() >= 140000  # the next script starts it again


def test_it_survives_a_killed_script_and_a_killed_server(data_dir: Path) -> None:
    script = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE)
    assert script.stdout is not None
    assert script.stdout.readline() == b"ready\n"
    script.send_signal(signal.SIGKILL)
    script.wait()
    script.stdout.close()
    assert EmbeddedPostgres(data_dir.resolve()).is_running()
    postmaster = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    assert version() >= 140000


def test_the_stop_command_leaves_a_server_that_scripts_use_unless_forced(
    data_dir: Path, run_script: ScriptRunner
) -> None:
    script = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE)
    assert script.stdout is not None
    assert script.stdout.readline() == b"ready\n"
    refused = run_script("operations/stop_database.py")
    assert refused.exit_code == 5
    assert "the database is in use by argo" in refused.stderr
    assert EmbeddedPostgres(data_dir.resolve()).is_running()
    forced = run_script("operations/stop_database.py", "--force")
    assert (forced.exit_code, "stopped the server" in forced.stderr) == (0, True)
    script.kill()
    script.wait()
    script.stdout.close()


def test_a_folder_that_cannot_be_made_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, run_script: ScriptRunner
) -> None:
    monkeypatch.setenv("ARGO_DATA_DIR", "/dev/null/data")
    failed = run_script("govern/run_migration.py")
    assert failed.exit_code == 2
    assert "the database cannot live in /dev/null/data" in failed.stderr
    assert "ARGO_DATA_DIR" in failed.stderr


def test_processes_that_start_it_at_once_share_it(data_dir: Path) -> None:
    code = "from lib.database import owner_connection\nwith owner_connection(): pass"
    scripts = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [script.wait() for script in scripts] == [0, 0, 0, 0]
