"""One ingestion run: fetch windows in parallel, accept, store each as it comes."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused
from ingest.eniscope.normalize import Batch
from ingest.eniscope.resources import Channel
from ingest.pipeline.accept import accept
from ingest.pipeline.fetch import FetchedWindow, WindowLimit, fetch_window
from ingest.pipeline.plan import PlannedWindow
from ingest.pipeline.site import Site
from ingest.store.readings import Outcome, fail_window, open_window, save_window
from ingest.store.rows import Accepted, Window
from lib.clock import now
from lib.database import Connection
from lib.reading_rules import ReadingRules, rules_for
from lib.timing import Stopwatch

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """How a run goes about it. `repair`: replace stored values that the API now tells otherwise."""

    interval_seconds: int
    max_parallel: int = 4
    repair: bool = False


@dataclass
class RunSummary:
    """What a run did, over all its windows."""

    run_id: uuid.UUID
    windows: int = 0
    fetched: int = 0
    inserted: int = 0
    duplicate: int = 0
    rejected: int = 0
    changed: int = 0
    requests: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    problems: dict[int, str] = field(default_factory=dict)

    def add(self, channel_id: int, outcome: Outcome) -> None:
        """Count one more window."""
        self.windows += 1
        self.fetched += outcome.fetched
        self.inserted += outcome.inserted
        self.duplicate += outcome.duplicate
        self.rejected += outcome.rejected
        self.changed += outcome.changed
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

    A window that fails is logged and counted; the others go on. Only a refused login ends the run.
    """
    summary = RunSummary(uuid.uuid4())
    fetch = partial(_fetch, client, WindowLimit(), site, options.interval_seconds)
    waiting = iter(windows)
    running: dict[Future[FetchedWindow], tuple[PlannedWindow, Window]] = {}
    pool = ThreadPoolExecutor(options.max_parallel)
    try:
        while True:
            for planned in islice(waiting, options.max_parallel - len(running)):
                with stopwatch.lap("log"):
                    window = _open(connection, summary, site, planned, options.interval_seconds)
                running[pool.submit(fetch, planned)] = (planned, window)
            if not running:
                break
            with stopwatch.lap("fetch"):
                done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                planned, window = running.pop(future)
                outcome = _finish(connection, site, planned, window, future, options, stopwatch)
                summary.add(planned.channel.channel_id, outcome)
                on_window(planned, outcome)
    finally:
        # An interrupted run does not wait for requests whose answers nobody will store.
        pool.shutdown(wait=False, cancel_futures=True)
    return summary


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
        logger.warning("channel %s: %s", planned.channel.channel_id, error)
        return fail_window(connection, window, str(error), error.requests, finished_at=now())
    stopwatch.add("parse", fetched.parse_seconds)
    with stopwatch.lap("validate"):
        rules = _rules(site, planned.channel, window.interval_seconds)
        accepted = _accept_all(fetched.batches, window, rules)
    with stopwatch.lap("store"):
        return save_window(
            connection,
            window,
            accepted,
            fetched.requests,
            fetched.problem,
            finished_at=now(),
            repair=options.repair,
        )


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
    return accept(Batch.joined(batches), window.start, window.end, rules, now())
