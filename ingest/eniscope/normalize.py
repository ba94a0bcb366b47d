"""From the records of an answer to columns in kWh, kW, V, A ... - vectorised, nothing dropped.

Every record ends up in exactly one place: kept, repeated within the answer, or refused with a
reason. A value that is not a number is refused alone; the rest of its record stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

from ingest.eniscope.fields import FIELD_BY_CODE, FIELDS, conversion, largest_storable

TIMESTAMP_KEYS = ("ts", "t", "timestamp")
MISSING = np.iinfo(np.int64).min
# Seconds since 1970 stay below this until the year 5138; milliseconds are above it since 1973.
MILLISECONDS_FROM = 1e11
# What no datetime can show is no time: the first microsecond of the year 10000.
_TOO_LATE_US = 253_402_300_800 * 1_000_000
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_PLAIN_NUMBERS = {float, int, type(None)}
_PLACE = {known.code: place for place, known in enumerate(FIELDS)}


@dataclass
class FieldRefusal:
    """One value that cannot be stored; the record's other values can."""

    row: int
    column: str
    reason: str
    value: str


@dataclass
class Batch:
    """Records as columns, in the order they came.

    `timestamp_us` is the start of the interval [µs since 1970 UTC], MISSING where there is none;
    `columns` are float64 arrays with NaN for "not sent"; `extra` holds the fields without a column
    as JSON text. `raw` are the records as they came, `units` what their answer said of units: {}
    where it said nothing.
    """

    timestamp_us: np.ndarray
    columns: dict[str, np.ndarray]
    extra: list[str | None]
    raw: Sequence[Any]
    units: Sequence[Mapping[str, str]]
    refusals: list[FieldRefusal] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.raw)

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """Several answers as one, in their order."""
        if len(batches) == 1:
            return batches[0]
        names = dict.fromkeys(name for batch in batches for name in batch.columns)
        offsets = np.cumsum([0, *(len(batch) for batch in batches)])
        return cls(
            timestamp_us=np.concatenate(
                [np.empty(0, np.int64), *(batch.timestamp_us for batch in batches)]
            ),
            columns={
                name: np.concatenate(
                    [batch.columns.get(name, np.full(len(batch), np.nan)) for batch in batches]
                )
                for name in names
            },
            extra=[text for batch in batches for text in batch.extra],
            raw=[record for batch in batches for record in batch.raw],
            units=[units for batch in batches for units in batch.units],
            refusals=[
                FieldRefusal(
                    refusal.row + int(offset), refusal.column, refusal.reason, refusal.value
                )
                for batch, offset in zip(batches, offsets, strict=False)
                for refusal in batch.refusals
            ],
        )

    def only(self, mask: np.ndarray) -> Batch:
        """The rows where `mask` (n,) is True."""
        if mask.all():
            return self
        rows = np.flatnonzero(mask).tolist()
        place = {row: number for number, row in enumerate(rows)}
        return Batch(
            timestamp_us=self.timestamp_us[mask],
            columns={name: values[mask] for name, values in self.columns.items()},
            extra=[self.extra[row] for row in rows],
            raw=[self.raw[row] for row in rows],
            units=[self.units[row] for row in rows],
            refusals=[
                replace(refusal, row=place[refusal.row])
                for refusal in self.refusals
                if refusal.row in place
            ],
        )

    def has_value(self) -> np.ndarray:
        """True for rows with at least one value."""
        present = np.array([text is not None for text in self.extra], dtype=bool)
        for values in self.columns.values():
            present |= ~np.isnan(values)
        return present


def normalize(records: Sequence[Any], units: Mapping[str, str] | None) -> Batch:
    """Columns of an answer's records, converted from the units it says.

    Without `units` the API's usual units hold; a unit that is not known is refused value by value.
    Of two codes for one column the first in the table of fields wins; another value of the other
    is kept in `extra`.
    """
    rows = [record if isinstance(record, dict) else {} for record in records]
    batch = Batch(_timestamps(rows), {}, [None] * len(rows), records, [units or {}] * len(rows))
    at_once = _plain_numbers(rows)
    extras: dict[str, list[Any]] = {}
    codes = rows[0] if at_once else dict.fromkeys(chain.from_iterable(rows))
    for code in sorted(codes, key=lambda code: _PLACE.get(code, len(_PLACE))):
        if code in TIMESTAMP_KEYS:
            continue
        known = FIELD_BY_CODE.get(code)
        if known is None:
            extras[code] = [record.get(code) for record in rows]
            continue
        if at_once:
            numbers = at_once[code]
        else:
            values = [record.get(code) for record in rows]
            numbers = _numbers(values, known.column, batch.refusals)
        unit = units.get(code) if units else None
        scale = conversion(known, unit if unit is None else str(unit))
        if scale is None:
            sent = np.flatnonzero(~np.isnan(numbers))
            batch.refusals += [
                FieldRefusal(int(row), known.column, "unknown_unit", f"{rows[row][code]} {unit}")
                for row in sent
            ]
            continue
        factor, offset = scale
        with np.errstate(over="ignore"):  # what overflows is not storable
            converted = numbers * factor + offset
        converted = _storable(converted, known.column, batch.refusals)
        earlier = batch.columns.get(known.column)
        if earlier is None:
            batch.columns[known.column] = converted
            continue
        batch.columns[known.column] = np.where(np.isnan(earlier), converted, earlier)
        lost = ~np.isnan(earlier) & ~np.isnan(converted) & (earlier != converted)
        if lost.any():
            extras[code] = [
                rows[row][code] if is_lost else None for row, is_lost in enumerate(lost.tolist())
            ]
    if extras:
        batch.extra = _extra_json(extras, len(rows))
    return batch


