"""200 names that somebody may give a site, a channel or a unit, none of them in good faith."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from example_findings import charts, week_findings

from analyze.findings import Chart, WeekFindings

# Enough to draw every kind of mark, quickly.
FEW_POINTS = charts(step=16)
# One of each kind.
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title><script>alert(1)</script>",
    "</style><b>",
    "]]><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "=cmd|'/C calc'!A1",
    "../../etc/passwd",
    "javascript:alert(1)",
    "$x^2$ & <b>bold</b> &amp;",
    "\u202eotni detrevni",
    "مكيف الهواء رقم ١",
    "冷凍機 №1 🧊",
    "W" * 300,
    "tab\tand\x00null\x1b[31m",
]
_MARKUP = [
    "<script>alert({n})</script>",
    '"><img src=x onerror=alert({n})>',
    "'><svg/onload=alert({n})>",
    "</title><script>alert({n})</script>",
    "</style><body onload=alert({n})>",
    "</bdi></td><iframe src=javascript:alert({n})>",
    "]]><svg onload=alert({n})>",
    "<a href='javascript:alert({n})'>x</a>",
    "<style>*{{display:none}}</style>{n}",
    "&lt;script&gt;alert({n})&lt;/script&gt;",
    "<!-- {n} --><base href=//evil.example>",
    "<math><mtext></mtext><script>alert({n})</script></math>",
    "<details open ontoggle=alert({n})>",
    "` onmouseover=alert({n}) `",
]
_OTHER = [
    "=cmd|'/C calc'!A{n}",
    "@SUM(A1:A{n})",
    '+{n}-HYPERLINK("http://evil.example")',
    "../../etc/passwd{n}",
    "C:\\Windows\\{n}\\con",
    "{{{{ {n} * 7 }}}}{{% raw %}}",
    "${{{n}}} $x^2$ %s %n",
    "'; DROP TABLE readings; --{n}",
    "\u202eotni {n} detrevni",
    "مكيف الهواء رقم {n}",
    "מזגן {n} (קומה)",
    "冷凍機 №{n} 🧊👩‍🔧",
    "Z̸̢̛{n}͎a̴l̵g̶o̷\u0301\u0301\u0301",
    "tab\t{n}\x00null\x1b[31m\r\nline",
    "\u2028{n}\u2029\ufeff\u200b",
]


def hostile_names(count: int = 200) -> list[str]:
    """So many different names: markup, formulas, paths, scripts of the world, 300 characters."""
    names = ["W" * 300, "wide " * 60, "", " ", "\x00", "-", "0", "\U0001f9ca" * 150, "م" * 300]
    forms = _MARKUP + _OTHER
    names += [forms[n % len(forms)].format(n=n) for n in range(count - len(names))]
    assert len(set(names)) == count
    return names


def renamed(
    rename: Callable[[str], str], week: WeekFindings | None = None, *, units_too: bool = False
) -> WeekFindings:
    """The example week, or another, with every text from outside replaced."""
    week = week or week_findings(charts=FEW_POINTS)

    def each(rows: tuple[Any, ...], *names: str) -> tuple[Any, ...]:
        return tuple(
            replace(row, **{name: rename(getattr(row, name)) for name in names}) for row in rows
        )

    quality = week.data_quality
    return replace(
        week,
        site_name=rename(week.site_name),
        headline=rename(week.headline),
        totals=replace(week.totals, source=rename(week.totals.source)),
        top_risks=each(week.top_risks, "title"),
        top_opportunities=each(week.top_opportunities, "title"),
        health_issues=each(week.health_issues, "channel_name", "description"),
        after_hours=replace(week.after_hours, meters=each(week.after_hours.meters, "channel_name")),
        anomalies=each(week.anomalies, "channel_name", "context"),
        spikes=each(week.spikes, "channel_name"),
        quick_wins=tuple(
            replace(win, actions=tuple(rename(action) for action in win.actions))
            for win in each(week.quick_wins, "title", "owner", "evidence")
        ),
        channels=each(week.channels, "channel_name"),
        follow_ups=replace(week.follow_ups, stories=each(week.follow_ups.stories, "channel_name")),
        data_quality=replace(
            quality,
            by_channel=each(quality.by_channel, "channel_name"),
            gaps=each(quality.gaps, "channel_name"),
            caveats=tuple(rename(caveat) for caveat in quality.caveats),
        ),
        charts={
            name: Chart(
                rename(chart.title),
                rename(chart.unit) if units_too else chart.unit,
                # The names of other series are days, or say what is expected.
                (*each(chart.series[:1], "name"), *chart.series[1:])
                if units_too and name == "load"
                else chart.series,
                chart.channel_id,
                chart.marks,
            )
            for name, chart in week.charts.items()
        },
    )


def weeks_named(week: WeekFindings, names: Iterator[str]) -> Iterator[WeekFindings]:
    """As many such weeks as hold all of the names between them, each in a place of its own."""
    left = True
    while left:
        given: dict[str, str] = {}
        for text in texts_of(week):
            name = next(names, None)
            left = left and name is not None
            given[text] = name if name is not None else text
        yield renamed(lambda text: given[text], week, units_too=True)  # noqa: B023 (used at once)


def texts_of(week: WeekFindings) -> list[str]:
    """Every different text that `renamed` replaces."""
    texts: dict[str, None] = {}

    def seen(text: str) -> str:
        texts[text] = None
        return text

    renamed(seen, week, units_too=True)
    return list(texts)
