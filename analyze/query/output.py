"""Rows on their way out: table, CSV, JSON or Parquet, batch by batch, so that memory stays small.

A text that a spreadsheet would run as a formula gets a leading apostrophe in CSV. Times are ISO
8601 with their offset; null is an empty cell, `null` or a Parquet null, never zero.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from lib.errors import UsageError
from lib.files import atomic_file
from lib.spreadsheet import harmless

Format = Literal["table", "csv", "json", "parquet"]
FORMATS: tuple[Format, ...] = ("table", "csv", "json", "parquet")
# More lines than this nobody reads on a screen.
TABLE_ROWS = 1000
FILE_WIDTH = 190
DECIMALS = 6
# Control characters could drive the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Row = tuple[Any, ...]


class Column(NamedTuple):
    """`kind` in int, float, text, bool, date, timestamp (with zone), clock (without)."""

    name: str
    kind: str


@dataclass(frozen=True)
class Rows:
    """Columns and their rows in batches; `about` stands at the head of a JSON document."""

    columns: Sequence[Column]
    batches: Iterable[Sequence[Row]]
    about: Mapping[str, Any] = field(default_factory=dict)

    def all(self) -> list[Row]:
        """Every row at once."""
        return [row for batch in self.batches for row in batch]


def chosen_format(asked: str | None, out: Path | None) -> str:
    """--format, else what the ending of --out says, else a table.

    Raises UsageError for Parquet without a file or without pyarrow.
    """
    suffix = out.suffix.removeprefix(".").lower() if out is not None else ""
    name = asked or (suffix if suffix in FORMATS else "table")
    if name == "parquet":
        if out is None:
            raise UsageError("--format parquet needs --out FILE")
        _pyarrow()
    return name


def write(rows: Rows, name: str, out: Path | None) -> tuple[int, int]:
    """Write to the file or to stdout; returns how many rows were written and how many left out."""
    writers: dict[str, Callable[[Rows, BinaryIO], tuple[int, int]]] = {
        "table": _table, "csv": _csv, "json": _json, "parquet": _parquet,
    }  # fmt: skip
    with _target(out) as file:
        return writers[name](rows, file)


def plain(value: Any) -> Any:
    """A value as JSON has it: times and numbers of other kinds as texts and floats."""
    if isinstance(value, float):
        return round(value, DECIMALS) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return str(value)


def shown(value: Any) -> str:
    """A value in a table: a dash where there is none."""
    if isinstance(value, float | Decimal):
        return f"{value:,.3f}".rstrip("0").rstrip(".") if math.isfinite(value) else "–"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes" if not value.second else "auto")
    return "–" if value is None else _CONTROL.sub("?", str(value))


@contextmanager
def _target(out: Path | None) -> Iterator[BinaryIO]:
    if out is not None:
        with atomic_file(out) as file:
            yield file
    else:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()


def _table(rows: Rows, file: BinaryIO) -> tuple[int, int]:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in rows.columns:
        is_number = column.kind in ("int", "float") and not column.name.endswith("_id")
        table.add_column(Text(shown(column.name)), justify="right" if is_number else "left")
    count = 0
    for batch in rows.batches:
        for row in batch:
            if count < TABLE_ROWS:
                cells = (str(value) if isinstance(value, int) else shown(value) for value in row)
                table.add_row(*(Text(cell) for cell in cells))
            count += 1
    text = io.StringIO()
    terminal = Console(highlight=False)
    is_terminal = terminal.is_terminal and file is sys.stdout.buffer
    width = terminal.width if is_terminal else FILE_WIDTH
    Console(highlight=False, file=text, width=width, color_system=None).print(table)
    file.write("".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines()).encode())
    written = min(count, TABLE_ROWS)
    return written, count - written


def _csv(rows: Rows, file: BinaryIO) -> tuple[int, int]:
    file.write(_csv_lines([[column.name for column in rows.columns]]))
    count = 0
    for batch in rows.batches:
        file.write(_csv_lines(batch))
        count += len(batch)
    return count, 0


def _csv_lines(batch: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    lines = ([_csv_cell(value) for value in row] for row in batch)
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


def _csv_cell(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    return harmless(value) if isinstance(value, str) else value


def _json(rows: Rows, file: BinaryIO) -> tuple[int, int]:
    head = json.dumps({**rows.about, "rows": []}, ensure_ascii=False)
    file.write(head[: -len("]}")].encode())
    names = [column.name for column in rows.columns]
    count = 0
    for batch in rows.batches:
        for row in batch:
            values = dict(zip(names, map(plain, row), strict=True))
            line = json.dumps(values, ensure_ascii=False)
            file.write(f"{',' if count else ''}\n  {line}".encode())
            count += 1
    file.write(b"\n]}\n")
    return count, 0


def _parquet(rows: Rows, file: BinaryIO) -> tuple[int, int]:
    pa = _pyarrow()
    import pyarrow.parquet as pq

    kinds = {
        "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "date": pa.date32(),
        "clock": pa.timestamp("us"), "text": pa.string(),
    }  # fmt: skip
    zone_name = str(rows.about.get("timezone", "UTC"))
    kinds["timestamp"] = pa.timestamp("us", tz=zone_name)
    schema = pa.schema([(column.name, kinds[column.kind]) for column in rows.columns])
    count = 0
    with pq.ParquetWriter(file, schema) as writer:
        for batch in rows.batches:
            if not batch:
                continue
            arrays = [
                pa.array(
                    [_arrow_cell(row[position], kind) for row in batch], schema.types[position]
                )
                for position, (_, kind) in enumerate(rows.columns)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(batch)
    return count, 0


def _arrow_cell(value: Any, kind: str) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind == "float":
        return float(value)
    if kind != "text" or isinstance(value, str):
        return value
    value = plain(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow: pip install pyarrow, or use --format csv"
        ) from None
    return pyarrow
