"""What becomes of every old reading: its instant and length, or the reason why it is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from config.sites import site_config
from govern.legacy.intervals import interval_lengths, overlapping
from govern.legacy.local_times import (
    AMBIGUOUS,
    DEFINITE,
    NONEXISTENT,
    UNPLACED,
    Meanings,
    meanings,
    place_nonexistent,
)
from lib.reading_rules import ReadingRules, refused_fields, refused_rows, rules_for

HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class OldReadings:
    """The readings of one channel, by written time; measures by their new names and units."""

    channel_id: int
    site_id: str
    rated_kw: float | None
    row_id: np.ndarray
    written_us: np.ndarray
    measures: dict[str, np.ndarray]


@dataclass
class ChannelPlan:
    """Per old row, shape (n,): instant [µs UTC], length [s], reason (None: stored), culprit.

    A refused row without a definite instant is filed under the earlier of the two it may mean.
    `fields` are single values that are refused: (row, field, value).
    """

    instant_us: np.ndarray
    seconds: np.ndarray
    reason: np.ndarray
    culprit: np.ndarray
    fields: list[tuple[int, str, float]] = field(default_factory=list)
    hours: Counter[tuple[int, str]] = field(default_factory=Counter)
    by_energy: int = 0

    def refuse(self, mask: np.ndarray, reason: str, culprit: str | None) -> None:
        """Give a reason to the rows that have none yet."""
        fresh = mask & (self.reason == None)  # noqa: E711 (element by element)
        self.reason[fresh] = reason
        self.culprit[fresh] = culprit


def plan_channel(old: OldReadings, source_timezone: str, now: datetime) -> ChannelPlan:
    """Place, measure and judge the readings of one channel; every row gets a fate."""
    count = len(old.row_id)
    found = meanings(old.written_us, source_timezone)
    plan = ChannelPlan(
        instant_us=place_nonexistent(found),
        seconds=np.zeros(count, dtype=np.int64),
        reason=np.full(count, None, dtype=object),
        culprit=np.full(count, None, dtype=object),
    )
    empty = ~np.logical_or.reduce([~np.isnan(values) for values in old.measures.values()])
    plan.refuse(empty, "no_values", None)
    _refuse_repeats(plan)
    usual = _measure(plan, old, found)
    _place_ambiguous(plan, found, usual)
    nowhere = plan.instant_us == UNPLACED
    plan.refuse(nowhere & (found.kind == NONEXISTENT), "nonexistent_local_time", "timestamp")
    plan.refuse(nowhere & (found.kind == AMBIGUOUS), "ambiguous_local_time", "timestamp")
    _apply_rules(plan, old, now)
    _refuse_overlaps(plan, usual)
    _note_hours(plan, old.written_us, found)
    plan.instant_us = np.where(nowhere, found.first_us, plan.instant_us)
    return plan


def _refuse_repeats(plan: ChannelPlan) -> None:
    """Rows of one instant, where the old table had no unique index: the first written stays."""
    rows = _open_rows(plan)
    order = rows[np.argsort(plan.instant_us[rows], kind="stable")]
    repeat = np.zeros(len(plan.instant_us), dtype=bool)
    repeat[order[1:]] = np.diff(plan.instant_us[order]) == 0
    plan.refuse(repeat, "duplicate_timestamp", "timestamp")


def _measure(plan: ChannelPlan, old: OldReadings, found: Meanings) -> np.ndarray:
    """Fill in the lengths; returns the length usual around each row.

    A row without an instant of its own takes what is usual just before it.
    """
    rows = _open_rows(plan)
    rows = rows[np.argsort(plan.instant_us[rows], kind="stable")]
    starts = plan.instant_us[rows]
    missing = np.full(len(old.row_id), np.nan)
    energy, power = (old.measures.get(name, missing) for name in ("energy_kwh", "power_kw"))
    lengths = interval_lengths(starts, energy[rows], power[rows])
    usual = np.zeros(len(old.row_id), dtype=np.int64)
    if len(rows):
        before = np.maximum(np.searchsorted(starts, found.first_us, side="right") - 1, 0)
        usual = lengths.usual_seconds[before]
        plan.seconds = usual.copy()
    plan.seconds[rows], usual[rows] = lengths.seconds, lengths.usual_seconds
    plan.by_energy = int(lengths.by_energy.sum())
    unknown = np.zeros(len(old.row_id), dtype=bool)
    unknown[rows] = lengths.seconds == 0
    plan.refuse(unknown, "unknown_interval", "timestamp")
    return usual


def _place_ambiguous(plan: ChannelPlan, found: Meanings, usual: np.ndarray) -> None:
    """Place a time that was on the clock twice where only one of the two has room for it."""
    rows = _open_rows(plan)
    rows = rows[np.argsort(plan.instant_us[rows], kind="stable")]
    starts, ends = plan.instant_us[rows], plan.instant_us[rows] + plan.seconds[rows] * 1_000_000
    if not len(rows):
        return
    for row in np.flatnonzero((found.kind == AMBIGUOUS) & (plan.reason == None)):  # noqa: E711
        room = [
            start
            for start in (found.first_us[row], found.second_us[row])
            if _is_free(start, start + usual[row] * 1_000_000, starts, ends)
        ]
        if len(room) == 1 and usual[row] > 0:
            plan.instant_us[row] = room[0]


def _is_free(start: int, end: int, starts: np.ndarray, ends: np.ndarray) -> bool:
    before = int(np.searchsorted(starts, end, side="left")) - 1
    return before < 0 or bool(ends[before] <= start)


def _apply_rules(plan: ChannelPlan, old: OldReadings, now: datetime) -> None:
    """The reading rules that ingest applies, per length; the first that hits names the reason."""
    rows = _open_rows(plan)
    for seconds in np.unique(plan.seconds[rows]).tolist():
        same = rows[plan.seconds[rows] == seconds]
        rules = _rules(old, seconds)
        measures = {name: values[same] for name, values in old.measures.items()}
        for refusal in refused_rows(plan.instant_us[same], measures, rules, now):
            mask = np.zeros(len(plan.reason), dtype=bool)
            mask[same[refusal.mask]] = True
            plan.refuse(mask, refusal.reason, refusal.field)
        for refusal in refused_fields(measures, rules):
            assert refusal.field is not None
            values = measures[refusal.field]
            plan.fields += [
                (int(same[place]), refusal.field, float(values[place]))
                for place in np.flatnonzero(refusal.mask).tolist()
                if plan.reason[same[place]] is None
            ]


def _rules(old: OldReadings, interval_seconds: int) -> ReadingRules:
    return rules_for(
        site_config(old.site_id), old.channel_id, interval_seconds, rated_kw=old.rated_kw
    )


def _refuse_overlaps(plan: ChannelPlan, usual: np.ndarray) -> None:
    """One length at a time: of rows that overlap, those of the usual length stay."""
    rows = _open_rows(plan)
    rows = rows[np.argsort(plan.instant_us[rows], kind="stable")]
    refused = overlapping(plan.instant_us[rows], plan.seconds[rows], usual[rows])
    is_other = plan.seconds != usual
    mask = np.zeros(len(plan.reason), dtype=bool)
    mask[rows[refused]] = True
    plan.refuse(mask & is_other, "overlaps_other_interval", "interval_seconds")
    plan.refuse(mask, "overlaps_stored", "timestamp")
    refused_rows_ = set(np.flatnonzero(mask).tolist())
    plan.fields = [entry for entry in plan.fields if entry[0] not in refused_rows_]


def _note_hours(plan: ChannelPlan, written_us: np.ndarray, found: Meanings) -> None:
    """Count, per written hour that clock changes touched, what became of its rows."""
    for row in np.flatnonzero(found.kind != DEFINITE).tolist():
        hour_us = int(written_us[row]) // HOUR_US * HOUR_US
        what = "ambiguous" if found.kind[row] == AMBIGUOUS else "nonexistent"
        fate = "stored" if plan.reason[row] is None else "refused"
        plan.hours[(hour_us, f"{what} {fate}")] += 1


def _open_rows(plan: ChannelPlan) -> np.ndarray:
    """Rows that have an instant and no reason against them."""
    return np.flatnonzero((plan.instant_us != UNPLACED) & (plan.reason == None))  # noqa: E711
