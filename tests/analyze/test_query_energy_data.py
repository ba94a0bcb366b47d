"""Asking the stored readings: the answers agree with sums made from the readings themselves."""

from __future__ import annotations

import math
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from query_site import (  # noqa: F401 (fixtures)
    DOOR,
    HOURLY,
    MAIN,
    NEW_YORK,
    PHASE,
    RTU,
    Ask,
    ask_fixture,
    of_week,
    query,
    readings_fixture,
    refused,
    stored_fixture,
)

WEEKS = [("2025-10-27", "2025-11-02", 25), ("2026-03-02", "2026-03-08", 23)]


@pytest.mark.parametrize(("monday", "sunday", "hours"), WEEKS)
def test_energy_by_day_and_channel_agrees_with_pandas_over_a_clock_change(
    readings: pd.DataFrame, ask: Ask, monday: str, sunday: str, hours: int
) -> None:
    rows = query(ask, "--start", monday, "--end", sunday, "--by", "day,channel",
                 "--channel", MAIN, "--channel", "rtu-1")  # fmt: skip
    table = of_week(readings, monday, MAIN, RTU)
    expected = table.groupby([table["local"].dt.date.astype(str), "channel_id"])["energy_kwh"].sum()
    assert len(rows) == 14
    for row in rows:
        key = (row["day"], row["channel_id"])
        assert row["sum_energy_kwh"] == pytest.approx(expected[key], abs=1e-5)
        assert row["expected"] == (4 * hours if row["day"] == sunday else 96)
        missing = 40 if key == ("2025-11-02", RTU) else 0
        assert row["received"] == row["expected"] - missing
        share = row["received"] / row["expected"]
        assert row["coverage_pct"] == math.floor(1000 * share) / 10


@pytest.mark.parametrize(("monday", "sunday", "hours"), WEEKS)
def test_hours_are_those_of_the_local_clock_with_their_offset(
    readings: pd.DataFrame, ask: Ask, monday: str, sunday: str, hours: int
) -> None:
    rows = query(ask, "--start", sunday, "--end", sunday, "--by", "hour",
                 "--channel", MAIN, "--measure", "power_kw", "--agg", "max")  # fmt: skip
    assert len(rows) == hours
    instants = [datetime.fromisoformat(row["hour"]) for row in rows]
    lengths = {after.timestamp() - before.timestamp() for before, after in pairwise(instants)}
    assert lengths == {3600}
    for instant, row in zip(instants, rows, strict=True):
        assert instant.utcoffset() == instant.astimezone(ZoneInfo(NEW_YORK)).utcoffset()
        table = readings[readings["channel_id"] == MAIN]
        seconds = (table["local"] - pd.Timestamp(instant)).dt.total_seconds()
        chosen = table[(seconds >= 0) & (seconds < 3600)]
        assert (len(chosen), chosen["power_kw"].max()) == (4, row["max_power_kw"])


def test_half_an_hour_of_clock_change_is_a_row_of_its_own(ask: Ask) -> None:
    # On Lord Howe Island clocks went forward by 30 minutes at 02:00 on 2025-10-05.
    rows = query(ask, "--start", "2025-10-05", "--end", "2025-10-05", "--by", "hour",
                 "--channel", "Plug A", site="9")  # fmt: skip
    assert [row["expected"] for row in rows] == [4, 4, 2, *[4] * 21]
    assert rows[2]["hour"] == "2025-10-05T02:30:00+11:00"


def test_missing_hours_are_rows_without_a_value(ask: Ask) -> None:
    rows = query(ask, "--start", "2025-11-02", "--end", "2025-11-02", "--by", "hour",
                 "--channel", "RTU-1")  # fmt: skip
    empty = [row for row in rows if row["received"] == 0]
    assert len(empty) == 10
    assert {(row["sum_energy_kwh"], row["coverage_pct"], row["expected"]) for row in empty} == {
        (None, 0, 4)
    }


def test_the_energy_of_a_site_is_that_of_its_total(readings: pd.DataFrame, ask: Ask) -> None:
    (row,) = query(ask, "--start", "2025-10-27", "--end", "2025-11-02", "--by", "week")
    assert row["week"] == "2025-10-27"
    expected = of_week(readings, "2025-10-27", MAIN)["energy_kwh"].sum()
    assert row["sum_energy_kwh"] == pytest.approx(expected, abs=1e-5)


