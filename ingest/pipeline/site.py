"""A site as ingest sees it: what the API and config/sites.yaml say of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from config.sites import SiteConfig
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused, TransientFailure
from ingest.eniscope.resources import (
    Channel,
    Meter,
    Organization,
    channel_type_by_name,
    field_codes_or_usual,
    get_organization,
    list_channels,
    list_meters,
)
from ingest.store.sites import save_site
from lib.database import Connection
from lib.errors import UsageError
from lib.reading_rules import rated_power_kw

logger = logging.getLogger(__name__)


class NothingMeasured(UsageError):
    """An organization without channels: a folder in the tree."""


@dataclass(frozen=True)
class Site:
    """What a run needs to know of a site, from the API and config/sites.yaml.

    `unknown_fields` says of device types why their fields could not be had this time: their
    channels are not asked, lest a part of their readings be stored for good. `guessed` are the
    channels whose type is a guess without their fields.
    """

    organization: Organization
    timezone: str
    channels: tuple[Channel, ...]
    codes: dict[int | None, tuple[str, ...]]
    channel_types: dict[int, str]
    config: SiteConfig
    meters: tuple[Meter, ...] = ()
    unknown_fields: Mapping[int | None, str] = field(default_factory=dict)
    guessed: frozenset[int] = frozenset()

    @property
    def site_id(self) -> str:
        """The organization's id."""
        return self.organization.organization_id

    def rated_kw(self, channel: Channel) -> float | None:
        """What the channel's meter is built for [kW]; None where the API does not say."""
        meter = next((one for one in self.meters if one.meter_id == channel.meter_id), None)
        return rated_power_kw(meter.ct_ratio, meter.voltage_scale) if meter else None

    def channels_to_ask(self, skip: set[int], only: Sequence[int]) -> list[Channel]:
        """The channels named, whatever is known of them; without names all but those in `skip`.

        Raises UsageError for a name that the site does not have.
        """
        named = set(only)
        unknown = named - {channel.channel_id for channel in self.channels}
        if unknown:
            raise UsageError(f"site {self.site_id} has no channel {min(unknown)}")
        if named:
            return [channel for channel in self.channels if channel.channel_id in named]
        return [channel for channel in self.channels if channel.channel_id not in skip]


def describe_site(client: EniscopeClient, site_id: str, config: SiteConfig) -> Site:
    """Ask the API what the site is. Raises UsageError for an unknown one, or one without a zone.

    NothingMeasured is the UsageError of one that has no channel.
    """
    organization = get_organization(client, site_id)
    timezone = organization.timezone or config.timezone
    channels = list_channels(client, site_id)
    if not channels:
        raise NothingMeasured(
            f"site {site_id} ({organization.name}) has no channels that this account sees "
            "(--include-children asks the sites below it, too)"
        )
    if timezone is None:
        raise UsageError(
            f"the API does not say the time zone of site {site_id}: "
            "add it to config/sites.yaml (timezone: America/New_York)"
        )
    types = {channel.device_type_id for channel in channels}
    fields = {device_type: field_codes_or_usual(client, device_type) for device_type in types}
    codes = {device_type: known for device_type, (known, _) in fields.items()}
    failures = {device_type: error for device_type, (_, error) in fields.items() if error}
    for device_type, error in failures.items():
        logger.warning("the fields of device type %s are not known: %s", device_type, error)
    channel_types = {
        channel.channel_id: config.channel(channel.channel_id).channel_type
        or channel_type_by_name(channel, codes[channel.device_type_id])
        for channel in channels
    }
    meters = readable_meters(client, site_id)
    return Site(
        organization,
        timezone,
        tuple(channels),
        codes,
        channel_types,
        config,
        meters,
        unknown_fields={
            device_type: str(error)
            for device_type, error in failures.items()
            if isinstance(error, TransientFailure)
        },
        guessed=frozenset(
            channel.channel_id
            for channel in channels
            if channel.device_type_id in failures
            and config.channel(channel.channel_id).channel_type is None
        ),
    )


def readable_meters(client: EniscopeClient, site_id: str) -> tuple[Meter, ...]:
    """The site's meters; none for an account that may not read them."""
    try:
        return tuple(list_meters(client, site_id))
    except LoginRefused:
        raise
    except EniscopeError as error:
        logger.warning("meters are not stored: %s", error)
        return ()


def store_site(connection: Connection, site: Site) -> None:
    """Write what the site is."""
    save_site(
        connection,
        site.organization,
        site.timezone,
        site.channels,
        site.meters,
        site.channel_types,
        site.guessed,
        site.config,
    )
