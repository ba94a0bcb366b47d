"""Which quarantined readings today's rules accept: the judgement of ingest, made once more.

Pure: entries and what is stored around them go in, verdicts come out. A record is judged by what
is known of it. Where that is not enough - the length of its interval is not always kept, nor were
the units of its answer by older releases - it stays, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np

from ingest.eniscope.fields import FIELDS, INTEGER_COLUMNS
from ingest.eniscope.normalize import MISSING, Batch, normalize
from ingest.pipeline.accept import accept
from ingest.store.replay import DAY_US, Entry, FieldChange, instant
from ingest.store.rows import Accepted, Conflict, value_text
from lib.reading_rules import (
    ReadingRules,
    missing_power_factor,
    refused_fields,
    refused_rows,
)

# Reasons of the replay itself; the others are those of ingest.
UNITS_NOT_RECORDED = "units_not_recorded"
LENGTH_NOT_RECORDED = "interval_length_not_recorded"
ROW_NOT_STORED = "row_not_stored"
# Reasons and remarks of ingest that are needed here by name.
OVERLAPS = "overlaps_other_interval"
NO_POWER_FACTOR = "power_factor missing"
# A stored value may have been rounded to real; an offered one within this is the same.
SAME_VALUE = 1e-5
NO_NEIGHBOUR = -1
LONGEST_ON_GRID_SECONDS = 3600


@dataclass
class RowVerdicts:
    """Rows to store, in groups; `times_us` of each accepted entry, and why the others stay."""

    accepted: list[Accepted] = field(default_factory=list)
    times_us: dict[int, int] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


@dataclass
class FieldVerdicts:
    """Values to store, remarks of their rows, entries whose value is there already, the rest."""

    changes: list[FieldChange] = field(default_factory=list)
    remarks: dict[int, str | None] = field(default_factory=dict)
    known: dict[int, int] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def judge_rows(
    entries: Sequence[Entry], rules: ReadingRules, stored_us: np.ndarray, now: datetime
) -> RowVerdicts:
    """Judge whole records of one channel and interval length.

    `stored_us` are the starts of stored readings of that length around them [µs]: they say where
    the channel's intervals start, which a handful of refused records cannot.
    """
    verdicts = RowVerdicts()
    batch = _normalized(entries)
    usual = _usual_phases(batch.timestamp_us, stored_us, rules.interval_seconds)
    groups: dict[tuple[int, bool], list[Entry]] = {}
    for place, entry in enumerate(entries):
        timestamp_us = int(batch.timestamp_us[place])
        reason = _refused_beforehand(entry, place, batch, rules)
        if reason is not None:
            verdicts.refused[entry.entry_id] = reason
            continue
        verdicts.times_us[entry.entry_id] = timestamp_us
        is_alone = usual[place] == NO_NEIGHBOUR
        phase = timestamp_us % (rules.interval_seconds * 1_000_000)
        is_off_grid = entry.reason == "overlaps_neighbour" if is_alone else phase != usual[place]
        if rules.interval_seconds > LONGEST_ON_GRID_SECONDS:
            is_alone, is_off_grid = True, False
        key = (NO_NEIGHBOUR if is_alone else phase, is_off_grid)
        groups.setdefault(key, []).append(entry)
    for (_, is_off_grid), group in groups.items():
        _judge_group(group, rules, now, verdicts, is_off_grid=is_off_grid)
    return verdicts


def _judge_group(
    group: Sequence[Entry],
    rules: ReadingRules,
    now: datetime,
    verdicts: RowVerdicts,
    *,
    is_off_grid: bool,
) -> None:
    """Ingest's judgement of entries with one grid; off the stored grid, what passes stays too."""
    accepted = _accept(group, rules, now)
    refused = {int(r.raw_json): r.reason for r in accepted.rejections if r.scope == "row"}
    if is_off_grid:
        refused = {
            entry.entry_id: refused.get(entry.entry_id, "overlaps_neighbour") for entry in group
        }
    else:
        accepted.rejections = [r for r in accepted.rejections if r.scope == "field"]
        verdicts.accepted.append(accepted)
    verdicts.refused |= refused
    for entry_id in refused:
        del verdicts.times_us[entry_id]


