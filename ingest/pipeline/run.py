"""One ingestion run: fetch windows in parallel, accept, store each as it comes."""

from __future__ import annotations

import logging
import sys
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from config.settings import get_settings
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused, TransientFailure
from ingest.eniscope.normalize import Batch
from ingest.eniscope.resources import Channel
from ingest.pipeline.accept import accept
from ingest.pipeline.fetch import FetchedWindow, WindowLimit, fetch_window
from ingest.pipeline.plan import PlannedWindow
from ingest.pipeline.site import Site
from ingest.store.merge import ChannelGone
from ingest.store.readings import Outcome, fail_window, open_window, save_window
from ingest.store.rows import Accepted, Window
from lib.clock import now
from lib.database import Connection
from lib.reading_rules import ReadingRules, rules_for
from lib.timing import Stopwatch

logger = logging.getLogger(__name__)

# So many windows in a row, of every channel that is left, without an answer: the API is down.
OUTAGE_WINDOWS = 8
# How long a thread that parses may hold back the one that stores [s]; a run of 90 days took
# 3.7 s in the store instead of 5.0 with Python's own 5 ms.
SWITCH_SECONDS = 5e-4


@dataclass(frozen=True)
class RunOptions:
    """How a run goes about it. `repair`: replace stored values that the API now tells otherwise."""

    interval_seconds: int
    max_parallel: int = 4
    repair: bool = False


