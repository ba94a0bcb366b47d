"""The readings that the sandbox serves: form, resolutions, time, physics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import holidays
import pytest
from sandbox_http import (
    AIR,
    MAIN,
    NOW,
    PHASES,
    RTU_2,
    SPARE,
    VIRTUAL,
    WEEK,
    Start,
    channel_ids,
    clean,
    kwh,
    local,
    sandboxes,
)

from operations.sandbox.weeks import federal_holidays


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts sandboxes, and stops them after the last test here."""
    with sandboxes() as start_one:
        yield start_one


def test_an_answer_has_the_keys_of_the_captured_one_in_its_order(start: Start) -> None:
    answer = start().readings(RTU_2, *WEEK, **{"fields[]": ["P", "E"]})
    assert list(answer) == [
        *("uuid", "name", "channel", "organization", "timeZone", "from", "to", "resolution"),
        *("action", "units", "recordCount", "records", "operatingHours"),
    ]
    assert answer["units"] == {"ts": "Unix Time", "E": "Wh", "P": "W"}
    assert (answer["from"], answer["to"]) == WEEK
    assert answer["recordCount"] == len(answer["records"])
    assert set(answer["records"][0]) == {"ts", "E", "P"}


def test_brackets_may_be_sent_as_they_are(start: Start) -> None:
    client = start()
    query = f"fields[]=E&daterange[]={WEEK[0]}&daterange[]={WEEK[0] + 3600}&res=900"
    rows = client.session.get(f"{client.url}/readings/{RTU_2}?{query}").json()["records"]
    assert [set(row) for row in rows] == [{"ts", "E"}] * 4


@pytest.mark.parametrize(
    "query",
    [
        {"daterange[]": [WEEK[1], WEEK[0]]},
        {"daterange[]": [WEEK[0]]},
        {"daterange[]": ["monday", "sunday"]},
        {"daterange": "someday"},
        {"daterange[]": WEEK, "res": 61},
        {"daterange[]": WEEK, "action": "averageday"},
    ],
)
def test_a_request_that_makes_no_sense_is_400(start: Start, query: Any) -> None:
    assert start().get(f"/readings/{RTU_2}", **query).status_code == 400


def test_some_channels_always_fail_and_a_silent_one_has_no_rows(start: Start) -> None:
    client = start(fail_channel=(MAIN,))
    for channel in (VIRTUAL, 162141, MAIN):
        answer = client.get(f"/readings/{channel}", daterange="yesterday")
        assert (answer.status_code, answer.json()) == (500, {"error": "Invalid Parameter"})
    assert client.readings(SPARE, *WEEK)["records"] == []


def test_a_word_names_local_days(start: Start) -> None:
    answer = start().get(f"/readings/{MAIN}", daterange="lastweek", res=3600).json()
    assert (answer["from"], answer["to"]) == (local(2026, 7, 13), local(2026, 7, 20))


@pytest.mark.parametrize(
    ("days", "asked", "answered"),
    [
        (7, 60, 900),
        (7, 900, 900),
        (8, 900, 1800),
        (8, "auto", 1800),
        (28, 900, 3600),
        (56, 60, 86400),
    ],
)
def test_a_long_range_is_answered_at_a_coarser_resolution_that_is_said(
    start: Start, days: int, asked: Any, answered: int
) -> None:
    end = local(2026, 7, 13)
    answer = start().readings(MAIN, end - days * 86400, end, asked)
    assert answer["resolution"] == answered
    assert answer["recordCount"] == days * 86400 // answered


def test_a_long_range_can_be_an_error_instead(start: Start) -> None:
    query = {"daterange[]": [WEEK[0], WEEK[1] + 86400], "res": 900}
    answer = start(long_range_error=True).get(f"/readings/{MAIN}", **query)
    assert (answer.status_code, answer.json()["error"]) == (400, "date range too long")


@pytest.mark.parametrize(("fine", "coarse"), [(60, 900), (900, 1800), (900, 3600), (900, 86400)])
def test_coarse_rows_sum_the_energy_and_average_the_power_of_fine_ones(
    start: Start, fine: int, coarse: int
) -> None:
    client = start(max_points=0)
    day = (local(2026, 7, 8), local(2026, 7, 9))
    fine_rows = clean(client.readings(158698, *day, fine)["records"], fine)
    coarse_rows = client.readings(158698, *day, coarse)["records"]
    assert len(coarse_rows) == 86400 // coarse
    for row in coarse_rows:
        parts = [one for ts, one in fine_rows.items() if row["ts"] <= ts < row["ts"] + coarse]
        assert row["E"] == pytest.approx(sum(part["E"] for part in parts), abs=1e-3)
        for code in ("P", "V", "I1"):
            mean = sum(part[code] for part in parts) / len(parts)
            assert row[code] == pytest.approx(mean, rel=1e-5)


