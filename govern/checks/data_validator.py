"""The reading rules as a judge of whole columns. Pure: arrays in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np

from lib.reading_rules import (
    FIELD_LIMITS,
    ROW_FIELDS,
    ReadingRules,
    Refusal,
    missing_power_factor,
    refused_fields,
    refused_rows,
)

# Every column of a reading that holds a measure.
MEASURES = tuple(
    dict.fromkeys(
        (
            *ROW_FIELDS,
            *(f"{name}_{phase}" for name in ROW_FIELDS for phase in (1, 2, 3)),
            *FIELD_LIMITS,
            "reactive_power_kvar",
            "apparent_power_kva",
            "temperature_c",
            "cost",
            "signal_strength",
        )
    )
)

# What a finding is about: a whole reading, one value of it, or a remark that it should carry.
Scope = Literal["row", "field", "remark"]


@dataclass(frozen=True)
class Finding:
    """Readings that break one rule; `mask` has a place for each reading judged."""

    scope: Scope
    rule: str
    field: str | None
    mask: np.ndarray

    @property
    def count(self) -> int:
        """How many readings it is about."""
        return int(self.mask.sum())


class DataValidator:
    """Judges readings of one channel and interval length, as ingest does at the border.

    Parameters
    ----------
    rules : the channel's rules (lib.reading_rules.rules_for); None for a channel nobody knows.
    now : a reading whose interval ends later lies in the future.

    Arrays are of shape (n,): `timestamp_us` int64, start of the interval [µs since 1970 UTC];
    `columns` floats by column name, in the unit of the name, NaN where nothing was sent. A column
    that is stored as real is best given as float32: it is then compared at that precision.
    """

    def __init__(self, rules: ReadingRules | None, now: datetime) -> None:
        self._rules = rules
        self._now = now

    def validate(
        self,
        timestamp_us: np.ndarray,
        columns: Mapping[str, np.ndarray],
        has_value: np.ndarray | None = None,
    ) -> list[Finding]:
        """Every rule that is broken, each reading under the first rule that refuses it.

        Values are judged only in readings that are not refused whole. `has_value` is False for
        readings without any value; by default those without one in `columns`.
        """
        if self._rules is None:
            return self._only_hits([self.check_channel_exists(len(timestamp_us))])
        refused = np.zeros(len(timestamp_us), dtype=bool)
        findings = []
        by_row = [
            *self.check_timestamp_valid(timestamp_us),
            *self.check_values_in_range(timestamp_us, columns),
            self.check_has_value(columns, has_value),
        ]
        for finding in by_row:
            if finding.scope == "row":
                findings.append(replace(finding, mask=finding.mask & ~refused))
                refused |= finding.mask
        by_field = [f for f in by_row if f.scope == "field"]
        for finding in [*by_field, *self.check_no_impossible_values(columns)]:
            findings.append(replace(finding, mask=finding.mask & ~refused))
        return self._only_hits(findings)

    def validate_reading(self, reading: Mapping[str, float | datetime | None]) -> bool:
        """True when no rule refuses the reading or a value of it.

        `reading` holds an aware `timestamp` and measures by column name.
        """
        timestamp = reading.get("timestamp")
        if not isinstance(timestamp, datetime) or timestamp.tzinfo is None:
            return False
        timestamp_us = np.array([int(timestamp.timestamp() * 1_000_000)], dtype=np.int64)
        columns = {
            name: np.array([np.nan if value is None else value], dtype=np.float64)
            for name, value in reading.items()
            if name in MEASURES and not isinstance(value, datetime)
        }
        return all(f.scope == "remark" for f in self.validate(timestamp_us, columns))

    def check_channel_exists(self, count: int) -> Finding:
        """Readings of a channel that nobody knows: all of them, or none."""
        return Finding("row", "unknown_channel", "channel_id", np.full(count, self._rules is None))

    def check_timestamp_valid(self, timestamp_us: np.ndarray) -> Iterator[Finding]:
        """Times in the future and before the channel was installed."""
        for refusal in self._row_refusals(timestamp_us, {}):
            yield Finding("row", refusal.reason, refusal.field, refusal.mask)

    def check_values_in_range(
        self, timestamp_us: np.ndarray, columns: Mapping[str, np.ndarray]
    ) -> Iterator[Finding]:
        """Energy and power outside their limits refuse the reading, the others the value."""
        if self._rules is None:
            return
        for refusal in self._row_refusals(timestamp_us, columns):
            if refusal.field != "timestamp":
                yield Finding("row", refusal.reason, refusal.field, refusal.mask)
        for refusal in refused_fields(columns, self._rules):
            yield Finding("field", refusal.reason, refusal.field, refusal.mask)

    def check_has_value(
        self, columns: Mapping[str, np.ndarray], has_value: np.ndarray | None = None
    ) -> Finding:
        """Readings that say nothing."""
        if has_value is None:
            present = [~np.isnan(values) for values in columns.values()]
            has_value = np.logical_or.reduce(present) if present else np.ones(1, dtype=bool)
        return Finding("row", "no_values", None, ~has_value)

    def check_no_impossible_values(self, columns: Mapping[str, np.ndarray]) -> Iterator[Finding]:
        """Power and voltage without the power factor that the device sends: only remarked on."""
        if self._rules is None:
            return
        mask = missing_power_factor(columns, self._rules)
        if mask is not None:
            yield Finding("remark", "power_factor missing", "power_factor", mask)

    def _row_refusals(
        self, timestamp_us: np.ndarray, columns: Mapping[str, np.ndarray]
    ) -> Iterator[Refusal]:
        if self._rules is not None:
            yield from refused_rows(timestamp_us, columns, self._rules, self._now)

    @staticmethod
    def _only_hits(findings: list[Finding]) -> list[Finding]:
        return [finding for finding in findings if finding.mask.any()]
