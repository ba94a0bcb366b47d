"""What every conversation with the API shares: headers, the login, the ceiling, safe words."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Iterable
from hashlib import md5

import orjson
import requests

KEY_HEADER = "X-Eniscope-API"
TOKEN_HEADER = "X-Eniscope-Token"  # noqa: S105 (a header's name)
SANDBOX_HEADER = "X-Argo-Sandbox"
LONGEST_MESSAGE = 200


class RateCeiling:
    """Lets a request go when its turn comes: never more than N per second, over all threads."""

    def __init__(self, requests_per_second: float | None) -> None:
        # A little more than the share of a second: on their way requests may close up.
        self._gap_seconds = 0.0 if requests_per_second is None else 1.02 / requests_per_second
        self._next_at = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until this request's turn."""
        with self._lock:
            turn = max(self._next_at, time.monotonic())
            self._next_at = turn + self._gap_seconds
        delay = turn - time.monotonic()
        if delay > 0:
            time.sleep(delay)


def md5_hex(password: str) -> str:
    """md5 of the password: the API's own scheme, not a protection."""
    return md5(password.encode(), usedforsecurity=False).hexdigest()


def basic_login(email: str, password: str, *, hashed: bool = True) -> str:
    """The Authorization header: with md5(password), as the API wants it, or with the password."""
    word = md5_hex(password) if hashed else password
    return "Basic " + b64encode(f"{email}:{word}".encode()).decode()


def no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from adding the login of a .netrc."""
    return request


def said_by(response: requests.Response, credentials: Iterable[str]) -> str:
    """The API's own words about an error, in one short line without credentials.

    HTML is not quoted; where there are no words, the name of the status.
    """
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = None
    said = body.get("error") or body.get("message") if isinstance(body, dict) else None
    return blanked(str(said) if said else (response.reason or ""), credentials)


def blanked(words: str, credentials: Iterable[str]) -> str:
    """One short line in which no credential stands."""
    for secret in filter(None, credentials):
        words = words.replace(secret, "***")
    # PostgreSQL and logs take neither NUL nor half a surrogate pair.
    clean = words.replace("\x00", "").encode("utf-8", "replace").decode()
    return " ".join(clean.split())[:LONGEST_MESSAGE]


def plain_reason(error: requests.exceptions.RequestException) -> str:
    """The kind of failure alone: the exception's own text may hold the address with its query."""
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "the server's certificate is not valid"
        return "https fails: is it an http address, or a proxy?"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer broke off"
    if isinstance(error, requests.exceptions.ConnectionError):
        is_unnamed = "NameResolutionError" in repr(error)
        return "no connection, the host's name is not known" if is_unnamed else "no connection"
    return type(error).__name__
