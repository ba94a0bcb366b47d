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

from analyze.text_table import TextColumn, table_text, terminal_width
from lib.errors import UsageError
from lib.files import atomic_file
from lib.spreadsheet import harmless

Format = Literal["table", "csv", "json", "parquet"]
# More lines than this nobody reads on a screen.
TABLE_ROWS = 1000
# The endings of a file and the formats they stand for.
ENDINGS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".txt": "table"}
DECIMALS = 6
# Control characters could drive the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Row = tuple[Any, ...]


class Column(NamedTuple):
    """`kind` in int, float, text, bool, date, timestamp (with zone), clock (without).

    `leave_out` ranks the columns that a narrow terminal may do without; 0 = never left out.
    """

    name: str
    kind: str
    leave_out: int = 0


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

    Raises UsageError for Parquet without a file or without pyarrow, for an ending that is not known
    or is another format's, and for a folder that is not there.
    """
    by_ending = None
    if out is not None:
        by_ending = ENDINGS.get(out.suffix.lower())
        if out.suffix and by_ending is None:
            known = ", ".join(ENDINGS)
            raise UsageError(f"--out {out.name}: '{out.suffix}' is not written; known: {known}")
        if asked and by_ending and asked != by_ending:
            raise UsageError(f"--out {out.name} is no {asked}: leave --format out, or rename it")
        require_folder("--out", out)
    name = asked or by_ending or "table"
    if name == "parquet":
        if out is None:
            raise UsageError("--format parquet needs --out FILE")
        _pyarrow()
    return name


def require_folder(option: str, path: Path) -> None:
    """Raises UsageError where the folder of a file to be written is not there."""
    if not path.parent.is_dir():
        raise UsageError(f"{option} {path}: there is no folder {path.parent}")


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
    columns = [
        TextColumn(
            shown(column.name),
            is_words=column.kind not in ("int", "float") or column.name.endswith("_id"),
            leave_out=column.leave_out,
        )
        for column in rows.columns
    ]
    kept: list[list[str]] = []
    count = 0
    for batch in rows.batches:
        for row in batch:
            if count < TABLE_ROWS:
                kept.append([str(one) if isinstance(one, int) else shown(one) for one in row])
            count += 1
    width = terminal_width() if file is sys.stdout.buffer else None
    lines = [shown(line) for line in rows.about.get("heading", ())]
    text = "".join(f"{line}\n" for line in lines) + ("\n" if lines else "")
    file.write((text + table_text(columns, kept, width)).encode())
    return len(kept), count - len(kept)


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
                for position, (_, kind, _) in enumerate(rows.columns)
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
            'Parquet needs pyarrow: .venv/bin/pip install -e ".[parquet]", or use --format csv'
        ) from None
    return pyarrow
