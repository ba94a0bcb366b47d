"""The ways to sign in to the API, each tried with one request, and what their answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import requests

from ingest.diagnostics.probe import Probe, Reply
from ingest.eniscope.http import KEY_HEADER, TOKEN_HEADER, basic_login
from lib.sandbox import ApiAccess

# Small, and every account may ask for it.
PATH = "/organizations"
BASE_PATHS = ("/", "/v1/", "/v1/1/")
MADE_UP_KEY = "argo-made-up-key"
REFUSED = (401, 419)


@dataclass(frozen=True)
class Approach:
    """One way to sign in; `expected` is what the API's manual and its users report."""

    name: str
    description: str
    expected: Literal["accepted", "refused"]
    is_argos: bool = False


@dataclass(frozen=True)
class Attempt:
    """An approach and its answer; without a reply it was not tried, and `skipped` says why."""

    approach: Approach
    reply: Reply | None
    skipped: str = ""

    @property
    def outcome(self) -> str:
        """accepted, refused or no API answer with the status; no answer; not tried."""
        if self.reply is None:
            return "not tried"
        if self.reply.status is None:
            return "no answer"
        if self.reply.is_accepted:
            return f"accepted ({self.reply.status})"
        if self.reply.status < 300:
            return f"no API answer ({self.reply.status})"
        return f"refused ({self.reply.status})"

    @property
    def remark(self) -> str:
        """What the API said, or why nothing was asked; and whether that was to be expected."""
        if self.reply is None:
            return self.skipped
        was_accepted = self.reply.is_accepted
        surprise = "" if was_accepted == (self.approach.expected == "accepted") else "unexpected"
        return ": ".join(filter(None, (surprise, self.reply.message)))

    def as_json(self) -> dict[str, object]:
        """The attempt for a JSON document; no header, no credential."""
        return {
            "name": self.approach.name,
            "description": self.approach.description,
            "expected": self.approach.expected,
            "isArgos": self.approach.is_argos,
            "outcome": self.outcome.split(" (")[0],
            "status": self.reply.status if self.reply else None,
            "milliseconds": round(self.reply.seconds * 1000) if self.reply else None,
            "remark": self.remark,
        }


SIGN_IN = Approach(
    "sign in", "API key, Basic login with md5(password), our User-Agent", "accepted", is_argos=True
)
TOKEN = Approach("token", "API key, token of the sign-in, no password", "accepted", is_argos=True)
PLAIN_PASSWORD = Approach("plain password", "API key, Basic login with the password", "refused")
KEY_ONLY = Approach("key only", "API key, neither login nor token", "refused")
MADE_UP = Approach("made-up key", "a key that cannot exist, Basic as in sign in", "refused")
SCRIPT_AGENT = Approach(
    "python-requests", "as sign in, User-Agent of a Python script (firewall)", "refused"
)


def try_approaches(probe: Probe, access: ApiAccess) -> list[Attempt]:
    """One request for each approach, Argo's first; what cannot tell anything new is not tried.

    Wrong logins are kept to two: some services lock an account after several.
    """
    root = "{0.scheme}://{0.netloc}".format(urlsplit(access.url))
    configured = access.url.rstrip("/") + PATH
    key = {KEY_HEADER: access.api_key}
    login = {"Authorization": basic_login(access.email, access.password, hashed=True)}
    plain = {"Authorization": basic_login(access.email, access.password, hashed=False)}

    sign_in = Attempt(SIGN_IN, probe.send(configured, key | login))
    attempts = [sign_in, _with_token(probe, configured, key, sign_in)]
    reason = _why_no_more(sign_in.reply)
    for base in BASE_PATHS:
        approach = Approach(f"base path {base}", f"as sign in, at {base}organizations", "accepted")
        url = root + base.rstrip("/") + PATH
        if url == configured:
            continue
        attempts.append(_tried(probe, approach, url, key | login, reason))
    no_answer = reason if _is_unreachable(sign_in.reply) else ""
    agent = {"User-Agent": requests.utils.default_user_agent()}
    for approach, headers in (
        (PLAIN_PASSWORD, key | plain),
        (KEY_ONLY, key),
        (MADE_UP, {KEY_HEADER: MADE_UP_KEY} | login),
        (SCRIPT_AGENT, key | login | agent),
    ):
        attempts.append(_tried(probe, approach, configured, headers, no_answer))
    return attempts


def organizations_seen(reply: Reply) -> int | None:
    """How many organizations an accepted answer of PATH tells of; None where it is no list."""
    document = reply.document
    if isinstance(document, dict):
        meta = document.get("meta")
        count = meta.get("recordCount") if isinstance(meta, dict) else None
        if str(count).isdecimal():
            return int(str(count))
        document = next((value for value in document.values() if isinstance(value, list)), None)
    return len(document) if isinstance(document, list) else None


def find(attempts: list[Attempt], approach: Approach) -> Reply | None:
    """The reply to one approach; None where it was not tried."""
    return next((one.reply for one in attempts if one.approach is approach), None)


def _with_token(probe: Probe, url: str, key: Mapping[str, str], sign_in: Attempt) -> Attempt:
    token = sign_in.reply.token if sign_in.reply else None
    if token is None:
        return Attempt(TOKEN, None, "the sign-in gave no token")
    return Attempt(TOKEN, probe.send(url, {**key, TOKEN_HEADER: token.get_secret_value()}))


def _tried(
    probe: Probe, approach: Approach, url: str, headers: Mapping[str, str], skipped: str
) -> Attempt:
    if skipped:
        return Attempt(approach, None, skipped)
    return Attempt(approach, probe.send(url, headers))


def _is_unreachable(reply: Reply | None) -> bool:
    return reply is None or reply.status is None or reply.status == 429


def _why_no_more(reply: Reply | None) -> str:
    """Why other base paths tell nothing new; empty where they may."""
    if reply is None or reply.status is None:
        return "the API does not answer"
    if reply.status == 429:
        return "the API asks to wait"
    if reply.status in REFUSED or reply.status in (402, 403):
        return "the sign-in was refused"
    return ""
