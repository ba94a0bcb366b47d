"""What the sandbox plants and breaks, and what it says about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
import requests
from sandbox_http import (
    AIR,
    MAIN,
    NEW_YORK,
    NOW,
    RTU_2,
    SPARE,
    VIRTUAL,
    WEEK,
    Client,
    Start,
    clean,
    kwh,
    local,
    mondays,
    sandboxes,
)


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts sandboxes, and stops them after the last test here."""
    with sandboxes() as start_one:
        yield start_one


def test_truth_is_the_sum_of_what_is_served(start: Start) -> None:
    client = start()
    for told in client.truth(*WEEK)["channels"]:
        channel = told["channelId"]
        if channel in (VIRTUAL, 162141):
            continue
        rows = clean(client.readings(channel, *WEEK)["records"])
        assert told["readings"] == len(rows)
        if channel != AIR:
            assert told["energy_kwh"] == pytest.approx(kwh(rows))
    query = (
        f"/sandbox/readings/{RTU_2}?start=2026-07-06T00:00:00-04:00&end=2026-07-13T00:00:00-04:00"
    )
    served = clean(client.readings(RTU_2, *WEEK)["records"])
    assert client.get(query).json()["rows"] == list(served.values())


def test_excess_is_the_difference_to_the_same_site_without_events(start: Start) -> None:
    client, without = start(), start(clean=True)
    excess: dict[int, float] = {}
    for event in client.truth(*WEEK)["events"]:
        channel = event["channelId"]
        excess[channel] = excess.get(channel, 0) + event["excessKwh"]
    assert len(excess) >= 9
    for channel, planted_kwh in excess.items():
        served = [kwh(clean(one.readings(channel, *WEEK)["records"])) for one in (client, without)]
        assert planted_kwh == pytest.approx(served[0] - served[1], abs=1e-4)


def test_main_sees_what_was_left_on_and_not_what_a_meter_made_up(start: Start) -> None:
    client, without = start(), start(clean=True)
    rows, plain = (clean(one.readings(MAIN, *WEEK)["records"]) for one in (client, without))
    more_kwh = kwh(rows) - kwh(plain)
    events = client.truth(*WEEK)["events"]
    left_on = sum(one["excessKwh"] for one in events if one["kind"] == "after_hours")
    assert left_on / 0.95 < more_kwh < left_on / 0.92


def test_every_complete_week_has_every_kind_and_keeps_its_distance(start: Start) -> None:
    client = start()
    last_seen: dict[tuple[int, str], int] = {}
    for number, week in enumerate(mondays(date(2025, 5, 12), 24)):
        told = client.truth(*week)
        begun = [one for one in told["events"] if _instant(one["start"]) >= week[0]]
        kinds = {(one["channelId"], one["kind"], one["count"] == 2) for one in begun}
        assert {"after_hours", "spike", "flatline", "gap", "dead", "bad_rows"} == {
            kind for _, kind, _ in kinds
        }
        channels = [channel for channel, _, _ in kinds]
        assert len(channels) == len(set(channels))
        assert not {MAIN, AIR, SPARE} & set(channels)
        for channel, kind, short in kinds:
            if not (kind == "gap" and short):
                assert number - last_seen.get((channel, kind), -7) >= 7
                last_seen[channel, kind] = number
        readings = sum(one["readings"] for one in told["channels"])
        assert readings / (17 * (week[1] - week[0]) / 900) > 0.95
        assert 6 <= sum(one["kind"] == "bad_rows" for one in begun) <= 10


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_planted_events_obey_local_hours_also_when_clocks_change(start: Start) -> None:
    week = (local(2025, 10, 27), local(2025, 11, 3))
    events = start().truth(*week)["events"]
    for event in (one for one in events if one["kind"] == "after_hours"):
        hours = [
            datetime.fromtimestamp(_instant(event[at]), NEW_YORK).hour for at in ("start", "end")
        ]
        assert hours == [19, 6]


def test_a_bad_row_never_takes_the_time_of_a_good_one(start: Start) -> None:
    client = start()
    bad = [one for one in client.truth(*WEEK)["events"] if one["kind"] == "bad_rows"]
    assert len({one["detail"] for one in bad}) == 6
    extra = [one for one in bad if one["detail"] != "voltage_9999"]
    rows = [
        r for c in {one["channelId"] for one in bad} for r in client.readings(c, *WEEK)["records"]
    ]
    odd = [row for row in rows if row.get("ts", 1) % 900 or row["ts"] >= WEEK[1]]
    assert len(odd) == len(extra)
    assert sum(row["V"] == 9999 for row in rows) == len(bad) - len(extra)


def test_answers_come_in_the_other_forms_seen(start: Start) -> None:
    forms = {"records_key": "data", "ts_key": "t", "ts_format": "iso", "omit_units": True}
    client = start(omit_resolution=True, numbers_as_strings=True, **forms)
    answer = client.readings(RTU_2, *WEEK)
    assert not {"units", "resolution", "records"} & set(answer)
    assert answer["data"][0]["t"] == "2026-07-06T04:00:00Z"
    assert all(isinstance(value, str) for value in answer["data"][0].values())


def test_429_carries_the_retry_after_that_was_asked_for(start: Start) -> None:
    for how, pattern in (("seconds", "1"), ("7", "7"), ("date", "GMT"), (None, "")):
        answer = start(login=False, p_429=1.0, retry_after=how).get("/channels")
        assert answer.status_code == 429
        assert pattern in answer.headers.get("Retry-After", "")


def test_rate_limit_answers_429_above_it(start: Start) -> None:
    client = start(rate_limit=3)
    assert 429 in [client.get("/devicetypes").status_code for _ in range(9)]


def test_every_request_after_the_nth_is_500(start: Start) -> None:
    client = start(fail_after=2)  # the login was the first
    assert [client.get("/meters").status_code for _ in range(3)] == [200, 500, 500]


def test_broken_bodies_cannot_be_taken_for_data(start: Start) -> None:
    page = start(login=False, p_html200=1.0).login()
    assert (page.status_code, page.text[:9]) == (200, "<!DOCTYPE")
    cut = start(login=False, p_truncated=1.0).login()
    with pytest.raises(requests.exceptions.JSONDecodeError):
        cut.json()
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        start(login=False, p_reset=1.0).login()


def test_the_same_requests_meet_the_same_faults(start: Start) -> None:
    def statuses(client: Client) -> list[int]:
        return [client.login().status_code for _ in range(40)]

    options: dict[str, Any] = {"login": False, "again": True, "p_500": 0.3, "p_429": 0.2}
    first, second = (statuses(start(**options, fault_seed=5)) for _ in range(2))
    assert first == second
    assert set(first) == {200, 429, 500}
    assert statuses(start(**options, fault_seed=6)) != first


def test_bad_rows_on_demand_lose_no_energy(start: Start) -> None:
    calm = clean(start().readings(RTU_2, *WEEK)["records"])
    client = start(p_bad_rows=1.0)
    rows = client.readings(RTU_2, *WEEK)["records"]
    energy = {row["ts"]: float(row["E"]) for row in rows if row.get("ts") in calm}
    assert energy == {ts: row["E"] for ts, row in calm.items()}
    times = [row["ts"] for row in rows if "ts" in row]
    assert times != sorted(times)
    assert len(times) > len(set(times))
    assert len(times) < len(rows)
    assert max(times) > NOW.timestamp()
    assert any(isinstance(row["E"], str) for row in rows)