def test_a_site_without_a_total_is_the_sum_of_its_channels_at_complete_instants(
    readings: pd.DataFrame, ask: Ask
) -> None:
    day = ("--start", "2026-02-02", "--end", "2026-02-02", "--by", "total", "--measure", "power_kw")
    plugs = readings[readings["organization_id"] == "9"]
    island = plugs["local"].dt.tz_convert("Australia/Lord_Howe")
    wide = plugs[island.dt.date == date(2026, 2, 2)].pivot_table(
        index="timestamp", columns="channel_id", values="power_kw"
    )
    total = wide.dropna().sum(axis=1)
    assert len(total) == 92
    for agg in ("mean", "min", "max"):
        (row,) = query(ask, *day, "--agg", agg, site="9")
        assert row[f"{agg}_power_kw"] == pytest.approx(getattr(total, agg)(), abs=1e-6)
        assert (row["received"], row["expected"], row["coverage_pct"]) == (92, 96, 95.8)


def test_channels_of_different_intervals_are_added_by_the_longer(
    readings: pd.DataFrame, ask: Ask
) -> None:
    day = ("--start", "2026-03-08", "--end", "2026-03-08", "--by", "total")
    (row,) = query(ask, *day, "--channel", "RTU-1", "--channel", "Boiler",
                   "--measure", "power_kw", "--agg", "max")  # fmt: skip
    table = readings[readings["local"].dt.date == date(2026, 3, 8)]
    hours = table.groupby(["channel_id", table["timestamp"].dt.floor("h")])["power_kw"].mean()
    total = hours[RTU] + hours[HOURLY]
    assert row["max_power_kw"] == pytest.approx(total.max(), abs=1e-6)
    assert (row["received"], row["expected"]) == (23, 23)


def test_weeks_are_compared_with_whole_weeks_before(readings: pd.DataFrame, ask: Ask) -> None:
    # Ten days touch two weeks: compared with the two weeks before, the second one cut alike.
    rows = query(ask, "--start", "2025-11-17", "--end", "2025-11-26", "--channel", "Main",
                 "--by", "week", "--compare", "previous")  # fmt: skip
    table = readings[readings["channel_id"] == MAIN]
    days = table.groupby(table["local"].dt.date.astype(str))["energy_kwh"].sum()
    assert [row["compared_sum_energy_kwh"] for row in rows] == pytest.approx(
        [days["2025-11-03":"2025-11-09"].sum(), days["2025-11-10":"2025-11-12"].sum()], abs=1e-5
    )


def test_levels_are_averaged_over_what_was_sent(readings: pd.DataFrame, ask: Ask) -> None:
    rows = query(ask, "--start", "2025-10-27", "--end", "2025-11-02", "--by", "channel",
                 "--measure", "voltage_v", "--channel", "Main")  # fmt: skip
    sent = of_week(readings, "2025-10-27", MAIN)["voltage_v"].dropna()
    assert rows[0]["mean_voltage_v"] == pytest.approx(sent.mean(), abs=1e-6)
    assert (rows[0]["received"], rows[0]["expected"]) == (len(sent), 676)


def test_hours_of_the_week_cover_every_reading_once(readings: pd.DataFrame, ask: Ask) -> None:
    rows = query(ask, "--start", "2025-10-20", "--end", "2025-11-02", "--by", "hour-of-week",
                 "--channel", "Main", "--measure", "power_kw")  # fmt: skip
    table = readings[readings["channel_id"] == MAIN]
    table = table[(table["local"] >= "2025-10-20") & (table["local"] < "2025-11-03")]
    expected = table.groupby(table["local"].dt.strftime("%a %H:00"))["power_kw"].mean()
    assert [row["hour_of_week"] for row in rows[:2]] == ["Mon 00:00", "Mon 01:00"]
    assert {row["hour_of_week"]: row["mean_power_kw"] for row in rows} == pytest.approx(
        expected.to_dict(), abs=1e-5
    )
    assert {row["hour_of_week"]: row["expected"] for row in rows}["Sun 01:00"] == 12


def test_a_channel_is_due_from_its_installation_on(ask: Ask) -> None:
    rows = query(ask, "--start", "2025-11-02", "--end", "2025-11-03", "--by", "day,channel")
    door = [row for row in rows if row["channel_id"] == DOOR]
    assert [(row["day"], row["expected"], row["coverage_pct"]) for row in door] == [
        ("2025-11-03", 96, 100)
    ]
    # A spare input never reported and a sensor has no energy: neither is missing.
    assert {row["channel_id"] for row in rows} == {MAIN, RTU, DOOR, HOURLY, PHASE}


