"""CSV that spreadsheets and Tableau take at once: typed, UTF-8, and harmless.

Null is an empty cell, times are `YYYY-MM-DD HH:MM:SS`, booleans `true` and `false`; numbers have as
many digits as they are stored with, sums at most six decimals. A text that a spreadsheet would run
as a formula gets a leading apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from analyze.exports import ExportRows, Moments
from lib.spreadsheet import harmless

# Millionths of a kWh: below what a meter counts, above the noise of adding binary fractions.
DECIMALS = 6


def table_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A small table with a header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return buffer.getvalue().encode()


def header_csv(columns: Sequence[str]) -> bytes:
    """The header line of a table that `rows_csv` fills."""
    return (",".join(columns) + "\n").encode()


def rows_csv(
    rows: ExportRows, channels: Mapping[int, Mapping[str, Any]], with_interval: bool
) -> bytes:
    """Lines of a long table: channel, moment, measures, in_site_total, is_open, day_type.

    Parameters
    ----------
    rows : what analyze loaded.
    channels : the channels of load_channels, by id.
    with_interval : whether the interval's length is a column of its own.

    Half a million readings take about a second: the texts of a channel and of a moment are made
    once each, the numbers by one call of a C library.
    """
    if len(rows.channel) == 0:
        return b""
    described = [channels[int(channel_id)] for channel_id in rows.channel_ids]
    names = ("site_id", "site_name", "channel_id", "channel_name", "channel_type")
    heads = [_line([channel[name] for name in names]) for channel in described]
    flags = [_line([channel["in_site_total"]]) for channel in described]
    times, days = _moment_cells(rows.moments, with_interval)
    numbers = number_cells(list(rows.measures.values()))
    lines = [
        b"%b,%b,%b,%b,%b" % (heads[channel], times[moment], cells, flags[channel], days[moment])
        for channel, moment, cells in zip(
            rows.channel.tolist(), rows.moment.tolist(), numbers, strict=True
        )
    ]
    lines.append(b"")
    return b"\n".join(lines)


def number_cells(columns: Sequence[NDArray[Any]]) -> list[bytes]:
    """The cells of each row, joined by commas: as few digits as are exact, NaN as an empty cell."""
    blocks = []
    for _, group in groupby(columns, key=lambda column: column.dtype):
        table = np.ascontiguousarray(np.column_stack(list(group)))
        if table.dtype == np.float64:
            table = table.round(DECIMALS)
        text = orjson.dumps(table, option=orjson.OPT_SERIALIZE_NUMPY)
        blocks.append(text[2:-2].replace(b"null", b"").split(b"],["))
    return (
        blocks[0] if len(blocks) == 1 else [b",".join(cells) for cells in zip(*blocks, strict=True)]
    )


def _moment_cells(moments: Moments, with_interval: bool) -> tuple[list[bytes], list[bytes]]:
    """For each moment its cells before the measures (times) and after them (kind of day)."""
    utc, local = _clock(moments.start_seconds), _clock(moments.local_seconds)
    offsets = (moments.local_seconds - moments.start_seconds).tolist()
    intervals = moments.interval_seconds.tolist()
    is_open: Sequence[bool | None] = (
        [None] * len(utc) if moments.is_open is None else moments.is_open.tolist()
    )
    # Made of digits and words of ours: nothing here needs quotes.
    before = [
        f"{at},{clock},{_offset(offset)}{f',{interval}' if with_interval else ''}".encode()
        for at, clock, offset, interval in zip(utc, local, offsets, intervals, strict=True)
    ]
    words = {None: "", True: "true", False: "false"}
    after = [
        f"{words[opened]},{kind}".encode()
        for opened, kind in zip(is_open, moments.day_type, strict=True)
    ]
    return before, after


def _clock(seconds: NDArray[np.int64]) -> list[str]:
    texts = np.datetime_as_string(seconds.astype("datetime64[s]"), unit="s")
    return [text.replace("T", " ") for text in texts.tolist()]


def _offset(seconds: int) -> str:
    """An offset that no spreadsheet takes for a formula or a time: UTC-05:00."""
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"


def _line(cells: Iterable[Any]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([_cell(cell) for cell in cells])
    return buffer.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return round(value, DECIMALS)
    return value  # None becomes an empty cell
