"""Tables of plain text in which no number is ever cut.

Where a table is wider than the terminal, the words of its head are folded, then words in its cells,
then columns are left out, the least important first, and that is said below; what still does not
fit, or may not lose a column, is turned into a block of lines for each row. Output that goes to a
file or a pipe has its natural width.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

MISSING = "–"
GAP = "   "
# Words in cells are folded down to this width before a column is left out.
MIN_WORDS_WIDTH = 14
RULE = "─"
_BREAKS = re.compile(r"(?<=[ _])")


@dataclass(frozen=True)
class TextColumn:
    """One column of a table.

    `is_words`: set left and folded where room is short; figures are set right and stay whole.
    `leave_out`: 0 = never; the column with the highest number is left out first.
    """

    name: str
    is_words: bool = False
    leave_out: int = 0


def terminal_width() -> int | None:
    """Columns of the terminal that reads stdout; None where it goes to a file or a pipe."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None


def table_text(
    columns: Sequence[TextColumn], rows: Iterable[Sequence[str]], width: int | None
) -> str:
    """A table as lines of text, none longer than `width` where a column's longest figure allows.

    >>> print(table_text([TextColumn("day", True), TextColumn("kWh")], [("Mon", "1,234.5")], None))
    day       kWh
    ─────────────
    Mon   1,234.5
    <BLANKLINE>
    """
    cells = [list(row) for row in rows]
    shown = list(range(len(columns)))
    gone: list[str] = []
    while True:
        widths = _fitted([columns[at] for at in shown], _picked(cells, shown), width)
        if widths is not None:
            break
        droppable = [at for at in shown if columns[at].leave_out]
        if not droppable:
            return _blocks(columns, cells)
        least = max(droppable, key=lambda at: (columns[at].leave_out, at))
        shown.remove(least)
        gone.append(columns[least].name)
    text = _lines([columns[at] for at in shown], _picked(cells, shown), widths)
    if gone:
        names = ", ".join(reversed(gone))
        text += f"(not shown at this width: {names})\n"
    return text


def fits(columns: Sequence[TextColumn], rows: Sequence[Sequence[str]], width: int | None) -> bool:
    """True where every column fits, if need be with folded words."""
    return _fitted(columns, rows, width) is not None


def _picked(cells: Sequence[Sequence[str]], shown: Sequence[int]) -> list[list[str]]:
    return [[row[at] for at in shown] for row in cells]


def _fitted(
    columns: Sequence[TextColumn], rows: Sequence[Sequence[str]], width: int | None
) -> list[int] | None:
    """Widths of the columns; None where they do not fit."""
    cells = [max((cell_len(row[at]) for row in rows), default=0) for at in range(len(columns))]
    widths = [max(wide, cell_len(one.name)) for wide, one in zip(cells, columns, strict=True)]
    if width is None:
        return widths
    room = width - len(GAP) * (len(columns) - 1)
    for at in sorted(range(len(columns)), key=lambda one: cells[one] - widths[one]):
        if sum(widths) <= room:
            return widths
        # The head gives way first: it may be folded at blanks and underlines.
        longest = max(cell_len(part.rstrip()) for part in _BREAKS.split(columns[at].name))
        least = max(cells[at], longest)
        widths[at] = max(least, widths[at] - (sum(widths) - room))
    for at in sorted(range(len(columns)), key=lambda one: -widths[one]):
        if sum(widths) <= room:
            return widths
        if columns[at].is_words:
            longest = max(cell_len(part.rstrip()) for part in _BREAKS.split(columns[at].name))
            least = min(widths[at], max(MIN_WORDS_WIDTH, longest))
            widths[at] = max(least, widths[at] - (sum(widths) - room))
    return widths if sum(widths) <= room else None


def _lines(
    columns: Sequence[TextColumn], rows: Sequence[Sequence[str]], widths: Sequence[int]
) -> str:
    heads = [_folded(one.name, wide) for one, wide in zip(columns, widths, strict=True)]
    height = max((len(head) for head in heads), default=0)
    # Heads stand on the rule.
    lines = [
        [head[len(head) - height + line] if len(head) >= height - line else "" for head in heads]
        for line in range(height)
    ]
    text = [_line(columns, line, widths) for line in lines]
    text.append(RULE * (sum(widths) + len(GAP) * (len(widths) - 1)))
    for row in rows:
        parts = [_folded(cell, wide) for cell, wide in zip(row, widths, strict=True)]
        for line in range(max((len(part) for part in parts), default=0)):
            cells = [part[line] if line < len(part) else "" for part in parts]
            text.append(_line(columns, cells, widths))
    return "".join(f"{line}\n" for line in text)


def _line(columns: Sequence[TextColumn], cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = []
    for column, cell, wide in zip(columns, cells, widths, strict=True):
        space = " " * (wide - cell_len(cell))
        padded.append(cell + space if column.is_words else space + cell)
    return GAP.join(padded).rstrip()


def _folded(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width`, broken after blanks and underlines, else anywhere."""
    lines = [""]
    for part in _BREAKS.split(text):
        if cell_len((lines[-1] + part).rstrip()) <= width:
            lines[-1] += part
            continue
        if lines[-1]:
            lines.append("")
        for sign in part:
            if cell_len(lines[-1] + sign) > width and sign != " ":
                lines.append("")
            lines[-1] += sign
    return [line.rstrip() for line in lines]


def _blocks(columns: Sequence[TextColumn], rows: Sequence[Sequence[str]]) -> str:
    """A line for each cell, rows apart by a blank line."""
    wide = max((cell_len(one.name) for one in columns), default=0)
    blocks = [
        "".join(
            f"{one.name}{' ' * (wide - cell_len(one.name))}   {cell}\n"
            for one, cell in zip(columns, row, strict=True)
        )
        for row in rows
    ]
    return "\n".join(blocks)
