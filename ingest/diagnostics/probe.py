"""Single requests, as raw as they can be: what exactly does the API answer to this?

Unlike EniscopeClient a Probe neither signs in nor tries again by itself, and it only reads. What
it hands back holds no credential: words of the API that repeat one are blanked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
import requests
from pydantic import SecretStr

from ingest.eniscope.http import (
    SANDBOX_HEADER,
    TOKEN_HEADER,
    RateCeiling,
    basic_login,
    blanked,
    md5_hex,
    no_auth,
    plain_reason,
)
from lib.sandbox import ApiAccess

TIMEOUT_SECONDS = (10, 60)

Method = Literal["GET", "OPTIONS"]
BodyKind = Literal["json", "html", "empty", "other"]


@dataclass(frozen=True)
class Reply:
    """One answer. `status` None: none came, and `message` says why.

    `message` is the API's own words about an error, without credentials; `document` the parsed
    body where `body` is json; `token` what a login gave, kept out of repr.
    """

    status: int | None
    message: str = ""
    body: BodyKind = "empty"
    document: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: SecretStr | None = None
    seconds: float = 0.0

    @property
    def is_accepted(self) -> bool:
        """True for a 2xx that carries what an API would send."""
        return self.status is not None and 200 <= self.status < 300 and self.body == "json"


class Probe:
    """Sends single GET and OPTIONS requests, never faster than the ceiling.

    Leaving its block waits until the next request may go, so that another client may follow.
    """

    def __init__(
        self, access: ApiAccess, user_agent: str, max_requests_per_second: float | None
    ) -> None:
        self._ceiling = RateCeiling(max_requests_per_second)
        self._user_agent = user_agent
        self._secrets = [
            access.api_key,
            access.password,
            md5_hex(access.password),
            basic_login(access.email, access.password, hashed=True).removeprefix("Basic "),
            basic_login(access.email, access.password, hashed=False).removeprefix("Basic "),
            access.email,
        ]
        self._session = requests.Session()
        # Without this, requests would add the login of a .netrc.
        self._session.auth = no_auth
        self.requests_made = 0
        self.is_sandbox = False

    def __enter__(self) -> Probe:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.close()
        if error is None:
            self._ceiling.wait()

    def send(
        self,
        url: str,
        headers: Mapping[str, str],
        parameters: Sequence[tuple[str, str]] = (),
        method: Method = "GET",
    ) -> Reply:
        """One request and its answer; no answer is an answer too. Redirects are not followed."""
        self._ceiling.wait()
        self.requests_made += 1
        sent = {"Accept": "application/json", "User-Agent": self._user_agent, **headers}
        try:
            response = self._session.request(
                method,
                url,
                params=list(parameters),
                headers=sent,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.exceptions.RequestException as error:
            return Reply(None, message=plain_reason(error))
        self.is_sandbox = self.is_sandbox or SANDBOX_HEADER in response.headers
        return self._reply(response)

    def _reply(self, response: requests.Response) -> Reply:
        token = response.headers.get(TOKEN_HEADER)
        if token:
            self._secrets.append(token)
        body, document = _parsed(response)
        words = _words(response, body, document)
        return Reply(
            status=response.status_code,
            message=blanked(words, self._secrets),
            body=body,
            document=document,
            headers=response.headers,
            token=SecretStr(token) if token else None,
            seconds=response.elapsed.total_seconds(),
        )


def _parsed(response: requests.Response) -> tuple[BodyKind, Any]:
    if not response.content.strip():
        return "empty", None
    try:
        return "json", orjson.loads(response.content)
    except orjson.JSONDecodeError:
        is_html = response.content.lstrip()[:1] == b"<"
        return ("html" if is_html else "other"), None


def _words(response: requests.Response, body: BodyKind, document: Any) -> str:
    """What the answer says about itself; HTML is not quoted."""
    if response.is_redirect:
        return f"redirect to {urlsplit(response.headers.get('Location', '')).netloc or 'itself'}"
    if response.ok:
        return "" if body == "json" else f"the body is {body}, not JSON"
    said = None
    if isinstance(document, dict):
        said = document.get("error") or document.get("message")
    return str(said) if said else (response.reason or "")