def test_intervals_that_are_not_over_yet_are_not_missing(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Noon in New York, less half an hour in which intervals settle.
    monkeypatch.setenv("ARGO_NOW", "2026-03-10T16:00:00Z")
    rows = query(ask, "--days", "1", "--channel", "Main")
    assert [(row["day"], row["expected"]) for row in rows] == [("2026-03-10", 96)]
    monkeypatch.setenv("ARGO_NOW", "2026-03-20T16:00:00Z")  # the readings ended at midnight
    rows = query(ask, "--days", "1", "--channel", "Main")
    assert [(row["expected"], row["received"]) for row in rows] == [(46, 0)]


def test_where_about_time_keeps_its_coverage(readings: pd.DataFrame, ask: Ask) -> None:
    rows = query(
        ask, "--start", "2025-10-27", "--end", "2025-11-02", "--by", "channel",
        "--where", "weekday in (sat, sun) and not (hour between 6 and 18) "
                   "and channel_name like 'rtu-_'",
    )  # fmt: skip
    table = of_week(readings, "2025-10-27", RTU)
    hour = table["local"].dt.hour
    chosen = table[(table["local"].dt.day_of_week >= 5) & ((hour < 6) | (hour > 18))]
    (row,) = rows
    assert row["sum_energy_kwh"] == pytest.approx(chosen["energy_kwh"].sum(), abs=1e-5)
    # 11 hours on Saturday, 12 on Sunday, on which clocks change; 7 + 3 of those are missing ones:
    # 00:00 to 06:00 takes seven hours.
    assert (row["expected"], row["received"]) == (4 * 23, len(chosen))


def test_where_about_values_claims_no_coverage(readings: pd.DataFrame, ask: Ask) -> None:
    (row,) = query(ask, "--start", "2025-10-27", "--end", "2025-11-02", "--by", "total",
                   "--channel", "Main", "--agg", "count",
                   "--where", "power_kw > 100.5 or voltage_v is null")  # fmt: skip
    table = of_week(readings, "2025-10-27", MAIN)
    chosen = (table["power_kw"] > 100.5) | table["voltage_v"].isna()
    assert row == {"count_energy_kwh": chosen.sum(), "received": chosen.sum()}


@pytest.mark.parametrize(
    "text",
    ["1=1", "power_kw", "power_kw > 'a'", "pg_sleep(9) > 1", "hour = 3; DROP TABLE readings",
     "channel_name = 'x' --", "(" * 200 + "hour = 1", "day = '2026-02-30'", "hour in ()",
     "channel_name > 'a'", "power_kw > 1e300", "hour = 24", "weekday in (sat, 8)",
     "month != 0", "hour = 3.5"],
)  # fmt: skip
def test_a_condition_that_is_none_is_one_line(ask: Ask, text: str) -> None:
    assert "--where" in refused(ask("--site", "7", "--where", text))


def test_a_text_in_a_condition_is_a_value_and_no_sql(ask: Ask) -> None:
    rows = query(ask, "--start", "2025-11-03", "--end", "2025-11-03", "--by", "channel",
                 "--where", "channel_name = 'x'' OR true --'")  # fmt: skip
    assert rows == []


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["--measure", "voltage_v", "--agg", "sum"], "cannot be summed"),
        (["--measure", "power_kw", "--agg", "sum"], "energy_kwh"),
        (["--measure", "power"], "power_kw"),
        (["--by", "minute"], "--by minute"),
        (["--by", "day,day"], "twice"),
        (["--channel", "RTU-2"], "RTU-1"),
        (["--channel", "Main", "--channel", "RTU-1"], "may not be added"),
        (["--start", "2026-02-02", "--end", "2026-02-01"], "before the start"),
        (["--start", "2026-02-02", "--days", "3"], "not both"),
        (["--start", "2027-01-01"], "has not begun"),
        (["--format", "parquet"], "--out"),
        (["--chart", "--format", "csv"], "--out"),
        (["--by", "month,day", "--compare", "previous"], "month"),
        (["--by", "day,hour", "--chart"], "one time axis"),
        (["--sql", "SELECT 1", "--days", "3"], "--days"),
        (["--sql", "SELECT nothing FROM v_meters"], "docs/data-dictionary.md"),
        (["--out", "x.xlsx"], "'.xlsx' is not written"),
        (["--out", "x.json", "--format", "csv"], "x.json is no csv"),
        (["--out", "no/such/x.csv"], "there is no folder no/such"),
        (["--png", "x.svg"], "has to end in .png"),
        (["--measure", "cost"], "no tariff is set for site 7"),
    ],
)
def test_what_cannot_be_asked_is_one_line(ask: Ask, args: list[str], reason: str) -> None:
    assert reason in refused(ask("--site", "7", *args))


