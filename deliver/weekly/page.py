"""The weekly report as one HTML page, made from the report's JSON document and nothing else.

The page needs no network, no script and no other file. Every name in it came from outside: the
template escapes all text, and the only markup passed through is the SVG of weekly/figures.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from analyze.findings import WHOLLY_MEASURED_PCT
from analyze.wording import WEEK_DAYS, period_noun
from deliver.forms import formats
from deliver.weekly.figures import Figure, weekly_figures
from lib.errors import UsageError

TEMPLATES = Path(__file__).parents[1] / "templates"
# From where reports lie, reports/{site}/; a page elsewhere names the file all the same.
METHODS = "../../docs/methods.md"
# Longer lists are cut on the page, with a line that says so; the JSON has them whole.
MAX_ROWS = 40
# A change this large fills its bar; larger ones are not drawn longer.
FULL_BAR_PCT = 50.0


def weekly_page(document: dict[str, Any], figures: Mapping[str, Figure] | None = None) -> str:
    """The HTML page of a weekly report.

    `document` is what report_json.report_document made, or the same read from a saved file;
    `figures` are its weekly_figures where they are drawn already.

    Raises UsageError when it is not a weekly report.
    """
    environment = _environment(_text(document, "metadata", "site", "currency"))
    try:
        period = document["metadata"]["period"]
        days = formats.days_between(period["start"], period["end"])
        template = environment.get_template("weekly_report.html.j2")
        return template.render(
            report=document,
            figures=weekly_figures(document) if figures is None else figures,
            methods=METHODS,
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
