"""A monitor on loopback that takes dead-man pings, and answers as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit


@dataclass
class Monitor:
    """What arrived: (path, run id, body). `answers` are given first, then 200."""

    url: str = ""
    pings: list[tuple[str, str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [path for path, _, _ in self.pings]


@contextmanager
def running_monitor(check_id: str = "secret-check-id") -> Iterator[Monitor]:
    """A monitor for one check, whose address holds its secret."""
    monitor = Monitor()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            parts = urlsplit(self.path)
            run_id = parse_qs(parts.query).get("rid", [""])[0]
            monitor.pings.append((parts.path, run_id, body))
            self.send_response(monitor.answers.pop(0) if monitor.answers else 200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        monitor.url = f"http://127.0.0.1:{server.server_port}/{check_id}"
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield monitor
        server.shutdown()
