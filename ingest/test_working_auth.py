"""Sign in as Argo does: which sites does the account see, and does the session hold?

Reads   GET /organizations, GET /organizations/{id} (seven requests or so)
Writes  nothing
Exits   0 all well, 2 the login was refused (py:ingest:test-auth says why),
        4 signed in, but something is missing (no site, tokens not as expected)

    python ingest/test_working_auth.py
"""

from __future__ import annotations

import click

from config.settings import Settings, get_settings
from ingest.diagnostics.access import probe_of, shown_address
from ingest.diagnostics.display import Finding, exit_code_of, show_findings, show_json, show_table
from ingest.diagnostics.observed import ObservedClient
from ingest.diagnostics.session_check import (
    SessionCheck,
    ask_with_stale_token,
    judge_session,
    run_session,
    session_json,
)
from ingest.eniscope.access import address_doubted, api_access, client_of
from lib.cli import script

SHOWN_SITES = 30
EXAMPLES = """
Examples:
  npm run py:ingest:test-working
  python ingest/test_working_auth.py --json
  ENISCOPE_API_URL=sandbox python ingest/test_working_auth.py
"""


def check_session(settings: Settings) -> SessionCheck:
    """A short session with Argo's client, then one request with a token that is not good."""
    with api_access(settings) as access:
        with client_of(settings, access, ObservedClient) as client, address_doubted(client):
            sites = run_session(client)
        with probe_of(settings, access) as probe:
            stale_token = ask_with_stale_token(probe, access)
    return SessionCheck(sites, tuple(client.exchanges), stale_token)


def show(settings: Settings, check: SessionCheck, findings: list[Finding]) -> None:
    """Sites, requests and verdict."""
    click.echo(f"Signed in at {shown_address(settings)}")
    left_out = len(check.sites) - SHOWN_SITES
    more = f" (the first {SHOWN_SITES} of {len(check.sites)}; --json has all)"
    show_table(
        ("id", "name", "time zone", "below"),
        [
            (site.organization_id, site.name, site.timezone, site.parent_id)
            for site in check.sites[:SHOWN_SITES]
        ],
        title=f"Sites (organizations) that the account sees{more if left_out > 0 else ''}",
    )
    show_table(
        ("request", "answer", "signed in by", "ms"),
        [
            (one.path, one.status, "password" if one.was_login else "token", f"{milliseconds:.0f}")
            for one, milliseconds in ((one, one.seconds * 1000) for one in check.exchanges)
        ],
        title="Requests",
    )
    show_findings(findings)


@script(epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(as_json: bool) -> int:
    """Sign in to the Eniscope API as Argo does, and show what the account sees."""
    settings = get_settings()
    check = check_session(settings)
    findings = judge_session(check)
    if as_json:
        show_json({"api": shown_address(settings), **session_json(check, findings)})
    else:
        show(settings, check, findings)
    return exit_code_of(findings)


if __name__ == "__main__":
    main()
