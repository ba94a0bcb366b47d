"""What the weekly PDF is built of: blocks that its template knows, and the words they share.

A block is a dictionary with a `kind`: lead, text, small, heading, list, table, wins, terms, chart,
halves, or kept (blocks that stay on one page). A cell of a table is a text, a list (a text and what
stands small under it) or {"tag": severity}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from analyze.wording import WEEK_DAYS, period_noun
from deliver.forms import formats
from deliver.weekly.figures import Figure

Block = dict[str, Any]
Section = dict[str, Any]
# As on the page.
MAX_ROWS = 40


class Words(NamedTuple):
    """What every sentence of a report depends on: its currency, its period, what can be judged."""

    currency: str
    noun: str
    is_longer: bool
    has_data: bool
    has_history: bool

    @classmethod
    def of(cls, document: dict[str, Any]) -> Words:
        metadata = document["metadata"]
        days = formats.days_between(metadata["period"]["start"], metadata["period"]["end"])
        return cls(
            currency=metadata["site"]["currency"],
            noun=period_noun(days),
            is_longer=days > WEEK_DAYS,
            has_data=metadata["inputs"]["readings"] > 0,
            has_history=document["summary"]["expectedEnergyKwh"] is not None,
        )

    @property
    def weekly(self) -> str:
        return "a week" if self.is_longer else f"this {self.noun}"

    def money(self, value: float | None) -> str:
        return formats.money(value, self.currency)

    def nothing(self, text: str) -> str:
        """`text` where nothing was found, or why nothing could be."""
        if not self.has_data:
            return "Not judged: no reading arrived in this period."
        if not self.has_history:
            return "Not judged: there is not enough history yet to say what is normal."
        return text


def text_block(kind: str, text: str) -> Block:
    return {"kind": kind, "text": text}


def table_blocks(
    header: Sequence[str], rows: Sequence[Any], totals: Sequence[int] = ()
) -> list[Block]:
    """A table, and a line that says so where it is cut."""
    shown = {"kind": "table", "header": header, "rows": rows[:MAX_ROWS], "totals": totals}
    return [shown, *rest_blocks(rows)]


def rest_blocks(rows: Sequence[Any]) -> list[Block]:
    """How many rows are not shown, where there are too many."""
    left = len(rows) - MAX_ROWS
    if left <= 0:
        return []
    more = f"And {formats.number(left)} more; the report’s JSON lists all of them."
    return [text_block("small", more)]


def chart_block(figure: Figure, words: Words, is_narrow: bool = False) -> Block:
    """A chart, its finding, what it shows in words, and what its marks mean."""
    marks = _marks(figure, words)
    if figure.has_gap:
        marks.append(_mark("gap", "No data"))
    is_of_days = figure.key in ("load", "dailyEnergy", "heatmap")
    if is_of_days and figure.has_closed_day and (is_narrow or words.is_longer):
        marks.append(_mark("", "* Holiday or closed day"))
    return {
        "kind": "chart",
        "name": figure.key,
        "title": figure.title,
        "alt": f"{figure.title}. {figure.description}",
        "marks": marks,
    }


def _marks(figure: Figure, words: Words) -> list[Block]:
    lines = [_mark("actual", "Measured"), _mark("expected", "Expected")]
    if figure.key in ("load", "dayProfiles"):
        sides = [_mark("above", "Above the expected"), _mark("below", "Below the expected")]
        return [*lines, *sides]
    if figure.key == "dailyEnergy":
        return [_mark("day", "Measured"), _mark("expected", "Expected")]
    if figure.key == "loadDuration":
        usual = [_mark("expected", "Usual")] if len(figure.columns) > 2 else []
        return [_mark("actual", f"This {words.noun}"), *usual]
    if figure.key == "heatmap":
        if figure.low is None:
            return []
        low, high = (formats.quantity(end, figure.unit) for end in (figure.low, figure.high))
        return [{**_mark("ramp", high), "low": low}]
    sides = [_mark("above", "Above"), _mark("below", "Below")]
    return [*lines, *sides, _mark("event", "When it happened")]


def _mark(kind: str, label: str) -> Block:
    return {"kind": kind, "label": label}
