"""Ask the API for a site's gaps again, until they are through or the time is up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config.settings import get_settings
from ingest.eniscope.client import EniscopeClient
from ingest.pipeline.job import ChooseSpans, run_site
from ingest.pipeline.report import log_run
from ingest.pipeline.run import RunOptions
from ingest.pipeline.site import Site
from ingest.store.coverage import Span
from lib.database import Connection
from lib.date_utils import Period
from lib.errors import UsageError
from operations.backfill.book import bring_up_to_date, open_gaps
from operations.backfill.plan import (
    AskedWindow,
    OpenGap,
    Selection,
    batches,
    periods_of,
    windows_of,
)

logger = logging.getLogger(__name__)

# With a budget the clock is looked at after so many windows for each parallel request.
WINDOWS_PER_LOOK = 4
NO_LONGER_LISTED = "the API no longer lists this channel"


@dataclass
class Budget:
    """How long new requests may be begun; `seconds` None: as long as it takes."""

    seconds: float | None
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def is_used_up(self) -> bool:
        """True when nothing more is to be begun."""
        return self.seconds is not None and self.clock() - self.started >= self.seconds


@dataclass
class Asked:
    """What was asked of the API and what came; `left` are windows there was no time for."""

    windows: int = 0
    requests: int = 0
    inserted: int = 0
    run_ids: list[str] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)
    left: list[AskedWindow] = field(default_factory=list)


@dataclass(frozen=True)
class SiteBackfill:
    """A finished backfill of one site: the gaps taken, and what has become of each.

    `arrived` are those that closed or shrank, `filled` those that closed, `empty` those that the
    API has nothing for and will not be asked for again, `open` the rest.
    """

    site_id: str
    timezone: str
    selection: Selection
    asked: Asked
    filled: tuple[OpenGap, ...] = ()
    arrived: tuple[OpenGap, ...] = ()
    empty: tuple[OpenGap, ...] = ()
    open: tuple[OpenGap, ...] = ()

    def days_with_new_readings(self) -> list[Period]:
        """The local days whose figures have changed: they need validating again."""
        return periods_of((gap.span for gap in self.arrived), self.timezone)


def backfill_site(
    client: EniscopeClient,
    connection: Connection,
    site: Site,
    find: Callable[[], Selection],
    budget: Budget,
    now: datetime,
) -> SiteBackfill:
    """Ask again for the gaps that `find` selects, and make the book tell what came of it.

    Each window is stored as it comes: a backfill that is killed goes on where it stopped.
    """
    before = find()
    if before.due:
        # A killed run may have stored what its book does not know of yet.
        bring_up_to_date(connection, site.site_id, (gap.span for gap in before.due), now)
    selection = find()
    asked = ask_again(client, connection, site, windows_of(selection.due), budget)
    if not selection.due:
        return SiteBackfill(site.site_id, site.timezone, selection, asked)
    bring_up_to_date(connection, site.site_id, (gap.span for gap in selection.due), now)
    still_open = open_gaps(connection, site.site_id, (), None)
    return sorted_out(site, selection, asked, still_open)


def ask_again(
    client: EniscopeClient,
    connection: Connection,
    site: Site,
    windows: Sequence[AskedWindow],
    budget: Budget,
) -> Asked:
    """Ingest the windows, run by run; a run that may not be made costs no other."""
    asked = Asked()
    listed = {channel.channel_id for channel in site.channels}
    for window in windows:
        if window.channel_id not in listed:
            asked.problems[window.channel_id] = NO_LONGER_LISTED
    wanted = [window for window in windows if window.channel_id in listed]
    max_parallel = get_settings().eniscope_max_parallel
    size = None if budget.seconds is None else max_parallel * WINDOWS_PER_LOOK
    for batch in batches(wanted, size):
        if budget.is_used_up:
            asked.left += batch
            continue
        options = RunOptions(batch[0].interval_seconds, max_parallel)
        ids = sorted({window.channel_id for window in batch})
        try:
            run = run_site(
                client, connection, site, _days_of(batch, site), options, only_these(batch),
                only=ids, log_windows=True,
            )  # fmt: skip
        except UsageError as error:
            # Such as readings of another length stored in these days.
            asked.problems.update(dict.fromkeys(ids, str(error)))
            continue
        log_run(site.site_id, run.summary, None)
        asked.windows += run.summary.windows
        asked.requests += run.summary.requests
        asked.inserted += run.summary.inserted
        asked.run_ids.append(str(run.summary.run_id))
        asked.problems.update(run.summary.problems)
    return asked


def only_these(windows: Sequence[AskedWindow]) -> ChooseSpans:
    """The spans of these windows, whatever else the period holds; nothing that has not settled."""

    def choose(channel_ids: Sequence[int], span: Span) -> dict[int, list[Span]]:
        spans: dict[int, list[Span]] = {channel_id: [] for channel_id in channel_ids}
        for window in sorted(windows, key=lambda one: one.start):
            spans[window.channel_id].append((window.start, min(window.end, span[1])))
        return spans

    return choose


def sorted_out(
    site: Site, selection: Selection, asked: Asked, still_open: Sequence[OpenGap]
) -> SiteBackfill:
    """What has become of the gaps taken, from the gaps that are open afterwards."""
    by_id: Mapping[int, OpenGap] = {gap.gap_id: gap for gap in still_open}
    filled, arrived, empty, remaining = [], [], [], []
    for gap in selection.due:
        rest = _rest_of(gap, still_open)
        if not rest:
            filled.append(gap)
        if rest < gap.missing_intervals:
            arrived.append(gap)
        kept = by_id.get(gap.gap_id)
        if rest and kept is not None and not kept.fillable:
            empty.append(kept)
        elif rest:
            remaining.append(kept or gap)
    return SiteBackfill(
        site.site_id,
        site.timezone,
        selection,
        asked,
        tuple(filled),
        tuple(arrived),
        tuple(empty),
        tuple(remaining),
    )


def _rest_of(gap: OpenGap, still_open: Sequence[OpenGap]) -> int:
    """How many intervals of a gap are still missing."""
    length = timedelta(seconds=gap.interval_seconds)
    return sum(
        (min(one.end, gap.end) - max(one.start, gap.start)) // length
        for one in still_open
        if one.channel_id == gap.channel_id and one.start < gap.end and one.end > gap.start
    )


def _days_of(windows: Sequence[AskedWindow], site: Site) -> Period:
    spans = [(min(one.start for one in windows), max(one.end for one in windows))]
    (period,) = periods_of(spans, site.timezone)
    return period
