"""HTTP client of the Eniscope Core API: login, retries, paging, rate ceiling. No database.

One client may be used by several threads at once: they share one token and one ceiling.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from ingest.eniscope.errors import (
    BadRequest,
    EniscopeError,
    LoginRefused,
    NotFound,
    TransientFailure,
)
from ingest.eniscope.http import (
    KEY_HEADER,
    SANDBOX_HEADER,
    TOKEN_HEADER,
    RateCeiling,
    basic_login,
    md5_hex,
    no_auth,
    plain_reason,
    said_by,
)

logger = logging.getLogger(__name__)

PAGE_SIZE = 100
CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
ATTEMPTS = 5
# Too many requests is no failure of the service: waiting helps, so it is given more tries.
ATTEMPTS_WHEN_LIMITED = 12
RETRY_AFTER_CAP_SECONDS = 120.0
TOKEN_RENEWALS_PER_REQUEST = 5
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
EXPIRED_STATUSES = frozenset({401, 419})
LIST_KEYS = ("result", "data", "items")

_FINAL_STATUS_HINTS = {
    402: "the subscription has expired",
    403: "no rights, or the web firewall refused it (see ENISCOPE_USER_AGENT)",
    412: "a prerequisite is not met",
}


class EniscopeClient:
    """A session with the API.

    Parameters
    ----------
    base_url : address without a trailing slash.
    api_key, password : kept as secrets; neither is ever logged or part of an exception.
    max_requests_per_second : ceiling over all threads; None = none.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        email: str,
        password: str,
        *,
        user_agent: str,
        max_requests_per_second: float | None,
        max_parallel: int = 4,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        parts = urlsplit(base_url)
        self.host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        self._api_key = SecretStr(api_key)
        self._basic = SecretStr(basic_login(email, password))
        basic = basic_login(email, password).removeprefix("Basic ")
        self._credentials = (api_key, password, md5_hex(password), basic, email)
        self._places = threading.BoundedSemaphore(max_parallel)
        self._token: SecretStr | None = None
        self._token_lock = threading.Lock()
        self._ceiling = RateCeiling(max_requests_per_second)
        self._counter_lock = threading.Lock()
        self._thread = threading.local()
        self.requests_made = 0
        # Whether anything answered, and whether it gave a token as only an Eniscope API does.
        self.was_reached = self.has_signed_in = False
        self.is_sandbox = False
        self._session = requests.Session()
        # Redirects and proxies' credentials are ours to decide, not the environment's .netrc.
        self._session.auth = no_auth
        self._session.headers.update({"Accept": "application/json", "User-Agent": user_agent})
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=max_parallel, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def __enter__(self) -> EniscopeClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.close()

    def get(
        self,
        path: str,
        parameters: Sequence[tuple[str, str]] = (),
        check: Callable[[Any], None] | None = None,
    ) -> Any:
        """The JSON answer to GET `path`, after as many tries as it takes.

        `check` may raise TransientFailure for an answer that is not the one asked for: it counts
        as a failed try. Raises NotFound, LoginRefused, or EniscopeError with one line that names
        the path.
        """
        attempts = Retrying(
            retry=retry_if_exception_type(TransientFailure),
            stop=_enough,
            wait=_wait,
            reraise=True,
        )
        return attempts(self._get_checked, path, parameters, check)

    def get_list(
        self, path: str, parameters: Sequence[tuple[str, str]] = ()
    ) -> list[dict[str, Any]]:
        """Every record of a collection, over all its pages, whatever the envelope."""
        records: list[dict[str, Any]] = []
        seen = _Seen()
        page = 1
        while True:
            asked = [*parameters, ("limit", str(PAGE_SIZE)), ("page", str(page))]
            answer = self.get(path, asked)
            batch = _records(answer, path)
            if seen.holds(batch):  # past the end, or paging is not understood
                return records
            seen.add(batch)
            records += batch
            if not _has_next_page(answer, page, len(records)):
                return records
            page += 1

    def requests_of_this_thread(self) -> int:
        """Requests made so far for the calling thread, each try and each sign-in counted."""
        return int(getattr(self._thread, "requests", 0))

    def _get_checked(
        self,
        path: str,
        parameters: Sequence[tuple[str, str]],
        check: Callable[[Any], None] | None,
    ) -> Any:
        answer = self._get_with_token(path, parameters)
        if check is not None:
            check(answer)
        return answer

    def _get_with_token(self, path: str, parameters: Sequence[tuple[str, str]]) -> Any:
        """One try: sign in when there is no valid token, replay when it has just expired."""
        for _ in range(TOKEN_RENEWALS_PER_REQUEST + 1):
            token = self._token
            if token is None:
                answer = self._sign_in(path, parameters)
                if answer is not None:
                    return self._body(answer, path)
                continue
            response = self._send(path, parameters, {TOKEN_HEADER: token.get_secret_value()})
            if response.status_code not in EXPIRED_STATUSES:
                return self._body(response, path)
            self._forget(token)
        raise EniscopeError(f"GET {path}: the API keeps refusing its own tokens")

    def _sign_in(
        self, path: str, parameters: Sequence[tuple[str, str]]
    ) -> requests.Response | None:
        """Log in with this very request; None when another thread did so meanwhile."""
        with self._token_lock:
            if self._token is not None:
                return None
            response = self._send(
                path, parameters, {"Authorization": self._basic.get_secret_value()}
            )
            if response.status_code in EXPIRED_STATUSES:
                raise LoginRefused(
                    "the Eniscope API refused the login: check ENISCOPE_API_KEY, ENISCOPE_EMAIL "
                    "and ENISCOPE_PASSWORD"
                )
            token = response.headers.get(TOKEN_HEADER)
            if token:
                self._token = SecretStr(token)
                self.has_signed_in = True
            elif response.ok:
                self._body(response, path)  # an error page with status 200 is no login
                raise EniscopeError(f"GET {path}: the login was accepted but no token came back")
            return response

    def _forget(self, token: SecretStr) -> None:
        with self._token_lock:
            if self._token is token:
                self._token = None

    def _body(self, response: requests.Response, path: str) -> Any:
        """The parsed body; what the API says of an error is quoted without our credentials."""
        token = self._token.get_secret_value() if self._token else ""
        return _json_body(response, path, lambda: said_by(response, (*self._credentials, token)))

    def _send(
        self, path: str, parameters: Sequence[tuple[str, str]], headers: Mapping[str, str]
    ) -> requests.Response:
        with self._places:
            self._ceiling.wait()
            return self._send_now(path, parameters, headers)

    def _send_now(
        self, path: str, parameters: Sequence[tuple[str, str]], headers: Mapping[str, str]
    ) -> requests.Response:
        with self._counter_lock:
            self.requests_made += 1
        self._thread.requests = self.requests_of_this_thread() + 1
        try:
            response = self._session.get(
                self._base_url + path,
                params=list(parameters),
                headers={KEY_HEADER: self._api_key.get_secret_value(), **headers},
                timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
                allow_redirects=False,
            )
        except UnicodeEncodeError:
            # The exception's own text would show a part of it.
            raise EniscopeError(
                "ENISCOPE_API_KEY holds a character that no request can carry"
            ) from None
        except requests.exceptions.RequestException as error:
            failure = f"GET {path}: {plain_reason(error)} ({self.host})"
            if self.requests_made == 1:
                logger.info("%s; trying again for some seconds", failure)
            raise TransientFailure(failure) from None
        self.was_reached = True
        self.is_sandbox = self.is_sandbox or SANDBOX_HEADER in response.headers
        return response


