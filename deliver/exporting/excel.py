"""The tables of an export as sheets of one workbook: numbers are numbers, times are times.

Every text is written as text, never as a formula or a link, with an apostrophe before what a
spreadsheet would run when the sheet is saved as CSV and opened again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from analyze.exports import ExportRows
from deliver.exporting.csv_tables import offset_text
from deliver.exporting.libraries import excel
from deliver.exporting.tables import CHANNEL, TABLES, Column
from lib.errors import UsageError
from lib.spreadsheet import harmless

# A sheet has 1,048,576 rows, one of them the header; a cell holds 32,767 characters.
MAX_ROWS, MAX_TEXT = 1_048_575, 32_767
_TIME, _DAY = "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd"
_FORMATS = {"instant": _TIME, "clock": _TIME, "day": _DAY}
_WIDTHS = {"instant": 19, "clock": 19, "day": 11, "text": 18}

Cells = Iterable[Sequence[Any]]


def write_workbook(path: Path, sheets: Mapping[str, Cells]) -> dict[str, int]:
    """Write the sheets, each row by row; returns how many rows each has.

    Raises UsageError when a table has more rows than a sheet.
    """
    # Row by row to the disk, so that memory does not grow with the table.
    options = {"constant_memory": True, "tmpdir": str(path.parent), "strings_to_formulas": False}
    book = excel().Workbook(str(path), options)
    # Part of the file: without it two runs on the same data differ.
    book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC)})
    formats = {shown: book.add_format({"num_format": shown}) for shown in (_TIME, _DAY)}
    bold = book.add_format({"bold": True})
    counts = {}
    for table, rows in sheets.items():
        sheet = book.add_worksheet(table)
        sheet.freeze_panes(1, 0)
        kinds = TABLES[table]
        for position, column in enumerate(kinds):
            sheet.set_column(position, position, _WIDTHS.get(column.kind, 12))
            sheet.write_string(0, position, column.name, bold)
        counts[table] = _write_rows(sheet, kinds, rows, formats)
        if counts[table]:
            sheet.autofilter(0, 0, counts[table], len(kinds) - 1)
    book.close()
    return counts


def long_cells(rows: ExportRows, channels: Mapping[int, Mapping[str, Any]], table: str) -> Cells:
    """The rows of a long table as Python values, in the order of its columns."""
    moments = rows.moments
    described = [channels[int(channel_id)] for channel_id in rows.channel_ids]
    texts = [offset_text(int(one)) for one in moments.local_seconds - moments.start_seconds]
    is_open = [None] * len(texts) if moments.is_open is None else moments.is_open.tolist()
    heads = [[channel[column.name] for column in CHANNEL] for channel in described]
    utc, local = _times(moments.start_seconds.tolist()), _times(moments.local_seconds.tolist())
    lengths = [[one] for one in moments.interval_seconds.tolist()]
    if table != "readings":
        lengths = [[] for _ in lengths]
    measures = [_shown(values) for values in rows.measures.values()]
    for channel, at, *values in zip(
        rows.channel.tolist(), rows.moment.tolist(), *measures, strict=True
    ):
        total = described[channel]["in_site_total"]
        calendar = (is_open[at], moments.day_type[at], moments.season[at])
        yield [*heads[channel], utc[at], local[at], texts[at], *lengths[at], *values, total,
               *calendar]  # fmt: skip


def small_cells(table: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    """The rows of a small table, in the order of its columns."""
    for row in rows:
        yield [row[column.name] for column in TABLES[table]]


def _write_rows(sheet: Any, kinds: Sequence[Column], rows: Cells, formats: dict[str, Any]) -> int:
    count = 0
    for count, row in enumerate(rows, start=1):
        if count > MAX_ROWS:
            raise UsageError(
                f"{sheet.get_name()} has more than {MAX_ROWS:,} rows, the most that a sheet takes: "
                "export fewer days, or use --format csv or parquet"
            )
        for position, (column, value) in enumerate(zip(kinds, row, strict=True)):
            if value is None:
                continue
            if isinstance(value, bool):
                sheet.write_boolean(count, position, value)
            elif isinstance(value, int | float):
                if value == value:
                    sheet.write_number(count, position, value)
            elif isinstance(value, datetime | date):
                sheet.write_datetime(count, position, value, formats[_FORMATS[column.kind]])
            else:
                sheet.write_string(count, position, harmless(str(value))[:MAX_TEXT])
    return count


def _times(seconds: list[int]) -> list[datetime]:
    return [datetime.fromtimestamp(one, UTC).replace(tzinfo=None) for one in seconds]


def _shown(values: Any) -> list[float | int]:
    """Single-precision numbers by the digits people see: 120.4, not 120.40000152587890625."""
    if values.dtype == "float32":
        return [float(str(one)) for one in values]
    return list(values.tolist())
