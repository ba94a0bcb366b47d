"""One month of stored readings as a file: gzip CSV with the same bytes each time, or Parquet."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from analyze.exporting.archive import RawColumn, copy_month
from deliver.exporting.libraries import arrow
from lib.circuit_breaker import BreakerStatus
from lib.database import Connection
from lib.date_utils import Period

Form = Literal["csv", "parquet"]
SUFFIXES: dict[str, str] = {"csv": "csv.gz", "parquet": "parquet"}
# Part of every fingerprint: raise it when the same rows are written in another way.
LAYOUT_VERSION = 1
_DECIMALS = 6
_BUFFER_BYTES = 1 << 20


def write_month(
    path: Path,
    form: Form,
    connection: Connection,
    site_id: str,
    month: Period,
    columns: tuple[RawColumn, ...],
) -> None:
    """Write the month's readings to `path`."""
    if form == "csv":
        with path.open("xb") as file:
            # Without a name and a time inside, the same rows give the same bytes.
            packed = gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0)
            with packed, io.BufferedWriter(packed, _BUFFER_BYTES) as rows:
                copy_month(connection, site_id, month, columns, rows)
        return
    unpacked = path.with_suffix(".csv")
    with unpacked.open("xb", buffering=_BUFFER_BYTES) as rows:
        copy_month(connection, site_id, month, columns, rows)
    _to_parquet(unpacked, path, columns)
    unpacked.unlink()


def month_entry(
    month: Period,
    form: Form,
    columns: Sequence[RawColumn],
    channels: Sequence[Mapping[str, Any]],
    breaker: BreakerStatus,
) -> dict[str, Any]:
    """What the manifest says of a month: rows, sums, completeness, verdict."""
    rows = sum(channel["rows"] for channel in channels)
    expected = sum(channel["expected"] for channel in channels)
    return {
        "format": SUFFIXES[form],
        "first_day": month.first_day.isoformat(),
        "last_day": month.last_day.isoformat(),
        "rows": rows,
        "sum_energy_kwh": _rounded(sum(channel["energy_kwh"] or 0.0 for channel in channels)),
        "expected_rows": expected,
        "completeness_pct": _percent(rows, expected),
        "validation": {
            "verdict": breaker.verdict,
            "overrides": [
                {
                    "by": override.by,
                    "reason": override.reason,
                    "days": [day.isoformat() for day in override.days],
                }
                for override in breaker.overrides
            ],
        },
        "columns": [column.name for column in columns],
        "channels": [_channel(channel) for channel in channels],
    }


def month_fingerprint(month: Period, columns: Sequence[RawColumn], stored: str) -> str:
    """What decides the bytes of a month's file; `stored` is the fingerprint of its rows."""
    decides = (LAYOUT_VERSION, month, [(column.name, column.kind) for column in columns], stored)
    return hashlib.sha256(repr(decides).encode()).hexdigest()


def _channel(channel: Mapping[str, Any]) -> dict[str, Any]:
    energy = channel["energy_kwh"]
    return {
        "channel_id": channel["channel_id"],
        "channel_name": channel["channel_name"],
        "channel_type": channel["channel_type"],
        "rows": channel["rows"],
        "sum_energy_kwh": None if energy is None else _rounded(energy),
        "first_utc": _instant(channel["first_utc"]),
        "last_utc": _instant(channel["last_utc"]),
        "expected_rows": channel["expected"],
        "completeness_pct": _percent(channel["rows"], channel["expected"]),
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole > 0 else None


def _rounded(energy_kwh: float) -> float:
    return round(energy_kwh, _DECIMALS)


def _to_parquet(source: Path, target: Path, columns: Sequence[RawColumn]) -> None:
    pa = arrow()
    import pyarrow.csv
    import pyarrow.parquet as pq

    kinds = {
        "integer": pa.int64(),
        "double": pa.float64(),
        "single": pa.float32(),
        "boolean": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "text": pa.string(),
    }
    types = {column.name: kinds[column.kind] for column in columns}
    convert = pyarrow.csv.ConvertOptions(
        column_types=types,
        null_values=[""],
        true_values=["t"],
        false_values=["f"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    with (
        pyarrow.csv.open_csv(source, parse_options=parse, convert_options=convert) as reader,
        pq.ParquetWriter(target, pa.schema(list(types.items())), compression="zstd") as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)
