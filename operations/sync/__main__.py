"""The daily sync of one site, step by step; started by operations/daily_sync.sh.

Reads   the Eniscope API, the database
Writes  the database, reports/, exports/, logs/daily_sync.log, logs/last_run.json
Exits   0 done, 2 settings, 3 validation stopped a delivery, 4 a step failed, 5 another sync
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from tempfile import TemporaryFile

import click

from config.settings import PROJECT_ROOT, get_settings
from lib.cli import script, site_option
from lib.clock import now
from lib.database import fetch_all, owner_connection
from lib.lock import run_lock
from operations.sync.steps import (
    Step,
    StepResult,
    collect_steps,
    delivery_steps,
    delivery_week,
    detail_of,
    exit_code_of,
    report_is_due,
    run_steps,
    state_of,
)

LOG_BYTES, LOG_FILES = 5_000_000, 8

logger = logging.getLogger("argo.sync")

EXAMPLES = """
Examples:
  npm run py:sync                                        # site 23271, today and yesterday
  npm run py:sync -- --site 23271 --days 7
  npm run py:sync -- --report                            # make the weekly report today
"""


def log_folder() -> Path:
    """Where the sync's log and its last state are."""
    return get_settings().argo_output_dir / "logs"


def log_to_file() -> Path:
    """Send this run's log lines to logs/daily_sync.log as well; old files are rotated away."""
    log_folder().mkdir(parents=True, exist_ok=True)
    path = log_folder() / "daily_sync.log"
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    handler.setLevel(logging.INFO)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False
    return path


def run_step(step: Step, *, to_terminal: bool) -> StepResult:
    """Run one script to its end; all it says goes to the log, its verdict to stderr.

    Under --quiet a step is heard of only when it is not done, with what it said of it.
    """
    logger.info("%s: %s", step.name, " ".join(step.command))
    started = time.monotonic()
    with TemporaryFile("w+") as output:
        with subprocess.Popen(
            [sys.executable, *step.command],
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            try:
                assert process.stderr is not None
                said = [line.rstrip() for line in process.stderr]
            except BaseException:
                logger.info("%s: interrupted", step.name)
                process.terminate()
                raise
        output.seek(0)
        printed = output.read().splitlines()
    seconds = time.monotonic() - started
    state = state_of(step, process.returncode)
    result = StepResult(step.name, state, process.returncode, seconds, tuple(printed))
    detail = detail_of(result)
    for line in (*said, *([detail] if detail else printed)):
        logger.info("%s | %s", step.name, line)
    logger.info("%s: %s (exit %d) in %.1f s", step.name, state, process.returncode, seconds)
    if to_terminal or state != "done":
        click.echo(f"{step.name:<14} {state:<8} {seconds:5.1f} s  {detail}", err=True)
    if state != "done":
        for line in _complaints(said):
            click.echo(f"    {line}", err=True)
    return result


def _complaints(said: list[str]) -> list[str]:
    """The lines of a step's log that say what is wrong; the last line where none does."""
    wrong = [line for line in said if line.startswith("error:") or " ERROR " in line]
    return wrong or said[-1:]


def site_timezone(site: str) -> str:
    """The zone of a site that ingest has just stored."""
    with owner_connection() as connection:
        (row,) = fetch_all(connection, "SELECT timezone FROM v_sites WHERE site_id = %s", (site,))
    return str(row["timezone"])


def sync_site(
    site: str, days: int, *, force_report: bool, allow_sandbox_data: bool, to_terminal: bool
) -> list[StepResult]:
    """Every step of one site, in order."""
    run = partial(run_step, to_terminal=to_terminal)
    collect = collect_steps(site, days, allow_sandbox_data=allow_sandbox_data)
    results = run_steps(collect, [], run)
    if results[0].state not in ("done", "partial"):
        return results
    timezone = site_timezone(site)
    due = force_report or report_is_due(now(), timezone)
    delivery = delivery_steps(site, delivery_week(now(), timezone), report_is_due=due)
    return run_steps(delivery, results, run)


def show_files(results: list[StepResult], log: Path) -> None:
    """Where the deliveries are: the paths that the delivering scripts printed."""
    for result in results:
        if result.name in ("report", "export"):
            for path in result.printed:
                click.echo(path)
    click.echo(f"log: {log}", err=True)


def write_last_run(site: str, results: list[StepResult], exit_code: int) -> None:
    """logs/last_run.json: the newest run, for other tools."""
    document = {
        "site": site,
        "finishedAt": now().isoformat(),
        "exitCode": exit_code,
        "steps": [
            {
                "name": result.name,
                "state": result.state,
                "exitCode": result.exit_code,
                "seconds": round(result.seconds, 2),
            }
            for result in results
        ],
    }
    (log_folder() / "last_run.json").write_text(json.dumps(document, indent=2) + "\n")


@script(epilog=EXAMPLES)
@site_option()
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Today and the days before it, asked again so that late data is caught.",
)
@click.option(
    "--report", "force_report", is_flag=True, help="Make the weekly report, whatever day it is."
)
@click.option("--allow-sandbox-data", is_flag=True, help="See ingest_to_postgres.py --help.")
@click.pass_context
def main(
    context: click.Context, site: str, days: int, force_report: bool, allow_sandbox_data: bool
) -> int:
    """Ingest, refresh, validate; where validation passes, report and export."""
    to_terminal = logging.getLogger().level <= logging.INFO
    log = log_to_file()
    with run_lock("daily sync"):
        results = sync_site(
            site,
            days,
            force_report=force_report,
            allow_sandbox_data=allow_sandbox_data,
            to_terminal=to_terminal,
        )
    exit_code = exit_code_of(results)
    write_last_run(site, results, exit_code)
    if to_terminal:
        show_files(results, log)
    return exit_code


if __name__ == "__main__":
    main()
