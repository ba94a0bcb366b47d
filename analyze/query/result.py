"""From a question to rows: chunk by chunk, with the comparison and the largest first if asked."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from analyze.query.aggregate import Question, Reporting, answer, reporting
from analyze.query.compare import Comparison, chosen_shift, joined
from analyze.query.grouping import column_name, key_values, kind_of
from analyze.query.output import Column, Row, Rows
from analyze.query.telling import (
    Compared,
    begin_notes,
    comparison_notes,
    heading,
    notes,
    untold_note,
)
from config.sites import SiteConfig
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
    config: SiteConfig = field(default_factory=lambda: SiteConfig(site_id=""))

    @property
    def tells_per_day(self) -> bool:
        """True where sums are compared that may have been measured for different times.

        Of hours and days, and of channels put together, a mean would hide which were measured.
        """
        question = self.question
        is_one = question.is_apart or len(question.channels) == 1
        is_long = not {"hour", "hour-of-week", "day"} & set(question.by)
        return self.comparison is not None and question.agg == "sum" and is_one and is_long

    @property
    def value_name(self) -> str:
        """The name of the value's column, such as sum_energy_kwh."""
        return f"{self.question.agg}_{self.question.measure.name}"


def result_rows(connection: Connection, request: Request) -> Rows:
    """The rows of a request; they are read from the database as they are used."""
    question = request.question
    compared = _compared(request)
    live = reporting(connection, question, request.period)
    lines = heading(question, request.period, compared)
    about: dict[str, Any] = {
        "site": question.site._asdict(),
        "timezone": question.site.timezone,
        "start": request.period.first_day.isoformat(),
        "end": request.period.last_day.isoformat(),
        "measure": question.measure.name,
        "agg": question.agg,
        "channels": [one.channel_id for one in question.channels],
        "heading": lines,
    }
    told = notes(question, request.period, live)
    if compared is not None:
        about["compared"] = {
            "start": compared.period.first_day.isoformat(),
            "end": compared.period.last_day.isoformat(),
        }
        told += comparison_notes(question, request.period, compared, request.config)
    elif {"week", "month"} & set(question.by):
        told += begin_notes(question, request.period)
    about["notes"] = told
    for note in told:
        logger.warning("%s", note)
    tables = _tables(connection, request, compared, live)
    if request.top is not None:
        tables = iter([_largest(tables, request.top)])
    return Rows(_columns(request), (_as_rows(table, request) for table in tables), about)


def _compared(request: Request) -> Compared | None:
    """The other period, where one is asked for."""
    if request.comparison is None:
        return None
    period, settled = request.period, request.settled
    shift = chosen_shift(period, request.question.by, request.comparison)
    is_over = settled >= period.end
    # A day half over is compared with the same half.
    until = None if is_over else shift.instant_back(settled, period.timezone)
    return Compared(shift, shift.back(period), until)


def _tables(
    connection: Connection, request: Request, compared: Compared | None, live: Reporting
) -> Iterator[pd.DataFrame]:
    question, settled = request.question, request.settled
    periods = _chunks(request.period) if "hour" in question.by else [request.period]
    if compared is None:
        for period in periods:
            yield answer(connection, question, period, settled, live)
        return
    earlier_live = reporting(connection, question, compared.period)
    if question.is_summed_first and earlier_live.channel_ids != live.channel_ids:
        logger.warning("the two periods are sums of different channels: not all sent it in both")
    untold, rows = 0, 0
    for period in periods:
        table = answer(connection, question, period, settled, live, is_whole=True)
        before = compared.shift.back(period)
        cut = settled if compared.until is None else compared.until
        earlier = answer(
            connection, question, before, cut, earlier_live, is_cut=True, is_whole=True
        )
        table = joined(table, earlier, compared.shift, question.time_keys)
        untold, rows = untold + int(table["is_untold"].sum()), rows + len(table)
        yield table
    if untold:
        logger.warning("%s", untold_note(untold, rows))


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
        columns += [Column("channel_id", "int", 5), Column("channel_name", "text")]
    columns.append(Column(request.value_name, "int" if question.agg == "count" else "float"))
    if request.comparison is not None:
        columns.append(Column(f"compared_{request.value_name}", "float"))
        columns += [Column("change", "float", 2), Column("change_pct", "float")]
        if request.tells_per_day:
            columns.append(Column("change_per_measured_day_pct", "float", 1))
    columns.append(Column("received", "int", 3))
    if question.counts_due:
        columns += [Column("expected", "int", 4), Column("coverage_pct", "float")]
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
        if request.tells_per_day:
            columns.append(_known(table["change_per_day_pct"]))
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
