"""Where each field of a site's devices goes: which column or `extra`, in which unit, or nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from config.sites import SiteConfig
from ingest.diagnostics.channel_check import codes_with_values
from ingest.diagnostics.display import Finding
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused
from ingest.eniscope.fields import COLUMNS, FIELD_BY_CODE, USUAL_CODES, conversion
from ingest.eniscope.normalize import TIMESTAMP_KEYS
from ingest.eniscope.resources import Channel, field_codes_in, get_readings

DAY = timedelta(days=1)
UNIT_KEYS = ("units", "unit")
EXTRA = "extra"
_AS_IT_IS: tuple[float, float] | None = (1.0, 0.0)


@dataclass(frozen=True)
class MappedField:
    """One field of a device type.

    `unit` is what the readings say, else the list of fields, else the API's usual one.
    `column` is `extra` for a field without a column; value in the column's unit = sent x factor +
    offset. `conversion` None: the unit is not known, every value is refused.
    """

    code: str
    unit: str | None
    column: str
    conversion: tuple[float, float] | None
    is_listed: bool
    channels_with_values: int

    @property
    def is_refused(self) -> bool:
        """True for a field whose values ingest does not store."""
        return self.conversion is None

    def as_json(self) -> dict[str, Any]:
        """The field for a JSON document."""
        factor, offset = self.conversion or (None, None)
        return {
            "code": self.code,
            "unit": self.unit,
            "column": self.column,
            "factor": factor,
            "offset": offset,
            "listed": self.is_listed,
            "channelsWithValues": self.channels_with_values,
            "refused": self.is_refused,
        }


@dataclass(frozen=True)
class DeviceTypeMap:
    """The fields of one device type. `listing_problem`: why the API's own list was not used."""

    device_type_id: int | None
    name: str
    channels: tuple[Channel, ...]
    fields: tuple[MappedField, ...]
    channels_answering: int
    listing_problem: str = ""

    @property
    def filled_columns(self) -> tuple[str, ...]:
        """Columns of `readings` that got a value in the last day."""
        return tuple(
            dict.fromkeys(
                field.column
                for field in self.fields
                if field.channels_with_values and not field.is_refused and field.column != EXTRA
            )
        )

    @property
    def empty_columns(self) -> tuple[str, ...]:
        """Columns of `readings` that stay null."""
        return tuple(column for column in COLUMNS if column not in self.filled_columns)

    def as_json(self) -> dict[str, Any]:
        """The device type for a JSON document."""
        return {
            "deviceTypeId": self.device_type_id,
            "deviceType": self.name,
            "channels": [channel.channel_id for channel in self.channels],
            "channelsAnswering": self.channels_answering,
            "listingProblem": self.listing_problem,
            "fields": [field.as_json() for field in self.fields],
            "emptyColumns": list(self.empty_columns),
        }


@dataclass(frozen=True)
class _LastDay:
    """What one channel sent in a day: the codes with values, and the units the answer says."""

    codes: tuple[str, ...]
    units: Mapping[str, Any]


def map_fields(
    client: EniscopeClient,
    channels: Sequence[Channel],
    config: SiteConfig,
    end: datetime,
    resolution_seconds: int,
    max_parallel: int,
) -> list[DeviceTypeMap]:
    """The fields of every device type among the channels; one request for each channel.

    Channels that config/sites.yaml calls unreadable or retired are not asked.
    """
    names = _device_type_names(client)
    by_type: dict[int | None, list[Channel]] = {}
    for channel in channels:
        by_type.setdefault(channel.device_type_id, []).append(channel)
    maps = []
    for type_id, members in sorted(by_type.items(), key=lambda item: item[0] or 0):
        codes, listed_units, problem = _listed(client, type_id)

        def ask(channel: Channel, codes: Sequence[str] = codes) -> _LastDay | None:
            return _last_day(client, channel, codes, end, resolution_seconds)

        asked = [one for one in members if config.channel(one.channel_id).status is None]
        with ThreadPoolExecutor(max_parallel) as pool:
            days = [day for day in pool.map(ask, asked) if day is not None]
        name = members[0].device_type or names.get(str(type_id)) or f"type {type_id}"
        fields = _mapped(codes, listed_units, days, is_listed=not problem)
        maps.append(DeviceTypeMap(type_id, name, tuple(members), fields, len(days), problem))
    return maps


