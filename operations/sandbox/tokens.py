"""Who may ask: the API key, a Basic login, then tokens that run out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Mapping

from operations.sandbox.listing import ApiError
from operations.sandbox.options import Options


class Tokens:
    """Hands out tokens and knows which are still good."""

    def __init__(self, options: Options) -> None:
        self._options = options
        digest = hashlib.md5(options.password.encode(), usedforsecurity=False).hexdigest()
        self._login = f"{options.email}:{digest}"
        self._lock = threading.Lock()
        self._issued: dict[str, tuple[int, float]] = {}  # requests left, end of life

    def admit(self, headers: Mapping[str, str]) -> str | None:
        """Let a request in or raise ApiError; returns the new token when it was a login."""
        if not hmac.compare_digest(headers.get("X-Eniscope-API") or "", self._options.key):
            raise ApiError(401, "Invalid API key")
        login = headers.get("Authorization")
        if login is not None:
            if not hmac.compare_digest(_decoded(login), self._login.encode()):
                raise ApiError(401, "Invalid credentials")
            return self._issue()
        token = headers.get("X-Eniscope-Token")
        if token is None:
            raise ApiError(401, "Authentication required")
        if not self._use(token):
            raise ApiError(self._options.token_status, "Token expired")
        return None

    def expire_all(self) -> None:
        """Make every token that was handed out so far worthless."""
        with self._lock:
            self._issued.clear()

    def _issue(self) -> str:
        token = secrets.token_hex(20)
        seconds, requests = self._options.token_seconds, self._options.token_requests
        dies = float("inf") if seconds is None else time.monotonic() + seconds
        with self._lock:
            self._issued[token] = (2**62 if requests is None else requests, dies)
        return token

    def _use(self, token: str) -> bool:
        with self._lock:
            left, dies = self._issued.get(token, (0, 0.0))
            if left <= 0 or time.monotonic() >= dies:
                self._issued.pop(token, None)
                return False
            self._issued[token] = (left - 1, dies)
            return True


def _decoded(login: str) -> bytes:
    scheme, _, encoded = login.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return b""
