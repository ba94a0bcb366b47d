"""Findings as rows: every finding of a week once, with its own numbers."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from example_findings import week_findings

from deliver.exporting.findings_rows import findings_rows
from deliver.exporting.tables import names


def test_every_finding_of_every_week_is_one_row_with_all_columns() -> None:
    week = week_findings()
    rows = findings_rows([week, week])

    assert {tuple(row) for row in rows} == {names("findings")}
    assert Counter(row["kind"] for row in rows) == Counter(
        {
            "quick_win": 2 * len(week.quick_wins),
            "after_hours": 2 * len(week.after_hours.meters),
            "anomaly": 2 * len(week.anomalies),
            "spike": 2 * len(week.spikes),
            "sensor_health": 2 * len(week.health_issues),
            "drift": 2 * len(week.drifts),
        }
    )
    assert week.quick_wins
    assert week.anomalies
    assert week.spikes
    assert week.health_issues


def test_costs_energies_and_times_are_those_of_the_findings() -> None:
    week = week_findings()
    rows = findings_rows([week])
    wins = [row for row in rows if row["kind"] == "quick_win"]
    events = [row for row in rows if row["kind"] == "anomaly"]

    assert [row["annual_cost"] for row in wins] == [win.annual_cost for win in week.quick_wins]
    assert [row["excess_kwh"] for row in events] == [event.excess_kwh for event in week.anomalies]
    # November in New York: five hours behind.
    assert {row["start_utc"] - row["start_local"] for row in events} == {timedelta(hours=5)}
    assert {row["utc_offset"] for row in rows} == {"UTC-05:00"}
    assert [row["start_local"] for row in events] == [
        event.start.replace(tzinfo=None) for event in week.anomalies
    ]


def test_a_finding_about_several_channels_names_them_and_has_no_single_id() -> None:
    week = week_findings()
    rows = [row for row in findings_rows([week]) if row["kind"] == "quick_win"]

    for row, win in zip(rows, week.quick_wins, strict=True):
        assert row["channel_id"] == (win.channel_ids[0] if len(win.channel_ids) == 1 else None)
        assert len(row["channel_name"].split("; ")) == len(win.channel_ids)
