"""The weekly report's first page and definitions: the same words in page, PDF and mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from example_findings import (
    GENERATED_AT,
    MONDAY,
    anomalies,
    breaker_status,
    channel_weeks,
    health_issues,
    quick_wins,
    week_findings,
)
from example_shape import finding_chart
from html_page import html_of, page_of

from analyze.finding_charts import MAX_CHARTS, MAX_POINTS
from analyze.findings import (
    Anomaly,
    ChannelQuality,
    Chart,
    DataGap,
    ExpectedTotals,
    PotentialSavings,
    Series,
    WeekFindings,
)
from deliver.generate_weekly_report import default_path
from deliver.weekly.definitions import definitions
from deliver.weekly.document import report_document
from deliver.weekly.overview import channel_energy, channel_notes, numbers, opportunities
from deliver.weekly.pdf import report_content
from deliver.weekly.pdf_blocks import Words

Document = dict[str, Any]


def document_of(**changes: Any) -> Document:
    return report_document(week_findings(**changes), breaker_status(), GENERATED_AT)


def tile(document: Document, label: str) -> dict[str, str]:
    (found,) = (
        one for one in numbers(document, Words.of(document)) if one["label"].startswith(label)
    )
    return {key: text.replace("\u00a0", " ") for key, text in found.items()}


@pytest.mark.parametrize(
    ("low", "high", "value"),
    [(60.39, 284.0, "$60–$284"), (4.2, 9.6, "$4.20–$9.60"), (0.0, 284.0, "$0–$284"),
     (284.1, 284.3, "$284")],
)  # fmt: skip
def test_possible_savings_are_the_range_and_not_its_top(
    low: float, high: float, value: str
) -> None:
    document = document_of(savings=PotentialSavings(10.0, 5.0, high, low, high))

    assert tile(document, "Possible savings") == {
        "label": "Possible savings a year", "value": value, "note": "If it goes on",
    }  # fmt: skip


def test_what_to_do_first_shows_its_range_in_page_pdf_and_mail() -> None:
    document = document_of()
    first = opportunities(document, Words.of(document))[0]

    assert (first["worth"], first["note"]) == ("$790–$1,290", "a year, if it goes on")
    assert "$790–$1,290 a year, if it goes on" in page_of(week_findings()).text
    # The mail is made of the PDF's content.
    content = report_content(document, {})
    assert content["opportunities"]["rows"][0][1:] == ["$790–$1,290", "a year, if it goes on"]
    assert content["numbers"][3]["value"] == "$1,090–$2,140"


def test_a_channel_that_was_not_wholly_measured_says_its_share_and_its_stuck_hours() -> None:
    first, second, third, *others = channel_weeks()
    rows = (
        replace(first, measured_pct=52.38),
        replace(second, stuck_hours=14.75),
        replace(third, measured_pct=98.94, implausible_hours=3.0),
        *others,
    )
    document = document_of(channels=rows)
    partial, stuck, both, whole, *_ = document["sections"]["channels"]

    assert channel_notes(partial) == ["52% measured"]
    assert channel_energy(partial) == "≥\u00a06,383"
    assert channel_notes(stuck) == ["14.8\u00a0h stuck"]
    assert "≥" not in channel_energy(stuck)
    assert channel_notes(both) == ["98% measured", "3.0\u00a0h not plausible"]
    assert channel_notes(whole) == []
    shown = page_of(week_findings(channels=rows)).text.replace("\u00a0", " ")
    assert f"{first.channel_name} 52% measured ≥ 6,383" in shown
    assert f"{second.channel_name} 14.8 h stuck" in shown


@pytest.mark.parametrize(
    ("parts", "cover", "note", "defined"),
    [
        ((), "whole", "Energy at the site’s tariff", ()),
        (("demand", "taxes"), "whole", "Energy charge only; the whole bill: customer report",
         ("Left out: demand charges, taxes;",)),
        (("tiers", "fixed"), "part",
         "Of the days that the site’s tariff covers; energy charge only; the whole bill: "
         "customer report", ("Each kWh bears its share of the tiers", "Left out: fixed charges;")),
    ],
)  # fmt: skip
def test_a_cost_without_the_whole_bill_says_so_and_what_is_left_out(
    parts: Any, cover: Any, note: str, defined: tuple[str, ...]
) -> None:
    totals = replace(week_findings().totals, tariff_parts=parts, tariff_cover=cover)
    document = document_of(totals=totals)
    meaning = {one.term: one.meaning for one in definitions(document, Words.of(document))}["Cost"]

    assert tile(document, "Cost")["note"].startswith(f"{note}; ▲ 6.2%")
    assert all(text in meaning for text in defined)
    assert defined or "Left out" not in meaning


def test_a_change_stands_beside_what_weeks_usually_differ_by() -> None:
    document = document_of(expected=ExpectedTotals(usual_change_pct=2.9))

    assert tile(document, "Energy")["note"].endswith("6,010 kWh (weeks usually differ by ±2.9%)")
    assert "±2.9%" in page_of(week_findings(expected=ExpectedTotals(usual_change_pct=2.9))).text
    assert "usually differ" not in tile(document_of(), "Energy")["note"]


def test_page_and_pdf_define_the_same_terms_in_the_same_words() -> None:
    document = document_of()
    terms = [(one.term, one.meaning) for one in definitions(document, Words.of(document))]
    blocks = report_content(document, {})["sections"][-1]["blocks"]
    page = page_of(week_findings()).text

    assert next(block["rows"] for block in blocks if block["kind"] == "terms") == terms
    assert "Confidence" in dict(terms)
    assert all(f"{term} {' '.join(meaning.split())}" in page for term, meaning in terms)


@pytest.mark.parametrize(
    ("start", "days", "name"),
    [
        (MONDAY, 7, "weekly_2026-11-09"),
        (MONDAY, 1, "weekly_2026-11-09_to_2026-11-09"),
        (MONDAY, 30, "weekly_2026-11-09_to_2026-12-08"),
        (MONDAY + timedelta(days=1), 7, "weekly_2026-11-10_to_2026-11-16"),
    ],
)
def test_only_a_monday_to_sunday_has_the_weeks_name(start: datetime, days: int, name: str) -> None:
    document = document_of(start=start, end=start + timedelta(days=days))

    assert default_path(document).name == f"{name}.json"


def month_of_many_findings(channels: int) -> WeekFindings:
    """30 days by the hour, and more of everything than is shown, with long names."""
    start, end = MONDAY, MONDAY + timedelta(days=30)
    hours = [start + timedelta(hours=hour) for hour in range(30 * 24)]
    x = tuple(instant.isoformat() for instant in hours)
    y = tuple(20.0 + 13.7 * (hour % 24) for hour in range(len(hours)))
    usual = tuple(21.3 + 12.9 * (hour % 24) for hour in range(len(hours)))
    week = week_findings()
    days = tuple(x[::24])
    charts = {
        **week.charts,
        "load": Chart("Load", "kW", (Series("actual", x, y), Series("expected", x, usual))),
        "heatmap": Chart(
            "Load",
            "kW",
            tuple(Series(day[:10], tuple(map(float, range(24))), y[:24]) for day in days),
        ),
        "daily_energy": Chart(
            "Energy", "kWh", (Series("actual", tuple(day[:10] for day in days), y[:30]),
                              Series("expected", tuple(day[:10] for day in days), usual[:30]))
        ),
    }  # fmt: skip
    span = (start + timedelta(hours=8), start + timedelta(hours=40))
    # One chart of a quick win is there already.
    for number in range(1, MAX_CHARTS):
        chart = finding_chart(
            f"Channel {number} " + "name " * 20, number, span, lambda at: at.hour * 7.13,
            lambda at: at.hour * 6.97,
        )  # fmt: skip
        cut = tuple(
            replace(one, x=one.x[:MAX_POINTS], y=one.y[:MAX_POINTS]) for one in chart.series
        )
        charts[f"anomaly_{number}"] = replace(chart, series=cut)
    name = "A rather long name of a channel " * 2
    row, event, win, issue = channel_weeks()[0], anomalies()[0], quick_wins()[0], health_issues()[0]
    later: list[Anomaly] = [
        replace(event, start=start + timedelta(hours=hour), channel_name=name)
        for hour in range(400)
    ]
    return replace(
        week, start=start, end=end, charts=charts, anomalies=tuple(later),
        channels=tuple(replace(row, channel_id=one, channel_name=f"{name}{one}", measured_pct=97.0)
                       for one in range(channels)),
        quick_wins=tuple(replace(win, rank=rank) for rank in range(1, 200)),
        health_issues=(replace(issue, channel_name=name),) * 300,
        spikes=week.spikes * 200,
        after_hours=replace(week.after_hours, meters=week.after_hours.meters * 100),
        data_quality=replace(
            week.data_quality,
            by_channel=tuple(ChannelQuality(one, f"{name}{one}", 2880, 2793, 97.0, 3, 2)
                             for one in range(channels)),
            gaps=tuple(DataGap(one, name, start, start + timedelta(hours=3), 12)
                       for one in range(100)),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("channels", [17, 200])
def test_a_month_of_many_findings_stays_under_600_kilobytes(channels: int) -> None:
    assert len(html_of(month_of_many_findings(channels)).encode()) < 600_000
