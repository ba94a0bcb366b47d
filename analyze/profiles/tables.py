"""How the profiles print: rich tables of plain cells, wide enough for a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analyze.profiles.documents import Caveat

# Wide enough for a line per row where the output goes to a file.
FILE_WIDTH = 190
MISSING = "–"


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
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[str] = ()
) -> None:
    """A titled table; the columns named in `words` are set left, figures right."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=FILE_WIDTH)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column in words else "right")
    for row in rows:
        # Text, not markup: a channel may be called "[red]".
        table.add_row(*(Text(cell) for cell in row))
    click.echo(f"\n{title}")
    console.print(table)


def print_caveats(caveats: Sequence[Caveat]) -> None:
    """What to bear in mind, one line each."""
    if caveats:
        click.echo("\nBear in mind")
        for caveat in caveats:
            click.echo(f"  {caveat.name}: {caveat.text}")
