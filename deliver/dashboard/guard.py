"""Who may ask the server: the API key, the names it answers to, the headers it answers with."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import Request, Response

from config.settings import is_loopback

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

Next = Callable[[Request], Awaitable[Response]]


def json_response(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """JSON with times as ISO 8601 and UTC as Z; NaN becomes null."""
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    return Response(body, status, headers, media_type="application/json")


def problem(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """An error as JSON: what it is called, and one sentence."""
    return json_response({"error": {"status": status, "message": message}}, status, headers)


def guard(api_key: str | None, is_local: bool) -> Callable[[Request, Next], Awaitable[Response]]:
    """A middleware that lets through who may ask.

    `api_key` None = nobody needs one. `is_local` = the server listens on this machine only, and
    then answers to this machine's names only: a page of the web that had its own name lead here
    would otherwise read through the visitor's browser.
    """

    async def let_through(request: Request, call_next: Next) -> Response:
        if is_local and not is_loopback(request.url.hostname):
            response = problem(421, "this server answers to localhost only")
        elif api_key is not None and not _has_key(request, api_key):
            # Basic, so that a browser asks for it: any name, the key as the password.
            challenge = {"WWW-Authenticate": 'Basic realm="Argo", charset="UTF-8"'}
            response = problem(401, "the API key is missing or wrong (X-API-Key)", challenge)
        else:
            response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response

    return let_through


def _has_key(request: Request, api_key: str) -> bool:
    """True where the key came as X-API-Key, as a bearer token or as the password of Basic."""
    offered = [request.headers.get("x-api-key", "")]
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        offered.append(value.strip())
    if scheme.lower() == "basic":
        try:
            login = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            login = ""
        offered.append(login.partition(":")[2])
    # In constant time, so that the time of an answer tells nothing of the key.
    return any(hmac.compare_digest(one.encode(), api_key.encode()) for one in offered)