def judge_fields(maps: Sequence[DeviceTypeMap]) -> list[Finding]:
    """What the map means for what is stored."""
    findings = []
    for one in maps:
        refused = [f"{field.code} ({field.unit})" for field in one.fields if field.is_refused]
        if refused:
            findings.append(
                Finding(
                    "problem",
                    f"{one.name}: values in an unknown unit are refused: {', '.join(refused)}",
                    "add the unit to ingest/eniscope/fields.py before the first ingestion",
                )
            )
        if one.listing_problem:
            findings.append(
                Finding(
                    "warning",
                    f"{one.name}: {one.listing_problem}",
                    "the usual fields are asked; others that the devices send are missed",
                )
            )
        if not one.channels_answering:
            findings.append(
                Finding(
                    "warning",
                    f"{one.name}: no channel of it answers",
                    "npm run py:ingest:diagnostic says why",
                )
            )
    everywhere = {column for one in maps for column in one.filled_columns}
    empty = [column for column in COLUMNS if column not in everywhere]
    extra = {
        field.code
        for one in maps
        for field in one.fields
        if field.column == EXTRA and field.channels_with_values
    }
    findings.append(Finding("ok", f"columns with values: {len(everywhere)} of {len(COLUMNS)}"))
    if empty and everywhere:
        findings.append(Finding("ok", f"columns that no channel fills: {', '.join(empty)}"))
    if extra:
        findings.append(
            Finding(
                "ok", f"kept in `extra`, in the unit they come with: {', '.join(sorted(extra))}"
            )
        )
    return findings


def _device_type_names(client: EniscopeClient) -> dict[str, str]:
    try:
        records = client.get_list("/devicetypes")
    except LoginRefused:
        raise
    except EniscopeError:
        return {}  # the numbers will do
    return {str(one.get("deviceTypeId")): str(one.get("deviceTypeName")) for one in records}


def _listed(
    client: EniscopeClient, type_id: int | None
) -> tuple[tuple[str, ...], dict[str, str], str]:
    """Codes that ingest asks for, units by code as listed, and why there is no list."""
    if type_id is None:
        return USUAL_CODES, {}, "the channels do not say their device type"
    try:
        records = client.get_list(f"/fields/{type_id}")
    except LoginRefused:
        raise
    except EniscopeError as error:
        return USUAL_CODES, {}, f"the API does not list its fields: {error}"
    codes = field_codes_in(records) or USUAL_CODES
    units = {}
    for record in records:
        unit = next((record[key] for key in UNIT_KEYS if isinstance(record.get(key), str)), None)
        code = next((value for value in record.values() if value in codes), None)
        if code is not None and unit is not None:
            units[code] = unit
    if not any(value in codes for record in records for value in record.values()):
        return codes, {}, "the API's list of its fields holds no code that Argo knows"
    return codes, units, ""


def _last_day(
    client: EniscopeClient,
    channel: Channel,
    codes: Sequence[str],
    end: datetime,
    resolution_seconds: int,
) -> _LastDay | None:
    """What a channel sent in the day up to `end`; None where it does not answer."""
    try:
        answer = get_readings(client, channel.channel_id, codes, end - DAY, end, resolution_seconds)
    except LoginRefused:
        raise
    except EniscopeError:
        return None
    return _LastDay(codes_with_values(answer.records), answer.units or {})


def _mapped(
    codes: Sequence[str],
    listed_units: Mapping[str, str],
    days: Sequence[_LastDay],
    *,
    is_listed: bool,
) -> tuple[MappedField, ...]:
    seen = Counter(code for day in days for code in day.codes)
    sent_units = {
        code: unit
        for day in days
        for code, unit in day.units.items()
        if isinstance(unit, str) and code not in TIMESTAMP_KEYS
    }
    fields = []
    for code in dict.fromkeys((*codes, *seen)):
        known = FIELD_BY_CODE.get(code)
        # Ingest goes by what the readings say; a list tells only what may come.
        unit = sent_units.get(code, None if seen[code] else listed_units.get(code))
        column, scale = EXTRA, _AS_IT_IS
        if known is not None:
            column, scale = known.column, conversion(known, unit)
            unit = known.quantity.default_unit if unit is None else unit
        fields.append(
            MappedField(code, unit, column, scale, is_listed and code in codes, seen[code])
        )
    return tuple(fields)
