"""What became of the steps of a sync, and what their exit codes mean for the whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.errors import EXIT_BLOCKED, EXIT_LOCKED, EXIT_OK, EXIT_PARTIAL, EXIT_USAGE

STATES = {
    EXIT_OK: "done",
    EXIT_PARTIAL: "partial",
    EXIT_BLOCKED: "blocked",
    EXIT_LOCKED: "busy",
}


@dataclass(frozen=True)
class StepResult:
    """What became of a step; `state` is done, partial, blocked, busy, failed or skipped.

    Busy: another run was at this site's data; nothing is wrong. `reason` says why a step was
    skipped, or what a step that is not done complained of. `printed` is what the script wrote to
    stdout, `rows` how many rows it stored, closed or changed, where it tells.
    """

    name: str
    state: str
    exit_code: int | None
    seconds: float
    printed: tuple[str, ...] = ()
    reason: str = ""
    detail: str = field(init=False)
    rows: int | None = field(init=False)

    def __post_init__(self) -> None:
        """Read what the script said of itself."""
        told = _told(self)
        object.__setattr__(self, "detail", _DETAILS[self.name](told) if told else "")
        object.__setattr__(self, "rows", _ROWS[self.name](told) if told else None)

    @classmethod
    def skipped(cls, name: str, reason: str) -> StepResult:
        """A step that was not run."""
        return cls(name, "skipped", None, 0.0, reason=reason)

    @property
    def may_follow(self) -> bool:
        """True where the steps that need this one may run."""
        return self.state in ("done", "partial")

    @property
    def is_as_wanted(self) -> bool:
        """True where there is nothing to say of it."""
        return self.state in ("done", "skipped")

    def as_json(self, site: str | None) -> dict[str, Any]:
        """The step for logs/last_run.json; `site` is null for what is about all sites."""
        return {
            "site": site,
            "name": self.name,
            "state": self.state,
            "exitCode": self.exit_code,
            "seconds": round(self.seconds, 2),
            "rows": self.rows,
            "detail": self.detail,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class SiteResult:
    """What became of one site."""

    site: str
    steps: tuple[StepResult, ...]

    @property
    def state(self) -> str:
        """The worst state of its steps: failed, partial, blocked, busy or done."""
        states = {step.state for step in self.steps}
        order = ("failed", "partial", "blocked", "busy")
        return next((state for state in order if state in states), "done")

    @property
    def seconds(self) -> float:
        """How long its steps took."""
        return sum(step.seconds for step in self.steps)

    @property
    def rows(self) -> int | None:
        """New readings; None where ingest did not tell."""
        return next((step.rows for step in self.steps if step.name == "ingest"), None)


def state_of(exit_code: int, *, tells: bool = False) -> str:
    """What a script's exit code means for the steps after it.

    With `tells`, exit 4 means that it found something to tell.
    """
    if tells and exit_code == EXIT_PARTIAL:
        return "done"
    return STATES.get(exit_code, "failed")


def exit_code_of(sites: Iterable[SiteResult], others: Iterable[StepResult] = ()) -> int:
    """The exit code of the whole.

    2 no site could be begun for a usage or settings error, 4 something failed, 3 only the breaker
    stopped something, 5 only another run was in the way, 0 done.
    """
    sites = list(sites)
    firsts = [site.steps[0] for site in sites if site.steps]
    if firsts and all(first.exit_code == EXIT_USAGE for first in firsts):
        return EXIT_USAGE
    states = {step.state for site in sites for step in site.steps}
    states |= {step.state for step in others}
    if states & {"failed", "partial"}:
        return EXIT_PARTIAL
    if "blocked" in states:
        return EXIT_BLOCKED
    return EXIT_LOCKED if "busy" in states else EXIT_OK


def _told(result: StepResult) -> Mapping[str, Any] | None:
    """The JSON document of a step that prints one."""
    knows = result.exit_code in (EXIT_OK, EXIT_PARTIAL, EXIT_BLOCKED) and bool(result.printed)
    if not knows or result.name not in _DETAILS:
        return None
    try:
        document: dict[str, Any] = json.loads("".join(result.printed))
    except ValueError:
        # What it did is in the log; that it ended well is what counts here.
        return None
    return document


def _ingest_detail(run: Mapping[str, Any]) -> str:
    return (
        f"{run['inserted']:,} new readings, {run['duplicate']:,} known, {run['rejected']:,} refused"
    )


def _quality_detail(report: Mapping[str, Any]) -> str:
    return ": ".join([report["status"], *(found["text"] for found in report["findings"][:1])])


def _validation_detail(run: Mapping[str, Any]) -> str:
    found = [check["name"] for check in run["checks"] if check["verdict"] != "pass"]
    days = f"{run['start']} to {run['end']}"
    return f"{days}: {run['verdict']}{': ' if found else ''}{', '.join(found)}"


_DETAILS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "ingest": _ingest_detail,
    "refresh": lambda done: f"{done['hours_refreshed']:,} hours",
    "gaps": lambda book: f"{book['open']} open, {book['new']} new, {book['closed']} closed",
    "estimates": lambda done: f"{done['added']} added, {done['removed']} removed",
    "quality": _quality_detail,
    "validate": _validation_detail,
    "validate week": _validation_detail,
    "validate month": _validation_detail,
}
_ROWS: dict[str, Callable[[Mapping[str, Any]], int | None]] = {
    "ingest": lambda run: run["inserted"],
    "refresh": lambda done: done["hours_refreshed"],
    "gaps": lambda book: book["new"] + book["closed"],
    "estimates": lambda done: done["added"] + done["removed"],
    "quality": lambda _report: None,
    "validate": lambda _run: None,
    "validate week": lambda _run: None,
    "validate month": lambda _run: None,
}
