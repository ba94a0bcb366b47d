"""The weekly report as one HTML page, made from the report's JSON document and nothing else.

The page needs no network, no script and no other file. Every name in it came from outside: the
template escapes all text, and the only markup passed through is the SVG of weekly/figures.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from analyze.wording import WEEK_DAYS, period_noun
from deliver.forms import formats
from deliver.weekly.definitions import definitions, provenance
from deliver.weekly.figures import Figure, weekly_figures
from deliver.weekly.overview import (
    channel_energy,
    channel_notes,
    completeness,
    numbers,
    opportunities,
    waste_cost,
    yearly_worth,
)
from deliver.weekly.pdf_blocks import Words
from lib.errors import UsageError

TEMPLATES = Path(__file__).parents[1] / "templates"
# From where reports lie, reports/{site}/; a page elsewhere names the file all the same.
METHODS = "../../docs/methods.md"
# Longer lists are cut on the page, with a line that says so; the JSON has them whole.
MAX_ROWS = 40
_INDENTATION = re.compile(r"\n +")
# A change this large fills its bar; larger ones are not drawn longer.
FULL_BAR_PCT = 50.0


def weekly_page(document: dict[str, Any], figures: Mapping[str, Figure] | None = None) -> str:
    """The HTML page of a weekly report.

    `document` is what document.report_document made, or the same read from a saved file;
    `figures` are its weekly_figures where they are drawn already.

    Raises UsageError when it is not a weekly report.
    """
    environment = _environment(_text(document, "metadata", "site", "currency"))
    try:
        period = document["metadata"]["period"]
        days = formats.days_between(period["start"], period["end"])
        words = Words.of(document)
        template = environment.get_template("weekly_report.html.j2")
        page = template.render(
            report=document,
            figures=weekly_figures(document) if figures is None else figures,
            methods=METHODS,
            max_rows=MAX_ROWS,
            noun=period_noun(days),
            is_longer=days > WEEK_DAYS,
            numbers=numbers(document, words),
            opportunities=opportunities(document, words),
            completeness=lambda of_due: completeness(document, of_due),
            waste_cost=waste_cost(document["sections"]["afterHoursWaste"]["summary"], words),
            yearly_worth=lambda win: yearly_worth(win, words),
            definitions=definitions(document, words),
            provenance=provenance(document["metadata"], words),
        )
        # A browser shows no indentation, and a month's tables have 100 kB of it.
        return _INDENTATION.sub("\n", page)
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
        forward=formats.forward,
        moment=formats.moment,
        axis_label=formats.axis_label,
        money=lambda value: formats.money(value, currency),
        change_bar=change_bar,
        counted=formats.counted,
        words=lambda name: str(name).replace("_", " "),
    )
    environment.globals.update(
        span=formats.span,
        duration=formats.duration,
        channel_notes=channel_notes,
        channel_energy=channel_energy,
    )
    return environment


def change_bar(change_pct: float | None) -> str:
    """The style of a bar that grows from the middle: right for more, left for less."""
    if change_pct is None:
        return "width:0"
    width = min(abs(change_pct) / FULL_BAR_PCT, 1.0) * 50
    start = 50 if change_pct > 0 else 50 - width
    return f"left:{start:.1f}%;width:{width:.1f}%"
