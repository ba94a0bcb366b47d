"""How diagnostics are shown: tables, findings and JSON, all on stdout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lib.errors import EXIT_OK, EXIT_PARTIAL

# Wide enough for a sentence per line where the output goes to a file.
FILE_WIDTH = 160
LEVEL_STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of a verdict: what was found and, unless all is well, what to do."""

    level: Level
    text: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding for a JSON document."""
        return {"level": self.level, "text": self.text, "advice": self.advice}


def exit_code_of(findings: Sequence[Finding]) -> int:
    """0, or 4 where a finding is a problem."""
    has_problem = any(finding.level == "problem" for finding in findings)
    return EXIT_PARTIAL if has_problem else EXIT_OK


def show_json(document: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """A table; None is shown as a dash."""
    if title:
        click.echo(f"\n{title}")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text("–" if cell is None else str(cell)) for cell in row))
    _console().print(table)


def show_findings(findings: Sequence[Finding]) -> None:
    """The verdict, worst first, each with what to do about it."""
    order = list(reversed(LEVEL_STYLES))
    console = _console()
    click.echo("\nVerdict")
    for finding in sorted(findings, key=lambda one: order.index(one.level)):
        line = Text(f"{finding.level:<8}", style=LEVEL_STYLES[finding.level])
        console.print(line.append(f" {finding.text}", style="default"), soft_wrap=True)
        if finding.advice:
            console.print(Text(f"         -> {finding.advice}"), soft_wrap=True)


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=FILE_WIDTH)
