"""The shape of an answer: where its records are, which keys they have, of which type.

Types only: nothing here hands on a value, so that a description of an account's answers may be
shown to anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

LIST_KEYS = ("result", "data", "items", "records", "readings")
DEEPEST = 3
# Some answers use ids or addresses as keys; those would be values.
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_TYPE_ORDER = ("number", "number as text", "time as text", "link", "text", "boolean", "object",
               "list", "empty text", "null")  # fmt: skip
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Shape:
    """Where the records are: `envelope` in words, `list_key` where an object holds a list.

    A single record is a list of one.
    """

    envelope: str
    records: Sequence[Mapping[str, Any]]
    record_count: int | None
    page_size: int | None
    is_list: bool
    list_key: str | None = None


def shape_of(document: Any, path: str) -> Shape:
    """Find the records of an answer, as Argo's client does, and say how they are wrapped."""
    if isinstance(document, list):
        return _list_shape("bare list", document, None)
    if not isinstance(document, dict):
        return Shape("neither object nor list", [], None, None, is_list=False)
    key = _list_key(document, path)
    if key is None:
        return Shape("single record", [document], 1, None, is_list=False)
    meta = document.get("meta")
    beside = [name for name in document if name not in (key, "meta")]
    parts = [key, *(["meta"] if isinstance(meta, dict) else [])]
    parts += [f"{len(beside)} keys"] if beside else []
    return replace(_list_shape(" + ".join(parts), document[key], meta), list_key=key)


def key_types(records: Sequence[Any]) -> dict[str, str]:
    """Key -> types seen in these records, sorted by key; nested keys as `interface.prefix`."""
    seen: dict[str, set[str]] = {}
    for record in records:
        for name, kind in _flattened(record, "", 0):
            seen.setdefault(name, set()).add(kind)
    return {name: " | ".join(sorted(seen[name], key=_TYPE_ORDER.index)) for name in sorted(seen)}


def plain_key(key: str) -> str:
    """The key; for one that looks like a value, `<key>`."""
    return key if _PLAIN_KEY.fullmatch(key) else "<key>"


def type_of(value: Any) -> str:
    """The type of a value, in words.

    >>> [type_of(value) for value in ("17159", 1.5, "", None, "2026-01-31", "Main")]
    ['number as text', 'number', 'empty text', 'null', 'time as text', 'text']
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "list"
    text = str(value).strip()
    if not text:
        return "empty text"
    if _NUMBER.fullmatch(text):
        return "number as text"
    if _ISO_TIME.fullmatch(text):
        return "time as text"
    return "link" if text.startswith(("http://", "https://")) else "text"


def _list_key(document: Mapping[str, Any], path: str) -> str | None:
    """The key that holds the list: the resource's name, a usual one, or the only list there is."""
    plural = path.rstrip("/").rsplit("/", 1)[-1].lower()
    lists = [key for key, value in document.items() if isinstance(value, list)]
    for key in lists:
        if key.lower() == plural:
            return key
    for key in LIST_KEYS:
        if key in lists:
            return key
    return lists[0] if len(lists) == 1 and "meta" in document else None


def _list_shape(envelope: str, found: list[Any], meta: Any) -> Shape:
    records = [record for record in found if isinstance(record, dict)]
    known = meta if isinstance(meta, dict) else {}
    return Shape(
        envelope=envelope,
        records=records,
        record_count=_whole(known.get("recordCount")),
        page_size=_whole(known.get("recordsPerPage")),
        is_list=True,
    )


def _flattened(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """Every key below a value with the type of what it holds."""
    if isinstance(value, dict) and depth < DEEPEST:
        if name:
            yield name, "object"
        for key, inner in value.items():
            yield from _flattened(
                inner, f"{name}.{plain_key(key)}" if name else plain_key(key), depth + 1
            )
    elif isinstance(value, list) and depth < DEEPEST:
        yield name, "list"
        for inner in value:
            if isinstance(inner, dict):
                for key, item in inner.items():
                    yield from _flattened(item, f"{name}[].{plain_key(key)}", depth + 1)
    else:
        yield name, type_of(value)


def _whole(value: Any) -> int | None:
    return int(str(value)) if str(value).isdecimal() else None