def judge_fields(
    entries: Sequence[Entry],
    stored: Mapping[int, dict[str, Any]],
    rules_for_length: Callable[[int], ReadingRules],
    now: datetime,
) -> FieldVerdicts:
    """Judge single values of one channel; `stored` are the rows they were refused from, by time."""
    verdicts = FieldVerdicts()
    judged: dict[tuple[str, int], list[tuple[Entry, float]]] = {}
    for entry in entries:
        row = stored.get(entry.timestamp_us or 0)
        value = _value_today(entry)
        if row is None or entry.field not in row:
            verdicts.refused[entry.entry_id] = ROW_NOT_STORED
        elif value is None:
            verdicts.refused[entry.entry_id] = entry.reason
        else:
            key = (str(entry.field), row["interval_seconds"])
            judged.setdefault(key, []).append((entry, value))
    for (name, interval_seconds), pairs in judged.items():
        values = np.array([value for _, value in pairs])
        reasons = _refusals_of_values(name, values, rules_for_length(interval_seconds), now)
        for (entry, value), reason in zip(pairs, reasons, strict=True):
            if reason is not None:
                verdicts.refused[entry.entry_id] = reason
            else:
                _take(verdicts, entry, name, value, stored)
    for change in verdicts.changes:
        row = stored[change.timestamp_us]
        rules = rules_for_length(row["interval_seconds"])
        verdicts.remarks[change.timestamp_us] = _remarks(row, rules)
    return verdicts


def in_order_of_ingest(entries: Sequence[Entry]) -> list[Entry]:
    """Of entries with one time the last is stored: the first run's, and of that the newest."""
    first_seen: dict[str, int] = {}
    for entry in sorted(entries, key=lambda entry: entry.entry_id):
        first_seen.setdefault(entry.run_id, entry.entry_id)
    return sorted(entries, key=lambda entry: (-first_seen[entry.run_id], entry.entry_id))


def _refused_beforehand(entry: Entry, place: int, batch: Batch, rules: ReadingRules) -> str | None:
    """What ingest's judgement cannot know of a record that comes from quarantine."""
    timestamp_us = int(batch.timestamp_us[place])
    if timestamp_us == MISSING:
        return "no_timestamp"
    # Time alone does not make a measurement of what arrived before its interval was over.
    if timestamp_us + rules.interval_seconds * 1_000_000 > entry.rejected_at_us:
        return "future_timestamp"
    # A record without a value that now seems to have one came in a unit that nobody wrote down.
    if entry.reason == "no_values" and entry.units is None:
        return "no_values"
    if entry.units is None and _contradicts_record(entry, place, batch):
        return UNITS_NOT_RECORDED
    return None


def _contradicts_record(entry: Entry, place: int, batch: Batch) -> bool:
    """True where the usual units do not give the value that was refused."""
    if not entry.reason.endswith("out_of_range") or entry.field is None or entry.value is None:
        return False
    values = batch.columns.get(entry.field)
    return values is None or not np.isclose(values[place], float(entry.value), rtol=1e-9, atol=0)


def _normalized(entries: Sequence[Entry]) -> Batch:
    """The entries' records as columns, each from the units of its own answer."""
    runs = groupby(entries, key=lambda entry: entry.units)
    batches = [normalize([entry.raw for entry in run], units) for units, run in runs]
    return Batch.joined(batches)


def _usual_phases(
    timestamp_us: np.ndarray, stored_us: np.ndarray, interval_seconds: int
) -> np.ndarray:
    """Where the intervals around each time start [µs after a whole one]; NO_NEIGHBOUR if unknown.

    The nearest stored reading tells, when it is not more than a day away.
    """
    phases = np.full(len(timestamp_us), NO_NEIGHBOUR, dtype=np.int64)
    known = timestamp_us != MISSING
    if not len(stored_us) or not known.any():
        return phases
    times = timestamp_us[known]
    right = np.clip(np.searchsorted(stored_us, times), 0, len(stored_us) - 1)
    left = np.maximum(right - 1, 0)
    is_left = np.abs(times - stored_us[left]) <= np.abs(times - stored_us[right])
    nearest = stored_us[np.where(is_left, left, right)]
    is_near = np.abs(times - nearest) <= DAY_US
    phases[known] = np.where(is_near, nearest % (interval_seconds * 1_000_000), NO_NEIGHBOUR)
    return phases


