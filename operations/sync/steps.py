"""The steps of the daily sync of one site, as commands, and what their exit codes mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib.date_utils import Period, last_complete_week, local_day
from lib.errors import EXIT_BLOCKED, EXIT_OK, EXIT_PARTIAL, EXIT_USAGE

MONDAY = 0
GAP_DAYS = 35


@dataclass(frozen=True)
class Step:
    """One script of the sync. `needs` are the steps that must not have stopped before it.

    With `tells`, exit 4 means that the script found something to tell, not that it failed.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    tells: bool = False


@dataclass(frozen=True)
class StepResult:
    """What became of a step; `state` is done, partial, blocked, failed or skipped.

    `printed` is what the script wrote to stdout.
    """

    name: str
    state: str
    exit_code: int | None
    seconds: float
    printed: tuple[str, ...] = ()


def collect_steps(site: str, days: int, *, allow_sandbox_data: bool) -> list[Step]:
    """Get the data in, and the truth layer fresh."""
    extra = ("--allow-sandbox-data",) if allow_sandbox_data else ()
    what = ("--site", site, "--days", str(days), "--catch-up", "--json")
    ingest = ("ingest/ingest_to_postgres.py", *what, *extra)
    own = ("--site", site)
    # As far back as ingest's catch-up: what arrived late closes its gap.
    gaps = ("govern/detect_data_gaps.py", *own, "--days", str(GAP_DAYS), "--json")
    fill = ("govern/fill_short_gaps.py", *own, "--json")
    quality = ("govern/data_quality_report.py", *own, "--json")
    return [
        Step("ingest", ingest),
        Step("refresh", ("govern/refresh_views.py", *own), needs=("ingest",)),
        Step("gaps", gaps, needs=("refresh",)),
        Step("estimates", fill, needs=("gaps",)),
        Step("quality", quality, needs=("refresh",), tells=True),
        Step("validate", ("govern/validate_data.py", "--site", site, "--json"), needs=("refresh",)),
    ]


def delivery_steps(site: str, week: Period, *, report_is_due: bool) -> list[Step]:
    """Validate the whole period of what is delivered, then deliver it."""
    dates = ("--start", str(week.first_day), "--end", str(week.last_day))
    validate = ("govern/validate_data.py", "--site", site, *dates, "--json")
    report = ("deliver/generate_weekly_report.py", "--site", site, *dates)
    export = ("deliver/export_for_tableau.py", "--site", site, *dates)
    steps = [Step("validate week", validate, needs=("refresh",))]
    if report_is_due:
        steps.append(Step("report", report, needs=("refresh", "validate week")))
    steps.append(Step("export", export, needs=("refresh", "validate week")))
    return steps


def delivery_week(now: datetime, timezone: str) -> Period:
    """The week a delivery is about: the last complete one of the site's calendar."""
    return last_complete_week(now, timezone)


def report_is_due(now: datetime, timezone: str) -> bool:
    """Weekly reports are made on the site's own Monday."""
    return local_day(now, timezone).weekday() == MONDAY


def run_steps(
    steps: list[Step], earlier: list[StepResult], run: Callable[[Step], StepResult]
) -> list[StepResult]:
    """Run the steps in order; one whose needs stopped is skipped."""
    results = list(earlier)
    for step in steps:
        stopped = {result.name for result in results if result.state not in ("done", "partial")}
        if stopped & set(step.needs):
            results.append(StepResult(step.name, "skipped", None, 0.0))
        else:
            results.append(run(step))
    return results


def detail_of(result: StepResult) -> str:
    """What a step did, in a few words, from the JSON it printed; empty where it prints none."""
    detail = _DETAILS.get(result.name)
    is_told = result.exit_code in (EXIT_OK, EXIT_PARTIAL, EXIT_BLOCKED) and bool(result.printed)
    return detail(json.loads("".join(result.printed))) if detail and is_told else ""


def _ingest_detail(run: dict[str, Any]) -> str:
    return (
        f"{run['inserted']:,} new readings, {run['duplicate']:,} known, {run['rejected']:,} refused"
    )


def _quality_detail(report: dict[str, Any]) -> str:
    return ": ".join([report["status"], *(found["text"] for found in report["findings"][:1])])


def _validation_detail(run: dict[str, Any]) -> str:
    found = [check["name"] for check in run["checks"] if check["verdict"] != "pass"]
    days = f"{run['start']} to {run['end']}"
    return f"{days}: {run['verdict']}{': ' if found else ''}{', '.join(found)}"


_DETAILS: dict[str, Callable[[dict[str, Any]], str]] = {
    "ingest": _ingest_detail,
    "gaps": lambda book: f"{book['open']} open, {book['new']} new, {book['closed']} closed",
    "estimates": lambda done: f"{done['added']} added, {done['removed']} removed",
    "quality": _quality_detail,
    "validate": _validation_detail,
    "validate week": _validation_detail,
}


def state_of(step: Step, exit_code: int) -> str:
    """What a step's exit code means for the steps after it."""
    if step.tells and exit_code == EXIT_PARTIAL:
        return "done"
    return {EXIT_OK: "done", EXIT_PARTIAL: "partial", EXIT_BLOCKED: "blocked"}.get(
        exit_code, "failed"
    )


def exit_code_of(results: list[StepResult]) -> int:
    """The sync's exit code: 2 settings, 4 a step failed, 3 only the breaker stopped something."""
    if results and results[0].exit_code == EXIT_USAGE:
        return EXIT_USAGE
    states = {result.state for result in results}
    if states & {"failed", "partial"}:
        return EXIT_PARTIAL
    return EXIT_BLOCKED if "blocked" in states else EXIT_OK
