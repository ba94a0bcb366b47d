"""The customer report as a PDF (PDF/UA-1), from the same texts and drawing as the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from config.branding import Logo
from deliver.charts.drawing import Drawing, description
from deliver.forms.pdf import compile_pdf

TEMPLATE = "customer_report.typ"


def customer_pdf(
    view: Mapping[str, Any], drawing: Drawing | None, logo: Logo | None, created: datetime
) -> bytes:
    """The PDF of a customer report; the same arguments give the same bytes.

    Parameters
    ----------
    view : what text.customer_view made.
    drawing : what page.days_drawing made of it.
    created : the instant the file says it was made at, aware.
    """
    drawings: dict[str, str | bytes] = {}
    if drawing is not None:
        drawings["days"] = drawing.wide
    if logo is not None:
        drawings["logo"] = logo.content
    data = {
        "view": {**view, "days": None if drawing is None else _without_numbers(view["days"])},
        "hasLogo": logo is not None,
        "chartAlt": None if drawing is None else description(view["days"]),
        "chartKeys": [] if drawing is None else _keys(view["days"]),
    }
    return compile_pdf(TEMPLATE, data, drawings, created)


def _without_numbers(days: Mapping[str, Any]) -> dict[str, str]:
    return {"heading": days["heading"], "title": days["title"]}


def _keys(days: Mapping[str, Any]) -> list[dict[str, str]]:
    keys = [{"kind": "day", "label": "You used"}]
    if days["hasUsual"]:
        keys.append({"kind": "expected", "label": "Usual"})
    if days["hasGap"]:
        keys.append({"kind": "gap", "label": "Not measured"})
    if days["closed"]:
        keys.append({"kind": "", "label": days["closed"]})
    return keys
