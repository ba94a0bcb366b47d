"""The full check of a site: what the account can read of it, and what that means for a sync."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from config.settings import Settings
from config.sites import SiteConfig
from ingest.diagnostics.channel_check import ChannelCheck, ChannelChecker, longest_window
from ingest.diagnostics.observed import Exchange, ObservedClient
from ingest.eniscope.errors import EniscopeError, LoginRefused
from ingest.eniscope.resources import Organization, get_organization, list_channels, list_meters
from ingest.pipeline.plan import settled_end
from lib.clock import now
from lib.errors import UsageError


@dataclass
class SiteCheck:
    """What was found out about a site.

    `devices` counts devices by type and `meters` metering points, None where the account may not
    read them (`problems` says why). `window_end` is the end of the day that was looked at;
    `clock_skew_seconds` is how far this machine's clock is ahead of the server's.
    """

    organization: Organization
    timezone: str | None
    window_end: datetime
    resolution_seconds: int
    devices: dict[str, int] | None = None
    meters: int | None = None
    channels: list[ChannelCheck] = field(default_factory=list)
    longest_window: timedelta | None = None
    clock_skew_seconds: float | None = None
    requests: int = 0
    requests_per_second: float = 0.0
    request_seconds: float = 0.0
    problems: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The check for a JSON document."""
        days = self.longest_window.total_seconds() / 86400 if self.longest_window else None
        return {
            "site": {
                "id": self.organization.organization_id,
                "name": self.organization.name,
                "timezone": self.timezone,
                "currency": self.organization.currency,
            },
            "windowEnd": self.window_end.isoformat(),
            "resolutionSeconds": self.resolution_seconds,
            "devices": self.devices,
            "meters": self.meters,
            "channels": [one.as_json() for one in self.channels],
            "longestWindowDays": days,
            "clockSkewSeconds": self.clock_skew_seconds,
            "requests": self.requests,
            "requestsPerSecond": round(self.requests_per_second, 2),
            "medianMilliseconds": round(self.request_seconds * 1000, 1),
            "problems": self.problems,
        }


def check_site(
    client: ObservedClient, settings: Settings, site_id: str, config: SiteConfig
) -> SiteCheck:
    """Everything the account can read of a site, in about forty requests.

    Raises UsageError for an unknown site and LoginRefused; other failures become findings.
    """
    started = time.monotonic()
    resolution_seconds = settings.eniscope_resolution
    end = settled_end(now(), now(), settings.eniscope_settle_seconds, resolution_seconds)
    organization = _organization(client, site_id)
    check = SiteCheck(
        organization, organization.timezone or config.timezone, end, resolution_seconds
    )
    type_names = _device_type_names(client, check.problems)
    check.devices = _devices(client, site_id, type_names, check.problems)
    check.meters = _meters(client, site_id, check.problems)
    _check_channels(client, settings, config, type_names, check)
    check.requests = client.requests_made
    check.requests_per_second = client.requests_made / max(time.monotonic() - started, 1e-3)
    check.request_seconds = median(one.seconds for one in client.exchanges)
    check.clock_skew_seconds = clock_skew_seconds(client.exchanges)
    return check


def clock_skew_seconds(exchanges: Sequence[Exchange]) -> float | None:
    """How far this machine's clock is ahead of the server's; None where it sends no Date.

    A Date is cut to the second: half a second is added, and the median over all answers taken.
    """
    offsets = [
        (one.received_at - one.server_date).total_seconds() - 0.5 - one.seconds / 2
        for one in exchanges
        if one.server_date is not None
    ]
    return round(median(offsets), 1) if offsets else None


def _organization(client: ObservedClient, site_id: str) -> Organization:
    try:
        return get_organization(client, site_id)
    except UsageError as error:
        raise UsageError(
            f"{error} (npm run py:ingest:test-working lists the sites it knows)"
        ) from None


def _device_type_names(client: ObservedClient, problems: dict[str, str]) -> dict[str, str]:
    """Names of device types by id; empty where the account may not read them."""
    try:
        records = client.get_list("/devicetypes")
    except LoginRefused:
        raise
    except EniscopeError as error:
        problems["device types"] = str(error)
        return {}
    return {str(one.get("deviceTypeId")): str(one.get("deviceTypeName")) for one in records}


def _devices(
    client: ObservedClient, site_id: str, names: Mapping[str, str], problems: dict[str, str]
) -> dict[str, int] | None:
    try:
        records = client.get_list("/devices", [("organization", site_id)])
    except LoginRefused:
        raise
    except EniscopeError as error:
        problems["devices"] = str(error)
        return None
    counts = Counter(_type_name(record, names) for record in records)
    return dict(sorted(counts.items()))


def _type_name(record: Mapping[str, Any], names: Mapping[str, str]) -> str:
    type_id = str(record.get("deviceTypeId"))
    return str(record.get("deviceTypeName") or names.get(type_id) or f"type {type_id}")


def _meters(client: ObservedClient, site_id: str, problems: dict[str, str]) -> int | None:
    try:
        return len(list_meters(client, site_id))
    except LoginRefused:
        raise
    except EniscopeError as error:
        problems["meters"] = str(error)
        return None


def _check_channels(
    client: ObservedClient,
    settings: Settings,
    config: SiteConfig,
    type_names: Mapping[str, str],
    check: SiteCheck,
) -> None:
    """Fill in the channels and, on the one that reports most, the longest window."""
    site_id = check.organization.organization_id
    try:
        channels = list_channels(client, site_id)
    except LoginRefused:
        raise
    except EniscopeError as error:
        check.problems["channels"] = str(error)
        return
    checker = ChannelChecker(
        client,
        config,
        check.window_end,
        check.resolution_seconds,
        settings.eniscope_max_parallel,
        type_names,
    )
    check.channels = checker.check_all(channels)
    fine = [one for one in check.channels if one.resolution_seconds == check.resolution_seconds]
    best = max(fine, key=lambda one: one.received, default=None)
    if best is not None and best.received:
        check.longest_window = longest_window(
            client,
            best.channel.channel_id,
            checker.codes_of(best.channel),
            check.window_end,
            check.resolution_seconds,
        )