def _accept(entries: Sequence[Entry], rules: ReadingRules, now: datetime) -> Accepted:
    """Ingest's own judgement; the entry's id travels in place of the record, so that each verdict
    finds its way back.
    """
    ordered = in_order_of_ingest(entries)
    batch = _normalized(ordered)
    start, end = batch.timestamp_us.min(), batch.timestamp_us.max() + 1_000_000
    numbered = replace(batch, raw=[entry.entry_id for entry in ordered])
    return accept(numbered, instant(int(start)), instant(int(end)), rules, now)


def _value_today(entry: Entry) -> float | None:
    """The refused value in the column's unit; None while it is no number or its unit not known."""
    if entry.reason == "out_of_range" and entry.value is not None:
        return float(entry.value)
    units = entry.units
    if entry.reason == "unknown_unit" and units is None:
        number, _, unit = (entry.value or "").strip().partition(" ")
        raw = entry.raw if isinstance(entry.raw, dict) else {}
        units = {
            known.code: unit
            for known in FIELDS
            if known.column == entry.field and str(raw.get(known.code)).strip() == number
        }
        if not units:
            return None
    values = normalize([entry.raw], units).columns.get(entry.field or "")
    return None if values is None or np.isnan(values[0]) else float(values[0])


def _refusals_of_values(
    name: str, values: np.ndarray, rules: ReadingRules, now: datetime
) -> list[str | None]:
    """Why a value may not be stored, by the rules about its column; None where it may."""
    columns = {name: values}
    timestamps = np.zeros(len(values), dtype=np.int64)
    by_row = refused_rows(timestamps, columns, rules, now)
    reasons: list[str | None] = [None] * len(values)
    for rule in [*(rule for rule in by_row if rule.field == name), *refused_fields(columns, rules)]:
        for place in np.flatnonzero(rule.mask).tolist():
            reasons[place] = reasons[place] or rule.reason
    return reasons


def _take(
    verdicts: FieldVerdicts,
    entry: Entry,
    name: str,
    value: float,
    stored: Mapping[int, dict[str, Any]],
) -> None:
    """Note an acceptable value: to be stored, there already, or contradicting what is there."""
    assert entry.timestamp_us is not None
    row = stored[entry.timestamp_us]
    if row[name] is None:
        verdicts.changes.append(FieldChange(entry.entry_id, entry.timestamp_us, name, value))
        # Later entries of this row and the remarks see the row as it will be.
        row[name] = value
        gone = f"{name} {entry.reason}"
        left = [text for text in (row["data_quality"] or "").split("; ") if text and text != gone]
        row["data_quality"] = "; ".join(left) or None
        return
    verdicts.known[entry.entry_id] = entry.timestamp_us
    if name in INTEGER_COLUMNS:
        value = round(value)
    if not np.isclose(row[name], value, rtol=SAME_VALUE, atol=1e-9):
        verdicts.conflicts.append(
            Conflict(entry.timestamp_us, name, value_text(row[name]), value_text(value))
        )


def _remarks(row: Mapping[str, Any], rules: ReadingRules) -> str | None:
    """The row's remarks, with the one about the power factor as the row is now."""
    names = ("power_kw", "voltage_v", "power_factor")
    columns = {name: np.array([row[name]], dtype=np.float64) for name in names}
    texts = [text for text in (row["data_quality"] or "").split("; ") if text]
    texts = [text for text in texts if text != NO_POWER_FACTOR]
    unmeasured = missing_power_factor(columns, rules)
    if unmeasured is not None and unmeasured[0]:
        texts.append(NO_POWER_FACTOR)
    return "; ".join(texts) or None
