"""A server on this machine that speaks the Eniscope protocol, with a made-up or replayed building.

Reads   nothing; with --replay a Parquet file (series_id, timestamp UTC, kwh)
Writes  one JSON line on stdout once it listens: url, key, email, password
Exits   0 when stopped (SIGTERM, Ctrl-C, or the end of --parent-pid), 2 bad arguments

    python operations/sandbox_api.py --port 8787 --now 2026-02-02T12:00:00Z
"""

from __future__ import annotations

import dataclasses
import ipaddress
import logging
import os
import signal
import threading
from typing import Any

import click
import orjson

from config.settings import get_settings
from lib.cli import script
from lib.errors import EXIT_OK, UsageError
from operations.sandbox.options import Options, sandbox_options
from operations.sandbox.server import SandboxServer, serve

logger = logging.getLogger(__name__)

PARENT_POLL_SECONDS = 1.0
EXAMPLES = """\
Examples:
  python operations/sandbox_api.py
  python operations/sandbox_api.py --port 0 --p-500 0.1 --p-reset 0.05 --fault-seed 7
  python operations/sandbox_api.py --replay campus_hourly.parquet --replay-series 5"""


@script(epilog=EXAMPLES)
@sandbox_options
def main(**chosen: Any) -> int:
    """Serve the Eniscope protocol on this machine, to try Argo without an account."""
    options = checked(Options(**chosen))
    stop = stop_event()
    server = listen(options)
    serve(server)
    click.echo(orjson.dumps(invitation(server)).decode())
    wait(stop, options.parent_pid)
    server.shutdown()
    server.server_close()
    logger.info("sandbox stopped")
    return EXIT_OK


def checked(options: Options) -> Options:
    """The options with their "now" filled in. Raises UsageError for what cannot work."""
    if not is_loopback(options.host):
        raise UsageError(f"--host {options.host}: the sandbox listens on this machine only")
    wait_how = options.retry_after
    if wait_how is not None and wait_how not in ("seconds", "date") and not wait_how.isdecimal():
        raise UsageError(f"--retry-after {wait_how}: give 'seconds', 'date' or a number")
    return dataclasses.replace(options, now=options.now or get_settings().argo_now)


def is_loopback(host: str) -> bool:
    """True for an address (or localhost) that cannot be reached from another machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(options: Options) -> SandboxServer:
    """Open the port. Raises UsageError when it is taken."""
    try:
        return SandboxServer(options)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"cannot listen on {options.host}:{options.port}: {reason}") from None


def invitation(server: SandboxServer) -> dict[str, str]:
    """What a client needs to know."""
    options = server.options
    login = {"key": options.key, "email": options.email, "password": options.password}
    return {"url": server.url, **login}


def stop_event() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set: stopping is how a server is done."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def wait(stop: threading.Event, parent_pid: int | None) -> None:
    """Return when told to stop, or when the parent process is gone."""
    is_child = parent_pid is not None and os.getppid() == parent_pid
    while not stop.wait(PARENT_POLL_SECONDS):
        if parent_pid is not None and _is_gone(parent_pid, is_child=is_child):
            logger.info("process %s is gone", parent_pid)
            return


def _is_gone(pid: int, *, is_child: bool) -> bool:
    """A parent that died is replaced by another, even while its id is still taken."""
    if is_child:
        return os.getppid() != pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


if __name__ == "__main__":
    main()
