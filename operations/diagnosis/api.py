"""What is looked at of the API: whether it lets us in, and what its clock shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from config.settings import Settings
from ingest.diagnostics.access import probe_of, shown_address
from ingest.diagnostics.approaches import PATH, REFUSED, SIGN_IN, TOKEN, Attempt
from ingest.diagnostics.auth_verdict import judge
from ingest.diagnostics.probe import Reply
from ingest.eniscope.access import api_access
from ingest.eniscope.http import KEY_HEADER, TOKEN_HEADER, basic_login
from operations.diagnosis.finding import Finding

# Readings of the future are refused, and intervals settle for half an hour: minutes do no harm yet.
MOST_DRIFT = timedelta(minutes=2)


def api_findings(settings: Settings) -> Iterator[Finding]:
    """Sign in once, use the token once, and compare the clocks. Two requests, none repeated."""
    with api_access(settings) as access, probe_of(settings, access) as probe:
        url, key = access.url.rstrip("/") + PATH, {KEY_HEADER: access.api_key}
        login = {"Authorization": basic_login(access.email, access.password)}
        signed_in = probe.send(url, key | login)
        attempts = [Attempt(SIGN_IN, signed_in)]
        if signed_in.token is not None:
            token = {TOKEN_HEADER: signed_in.token.get_secret_value()}
            attempts.append(Attempt(TOKEN, probe.send(url, key | token)))
    address = shown_address(settings)
    if signed_in.status in REFUSED:
        text = f"{address} refuses the login"
        advice = "npm run py:ingest:test-auth says whether for its key, e-mail or password"
        yield Finding("api", "problem", text, advice)
    else:
        verdict = judge(attempts)
        if verdict.works:
            yield Finding("api", "ok", f"{address} accepts the login")
        else:
            yield Finding("api", "problem", f"{address}: {verdict.text}", verdict.advice)
    yield from api_clock_findings(signed_in)


def api_clock_findings(reply: Reply) -> Iterator[Finding]:
    """This machine's clock against the Date header of an answer."""
    try:
        theirs = parsedate_to_datetime(reply.headers.get("Date", ""))
    except ValueError:
        return
    yield clock_finding("the API", theirs, datetime.now(UTC))


def clock_finding(whose: str, theirs: datetime, ours: datetime) -> Finding:
    """Whether two clocks show the same time, but for what a request takes."""
    drift = ours - theirs
    if abs(drift) <= MOST_DRIFT:
        return Finding("clock", "ok", f"as {whose} has it")
    direction = "ahead of" if drift > timedelta() else "behind"
    text = f"this machine is {abs(drift).total_seconds() / 60:,.0f} min {direction} {whose}"
    return Finding("clock", "problem", text, "set the clock (timedatectl set-ntp true)")
