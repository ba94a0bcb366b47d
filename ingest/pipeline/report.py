"""What a run tells the person who started it: progress while it runs, figures at its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ingest.pipeline.plan import PlannedWindow
from ingest.pipeline.reconcile import Difference
from ingest.pipeline.run import RunSummary
from ingest.store.readings import Outcome
from lib.cli import progress_allowed
from lib.timing import Stopwatch

logger = logging.getLogger(__name__)

OnWindow = Callable[[PlannedWindow, Outcome], None]


class _ReadingsPerSecond(ProgressColumn):
    """Readings stored or known per second, so far."""

    def render(self, task: Task) -> Text:
        """The rate as text."""
        readings, elapsed = task.fields["readings"], task.elapsed or 0.0
        return Text(f"{readings / elapsed:,.0f} readings/s" if elapsed else "")


@contextmanager
def progress_shown(count: int, *, log_windows: bool = False) -> Iterator[OnWindow]:
    """Called for each finished window: a bar with rate and time left on a terminal.

    Elsewhere each window is a line of the log, at info level with `log_windows`.
    """
    level = logging.INFO if log_windows and not progress_allowed() else logging.DEBUG

    def log_line(planned: PlannedWindow, outcome: Outcome) -> None:
        logger.log(
            level,
            "channel %s %s to %s: %s, %d new, %d known, %d refused",
            planned.channel.channel_id,
            f"{planned.start:%Y-%m-%dT%H:%M%z}",
            f"{planned.end:%Y-%m-%dT%H:%M%z}",
            outcome.status,
            outcome.inserted,
            outcome.duplicate,
            outcome.rejected,
        )

    if not progress_allowed():
        yield log_line
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _ReadingsPerSecond(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("windows", total=count, readings=0)

        def advance(planned: PlannedWindow, outcome: Outcome) -> None:
            log_line(planned, outcome)
            readings = progress.tasks[task].fields["readings"] + outcome.fetched
            progress.update(
                task, advance=1, description=planned.channel.name[:24], readings=readings
            )

        yield advance


def run_document(
    site_id: str, summary: RunSummary, stopwatch: Stopwatch, differences: list[Difference] | None
) -> dict[str, Any]:
    """The run as a JSON document; `reconciliation` only where it was asked for."""
    document: dict[str, Any] = {
        "runId": str(summary.run_id),
        "site": site_id,
        "windows": summary.windows,
        "requests": summary.requests,
        "fetched": summary.fetched,
        "inserted": summary.inserted,
        "duplicate": summary.duplicate,
        "rejected": summary.rejected,
        "changed": summary.changed,
        "reasons": summary.reasons,
        "failedChannels": {str(key): value for key, value in summary.problems.items()},
        "seconds": {step: round(taken, 3) for step, taken in stopwatch.seconds.items()},
    }
    if differences is not None:
        document["reconciliation"] = [difference.as_json() for difference in differences]
    return document


def log_run(site_id: str, summary: RunSummary, differences: list[Difference] | None) -> None:
    """The run in a few lines of the log."""
    logger.info(
        "site %s, run %s: %d windows, %d requests; "
        "%d readings fetched = %d new + %d known + %d refused",
        site_id,
        summary.run_id,
        summary.windows,
        summary.requests,
        summary.fetched,
        summary.inserted,
        summary.duplicate,
        summary.rejected,
    )
    if summary.changed:
        logger.info("%d stored readings were repaired (see reading_conflicts)", summary.changed)
    if summary.reasons:
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(summary.reasons.items()))
        logger.info("rows and single values in quarantine (rejected_readings): %s", reasons)
    for channel_id, problem in sorted(summary.problems.items()):
        logger.error("not stored in full: channel %s: %s", channel_id, problem)
    for difference in differences or []:
        logger.warning("%s", difference.as_text())
    if differences is not None and not differences:
        logger.info("reconciled: the stored sums are the API's totals")
