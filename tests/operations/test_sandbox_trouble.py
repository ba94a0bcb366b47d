"""What the sandbox can do to a client on request: faults by position, values that settle late."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import requests
from sandbox_http import AIR, MAIN, NOW, PHASES, RTU_2, Client, Start, channel_ids, clean, sandboxes
from test_sandbox_api import run_script

NOW_SECONDS = int(NOW.timestamp())
DAY = (NOW_SECONDS - 86_400, NOW_SECONDS)
HOUR = 3600


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts sandboxes, and stops them after the last test here."""
    with sandboxes() as start_one:
        yield start_one


# --- faults by position ---------------------------------------------------------------------------


def outcome(client: Client) -> str:
    """How one request ends, in a word."""
    try:
        answer = client.get("/organizations/23271")
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError):
        return "reset"
    if answer.status_code != 200:
        return str(answer.status_code)
    if answer.headers["Content-Type"].startswith("text/html"):
        return "html200"
    try:
        json.loads(answer.content)
    except ValueError:
        return "truncated"
    return "good"


@pytest.mark.parametrize("kind", ["500", "truncated", "reset", "429", "html200"])
def test_a_fault_strikes_the_request_of_its_number_and_no_other(start: Start, kind: str) -> None:
    client = start(fault_at=((kind, 3),))  # the login was the first request
    assert [outcome(client) for _ in range(4)] == ["good", kind, "good", "good"]


@pytest.mark.parametrize(
    ("kind", "seen"), [("maintenance", "html200"), ("402", "402"), ("403", "403")]
)
def test_a_refusal_strikes_a_login_and_a_later_request_alike(
    start: Start, kind: str, seen: str
) -> None:
    client = start(login=False, fault_at=((kind, 1), (kind, 3)))
    refused = client.login()
    assert refused.status_code == (200 if kind == "maintenance" else int(kind))
    assert "X-Eniscope-Token" not in refused.headers
    assert client.login().status_code == 200
    assert [outcome(client) for _ in range(2)] == [seen, "good"]


def test_a_coarser_answer_by_position_says_so_and_holds_the_same_energy(start: Start) -> None:
    client = start(clean=True, fault_at=(("coarse", 3),))
    fine, coarse = (client.readings(MAIN, *DAY) for _ in range(2))
    assert (fine["resolution"], coarse["resolution"]) == (900, 1800)
    assert len(fine["records"]) == 2 * len(coarse["records"])
    energies = [math.fsum(row["E"] for row in told["records"]) for told in (fine, coarse)]
    assert energies[0] == pytest.approx(energies[1])


def test_rows_that_contradict_come_before_the_right_ones(start: Start) -> None:
    client = start(clean=True, fault_at=(("contradict", 3),))
    true, told = (client.readings(MAIN, *DAY)["records"] for _ in range(2))
    assert len(told) > len(true)
    assert list({row["ts"]: row for row in told}.values()) == true
    doubled = [(one["E"], two["E"]) for one, two in pairwise(told) if one["ts"] == two["ts"]]
    assert len(doubled) == len(told) - len(true)
    assert all(one != two for one, two in doubled)


def test_odd_rows_strike_by_position(start: Start) -> None:
    client = start(clean=True, fault_at=(("bad-rows", 3),))
    true, told, after = (client.readings(MAIN, *DAY)["records"] for _ in range(3))
    assert told != true == after


@pytest.mark.parametrize(
    ("option", "seen"),
    [("p_402", "402"), ("p_403", "403"), ("p_maintenance", "html200"), ("p_expire", "401")],
)
def test_a_share_of_the_requests_is_refused(start: Start, option: str, seen: str) -> None:
    client = start(login=False, fault_seed=1, **{option: 0.2})
    while client.login().status_code != 200 or "X-Eniscope-Token" not in client.session.headers:
        continue
    outcomes = []
    for _ in range(100):
        outcomes.append(outcome(client))
        if outcomes[-1] == "401":
            client.login()
    # 20 of 100, within four standard deviations.
    assert 4 <= outcomes.count(seen) <= 36
    assert set(outcomes) == {seen, "good"}


def test_more_channels_show_a_load_once_more_and_change_nothing_else(start: Start) -> None:
    own, more = start(), start(channels=32)
    assert len(channel_ids(more)) == 32
    truths = [client.truth(*DAY) for client in (own, more)]
    assert truths[0]["events"] == truths[1]["events"]
    assert truths[1]["channels"][:20] == truths[0]["channels"]
    assert all(channel["energy_kwh"] > 0 for channel in truths[1]["channels"][20:])


def test_several_faults_strike_where_each_was_told_to(start: Start) -> None:
    client = start(fault_at=(("500", 2), ("429", 4), ("truncated", 5), ("500", 6)))
    outcomes = [outcome(client) for _ in range(6)]
    assert outcomes == ["500", "good", "429", "truncated", "500", "good"]


