"""Lists as the API gives them: filters, sorting, pages, envelopes."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
ALIASES = {
    "organization": "organizationId",
    "device": "deviceId",
    "meter": "meterId",
    "channel": "dataChannelId",
    "channelId": "dataChannelId",
    "uuid": "uuId",
    "deviceType": "deviceTypeId",
}
NOT_FILTERS = ("page", "limit", "sort")

Record = dict[str, Any]
Params = list[tuple[str, str]]


class ApiError(Exception):
    """An answer that is not 200: its status and what it says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def filter_names(records: list[Record]) -> list[str]:
    """What OPTIONS lists for a collection: its plain keys and their short names."""
    keys = [key for key, value in records[0].items() if not isinstance(value, (dict, list))]
    return keys + [alias for alias, key in ALIASES.items() if key in keys and alias not in keys]


def select(records: list[Record], params: Params) -> list[Record]:
    """The records that pass every filter of a query; a filter that no record knows is ignored."""
    known = set(filter_names(records)) if records else set()
    for name, wanted in params:
        if name in known and name not in NOT_FILTERS:
            key = ALIASES.get(name, name)
            records = [record for record in records if _matches(record.get(key), wanted)]
    return records


def _matches(value: Any, wanted: str) -> bool:
    if wanted.startswith("!"):
        return not _matches(value, wanted[1:])
    if wanted == "null" or value is None:
        return value is None and wanted == "null"
    text = str(value).lower()
    if "*" in wanted:
        # Only * is a wildcard here: the brackets of fnmatch are plain characters.
        return fnmatchcase(text, wanted.lower().replace("[", "[[]").replace("?", "[?]"))
    return text == wanted.lower()


def order(records: list[Record], params: Params) -> list[Record]:
    """Sorted as `sort=deviceName desc` says, numbers as numbers; as they are without it."""
    wanted = dict(params).get("sort", "").split()
    if not wanted:
        return records
    key = ALIASES.get(wanted[0], wanted[0])
    return sorted(
        records, key=lambda record: _rank(record.get(key)), reverse=wanted[-1].lower() == "desc"
    )


def _rank(value: Any) -> tuple[int, float, str]:
    text = "" if value is None else str(value)
    return (0, float(text), "") if text.isdecimal() else (1, 0.0, text.lower())


def page(records: list[Record], params: Params) -> tuple[list[Record], dict[str, int]]:
    """One page of the records and its `meta`."""
    asked = dict(params)
    limit = min(_number(asked, "limit", DEFAULT_LIMIT) or DEFAULT_LIMIT, MAX_LIMIT)
    current = max(_number(asked, "page", 1), 1)
    meta = {
        "currentPage": current,
        "recordsPerPage": limit,
        "recordCount": len(records),
        "pageCount": -(-len(records) // limit),
    }
    return records[(current - 1) * limit : current * limit], meta


def _number(asked: dict[str, str], name: str, default: int) -> int:
    text = asked.get(name, "")
    if text and not text.isdecimal():
        raise ApiError(400, f"Invalid {name}")
    return int(text) if text else default


def envelope(name: str, records: list[Record], meta: dict[str, int], style: str) -> Any:
    """The list in one of the shapes seen: {name, meta}, bare, or under result, data or items."""
    if style == "list":
        return records
    return {name: records, "meta": meta} if style == "meta" else {style: records}


def values_of(params: Params, names: Iterable[str]) -> list[str]:
    """All values of parameters that go by any of these names."""
    return [value for name, value in params if name in names]
