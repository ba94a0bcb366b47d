"""The HTML report: whole, self-contained, and deaf to whatever a name may say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from example_findings import (
    GENERATED_AT,
    breaker_status,
    charts,
    data_quality,
    empty_week,
    overridden,
    week_findings,
)

from analyze.findings import Chart, DriftFinding, Reconciliation, Series, WeekFindings
from deliver.report_json import report_document
from deliver.weekly_html import weekly_page
from lib.errors import UsageError

VOID = {"meta", "link", "br", "hr", "img", "input"}
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


# Enough to draw every kind of mark, quickly.
FEW_POINTS = charts(step=16)


class Page(HTMLParser):
    """The elements of a page: their tree as lines, their attributes, the text of each."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.structure: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.structure.append(f"{'/'.join(self.open)}/{tag} {sorted(name for name, _ in attrs)}")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page_of(findings: WeekFindings, **changes: Any) -> Page:
    document = report_document(findings, breaker_status(**changes), GENERATED_AT)
    return Page(weekly_page(document))


def renamed(rename: Callable[[str], str]) -> WeekFindings:
    """The example week with every text from outside replaced."""
    week = week_findings()

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
        data_quality=replace(
            quality,
            by_channel=each(quality.by_channel, "channel_name"),
            gaps=each(quality.gaps, "channel_name"),
            caveats=tuple(rename(caveat) for caveat in quality.caveats),
        ),
        charts={
            name: replace(chart, title=rename(chart.title)) for name, chart in FEW_POINTS.items()
        },
    )


@pytest.fixture(scope="module")
def page() -> Page:
    return page_of(week_findings())


@pytest.fixture(scope="module")
def plain_structure() -> list[str]:
    return page_of(renamed(lambda _: "name")).structure


def test_the_first_page_says_what_it_cost_what_went_wrong_and_what_to_do(page: Page) -> None:
    overview = page.text[: page.text.index("Load against the expected")]

    assert "6 % more energy than expected" in overview
    assert "6,383\u00a0kWh" in overview.replace("6,383 kWh", "6,383\u00a0kWh")
    for shown in ("$766", "Fri 13 Nov, 14:15", "$1,090 to $2,140"):
        assert shown in overview
    assert "RTU #1 Lobby ran while the building was closed High" in overview
    assert "Switch RTU #1 Lobby off at night $1,076 a year $790 to $1,290" in overview
    assert "96.8% complete, 2 gaps, 0 estimated values, 2 rejected readings" in overview
    assert "pass (run 41 of " in overview


def test_every_section_is_there_in_its_order(page: Page) -> None:
    sections = [
        "Load against the expected", "Energy by day", "Load by day and hour", "Channels",
        "After-hours waste", "Unusual consumption", "Spikes", "Quick wins", "Sensor health",
        "Data quality", "How each number is defined",
    ]  # fmt: skip
    positions = [page.texts.index(title) for title in sections]

    assert positions == sorted(positions)


def test_an_override_is_shown_with_name_and_reason() -> None:
    document = report_document(week_findings(), overridden(), GENERATED_AT)
    text = Page(weekly_page(document)).text

    assert "Published by hand although validation said “fail”." in text
    released = "Thu 12 Nov: released by Dana Hughes (meter swap on Thursday, gap confirmed on site)"
    assert released in text.replace(" )", ")").replace("( ", "(")


def test_a_report_saved_before_overrides_were_listed_still_names_its_override() -> None:
    document = report_document(week_findings(), overridden(), GENERATED_AT)
    validation = document["metadata"]["validation"]
    del validation["overrides"], validation["validatedAt"]
    text = Page(weekly_page(document)).text

    assert "Dana Hughes" in text
    assert "meter swap on Thursday, gap confirmed on site" in text
    assert "Validation: fail (run 42)" in text


def test_a_verdict_is_shown_as_of_when_it_was_given(page: Page) -> None:
    assert "Validation: pass (run 41 of Mon 16 Nov, 06:03)" in page.text
    assert "changes of the data since then are not in it" in page.text


