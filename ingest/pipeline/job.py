"""Ingest one site from end to end: describe, guard, plan, run, learn. What the scripts share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config.settings import get_settings
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.resources import Channel, descendants, list_organizations
from ingest.pipeline.fetch import longest_window
from ingest.pipeline.plan import PlannedWindow, plan_windows, settled_end
from ingest.pipeline.reconcile import Reconciliation, reconcile
from ingest.pipeline.report import OnWindow, progress_shown
from ingest.pipeline.run import RunOptions, RunSummary, ingest_windows
from ingest.pipeline.site import Site, store_site
from ingest.store.channel_status import channels_to_skip, learn_from_run, unreadable_channels
from ingest.store.coverage import Span, joined, missing_spans, uncovered
from ingest.store.lengths import newest_lengths
from ingest.store.readings import close_interrupted, fail_window, open_window
from ingest.store.sites import stored_name
from lib.clock import now
from lib.database import Connection, owner_server
from lib.date_utils import Period, local_day
from lib.errors import UsageError
from lib.timing import Stopwatch

logger = logging.getLogger(__name__)

SANDBOX_SUFFIX = "(sandbox)"
# How far back a daily run goes for a channel that was down.
CATCH_UP_LIMIT = timedelta(days=35)
# What lies so close together is asked for at once: one request costs more than a day's known rows.
LONGEST_BREAK = timedelta(days=1)

# Which spans of which channels to ask for, given the whole span of the period.
ChooseSpans = Callable[[Sequence[int], Span], dict[int, list[Span]]]


@dataclass
class SiteRun:
    """A finished run of one site."""

    site: Site
    summary: RunSummary
    stopwatch: Stopwatch
    reconciliation: Reconciliation | None = None
    given_up: list[int] = field(default_factory=list)


def asked_sites(
    client: EniscopeClient, site: str, *, all_sites: bool, include_children: bool
) -> list[str]:
    """The sites a person asked for; the one named first is not yet known to exist.

    Raises UsageError for an account that sees none.
    """
    if all_sites:
        found = [organization.organization_id for organization in list_organizations(client)]
        if not found:
            raise UsageError("the account sees no site: its owner has to give it access to one")
        return found
    if include_children:
        return [site, *descendants(list_organizations(client), site)]
    return [site]


def refuse_sandbox_data(client: EniscopeClient, *, allowed: bool) -> None:
    """Keep synthetic readings out of a database that is not the embedded one, unless allowed.

    Raises UsageError before anything is written.
    """
    if client.is_sandbox and not allowed and not owner_server().is_embedded:
        raise UsageError(
            "the API is the sandbox and DATABASE_URL is not the embedded server: "
            "nothing was written (--allow-sandbox-data writes all the same)"
        )


def refuse_mixing(client: EniscopeClient, connection: Connection, site: str) -> None:
    """Keep synthetic and real readings of a site apart. Raises UsageError before a write."""
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
    """The windows to ask for, up to the last settled interval; why there is none is logged."""
    settle_seconds = get_settings().eniscope_settle_seconds
    end = settled_end(period.end, now(), settle_seconds, interval_seconds, site.timezone)
    skip = channels_to_skip(connection, site.site_id, site.config, now())
    channels = site.channels_to_ask(skip, only)
    spans = choose_spans([channel.channel_id for channel in channels], (period.start, end))
    windows = plan_windows(channels, spans, longest_window(interval_seconds))
    others = other_lengths(connection, windows, period, interval_seconds)
    if windows and {one.channel.channel_id for one in windows} <= set(others):
        stored = " and ".join(f"{seconds} s" for seconds in sorted(set(others.values())))
        raise UsageError(
            f"site {site.site_id}: the readings of {period.first_day} to {period.last_day} are "
            f"stored at {stored}; intervals of {interval_seconds} s would overlap them: nothing "
            "was asked (--resolution, ENISCOPE_RESOLUTION)"
        )
    if not windows:
        why = _why_nothing(channels, spans, period, end, settle_seconds)
        logger.info("site %s: nothing to ask for: %s", site.site_id, why)
    return windows


def other_lengths(
    connection: Connection,
    windows: Sequence[PlannedWindow],
    period: Period,
    interval_seconds: int,
) -> dict[int, int]:
    """Channels whose newest reading of the period has another length [s]: theirs would overlap."""
    channel_ids = sorted({planned.channel.channel_id for planned in windows})
    lengths = newest_lengths(connection, channel_ids, period.start, period.end)
    return {one: seconds for one, seconds in lengths.items() if seconds != interval_seconds}


def _why_nothing(
    channels: Sequence[Channel],
    spans: Mapping[int, Sequence[Span]],
    period: Period,
    end: datetime,
    settle_seconds: int,
) -> str:
    """Why no window is left of the period of these channels."""
    if not channels:
        return "all channels are called unreadable or retired (config/sites.yaml, or learned)"
    if end <= period.start:
        return (
            f"{period.first_day} has no interval yet that was over {settle_seconds} s ago "
            "(ENISCOPE_SETTLE_SECONDS)"
        )
    if not any(spans.values()):
        return "it is stored already (--restart asks for it again)"
    installed = [channel.installed_at for channel in channels if channel.installed_at]
    if len(installed) == len(channels) and min(installed) >= end:
        return f"no channel was installed before {local_day(min(installed), period.timezone)}"
    return f"no channel was installed from {period.first_day} to {period.last_day}"


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

    Channels that have only ever failed do not count as a problem of the run once given up, unless
    they were asked for by name.
    """
    stopwatch = Stopwatch()
    interrupted = close_interrupted(connection, site.site_id, now())
    if interrupted:
        logger.info("%d windows of interrupted runs are noted as failed", interrupted)
    store_site(connection, site)
    was_unreadable = unreadable_channels(connection, site.site_id)
    planned = plan_site(connection, site, period, options.interval_seconds, only, choose_spans)
    others = other_lengths(connection, planned, period, options.interval_seconds)
    not_asked = {
        one.channel.channel_id: f"not asked: {site.unknown_fields[one.channel.device_type_id]}"
        for one in planned
        if one.channel.device_type_id in site.unknown_fields
    } | {
        channel_id: f"not asked: its readings of these days are stored at {seconds} s, intervals "
        f"of {options.interval_seconds} s would overlap them"
        for channel_id, seconds in others.items()
    }
    windows = [one for one in planned if one.channel.channel_id not in not_asked]
    unasked = [one for one in planned if one.channel.channel_id in not_asked]
    requests_before = client.requests_made
    with progress_shown(len(planned), log_windows=log_windows) as on_window:
        summary = ingest_windows(client, connection, site, windows, options, stopwatch, on_window)
        _fail_unasked(connection, site, summary, unasked, not_asked, options, on_window)
    summary.requests = client.requests_made - requests_before
    touched = sorted({one.channel.channel_id for one in planned})
    with stopwatch.lap("learn"):
        given_up = learn_from_run(connection, site.site_id, summary.run_id, touched)
    for channel_id in given_up:
        logger.warning(
            "channel %s has only ever answered errors: called unreadable, tried again weekly",
            channel_id,
        )
    for channel_id in {*given_up, *was_unreadable} - set(only):
        summary.problems.pop(channel_id, None)
    reconciliation = None
    if with_totals:
        with stopwatch.lap("reconcile"):
            energy = [
                window for window in windows if "E" in site.codes[window.channel.device_type_id]
            ]
            reconciliation = reconcile(client, connection, energy, period.timezone)
    return SiteRun(site, summary, stopwatch, reconciliation, given_up)


