"""The lines that setup_cron.sh keeps in a crontab. Pure text; nothing here runs crontab."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import time

from lib.errors import ArgoError, UsageError

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
# Longer commands cron refuses, or cuts.
MOST_CHARACTERS = 990
SCHEDULES = ("daily", "hourly", "15min")
QUALITY_AT = time(8)


@dataclass(frozen=True)
class Plan:
    """What is to run where. `interpreter_folder` comes first on the jobs' PATH.

    `environment` are settings that the jobs would not find by themselves.
    """

    root: str
    interpreter_folder: str
    sites: tuple[str, ...]
    every: str = "daily"
    at: time = time(6)
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def markers(self) -> tuple[str, str]:
        """First and last line; the root keeps two checkouts apart."""
        return f"# >>> argo: {self.root}", f"# <<< argo: {self.root}"

    @property
    def sync_schedule(self) -> str:
        """When the sync runs, as cron has it."""
        return {
            "daily": f"{self.at.minute} {self.at.hour} * * *",
            "hourly": f"{self.at.minute} * * * *",
            "15min": "*/15 * * * *",
        }[self.every]


def block(plan: Plan, machine_zone: str) -> str:
    """The whole block. Each line stands alone: a PATH line would change other people's jobs.

    Raises UsageError for a path that a crontab cannot hold.
    """
    _refuse_unwritable(plan)
    first, last = plan.markers
    jobs = [
        (plan.sync_schedule, ("operations/daily_sync.sh", *plan.sites, "--quiet")),
        # An hour after the sync; what was sent before is not sent again.
        (
            f"{plan.at.minute} {(plan.at.hour + 1) % 24} * * *",
            _watched("send", "operations/send_report.py", *plan.sites, tells=False),
        ),
        ("10 * * * *", _watched("health", "operations/check_ingestion_health.py")),
        (f"{QUALITY_AT.minute} {QUALITY_AT.hour} * * *", _quality(plan)),
        ("*/15 * * * *", _watched("alerts", "operations/check_alerts.py", tells=False)),
    ]
    return "\n".join(
        [
            first,
            "# Written by operations/setup_cron.sh; run it again to change it, --remove to end it.",
            f"# Times are this machine's own ({machine_zone}). Cron mails what a job prints: a job",
            "# prints only what needs a person; the rest is in logs/.",
            *(f"{schedule} {_command(plan, words)}" for schedule, words in jobs),
            last,
            "",
        ]
    )


def _quality(plan: Plan) -> tuple[str, ...]:
    """The quality report of one site, or of each by a portfolio run, whose 4 is a failure."""
    script = "govern/data_quality_report.py"
    if plan.sites == ("--all-sites",):
        return _watched("quality", "operations/run_portfolio.py", script, tells=False)
    return _watched("quality", script, *plan.sites)


def _watched(name: str, *command: str, tells: bool = True) -> tuple[str, ...]:
    """A job whose output goes to a log of its own."""
    told = ("--tells",) if tells else ()
    return ("operations/run_python.sh", "-m", "operations.cron.job", *told, name, *command)


def _command(plan: Plan, words: tuple[str, ...]) -> str:
    """One command line for cron, in which % means a line feed unless it is escaped."""
    path = f"PATH={plan.interpreter_folder}:{SYSTEM_PATH}"
    settings = (f"{name}={value}" for name, value in plan.environment)
    script, *args = words
    line = ["/usr/bin/env", path, *settings, "bash", f"{plan.root}/{script}", *args]
    command = shlex.join(line).replace("%", r"\%")
    if len(command) > MOST_CHARACTERS:
        raise UsageError(f"the paths are too long for a crontab: link to {plan.root} from nearer")
    return command


def _refuse_unwritable(plan: Plan) -> None:
    texts = (plan.root, plan.interpreter_folder, *(value for _, value in plan.environment))
    for text in texts:
        if "\\" in text or not text.isprintable():
            raise UsageError(f"a crontab cannot hold the path {text!r}: move it, or link to it")


def without_block(crontab: str, plan: Plan) -> str:
    """The crontab without our block; every other line as it was.

    Raises ArgoError where the block's end is missing: what follows may be somebody else's.
    """
    first, last = plan.markers
    kept: list[str] = []
    began: int | None = None
    for number, line in enumerate(crontab.splitlines(keepends=True), start=1):
        text = line.rstrip("\r\n")
        if began is None and text == first:
            began = number
        elif began is not None and text == last:
            began = None
        elif began is None:
            kept.append(line)
    if began is not None:
        raise ArgoError(
            f"the block that begins at line {began} of the crontab has lost its last line "
            f"({last}): put it back, or take the block out by hand (crontab -e)"
        )
    return "".join(kept)


def with_block(crontab: str, new_block: str, plan: Plan) -> str:
    """The crontab with our block once, at its end."""
    kept = without_block(crontab, plan)
    if kept and not kept.endswith("\n"):
        kept += "\n"
    return kept + new_block
