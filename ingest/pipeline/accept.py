"""What of an answer may be stored: every record ends up kept, repeated or refused, never lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from ingest.eniscope.normalize import MISSING, Batch, json_text, units_text
from ingest.store.extra_fields import extra_differences
from ingest.store.rows import Accepted, Conflict, Rejection, value_text
from lib.reading_rules import (
    ReadingRules,
    missing_power_factor,
    refused_fields,
    refused_rows,
)


def accept(
    batch: Batch,
    start: datetime,
    end: datetime,
    rules: ReadingRules,
    now: datetime,
    settle_seconds: int = 0,
) -> Accepted:
    """Sort the records of one window into kept, repeated and refused.

    Records that are no fault but lie outside [start, end) (the neighbouring window offers them), or
    whose interval was over less than `settle_seconds` ago (a later run does), are not counted as
    fetched.
    """
    count = len(batch)
    reason = np.full(count, None, dtype=object)
    culprit = np.full(count, None, dtype=object)
    known = batch.timestamp_us != MISSING
    _refuse(reason, culprit, ~known, "no_timestamp", "timestamp")
    for refusal in refused_rows(batch.timestamp_us, batch.columns, rules, now):
        _refuse(reason, culprit, refusal.mask & known, refusal.reason, refusal.field)
    _refuse(reason, culprit, ~batch.has_value(), "no_values", None)
    inside = (batch.timestamp_us >= _us(start)) & (batch.timestamp_us < _us(end))
    latest_us = _us(now) - (settle_seconds + rules.interval_seconds) * 1_000_000
    inside &= batch.timestamp_us <= latest_us
    candidates = np.flatnonzero(inside & (reason == None))  # noqa: E711 (element by element)
    overlapping = _overlapping(batch, candidates, rules.interval_seconds)
    _refuse(reason, culprit, overlapping, "overlaps_neighbour", "timestamp")
    refused = reason != None  # noqa: E711 (element by element)
    offered = inside
    if refused.any():
        # A time that is itself the fault never lies inside; all else outside is a neighbour's.
        offered = inside | np.isin(
            reason, ("no_timestamp", "future_timestamp", "before_installation")
        )
    rejections = [
        _row_rejection(batch, int(row), reason[row], culprit[row])
        for row in np.flatnonzero(offered & refused)
    ]
    kept = np.flatnonzero(offered & ~refused)
    accepted = _storable(batch, kept, rules, rejections)
    accepted.fetched = int(offered.sum())
    return accepted


def _storable(
    batch: Batch, kept: np.ndarray, rules: ReadingRules, rejections: list[Rejection]
) -> Accepted:
    """Refuse single values, then keep the last of the rows that share a time."""
    timestamps = batch.timestamp_us[kept]
    if (timestamps[1:] < timestamps[:-1]).any():
        kept = kept[np.argsort(timestamps, kind="stable")]
    order = _everything(kept, len(batch))
    timestamps = batch.timestamp_us[order]
    columns = {name: values[order] for name, values in batch.columns.items()}
    remarks: dict[int, list[str]] = {}
    position = {row: place for place, row in enumerate(kept.tolist())} if batch.refusals else {}
    for refusal in batch.refusals:
        place = position.get(refusal.row)
        if place is not None:
            remarks.setdefault(place, []).append(f"{refusal.column} {refusal.reason}")
            rejections.append(
                _field_rejection(batch, refusal.row, refusal.reason, refusal.column, refusal.value)
            )
    for rule in refused_fields(columns, rules):
        assert rule.field is not None
        for place in np.flatnonzero(rule.mask).tolist():
            value = repr(float(columns[rule.field][place]))
            remarks.setdefault(int(place), []).append(f"{rule.field} {rule.reason}")
            rejections.append(
                _field_rejection(batch, int(kept[place]), rule.reason, rule.field, value)
            )
        columns[rule.field] = np.where(rule.mask, np.nan, columns[rule.field])
    unmeasured = missing_power_factor(columns, rules)
    if unmeasured is not None:
        for place in np.flatnonzero(unmeasured).tolist():
            remarks.setdefault(int(place), []).append("power_factor missing")
    data_quality: list[str | None] = [None] * len(kept)
    for place, texts in remarks.items():
        data_quality[place] = "; ".join(texts)
    last = np.ones(len(kept), dtype=bool)
    last[:-1] = timestamps[1:] != timestamps[:-1]
    unique = _everything(np.flatnonzero(last), len(kept))
    rows = _everything(kept[unique], len(batch))
    return Accepted(
        timestamp_us=timestamps[unique],
        columns={name: values[unique] for name, values in columns.items()},
        extra=_taken(batch.extra, rows),
        data_quality=_taken(data_quality, unique),
        raw=_taken(batch.raw, rows),
        units=_taken(batch.units, rows),
        rejections=rejections,
        conflicts=list(_conflicts_within(timestamps, columns, _taken(batch.extra, order), last)),
    )


def _everything(rows: np.ndarray, count: int) -> np.ndarray | slice:
    """A slice where `rows` are all of them in their order: usual, and it copies nothing."""
    return slice(None) if np.array_equal(rows, np.arange(count)) else rows


def _taken(values: Sequence[Any], rows: np.ndarray | slice) -> list[Any]:
    if isinstance(rows, slice):
        return list(values)
    return [values[row] for row in rows.tolist()]


def _conflicts_within(
    timestamps: np.ndarray,
    columns: dict[str, np.ndarray],
    extra: list[str | None],
    last: np.ndarray,
) -> Iterator[Conflict]:
    """Earlier rows of one answer that differ from the later row of the same time."""
    places = np.flatnonzero(last).tolist()
    for place in np.flatnonzero(~last).tolist():
        winner = places[int(np.searchsorted(places, place))]
        timestamp_us = int(timestamps[place])
        for name, values in columns.items():
            offered, stored = values[place], values[winner]
            if not np.isnan(offered) and offered != stored:
                yield Conflict(timestamp_us, name, value_text(stored), value_text(offered))
        yield from extra_differences(timestamp_us, extra[winner], extra[place])


def _overlapping(batch: Batch, candidates: np.ndarray, interval_seconds: int) -> np.ndarray:
    """Candidates that would count time twice: they overlap a row of another start.

    Of two that overlap the one stays whose place on the clock (start modulo length) is the more
    usual in this answer; on a tie the one on the UTC grid, then the earlier.
    """
    length_us = interval_seconds * 1_000_000
    refused = np.zeros(len(batch), dtype=bool)
    steps = np.diff(np.sort(batch.timestamp_us[candidates]))
    if not ((steps > 0) & (steps < length_us)).any():
        return refused
    starts = np.unique(batch.timestamp_us[candidates])
    phases, counts = np.unique(batch.timestamp_us[candidates] % length_us, return_counts=True)
    usual = dict(zip(phases.tolist(), counts.tolist(), strict=True))

    def rank(start: int) -> tuple[int, bool]:
        phase = start % length_us
        return usual[phase], phase == 0

    kept: list[int] = []
    lost: set[int] = set()
    for start in starts.tolist():
        while kept and start - kept[-1] < length_us and rank(start) > rank(kept[-1]):
            lost.add(kept.pop())
        if kept and start - kept[-1] < length_us:
            lost.add(start)
        else:
            kept.append(start)
    refused[candidates] = np.isin(batch.timestamp_us[candidates], list(lost))
    return refused


def _refuse(
    reason: np.ndarray, culprit: np.ndarray, mask: np.ndarray, name: str, column: str | None
) -> None:
    """Note a reason for the rows that have none yet."""
    if not mask.any():
        return
    fresh = mask & (reason == None)  # noqa: E711 (element by element)
    reason[fresh] = name
    culprit[fresh] = column


def _row_rejection(batch: Batch, row: int, reason: str, column: str | None) -> Rejection:
    timestamp = int(batch.timestamp_us[row])
    values = batch.columns.get(column) if column else None
    return Rejection(
        scope="row",
        reason=reason,
        field=column,
        value=value_text(values[row]) if values is not None else None,
        timestamp_us=None if timestamp == MISSING else timestamp,
        raw_json=json_text(batch.raw[row]),
        units_json=units_text(batch.raw[row], batch.units[row]),
    )


def _field_rejection(batch: Batch, row: int, reason: str, column: str, value: str) -> Rejection:
    return Rejection(
        scope="field",
        reason=reason,
        field=column,
        # PostgreSQL text holds neither NUL nor half a surrogate pair.
        value=value.replace("\x00", "").encode("utf-8", "replace").decode(),
        timestamp_us=int(batch.timestamp_us[row]),
        raw_json=json_text(batch.raw[row]),
        units_json=units_text(batch.raw[row], batch.units[row]),
    )


def _us(instant: datetime) -> int:
    return int(instant.timestamp()) * 1_000_000
