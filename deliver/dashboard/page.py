"""The quality dashboard as one HTML page, made from its JSON document and nothing else.

The page needs no network and no other file. Its one script only sorts and filters rows that are
there without it; the content security policy lets that script and that style sheet through by
their hashes and nothing else. Every name in it came from outside: the template escapes all text.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from deliver.forms import formats

TEMPLATES = Path(__file__).parents[1] / "templates"
# Longer lists are cut on the page, with a line that says so; the JSON has them whole.
MAX_ROWS = 300
# Least completeness [%] of each bar, best first; its height says the same as its colour.
BARS = ((99.0, "b4"), (90.0, "b3"), (50.0, "b2"), (0.1, "b1"), (0.0, "b0"))
VALIDATION_BARS = {
    "passed": "b4", "warned": "b3", "overridden": "b2", "changed": "b1", "failed": "b1", None: "bn",
}  # fmt: skip

HEALTH = {"healthy": "On time", "warning": "Late", "critical": "Stopped", "inactive": "Not due"}
SITE_HEALTH = {"healthy": "Healthy", "warning": "Warning", "critical": "Critical"}
STATES = {
    "passed": "Passed", "warned": "Passed with warnings", "overridden": "Opened by hand",
    "changed": "Blocked: data changed since", "failed": "Blocked: failed",
}  # fmt: skip
RUN_STATES = {
    "success": "Done", "empty": "Nothing new", "running": "Running", "partial": "Partly failed",
    "failed": "Failed", None: "Never",
}  # fmt: skip
GAP_REASONS = {
    "api_failed": "the API failed",
    "channel_silent": "the channel was silent",
    "site_offline": "the whole site was silent",
    "rejected": "what came was refused",
    "unknown": "not known",
}


def dashboard_page(document: dict[str, Any], *, is_live: bool = False) -> str:
    """The HTML page of a document of dashboard_document; `is_live` = a server offers it."""
    style, script = _asset("dashboard.css"), _asset("dashboard.js")
    sites = document["sites"]
    return _template().render(
        board=document,
        sites=sites,
        is_live=is_live,
        max_rows=MAX_ROWS,
        has_many=len(sites) > 1,
        calendar_label=_calendar_label(sites),
        policy=content_policy(style, script),
        # The two places where text is not escaped: files of this folder.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
    )


def content_policy(style: str, script: str) -> str:
    """The policy under which the page works: its own style and script by hash, nothing else."""
    return (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def bar(percent: float | None) -> str:
    """The class of a day's bar by its completeness [%].

    >>> bar(100.0), bar(98.9), bar(0.0), bar(None)
    ('b4', 'b3', 'b0', 'bn')
    """
    if percent is None:
        return "bn"
    return next(name for least, name in BARS if percent >= least)


def strip_words(channel: dict[str, Any]) -> str:
    """What a channel's calendar shows, for those who do not see it."""
    due = sum(percent is not None for percent in channel["calendar"])
    short = len(channel["incompleteDays"])
    if not due:
        return "nothing was due"
    return f"{formats.counted(due - short, 'complete day')}, {short} incomplete"


def rows_of(sites: list[dict[str, Any]], key: str) -> list[tuple[dict[str, Any], Any]]:
    """The rows of one table over all sites, each with its site.

    >>> rows_of([{"id": "1", "gaps": ["a", "b"]}, {"id": "2", "gaps": None}], "gaps")[1][1]
    'b'
    """
    return [(site, row) for site in sites for row in site[key] or ()]


def newest_first(rows: list[tuple[Any, dict[str, Any]]], key: str) -> list[tuple[Any, Any]]:
    """Rows of several sites in the order of one of their times or days, newest first."""
    return sorted(rows, key=lambda row: instant(row[1][key]), reverse=True)


def instant(iso: str | None) -> int:
    """A time as whole seconds of UTC, so that times of sites in different zones compare.

    >>> instant("2026-11-20T01:00:00-05:00") > instant("2026-11-20T05:30:00+00:00")
    True
    """
    if iso is None:
        return 0
    at = datetime.fromisoformat(iso)
    # A day has no offset: any will do to put days in their order.
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def attention_first(rows: list[tuple[Any, dict[str, Any]]]) -> list[tuple[Any, Any]]:
    """Channels of several sites: what needs attention first, stopped before late."""
    order = ("critical", "warning", "healthy", "inactive")
    return sorted(
        rows, key=lambda row: (not row[1]["needsAttention"], order.index(row[1]["health"]))
    )


def sentence(text: str) -> str:
    """`text` with a capital letter first; abbreviations in it stay as they are.

    >>> sentence("the API failed")
    'The API failed'
    """
    return text[:1].upper() + text[1:]


def refusal(reason: str) -> str:
    """The rule that refused something; a unit in its name is of no use to a reader.

    >>> refusal("energy_kwh_out_of_range")
    'Energy out of range'
    """
    return sentence(re.sub(r"_(kwh|kw|v|a|c)(?=_)", "", reason).replace("_", " "))


def short_day(iso: str) -> str:
    """A day without its year, "16 Nov"."""
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%b}"


def days(first: str, last: str) -> str:
    """One day or a row of days, "9 – 15 Nov" or "28 Oct – 3 Nov".

    >>> days("2026-11-09", "2026-11-15"), days("2026-11-09", "2026-11-09")
    ('9 – 15 Nov', '9 Nov')
    """
    if first == last:
        return short_day(first)
    start = short_day(first)
    return f"{start.split()[0] if first[:7] == last[:7] else start} – {short_day(last)}"


def _calendar_label(sites: list[dict[str, Any]]) -> str:
    spans = {days(site["firstDay"], site["lastDay"]) for site in sites}
    return next(iter(spans)) if len(spans) == 1 else "the last five weeks"


def _hours(value: float | None) -> str:
    """How far behind a channel is."""
    if value is None:
        return "no reading ever"
    if value < 1:
        return "up to date" if value == 0 else f"{value * 60:.0f} min behind"
    return f"{value:.1f} h behind" if value < 48 else f"{value / 24:.1f} days behind"


def took(start_iso: str, end_iso: str) -> str:
    """How long a run took, from seconds on.

    >>> took("2026-11-20T06:00:00+00:00", "2026-11-20T06:00:41+00:00")
    '41 s'
    """
    seconds = instant(end_iso) - instant(start_iso)
    return f"{seconds} s" if seconds < 60 else formats.duration(start_iso, end_iso)


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _label(words: dict[Any, str]) -> Callable[[Any], str]:
    """A word for a code of the database; one that we do not know is shown as it is."""
    return lambda code: words.get(code, str(code).replace("_", " "))


@lru_cache(maxsize=1)
def _template() -> Template:
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
        percent=formats.percent,
        moment=formats.moment,
        counted=formats.counted,
        words=lambda name: str(name).replace("_", " "),
        health=_label(HEALTH),
        site_health=_label(SITE_HEALTH),
        state=_label(STATES),
        run_state=_label(RUN_STATES),
        gap_reason=_label(GAP_REASONS),
        bar=bar,
        validation_bar=lambda state: VALIDATION_BARS[state],
        strip_words=strip_words,
        short_day=short_day,
        behind=_hours,
        newest_first=newest_first,
        attention_first=attention_first,
        sentence=sentence,
        refusal=refusal,
        instant=instant,
    )
    environment.globals.update(
        span=formats.span, duration=formats.duration, days=days, rows_of=rows_of, took=took
    )
    return environment.get_template("dashboard.html.j2")
