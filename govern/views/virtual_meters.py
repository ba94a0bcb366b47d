"""Virtual meters: named, weighted sums of a site's channels.

A part is always a stored channel, never another virtual meter: no definition can go in a circle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg2.extras import execute_values

from lib.database import Cursor
from lib.errors import UsageError

# What carries no energy cannot be part of a sum of energies.
UNSUMMABLE_TYPES = ("environment",)


@dataclass(frozen=True)
class Part:
    """One channel of a virtual meter and its factor; -1 subtracts."""

    channel_id: int
    weight: float = 1.0


@dataclass(frozen=True)
class VirtualMeter:
    """A virtual meter as it is defined."""

    virtual_meter_id: int
    site_id: str
    name: str
    parts: tuple[dict[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def parse_part(text: str, ids_by_name: Mapping[str, Sequence[int]]) -> Part:
    """Read CHANNEL or CHANNEL=WEIGHT, where CHANNEL is an id or a name that only one channel has.

    `ids_by_name` has the names casefolded. Raises UsageError for anything else.

    >>> parse_part("158694=-0.5", {})
    Part(channel_id=158694, weight=-0.5)
    >>> parse_part("AHU=1=-1", {"ahu=1": [7]})
    Part(channel_id=7, weight=-1.0)
    """
    channel, equals, weight_text = text.rpartition("=")
    # A name may hold an equals sign itself.
    if not equals or text.strip().casefold() in ids_by_name:
        channel, weight_text = text, "1"
    ids = ids_by_name.get(channel.strip().casefold(), ())
    if len(ids) > 1:
        several = ", ".join(map(str, ids))
        raise UsageError(f"'{channel}' is the name of channels {several}: give the id of one")
    try:
        part = Part(ids[0] if ids else int(channel), float(weight_text))
    except ValueError:
        raise UsageError(
            f"'{text}' is not a part such as 158694, 158694=-1 or the site's name of a channel"
        ) from None
    if not math.isfinite(part.weight) or part.weight == 0:
        raise UsageError(f"'{text}': a weight is a number other than 0")
    return part


def named_parts(cursor: Cursor, site_id: str, texts: Sequence[str]) -> list[Part]:
    """The parts as they were typed. Raises UsageError as `parse_part`, or for an unknown site."""
    require_site(cursor, site_id)
    cursor.execute(
        "SELECT channel_id, channel_name FROM channels WHERE organization_id = %s "
        "ORDER BY channel_id",
        [site_id],
    )
    ids_by_name: dict[str, list[int]] = {}
    for channel_id, name in cursor.fetchall():
        # A number always means an id.
        if not name.strip().isdecimal():
            ids_by_name.setdefault(name.strip().casefold(), []).append(channel_id)
    return [parse_part(text, ids_by_name) for text in texts]


def require_site(cursor: Cursor, site_id: str) -> None:
    """Raise UsageError for a site that is not in the database."""
    cursor.execute("SELECT 1 FROM organizations WHERE organization_id = %s", [site_id])
    if cursor.fetchone() is None:
        raise UsageError(f"site {site_id} is not in the database")


def virtual_meters(cursor: Cursor, site_id: str | None) -> list[VirtualMeter]:
    """The virtual meters of one site, or of every site, by site and name."""
    cursor.execute(
        """
        SELECT v.virtual_meter_id, v.organization_id, v.name, coalesce(
            json_agg(json_build_object('channel_id', p.channel_id, 'channel_name', c.channel_name,
                                       'weight', p.weight) ORDER BY p.channel_id)
            FILTER (WHERE p.channel_id IS NOT NULL), '[]')
        FROM virtual_meters AS v
        LEFT JOIN virtual_meter_map AS p USING (virtual_meter_id)
        LEFT JOIN channels AS c USING (channel_id)
        WHERE %(site_id)s IS NULL OR v.organization_id = %(site_id)s
        GROUP BY v.virtual_meter_id
        ORDER BY v.organization_id, v.name
        """,
        {"site_id": site_id},
    )
    return [
        VirtualMeter(meter_id, site, name, tuple(parts))
        for meter_id, site, name, parts in cursor.fetchall()
    ]


def define(
    cursor: Cursor, site_id: str, name: str, parts: Sequence[Part]
) -> tuple[VirtualMeter, VirtualMeter | None]:
    """Make a virtual meter, or give the one of that name these parts instead of its own.

    Returns it and, where there was one of that name, what it was. Raises UsageError for an unknown
    site, no part, a part named twice, a channel of another site or without energy, and an empty
    name.
    """
    require_site(cursor, site_id)
    if not name.strip():
        raise UsageError("a virtual meter needs a name")
    _require_parts(cursor, site_id, parts)
    before = {meter.name: meter for meter in virtual_meters(cursor, site_id)}.get(name.strip())
    cursor.execute(
        "INSERT INTO virtual_meters (organization_id, name) VALUES (%s, %s) "
        "ON CONFLICT (organization_id, name) DO UPDATE SET name = excluded.name "
        "RETURNING virtual_meter_id",
        (site_id, name.strip()),
    )
    (meter_id,) = cursor.fetchone()
    cursor.execute("DELETE FROM virtual_meter_map WHERE virtual_meter_id = %s", [meter_id])
    execute_values(
        cursor,
        "INSERT INTO virtual_meter_map (virtual_meter_id, channel_id, weight) VALUES %s",
        [(meter_id, part.channel_id, part.weight) for part in parts],
    )
    (meter,) = [
        meter for meter in virtual_meters(cursor, site_id) if meter.virtual_meter_id == meter_id
    ]
    return meter, before


def remove(cursor: Cursor, site_id: str, name: str) -> None:
    """Remove a virtual meter. Raises UsageError where the site has none of that name."""
    require_site(cursor, site_id)
    cursor.execute(
        "DELETE FROM virtual_meters WHERE organization_id = %s AND name = %s",
        (site_id, name.strip()),
    )
    if cursor.rowcount == 0:
        raise UsageError(f"site {site_id} has no virtual meter called '{name}'")


def _require_parts(cursor: Cursor, site_id: str, parts: Sequence[Part]) -> None:
    if not parts:
        raise UsageError("a virtual meter needs at least one part: --part CHANNEL=WEIGHT")
    ids = [part.channel_id for part in parts]
    if len(set(ids)) < len(ids):
        twice = next(channel for channel in ids if ids.count(channel) > 1)
        raise UsageError(f"channel {twice} is named twice: give it one weight")
    cursor.execute(
        "SELECT channel_id, organization_id, channel_type FROM channels "
        "WHERE channel_id = ANY(%s::numeric[])",
        [ids],
    )
    known = {channel: (site, kind) for channel, site, kind in cursor.fetchall()}
    for channel in ids:
        site, kind = known.get(channel, (None, None))
        if site != site_id:
            raise UsageError(f"channel {channel} is not one of site {site_id}")
        if kind in UNSUMMABLE_TYPES:
            raise UsageError(f"channel {channel} measures no energy ({kind})")
