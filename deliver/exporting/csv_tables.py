"""CSV that spreadsheets and Tableau take at once: typed, UTF-8, and harmless.

Null is an empty cell, times are `YYYY-MM-DD HH:MM:SS`, booleans `true` and `false`. Stored numbers
have all the digits they are stored with, sums at most six decimals. A text that a spreadsheet would
run as a formula gets a leading apostrophe; line breaks and other control characters become spaces.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from analyze.exports import ExportRows, Moments
from deliver.exporting.tables import CHANNEL
from lib.spreadsheet import harmless

# Millionths of a kWh: below what a meter counts, above the noise of adding binary fractions.
DECIMALS = 6
# A line break in a name would break the row, and begin a formula after it.
_CONTROLS = re.compile(r"\r\n|[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WORDS = {None: "", True: "true", False: "false"}


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
    rows: ExportRows, channels: Mapping[int, Mapping[str, Any]], *, are_sums: bool
) -> bytes:
    """Lines of a long table: channel, moment, measures, in_site_total, calendar.

    Parameters
    ----------
    rows : what analyze loaded.
    channels : the channels of load_channels, by id.
    are_sums : False for readings, which carry their interval's length and all stored digits.

    Half a million readings take less than a second: the texts of a channel and of a moment are made
    once each, the numbers by one call of a C library, and nothing is formatted row by row.
    """
    if len(rows.channel) == 0:
        return b""
    described = [channels[int(channel_id)] for channel_id in rows.channel_ids]
    heads = [_line([channel[column.name] for column in CHANNEL]) + b"," for channel in described]
    flags = [b",%b," % _line([channel["in_site_total"]]) for channel in described]
    before, after = _moment_cells(rows.moments, with_interval=not are_sums)
    channel, moment = rows.channel.tolist(), rows.moment.tolist()
    parts: list[Iterable[bytes]] = [
        map(heads.__getitem__, channel),
        map(before.__getitem__, moment),
        *_number_cells(list(rows.measures.values()), are_sums),
        map(flags.__getitem__, channel),
        map(after.__getitem__, moment),
    ]
    pieces = [b""] * (len(parts) * len(channel))
    for position, cells in enumerate(parts):
        pieces[position :: len(parts)] = cells
    return b"".join(pieces)


def offset_text(seconds: int) -> str:
    """An offset that no spreadsheet takes for a formula or a time.

    >>> offset_text(-18_000)
    'UTC-05:00'
    """
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"


def _number_cells(columns: Sequence[NDArray[Any]], are_sums: bool) -> list[list[bytes]]:
    """The cells of each row, in one list for neighbours of one type; each begins with its comma.

    As few digits as are exact; NaN is an empty cell.
    """
    blocks = []
    for _, group in groupby(columns, key=lambda column: column.dtype):
        table = np.ascontiguousarray(np.column_stack(list(group)))
        if are_sums and table.dtype == np.float64:
            table = table.round(DECIMALS)
        text = orjson.dumps(table, option=orjson.OPT_SERIALIZE_NUMPY)
        cells = text[1:-2].replace(b"null", b"").replace(b"[", b",")
        blocks.append(cells.split(b"],"))
    return blocks


def _moment_cells(moments: Moments, *, with_interval: bool) -> tuple[list[bytes], list[bytes]]:
    """For each moment its cells before the measures (times) and the last of the line."""
    utc, local = _clock(moments.start_seconds), _clock(moments.local_seconds)
    offsets = (moments.local_seconds - moments.start_seconds).tolist()
    offset_texts = {offset: offset_text(offset) for offset in set(offsets)}
    intervals = moments.interval_seconds.tolist()
    is_open: Sequence[bool | None] = (
        [None] * len(utc) if moments.is_open is None else moments.is_open.tolist()
    )
    # Made of digits and words of ours: nothing here needs quotes.
    before = [
        f"{at},{clock},{offset_texts[offset]}{f',{interval}' if with_interval else ''}".encode()
        for at, clock, offset, interval in zip(utc, local, offsets, intervals, strict=True)
    ]
    after = [
        f"{_WORDS[opened]},{kind},{season}\n".encode()
        for opened, kind, season in zip(is_open, moments.day_type, moments.season, strict=True)
    ]
    return before, after


def _clock(seconds: NDArray[np.int64]) -> list[str]:
    texts = np.datetime_as_string(seconds.astype("datetime64[s]"), unit="s")
    return [text.replace("T", " ") for text in texts.tolist()]


def _line(cells: Iterable[Any]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([_cell(cell) for cell in cells])
    return buffer.getvalue().encode()


@lru_cache(maxsize=1024)  # the same few names stand in thousands of rows
def _text(value: str) -> str:
    return harmless(_CONTROLS.sub(" ", value))


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, float):
        return round(value, DECIMALS) if math.isfinite(value) else None
    return value  # None becomes an empty cell; a datetime is written as YYYY-MM-DD HH:MM:SS
