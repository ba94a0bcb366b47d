"""The tables of an export in Arrow, for Parquet and for Tableau's extract: every column typed.

Text is as it is stored: a typed file is no spreadsheet that could take it for a formula. UTC times
carry their zone in Parquet; an extract has plain times, and the columns' names say which clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from analyze.exports import ExportRows
from deliver.exporting.csv_tables import offset_text
from deliver.exporting.libraries import arrow
from deliver.exporting.tables import CHANNEL, TABLES, Column

if TYPE_CHECKING:
    import pyarrow as pa


def schema(table: str, *, zone: str | None) -> pa.Schema:
    """The columns and types of a table; `zone` is that of UTC times, None for plain ones."""
    return arrow().schema([(column.name, _type(column, zone)) for column in TABLES[table]])


def small_table(table: str, rows: Iterable[Mapping[str, Any]], *, zone: str | None) -> pa.Table:
    """Rows of a small table."""
    pa = arrow()
    listed, types = list(rows), schema(table, zone=zone)
    arrays = [pa.array([row[field.name] for row in listed], field.type) for field in types]
    return pa.Table.from_arrays(arrays, schema=types)


def long_batch(
    table: str, rows: ExportRows, channels: Mapping[int, Mapping[str, Any]], *, zone: str | None
) -> pa.RecordBatch:
    """Rows of a long table, as one batch."""
    pa = arrow()
    types = schema(table, zone=zone)
    described = [channels[int(channel_id)] for channel_id in rows.channel_ids]
    moments, count = rows.moments, len(rows.channel)
    offsets, offset = np.unique(moments.local_seconds - moments.start_seconds, return_inverse=True)
    by_moment: dict[str, tuple[Sequence[Any], NDArray[Any]]] = {
        "utc_offset": ([offset_text(int(one)) for one in offsets], offset[rows.moment]),
        "day_type": _coded(moments.day_type, rows.moment),
        "season": _coded(moments.season, rows.moment),
    }
    arrays = []
    for field in types:
        name = field.name
        if name in by_moment:
            arrays.append(_taken(*by_moment[name], field.type))
        elif name in described_names():
            arrays.append(_taken([one[name] for one in described], rows.channel, field.type))
        elif name in rows.measures:
            values = rows.measures[name]
            missing = np.isnan(values) if values.dtype.kind == "f" else None
            arrays.append(pa.array(_as_shown(values), field.type, mask=missing))
        elif name == "interval_seconds":
            arrays.append(pa.array(moments.interval_seconds[rows.moment], field.type))
        elif name == "is_open":
            is_open = None if moments.is_open is None else moments.is_open[rows.moment]
            arrays.append(pa.nulls(count, field.type) if is_open is None else pa.array(is_open))
        else:
            seconds = moments.local_seconds if name.endswith("_local") else moments.start_seconds
            arrays.append(pa.array(seconds[rows.moment] * 1_000_000).cast(field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=types)


def described_names() -> frozenset[str]:
    """The columns that describe a row's channel."""
    return frozenset({*(column.name for column in CHANNEL), "in_site_total"})


def _as_shown(values: NDArray[Any]) -> NDArray[Any]:
    """A single-precision number keeps the digits people see: 120.4, not 120.40000152587890625."""
    if values.dtype != np.float32 or np.isnan(values).all():
        return values
    digits = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)
    return np.array(orjson.loads(digits), dtype=np.float64)  # None becomes NaN


def _coded(texts: Sequence[str], moment: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    kinds, codes = np.unique(np.array(texts, dtype=object), return_inverse=True)
    return kinds.tolist(), codes[moment]


def _taken(values: Sequence[Any], codes: NDArray[Any], kind: pa.DataType) -> pa.Array:
    pa = arrow()
    return pa.array(values, kind).take(pa.array(codes))


def _type(column: Column, zone: str | None) -> pa.DataType:
    pa = arrow()
    return {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "day": pa.date32(),
        "instant": pa.timestamp("us", tz=zone),
        "clock": pa.timestamp("us"),
    }[column.kind]
