"""Is everything as it should be? One table: what was looked at, what is wrong, what to do.

Reads   settings, config/*.yaml, GET /organizations (a login try), the database, the disk, the
        crontab of this user, logs/last_run.json, the installed packages
Writes  nothing (the embedded server is started where it does not run)
Exits   0 nothing is wrong, 4 something is, 2 a setting cannot be read (the line says which);
        no secret is ever printed

    python operations/doctor.py --offline
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.settings import Settings, get_settings
from lib.cli import script
from lib.errors import EXIT_OK, EXIT_PARTIAL
from operations.diagnosis import api, database, machine
from operations.diagnosis.finding import Finding, isolated, secrets_of, without_secrets

# Wide enough for a finding and its remedy per line where the output goes to a file.
FILE_WIDTH = 180
STYLES = {"ok": "green", "note": "cyan", "problem": "red", "skipped": "yellow"}

EXAMPLES = """
Examples:
  npm run py:doctor
  npm run py:doctor -- --offline       # without the API
  npm run py:doctor -- --json
"""

Check = tuple[str, Callable[[], Iterable[Finding]]]


def checks_of(settings: Settings, *, offline: bool) -> list[Check]:
    """Every check that needs settings, in the order in which one would look."""
    checks: list[Check] = [
        ("settings", partial(machine.settings_findings, settings)),
        ("sites", machine.sites_findings),
        ("alert rules", machine.alerts_findings),
    ]
    if not offline and _has_credentials(settings):
        checks.append(("api", partial(api.api_findings, settings)))
    else:
        checks.append(("api", partial(_not_asked, offline)))
    return [
        *checks,
        ("database", database.database_findings),
        ("disk", partial(machine.disk_findings, settings)),
        ("cron", machine.cron_findings),
        ("last run", partial(machine.last_run_findings, settings)),
        ("parts", machine.parts_findings),
    ]


def _has_credentials(settings: Settings) -> bool:
    return settings.uses_sandbox or None not in (
        settings.eniscope_api_key,
        settings.eniscope_email,
        settings.eniscope_password,
    )


def _not_asked(offline: bool) -> list[Finding]:
    reason = "--offline was given" if offline else "credentials are missing"
    return [Finding("api", "skipped", f"not asked: {reason}")]


def examine(*, offline: bool) -> list[Finding]:
    """All findings, without any secret. Raises SettingsError where settings cannot be read."""
    settings = get_settings()
    checks = checks_of(settings, offline=offline)
    findings = [finding for name, check in checks for finding in isolated(name, check)]
    return without_secrets(findings, secrets_of(settings))


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings for --json."""
    states = {finding.state for finding in findings}
    return {
        "state": "problem" if "problem" in states else "ok",
        "checks": [finding.as_json() for finding in findings],
    }


def show(findings: Sequence[Finding]) -> None:
    """The findings as a table, and how many are problems."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=FILE_WIDTH)
    table = Table("check", "", "what was found", "what to do", box=SIMPLE_HEAD, pad_edge=False)
    before = ""
    for one in findings:
        name = "" if one.name == before else one.name
        before = one.name
        state = Text(one.state, style=STYLES[one.state])
        table.add_row(Text(name), state, Text(one.text), Text(one.advice))
    console.print(table)
    problems = sum(finding.state == "problem" for finding in findings)
    verdict = f"{problems} problems" if problems > 1 else "1 problem" if problems else "all is well"
    click.echo(verdict)


@script(epilog=EXAMPLES)
@click.option("--offline", is_flag=True, help="Do not ask the API.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(offline: bool, as_json: bool) -> int:
    """Look at everything that a daily sync needs, and say what is wrong and what to do."""
    findings = examine(offline=offline)
    found = document(findings)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        show(findings)
    return EXIT_PARTIAL if found["state"] == "problem" else EXIT_OK


if __name__ == "__main__":
    main()
