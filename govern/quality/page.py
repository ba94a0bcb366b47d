"""The quality report as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Any

import jinja2

from config.settings import PROJECT_ROOT

TEMPLATES = PROJECT_ROOT / "govern" / "templates"
REASONS = {
    "api_failed": "the API failed",
    "channel_silent": "the channel was silent",
    "site_offline": "the whole site was silent",
    "rejected": "what came was refused",
    "unknown": "nobody asked for it",
}
# Least completeness [%] of each shade of a day, best first.
SHADES = ((99.0, "full"), (90.0, "most"), (50.0, "half"), (0.0, "little"))


# Estimates are counted for the period alone; what has no time belongs to no period.
OF_THESE_DAYS_ALONE = ("estimated", "timeless_rows")
# More days than fit side by side on a telephone stand in several rows.
MOST_DAYS_IN_ONE_ROW = 45


def quality_page(document: dict[str, Any]) -> str:
    """The page for a document of govern.quality.verdict."""
    days = _days(document)
    return _template().render(
        report=document,
        days=days,
        is_long=len(days) > MOST_DAYS_IN_ONE_ROW,
        trends=_trends(document["site"]["now"], document["site"]["before"]),
        reasons=REASONS,
    )


def shade(percent: float | None) -> str:
    """The class of a day by its completeness."""
    if percent is None:
        return "none"
    return next(name for least, name in SHADES if percent >= least)


def _trends(now: dict[str, Any], before: dict[str, Any]) -> list[dict[str, str]]:
    """Each figure of the site beside that of the period before."""
    rows = (
        ("Completeness", "completeness_pct", " %", 1),
        ("Gaps", "gaps", "", 0),
        ("Missing intervals", "missing_intervals", "", 0),
        ("Longest gap", "longest_gap_hours", " h", 1),
        ("Without energy", "null_energy_pct", " %", 2),
        ("Without power", "null_power_pct", " %", 2),
        ("Out of range", "out_of_range_pct", " %", 2),
        ("Readings refused", "rejected_rows", "", 0),
        ("Refused without a usable time, received in these days", "timeless_rows", "", 0),
        ("Values refused", "rejected_values", "", 0),
        ("Told differently later", "conflicts", "", 0),
        ("Estimated intervals", "estimated", "", 0),
    )
    return [
        {
            "name": name,
            "now": figure(now[key], unit, places),
            "before": "–"
            if key in OF_THESE_DAYS_ALONE or not before["expected"]
            else figure(before[key], unit, places),
        }
        for name, key, unit, places in rows
    ]


def figure(value: float | None, unit: str = "", places: int = 0) -> str:
    """A number for a person; a dash where there is none."""
    return "–" if value is None else f"{value:,.{places}f}{unit}"


def refused(tally: dict[str, Any]) -> str:
    """Readings and values refused; `+ n` are readings without a usable time, of whatever days."""
    text = figure(tally["rejected_rows"] + tally["rejected_values"])
    return f"{text} + {figure(tally['timeless_rows'])}" if tally["timeless_rows"] else text


def _days(document: dict[str, Any]) -> list[date]:
    first = date.fromisoformat(document["period"]["start"]).toordinal()
    return [date.fromordinal(first + day) for day in range(document["period"]["days"])]


def _moment(text: str) -> str:
    """An ISO instant as `Thu 16 Jul 13:15`."""
    at = datetime.fromisoformat(text)
    return f"{at:%a} {at.day} {at:%b %H:%M}"


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "refused": refused, "shade": shade, "moment": _moment}
    return environment.get_template("quality_report.html.j2")