def test_tokens_expire_before_the_request_that_is_told(start: Start) -> None:
    client = start(fault_at=(("expire", 3),), token_status=419)
    assert [outcome(client) for _ in range(3)] == ["good", "419", "419"]
    assert client.login().status_code == 200
    assert outcome(client) == "good"


def test_the_first_request_can_be_struck_too(start: Start) -> None:
    client = start(login=False, fault_at=(("500", 1),))
    assert [client.login().status_code for _ in range(2)] == [500, 200]


def test_faults_by_position_do_not_shift_those_by_probability(start: Start) -> None:
    drawn = start(p_500=0.3, fault_seed=5, login=False)
    both = start(p_500=0.3, fault_seed=5, login=False, fault_at=(("429", 2),))
    plain = [outcome(drawn) for _ in range(20)]
    struck = [outcome(both) for _ in range(20)]
    assert struck == [plain[0], "429", *plain[2:]]
    assert "500" in plain


def test_a_429_by_position_says_how_long_to_wait(start: Start) -> None:
    client = start(fault_at=(("429", 2),), retry_after="7")
    assert client.get("/channels").headers["Retry-After"] == "7"


def test_the_command_line_takes_faults_by_position() -> None:
    with run_script("--fault-at", "500:1", "--fault-at", "html200:2") as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        headers = {"X-Eniscope-API": said["key"], "User-Agent": "argo-tests"}
        url = f"{said['url']}/channels"
        answers = [requests.get(url, headers=headers, timeout=5) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 401]


@pytest.mark.parametrize("value", ["503:1", "500", "500:", "500:0", "500:-1", "500:x", ":3"])
def test_a_fault_that_makes_no_sense_is_a_usage_error(value: str) -> None:
    with run_script("--fault-at", value) as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert "truncated" in errors


# --- values that are told right later -------------------------------------------------------------


def day_rows(client: Client, channel: int, **params: Any) -> dict[int, dict[str, Any]]:
    return clean(client.readings(channel, *DAY, **params)["records"])


def test_fresh_intervals_are_told_a_few_percent_too_low_and_the_others_right(start: Start) -> None:
    true = day_rows(start(clean=True), MAIN)
    told = day_rows(start(clean=True, provisional_seconds=2 * HOUR), MAIN)
    assert told.keys() == true.keys()
    fresh = {ts for ts in true if ts + 900 > NOW_SECONDS - 2 * HOUR}
    assert len(fresh) == 8
    for ts, row in told.items():
        if ts not in fresh:
            assert row == true[ts]
            continue
        for code in ("E", "P", "E2", "P3", "I"):
            assert 0.02 <= 1 - row[code] / true[ts][code] <= 0.08
        for code in ("V", "PF", "F"):
            assert row[code] == true[ts][code]


def test_a_fresh_interval_agrees_with_itself(start: Start) -> None:
    rows = day_rows(start(clean=True, provisional_seconds=2 * HOUR), RTU_2)
    for row in rows.values():
        assert row["E"] == pytest.approx(row["P"] * 0.25, rel=1e-3)
        assert row["E"] == pytest.approx(sum(row[f"E{n}"] for n in PHASES), rel=1e-3)


def test_what_was_provisional_is_right_once_it_has_settled(start: Start) -> None:
    early = day_rows(start(clean=True, provisional_seconds=2 * HOUR), MAIN)
    true = day_rows(start(clean=True), MAIN)
    later = NOW + timedelta(hours=2)
    settled = day_rows(start(clean=True, provisional_seconds=2 * HOUR, now=later), MAIN)
    assert early != true
    assert {ts: settled[ts] for ts in true} == true


def test_truth_is_what_it_will_be_told_in_the_end(start: Start) -> None:
    plain, provisional = start(clean=True), start(clean=True, provisional_seconds=2 * HOUR)
    assert provisional.truth(*DAY) == plain.truth(*DAY)


def test_totals_and_coarse_rows_add_up_what_is_told_now(start: Start) -> None:
    client = start(clean=True, provisional_seconds=2 * HOUR)
    told_wh = sum(row["E"] for row in day_rows(client, MAIN).values())
    for params in ({"action": "total"}, {"res": HOUR}):
        rows = client.readings(MAIN, *DAY, **params)["records"]
        assert sum(row["E"] for row in rows) == pytest.approx(told_wh, rel=1e-6)


def test_a_sensor_has_nothing_to_correct(start: Start) -> None:
    provisional = start(clean=True, provisional_seconds=2 * HOUR)
    assert day_rows(provisional, AIR) == day_rows(start(clean=True), AIR)
