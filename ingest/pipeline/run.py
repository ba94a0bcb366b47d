"""One ingestion run of one site: plan, fetch in parallel, accept, store as it comes."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from config.sites import SiteConfig
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused
from ingest.eniscope.normalize import Batch
from ingest.eniscope.resources import (
    Channel,
    Organization,
    channel_type_by_name,
    get_organization,
    list_channels,
    list_field_codes,
    list_meters,
)
from ingest.pipeline.accept import accept
from ingest.pipeline.fetch import FetchedWindow, WindowLimit, fetch_window
from ingest.pipeline.plan import PlannedWindow
from ingest.store.readings import Outcome, Window, fail_window, open_window, save_window
from ingest.store.rows import Accepted
from ingest.store.sites import refresh_channel_facts, save_site
from lib.clock import now
from lib.database import Connection
from lib.errors import UsageError
from lib.reading_rules import ReadingRules, rules_for
from lib.timing import Stopwatch

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Site:
    """What a run needs to know of a site, from the API and config/sites.yaml."""

    organization: Organization
    timezone: str
    channels: tuple[Channel, ...]
    codes: dict[int | None, tuple[str, ...]]
    channel_types: dict[int, str]
    config: SiteConfig

    def readable_channels(self, also_unreadable: set[int], only: Sequence[int]) -> list[Channel]:
        """The channels to ask for: all, or those named, without the ones that only fail."""
        named = set(only)
        unknown = named - {channel.channel_id for channel in self.channels}
        if unknown:
            raise UsageError(
                f"site {self.organization.organization_id} has no channel {min(unknown)}"
            )
        if named:
            return [channel for channel in self.channels if channel.channel_id in named]
        return [channel for channel in self.channels if channel.channel_id not in also_unreadable]


@dataclass
class RunSummary:
    """What a run did, over all its windows."""

    run_id: uuid.UUID
    windows: int = 0
    fetched: int = 0
    inserted: int = 0
    duplicate: int = 0
    rejected: int = 0
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
        self.requests += outcome.requests
        for reason, count in outcome.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count
        if outcome.error:
            self.problems[channel_id] = outcome.error


def describe_site(client: EniscopeClient, site_id: str, config: SiteConfig) -> Site:
    """Ask the API what the site is. Raises UsageError for an unknown one, or one without a zone."""
    organization = get_organization(client, site_id)
    timezone = organization.timezone or config.timezone
    if timezone is None:
        raise UsageError(
            f"the API does not say the time zone of site {site_id}: "
            "add it to config/sites.yaml (timezone: America/New_York)"
        )
    channels = list_channels(client, site_id)
    types = {channel.device_type_id for channel in channels}
    codes = {device_type: list_field_codes(client, device_type) for device_type in types}
    channel_types = {
        channel.channel_id: config.channel(channel.channel_id).channel_type
        or channel_type_by_name(channel, codes[channel.device_type_id])
        for channel in channels
    }
    return Site(organization, timezone, tuple(channels), codes, channel_types, config)


def store_site(client: EniscopeClient, connection: Connection, site: Site) -> None:
    """Write what the site is; meters are a bonus that some accounts may not read."""
    try:
        meters = list_meters(client, site.organization.organization_id)
    except LoginRefused:
        raise
    except EniscopeError as error:
        logger.warning("meters are not stored: %s", error)
        meters = []
    save_site(
        connection,
        site.organization,
        site.timezone,
        site.channels,
        meters,
        site.channel_types,
        site.config,
    )


def ingest_windows(
    client: EniscopeClient,
    connection: Connection,
    site: Site,
    windows: Sequence[PlannedWindow],
    interval_seconds: int,
    max_parallel: int,
    stopwatch: Stopwatch,
    on_window: Callable[[PlannedWindow, Outcome], None],
) -> RunSummary:
    """Fetch the windows in parallel and store each as it comes.

    A window that fails is logged and counted; the others go on. Only a refused login ends the run.
    """
    summary = RunSummary(uuid.uuid4())
    limit = WindowLimit()
    fetch = partial(_fetch, client, limit, site, interval_seconds)
    waiting = iter(windows)
    running: dict[Future[FetchedWindow], tuple[PlannedWindow, Window]] = {}
    pool = ThreadPoolExecutor(max_parallel)
    try:
        while True:
            for planned in islice(waiting, max_parallel - len(running)):
                with stopwatch.lap("log"):
                    window = _open(connection, summary, site, planned, interval_seconds)
                running[pool.submit(fetch, planned)] = (planned, window)
            if not running:
                break
            with stopwatch.lap("fetch"):
                done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                planned, window = running.pop(future)
                outcome = _finish(connection, site, planned, window, future, stopwatch)
                summary.add(planned.channel.channel_id, outcome)
                on_window(planned, outcome)
    finally:
        # An interrupted run does not wait for requests whose answers nobody will store.
        pool.shutdown(wait=False, cancel_futures=True)
    with stopwatch.lap("store"):
        touched = sorted({planned.channel.channel_id for planned in windows})
        refresh_channel_facts(connection, touched)
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
        return fail_window(connection, window, str(error), requests=1, finished_at=now())
    stopwatch.add("parse", fetched.parse_seconds)
    with stopwatch.lap("validate"):
        rules = _rules(site, planned.channel, window.interval_seconds)
        accepted = _accept_all(fetched.batches, window, rules)
    with stopwatch.lap("store"):
        return save_window(
            connection, window, accepted, fetched.requests, fetched.problem, finished_at=now()
        )


def _rules(site: Site, channel: Channel, interval_seconds: int) -> ReadingRules:
    return rules_for(
        site.config,
        channel.channel_id,
        interval_seconds,
        channel.installed_at,
        sends_power_factor="PF" in site.codes[channel.device_type_id],
    )


def _accept_all(batches: Sequence[Batch], window: Window, rules: ReadingRules) -> Accepted:
    return accept(Batch.joined(batches), window.start, window.end, rules, now())
