"""Put readings together: one row for each stretch of time (and channel), with what is missing.

Sums, means and extremes are taken in PostgreSQL over v_readings_enriched; what was due is counted
here on the site's calendar. Means are weighted by the length of the intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from analyze.query.channels import DEFAULT_INTERVAL_SECONDS, Channel, Site
from analyze.query.grouping import (
    CHANNEL,
    DAY_SECONDS,
    HOUR_SECONDS,
    STEP_SECONDS,
    TIME_KEYS,
    WITHIN_DAY,
    Groups,
    Ints,
    Steps,
    groups_of,
    steps_of,
)
from analyze.query.measures import Agg, Measure
from analyze.query.predicates import Predicate, as_mask, as_sql, asks_about_readings
from analyze.query.prices import Prices, price_join
from lib.database import Connection, copy_columns, fetch_all
from lib.date_utils import Period
from lib.errors import UsageError
from lib.stats_utils import Floats

# Sums of a group: values, values x seconds, seconds, lowest, highest.
_PARTS = ("total", "weighted", "seconds", "lowest", "highest")
TOTAL = 0  # stands for the channel where channels are put together


@dataclass(frozen=True)
class Question:
    """What is asked; `together` = the channels' values at one time are added before anything."""

    site: Site
    channels: tuple[Channel, ...]
    by: tuple[str, ...]
    measure: Measure
    agg: Agg
    where: Predicate | None = None
    prices: Prices | None = None

    @property
    def time_keys(self) -> tuple[str, ...]:
        """The keys without the channel."""
        return tuple(key for key in self.by if key != CHANNEL)

    @property
    def is_apart(self) -> bool:
        """Each channel has rows of its own."""
        return CHANNEL in self.by

    @property
    def is_summed_first(self) -> bool:
        """A mean or an extreme of several channels' sum needs the sum at each time first."""
        several = len(self.channels) > 1 and not self.is_apart
        return several and self.measure.adds_over_channels and self.agg in ("mean", "min", "max")

    @property
    def counts_due(self) -> bool:
        """False where --where asks about values: nobody knows how many were due."""
        return self.where is None or not asks_about_readings(self.where)


@dataclass(frozen=True)
class Reporting:
    """The channels that sent the measure in a period, and their longest interval [s]."""

    channel_ids: frozenset[int]
    longest_seconds: int
    lengths: tuple[int, ...]


def reporting(connection: Connection, question: Question, period: Period) -> Reporting:
    """Which of the channels sent the measure in the period.

    Raises UsageError where daily readings would have to be added to finer ones.
    """
    source, parameters = _source(question, period)
    rows = fetch_all(
        connection,
        f"SELECT channel_id, interval_seconds FROM {source}"  # noqa: S608 (built of constants)
        f" AND {question.measure.sql} IS NOT NULL GROUP BY channel_id, interval_seconds",
        parameters,
    )
    lengths = tuple(sorted({int(row["interval_seconds"]) for row in rows}))
    if question.is_summed_first and len(lengths) > 1 and lengths[-1] >= DAY_SECONDS:
        raise UsageError(
            "some of these channels are stored by day, some finer: add channel to --by"
        )
    ids = frozenset(int(row["channel_id"]) for row in rows)
    return Reporting(ids, max(lengths, default=DEFAULT_INTERVAL_SECONDS), lengths)


def answer(
    connection: Connection,
    question: Question,
    period: Period,
    settled: datetime,
    live: Reporting,
    *,
    is_cut: bool = False,
    is_whole: bool = False,
) -> pd.DataFrame:
    """One row for each group in which something was due or arrived, in order.

    Columns: each time key (a whole number), `start` [s since 1970], `label`, `channel_id` (TOTAL
    where channels are put together), `value`, `received` and `expected` (intervals), `coverage`
    [0..1], `seconds` measured; NaN = nothing was measured. `settled`: what ends later is not due
    yet, and with `is_cut` not read either. `is_whole`: all of the period is due of every channel.
    """
    steps = steps_of(period)
    groups = groups_of(question.time_keys, steps)
    found = _read(connection, question, period, live, settled if is_cut else None)
    rows = _placed(found, groups, question.time_keys)
    due = _due(question, steps, groups, [one.due(period, settled, is_whole=is_whole)
                                         for one in question.channels])  # fmt: skip
    shown = [one.channel_id for one in question.channels] if question.is_apart else [TOTAL]
    shape = (len(shown), len(groups.start))
    table = pd.DataFrame({
        "group": np.tile(np.arange(shape[1]), shape[0]),
        "channel_id": np.repeat(np.array(shown, dtype=np.int64), shape[1]),
        "due_seconds": due.ravel(),
    }).merge(rows, on=["group", "channel_id"], how="left")  # fmt: skip
    table["received"] = table["received"].fillna(0).astype(np.int64)
    table["seconds"] = table["seconds"].fillna(0.0)
    table = table[(table["due_seconds"] > 0) | (table["received"] > 0)]
    table["value"] = _value(table, question)
    _add_coverage(table, question, live)
    table = table.sort_values(["group", "channel_id"], kind="stable").reset_index(drop=True)
    group = table["group"].to_numpy()
    for key in question.time_keys:
        table[key] = groups.keys[key].to_numpy()[group]
    table["start"], table["label"] = groups.start[group], groups.label[group]
    wanted = [*question.time_keys, "start", "label", "channel_id", "value", "received",
              "expected", "coverage", "seconds"]  # fmt: skip
    return table[wanted]


