"""How the profiles print: tables that fit the terminal, and caveats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from analyze.profiles.documents import Caveat
from analyze.text_table import MISSING, TextColumn, fits, table_text, terminal_width


def number(value: float | None) -> str:
    """A figure with three significant digits; a dash where there is none.

    >>> number(1234.5), number(0.12345), number(None)
    ('1,234', '0.123', '–')
    """
    if value is None or value != value:
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent(value: float | None) -> str:
    """A share; cut, not rounded, so that 100 % means all."""
    if value is None or value != value:
        return MISSING
    return f"{int(value * 10) / 10:g} %"


def change(value: float | None) -> str:
    """A change with its sign."""
    return MISSING if value is None else f"{value:+.1f} %"


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    words: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    *,
    may_turn: bool = False,
) -> None:
    """A titled table; the columns named in `words` are set left, figures right.

    Where it is too wide, the columns of `leave_out` go, the last one first; with `may_turn` rows
    and columns change places instead.
    """
    cells = [list(row) for row in rows]
    width = terminal_width()
    heads = [
        TextColumn(name, name in words, leave_out.index(name) + 1 if name in leave_out else 0)
        for name in columns
    ]
    if may_turn and not fits(heads, cells, width):
        heads = [TextColumn(columns[0], is_words=True), *(TextColumn(row[0]) for row in cells)]
        cells = [[name, *column] for name, *column in zip(columns, *cells, strict=True)][1:]
    click.echo(f"\n{title}")
    click.echo(table_text(heads, cells, width), nl=False)


def print_caveats(caveats: Sequence[Caveat]) -> None:
    """What to bear in mind, one line each."""
    if caveats:
        click.echo("\nBear in mind")
        for caveat in caveats:
            click.echo(f"  {caveat.name}: {caveat.text}")
