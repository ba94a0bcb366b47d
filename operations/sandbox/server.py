"""The sandbox on a socket: HTTP/1.1 with keep-alive, authentication and trouble on demand."""

from __future__ import annotations

import dataclasses
import http
import logging
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from operations.sandbox.api import Api, Request
from operations.sandbox.faults import HTML_PAGE, Fate, Faults
from operations.sandbox.listing import ApiError
from operations.sandbox.options import Options
from operations.sandbox.tokens import Tokens

logger = logging.getLogger(__name__)

JSON_TYPE, HTML_TYPE = "application/json", "text/html; charset=utf-8"
FIREWALL_PAGE = b"<html><head><title>403 Forbidden</title></head><body>Forbidden</body></html>"
SHUTDOWN_POLL_SECONDS = 0.1
REFUSALS = {402: "Subscription expired", 403: "No rights"}
REFUSED_AGENT = "python-requests"
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time at all, so that close() resets


@dataclasses.dataclass
class Reply:
    """A whole answer, ready to be sent."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


class SandboxServer(ThreadingHTTPServer):
    """Listens on a loopback address; the port is chosen at once, requests wait until served."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, options: Options) -> None:
        if ":" in options.host:
            self.address_family = socket.AF_INET6
        super().__init__((options.host, options.port), Handler)
        host = f"[{options.host}]" if ":" in options.host else options.host
        self.url = f"http://{host}:{self.server_address[1]}"
        self.options = options
        self.api = Api(options, self.url)
        self.tokens = Tokens(options)
        self.faults = Faults(options)

    def server_bind(self) -> None:
        """Bind without the look-up of the machine's name that HTTPServer does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection in good order, or abruptly when its answer was to be cut off."""
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(ABORT)) == ABORT:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error of ours."""
        if isinstance(sys.exc_info()[1], ConnectionError):
            logger.debug("%s hung up", client_address)
        else:
            logger.exception("request from %s failed", client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: SandboxServer
    protocol_version = "HTTP/1.1"
    server_version = "ArgoSandbox"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer leave together
    timeout = 120

    def do_GET(self) -> None:
        """Answer a request, or do to it what its fate says."""
        parts = urlsplit(self.path)
        path = tuple(unquote(part) for part in parts.path.split("/") if part)
        params = parse_qsl(parts.query, keep_blank_values=True)
        if path[:1] == ("sandbox",):
            self._send(self._own(Request(self.command, path, params)))
            return
        time.sleep(self.server.options.latency_ms / 1000)
        fate = self.server.faults.next()
        version = 2 if path[:2] == ("v1", "1") else 1 if path[:1] == ("v1",) else 0
        request = Request(
            self.command,
            path[version:],
            params,
            fate.bad_rows_seed,
            fate.contradict_seed,
            fate.coarse,
        )
        if fate.expire_tokens:
            self.server.tokens.expire_all()
        reply = self._reply(request, fate)
        logger.debug("%s %s -> %s", self.command, parts.path, reply.status)
        if reply.status == http.HTTPStatus.OK and fate.reset:
            self._reset(reply)
            return
        if reply.status == http.HTTPStatus.OK and fate.truncated:
            reply.body = reply.body[: len(reply.body) // 2]
        self._send(reply)

    do_OPTIONS = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """Nothing can be written here."""
        self.close_connection = True  # the body stays unread
        self._send(_error(405, "Method not allowed"))

    do_PUT = do_DELETE = do_PATCH = do_POST  # noqa: N815

    def _reply(self, request: Request, fate: Fate) -> Reply:
        agent = self.headers.get("User-Agent", "")
        if not agent or agent.startswith(REFUSED_AGENT):
            return Reply(403, FIREWALL_PAGE, HTML_TYPE)
        if fate.too_many:
            headers = self.server.faults.retry_after()
            return Reply(429, orjson.dumps({"error": "Too many requests"}), headers=headers)
        if fate.server_error:
            return _error(500, "Internal Server Error")
        if fate.maintenance:
            return Reply(200, HTML_PAGE, HTML_TYPE)
        if fate.refused_status is not None:
            return _error(fate.refused_status, REFUSALS[fate.refused_status])
        headers = {}
        try:
            token = self.server.tokens.admit(self.headers)  # type: ignore[arg-type]
            if token is not None:
                headers["X-Eniscope-Token"] = token
            if request.method == "OPTIONS":
                headers["Allow"] = "GET, OPTIONS"
            body = self.server.api.answer(request)
        except ApiError as error:
            reply = _error(error.status, str(error))
            reply.headers = headers
            return reply
        if fate.html:
            return Reply(200, HTML_PAGE, HTML_TYPE, headers)
        return Reply(200, body, headers=headers)

    def _own(self, request: Request) -> Reply:
        try:
            return Reply(200, self.server.api.sandbox(request, self.server.faults.requests))
        except ApiError as error:
            return _error(error.status, str(error))

    def _send(self, reply: Reply, *, announced: int | None = None) -> None:
        """Send a reply; `announced` is a Content-Length that is not kept."""
        self.send_response(reply.status, _reason(reply.status))
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(announced or len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def end_headers(self) -> None:
        """Finish the head; every answer says that it comes from a sandbox."""
        self.send_header("X-Argo-Sandbox", "1")
        super().end_headers()

    def _reset(self, reply: Reply) -> None:
        """Send the head and half of the body, then have the connection reset."""
        half = reply.body[: len(reply.body) // 2]
        self._send(dataclasses.replace(reply, body=half), announced=len(reply.body))
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests go to the debug log, without headers."""
        logger.debug(format, *args)


def _error(status: int, message: str) -> Reply:
    return Reply(status, orjson.dumps({"error": message}))


def _reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Authentication Timeout" if status == 419 else "Error"


def serve(server: SandboxServer) -> threading.Thread:
    """Answer requests in a thread of their own until `server.shutdown()`."""
    thread = threading.Thread(
        target=server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), name="sandbox", daemon=True
    )
    thread.start()
    return thread