def test_warnings_of_the_validation_are_shown() -> None:
    text = page_of(week_findings(), verdict="warn", warnings=("gap_length: 2 h > 1 h",)).text

    assert "gap_length: 2 h > 1 h" in text


def test_the_same_document_gives_the_same_bytes() -> None:
    document = report_document(week_findings(), breaker_status(), GENERATED_AT)

    assert weekly_page(document) == weekly_page(document)


def test_the_page_is_one_small_file_that_asks_the_network_for_nothing() -> None:
    html = weekly_page(report_document(week_findings(), breaker_status(), GENERATED_AT))
    page = Page(html)

    assert len(html.encode()) < 600_000
    assert "://" not in html
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object"}
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "data"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"@import|url\((?!#)", html)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_leaves_the_elements_of_the_page_as_they_are(
    name: str, plain_structure: list[str]
) -> None:
    assert page_of(renamed(lambda _: name)).structure == plain_structure


def with_names_in_charts(text: str) -> WeekFindings:
    """The example week whose charts carry `text` as unit and as names of series."""
    drawn = {
        key: Chart(chart.title, text, tuple(replace(line, name=text) for line in chart.series))
        for key, chart in FEW_POINTS.items()
    }
    return week_findings(charts=drawn)


@pytest.fixture(scope="module")
def plain_charts() -> list[str]:
    return page_of(with_names_in_charts("kW")).structure


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_in_a_chart_is_text(name: str, plain_charts: list[str]) -> None:
    assert page_of(with_names_in_charts(name)).structure == plain_charts


def test_a_name_is_shown_as_it_is() -> None:
    text = page_of(renamed(lambda _: "A & B <1> $x$")).text

    assert "A & B <1> $x$" in text


