"""Rows in PostgreSQL's binary COPY format, packed by NumPy instead of row by row.

All rows are laid out at full width in one structured array; where a column has nulls or texts of
several lengths, a mask then leaves out the bytes that a row does not have. The format is described
in PostgreSQL's manual under COPY.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lib.database import POSTGRES_EPOCH_US

_HEADER = b"PGCOPY\n\xff\r\n\x00" + (0).to_bytes(4, "big") + (0).to_bytes(4, "big")
_TRAILER = (-1).to_bytes(2, "big", signed=True)
_DTYPES = {"float8": ">f8", "float4": ">f4", "int4": ">i4"}


@dataclass(frozen=True)
class CopyColumn:
    """One column of n rows: `values` (n,), or one value for all rows, go into `dtype`.

    `lengths` (n,) is the used length of each value, -1 for null; None where all are used in full.
    """

    name: str
    dtype: np.dtype
    values: np.ndarray
    lengths: np.ndarray | None = None


def number_column(name: str, kind: str, values: np.ndarray) -> CopyColumn:
    """float8, float4 or int4; NaN is null."""
    dtype = np.dtype(_DTYPES[kind])
    null = np.isnan(values)
    if not null.any():
        return CopyColumn(name, dtype, values)
    return CopyColumn(name, dtype, np.where(null, 0.0, values), np.where(null, -1, dtype.itemsize))


def timestamp_column(name: str, timestamp_us: np.ndarray) -> CopyColumn:
    """timestamptz from microseconds since 1970 UTC; never null."""
    return CopyColumn(name, np.dtype(">i8"), timestamp_us - POSTGRES_EPOCH_US)


def constant_column(name: str, content: bytes) -> CopyColumn:
    """The same bytes, as PostgreSQL's binary format has them, in every row."""
    dtype = np.dtype((np.void, len(content)))
    return CopyColumn(name, dtype, np.frombuffer(content, dtype))


def text_column(name: str, texts: Sequence[str | None]) -> CopyColumn:
    """text; None is null."""
    encoded = [b"" if text is None else text.encode() for text in texts]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    dtype = np.dtype((np.bytes_, max(int(lengths.max(initial=0)), 1)))
    null = np.fromiter((text is None for text in texts), bool, len(encoded))
    return CopyColumn(name, dtype, np.array(encoded, dtype), np.where(null, -1, lengths))


def encode_rows(columns: Sequence[CopyColumn], count: int) -> bytes:
    """The whole COPY stream of `count` rows, header and trailer included."""
    fields: list[tuple[str, object]] = [("field_count", ">i2")]
    for column in columns:
        fields += [(f"length of {column.name}", ">i4"), (column.name, column.dtype)]
    rows = np.empty(count, np.dtype(fields))
    rows["field_count"] = len(columns)
    for column in columns:
        rows[column.name] = column.values
        rows[f"length of {column.name}"] = (
            column.dtype.itemsize if column.lengths is None else column.lengths
        )
    if all(column.lengths is None for column in columns):
        return b"".join((_HEADER, rows.data, _TRAILER))
    used = np.ones((count, rows.itemsize), dtype=bool)
    end = 2
    for column in columns:
        start, end = end + 4, end + 4 + column.dtype.itemsize
        if column.lengths is not None:
            used[:, start:end] = np.arange(end - start) < column.lengths[:, None]
    body = rows.view(np.uint8).reshape(count, rows.itemsize)[used]
    return b"".join((_HEADER, body.data, _TRAILER))