def _json_body(response: requests.Response, path: str, message: Callable[[], str]) -> Any:
    """The parsed body of an answer. Raises by status, and TransientFailure for a broken body."""
    status = response.status_code
    if status == 404:
        raise NotFound(f"GET {path}: not found (404)")
    if status == 400:
        raise BadRequest(f"GET {path}: 400 {message()}")
    if status in RETRIED_STATUSES:
        raise TransientFailure(
            f"GET {path}: {status} {message()}",
            _retry_after_seconds(response),
            is_rate_limit=status == 429,
        )
    if not response.ok or response.is_redirect:
        hint = _FINAL_STATUS_HINTS.get(status, message())
        if response.is_redirect:
            hint = "a redirect, which is not followed"
        raise EniscopeError(f"GET {path}: {status} {hint}".rstrip())
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        pass
    try:
        # The standard library also reads NaN, Infinity and integers that no float holds.
        return json.loads(response.content, parse_int=_integer_or_its_digits)
    except (ValueError, RecursionError):
        raise TransientFailure(f"GET {path}: 200 but the body is not JSON, or cut short") from None


def _integer_or_its_digits(digits: str) -> int | str:
    """An integer; as text where it is longer than Python reads, so that it is refused alone."""
    try:
        return int(digits)
    except ValueError:
        return digits


