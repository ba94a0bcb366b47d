"""Ask every resource what it is: status, shape, keys, paging, filters. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from ingest.diagnostics.catalogue import ID_KEYS, RESOURCES, Resource
from ingest.diagnostics.probe import Reply
from ingest.diagnostics.shapes import Shape, key_types, plain_key, shape_of
from ingest.diagnostics.signed_in import SignedInProbe

# Some channels answer nothing but errors: the first of these that answers is the example.
EXAMPLE_CHANNELS = 3
READING_PARAMETERS = (
    *(("fields[]", code) for code in ("E", "P", "V", "T", "RH")),
    ("daterange", "yesterday"),
    ("res", "3600"),
    ("action", "summarize"),
)
# Statuses that are an answer about the resource, not trouble in getting one.
TELLING_STATUSES = frozenset({200, 400, 401, 402, 403, 404, 405, 412, 419})


def discover(
    api: SignedInProbe, on_resource: Callable[[Resource], None] = lambda _: None
) -> list[dict[str, Any]]:
    """What every resource of the catalogue answers, in its order, ready for JSON.

    Raises LoginRefused, or EniscopeError where signing in fails otherwise.
    """
    examples: Sequence[Mapping[str, Any]] = []
    found = []
    for number, resource in enumerate(RESOURCES):
        on_resource(resource)
        ask = api.sign_in if number == 0 else api.ask
        path, reply = _first_answer(resource, examples, ask)
        if path is None or reply is None:
            found.append(_entry(resource, None, "no example: the lists hold no id for it"))
            continue
        entry = _entry(resource, reply, _remark(reply))
        if reply.is_accepted:
            shape = shape_of(reply.document, path)
            _describe(entry, reply, shape)
            if shape.is_list and not resource.path.startswith("/readings"):
                entry["paging"] = _paging(api, path, shape)
            if resource.path == "/channels":
                examples = shape.records
        if "{" not in resource.path and reply.status not in (404, None):
            entry["options"] = _options(api, path)
        found.append(entry)
    return found


def failed(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Paths whose answer says nothing about them: outages, time-outs, too many requests."""
    return [
        entry["path"]
        for entry in entries
        if entry["wasAsked"] and (entry["status"] not in TELLING_STATUSES or _is_no_answer(entry))
    ]


def _is_no_answer(entry: Mapping[str, Any]) -> bool:
    """True for a page in the API's place, with status 200."""
    return bool(entry["status"] == HTTPStatus.OK and entry["remark"])


def _first_answer(
    resource: Resource,
    examples: Sequence[Mapping[str, Any]],
    ask: Callable[..., Reply],
) -> tuple[str | None, Reply | None]:
    """The path with an example's ids, and its answer; for readings the first channel that works."""
    path: str | None = None
    reply: Reply | None = None
    is_readings = resource.path.startswith("/readings")
    tried = _paths(resource.path, examples)
    for path in tried[: EXAMPLE_CHANNELS if is_readings else 1]:
        reply = ask(path, READING_PARAMETERS if is_readings else ())
        if reply.is_accepted:
            break
    return path, reply


def _paths(pattern: str, examples: Sequence[Mapping[str, Any]]) -> list[str]:
    """The pattern with the ids of each example; itself where it needs none."""
    if "{" not in pattern:
        return [pattern]
    paths = []
    for record in examples:
        ids = {
            name: next((str(record[key]) for key in keys if record.get(key)), "")
            for name, keys in ID_KEYS.items()
        }
        # An id is a number; anything else has no business in a path.
        if all(ids[name].isdecimal() for name in ids if f"{{{name}}}" in pattern):
            paths.append(pattern.format(**ids))
    return list(dict.fromkeys(paths))


def _entry(resource: Resource, reply: Reply | None, remark: str) -> dict[str, Any]:
    return {
        "path": resource.path,
        "source": resource.source,
        "wasAsked": reply is not None,
        "status": reply.status if reply else None,
        "remark": remark,
        "feeds": list(resource.feeds),
        "usedFor": resource.used_for,
    }


def _remark(reply: Reply) -> str:
    """What a status means; not the API's own words, which may name somebody."""
    if reply.status is None:
        return reply.message
    if reply.status == HTTPStatus.OK:
        return "" if reply.is_accepted else "200, but no JSON"
    try:
        return HTTPStatus(reply.status).phrase
    except ValueError:
        return "a status of its own"


def _describe(entry: dict[str, Any], reply: Reply, shape: Shape) -> None:
    """Add shape, counts and keys; no value of any record."""
    entry["envelope"] = shape.envelope
    entry["recordCount"] = shape.record_count
    entry["recordsInAnswer"] = len(shape.records)
    entry["keys"] = key_types(shape.records)
    if shape.list_key is not None:
        inside = (shape.list_key, "meta")
        around = {key: value for key, value in reply.document.items() if key not in inside}
        if around:
            entry["keysAround"] = key_types([around])


def _paging(api: SignedInProbe, path: str, shape: Shape) -> dict[str, Any]:
    """Does the second page of one record hold another record than the first page?"""
    paging: dict[str, Any] = {"pageSize": shape.page_size, "works": None}
    if len(shape.records) < 2:
        return paging
    reply = api.ask(path, [("limit", "1"), ("page", "2")])
    if reply.is_accepted:
        second = shape_of(reply.document, path).records
        paging["works"] = len(second) == 1 and second[0] == shape.records[1]
    return paging


def _options(api: SignedInProbe, path: str) -> dict[str, Any]:
    """What OPTIONS says: methods, and the filters where they can be made out."""
    reply = api.ask(path, method="OPTIONS")
    return {
        "status": reply.status,
        "allow": reply.headers.get("Allow", ""),
        "filters": _filters(reply.document) if reply.is_accepted else [],
    }


def _filters(document: Any) -> list[str]:
    """Names of filters, from a list or object whose key speaks of filters."""
    if not isinstance(document, dict):
        return []
    for key, value in document.items():
        if "filter" not in key.lower():
            continue
        if isinstance(value, dict):
            return sorted(plain_key(name) for name in value)
        if isinstance(value, list):
            names = [item.get("name") if isinstance(item, dict) else item for item in value]
            return sorted({plain_key(name) for name in names if isinstance(name, str)})
    return []
