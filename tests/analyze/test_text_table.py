"""Tables of text: whatever the width, no figure is cut, and what is left out is said."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from analyze.text_table import TextColumn, table_text

COLUMNS = (
    TextColumn("channel_name", is_words=True), TextColumn("sum_energy_kwh"),
    TextColumn("compared_sum_energy_kwh"), TextColumn("change", leave_out=2),
    TextColumn("received", leave_out=3), TextColumn("coverage_pct"),
)  # fmt: skip
ROWS = (
    ("Kitchen Main Panel, third floor", "12,345,678.901", "-9,876,543.21", "1,234.5", "2976", "99"),
    ("冷房", "0.001", "–", "–", "0", "0"),
)


@pytest.mark.parametrize("width", [None, 200, 120, 100, 80, 72, 60])
def test_no_figure_is_cut_and_no_line_is_too_long(width: int | None) -> None:
    text = table_text(COLUMNS, ROWS, width)
    shown = [
        number
        for number, column in enumerate(COLUMNS)
        if column.name not in text.partition("(not shown")[2]
    ]
    assert len(shown) >= 4
    for row in ROWS:
        for number in shown[1:]:
            assert row[number] in text
    assert all(cell_len(line) <= (width or 1000) for line in text.splitlines())


def test_the_least_important_columns_go_first() -> None:
    texts = [table_text(COLUMNS, ROWS, width) for width in range(140, 60, -1)]
    said = [text.partition("not shown at this width: ")[2].strip(")\n") for text in texts]
    assert list(dict.fromkeys(said)) == ["", "received", "change, received"]


def test_columns_that_may_not_be_left_out_become_lines() -> None:
    columns = [TextColumn(f"column_{number}") for number in range(40)]
    text = table_text(columns, [[str(number) * 6 for number in range(40)]], 80)
    assert text.splitlines()[7].split() == ["column_7", "777777"]


def test_a_table_without_rows_is_its_head() -> None:
    assert table_text(COLUMNS[:2], [], 80).splitlines()[0].split() == [
        "channel_name",
        "sum_energy_kwh",
    ]