def test_ids_are_unique_and_references_lead_somewhere(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    wanted = {
        reference
        for _, attributes in page.elements
        for name in ("aria-labelledby", "href")
        for reference in (attributes.get(name) or "").replace("#", "").split()
    }
    html = weekly_page(report_document(week_findings(), breaker_status(), GENERATED_AT))

    assert len(ids) == len(set(ids))
    assert (wanted | set(re.findall(r"url\(#([^)]+)\)", html))) <= set(ids)


def test_headings_never_skip_a_level_and_the_language_is_stated(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert dict(page.elements)["html"] == {"lang": "en"}


def test_every_chart_is_named_and_has_its_numbers_as_a_table(page: Page) -> None:
    drawings = [attributes for tag, attributes in page.elements if tag == "svg"]
    figures = sum(tag == "figure" for tag, _ in page.elements)

    assert figures == 3
    assert len(drawings) == 2 * figures
    assert all(drawing["role"] == "img" and drawing["aria-labelledby"] for drawing in drawings)
    assert page.text.count("The numbers of this chart") == figures
    assert page.texts.count("Thu 12 Nov, 14:15") >= 1


def test_a_gap_is_a_gap_in_the_line_and_in_the_table() -> None:
    x = tuple(f"2026-11-09T{hour:02d}:00:00-05:00" for hour in range(6))
    line = Series("actual", x, (1.0, 2.0, None, None, 2.0, 1.0))
    whole = Series("actual", x, (1.0, 2.0, 3.0, 3.0, 2.0, 1.0))

    def pieces(series: Series) -> tuple[int, str]:
        drawn = {"load": Chart("Load", "kW", (series,))}
        html = weekly_page(
            report_document(week_findings(charts=drawn), breaker_status(), GENERATED_AT)
        )
        svg = html[html.index("<svg") : html.index("</svg>")]
        load = next(path for path in paths(svg) if "stroke: #1c2733" in path)
        return load.count("M "), Page(html).text

    assert pieces(whole)[0] == 1
    assert pieces(line)[0] == 2
    assert "Mon 9 Nov, 02:00 – Mon 9 Nov, 03:00 –" in pieces(line)[1]


def paths(svg: str) -> Iterator[str]:
    return (found[0] for found in re.finditer(r"<path [^>]*>", svg))


def test_a_week_without_readings_says_so_and_invents_no_zero() -> None:
    page = page_of(empty_week())
    overview = page.text[: page.text.index("Load against the expected")]

    assert "No data arrived this week" in overview
    assert "$0" not in overview
    assert "Not judged: no reading arrived in this period." in page.text
    assert page.texts.count("No data") >= 3


def unpriced() -> WeekFindings:
    """The example week without any price."""
    week = week_findings()
    nothing: dict[str, Any] = {"weekly_cost": None, "annual_cost": None}
    bounds: dict[str, Any] = {"annual_cost_low": None, "annual_cost_high": None}
    waste = week.after_hours
    return replace(
        week,
        totals=replace(week.totals, cost=None, tariff_cover="unset"),
        savings=replace(week.savings, **nothing, low=None, high=None),
        quick_wins=tuple(replace(win, **nothing, **bounds) for win in week.quick_wins),
        top_opportunities=tuple(replace(one, annual_cost=None) for one in week.top_opportunities),
        after_hours=replace(
            waste,
            meters=tuple(replace(meter, excess_cost=None) for meter in waste.meters),
            total_excess_cost=None,
            estimated_annual_cost=None,
        ),
    )


def test_without_a_tariff_no_money_is_shown_and_energy_stands_in() -> None:
    document = report_document(unpriced(), breaker_status(), GENERATED_AT)
    text = Page(weekly_page(document)).text

    assert "No tariff is set for this site" in text
    assert "$" not in text
    assert "– a year" not in text
    assert "Switch RTU #1 Lobby off at night 172 kWh this week" in text.replace("\u00a0", " ")
    assert document["summary"]["totalCost"] is None
    assert document["sections"]["quickWins"][0]["annualCost"] is None
    assert document["sections"]["afterHoursWaste"]["summary"]["totalExcessCost"] is None


@pytest.mark.parametrize(
    ("cover", "said"),
    [
        ("outside", "tariff begins after this week"),
        ("part", "Of the days that the site’s tariff covers"),
        ("whole", "Energy at the site’s tariff"),
    ],
)
def test_a_site_with_a_tariff_is_not_said_to_have_none(cover: Any, said: str) -> None:
    totals = replace(week_findings().totals, cost=None, tariff_cover=cover)
    text = page_of(week_findings(totals=totals)).text

    assert said in text
    assert "No tariff" not in text


def test_a_total_that_misses_days_is_marked_as_a_lower_bound() -> None:
    totals = replace(week_findings().totals, measured_pct=57.3)
    text = page_of(week_findings(totals=totals)).text.replace("\u00a0", " ")

    assert "≥ 6,383 kWh Measured for 57% of the week; in those hours: ▲ 6.2% above" in text
    assert "≥" not in page_of(week_findings()).text


@pytest.mark.parametrize(
    ("days", "title", "noun"),
    [(1, "Daily energy report", "day"), (7, "Weekly energy report", "week"),
     (21, "Energy report", "period")],
)  # fmt: skip
def test_a_period_is_called_what_it_is(days: int, title: str, noun: str) -> None:
    week = week_findings(quick_wins=())
    page = page_of(replace(week, end=week.start + timedelta(days=days)))

    assert any(text.startswith(f"{title}, ") for text in page.texts)
    assert f"$24.41 in this {noun}" in page.text
    assert f"Nothing to save was found in this {noun}." in page.text
    assert noun == "week" or "this week" not in page.text.lower()


def test_a_holiday_is_named_where_its_day_stands() -> None:
    page = page_of(week_findings(closed_days=(date(2026, 11, 11),)))

    # In the three wide drawings, and with a star on a phone.
    assert page.texts.count("Wed 11 (holiday)") == 3
    assert page.texts.count("Wed*") == 3
    assert "(holiday)" not in page_of(week_findings()).text


def test_no_data_is_in_the_legend_only_where_data_is_missing() -> None:
    x = tuple(f"2026-11-09T{hour:02d}:00:00-05:00" for hour in range(3))
    expected = Series("expected", x, (None, 1.0, 2.0))
    for values, times in (((1.0, 2.0, 3.0), 0), ((1.0, None, 3.0), 1)):
        drawn = {"load": Chart("Load", "kW", (Series("actual", x, values), expected))}
        assert page_of(week_findings(charts=drawn)).texts.count("No data") == times


def test_a_reason_not_to_judge_ends_with_one_full_stop() -> None:
    reason = "The site was never closed in the period: there is no after-hours waste to judge."
    waste = replace(week_findings().after_hours, caveat=reason)
    text = page_of(week_findings(after_hours=waste)).text

    assert reason in text
    assert ".." not in text


def test_one_channel_and_no_finding_make_a_sensible_page() -> None:
    week = week_findings()
    quiet = replace(
        week,
        top_risks=(),
        top_opportunities=(),
        health_issues=(),
        after_hours=replace(week.after_hours, meters=()),
        anomalies=(),
        spikes=(),
        quick_wins=(),
        channels=week.channels[:1],
        data_quality=replace(data_quality(), by_channel=data_quality().by_channel[:1], gaps=()),
    )
    text = page_of(quiet).text

    for sentence in ("Nothing out of the ordinary.", "No short peaks.", "No fault found."):
        assert sentence in text


def test_charts_that_analyze_left_out_are_left_out() -> None:
    assert "Load against the expected" not in page_of(week_findings(charts={})).text


def test_long_lists_are_cut_with_a_word_about_the_rest() -> None:
    spikes = week_findings().spikes * 50
    page = page_of(week_findings(spikes=spikes))

    assert "And 60 more; the report’s JSON lists all of them." in page.text


@pytest.mark.parametrize("document", [{}, {"metadata": {}}, {"metadata": {"site": 1}}])
def test_a_document_that_is_no_report_is_a_usage_error(document: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="not a weekly report"):
        weekly_page(document)


def test_text_and_background_colours_contrast_at_least_4_5_to_1() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        high, low = sorted((luminance(one), luminance(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    html = weekly_page(report_document(week_findings(), breaker_status(), GENERATED_AT))
    variables = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", html))
    for text in ("ink", "muted", "accent", "above"):
        for background in ("#ffffff", variables["faint"], "#fdf3ec"):
            assert contrast(variables[text], background) >= 4.5


def test_the_page_is_drawn_without_the_interactive_plotting_library() -> None:
    code = "import sys, deliver.weekly_html; sys.exit('matplotlib.pyplot' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_drifts_and_what_sub_meters_leave_unexplained_are_told_with_their_evidence() -> None:
    drift = DriftFinding(162120, "RTU #1 Lobby", -18.4, "Its whole level moved by -18 %")
    balance = Reconciliation(
        162119, 1000.0, 880.0, 120.0, 0.12, 0.03, "12 % is not explained, usually 3 %", ("Spare",)
    )
    found = week_findings(drifts=(drift,), reconciliation=balance)
    sections = report_document(found, breaker_status(), GENERATED_AT)["sections"]
    assert [(one["channelId"], one["changePct"]) for one in sections["drifts"]] == [(162120, -18.4)]
    assert sections["reconciliation"]["unexplainedPct"] == 12.0
    assert sections["reconciliation"]["usualUnexplainedPct"] == 3.0
    text = page_of(found).text
    assert "Its whole level moved by -18 %" in text
    assert "1,000 kWh against 880 kWh where all were measured" in text
    assert "Silent and left out: Spare" in text
    assert "12 % is not explained, usually 3 %" in text
    assert "against its sub-meters" not in page_of(week_findings()).text
