"""The weekly report's charts, drawn once for every form of it: the page, the PDF, the mail."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import Any, NamedTuple

from markupsafe import Markup

from deliver.charts.daily import daily_chart
from deliver.charts.day_profiles import day_profiles
from deliver.charts.drawing import Chart, Days, Drawing, description, value_range
from deliver.charts.heat_map import heat_map
from deliver.charts.load import finding_chart, load_chart
from deliver.charts.load_duration import load_duration
from deliver.forms import formats

# Charts of single findings: quickWin{rank}, anomaly1, anomaly2, ...
FINDINGS = ("quickWin", "anomaly")
OF_SEVERAL_DAYS = ("dailyEnergy", "dayProfiles")


class Figure(NamedTuple):
    """One chart ready to be placed: its drawings, and its numbers as a table.

    `wide` and `narrow` are SVG elements (narrow is None where wide serves both). `rows` are texts,
    the first of each row its head, under `columns`. `low` and `high` bound all values.
    """

    key: str
    title: str
    description: str
    unit: str
    wide: Markup
    narrow: Markup | None
    columns: list[str]
    rows: list[list[str]]
    low: float | None
    high: float | None
    has_gap: bool
    has_closed_day: bool
    has_expected: bool


class Kind(NamedTuple):
    """How charts of a kind are drawn, and the heads of their table's rows."""

    paint: Callable[[str, Chart, Days], Drawing]
    row_head: str
    row_form: str | None = None


_KINDS = {
    "load": Kind(load_chart, "Time"),
    "dailyEnergy": Kind(daily_chart, "Day"),
    "heatmap": Kind(heat_map, "Hour"),
    "dayProfiles": Kind(day_profiles, "Hour"),
    "loadDuration": Kind(load_duration, "Share of the time", "{:.0f}%"),
}
_FINDING = Kind(finding_chart, "Time")


def weekly_figures(document: dict[str, Any]) -> dict[str, Figure]:
    """The figures of a weekly report by the names of its charts, in the order in which they stand.

    `document` is what document.report_document made. The same document gives the same bytes.
    """
    period, charts = document["metadata"]["period"], document["charts"]
    closed_days = frozenset(period.get("closedDays", ()))
    # One day is one bar and one kind of day: the load itself says more.
    left_out = OF_SEVERAL_DAYS if formats.days_between(period["start"], period["end"]) == 1 else ()
    shown = [name for name in _KINDS if name in charts and name not in left_out]
    shown += [name for name in charts if name.startswith(FINDINGS)]
    return {name: _figure(name, charts[name], closed_days) for name in shown}


def _figure(name: str, chart: Chart, closed_days: Days) -> Figure:
    kind = _KINDS.get(name, _FINDING)
    drawing = kind.paint(name, chart, closed_days)
    # The expected may be unknown where something was measured.
    measured = chart["series"] if name == "heatmap" else chart["series"][:1]
    known = value_range(chart)
    x = chart["series"][0]["x"] if chart["series"] else []
    heads = formats.axis_labels(x) if kind.row_form is None else map(kind.row_form.format, x)
    values = zip_longest(*(series["y"] for series in chart["series"]))
    digits = 1 if known and known[1] < 1000 else 0
    return Figure(
        key=name,
        title=chart["title"],
        description=description(chart),
        unit=chart["unit"],
        # The one place where markup is not escaped: matplotlib and ElementTree wrote it.
        wide=Markup(drawing.wide),  # noqa: S704
        narrow=None if drawing.narrow is None else Markup(drawing.narrow),  # noqa: S704
        columns=[kind.row_head, *(formats.axis_label(one["name"]) for one in chart["series"])],
        rows=[
            [head, *(formats.number(value, digits) for value in row)]
            for head, row in zip(heads, values, strict=True)
        ],
        low=known[0] if known else None,
        high=known[1] if known else None,
        has_gap=known is None or any(None in series["y"] for series in measured),
        has_closed_day=bool(closed_days),
        has_expected=any(one["name"].endswith("expected") for one in chart["series"]),
    )
