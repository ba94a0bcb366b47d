"""Which way of signing in works, and where Argo's does not: what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.diagnostics.approaches import (
    BASE_PATHS,
    KEY_ONLY,
    MADE_UP,
    PLAIN_PASSWORD,
    REFUSED,
    SIGN_IN,
    TOKEN,
    Attempt,
    find,
    organizations_seen,
)
from ingest.diagnostics.probe import Reply
from lib.errors import EXIT_ERROR, EXIT_OK, EXIT_USAGE

TOKEN_REFUSED = (*REFUSED, 403)


@dataclass(frozen=True)
class Verdict:
    """`cause` is a word for programs; exit code 2 where a setting has to change, else 1."""

    cause: str
    text: str
    advice: str = ""
    exit_code: int = EXIT_ERROR

    @property
    def works(self) -> bool:
        """True when Argo can sign in."""
        return self.exit_code == EXIT_OK


def judge(attempts: list[Attempt]) -> Verdict:
    """What the answers to all approaches say about Argo's own."""
    reply = find(attempts, SIGN_IN)
    if reply is None or reply.status is None:
        return Verdict(
            "unreachable",
            f"the API cannot be reached: {reply.message if reply else 'not asked'}",
            "check ENISCOPE_API_URL and this machine's way to the internet (proxy, DNS, firewall)",
        )
    if reply.is_accepted:
        return _of_accepted(attempts, reply)
    if reply.status in REFUSED:
        return _of_refused_login(attempts, reply)
    return _of_other_status(attempts, reply)


def _of_accepted(attempts: list[Attempt], reply: Reply) -> Verdict:
    if reply.token is None:
        return Verdict(
            "no_token",
            "the login was accepted, but no X-Eniscope-Token came back",
            "ask Eniscope's support: a proxy in between may remove the header",
        )
    with_token = find(attempts, TOKEN)
    if with_token is None or not with_token.is_accepted:
        return _of_failed_token(with_token)
    count = organizations_seen(reply)
    if count == 0:
        return Verdict(
            "no_rights",
            "the login works, but the account sees no organization",
            "ask the owner of the site to give this account access to it",
        )
    sees = "a site" if count == 1 else f"{count if count is not None else 'several'} sites"
    return Verdict(
        "works",
        "Argo signs in with API key and Basic md5(password), then uses the token: both work. "
        f"The account sees {sees}.",
        "next: npm run py:ingest:test-working, then npm run py:ingest:diagnostic",
        EXIT_OK,
    )


def _of_failed_token(reply: Reply | None) -> Verdict:
    """Only some statuses refuse a token; trouble of any other kind says nothing about it."""
    if reply is not None and reply.status not in TOKEN_REFUSED:
        trouble = reply.message if reply.status is None else f"{reply.status} {reply.message}"
        return Verdict(
            "service_trouble",
            f"the login was accepted; the request with its token failed: {trouble.strip()}",
            "try again: it may pass by itself; settings are not the cause",
        )
    return Verdict(
        "token_refused",
        f"the login was accepted, but its token was not ({reply.status if reply else None})",
        "try again; if it stays so, ask Eniscope's support",
    )


def _of_refused_login(attempts: list[Attempt], reply: Reply) -> Verdict:
    """Tell a wrong key from a wrong login: how are a key and a password answered that are wrong?

    The plain password is a wrong login by the right key, the made-up key a right login at most.
    """
    made_up, plain = find(attempts, MADE_UP), find(attempts, PLAIN_PASSWORD)
    key_only = find(attempts, KEY_ONLY)
    if plain is not None and plain.is_accepted:
        return Verdict(
            "plain_password",
            "the API accepts the plain password, not md5(password) as its manual says",
            "is ENISCOPE_PASSWORD already the md5 of the password? Write the password itself",
            EXIT_USAGE,
        )
    wrong_key = Verdict(
        "wrong_key",
        "the API refuses the key",
        "check ENISCOPE_API_KEY: the whole key, without quotes or spaces",
        EXIT_USAGE,
    )
    if _same(reply, made_up):
        if _same(plain, made_up) and _same(key_only, made_up) and "key" in reply.message.lower():
            return wrong_key
        return Verdict(
            "wrong_key_or_login",
            "the API refuses the login and does not say whether for its key or its password",
            "check ENISCOPE_API_KEY, ENISCOPE_EMAIL and ENISCOPE_PASSWORD "
            "(try the last two on the Eniscope web page)",
            EXIT_USAGE,
        )
    return Verdict(
        "wrong_login",
        "the API accepts the key, but refuses e-mail and password",
        "check ENISCOPE_EMAIL and ENISCOPE_PASSWORD (do they work on the Eniscope web page?); "
        "in .env, put a password with # or spaces into single quotes",
        EXIT_USAGE,
    )


def _of_other_status(attempts: list[Attempt], reply: Reply) -> Verdict:
    status, said = reply.status, f" ({reply.message})" if reply.message else ""
    if status == 403 and reply.body != "json":
        return Verdict(
            "firewall",
            "a web firewall in front of the API refuses the request (403 without an API answer)",
            "set ENISCOPE_USER_AGENT to what a browser sends, or unset it for Argo's own; if that "
            "does not help, ask Eniscope to allow this machine's address",
            EXIT_USAGE,
        )
    if status == 403:
        return Verdict(
            "no_rights",
            f"the account has no rights to read organizations{said}",
            "ask the owner of the site, or Eniscope, to give this account API access",
        )
    if status == 402:
        return Verdict(
            "subscription",
            f"the subscription of this account has expired{said}",
            "ask Eniscope to renew it; credentials and settings are not the cause",
        )
    if status == 429:
        return Verdict(
            "rate_limited",
            "the API says that too many requests were made",
            "wait some minutes; lower ENISCOPE_MAX_RPS if other programs use the same account",
        )
    if status is not None and status >= 500:
        return Verdict(
            "service_trouble",
            f"the service itself has trouble: {status}{said}",
            "try again later; settings are not the cause",
        )
    better = _working_base(attempts)
    if better:
        return Verdict(
            "wrong_address",
            f"the API is not at the path of ENISCOPE_API_URL: {status}{said}",
            "keep only the host in it" + (f", followed by {better}" if better != "/" else ""),
            EXIT_USAGE,
        )
    return Verdict(
        "wrong_address",
        f"what answers at ENISCOPE_API_URL is not the Eniscope API: {status}{said}",
        "check ENISCOPE_API_URL (the live service is https://core.eniscope.com); where it is "
        "right, a proxy or an outage answers in its place: try again later",
        EXIT_USAGE,
    )


def _same(one: Reply | None, other: Reply | None) -> bool:
    """True when two answers cannot be told apart."""
    return (
        one is not None
        and other is not None
        and (one.status, one.message) == (other.status, other.message)
    )


def _working_base(attempts: list[Attempt]) -> str | None:
    for base in BASE_PATHS:
        for one in attempts:
            if one.approach.name == f"base path {base}" and one.reply and one.reply.is_accepted:
                return base
    return None
