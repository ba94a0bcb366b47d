"""The resources ingest needs, as typed values: organization, channels, meters, fields, readings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused, NotFound, TransientFailure
from ingest.eniscope.fields import FIELD_BY_CODE, FURTHER_CODES, USUAL_CODES
from lib.errors import UsageError

KNOWN_CODES = frozenset((*FIELD_BY_CODE, *FURTHER_CODES))
READING_KEYS = ("records", "data", "readings", "result")
# A name that says no more than this is the site's main; "Kitchen Main Panel" and "Main AHU" are
# not. The check site_total_below_submeters holds the guess against the data.
SITE_TOTAL_NAME = re.compile(
    r"^\s*((site|building|whole)\s+)?"
    r"(mains?(\s+(incomer|supply|meter|feed|breaker|switchboard|panel|board))?"
    r"|incomer|incoming supply|service entrance|total)(\s+(supply|meter|load|site|building|\d+))?"
    r"(\s*[-,(]?\s*(l[123]|phase\s*[123])\)?)?\s*$",
    re.I,
)


@dataclass(frozen=True)
class Organization:
    """A site as the API describes it; `timezone` and `currency` may be unknown to it."""

    organization_id: str
    name: str
    parent_id: str | None
    timezone: str | None
    currency: str | None


@dataclass(frozen=True)
class Channel:
    """A channel with the device and meter it belongs to, as the API describes them."""

    channel_id: int
    organization_id: str
    name: str
    device_id: int | None
    device_name: str | None
    device_type: str | None
    device_type_id: int | None
    device_uuid: str | None
    device_parent_id: int | None
    device_status: str | None
    device_registered_at: datetime | None
    meter_id: int | None
    data_type: str | None
    displayed_phase: str | None
    installed_at: datetime | None
    uninstalled_at: datetime | None


@dataclass(frozen=True)
class Meter:
    """A metering point; `ct_ratio` in A, `voltage_scale` in V."""

    meter_id: int
    device_id: int | None
    data_type: str | None
    ct_ratio: float | None
    voltage_scale: float | None


@dataclass(frozen=True)
class ReadingsAnswer:
    """One answer of /readings, not yet looked into. `resolution` None: the answer did not say."""

    records: list[Any]
    units: Mapping[str, str] | None
    resolution: int | None


def get_organization(client: EniscopeClient, site_id: str) -> Organization:
    """The site. Raises UsageError when the API does not know it."""
    if not site_id.isdigit():
        raise UsageError(f"site '{site_id}' is not an Eniscope organization id (a number)")
    try:
        answer = client.get(f"/organizations/{site_id}")
    except NotFound:
        if not client.has_signed_in:
            raise UsageError(
                f"{client.host} knows neither site {site_id} nor, it seems, our login: it gave no "
                "token. Does ENISCOPE_API_URL name the Eniscope API? npm run py:ingest:test-auth "
                "says more"
            ) from None
        raise UsageError(f"site {site_id} is unknown to the Eniscope API") from None
    record = _single(answer, "organization")
    if record is None or _text(record.get("organizationId")) != site_id:
        raise UsageError(f"site {site_id} is unknown to the Eniscope API")
    return _organization(site_id, record)


def _organization(site_id: str, record: Mapping[str, Any]) -> Organization:
    return Organization(
        organization_id=site_id,
        name=_text(record.get("organizationName")) or f"Site {site_id}",
        parent_id=_text(record.get("parentId")),
        timezone=_text(record.get("timeZone")),
        currency=_text(record.get("currencyCode")),
    )


def list_channels(client: EniscopeClient, site_id: str) -> list[Channel]:
    """Every channel of the site itself, ordered by id."""
    records = client.get_list("/channels", [("organization", site_id)])
    channels = {}
    for record in records:
        channel_id = _integer(record.get("dataChannelId") or record.get("channelId"))
        owner = _text(record.get("organizationId")) or site_id
        if channel_id is None or owner != site_id:
            continue
        channels[channel_id] = Channel(
            channel_id=channel_id,
            organization_id=site_id,
            name=_text(record.get("channelName")) or f"Channel {channel_id}",
            device_id=_integer(record.get("deviceId")),
            device_name=_text(record.get("deviceName")),
            device_type=_text(record.get("deviceTypeName")),
            device_type_id=_integer(record.get("deviceTypeId")),
            device_uuid=_text(record.get("uuId")),
            device_parent_id=_integer(record.get("parentId")),
            device_status=_text(record.get("status")),
            device_registered_at=_instant(record.get("registered")),
            meter_id=_integer(record.get("meterId")),
            data_type=_text(record.get("dataType")),
            displayed_phase=_text(record.get("displayedPhase")),
            installed_at=_instant(record.get("installedTs")),
            uninstalled_at=_instant(record.get("uninstalledTs")),
        )
    return [channels[channel_id] for channel_id in sorted(channels)]


def list_meters(client: EniscopeClient, site_id: str) -> list[Meter]:
    """The site's metering points."""
    records = client.get_list(f"/organizations/{site_id}/meters")
    meters = {}
    for record in records:
        meter_id = _integer(record.get("meterId"))
        if meter_id is not None:
            meters[meter_id] = Meter(
                meter_id=meter_id,
                device_id=_integer(record.get("deviceId")),
                data_type=_text(record.get("dataType")),
                ct_ratio=_number(record.get("ct")),
                voltage_scale=_number(record.get("vs")),
            )
    return list(meters.values())


