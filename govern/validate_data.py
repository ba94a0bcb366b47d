"""The circuit breaker: may the data of a site and period be trusted?

Reads   readings and the books of ingestion, through govern/sql/checks/*.sql
Writes  validation_runs (one row: verdict, each check's finding, sample rows), quality_metrics (the
        days' volume, nulls, range, refusals, against which later days are compared)
Exits   0 pass or warn, 2 unknown site or wrong days (nothing written), 3 fail

    python govern/validate_data.py --site 23271 --start 2026-11-09 --end 2026-11-15
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from govern.checks.check_file import load_checks
from govern.checks.overrides import Override, earlier_override
from govern.checks.rule_table import rule_table
from govern.checks.runner import known_data, overall_verdict, record_validation, run_checks
from govern.checks.window import Window, load_window
from lib import clock
from lib.cli import period_options, script, site_option
from lib.database import Connection, owner_connection, transaction
from lib.errors import EXIT_BLOCKED, EXIT_OK, UsageError

COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}
# Wide enough for a sentence per line where the output goes to a file.
FILE_WIDTH = 160


def validate(
    connection: Connection, window: Window, override: Override | None = None
) -> dict[str, Any]:
    """Run every check and record the verdict, in one transaction; returns the JSON document.

    An override that these days have stays while they fail by the same rows.
    Raises UsageError for an override of a window that does not fail; nothing is written then.
    """
    started = time.monotonic()
    with transaction(connection) as cursor:
        known = known_data(cursor, window)
        results = run_checks(cursor, load_checks(), window)
        verdict = overall_verdict(results)
        if override is not None and verdict != "fail":
            raise UsageError(f"nothing to override: the verdict of these days is {verdict}")
        checks = [asdict(result) for result in results]
        gone = None
        if override is None and (earlier := earlier_override(cursor, window)) is not None:
            override = earlier.override if earlier.still_holds(checks) else None
            gone = earlier.override if override is None else None
        finished_at = window.now + timedelta(seconds=time.monotonic() - started)
        run_id = record_validation(
            cursor, window, results, window.now, finished_at, known, override
        )
    return {
        "validation_run_id": run_id,
        "site_id": window.site_id,
        "site_name": window.site_name,
        "start": window.period.first_day.isoformat(),
        "end": window.period.last_day.isoformat(),
        "timezone": window.period.timezone,
        "window_start": window.period.start.isoformat(),
        "window_end": window.period.end.isoformat(),
        "complete_until": window.complete_until.isoformat(),
        "verdict": verdict,
        "overridden_by": override.by if override else None,
        "override_reason": override.reason if override else None,
        "override_carried_from": override.carried_from if override else None,
        "override_gone": asdict(gone) if gone else None,
        "seconds": round(time.monotonic() - started, 3),
        "checks": checks,
    }


def named_override(reason: str | None, name: str | None) -> Override | None:
    """The override asked for. Raises UsageError unless both reason and name are given."""
    if reason is None and name is None:
        return None
    if not (reason or "").strip() or not (name or "").strip():
        raise UsageError("an override needs both: --override 'reason' --by NAME")
    return Override(by=str(name).strip(), reason=str(reason).strip())


def exit_code(document: dict[str, Any], fail_on: str) -> int:
    """3 where the verdict blocks; an override opens."""
    blocking = ("warn", "fail") if fail_on == "warn" else ("fail",)
    is_blocked = document["verdict"] in blocking and document["overridden_by"] is None
    return EXIT_BLOCKED if is_blocked else EXIT_OK


def show(document: dict[str, Any], *, every: bool) -> None:
    """The checks that found something (or every one), the rows that prove it, and the verdict."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=FILE_WIDTH)
    table = Table("check", "severity", "verdict", "found")
    shown = [check for check in document["checks"] if every or check["verdict"] != "pass"]
    for check in shown:
        verdict = Text(check["verdict"], style=COLOURS[check["verdict"]])
        table.add_row(check["name"], check["severity"], verdict, Text(check["summary"]))
    if shown:
        console.print(table)
    if not every:
        console.print(f"{len(document['checks']) - len(shown)} of {len(document['checks'])} passed")
    for check in document["checks"]:
        if check["verdict"] != "pass":
            show_sample(console, check)
    text = Text(f"site {document['site_id']}, {document['start']} to {document['end']}: ")
    text.append(document["verdict"], style=COLOURS[document["verdict"]])
    if document["overridden_by"]:
        text.append(f", overridden by {document['overridden_by']}: {document['override_reason']}")
    if document["override_carried_from"]:
        text.append(f" (carried over from validation {document['override_carried_from']})")
    text.append(f" (validation {document['validation_run_id']}, {document['seconds']:.2f} s)")
    console.print(text)
    may_leave = document["verdict"] != "fail" or document["overridden_by"]
    console.print(f"may be delivered: {'yes' if may_leave else 'no'}")


def show_gone_override(document: dict[str, Any]) -> None:
    """Say on stderr that an earlier override of these days ended, and why."""
    gone = document["override_gone"]
    if gone is None:
        return
    named = f"the override by {gone['by']} ({gone['reason']})"
    if document["verdict"] == "fail":
        click.echo(f"error: {named} is gone: what fails is no longer what it opened", err=True)
    else:
        click.echo(f"{named} has ended: the verdict is {document['verdict']} now", err=True)


def show_sample(console: Console, check: dict[str, Any]) -> None:
    """The first rows that break a rule, one JSON object per line."""
    rows: Sequence[dict[str, Any]] = check["sample"]
    console.print(Text(f"{check['name']}: {len(rows)} of {check['count']} rows"))
    for row in rows:
        console.print(Text(f"  {json.dumps(row)}"), soft_wrap=True)


@script(
    epilog="Examples:\n"
    "  python govern/validate_data.py\n"
    "  python govern/validate_data.py --start 2026-11-09 --end 2026-11-15 --json\n"
    "  python govern/validate_data.py --start 2026-11-11 --end 2026-11-11 "
    "--override 'meter exchanged' --by 'A. Name'"
)
@site_option()
@period_options("the days that the site's last ingestion touched")
@click.option("--override", metavar="REASON", help="Open a window that fails, for this reason.")
@click.option("--by", metavar="NAME", help="Who opens it; needed with --override.")
@click.option(
    "--fail-on",
    type=click.Choice(["warn", "error"]),
    default="error",
    show_default=True,
    help="What ends with exit code 3; the verdict that is recorded stays the same.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--all", "every", is_flag=True, help="Show the checks that passed as well.")
@click.option("--rules", is_flag=True, help="Print what is checked, and why, as Markdown; no more.")
def main(
    site: str,
    start: date | None,
    end: date | None,
    override: str | None,
    by: str | None,
    fail_on: str,
    as_json: bool,
    every: bool,
    rules: bool,
) -> int:
    """Check the data of a site and period; exit 3 when it must not be used."""
    if rules:
        click.echo(rule_table(load_checks()), nl=False)
        return EXIT_OK
    chosen_override = named_override(override, by)
    with owner_connection() as connection:
        window = load_window(connection, site, start, end, clock.now())
        document = validate(connection, window, chosen_override)
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        show(document, every=every)
    show_gone_override(document)
    code = exit_code(document, fail_on)
    if code == EXIT_BLOCKED:
        blocking = [check["name"] for check in document["checks"] if check["verdict"] != "pass"]
        failed = [check["name"] for check in document["checks"] if check["verdict"] == "fail"]
        click.echo(
            f"error: validation of site {site} failed: {', '.join(failed or blocking)}", err=True
        )
    return code


if __name__ == "__main__":
    main()
