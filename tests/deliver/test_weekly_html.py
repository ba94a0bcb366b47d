"""The HTML report: whole, self-contained, and deaf to whatever a name may say."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from example_findings import (
    GENERATED_AT,
    breaker_status,
    data_quality,
    empty_week,
    overridden,
    week_findings,
)
from hostile_names import FEW_POINTS, hostile_names, renamed, weeks_named
from html_page import Page, html_of, page_of

from analyze.findings import DataQuality, DriftFinding, FollowUps, Reconciliation, WeekFindings
from deliver.weekly.document import report_document
from deliver.weekly.page import METHODS, weekly_page
from lib.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def html() -> str:
    return html_of(week_findings())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_first_page_says_what_it_cost_what_went_wrong_and_what_to_do(page: Page) -> None:
    overview = page.text[: page.text.index("Load against the expected")]

    assert "6 % more energy than expected" in overview
    assert "6,383\u00a0kWh" in overview.replace("6,383 kWh", "6,383\u00a0kWh")
    for shown in ("$766", "Fri 13 Nov, 14:15", "$1,090–$2,140"):
        assert shown in overview
    assert "RTU #1 Lobby ran while the building was closed High" in overview
    assert "Switch RTU #1 Lobby off at night $790–$1,290 a year, if it goes on" in overview
    assert "96.8% complete, 2 gaps, 0 estimated values, 2 rejected readings" in overview
    assert "pass (run 41 of " in overview


def test_every_section_is_there_in_its_order(page: Page) -> None:
    sections = [
        "Load against the expected", "Energy by day", "Load by day and hour", "Kinds of days",
        "Base load and peak", "Channels", "Quick wins", "Fixed since", "After-hours waste",
        "Unusual consumption", "Spikes", "Sensor health", "Data quality",
        "How each number is defined",
    ]  # fmt: skip
    headings = page.texts[page.texts.index("Load against the expected") :]
    positions = [headings.index(title) for title in sections]

    assert positions == sorted(positions)


def test_an_override_is_shown_with_name_and_reason() -> None:
    document = report_document(week_findings(), overridden(), GENERATED_AT)
    text = Page(weekly_page(document, {})).text

    assert "Published by hand although validation said “fail”." in text
    released = "Thu 12 Nov: released by Dana Hughes (meter swap on Thursday, gap confirmed on site)"
    assert released in text.replace(" )", ")").replace("( ", "(")


def test_a_report_saved_before_overrides_were_listed_still_names_its_override() -> None:
    document = report_document(week_findings(), overridden(), GENERATED_AT)
    validation = document["metadata"]["validation"]
    del validation["overrides"], validation["validatedAt"]
    text = Page(weekly_page(document, {})).text

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
    week = week_findings(charts=FEW_POINTS)

    assert html_of(week) == html_of(week)


def test_the_page_is_one_small_file_that_asks_the_network_for_nothing(
    html: str, page: Page
) -> None:
    assert len(html.encode()) < 600_000
    assert "://" not in html
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object"}
    for tag, attributes in page.elements:
        assert not {"src", "xlink:href", "action", "data"} & set(attributes)
        target = attributes.get("href") or "#"
        assert target.startswith("#") or (tag == "a" and target.startswith(f"{METHODS}#"))
    assert not re.search(r"@import|url\((?!#)", html)


def test_every_definition_leads_to_a_chapter_of_the_methods(page: Page) -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs/methods.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}
    targets = [
        dict(attributes).get("href") or "" for tag, attributes in page.elements if tag == "a"
    ]
    chapters = {target.split("#")[1] for target in targets if target.startswith(METHODS)}

    assert len(chapters) >= 8
    assert chapters <= anchors


def test_200_hostile_names_leave_the_elements_of_the_page_as_they_are() -> None:
    names = iter(hostile_names())
    drawn = {name: FEW_POINTS[name] for name in ("load", "heatmap", "quick_win_1")}
    whole = week_findings(charts=drawn)
    plain = page_of(renamed(lambda _: "name", whole, units_too=True), drawn=True)
    for week in weeks_named(whole, names):
        page = page_of(week, drawn=True)
        assert outside_drawings(page) == outside_drawings(plain)
        # A unit of blanks is no text in a drawing; no name is anything else in one.
        assert {tag for tag, _ in page.elements} == {tag for tag, _ in plain.elements}
        assert {name for _, found in page.elements for name in found} == {
            name for _, found in plain.elements for name in found
        }


def outside_drawings(page: Page) -> list[str]:
    return [line for line in page.structure if "/svg/" not in line]


def test_a_name_is_shown_as_it_is() -> None:
    text = page_of(renamed(lambda _: "A & B <1> $x$")).text

    assert "A & B <1> $x$" in text


def test_ids_are_unique_and_references_lead_somewhere(html: str, page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    wanted = {
        reference
        for _, attributes in page.elements
        for name in ("aria-labelledby", "href")
        for reference in (attributes.get(name) or "").split()
    }
    wanted = {one.removeprefix("#") for one in wanted if not one.startswith(METHODS)}

    assert len(ids) == len(set(ids))
    assert (wanted | set(re.findall(r"url\(#([^)]+)\)", html))) <= set(ids)


def test_headings_never_skip_a_level_and_the_language_is_stated(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert dict(page.elements)["html"] == {"lang": "en"}


def test_a_week_without_readings_says_so_and_invents_no_zero() -> None:
    page = page_of(empty_week(), drawn=True)
    overview = page.text[: page.text.index("Load against the expected")]

    assert "No data arrived this week" in overview
    assert "$0" not in overview
    assert "Not judged: no reading arrived in this period." in page.text
    assert page.texts.count("No data") >= 3


def test_a_week_in_which_nothing_was_due_is_not_called_incomplete() -> None:
    week = replace(empty_week(), channels=(), data_quality=DataQuality(0.0, (), (), ()), charts={})
    page = page_of(week)

    assert "Data: nothing was due, 0 gaps" in page.text
    assert "channels, nothing was due." in page.text
    assert "0.0%" not in page.text
    assert "By channel" not in page.texts
    assert "Peak, kW" not in page.texts


def test_a_tariff_of_zero_is_said_in_words() -> None:
    week = week_findings()
    free = replace(week.after_hours, total_excess_cost=0.0, estimated_annual_cost=0.0)
    text = page_of(replace(week, after_hours=free)).text

    assert "while the site was closed, at no cost by the site’s tariff." in text
    assert "about $0.00" not in text


def unpriced() -> WeekFindings:
    """The example week without any price."""
    week = week_findings()
    nothing: dict[str, Any] = {"weekly_cost": None, "annual_cost": None}
    bounds: dict[str, Any] = {"annual_cost_low": None, "annual_cost_high": None}
    waste = week.after_hours
    return replace(
        week,
        totals=replace(week.totals, cost=None, tariff_cover="unset"),
        expected=replace(week.expected, cost=None, cost_change_pct=None),
        follow_ups=FollowUps(week.follow_ups.stories, week.follow_ups.saved_kwh, None),
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
    text = Page(weekly_page(document, {})).text

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
    assert "≥ 6,383" not in page_of(week_findings()).text.replace("\u00a0", " ")


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


def test_long_lists_are_cut_with_a_word_about_the_rest() -> None:
    spikes = week_findings().spikes * 50
    page = page_of(week_findings(spikes=spikes))

    assert "And 60 more; the report’s JSON lists all of them." in page.text


@pytest.mark.parametrize("document", [{}, {"metadata": {}}, {"metadata": {"site": 1}}])
def test_a_document_that_is_no_report_is_a_usage_error(document: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="not a weekly report"):
        weekly_page(document)


def test_text_and_background_colours_contrast_at_least_4_5_to_1(html: str) -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        high, low = sorted((luminance(one), luminance(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    variables = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", html))
    for text in ("ink", "muted", "accent", "above"):
        for background in ("#ffffff", variables["faint"], "#fdf3ec"):
            assert contrast(variables[text], background) >= 4.5


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


def test_cost_and_peak_are_compared_with_what_was_expected(page: Page) -> None:
    overview = page.text[: page.text.index("Load against the expected")].replace("\u00a0", " ")

    assert "$766 Energy at the site’s tariff; ▲ 6.2% above the expected $721" in overview
    assert "Fri 13 Nov, 14:15; ▲ 17.9% above the usual 75.0 kW" in overview


def test_base_load_peak_and_kinds_of_days_stand_beside_what_is_usual(page: Page) -> None:
    text = page.text.replace("\u00a0", " ")

    assert "Base load what runs day and night 21.3 kW 20.9 kW" in text
    assert "Load factor mean load ÷ peak demand 0.43 0.47" in text
    assert "Usual: the median of the same days in the 6 weeks before." in text
    assert "Saturday 1 day 744 546 +36.2% 22.0 38.1 9.3" in text
    assert "Holiday 1 day 600 – – 20.9 61.0 10.1" in text


def test_what_was_fixed_is_told_with_what_it_saved_and_what_is_new_is_not(page: Page) -> None:
    text = page.text.replace("\u00a0", " ")
    fixed = text[text.rindex("Fixed since Waste") :][:300]

    assert "RTU #3 Offices ; 183 kWh ($21.91) saved" in text
    assert "RTU #3 Offices is off after hours again" in fixed
    assert "183 kWh ($21.91) saved since" in fixed
    assert "It is new" not in text
    assert "Fixed since:" not in page_of(week_findings(follow_ups=FollowUps())).text


def test_a_quick_win_stands_with_its_evidence_its_actions_and_its_chart(html: str) -> None:
    start = html.index('id="quick-win-1"')
    win = html[start : html.index("</article>", start)]

    for part in ("Ran at 9.8 kW on 2 nights", "Check the schedule of RTU #1", "quickWin1-title"):
        assert part in win
    assert 'id="quick-win-2"' in html
    assert "quickWin2" not in html


def test_a_report_saved_before_these_sections_existed_is_shown_without_them() -> None:
    document = report_document(week_findings(), breaker_status(), GENERATED_AT)
    for key in ("loadShape", "followUps"):
        del document["sections"][key]
    for key in ("expectedCost", "costChangePct", "usualPeakKw", "peakChangePct"):
        del document["summary"][key]
    old = {name: document["charts"][name] for name in ("load", "dailyEnergy", "heatmap")}
    text = Page(weekly_page({**document, "charts": old})).text

    assert "Load by day and hour" in text
    assert "Energy a day, kWh" not in text
    assert "Base load and peak" not in text
