"""Rows on their way into the database: what ingest's pipeline hands to its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

# A field without a column, in a conflict: the prefix and its API code.
EXTRA_PREFIX = "extra."


@dataclass(frozen=True)
class Window:
    """One channel and stretch of time, as it stands in ingestion_logs."""

    log_id: int
    run_id: UUID
    site_id: str
    channel_id: int
    start: datetime
    end: datetime
    interval_seconds: int


@dataclass(frozen=True)
class Rejection:
    """A row of rejected_readings. `field` and `value` name the culprit where there is one.

    `units_json`: the units of the record's fields as its answer said them; None where not known.
    """

    scope: str
    reason: str
    field: str | None
    value: str | None
    timestamp_us: int | None
    raw_json: str
    units_json: str | None


@dataclass(frozen=True)
class Conflict:
    """A row of reading_conflicts: two answers that contradict each other."""

    timestamp_us: int
    field: str
    stored_value: str | None
    offered_value: str | None


@dataclass
class Accepted:
    """The storable rows of one window, ordered by time, and what became of the rest."""

    timestamp_us: np.ndarray
    columns: dict[str, np.ndarray]
    extra: list[str | None]
    data_quality: list[str | None]
    raw: Sequence[Any]
    units: Sequence[Mapping[str, str]]
    fetched: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """Rows refused as a whole."""
        return sum(rejection.scope == "row" for rejection in self.rejections)


def value_text(value: Any) -> str | None:
    """A stored or offered number as text; None for a missing one."""
    return None if np.isnan(value) else repr(float(value))
