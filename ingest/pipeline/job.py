"""Ingest one site from end to end: describe, guard, plan, run, learn. What the scripts share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from config.settings import get_settings
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.resources import descendants, list_organizations
from ingest.pipeline.fetch import LONGEST_WINDOW
from ingest.pipeline.plan import PlannedWindow, plan_windows, settled_end
from ingest.pipeline.reconcile import Difference, reconcile
from ingest.pipeline.report import progress_shown
from ingest.pipeline.run import RunOptions, RunSummary, ingest_windows
from ingest.pipeline.site import Site, store_site
from ingest.store.channel_status import channels_to_skip, learn_from_run, unreadable_channels
from ingest.store.coverage import Span, catch_up_starts, uncovered
from ingest.store.readings import close_interrupted
from ingest.store.sites import stored_name
from lib.clock import now
from lib.database import Connection, owner_server
from lib.date_utils import Period
from lib.errors import UsageError
from lib.timing import Stopwatch

logger = logging.getLogger(__name__)

SANDBOX_SUFFIX = "(sandbox)"
# How far back a daily run goes for a channel that was down.
CATCH_UP_LIMIT = timedelta(days=35)

# Which spans of which channels to ask for, given the whole span of the period.
ChooseSpans = Callable[[Sequence[int], Span], dict[int, list[Span]]]


@dataclass
class SiteRun:
    """A finished run of one site."""

    site: Site
    summary: RunSummary
    stopwatch: Stopwatch
    differences: list[Difference] | None = None
    given_up: list[int] = field(default_factory=list)


def asked_sites(
    client: EniscopeClient, site: str, *, all_sites: bool, include_children: bool
) -> list[str]:
    """The sites a person asked for; the one named first is not yet known to exist."""
    if all_sites:
        return [organization.organization_id for organization in list_organizations(client)]
    if include_children:
        return [site, *descendants(list_organizations(client), site)]
    return [site]


def refuse_mixing(
    client: EniscopeClient, connection: Connection, site: str, *, allowed: bool
) -> None:
    """Keep synthetic and real readings apart. Raises UsageError before anything is written."""
    if client.is_sandbox and not allowed and not owner_server().is_embedded:
        raise UsageError(
            "the API is the sandbox and DATABASE_URL is not the embedded server: "
            "nothing was written (--allow-sandbox-data writes all the same)"
        )
    stored = stored_name(connection, site)
    if stored is not None and stored.endswith(SANDBOX_SUFFIX) != client.is_sandbox:
        held, offered = ("real", "sandbox") if client.is_sandbox else ("sandbox", "real")
        raise UsageError(
            f"the database holds {held} readings of site {site}, the API offers {offered} ones: "
            "nothing was written (set ARGO_DATA_DIR or DATABASE_URL to another database)"
        )


def plan_site(
    connection: Connection,
    site: Site,
    period: Period,
    interval_seconds: int,
    only: Sequence[int],
    choose_spans: ChooseSpans,
) -> list[PlannedWindow]:
    """The windows to ask for, up to the last settled interval."""
    settle_seconds = get_settings().eniscope_settle_seconds
    end = settled_end(period.end, now(), settle_seconds, interval_seconds)
    skip = channels_to_skip(connection, site.site_id, site.config, now())
    channels = site.channels_to_ask(skip, only)
    spans = choose_spans([channel.channel_id for channel in channels], (period.start, end))
    return plan_windows(channels, spans, LONGEST_WINDOW)


def run_site(
    client: EniscopeClient,
    connection: Connection,
    site: Site,
    period: Period,
    options: RunOptions,
    choose_spans: ChooseSpans,
    *,
    only: Sequence[int] = (),
    with_totals: bool = False,
    log_windows: bool = False,
) -> SiteRun:
    """Store what the site is, then every window of the plan, then what was learned of its channels.

    Channels that have only ever failed do not count as a problem of the run once given up.
    """
    stopwatch = Stopwatch()
    interrupted = close_interrupted(connection, site.site_id, now())
    if interrupted:
        logger.info("%d windows of interrupted runs are noted as failed", interrupted)
    store_site(connection, site)
    was_unreadable = unreadable_channels(connection, site.site_id)
    windows = plan_site(connection, site, period, options.interval_seconds, only, choose_spans)
    with progress_shown(len(windows), log_windows=log_windows) as on_window:
        summary = ingest_windows(client, connection, site, windows, options, stopwatch, on_window)
    touched = sorted({planned.channel.channel_id for planned in windows})
    with stopwatch.lap("learn"):
        given_up = learn_from_run(connection, site.site_id, summary.run_id, touched)
    for channel_id in given_up:
        logger.warning(
            "channel %s has only ever answered errors: called unreadable, tried again weekly",
            channel_id,
        )
    for channel_id in (*given_up, *was_unreadable):
        summary.problems.pop(channel_id, None)
    differences = None
    if with_totals:
        with stopwatch.lap("reconcile"):
            energy = [
                window for window in windows if "E" in site.codes[window.channel.device_type_id]
            ]
            differences = reconcile(client, connection, energy)
    return SiteRun(site, summary, stopwatch, differences, given_up)


def whole_span(channel_ids: Sequence[int], span: Span) -> dict[int, list[Span]]:
    """Days asked for by name are always asked again."""
    return {channel_id: [span] for channel_id in channel_ids}


def with_catch_up(connection: Connection) -> ChooseSpans:
    """The whole span, and before it what each channel has missed since it was last complete."""

    def choose(channel_ids: Sequence[int], span: Span) -> dict[int, list[Span]]:
        start, end = span
        earlier = catch_up_starts(connection, channel_ids, start, start - CATCH_UP_LIMIT)
        for channel_id, missed_since in sorted(earlier.items()):
            logger.info(
                "channel %s is caught up from %s", channel_id, f"{missed_since:%Y-%m-%d %H:%M%z}"
            )
        return {channel_id: [(earlier.get(channel_id, start), end)] for channel_id in channel_ids}

    return choose


def only_uncovered(connection: Connection, interval_seconds: int) -> ChooseSpans:
    """What no finished window covers yet: a resumed backfill goes on where it stopped."""

    def choose(channel_ids: Sequence[int], span: Span) -> dict[int, list[Span]]:
        return uncovered(connection, channel_ids, *span, interval_seconds)

    return choose
