"""Single requests with a token, for looking at resources that Argo's client does not ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from ingest.diagnostics.probe import Method, Probe, Reply
from ingest.eniscope.errors import EniscopeError, LoginRefused
from ingest.eniscope.http import KEY_HEADER, TOKEN_HEADER, basic_login
from lib.sandbox import ApiAccess

ATTEMPTS = 3
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
EXPIRED_STATUSES = frozenset({401, 419})
RETRY_AFTER_CAP_SECONDS = 60.0


class SignedInProbe:
    """Asks the API as one who is signed in; what may pass by itself is asked three times."""

    def __init__(self, probe: Probe, access: ApiAccess) -> None:
        self._probe = probe
        self._url = access.url.rstrip("/")
        self._key = {KEY_HEADER: access.api_key}
        self._login = {"Authorization": basic_login(access.email, access.password, hashed=True)}
        self._token: Mapping[str, str] | None = None
        self._attempts = Retrying(
            retry=retry_if_result(_may_pass),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_wait,
            retry_error_callback=_last_reply,
        )

    def sign_in(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> Reply:
        """The first request, which signs in. Raises LoginRefused, or EniscopeError with a hint."""
        reply = self._send_login(path, parameters, "GET")
        if reply.status in EXPIRED_STATUSES:
            raise LoginRefused(
                "the Eniscope API refused the login: check ENISCOPE_API_KEY, ENISCOPE_EMAIL and "
                "ENISCOPE_PASSWORD"
            )
        if self._token is None:
            said = " ".join(str(part) for part in (reply.status, reply.message) if part)
            raise EniscopeError(f"cannot sign in: {said}; npm run py:ingest:test-auth says why")
        return reply

    def ask(
        self, path: str, parameters: Sequence[tuple[str, str]] = (), method: Method = "GET"
    ) -> Reply:
        """One request with the token; an expired one is renewed, once. Any status is an answer."""
        if self._token is not None:
            reply = self._send(path, parameters, method, self._token)
            if reply.status not in EXPIRED_STATUSES:
                return reply
        return self._send_login(path, parameters, method)

    def _send_login(
        self, path: str, parameters: Sequence[tuple[str, str]], method: Method
    ) -> Reply:
        reply = self._send(path, parameters, method, self._login)
        if reply.token is not None:
            self._token = {TOKEN_HEADER: reply.token.get_secret_value()}
        return reply

    def _send(
        self,
        path: str,
        parameters: Sequence[tuple[str, str]],
        method: Method,
        who: Mapping[str, str],
    ) -> Reply:
        return self._attempts(
            self._probe.send, self._url + path, {**self._key, **who}, parameters, method
        )


def _may_pass(reply: Reply) -> bool:
    """True for failures worth another try; a 200 that is no JSON is one of them."""
    if reply.status is None or reply.status in RETRIED_STATUSES:
        return True
    return reply.status == 200 and reply.body != "json"


_backoff = wait_exponential_jitter(multiplier=0.5, max=30, jitter=0.5)


def _wait(state: RetryCallState) -> float:
    """Exponential back-off, or the seconds the API asks for where that is longer."""
    reply = state.outcome.result() if state.outcome else None
    asked = reply.headers.get("Retry-After", "") if reply else ""
    seconds = float(asked) if asked.isdecimal() else 0.0
    return max(_backoff(state), min(seconds, RETRY_AFTER_CAP_SECONDS))


def _last_reply(state: RetryCallState) -> Reply:
    assert state.outcome is not None
    reply: Reply = state.outcome.result()
    return reply
