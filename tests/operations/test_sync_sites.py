"""list_active_sites.py and run_portfolio.py: the sites there are, a script for all of them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import Database, ScriptResult, ScriptRunner

from config.settings import PROJECT_ROOT
from operations.portfolio.runners import run_in_processes, run_on_cluster
from operations.portfolio.script_run import ATTEMPTS, ScriptRun, run_in_child

SITES = "operations/list_active_sites.py"
PORTFOLIO = "operations/run_portfolio.py"
SITES_FILE = """
defaults: {}
sites:
  "31": {name: Configured, timezone: Europe/Rome}
  "11": {}
"""
# Site 11 has been synced, 12 not yet; 13 is switched off, 14 a parent without channels.
STORED = """
INSERT INTO organizations (organization_id, organization_name, timezone, is_active) VALUES
    ('11', 'One', 'Europe/London', true), ('12', 'Two', 'Asia/Kolkata', true),
    ('13', 'Closed', 'Europe/London', false), ('14', 'Parent', 'Europe/London', true);
INSERT INTO channels (channel_id, organization_id, channel_name, status) VALUES
    (1, '11', 'Main', 'active'), (2, '11', 'Old', 'retired'), (3, '11', 'Quiet', 'silent'),
    (4, '12', 'Main', 'active'), (5, '13', 'Main', 'active');
INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end,
                            interval_seconds, status, started_at, finished_at)
VALUES (gen_random_uuid(), '11', 1, '2026-07-15Z', '2026-07-16Z', 900, 'empty',
        '2026-07-16 05:00Z', '2026-07-16 05:01Z');
"""


@pytest.fixture(scope="module")
def stored(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of an installation with a few sites."""
    sites_file = tmp_path_factory.mktemp("sites") / "sites.yaml"
    sites_file.write_text(SITES_FILE)
    module_database.execute(STORED)
    return {"DATABASE_URL": module_database.url, "ARGO_SITES_FILE": str(sites_file)}


def test_the_active_sites_are_those_with_channels_and_those_waiting_for_their_first_sync(
    stored: dict[str, str], run_script: ScriptRunner
) -> None:
    assert run_script(SITES, "--ids", env=stored).stdout.split() == ["11", "12", "31"]
    assert run_script(SITES, "--ids", "--all", env=stored).stdout.split() == [
        "11", "12", "13", "14", "31"
    ]  # fmt: skip


def test_each_site_has_its_channels_and_last_sync(
    stored: dict[str, str], run_script: ScriptRunner
) -> None:
    one, two, waiting = json.loads(run_script(SITES, "--json", env=stored).stdout)
    assert one == {
        "site": "11", "name": "One", "timezone": "Europe/London", "active": True, "channels": 2,
        "reportingChannels": 1, "lastSyncAt": "2026-07-16T05:01:00+00:00",
    }  # fmt: skip
    assert two["lastSyncAt"] is None
    assert (waiting["name"], waiting["channels"]) == ("Configured", 0)
    text = run_script(SITES, env=stored).stdout
    assert "2026-07-16 05:01" in text
    assert "never" in text


def portfolio(run_script: ScriptRunner, env: dict[str, str], *args: str) -> ScriptResult:
    """Refresh the sites that have channels and one that does not exist."""
    named = ("--site", "11", "--site", "404", "--site", "12")
    return run_script(PORTFOLIO, *args, *named, "govern/refresh_views.py", "--json", env=env)


@pytest.mark.parametrize("place", [(), ("--jobs", "2")])
def test_a_site_that_fails_costs_no_other_and_the_whole_is_partial(
    place: tuple[str, ...], stored: dict[str, str], run_script: ScriptRunner
) -> None:
    done = portfolio(run_script, stored, "--json", *place)
    assert done.exit_code == 4, done.stderr
    sites = {site["site"]: site for site in json.loads(done.stdout)["sites"]}
    assert {name: site["exitCode"] for name, site in sites.items()} == {"11": 0, "404": 2, "12": 0}
    assert "404" in sites["404"]["reason"]
    assert json.loads(sites["11"]["printed"][0])["hours_refreshed"] == 0


