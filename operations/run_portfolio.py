"""Run a stage script for many sites: here, in local processes, or on a Dask cluster.

Reads   the list of active sites; what the script reads
Writes  what the script writes
Exits   0 done for every site, 2 usage or settings, 3 only validation stopped some, 4 some failed,
        5 only other runs were in the way

    python operations/run_portfolio.py --jobs 4 deliver/generate_weekly_report.py
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from config.settings import PROJECT_ROOT
from lib.cli import script
from lib.errors import UsageError
from operations.list_active_sites import active_site_ids
from operations.portfolio.runners import run_here, run_in_processes, run_on_cluster
from operations.portfolio.script_run import Outcome, ScriptRun, complaint
from operations.sync.results import SiteResult, StepResult, exit_code_of, state_of

logger = logging.getLogger(__name__)

# Whose exit 4 says that they found something, not that they failed.
TELLING = ("govern/data_quality_report.py", "operations/check_ingestion_health.py")

EXAMPLES = """
Examples:
  npm run py:portfolio -- deliver/generate_weekly_report.py --html
  npm run py:portfolio -- --jobs 4 govern/validate_data.py --start 2026-11-01 --end 2026-11-30
  npm run py:portfolio -- --site 23271 --site 23272 analyze/forecast_usage.py
  npm run py:portfolio -- --scheduler tcp://10.0.0.5:8786 deliver/generate_customer_report.py
"""


@dataclass(frozen=True)
class Place:
    """Where the sites are worked on."""

    jobs: int
    scheduler: str | None

    def run(self, job: ScriptRun, sites: Sequence[str]) -> Iterator[Outcome]:
        """Each site's outcome, as soon as it is there."""
        if self.scheduler is not None:
            return run_on_cluster(job, sites, self.scheduler)
        if self.jobs > 1:
            return run_in_processes(job, sites, self.jobs)
        return run_here(job, sites)


def chosen_script(name: str, args: Sequence[str]) -> ScriptRun:
    """The script asked for. Raises UsageError for what is no script of a stage."""
    path = (PROJECT_ROOT / name).resolve()
    if not path.is_file() or path.suffix != ".py" or not path.is_relative_to(PROJECT_ROOT):
        raise UsageError(f"{name} is not a script of this checkout, such as ingest/…, govern/…")
    if any(arg in ("--site", "--all-sites") or arg.startswith("--site=") for arg in args):
        raise UsageError("the script is given one --site after the other: name them before it")
    return ScriptRun(path.relative_to(PROJECT_ROOT).as_posix(), tuple(args))


def state(job: ScriptRun, outcome: Outcome) -> str:
    """What became of a site: done, partial, blocked, busy or failed."""
    return state_of(outcome.exit_code, tells=job.script in TELLING)


def show(job: ScriptRun, outcome: Outcome) -> None:
    """One site in one line on stderr, and what its script printed on stdout."""
    text = state(job, outcome)
    if text != "done" or logger.isEnabledFor(logging.INFO):
        again = f", attempt {outcome.attempts}" if outcome.attempts > 1 else ""
        why = "" if text == "done" else f"  {complaint(outcome)}"
        line = f"{outcome.site:<10} {text:<8} {outcome.seconds:6.1f} s{again}{why}"
        click.echo(line.rstrip(), err=True)
    click.echo(outcome.stdout, nl=False)


def document(job: ScriptRun, outcomes: Sequence[Outcome], exit_code: int) -> dict[str, Any]:
    """All outcomes as one JSON document."""
    return {
        "script": job.script,
        "args": list(job.args),
        "exitCode": exit_code,
        "sites": [
            {
                "site": outcome.site,
                "state": state(job, outcome),
                "exitCode": outcome.exit_code,
                "seconds": round(outcome.seconds, 2),
                "attempts": outcome.attempts,
                "reason": "" if state(job, outcome) == "done" else complaint(outcome),
                "printed": outcome.stdout.splitlines(),
            }
            for outcome in outcomes
        ],
    }


def whole_exit_code(job: ScriptRun, outcomes: Sequence[Outcome]) -> int:
    """The exit code over all sites; 4 when any failed, also by a usage error."""
    steps = [
        (one.site, StepResult(job.script, state(job, one), one.exit_code, one.seconds))
        for one in outcomes
    ]
    return exit_code_of([SiteResult(site, (step,)) for site, step in steps])


@script(epilog=EXAMPLES)
@click.option("--site", "sites", multiple=True, metavar="ID", help="May be repeated.")
@click.option("--all-sites", is_flag=True, help="Every active site; so it is without --site.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Local processes at once.")
@click.option("--scheduler", metavar="tcp://HOST:8786", help="Work on a Dask cluster.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document about all sites.")
@click.argument("script_name", metavar="SCRIPT")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def main(
    sites: tuple[str, ...],
    all_sites: bool,
    jobs: int,
    scheduler: str | None,
    as_json: bool,
    script_name: str,
    args: tuple[str, ...],
) -> int:
    """Run SCRIPT with --site ID and ARGS for many sites; one that fails costs no other."""
    if sites and all_sites:
        raise UsageError("--site and --all-sites are two different things: give one of them")
    if scheduler is not None and jobs > 1:
        raise UsageError("--jobs is about this machine, --scheduler about a cluster: give one")
    job = chosen_script(script_name, args)
    chosen = list(dict.fromkeys(sites)) or active_site_ids()
    if not chosen:
        raise UsageError("no site is known yet: npm run py:sync -- --site ID begins one")
    outcomes = []
    for outcome in Place(jobs, scheduler).run(job, chosen):
        outcomes.append(outcome)
        if not as_json:
            show(job, outcome)
    code = whole_exit_code(job, outcomes)
    if as_json:
        click.echo(json.dumps(document(job, outcomes, code), indent=2, ensure_ascii=False))
    else:
        counts = Counter(state(job, outcome) for outcome in outcomes)
        logger.info("%s", ", ".join(f"{count} {name}" for name, count in counts.items()))
    return code


# What stands after SCRIPT is the script's, also where it begins with a dash.
main.allow_interspersed_args = False

if __name__ == "__main__":
    main()