def field_codes_or_usual(
    client: EniscopeClient, device_type_id: int | None
) -> tuple[tuple[str, ...], EniscopeError | None]:
    """Codes of the fields a device type sends; the usual ones where the API lists none.

    With them comes the reason where it did not answer. Raises LoginRefused.
    """
    if device_type_id is None:
        return USUAL_CODES, None
    try:
        records = client.get_list(f"/fields/{device_type_id}")
    except LoginRefused:
        raise
    except EniscopeError as error:
        return USUAL_CODES, error
    return field_codes_in(records) or USUAL_CODES, None


def get_readings(
    client: EniscopeClient,
    channel_id: int,
    codes: Sequence[str],
    start: datetime,
    end: datetime,
    resolution_seconds: int,
) -> ReadingsAnswer:
    """One request for the readings of [start, end)."""
    return _ask_readings(
        client, channel_id, codes, start, end, str(resolution_seconds), "summarize"
    )


def get_total(
    client: EniscopeClient, channel_id: int, code: str, start: datetime, end: datetime
) -> ReadingsAnswer:
    """One request for the total of one counter over [start, end), as the API adds it up."""
    return _ask_readings(client, channel_id, (code,), start, end, "auto", "total")


def list_organizations(client: EniscopeClient) -> list[Organization]:
    """Every organization that the account sees, ordered by id."""
    records = client.get_list("/organizations")
    found = {_text(record.get("organizationId")): record for record in records}
    return [
        _organization(site_id, record)
        for site_id, record in sorted(found.items(), key=lambda item: (len(str(item[0])), item[0]))
        if site_id is not None
    ]


def descendants(organizations: Sequence[Organization], site_id: str) -> list[str]:
    """Ids of the organizations below `site_id` in the tree, nearest first; cycles end."""
    below = [site_id]
    for parent in below:
        below += [
            child.organization_id
            for child in organizations
            if child.parent_id == parent and child.organization_id not in below
        ]
    return below[1:]


def _ask_readings(
    client: EniscopeClient,
    channel_id: int,
    codes: Sequence[str],
    start: datetime,
    end: datetime,
    resolution: str,
    action: str,
) -> ReadingsAnswer:
    parameters = [("fields[]", code) for code in codes]
    parameters += [("daterange[]", str(int(instant.timestamp()))) for instant in (start, end)]
    parameters += [("res", resolution), ("action", action), ("showCounters", "0")]
    path = f"/readings/{channel_id}"

    def of_this_channel(answer: Any) -> None:
        told = _integer(answer.get("channel")) if isinstance(answer, dict) else None
        if told is not None and told != channel_id:
            raise TransientFailure(f"GET {path}: the answer is of channel {told}")

    answer = client.get(path, parameters, of_this_channel)
    if isinstance(answer, list):
        return ReadingsAnswer(answer, units=None, resolution=None)
    records = next(
        (answer[key] for key in READING_KEYS if isinstance(answer.get(key), list)), None
    ) if isinstance(answer, dict) else None  # fmt: skip
    if records is None:
        raise EniscopeError(f"GET /readings/{channel_id}: the answer holds no records")
    units = answer.get("units")
    return ReadingsAnswer(
        records=records,
        units=units if isinstance(units, dict) else None,
        resolution=_integer(answer.get("resolution")),
    )


def channel_type_by_name(channel: Channel, codes: Sequence[str]) -> str:
    """What may be added up, guessed from fields and name; config/sites.yaml knows better."""
    if not {"E", "P"} & set(codes):
        return "environment"
    if "virtual" in (channel.data_type or "").lower() or "virtual" in channel.name.lower():
        return "virtual"
    return "site_total" if SITE_TOTAL_NAME.search(channel.name) else "energy"


def field_codes_in(records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The codes in a list of field descriptions, found by the key whose values are known codes."""
    keys = {key for record in records for key in record}
    known = {
        key: sum(1 for record in records if record.get(key) in KNOWN_CODES)
        for key in keys
        if all(isinstance(record.get(key), str | None) for record in records)
    }
    best = max(known, key=lambda key: known[key], default=None)
    if best is None or known[best] == 0:
        return ()
    codes = [record[best] for record in records if record.get(best) and record[best] != "ts"]
    return tuple(dict.fromkeys(codes))


def _single(answer: Any, name: str) -> dict[str, Any] | None:
    """The one record of an answer that may be bare, named, or a list of one."""
    if isinstance(answer, dict) and "organizationId" not in answer:
        keys = (name, f"{name}s", "result", "data", "items")
        answer = next((answer[key] for key in keys if key in answer), None)
    if isinstance(answer, list):
        answer = answer[0] if answer else None
    return answer if isinstance(answer, dict) else None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, bool | dict | list):
        return None
    # PostgreSQL text holds neither NUL nor half a surrogate pair.
    text = str(value).replace("\x00", "").encode("utf-8", "replace").decode().strip()
    return text or None


def _integer(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 2**53 else None


def _instant(value: Any) -> datetime | None:
    """Unix seconds to an instant; 0 and nonsense mean "not known"."""
    seconds = _number(value)
    if not seconds or not 0 < seconds < 4_102_444_800:  # the year 2100
        return None
    return datetime.fromtimestamp(seconds, UTC)