@dataclass
class RunSummary:
    """What a run did, over all its windows.

    `lost_of_fetched`: of each channel, how many readings were refused and lost, how many fetched.
    """

    run_id: uuid.UUID
    windows: int = 0
    fetched: int = 0
    inserted: int = 0
    duplicate: int = 0
    rejected: int = 0
    conflicts: int = 0
    changed: int = 0
    requests: int = 0
    lost_of_fetched: dict[int, tuple[int, int]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    problems: dict[int, str] = field(default_factory=dict)

    def add(self, channel_id: int, outcome: Outcome) -> None:
        """Count one more window."""
        self.windows += 1
        self.fetched += outcome.fetched
        self.inserted += outcome.inserted
        self.duplicate += outcome.duplicate
        self.rejected += outcome.rejected
        self.conflicts += outcome.conflicts
        self.changed += outcome.changed
        lost, fetched = self.lost_of_fetched.get(channel_id, (0, 0))
        self.lost_of_fetched[channel_id] = (lost + outcome.lost, fetched + outcome.fetched)
        self.requests += outcome.requests
        for reason, count in outcome.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count
        if outcome.error:
            self.problems[channel_id] = outcome.error


def ingest_windows(
    client: EniscopeClient,
    connection: Connection,
    site: Site,
    windows: Sequence[PlannedWindow],
    options: RunOptions,
    stopwatch: Stopwatch,
    on_window: Callable[[PlannedWindow, Outcome], None],
) -> RunSummary:
    """Fetch the windows in parallel and store each as it comes.

    A window that fails is logged and counted; the others go on. A refused login ends the run. Once
    the API has stopped answering, the windows that are left are logged as failed without asking.
    """
    summary = RunSummary(uuid.uuid4())
    fetch = partial(_fetch, client, WindowLimit(), site, options.interval_seconds)
    waiting = deque(windows)
    outage = _Outage()
    running: dict[Future[FetchedWindow], tuple[PlannedWindow, Window]] = {}
    with _fetching(options.max_parallel) as pool:
        while True:
            # A second one for each thread is at hand, so that none waits for the store.
            while waiting and len(running) < 2 * options.max_parallel and not outage.of(waiting):
                planned = waiting.popleft()
                with stopwatch.lap("log"):
                    window = _open(connection, summary, site, planned, options.interval_seconds)
                running[pool.submit(fetch, planned)] = (planned, window)
            if not running:
                break
            with stopwatch.lap("fetch"):
                done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                planned, window = running.pop(future)
                outage.note(planned, future.exception())
                outcome = _finish(connection, site, planned, window, future, options, stopwatch)
                summary.add(planned.channel.channel_id, outcome)
                on_window(planned, outcome)
    if waiting:
        logger.error("%s: %d windows were not asked", outage.reason, len(waiting))
    for planned in waiting:
        window = _open(connection, summary, site, planned, options.interval_seconds)
        outcome = fail_window(connection, window, outage.reason, requests=0, finished_at=now())
        summary.add(planned.channel.channel_id, outcome)
        on_window(planned, outcome)
    return summary


class _Outage:
    """Notices that the API has stopped answering, so that hundreds of windows need not tell it."""

    def __init__(self) -> None:
        self._failed: list[int] = []
        self.reason = ""

    def note(self, planned: PlannedWindow, error: BaseException | None) -> None:
        """Count a window whose tries are used up; any answer at all ends the count."""
        if isinstance(error, EniscopeError) and not isinstance(error, LoginRefused):
            # The end of the run names every channel again.
            level = logging.WARNING if len(self._failed) < 2 else logging.DEBUG
            logger.log(level, "channel %s: %s", planned.channel.channel_id, error)
        if isinstance(error, TransientFailure) and not error.is_rate_limit:
            self._failed.append(planned.channel.channel_id)
            self.reason = f"the API no longer answers ({error})"
        else:
            self._failed.clear()

    def of(self, waiting: Sequence[PlannedWindow]) -> bool:
        """True when the last windows failed and no channel that is left was heard since."""
        if len(self._failed) < OUTAGE_WINDOWS:
            return False
        return {planned.channel.channel_id for planned in waiting} <= set(self._failed)


@contextmanager
def _fetching(max_parallel: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for requests, beside which the storing thread gets its turn quickly."""
    pool = ThreadPoolExecutor(max_parallel)
    usual_seconds = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield pool
    finally:
        sys.setswitchinterval(usual_seconds)
        # An interrupted run does not wait for requests whose answers nobody will store.
        pool.shutdown(wait=False, cancel_futures=True)


def _fetch(
    client: EniscopeClient,
    limit: WindowLimit,
    site: Site,
    interval_seconds: int,
    planned: PlannedWindow,
) -> FetchedWindow:
    channel = planned.channel
    return fetch_window(
        client,
        limit,
        channel.channel_id,
        site.codes[channel.device_type_id],
        planned.start,
        planned.end,
        interval_seconds,
    )


def _open(
    connection: Connection,
    summary: RunSummary,
    site: Site,
    planned: PlannedWindow,
    interval_seconds: int,
) -> Window:
    return open_window(
        connection,
        summary.run_id,
        site.organization.organization_id,
        planned.channel.channel_id,
        planned.start,
        planned.end,
        interval_seconds,
        started_at=now(),
    )


def _finish(
    connection: Connection,
    site: Site,
    planned: PlannedWindow,
    window: Window,
    future: Future[FetchedWindow],
    options: RunOptions,
    stopwatch: Stopwatch,
) -> Outcome:
    """Store what came, or log why nothing did."""
    try:
        fetched = future.result()
    except LoginRefused as error:
        fail_window(connection, window, str(error), requests=1, finished_at=now())
        raise
    except EniscopeError as error:
        return fail_window(connection, window, str(error), error.requests, finished_at=now())
    stopwatch.add("parse", fetched.parse_seconds)
    with stopwatch.lap("validate"):
        rules = _rules(site, planned.channel, window.interval_seconds)
        accepted = _accept_all(fetched.batches, window, rules)
    with stopwatch.lap("store"):
        try:
            return save_window(
                connection,
                window,
                accepted,
                fetched.requests,
                fetched.problem,
                finished_at=now(),
                repair=options.repair,
            )
        except ChannelGone as error:
            return fail_window(connection, window, str(error), fetched.requests, finished_at=now())


def _rules(site: Site, channel: Channel, interval_seconds: int) -> ReadingRules:
    return rules_for(
        site.config,
        channel.channel_id,
        interval_seconds,
        channel.installed_at,
        sends_power_factor="PF" in site.codes[channel.device_type_id],
        rated_kw=site.rated_kw(channel),
    )


def _accept_all(batches: Sequence[Batch], window: Window, rules: ReadingRules) -> Accepted:
    settle_seconds = get_settings().eniscope_settle_seconds
    return accept(Batch.joined(batches), window.start, window.end, rules, now(), settle_seconds)