def test_what_the_scripts_print_is_on_stdout_and_a_line_per_site_on_stderr(
    stored: dict[str, str], run_script: ScriptRunner
) -> None:
    done = portfolio(run_script, stored)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 2
    lines = [line.split()[:2] for line in done.stderr.splitlines()]
    assert [line for line in lines if line[0] in ("11", "404", "12")] == [
        ["11", "done"],
        ["404", "failed"],
        ["12", "done"],
    ]
    assert "2 done, 1 failed" in done.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("nowhere.py",), "is not a script"),
        (("../elsewhere.py",), "is not a script"),
        (("govern/refresh_views.py", "--site", "1"), "name them before it"),
        (("--jobs", "2", "--scheduler", "tcp://x:1", "govern/refresh_views.py"), "give one"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    args: tuple[str, ...], told: str, run_script: ScriptRunner
) -> None:
    done = run_script(PORTFOLIO, *args)
    assert done.exit_code == 2
    assert told in done.stderr


def test_without_dask_the_cluster_is_one_line_and_exit_2(
    stored: dict[str, str], run_script: ScriptRunner, tmp_path: Path
) -> None:
    (tmp_path / "distributed.py").write_text(
        "raise ModuleNotFoundError('no', name='distributed')\n"
    )
    env = {**stored, "PYTHONPATH": str(tmp_path)}
    done = run_script(
        PORTFOLIO, "--scheduler", "tcp://127.0.0.1:1", "govern/refresh_views.py", env=env
    )
    assert done.exit_code == 2
    assert done.stderr.strip().startswith("error: --scheduler needs distributed: pip install")


def fragile_script(folder: Path, victim: str) -> ScriptRun:
    """A script that kills a process when it is run for site 2 for the first time."""
    script = folder / "fragile.py"
    script.write_text(
        "import os, pathlib, signal, sys\n"
        f"site, mark = sys.argv[2], pathlib.Path({str(folder)!r}, sys.argv[2])\n"
        "is_first = not mark.exists()\n"
        "mark.touch()\n"
        "if site == '2' and is_first:\n"
        f"    os.kill({victim}, signal.SIGKILL)\n"
        "    signal.pause()\n"
        "print('worked for', site)\n"
    )
    return ScriptRun(str(script), ())


def test_a_killed_process_costs_its_site_a_second_attempt(tmp_path: Path) -> None:
    job = fragile_script(tmp_path, "os.getpid()")
    outcomes = {one.site: one for one in run_in_processes(job, ["1", "2", "3"], 2)}
    assert {site: one.stdout for site, one in outcomes.items()} == {
        site: f"worked for {site}\n" for site in ("1", "2", "3")
    }
    assert {site: one.attempts for site, one in outcomes.items()} == {"1": 1, "2": 2, "3": 1}


def test_a_script_that_always_dies_is_given_up_and_says_by_which_signal(tmp_path: Path) -> None:
    script = tmp_path / "dies.py"
    script.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    outcome = run_in_child(ScriptRun(str(script), ()), "1")
    assert (outcome.exit_code, outcome.attempts) == (128 + signal.SIGKILL, ATTEMPTS)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_step_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    subprocess.run(["mkfifo", str(fifo)], check=True)
    step = tmp_path / "step.py"
    # Whoever reads the other end learns when the last writer is gone.
    step.write_text(
        f"import signal\nfile = open({str(fifo)!r}, 'w')\n"
        "file.write('begun')\nfile.flush()\nsignal.pause()\n"
    )
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess; from operations.sync.child import child_command; "
            f"subprocess.run(child_command({str(step)!r}))",
        ],
        cwd=PROJECT_ROOT,
    )
    with fifo.open() as alive:
        assert alive.read(5) == "begun"
        parent.kill()
        parent.wait(timeout=60)
        assert alive.read() == ""


@contextmanager
def dask_cluster(folder: Path, workers: int) -> Iterator[str]:
    """A scheduler on a free port and workers that nobody restarts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny"]
    worker += ["--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
    commands = [[*dask, "--no-dashboard", "--port", address.rsplit(":", 1)[1]]]
    commands += [[*worker, "--name", f"worker-{number}"] for number in range(workers)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        yield address
    finally:
        for process in processes:
            process.terminate()
            process.wait(timeout=30)


def test_a_killed_dask_worker_loses_nothing(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    job = fragile_script(tmp_path, "os.getppid()")
    with dask_cluster(tmp_path, 2) as address:
        with distributed.Client(address, set_as_default=False, timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
        outcomes = {one.site: one for one in run_on_cluster(job, ["1", "2", "3", "4"], address)}
    assert {site: one.stdout for site, one in outcomes.items()} == {
        site: f"worked for {site}\n" for site in ("1", "2", "3", "4")
    }