def _plain_numbers(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """The measures of records that all have the same keys and plain finite numbers, by code.

    Empty where one record differs: then each column is looked at by itself, which takes twice as
    long as this usual case.
    """
    codes = [code for code in rows[0] if code in FIELD_BY_CODE] if rows else []
    others = [code for code in rows[0] if code not in FIELD_BY_CODE] if rows else []
    # itemgetter gives a tuple from two keys on.
    if len(codes) < 2 or set(map(len, rows)) != {len(rows[0])}:
        return {}
    try:
        values = list(map(itemgetter(*codes), rows))
        # As many keys as the first record, and all of its keys: the same keys.
        if others:
            list(map(itemgetter(*others), rows))
        types = set(map(type, chain.from_iterable(values)))
        if not types <= _PLAIN_NUMBERS:
            return {}
        columns = np.array(values, dtype=np.float64).T.copy()  # None becomes NaN
    except (KeyError, OverflowError):
        return {}
    missing = sum(row.count(None) for row in values) if type(None) in types else 0
    if np.count_nonzero(np.isfinite(columns)) + missing != columns.size:
        return {}
    return dict(zip(codes, columns, strict=True))


def _timestamps(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Start of each interval [µs since 1970 UTC] from seconds, milliseconds or ISO text."""
    key = next((name for name in TIMESTAMP_KEYS if any(name in row for row in rows)), "ts")
    values: list[Any] = [row.get(key) for row in rows]
    if None in values:
        values = [
            next((row[name] for name in TIMESTAMP_KEYS if row.get(name) is not None), None)
            for row in rows
        ]
    if set(map(type, values)) == {int} and 0 < min(values) <= max(values) < MILLISECONDS_FROM:
        return np.array(values, dtype=np.int64) * 1_000_000
    return np.array([_timestamp_us(value) for value in values], dtype=np.int64)


def _timestamp_us(value: Any) -> int:
    """One timestamp; MISSING when it cannot be read as an instant.

    >>> _timestamp_us("1593561600") == _timestamp_us(1593561600000) == 1593561600 * 10**6
    True
    >>> _timestamp_us("2020-07-01T00:00:00Z") == 1593561600 * 10**6
    True
    >>> _timestamp_us("yesterday") == _timestamp_us(None) == _timestamp_us(True) == MISSING
    True
    """
    if value is None or isinstance(value, bool | dict | list):
        return MISSING
    try:
        number = float(value)
    except OverflowError:
        return MISSING
    except ValueError:
        return _iso_us(str(value))
    if not 0 < number < 1e15:
        return MISSING
    timestamp_us = round(number * (1_000 if number >= MILLISECONDS_FROM else 1_000_000))
    return timestamp_us if timestamp_us < _TOO_LATE_US else MISSING


def _iso_us(text: str) -> int:
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        return MISSING
    # The API's times are UTC; text without an offset means the same.
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    try:
        return int(instant.timestamp()) * 1_000_000 + instant.microsecond
    except (OverflowError, OSError, ValueError):
        return MISSING


def _numbers(values: list[Any], column: str, refusals: list[FieldRefusal]) -> np.ndarray:
    """Values as float64, NaN where null; what is not a finite number is noted in `refusals`."""
    if set(map(type, values)) <= _PLAIN_NUMBERS:
        with suppress(OverflowError):
            numbers = np.array(values, np.float64)  # None becomes NaN
            if np.count_nonzero(np.isfinite(numbers)) == len(values) - values.count(None):
                return numbers
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        number = _number(value)
        if number is not None:
            numbers[row] = number
        elif value is not None:
            refusals.append(FieldRefusal(row, column, "not_a_number", str(value)[:200]))
    return numbers


def _storable(values: np.ndarray, column: str, refusals: list[FieldRefusal]) -> np.ndarray:
    """Values that fit the column's type; one that does not is noted in `refusals`."""
    too_large = np.abs(values) > largest_storable(column)
    if too_large.any():
        refusals += [
            FieldRefusal(int(row), column, "not_storable", repr(float(values[row])))
            for row in np.flatnonzero(too_large)
        ]
        values = np.where(too_large, np.nan, values)
    return values


def _number(value: Any) -> float | None:
    """A finite number, from a number or a text; None for anything else."""
    if value is None or isinstance(value, bool | dict | list):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if np.isfinite(number) else None


def _extra_json(extras: dict[str, list[Any]], count: int) -> list[str | None]:
    """The fields without a column as one JSON object per row; None where there is nothing."""
    texts: list[str | None] = []
    for row in range(count):
        entry = {code: values[row] for code, values in extras.items() if values[row] is not None}
        texts.append(json_text(entry) if entry else None)
    return texts


def json_text(value: Any) -> str:
    """JSON that PostgreSQL's jsonb accepts, whatever the API sent (NaN, NUL, huge integers)."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, orjson.JSONEncodeError):
        text = orjson.dumps(str(value)[:2000].encode("utf-8", "replace").decode()).decode()
    # jsonb holds no NUL character; an escaped backslash before "u0000" is not one.
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


def units_text(record: Any, units: Mapping[str, Any]) -> str:
    """The units of a record's own fields as JSON; {} where its answer said none."""
    fields = set(record).difference(TIMESTAMP_KEYS) if isinstance(record, dict) else set()
    return json_text({code: str(unit) for code, unit in units.items() if code in fields})