def _source(
    question: Question, period: Period, cut: datetime | None = None
) -> tuple[str, dict[str, Any]]:
    """FROM and WHERE of the readings asked about, up to `cut`; every value is a parameter."""
    parameters: dict[str, Any] = {
        "site_id": question.site.site_id,
        "channel_ids": [one.channel_id for one in question.channels],
        "start": period.start,
        "end": period.end,
    }
    conditions = [
        "site_id = %(site_id)s",
        "channel_id = ANY(%(channel_ids)s::bigint[])",
        '"timestamp" >= %(start)s AND "timestamp" < %(end)s',
    ]
    if any(key in WITHIN_DAY for key in question.by):
        conditions.append(f"interval_seconds <= {HOUR_SECONDS}")
    if cut is not None:
        conditions.append('"timestamp" <= %(cut)s - make_interval(secs => interval_seconds)')
        parameters["cut"] = cut
    if question.where is not None:
        conditions.append(as_sql(question.where, parameters))
    join = "" if question.prices is None else price_join(question.prices, period, parameters)
    return f"v_readings_enriched {join} WHERE {' AND '.join(conditions)}", parameters


def _read(
    connection: Connection,
    question: Question,
    period: Period,
    live: Reporting,
    cut: datetime | None,
) -> pd.DataFrame:
    """The sums of each group and channel that has a value."""
    source, parameters = _source(question, period, cut)
    value = f"{question.measure.sql}::float8"
    channel = "channel_id" if question.is_apart else f"{TOTAL}::bigint"
    # The names are constants of this package; every value is a parameter.
    if question.is_summed_first:
        parameters["length"] = live.longest_seconds
        parameters["whole"] = live.longest_seconds * len(live.channel_ids)
        per_slot = "sum(v)" if question.measure.adds_over_time else "sum(v * s) / %(length)s"
        source = f"""(
            SELECT min("timestamp") AS "timestamp", min(timestamp_local) AS timestamp_local,
                   {per_slot} AS v, %(length)s::integer AS s
            FROM (SELECT *, {value} AS v, interval_seconds AS s FROM {source}) AS reading
            WHERE v IS NOT NULL
            GROUP BY floor(extract(epoch FROM "timestamp") / %(length)s)
            HAVING sum(s) = %(whole)s) AS slot"""  # noqa: S608
    else:
        source = f"""(SELECT *, {value} AS v, interval_seconds AS s FROM {source}) AS reading
            WHERE v IS NOT NULL"""  # noqa: S608
    keys = [TIME_KEYS[key].sql for key in question.time_keys]
    positions = ", ".join(str(number + 1) for number in range(len(keys) + 1))
    names = [*question.time_keys, "channel_id"]
    columns = copy_columns(
        connection,
        f"""SELECT {", ".join([*keys, channel])}, count(*), sum(v), sum(v * s),
                   sum(s)::float8, min(v), max(v)
            FROM {source} GROUP BY {positions}""",  # noqa: S608
        parameters,
        [(name, "i8") for name in names] + [("received", "i8")] + [(part, "f8") for part in _PARTS],
    )
    return pd.DataFrame(columns)


def _placed(rows: pd.DataFrame, groups: Groups, time_keys: Sequence[str]) -> pd.DataFrame:
    """The same rows with the number of their group instead of the keys."""
    if not time_keys:
        return rows.assign(group=0)
    numbered = groups.keys.assign(group=np.arange(len(groups.keys)))
    return rows.merge(numbered, on=list(time_keys), how="inner").drop(columns=list(time_keys))


def _due(
    question: Question, steps: Steps, groups: Groups, spans: Sequence[tuple[int, int]]
) -> Floats:
    """Seconds due in each group, of what is due of each channel: shape (channels shown, groups)."""
    shape = (len(question.channels), len(groups.start))
    seconds = np.zeros(shape)
    longest = np.zeros(len(steps.utc))
    for row, (channel, (start, end)) in enumerate(zip(question.channels, spans, strict=True)):
        covered: Ints = np.minimum(steps.utc + STEP_SECONDS, end) - np.maximum(steps.utc, start)
        due = np.maximum(covered, 0).astype(float)
        if question.where is not None and question.counts_due:
            due[~as_mask(question.where, steps, channel.as_fields())] = 0
        seconds[row] = np.bincount(groups.code, weights=due, minlength=shape[1])
        longest = np.maximum(longest, due)
    if question.is_apart:
        return seconds
    if question.is_summed_first:
        return np.bincount(groups.code, weights=longest, minlength=shape[1])[None, :].astype(float)
    return seconds.sum(axis=0, keepdims=True)


def _value(table: pd.DataFrame, question: Question) -> pd.Series:
    if question.agg == "count":
        return table["received"].astype(float)
    if question.agg == "mean":
        if question.measure.adds_over_time:
            return table["total"] / table["received"].where(table["received"] > 0)
        return table["weighted"] / table["seconds"].where(table["seconds"] > 0)
    return table[{"sum": "total", "min": "lowest", "max": "highest"}[question.agg]]


def _add_coverage(table: pd.DataFrame, question: Question, live: Reporting) -> None:
    """`expected` intervals and `coverage`, the share of the time due that has a value."""
    configured = {
        one.channel_id: one.interval_seconds or DEFAULT_INTERVAL_SECONDS
        for one in question.channels
    }
    usual = table["channel_id"].map(configured)
    if not question.is_apart:
        usual = usual.fillna(live.longest_seconds)
    received = table["received"].where(table["received"] > 0)
    length = (table["seconds"] / received).fillna(usual)
    due = np.maximum(table["due_seconds"], table["seconds"])
    table["expected"] = (due / length).round().astype(np.int64)
    table["coverage"] = table["seconds"] / due
    if not question.counts_due:
        table["coverage"] = np.nan