def test_total_is_one_row_and_counters_count_on(start: Start) -> None:
    client = start()
    rows = clean(client.readings(MAIN, *WEEK)["records"])
    total = client.readings(MAIN, *WEEK, action="total")["records"]
    counter = client.readings(MAIN, *WEEK, showCounters=1)["records"]
    assert [row["E"] for row in total] == [pytest.approx(kwh(rows) * 1000)]
    used = counter[-1]["E"] - counter[0]["E"] + rows[WEEK[0]]["E"]
    assert used == pytest.approx(kwh(rows) * 1000)


@pytest.mark.parametrize(("day", "rows"), [((2025, 11, 2), 100), ((2026, 3, 8), 92)])
def test_the_days_on_which_clocks_change_have_their_own_length(
    start: Start, day: Any, rows: int
) -> None:
    client = start(clean=True)
    first = date(*day)
    bounds = (first.isoformat(), (first + timedelta(days=1)).isoformat())
    quarters = client.readings(RTU_2, *bounds)
    whole = client.readings(RTU_2, *bounds, 86400)["records"]
    assert quarters["recordCount"] == rows
    assert [row["ts"] for row in whole] == [local(*day)]
    assert whole[0]["E"] / 1000 == pytest.approx(kwh(clean(quarters["records"])))


def test_only_intervals_that_are_over_exist_less_the_lag(start: Start) -> None:
    now = int(NOW.timestamp())
    for lag, lengths in ((0, (60, 900, 3600)), (7200, (900,))):
        for length in lengths:
            client = start(lag_seconds=lag, max_points=0)
            rows = client.readings(MAIN, now - 5 * 3600, now + 86400, length, action="summarise")
            assert rows["resolution"] == length
            assert max(row["ts"] for row in rows["records"]) == now - lag - length


def test_nothing_exists_before_the_meters_were_installed(start: Start) -> None:
    rows = start().readings(MAIN, local(2025, 4, 27), local(2025, 4, 30))["records"]
    assert min(row["ts"] for row in rows) == local(2025, 4, 29)


def test_a_value_is_the_same_in_every_window_and_after_a_restart(start: Start) -> None:
    week = clean(start().readings(RTU_2, *WEEK)["records"])
    other = start(again=True, now=datetime(2026, 9, 1, tzinfo=UTC))
    day = clean(other.readings(RTU_2, WEEK[0] + 86400, WEEK[0] + 2 * 86400)["records"])
    assert len(day) == 96
    assert all(week[ts] == row for ts, row in day.items())


def test_another_seed_and_another_site_have_other_values(start: Start) -> None:
    plain = start(sites=1)
    rows = plain.readings(RTU_2, *WEEK)["records"][:96]
    assert start(seed=7).readings(RTU_2, *WEEK)["records"][:96] != rows
    ids = {name: channel for channel, name in channel_ids(plain, 50001).items()}
    assert plain.readings(ids["RTU-2"], *WEEK)["records"][:96] != rows


def test_energy_power_phases_and_current_agree(start: Start) -> None:
    client = start(clean=True)
    for channel in (RTU_2, MAIN, 162125):
        for row in client.readings(channel, *WEEK)["records"]:
            assert row["E"] == pytest.approx(row["P"] * 0.25, abs=0.002)
            assert row["E"] == pytest.approx(sum(row[f"E{n}"] for n in PHASES), abs=0.002)
            assert row["P"] == pytest.approx(sum(row[f"P{n}"] for n in PHASES), abs=0.002)
            assert row["P"] <= sum(row[f"V{n}"] * row[f"I{n}"] for n in PHASES)
            assert row["P"] <= 3 * row["V"] * row["I"]
            assert math.hypot(row["P"], row["Q"]) == pytest.approx(row["S"], abs=0.01)
            assert row["PF"] == pytest.approx(row["P"] / row["S"], abs=1e-4)
            assert 110 < row["V"] < 130
            assert 59.8 < row["F"] < 60.2


def test_main_exceeds_its_sub_meters_by_what_is_not_metered(start: Start) -> None:
    client = start(clean=True)
    sites = {
        one: clean(client.readings(one, *WEEK)["records"])
        for one in channel_ids(client)
        if one not in (AIR, SPARE, VIRTUAL, 162141)
    }
    main = sites.pop(MAIN)
    assert len(sites) == 15
    for ts, row in main.items():
        unmetered = 1 - sum(rows[ts]["P"] for rows in sites.values()) / row["P"]
        assert 0.05 <= unmetered <= 0.08


def test_load_follows_opening_hours_and_federal_holidays(start: Start) -> None:
    client = start(clean=True)

    def mean_kw(day: int, hour: int) -> float:
        begin = local(2026, 7, day, hour)
        return kwh(clean(client.readings(MAIN, begin, begin + 7200)["records"])) / 2

    assert 60 < mean_kw(6, 11) < 150
    assert all(15 < mean_kw(day, hour) < 30 for day, hour in ((7, 2), (3, 11), (11, 11)))


def test_holidays_are_those_of_the_holidays_package() -> None:
    for year in range(2025, 2031):
        assert federal_holidays(year) == set(holidays.country_holidays("US", years=year))
