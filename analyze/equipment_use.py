"""Where a site's energy went, by kind of equipment; what no meter of its own saw is the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyze.equipment import equipment_of
from analyze.findings import ChannelWeek
from analyze.readings import SiteData

# What a kind is called as the head of several meters.
_PLURALS = {
    "rooftop unit": "Rooftop units",
    "air handler": "Air handlers and ventilation",
    "cooling": "Cooling",
    "exhaust fan": "Exhaust fans",
    "kitchen equipment": "Kitchen",
    "lighting": "Lighting",
    "plug loads": "Sockets and office equipment",
    "elevator": "Elevators",
    "water heating and pumps": "Water heating and pumps",
    "equipment": "Other equipment",
}


@dataclass(frozen=True)
class EquipmentUse:
    """Energy of all metered equipment of one kind, the largest meters first.

    `share_pct` is of the site's energy. `change_pct` is against what is usual, None where that is
    not known.
    """

    name: str
    meters: tuple[str, ...]
    energy_kwh: float
    share_pct: float | None
    change_pct: float | None


@dataclass(frozen=True)
class WhereItWent:
    """The kinds, the most energy first, and the rest.

    `other_kwh` is what the site's main meter saw beyond them; None where there is no main meter, so
    that the site is the sum of its parts. `is_overcounted` : the parts say more than the main.
    """

    kinds: tuple[EquipmentUse, ...]
    other_kwh: float | None
    other_pct: float | None
    is_overcounted: bool = False


def where_it_went(
    channels: Sequence[ChannelWeek], data: SiteData, energy_kwh: float | None
) -> WhereItWent:
    """Put the site's energy together by kind of equipment.

    Parameters
    ----------
    channels : the period's energy of every channel.
    data : says which of them may be added up.
    energy_kwh : of the whole site.
    """
    additive = {one.channel_id for one in data.channels if one.is_additive}
    mains = {
        one.channel_id
        for one in data.channels
        if one.in_site_total and one.channel_type == "site_total"
    }
    parts = [
        one
        for one in channels
        if one.channel_id in additive - mains
        and one.energy_kwh is not None
        and (bool(mains) or one.in_site_total)
    ]
    by_kind: dict[str, list[ChannelWeek]] = {}
    for part in sorted(parts, key=lambda one: -(one.energy_kwh or 0.0)):
        by_kind.setdefault(equipment_of(part.channel_name).name, []).append(part)
    kinds = tuple(
        sorted(
            (_use(kind, group, energy_kwh) for kind, group in by_kind.items()),
            key=lambda use: -use.energy_kwh,
        )
    )
    if not mains or energy_kwh is None:
        return WhereItWent(kinds, None, None)
    rest = energy_kwh - sum(use.energy_kwh for use in kinds)
    return WhereItWent(
        kinds,
        other_kwh=max(rest, 0.0),
        other_pct=_share(max(rest, 0.0), energy_kwh),
        is_overcounted=rest < 0,
    )


def _use(kind: str, group: Sequence[ChannelWeek], site_kwh: float | None) -> EquipmentUse:
    energy_kwh = sum(one.energy_kwh or 0.0 for one in group)
    # A change is of the hours in which both are known; weighted by what was expected in them.
    known = [
        (one.expected_kwh, one.change_pct)
        for one in group
        if one.expected_kwh is not None and one.change_pct is not None
    ]
    expected_kwh = sum(expected for expected, _ in known)
    change_kwh = sum(expected * change / 100 for expected, change in known)
    return EquipmentUse(
        name=_PLURALS.get(kind, kind.capitalize()),
        meters=tuple(one.channel_name for one in group),
        energy_kwh=energy_kwh,
        share_pct=None if site_kwh is None else _share(energy_kwh, site_kwh),
        change_pct=(
            100 * change_kwh / expected_kwh
            if expected_kwh > 0 and len(known) == len(group)
            else None
        ),
    )


def _share(part_kwh: float, whole_kwh: float) -> float | None:
    return 100 * part_kwh / whole_kwh if whole_kwh > 0 else None
