"""Which way of signing in does the Eniscope API accept with these credentials, and if none: why?

Reads   GET /organizations, once for each approach (about nine requests)
Writes  nothing
Exits   0 Argo's way works, 2 a setting is wrong (key, login, User-Agent, address),
        1 something else is (network, subscription, rights, the service)

    python ingest/test_auth_approaches.py
"""

from __future__ import annotations

import click

from config.settings import Settings, get_settings
from ingest.diagnostics.access import probe_of, shown_address
from ingest.diagnostics.approaches import Attempt, try_approaches
from ingest.diagnostics.auth_verdict import Verdict, judge
from ingest.diagnostics.display import Finding, Level, show_findings, show_json, show_table
from ingest.eniscope.access import api_access
from lib.cli import script

EXAMPLES = """
Examples:
  npm run py:ingest:test-auth
  python ingest/test_auth_approaches.py --json
  ENISCOPE_API_URL=sandbox python ingest/test_auth_approaches.py
"""


def show(settings: Settings, attempts: list[Attempt], verdict: Verdict) -> None:
    """The approaches as a table, then the verdict."""
    click.echo(f"Signing in at {shown_address(settings)}, one request each way")
    show_table(
        ("approach", "what is sent", "answer", "expected", "remark"),
        [
            (
                f"{one.approach.name} (Argo)" if one.approach.is_argos else one.approach.name,
                one.approach.description,
                one.outcome,
                one.approach.expected,
                one.remark,
            )
            for one in attempts
        ],
    )
    level: Level = "ok" if verdict.works else "problem"
    show_findings([Finding(level, verdict.text, verdict.advice)])


def as_json(settings: Settings, attempts: list[Attempt], verdict: Verdict) -> dict[str, object]:
    """The JSON document; it holds no credential."""
    return {
        "api": shown_address(settings),
        "works": verdict.works,
        "cause": verdict.cause,
        "verdict": verdict.text,
        "advice": verdict.advice,
        "approaches": [one.as_json() for one in attempts],
    }


@script(epilog=EXAMPLES)
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON document.")
def main(json_wanted: bool) -> int:
    """Try the ways to sign in to the Eniscope API; say which works, or what is wrong."""
    settings = get_settings()
    with api_access(settings) as access, probe_of(settings, access) as probe:
        attempts = try_approaches(probe, access)
    verdict = judge(attempts)
    if json_wanted:
        show_json(as_json(settings, attempts, verdict))
    else:
        show(settings, attempts, verdict)
    return verdict.exit_code


if __name__ == "__main__":
    main()
