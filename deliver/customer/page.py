"""The customer report as one self-contained HTML page: no script, no request, no other file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from config.branding import Logo
from deliver.charts.daily import daily_chart, paint_days
from deliver.charts.drawing import Drawing, Look, svg
from deliver.charts.style import NARROW, NARROW_MARGIN
from deliver.customer.text import MAX_NAMED_DAYS
from deliver.forms import formats

TEMPLATES = Path(__file__).parents[1] / "templates"
_MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png"}


def days_drawing(view: Mapping[str, Any]) -> Drawing | None:
    """The chart of the days, drawn once for the page and the PDF; None where there is none."""
    days = view["days"]
    if days is None:
        return None
    closed_days = frozenset(days["closedDays"])
    drawing = daily_chart("days", days, closed_days)
    if len(days["series"][0]["x"]) <= MAX_NAMED_DAYS:
        return drawing
    look = ManyDays(True, closed_days, NARROW_MARGIN)
    narrow = svg("days-narrow", days, paint_days, NARROW, look)
    return Drawing(drawing.wide, narrow)


class ManyDays(Look):
    """A month on a phone: days are named by their dates, for weekdays would come again."""

    def day_names(self, days: Sequence[str]) -> list[str]:
        """The day of the month; of holidays too."""
        return [str(int(day[-2:])) for day in days]


def customer_page(
    view: Mapping[str, Any], drawing: Drawing | None, logo: Logo | None = None
) -> str:
    """The HTML page of a customer report.

    Parameters
    ----------
    view : what text.customer_view made.
    drawing : what days_drawing made of it.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: formats.plain(value) if type(value) is str else value,
    )
    return environment.get_template("customer_report.html.j2").render(
        view=view, figure=_figure(view, drawing), logo=data_url(logo)
    )


def data_url(logo: Logo | None) -> str | None:
    """A logo as an address that needs no request; in an <img> no script of an SVG runs."""
    if logo is None:
        return None
    return f"data:{_MEDIA_TYPES[logo.kind]};base64,{b64encode(logo.content).decode()}"


def _figure(view: Mapping[str, Any], drawing: Drawing | None) -> dict[str, Any] | None:
    if drawing is None:
        return None
    series = view["days"]["series"]
    values = zip(*(one["y"] for one in series), strict=True)
    return {
        # The one place where markup is not escaped: matplotlib and ElementTree wrote it.
        "wide": Markup(drawing.wide),  # noqa: S704
        "narrow": Markup(drawing.narrow or drawing.wide),  # noqa: S704
        "columns": ["Day", *(one["name"] for one in series)],
        "rows": [
            [formats.axis_label(day), *(formats.quantity(value) for value in row)]
            for day, row in zip(series[0]["x"], values, strict=True)
        ],
    }
