"""Dead-man pings: the Healthchecks protocol, and a monitor that is down."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from ping_receiver import Monitor, running_monitor

from config.settings import SettingsError
from lib.errors import ArgoError, UsageError
from lib.lock import LockHeld
from operations.sync.__main__ import watched
from operations.sync.pings import MAX_BODY_BYTES, DeadManSwitch
from operations.sync.run_log import RunLog


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    """A monitor that takes pings."""
    with running_monitor() as running:
        yield running


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Nothing of a run's log stays for the next test."""
    log = logging.getLogger("argo.sync")
    before = (list(log.handlers), log.propagate, log.level)
    yield
    for handler in set(log.handlers) - set(before[0]):
        handler.close()
    log.handlers[:], log.propagate = before[0], before[1]
    log.setLevel(before[2])


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The log of the sync, which otherwise goes to its own file alone."""
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("argo.sync")
    log.addHandler(caplog.handler)
    yield caplog
    log.removeHandler(caplog.handler)


def switch(url: str | None) -> DeadManSwitch:
    return DeadManSwitch(url, "run-1", first_wait_seconds=0)


def test_start_and_success_are_two_addresses_of_one_run(monitor: Monitor) -> None:
    switch(monitor.url).start()
    switch(monitor.url).end(0, "all is well")
    assert monitor.pings == [
        ("/secret-check-id/start", "run-1", ""),
        ("/secret-check-id", "run-1", "all is well"),
    ]


def test_a_failure_says_its_exit_code_and_the_end_of_the_log(monitor: Monitor) -> None:
    switch(monitor.url).end(4, "é" * MAX_BODY_BYTES + " the end")
    ((path, _, body),) = monitor.pings
    assert path == "/secret-check-id/fail"
    assert body.endswith(" the end")
    assert len(body.encode()) <= MAX_BODY_BYTES


def test_a_monitor_that_stumbles_is_asked_again(monitor: Monitor) -> None:
    monitor.answers = [503, 429]
    switch(monitor.url).start()
    assert monitor.paths == ["/secret-check-id/start"] * 3


def test_an_address_the_monitor_does_not_know_is_logged_once(
    monitor: Monitor, said: pytest.LogCaptureFixture
) -> None:
    monitor.answers = [404]
    switch(monitor.url).start()
    assert len(monitor.pings) == 1
    assert "dead-man ping 'start' was refused: HTTP 404" in said.text


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/secret-check-id", "secret-check-id", "http://["]
)
def test_a_ping_that_cannot_be_sent_is_logged_without_its_address(
    url: str, said: pytest.LogCaptureFixture
) -> None:
    switch(url).end(0, "")
    assert "dead-man ping 'success' was not sent" in said.text
    assert "secret-check-id" not in said.text


def test_without_an_address_nobody_is_told(monitor: Monitor) -> None:
    switch(None).start()
    assert monitor.pings == []


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (SettingsError("DATABASE_URL: must look like it"), 2),
        (UsageError("no site is known yet"), 2),
        (ArgoError("the database does not answer"), 1),
        (RuntimeError("a bug"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_a_run_that_ends_by_an_error_is_a_failure_with_its_reason(
    error: BaseException, exit_code: int, monitor: Monitor, tmp_path: Path
) -> None:
    log = RunLog(tmp_path, "run-1")
    with (
        pytest.raises(type(error)),
        watched(lambda code: switch(monitor.url).end(code, log.tail())),
    ):
        raise error
    ((path, _, body),) = monitor.pings
    assert path == "/secret-check-id/fail"
    assert body.startswith(f"exit code {exit_code}\n")
    assert str(error) in body


def test_a_run_that_finds_another_at_work_tells_nobody_of_an_end() -> None:
    told: list[int] = []
    with pytest.raises(LockHeld), watched(told.append):
        raise LockHeld("another run holds the lock", None)
    with watched(told.append) as ended:
        ended(None)
    assert told == []


def test_every_line_of_the_log_carries_the_runs_id(tmp_path: Path) -> None:
    RunLog(tmp_path, "12345678-aaaa")
    logging.getLogger("argo.sync").info("ingest: done")
    assert (tmp_path / "daily_sync.log").read_text().split(" ", 1)[1] == "12345678 ingest: done\n"
