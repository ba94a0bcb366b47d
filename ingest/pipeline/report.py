"""What a run tells the person who started it: progress while it runs, figures at its end."""

from __future__ import annotations

import itertools
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from ingest.pipeline.reconcile import Reconciliation
from ingest.pipeline.run import RunSummary
from ingest.store.readings import Outcome
from lib.cli import progress_allowed
from lib.date_utils import Period
from lib.timing import Stopwatch

logger = logging.getLogger(__name__)

# As govern/sql/checks/rejected_of_site_total.sql has it.
MOST_LOST = 0.01

OnWindow = Callable[[PlannedWindow, Outcome], None]

# By it alone the failures of several channels differ where the API is down.
_NAMED_CHANNEL = re.compile(r"GET /readings/\d+: ")


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
    numbers = itertools.count(1)

    def log_line(planned: PlannedWindow, outcome: Outcome) -> None:
        logger.log(
            level,
            "%d of %d: channel %s %s to %s: %s, %d new, %d known, %d refused",
            next(numbers),
            count,
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
    site_id: str,
    summary: RunSummary,
    stopwatch: Stopwatch,
    reconciliation: Reconciliation | None,
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
        "conflicts": summary.conflicts,
        "changed": summary.changed,
        "reasons": summary.reasons,
        "failedChannels": {str(key): value for key, value in summary.problems.items()},
        "seconds": {step: round(taken, 3) for step, taken in stopwatch.seconds.items()},
    }
    if reconciliation is not None:
        document["reconciledWindows"] = reconciliation.windows
        document["reconciliation"] = [one.as_json() for one in reconciliation.differences]
    return document


def plan_document(
    site_id: str, period: Period, windows: Sequence[PlannedWindow], **estimates: object
) -> dict[str, Any]:
    """What a run would ask for, as a JSON document."""
    names = {planned.channel.channel_id: planned.channel.name for planned in windows}
    counts = Counter(planned.channel.channel_id for planned in windows)
    return {
        "dryRun": True,
        "site": site_id,
        "firstDay": str(period.first_day),
        "lastDay": str(period.last_day),
        "timezone": period.timezone,
        "windows": len(windows),
        **estimates,
        "channels": [
            {"channelId": channel_id, "channelName": name, "windows": counts[channel_id]}
            for channel_id, name in sorted(names.items())
        ],
    }


def log_run(site_id: str, summary: RunSummary, reconciliation: Reconciliation | None) -> None:
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
    elif summary.conflicts:
        logger.warning(
            "%d stored readings differ (reading_conflicts); --repair takes the new values",
            summary.conflicts,
        )
    _warn_of_losses(site_id, summary)
    if summary.reasons:
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(summary.reasons.items()))
        logger.info(
            "in quarantine (rejected_readings): %s and %s of rows that were stored: %s",
            _counted(summary.rejected, "refused row"),
            _counted(sum(summary.reasons.values()) - summary.rejected, "single value"),
            reasons,
        )
    for problem, channel_ids in _by_problem(summary.problems).items():
        noun = "channel" if len(channel_ids) == 1 else "channels"
        named = ", ".join(map(str, channel_ids))
        logger.error("not stored in full: %s %s: %s", noun, named, problem)
    if reconciliation is not None:
        _log_reconciliation(reconciliation)


def _warn_of_losses(site_id: str, summary: RunSummary) -> None:
    """Name the channels of which more was refused than a validation lets pass."""
    losing = [
        str(channel_id)
        for channel_id, (lost, fetched) in sorted(summary.lost_of_fetched.items())
        if lost > MOST_LOST * fetched
    ]
    if losing:
        logger.warning(
            "more than %.0f %% of the readings of %s %s were refused: "
            "npm run py:govern:validate-ingestion -- --site %s says by which rules",
            100 * MOST_LOST,
            "channel" if len(losing) == 1 else "channels",
            ", ".join(losing),
            site_id,
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _by_problem(problems: Mapping[int, str]) -> dict[str, list[int]]:
    """Channels that share a problem, whichever of them it names."""
    found: dict[str, list[int]] = {}
    for channel_id, problem in sorted(problems.items()):
        found.setdefault(_NAMED_CHANNEL.sub("", problem), []).append(channel_id)
    return found


def _log_reconciliation(reconciliation: Reconciliation) -> None:
    """Each difference in a line, and what to do; or what was found equal."""
    for difference in reconciliation.differences:
        logger.warning("%s", difference.as_text())
    if not reconciliation.windows:
        logger.warning("nothing to reconcile: no window of a channel that measures energy")
    elif reconciliation.differences:
        logger.error(
            "not reconciled: %d of %d windows; refused rows are in rejected_readings, stored ones "
            "that the API now tells otherwise in reading_conflicts (--repair takes the new "
            "values); a total that was not given may come with another --reconcile",
            len(reconciliation.differences),
            reconciliation.windows,
        )
    else:
        logger.info(
            "reconciled, %s: the stored sums of %s of %s are the API's totals",
            reconciliation.days,
            _counted(reconciliation.windows, "window"),
            _counted(reconciliation.channels, "channel"),
        )
