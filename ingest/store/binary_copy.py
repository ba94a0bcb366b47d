"""Rows in PostgreSQL's binary COPY format, packed by NumPy instead of row by row.

All rows are laid out at full width as one matrix of bytes; a mask then leaves out the bytes that
a null or a short text does not have. The format is described in PostgreSQL's manual under COPY.
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
    """One column: `content` is (n, width) bytes, `lengths` (n,) their used length, -1 for null."""

    name: str
    content: np.ndarray
    lengths: np.ndarray


def number_column(name: str, kind: str, values: np.ndarray) -> CopyColumn:
    """float8, float4 or int4; NaN is null."""
    null = np.isnan(values)
    filled = np.where(null, 0.0, values)
    packed = filled.astype(_DTYPES[kind])
    width = packed.dtype.itemsize
    content = packed.view(np.uint8).reshape(len(values), width)
    return CopyColumn(name, content, np.where(null, -1, width))


def timestamp_column(name: str, timestamp_us: np.ndarray) -> CopyColumn:
    """timestamptz from microseconds since 1970 UTC; never null."""
    packed = (timestamp_us - POSTGRES_EPOCH_US).astype(">i8")
    content = packed.view(np.uint8).reshape(len(timestamp_us), 8)
    return CopyColumn(name, content, np.full(len(timestamp_us), 8))


def text_column(name: str, texts: Sequence[str | None]) -> CopyColumn:
    """text; None is null."""
    encoded = [b"" if text is None else text.encode() for text in texts]
    width = max(map(len, encoded), default=0)
    content = np.frombuffer(
        b"".join(value.ljust(width, b"\x00") for value in encoded), np.uint8
    ).reshape(len(encoded), width)
    lengths = np.array(
        [-1 if text is None else len(value) for text, value in zip(texts, encoded, strict=True)]
    )
    return CopyColumn(name, content, lengths)


def encode_rows(columns: Sequence[CopyColumn]) -> bytes:
    """The whole COPY stream, header and trailer included."""
    count = len(columns[0].lengths)
    field_count = np.frombuffer(len(columns).to_bytes(2, "big"), np.uint8)
    parts = [np.broadcast_to(field_count, (count, 2))]
    kept = [np.ones((count, 2), dtype=bool)]
    for column in columns:
        width = column.content.shape[1]
        parts.append(column.lengths.astype(">i4").view(np.uint8).reshape(count, 4))
        kept.append(np.ones((count, 4), dtype=bool))
        parts.append(column.content)
        kept.append(np.arange(width) < column.lengths[:, None])
    body = np.hstack(parts)[np.hstack(kept)].tobytes()
    return _HEADER + body + _TRAILER
