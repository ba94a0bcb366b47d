"""The weekly report as one HTML page, made from the report's JSON document and nothing else.

The page needs no network, no script and no other file. Every name in it came from outside: the
template escapes all text, and the only markup passed through is the SVG drawn here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from analyze.findings import WHOLLY_MEASURED_PCT
from analyze.wording import WEEK_DAYS, period_noun
from deliver import charts, formats
from lib.errors import UsageError

TEMPLATES = Path(__file__).with_name("templates")
# Longer lists are cut on the page, with a line that says so; the JSON has them whole.
MAX_ROWS = 40
# A change this large fills its bar; larger ones are not drawn longer.
FULL_BAR_PCT = 50.0

_PAINTERS: dict[str, Callable[[str, dict[str, Any], charts.Days], charts.Drawing]] = {
    "load": charts.load_chart,
    "dailyEnergy": charts.daily_chart,
    "heatmap": charts.heat_map,
}


class ChartFigure(NamedTuple):
    """One chart ready for the page: its drawings, and its numbers as a table."""

    title: str
    unit: str
    wide: Markup
    narrow: Markup
    columns: list[str]
    rows: list[list[str]]
    low: float | None
    high: float | None
    has_gap: bool
    has_closed_day: bool


def weekly_page(document: dict[str, Any]) -> str:
    """The HTML page of a weekly report.

    `document` is what report_json.report_document made, or the same read from a saved file.
    Raises UsageError when it is not a weekly report.
    """
    environment = _environment(_text(document, "metadata", "site", "currency"))
    try:
        period = document["metadata"]["period"]
        closed_days = frozenset(period.get("closedDays", ()))
        days = formats.days_between(period["start"], period["end"])
        figures = {
            name: _figure(name, document["charts"][name], paint, closed_days)
            for name, paint in _PAINTERS.items()
            if name in document["charts"]
        }
        template = environment.get_template("weekly_report.html.j2")
        return template.render(
            report=document,
            figures=figures,
            max_rows=MAX_ROWS,
            noun=period_noun(days),
            is_longer=days > WEEK_DAYS,
            wholly_measured_pct=WHOLLY_MEASURED_PCT,
        )
    except (KeyError, TypeError, ValueError, AttributeError, UndefinedError) as error:
        raise UsageError(f"not a weekly report document: {error}") from error


def _text(document: Any, *path: str) -> str:
    for key in path:
        if not isinstance(document, dict) or key not in document:
            raise UsageError(f"not a weekly report document: {'.'.join(path)} is missing")
        document = document[key]
    return str(document)


def _environment(currency: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: formats.plain(value) if type(value) is str else value,
    )
    environment.filters.update(
        count=formats.number,
        quantity=formats.quantity,
        percent=formats.percent,
        signed_percent=formats.signed_percent,
        moment=formats.moment,
        axis_label=formats.axis_label,
        money=lambda value: formats.money(value, currency),
        change_bar=change_bar,
        counted=formats.counted,
        words=lambda name: str(name).replace("_", " "),
    )
    environment.globals.update(
        money_range=lambda low, high: formats.money_range(low, high, currency),
        against=formats.against,
        span=formats.span,
        duration=formats.duration,
        day_range=lambda start, end: formats.day_range(
            datetime.fromisoformat(start), datetime.fromisoformat(end)
        ),
    )
    return environment


def change_bar(change_pct: float | None) -> str:
    """The style of a bar that grows from the middle: right for more, left for less."""
    if change_pct is None:
        return "width:0"
    width = min(abs(change_pct) / FULL_BAR_PCT, 1.0) * 50
    start = 50 if change_pct > 0 else 50 - width
    return f"left:{start:.1f}%;width:{width:.1f}%"


def _figure(
    name: str,
    chart: dict[str, Any],
    paint: Callable[[str, dict[str, Any], charts.Days], charts.Drawing],
    closed_days: charts.Days,
) -> ChartFigure:
    drawing = paint(name, chart, closed_days)
    # The expected may be unknown where something was measured.
    measured = chart["series"] if name == "heatmap" else chart["series"][:1]
    known = charts.value_range(chart)
    x = chart["series"][0]["x"] if chart["series"] else []
    values = zip_longest(*(series["y"] for series in chart["series"]))
    digits = 1 if known and known[1] < 1000 else 0
    return ChartFigure(
        title=chart["title"],
        unit=chart["unit"],
        # The one place where markup is not escaped: matplotlib and ElementTree wrote it.
        wide=Markup(drawing.wide),  # noqa: S704
        narrow=Markup(drawing.narrow),  # noqa: S704
        columns=[formats.axis_label(series["name"]) for series in chart["series"]],
        rows=[
            [formats.axis_label(at), *(formats.number(value, digits) for value in row)]
            for at, row in zip(x, values, strict=True)
        ],
        low=known[0] if known else None,
        high=known[1] if known else None,
        has_gap=known is None or any(None in series["y"] for series in measured),
        has_closed_day=bool(closed_days),
    )
