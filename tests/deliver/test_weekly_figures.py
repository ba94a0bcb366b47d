"""The figures of the weekly report: drawn, named, their gaps gaps, their numbers a table."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from example_findings import GENERATED_AT, breaker_status, week_findings
from html_page import page_of

from analyze.findings import Chart, Series
from deliver.weekly.document import report_document
from deliver.weekly.figures import Figure, weekly_figures

TEXTS = ("title", "desc")


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return weekly_figures(report_document(week_findings(), breaker_status(), GENERATED_AT))


def test_every_chart_is_named_and_has_its_numbers_as_a_table(figures: dict[str, Figure]) -> None:
    assert list(figures) == [
        "load", "dailyEnergy", "heatmap", "dayProfiles", "loadDuration", "quickWin1", "anomaly1",
    ]  # fmt: skip
    for name, figure in figures.items():
        for drawing in filter(None, (figure.wide, figure.narrow)):
            svg = ElementTree.fromstring(drawing)  # noqa: S314 (our own drawing)
            texts = {child.attrib["id"]: child.text for child in svg if child.tag in TEXTS}
            assert svg.attrib["role"] == "img"
            assert list(texts) == svg.attrib["aria-labelledby"].split()
            assert list(texts.values()) == [figure.title, figure.description]
        assert {len(row) for row in figure.rows} == {len(figure.columns)}
        assert all(cell.isprintable() for row in figure.rows for cell in row), name
    assert figures["load"].rows[345][:2] == ["Thu 12 Nov, 14:15", "–"]
    assert figures["loadDuration"].rows[50] == ["50%", "37.3", "34.0"]


def across(path: str) -> list[float]:
    """Where the points of a path lie from left to right."""
    (line,) = re.findall(r' d="([^"]*)"', path)
    return [float(number) for number in re.findall(r"[\d.]+", line)[::2]]


def test_a_chart_of_a_finding_is_drawn_once_and_marks_when_it_happened(
    figures: dict[str, Figure],
) -> None:
    chart = figures["quickWin1"]
    marks = [path for path in paths(chart.wide) if "stroke: #b8480c" in path]

    assert chart.narrow is None
    assert len(marks) == 1
    # Eight hours of 32 before, sixteen during the event.
    start, end = across(marks[0])
    left, right = 40, 380 - 8
    assert (start - left) / (right - left) == pytest.approx(8 / 32, abs=0.01)
    assert (end - left) / (right - left) == pytest.approx(24 / 32, abs=0.01)


def test_what_lies_above_and_below_the_expected_is_shaded_to_where_the_lines_meet() -> None:
    x = tuple(f"2026-11-09T{hour:02d}:00:00-05:00" for hour in range(4))
    actual = Series("actual", x, (1.0, 3.0, 1.0, 1.0))
    expected = Series("expected", x, (2.0, 2.0, 2.0, 1.0))
    svg = drawn(Chart("Load", "kW", (actual, expected))).wide
    areas = {
        colour: next(path for path in paths(svg) if f"fill: {colour}" in path)
        for colour in ("#eda578", "#a9cbe2")
    }

    # Below until half past midnight, above until half past one, below again until three.
    assert areas["#eda578"].count("M") == 1
    assert areas["#a9cbe2"].count("M") == 2
    above = across(areas["#eda578"])
    width = (860 - 48 - 8) / 4
    assert min(above) == pytest.approx(48 + 0.5 * width, abs=0.5)
    assert max(above) == pytest.approx(48 + 1.5 * width, abs=0.5)


def test_a_gap_is_a_gap_in_the_line_and_in_the_table() -> None:
    x = tuple(f"2026-11-09T{hour:02d}:00:00-05:00" for hour in range(6))
    line = Series("actual", x, (1.0, 2.0, None, None, 2.0, 1.0))
    whole = Series("actual", x, (1.0, 2.0, 3.0, 3.0, 2.0, 1.0))

    def pieces(series: Series) -> tuple[int, list[list[str]]]:
        figure = drawn(Chart("Load", "kW", (series,)))
        load = next(path for path in paths(figure.wide) if "stroke: #1c2733" in path)
        return load.count("M"), figure.rows

    assert pieces(whole)[0] == 1
    assert pieces(line)[0] == 2
    assert pieces(line)[1][2:4] == [["Mon 9 Nov, 02:00", "–"], ["Mon 9 Nov, 03:00", "–"]]


def drawn(chart: Chart) -> Figure:
    """The figure of one load chart."""
    week = week_findings(charts={"load": chart})
    return weekly_figures(report_document(week, breaker_status(), GENERATED_AT))["load"]


def paths(svg: str) -> Iterator[str]:
    return (found[0] for found in re.finditer(r"<path [^>]*>", svg))


def test_a_holiday_is_named_where_its_day_stands(figures: dict[str, Figure]) -> None:
    week = week_findings(closed_days=(date(2026, 11, 11),))
    named = weekly_figures(report_document(week, breaker_status(), GENERATED_AT))

    for name in ("load", "dailyEnergy", "heatmap"):
        assert named[name].wide.count("Wed 11 (holiday)") == 1
        assert (named[name].narrow or "").count("Wed*") == 1
        assert "(holiday)" not in figures[name].wide


def test_no_data_is_in_the_legend_only_where_data_is_missing() -> None:
    x = tuple(f"2026-11-09T{hour:02d}:00:00-05:00" for hour in range(3))
    expected = Series("expected", x, (None, 1.0, 2.0))
    for values, times in (((1.0, 2.0, 3.0), 0), ((1.0, None, 3.0), 1)):
        week = week_findings(
            charts={"load": Chart("Load", "kW", (Series("actual", x, values), expected))}
        )
        assert page_of(week, drawn=True).texts.count("No data") == times


def test_charts_that_analyze_left_out_are_left_out() -> None:
    assert "Load against the expected" not in page_of(week_findings(charts={})).text


def test_the_page_is_drawn_without_the_interactive_plotting_library() -> None:
    code = "import sys, deliver.weekly.page; sys.exit('matplotlib.pyplot' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_tick_of_an_axis_is_rounded() -> None:
    x = tuple(f"2026-11-09T{hour:02d}:00:00-05:00" for hour in range(3))
    for top, ticks in ((9.5, ["2.5", "5.0", "7.5"]), (95.0, ["25", "50"]), (0.9, ["0.2", "0.4"])):
        svg = drawn(Chart("Load", "kW", (Series("actual", x, (0.0, top, 0.0)),))).wide
        texts = re.findall(r">([^<>]+)</text>", svg)
        assert set(ticks) <= set(texts), texts


def test_a_single_day_has_no_bar_of_its_own_and_hours_under_its_load() -> None:
    week = week_findings()
    load = week.charts["load"]
    day = tuple(Series(one.name, one.x[:96], one.y[:96]) for one in load.series)
    found = replace(
        week,
        end=week.start + timedelta(days=1),
        charts={**week.charts, "load": replace(load, series=day)},
    )
    named = weekly_figures(report_document(found, breaker_status(), GENERATED_AT))

    assert not {"dailyEnergy", "dayProfiles"} & set(named)
    assert all(f">{hour}:00</text>" in named["load"].wide for hour in ("06", "12", "18"))