def test_an_unknown_site_ends_with_2(ask: Ask) -> None:
    assert "site 4711" in refused(ask("--site", "4711"))
    assert "site 4711" in refused(ask("--site", "4711", "--sql", "SELECT 1"))


def test_the_largest_come_first(readings: pd.DataFrame, ask: Ask) -> None:
    # Three chunks of a month: the largest of all of them.
    rows = query(ask, "--start", "2025-10-27", "--end", "2026-01-20", "--by", "hour",
                 "--channel", "Main", "--top", "3")  # fmt: skip
    table = readings[readings["channel_id"] == MAIN]
    table = table[(table["local"] >= "2025-10-27") & (table["local"] < "2026-01-21")]
    hours = table.groupby(table["timestamp"].dt.floor("h"))["energy_kwh"].sum()
    assert [row["sum_energy_kwh"] for row in rows] == pytest.approx(
        hours.nlargest(3).tolist(), abs=1e-5
    )


def test_a_comparison_puts_the_days_before_beside(readings: pd.DataFrame, ask: Ask) -> None:
    rows = query(ask, "--start", "2025-11-03", "--end", "2025-11-09", "--channel", "RTU-1",
                 "--compare", "previous")  # fmt: skip
    table = readings[readings["channel_id"] == RTU]
    days = table.groupby(table["local"].dt.date.astype(str))["energy_kwh"].sum()
    assert [row["compared_sum_energy_kwh"] for row in rows] == pytest.approx(
        days["2025-10-27":"2025-11-02"].tolist(), abs=1e-5
    )
    *_, before, last = rows
    change = days["2025-11-08"] - days["2025-11-01"]
    assert before["change"] == pytest.approx(change, abs=1e-5)
    assert before["change_pct"] == pytest.approx(100 * change / days["2025-11-01"], abs=1e-5)
    # 40 of 100 quarter-hours are missing: a change would tell of them.
    assert last["compared_coverage_pct"] == 60
    assert (last["change"], last["change_pct"]) == (None, None)


def test_months_are_compared_with_months(readings: pd.DataFrame, ask: Ask) -> None:
    rows = query(ask, "--start", "2026-01-01", "--end", "2026-02-28", "--by", "month",
                 "--compare", "previous")  # fmt: skip
    table = readings[readings["channel_id"] == MAIN]
    months = table.groupby(table["local"].dt.strftime("%Y-%m"))["energy_kwh"].sum()
    assert [row["month"] for row in rows] == ["2026-01", "2026-02"]
    pairs = [(row["sum_energy_kwh"], row["compared_sum_energy_kwh"]) for row in rows]
    expected = [(months["2026-01"], months["2025-11"]), (months["2026-02"], months["2025-12"])]
    assert np.array(pairs) == pytest.approx(np.array(expected), abs=1e-5)


def test_an_hour_that_comes_twice_has_one_partner(ask: Ask) -> None:
    rows = query(ask, "--start", "2025-11-02", "--end", "2025-11-02", "--by", "hour",
                 "--channel", "Main", "--compare", "previous")  # fmt: skip
    partners = [row["compared_sum_energy_kwh"] is not None for row in rows]
    assert partners == [True, True, False, *[True] * 22]


def test_a_day_half_over_is_compared_with_half_a_day(
    readings: pd.DataFrame, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Noon, and the half hour in which intervals settle.
    monkeypatch.setenv("ARGO_NOW", "2026-03-12T16:30:00Z")
    table = readings[readings["channel_id"] == MAIN]
    morning = table[(table["local"] >= "2026-03-11") & (table["local"] < "2026-03-11 12:00")]
    (row,) = query(ask, "--days", "1", "--by", "total", "--channel", "Main",
                   "--compare", "previous")  # fmt: skip
    assert row["compared_sum_energy_kwh"] == pytest.approx(morning["energy_kwh"].sum(), abs=1e-5)
    assert row["compared_coverage_pct"] == 100
    rows = query(ask, "--days", "1", "--by", "hour", "--channel", "Main",
                 "--compare", "previous")  # fmt: skip
    assert sum(row["compared_sum_energy_kwh"] is not None for row in rows) == 12
