"""Does a session work as Argo needs it: one login, its token used again, an expired one renewed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ingest.diagnostics.display import Finding
from ingest.diagnostics.observed import Exchange, ObservedClient
from ingest.diagnostics.probe import Probe, Reply
from ingest.eniscope.http import KEY_HEADER, TOKEN_HEADER
from ingest.eniscope.resources import Organization, list_organizations
from lib.sandbox import ApiAccess

REPEATED_REQUESTS = 5
MADE_UP_TOKEN = "argo-made-up-token"  # noqa: S105 (no secret: it opens nothing)
EXPIRED = (401, 419)
SLOW_SECONDS = 2.0


@dataclass(frozen=True)
class SessionCheck:
    """What a short session showed; `stale_token` is the answer to a token that never was good."""

    sites: tuple[Organization, ...]
    exchanges: tuple[Exchange, ...]
    stale_token: Reply

    @property
    def logins(self) -> int:
        """How often the password was sent."""
        return sum(one.was_login for one in self.exchanges)

    @property
    def expired_tokens(self) -> int:
        """How often a token was refused, and renewed."""
        return sum(one.status in EXPIRED and not one.was_login for one in self.exchanges)

    @property
    def token_requests(self) -> int:
        """Requests answered with a token in place of the password."""
        return sum(one.status == 200 and not one.was_login for one in self.exchanges)

    @property
    def seconds(self) -> list[float]:
        """Time of each request, in their order."""
        return [one.seconds for one in self.exchanges]


def run_session(client: ObservedClient) -> tuple[Organization, ...]:
    """Ask for the sites, then for one of them several times; the client notes each exchange.

    Raises LoginRefused, or EniscopeError when the API cannot be used.
    """
    sites = tuple(list_organizations(client))
    for _ in range(REPEATED_REQUESTS):
        client.get(f"/organizations/{sites[0].organization_id}" if sites else "/organizations")
    return sites


def ask_with_stale_token(probe: Probe, access: ApiAccess) -> Reply:
    """The answer to a token that is not good, which Argo's client has to understand."""
    headers = {KEY_HEADER: access.api_key, TOKEN_HEADER: MADE_UP_TOKEN}
    return probe.send(access.url.rstrip("/") + "/organizations", headers, [("limit", "1")])


def judge_session(check: SessionCheck) -> list[Finding]:
    """What the session means for a sync, in sentences."""
    return [_sites(check), _tokens(check), _renewal(check), _speed(check.seconds)]


def session_json(check: SessionCheck, findings: Sequence[Finding]) -> dict[str, Any]:
    """The session for a JSON document."""
    return {
        "sites": [
            {
                "id": site.organization_id,
                "name": site.name,
                "timezone": site.timezone,
                "parentId": site.parent_id,
            }
            for site in check.sites
        ],
        "logins": check.logins,
        "tokenRequests": check.token_requests,
        "expiredTokens": check.expired_tokens,
        "staleTokenStatus": check.stale_token.status,
        "requests": [
            {
                "path": one.path,
                "status": one.status,
                "signedInBy": "password" if one.was_login else "token",
                "milliseconds": round(one.seconds * 1000, 1),
            }
            for one in check.exchanges
        ],
        "findings": [finding.as_json() for finding in findings],
    }


def _sites(check: SessionCheck) -> Finding:
    if not check.sites:
        return Finding(
            "problem",
            "the account sees no site",
            "ask the owner of the site to give this account access to it",
        )
    count = len(check.sites)
    return Finding("ok", f"the account sees {count} site{'s' if count > 1 else ''}")


def _tokens(check: SessionCheck) -> Finding:
    requests = len(check.exchanges)
    if check.logins == 1 and not check.expired_tokens:
        return Finding("ok", f"signed in once; the token served {check.token_requests} requests")
    times = f"signed in {check.logins} times in {requests} requests"
    if check.expired_tokens:
        return Finding(
            "warning",
            f"{times}: {check.expired_tokens} tokens had expired and were renewed",
            "nothing to do; is another program signing in with the same account?",
        )
    return Finding("warning", f"{times}: the API asked for the password again", "nothing to do")


def _renewal(check: SessionCheck) -> Finding:
    status = check.stale_token.status
    if status in EXPIRED:
        return Finding("ok", f"a token that is not good is answered {status}: Argo signs in again")
    if status is not None and status < 300:
        return Finding(
            "warning",
            "the API accepts a token that it never gave: it does not check tokens",
            "tell Eniscope's support",
        )
    answer = status if status is not None else check.stale_token.message
    return Finding(
        "problem",
        f"a token that is not good is answered {answer}, not 401 or 419",
        "long runs may stop when their token expires: report this to Argo's maintainers",
    )


def _speed(seconds: Sequence[float]) -> Finding:
    middle = median(seconds)
    text = f"a request takes {middle * 1000:.0f} ms (median; longest {max(seconds) * 1000:.0f} ms)"
    if middle < SLOW_SECONDS:
        return Finding("ok", text)
    return Finding("warning", text, "expect slow first runs; the daily sync still takes minutes")
