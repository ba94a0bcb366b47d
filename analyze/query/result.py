"""From a question to rows: chunk by chunk, with the comparison and the largest first if asked."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from analyze.query.aggregate import Question, Reporting, answer, reporting
from analyze.query.compare import Comparison, Shift, chosen_shift, joined
from analyze.query.grouping import WITHIN_DAY, column_name, key_values, kind_of
from analyze.query.output import Column, Row, Rows
from lib.database import Connection
from lib.date_utils import Period

logger = logging.getLogger(__name__)

# Hours are read a month at a time, so that ten years need no more memory than one month.
CHUNK_DAYS = 31


@dataclass(frozen=True)
class Request:
    """A question with its period, and what is done with the rows."""

    question: Question
    period: Period
    settled: datetime
    comparison: Comparison | None = None
    top: int | None = None

    @property
    def value_name(self) -> str:
        """The name of the value's column, such as sum_energy_kwh."""
        return f"{self.question.agg}_{self.question.measure.name}"


def result_rows(connection: Connection, request: Request) -> Rows:
    """The rows of a request; they are read from the database as they are used."""
    question = request.question
    about: dict[str, Any] = {
        "site": question.site._asdict(),
        "timezone": question.site.timezone,
        "start": request.period.first_day.isoformat(),
        "end": request.period.last_day.isoformat(),
        "measure": question.measure.name,
        "agg": question.agg,
        "channels": [one.channel_id for one in question.channels],
    }
    shift = None
    if request.comparison is not None:
        shift = chosen_shift(request.period, question.by, request.comparison)
        earlier = shift.back(request.period)
        about["compared"] = {
            "start": earlier.first_day.isoformat(),
            "end": earlier.last_day.isoformat(),
        }
        logger.info("compared with %s to %s", earlier.first_day, earlier.last_day)
    live = reporting(connection, question, request.period)
    _tell(question, live)
    tables = _tables(connection, request, shift, live)
    if request.top is not None:
        tables = iter([_largest(tables, request.top)])
    return Rows(_columns(request), (_as_rows(table, request) for table in tables), about)


def _tables(
    connection: Connection, request: Request, shift: Shift | None, live: Reporting
) -> Iterator[pd.DataFrame]:
    question, settled = request.question, request.settled
    earlier_live = None
    if shift is not None:
        earlier_live = reporting(connection, question, shift.back(request.period))
        if question.is_summed_first and earlier_live.channel_ids != live.channel_ids:
            logger.warning(
                "the two periods are sums of different channels: not all sent it in both"
            )
    for period in _chunks(request.period) if "hour" in question.by else [request.period]:
        table = answer(connection, question, period, settled, live)
        if shift is not None and earlier_live is not None:
            # A day half over is compared with the same half.
            cut = shift.instant_back(settled, period.timezone) if settled < period.end else settled
            before = shift.back(period)
            earlier = answer(connection, question, before, cut, earlier_live, is_cut=True)
            table = joined(table, earlier, shift, question.time_keys)
        yield table


def _chunks(period: Period) -> Iterator[Period]:
    first = period.first_day
    while first <= period.last_day:
        last = min(first + timedelta(days=CHUNK_DAYS - 1), period.last_day)
        yield Period(first, last, period.timezone)
        first = last + timedelta(days=1)


def _largest(tables: Iterator[pd.DataFrame], top: int) -> pd.DataFrame:
    """The rows with the largest values, largest first; what was not measured comes last."""
    best: pd.DataFrame | None = None
    for table in tables:
        # Each time only the best so far and one chunk are in memory.
        both = table if best is None else pd.concat([best, table], ignore_index=True)
        best = both.sort_values("value", ascending=False, kind="stable").head(top)
    assert best is not None
    return best


def _columns(request: Request) -> list[Column]:
    question = request.question
    columns = [Column(column_name(key), kind_of(key)) for key in question.time_keys]
    if question.is_apart:
        columns += [Column("channel_id", "int"), Column("channel_name", "text")]
    columns.append(Column(request.value_name, "int" if question.agg == "count" else "float"))
    if request.comparison is not None:
        columns += [
            Column(name, "float")
            for name in (f"compared_{request.value_name}", "change", "change_pct")
        ]
    columns.append(Column("received", "int"))
    if question.counts_due:
        columns += [Column("expected", "int"), Column("coverage_pct", "float")]
        if request.comparison is not None:
            columns.append(Column("compared_coverage_pct", "float"))
    return columns


def _as_rows(table: pd.DataFrame, request: Request) -> list[Row]:
    question = request.question
    starts = table["start"].to_numpy()
    columns: list[list[Any]] = [
        key_values(key, table[key].to_numpy(), starts, question.site.timezone)
        for key in question.time_keys
    ]
    if question.is_apart:
        names = {one.channel_id: one.channel_name for one in question.channels}
        ids = table["channel_id"].tolist()
        columns += [ids, [names[channel_id] for channel_id in ids]]
    is_count = question.agg == "count"
    columns.append(table["received"].tolist() if is_count else _known(table["value"]))
    if request.comparison is not None:
        columns += [_known(table[name]) for name in ("compared", "change", "change_pct")]
    columns.append(table["received"].tolist())
    if question.counts_due:
        columns += [table["expected"].tolist(), _percent(table["coverage"])]
        if request.comparison is not None:
            columns.append(_percent(table["compared_coverage"]))
    return list(zip(*columns, strict=True))


def _known(values: pd.Series) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


def _percent(shares: pd.Series) -> list[float | None]:
    """Cut, not rounded, so that 100 means all."""
    return _known(np.floor(shares * 1000 + 1e-9) / 10)


def _tell(question: Question, live: Reporting) -> None:
    """What the numbers do not show: channels left out, mixed intervals."""
    name = question.measure.name
    silent = [
        one.channel_name for one in question.channels if one.channel_id not in live.channel_ids
    ]
    if question.channels and len(silent) == len(question.channels):
        within = " in intervals of an hour or less" if set(WITHIN_DAY) & set(question.by) else ""
        logger.warning("no reading of these channels and days has %s%s", name, within)
    elif silent and question.is_summed_first:
        logger.warning("not in the sum, without any %s here: %s", name, ", ".join(silent))
    if (
        question.measure.adds_over_time
        and len(live.lengths) > 1
        and question.agg not in ("sum", "count")
    ):
        lengths = ", ".join(map(str, live.lengths))
        logger.warning("%s of intervals of different lengths (%s s) are mixed", name, lengths)
