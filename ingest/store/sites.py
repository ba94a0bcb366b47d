"""Organization, devices, meters and channels: inserted, or updated where the API says otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from psycopg2.extras import execute_values

from config.sites import SiteConfig
from ingest.eniscope.resources import Channel, Meter, Organization
from lib.database import Connection, Cursor, fetch_all, transaction


def save_site(
    connection: Connection,
    organization: Organization,
    timezone: str,
    channels: Sequence[Channel],
    meters: Sequence[Meter],
    channel_types: Mapping[int, str],
    guessed: Collection[int],
    config: SiteConfig,
) -> None:
    """Store the site and everything in it, in one transaction.

    The type of a channel in `guessed` is taken only where none is stored yet. A status that was
    learned (silent, unreadable) stays unless config/sites.yaml says otherwise; channels the API no
    longer lists stay, because their readings do.
    """
    with transaction(connection) as cursor:
        _save_organization(cursor, organization, timezone, config)
        _save_devices(cursor, organization.organization_id, channels)
        _save_meters(cursor, organization.organization_id, channels, meters)
        types = {**channel_types, **_stored_types(cursor, guessed)}
        _save_channels(cursor, channels, types, config)


def stored_name(connection: Connection, site_id: str) -> str | None:
    """The name a site is stored under; None where it is not stored yet."""
    rows = fetch_all(
        connection,
        "SELECT organization_name FROM organizations WHERE organization_id = %s",
        (site_id,),
    )
    return rows[0]["organization_name"] if rows else None


def _save_organization(
    cursor: Cursor, organization: Organization, timezone: str, config: SiteConfig
) -> None:
    cursor.execute(
        """
        INSERT INTO organizations
            (organization_id, organization_name, parent_id, timezone, currency_code)
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (organization_id) DO UPDATE SET
            organization_name = excluded.organization_name,
            parent_id = excluded.parent_id,
            timezone = excluded.timezone,
            currency_code = excluded.currency_code,
            updated_at = now()
        """,
        (
            organization.organization_id,
            organization.name,
            organization.parent_id,
            timezone,
            organization.currency or config.currency,
        ),
    )


def _save_devices(cursor: Cursor, site_id: str, channels: Sequence[Channel]) -> None:
    devices = {
        channel.device_id: (
            channel.device_id,
            site_id,
            channel.device_name,
            channel.device_type,
            channel.device_type_id,
            channel.device_uuid,
            channel.device_parent_id,
            channel.device_status,
            channel.device_registered_at,
        )
        for channel in channels
        if channel.device_id is not None
    }
    execute_values(
        cursor,
        """
        INSERT INTO devices (device_id, organization_id, device_name, device_type,
            device_type_id, uuid, parent_id, status, registered_at)
        VALUES %s
        ON CONFLICT (device_id) DO UPDATE SET
            organization_id = excluded.organization_id,
            device_name = excluded.device_name,
            device_type = excluded.device_type,
            device_type_id = excluded.device_type_id,
            uuid = excluded.uuid,
            parent_id = excluded.parent_id,
            status = excluded.status,
            registered_at = excluded.registered_at,
            updated_at = now()
        """,
        list(devices.values()),
    )


def _save_meters(
    cursor: Cursor, site_id: str, channels: Sequence[Channel], meters: Sequence[Meter]
) -> None:
    device_ids = {channel.device_id for channel in channels}
    rows: dict[int, tuple[object, ...]] = {
        channel.meter_id: (
            channel.meter_id,
            channel.device_id,
            site_id,
            channel.data_type,
            None,
            None,
        )
        for channel in channels
        if channel.meter_id is not None
    }
    for meter in meters:
        device_id = meter.device_id if meter.device_id in device_ids else None
        rows[meter.meter_id] = (
            meter.meter_id,
            device_id,
            site_id,
            meter.data_type,
            meter.ct_ratio,
            meter.voltage_scale,
        )
    execute_values(
        cursor,
        """
        INSERT INTO meters
            (meter_id, device_id, organization_id, data_type, ct_ratio, voltage_scale)
        VALUES %s
        ON CONFLICT (meter_id) DO UPDATE SET
            device_id = excluded.device_id,
            organization_id = excluded.organization_id,
            data_type = excluded.data_type,
            ct_ratio = coalesce(excluded.ct_ratio, meters.ct_ratio),
            voltage_scale = coalesce(excluded.voltage_scale, meters.voltage_scale),
            updated_at = now()
        """,
        list(rows.values()),
    )


def _stored_types(cursor: Cursor, channel_ids: Collection[int]) -> dict[int, str]:
    cursor.execute(
        "SELECT channel_id, channel_type FROM channels "
        "WHERE channel_id = ANY(%s) AND channel_type IS NOT NULL",
        (list(channel_ids),),
    )
    return dict(cursor.fetchall())


def _save_channels(
    cursor: Cursor,
    channels: Sequence[Channel],
    channel_types: Mapping[int, str],
    config: SiteConfig,
) -> None:
    units = {"environment": None}
    rows = [
        (
            channel.channel_id,
            channel.organization_id,
            channel.device_id,
            channel.meter_id,
            channel.name,
            channel_types[channel.channel_id],
            channel.displayed_phase,
            units.get(channel_types[channel.channel_id], "kWh"),
            channel.uninstalled_at is None,
            channel.installed_at,
            channel.uninstalled_at,
        )
        for channel in channels
    ]
    execute_values(
        cursor,
        """
        INSERT INTO channels (channel_id, organization_id, device_id, meter_id, channel_name,
            channel_type, displayed_phase, unit, is_active, installed_at, uninstalled_at)
        VALUES %s
        ON CONFLICT (channel_id) DO UPDATE SET
            organization_id = excluded.organization_id,
            device_id = excluded.device_id,
            meter_id = excluded.meter_id,
            channel_name = excluded.channel_name,
            channel_type = excluded.channel_type,
            displayed_phase = excluded.displayed_phase,
            unit = excluded.unit,
            is_active = excluded.is_active,
            installed_at = excluded.installed_at,
            uninstalled_at = excluded.uninstalled_at,
            updated_at = now()
        """,
        rows,
    )
    told = {channel_id: one.in_site_total for channel_id, one in config.channels.items()}
    execute_values(
        cursor,
        "UPDATE channels AS c SET in_site_total = told.is_in FROM (VALUES %s) AS told (id, is_in) "
        "WHERE c.channel_id = told.id AND c.in_site_total IS DISTINCT FROM told.is_in",
        [(channel.channel_id, told.get(channel.channel_id)) for channel in channels],
        template="(%s, %s::boolean)",
    )
    execute_values(
        cursor,
        "UPDATE channels AS c SET status = told.status FROM (VALUES %s) AS told (id, status) "
        "WHERE c.channel_id = told.id AND c.status <> told.status",
        [
            (channel_id, channel.status)
            for channel_id, channel in config.channels.items()
            if channel.status is not None
        ],
    )
