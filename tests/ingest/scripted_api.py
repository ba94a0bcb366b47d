"""A tiny HTTP API: a test decides every answer, and sees what was asked and when."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ingest.eniscope.client import EniscopeClient

KEY, EMAIL, PASSWORD = "key-canary-7Hq2", "mail-canary@example.com", "password-canary-Zx81Qp"
TOKEN = "token-canary-"
# SO_LINGER: on, for no time at all, so that close() resets the connection.
ABORT = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it; `number` counts from 1, `at` is monotonic seconds.

    `daterange` is the range asked for [s since 1970], where there is one.
    """

    number: int
    at: float
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    daterange: tuple[int, ...] = ()

    @property
    def is_login(self) -> bool:
        """True for a request with the Basic login."""
        return "Authorization" in self.headers

    @property
    def token(self) -> str | None:
        """The token it came with."""
        return self.headers.get("X-Eniscope-Token")


@dataclass(frozen=True)
class Reply:
    """One answer. `announced` is a Content-Length that is not kept, `then_reset` cuts the line."""

    status: int = 200
    body: bytes = b"[]"
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    then_reset: bool = False
    silent: bool = False


Answer = Callable[[Asked], Reply]


def said(value: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON answer."""
    return Reply(
        status, json.dumps(value).encode(), {k.replace("_", "-"): headers[k] for k in headers}
    )


class ScriptedApi(ThreadingHTTPServer):
    """Answers by `answer`; a login gets a token of its own unless the answer brings one."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def logins(self) -> list[Asked]:
        """The requests that came with the Basic login."""
        return [asked for asked in self.asked if asked.is_login]

    def note(self, path: str, headers: Mapping[str, str]) -> Asked:
        """Remember a request that has arrived."""
        parts = urlsplit(path)
        asked_for = parse_qsl(parts.query, keep_blank_values=True)
        with self._lock:
            asked = Asked(
                number=len(self.asked) + 1,
                at=time.monotonic(),
                path=parts.path,
                parameters=dict(asked_for),
                headers=dict(headers),
                daterange=tuple(int(value) for key, value in asked_for if key == "daterange[]"),
            )
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        return asked

    def leave(self) -> None:
        """The answer to a request is about to be sent."""
        with self._lock:
            self._at_once -= 1

    def server_bind(self) -> None:
        """Bind without looking up the machine's name."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def shutdown_request(self, request: Any) -> None:
        """Close in good order, or abruptly when the answer was to be cut off."""
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(ABORT)) == ABORT:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error of the server's."""


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedApi
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        asked = self.server.note(self.path, self.headers)  # type: ignore[arg-type]
        try:
            reply = self.server.answer(asked)
        finally:
            self.server.leave()
        if not reply.silent:
            self.send_response(reply.status)
            headers = {"Content-Type": "application/json", **reply.headers}
            if asked.is_login and reply.status not in (401, 419):
                headers.setdefault("X-Eniscope-Token", f"{TOKEN}{asked.number}")
            length = reply.announced if reply.announced is not None else len(reply.body)
            for name, value in {**headers, "Content-Length": str(length)}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
        self.close_connection = reply.silent or reply.then_reset or reply.announced is not None
        if reply.then_reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def scripted_api(answer: Answer) -> Iterator[ScriptedApi]:
    """A server that answers by `answer` until the end of the block."""
    server = ScriptedApi(answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def client_of(url: str, **options: Any) -> Iterator[EniscopeClient]:
    """The real client, with credentials that are easy to find in a text."""
    settings = {"user_agent": "argo-tests", "max_requests_per_second": None, **options}
    with EniscopeClient(url, KEY, EMAIL, PASSWORD, **settings) as client:
        yield client