def _fail_unasked(
    connection: Connection,
    site: Site,
    summary: RunSummary,
    windows: Sequence[PlannedWindow],
    reasons: Mapping[int, str],
    options: RunOptions,
    on_window: OnWindow,
) -> None:
    """Note the windows of channels that were not asked as failed, with each channel's reason."""
    for planned in windows:
        channel_id = planned.channel.channel_id
        window = open_window(
            connection,
            summary.run_id,
            site.site_id,
            channel_id,
            planned.start,
            planned.end,
            options.interval_seconds,
            started_at=now(),
        )
        outcome = fail_window(
            connection, window, reasons[channel_id], requests=0, finished_at=now()
        )
        summary.add(channel_id, outcome)
        on_window(planned, outcome)


def whole_span(channel_ids: Sequence[int], span: Span) -> dict[int, list[Span]]:
    """Days asked for by name are always asked again."""
    return {channel_id: [span] for channel_id in channel_ids}


def with_catch_up(connection: Connection) -> ChooseSpans:
    """The whole span, and before it what each channel lacks of the last weeks."""

    def choose(channel_ids: Sequence[int], span: Span) -> dict[int, list[Span]]:
        start, end = span
        missing = missing_spans(connection, channel_ids, start - CATCH_UP_LIMIT, min(start, end))
        for channel_id, spans in sorted(missing.items()):
            logger.info(
                "channel %s is caught up from %s", channel_id, f"{spans[0][0]:%Y-%m-%d %H:%M%z}"
            )
        return {
            channel_id: joined([*missing.get(channel_id, ()), span], LONGEST_BREAK)
            for channel_id in channel_ids
        }

    return choose


def only_uncovered(connection: Connection, interval_seconds: int) -> ChooseSpans:
    """What no finished window covers yet: a resumed backfill goes on where it stopped."""

    def choose(channel_ids: Sequence[int], span: Span) -> dict[int, list[Span]]:
        return uncovered(connection, channel_ids, *span, interval_seconds)

    return choose