def _records(answer: Any, path: str) -> list[dict[str, Any]]:
    """The list inside an envelope: the resource's plural name, or a name seen in the wild."""
    if isinstance(answer, dict):
        plural = path.rstrip("/").rsplit("/", 1)[-1].lower()
        named = {key.lower(): value for key, value in answer.items()}
        for key in (plural, *LIST_KEYS):
            if isinstance(named.get(key), list):
                answer = named[key]
                break
        else:
            lists = [value for key, value in answer.items() if isinstance(value, list)]
            answer = lists[0] if len(lists) == 1 else None
    if not isinstance(answer, list):
        raise EniscopeError(f"GET {path}: the answer holds no list of records")
    return [record for record in answer if isinstance(record, dict)]


class _Seen:
    """The records of the pages so far.

    They are told apart by their ids where these differ from record to record (the rest may change
    between two requests), else by all that they hold.
    """

    def __init__(self) -> None:
        self._count = 0
        self._ids: set[str] = set()
        self._whole: set[str] = set()

    def add(self, batch: Sequence[Mapping[str, Any]]) -> None:
        """Remember a page."""
        self._count += len(batch)
        self._ids |= {_ids(record) for record in batch}
        self._whole |= {_text_of(record) for record in batch}

    def holds(self, batch: Sequence[Mapping[str, Any]]) -> bool:
        """True when a page brings nothing new."""
        if len(self._ids) == self._count:
            return {_ids(record) for record in batch} <= self._ids
        return {_text_of(record) for record in batch} <= self._whole


def _ids(record: Mapping[str, Any]) -> str:
    ids = {key: value for key, value in record.items() if key.lower().endswith("id")}
    return _text_of(ids or record)


def _text_of(record: Mapping[str, Any]) -> str:
    return repr(sorted(record.items()))


def _has_next_page(answer: Any, page: int, total: int) -> bool:
    """What `meta` says; without it, there may always be more."""
    meta = answer.get("meta") if isinstance(answer, dict) else None
    if isinstance(meta, dict):
        for key, so_far in (("pageCount", page), ("recordCount", total)):
            with suppress(KeyError, TypeError, ValueError):
                return so_far < int(meta[key])
    # Nobody knows how many records a page holds: the page after the last one is empty or repeats.
    return True


def _retry_after_seconds(response: requests.Response) -> float | None:
    """Retry-After, as seconds or as an HTTP date; None when absent or unreadable."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)


def _enough(state: RetryCallState) -> bool:
    """True when a request was tried often enough."""
    error = state.outcome.exception() if state.outcome else None
    is_limited = isinstance(error, TransientFailure) and error.is_rate_limit
    return state.attempt_number >= (ATTEMPTS_WHEN_LIMITED if is_limited else ATTEMPTS)


_backoff = wait_exponential_jitter(multiplier=0.5, max=30, jitter=0.5)


def _wait(state: RetryCallState) -> float:
    """Exponential back-off with jitter, or what the API asked for where that is longer."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_seconds if isinstance(error, TransientFailure) else None
    seconds = _backoff(state)
    if asked is not None:
        seconds = max(seconds, min(asked, RETRY_AFTER_CAP_SECONDS))
    logger.debug("trying again in %.1f s: %s", seconds, error)
    return seconds
