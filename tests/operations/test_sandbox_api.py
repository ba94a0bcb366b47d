"""The sandbox as a script, its logins and its lists, as a client of Eniscope meets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from sandbox_http import MAIN, WEEK, Start, local, sandboxes

from config.settings import PROJECT_ROOT

SCRIPT = PROJECT_ROOT / "operations" / "sandbox_api.py"


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts sandboxes, and stops them after the last test here."""
    with sandboxes() as start_one:
        yield start_one


@contextmanager
def run_script(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The script as a process of its own; it never outlives the test."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"ARGO_ENV_FILE": "", "ARGO_NOW": "2026-07-20T12:00:00Z"},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_script_says_where_it_listens_and_stops_on_sigterm(start: Start) -> None:
    with run_script() as process:
        assert process.stdout is not None
        invitation = json.loads(process.stdout.readline())
        health = requests.get(f"{invitation['url']}/sandbox/health", timeout=5)
        path = f"/sandbox/readings/{MAIN}?start={WEEK[0]}&end={WEEK[0] + 7200}"
        rows = requests.get(invitation["url"] + path, timeout=5).json()["rows"]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert (invitation["key"], invitation["email"]) == ("sandbox-key", "sandbox@example.com")
    assert health.json()["now"] == "2026-07-20T12:00:00Z"
    assert rows == start().readings(MAIN, WEEK[0], WEEK[0] + 7200)["records"]
    assert len(rows) == 8
    assert process.returncode == 0


def test_script_ends_with_the_process_it_was_told_to_follow() -> None:
    followed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with run_script("--parent-pid", str(followed.pid)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith('{"url"')
        followed.communicate(b"\n")
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_script_refuses_an_address_that_other_machines_can_reach() -> None:
    with run_script("--host", "0.0.0.0") as process:  # noqa: S104 (it must be refused)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert "this machine only" in errors


def test_login_gives_a_token_that_later_requests_use_without_basic(start: Start) -> None:
    answer = start().get("/organizations/23271")
    assert "Authorization" not in answer.request.headers
    assert answer.json()["timeZone"] == "America/New_York"


def test_requests_without_or_with_wrong_credentials_are_401(start: Start) -> None:
    client = start(login=False)
    assert client.get("/channels").status_code == 401
    assert client.login(password="wrong").status_code == 401
    wrong_key = client.session.get(f"{client.url}/channels", headers={"X-Eniscope-API": "other"})
    assert wrong_key.status_code == 401
    assert client.login().status_code == 200


@pytest.mark.parametrize("status", [401, 419])
def test_token_expires_after_its_requests_and_a_new_login_helps(start: Start, status: int) -> None:
    client = start(token_requests=2, token_status=status)
    assert [client.get("/meters").status_code for _ in range(3)] == [200, 200, status]
    client.login()
    assert client.get("/meters").status_code == 200


def test_token_expires_after_its_seconds(start: Start) -> None:
    assert start(token_seconds=0.0).get("/meters").status_code == 401


@pytest.mark.parametrize("agent", ["python-requests/2.32", ""])
def test_firewall_answers_403_with_html_to_default_agents(start: Start, agent: str) -> None:
    client = start()
    answer = client.session.get(f"{client.url}/channels", headers={"User-Agent": agent})
    assert answer.status_code == 403
    assert answer.headers["Content-Type"].startswith("text/html")


def test_every_answer_says_that_it_comes_from_a_sandbox(start: Start) -> None:
    client = start(login=False)
    answers = [client.get("/channels"), client.get("/nothing"), client.get("/sandbox/health")]
    answers += [client.login(), client.session.post(f"{client.url}/channels", data="{}")]
    assert [answer.headers["X-Argo-Sandbox"] for answer in answers] == ["1"] * 5


@pytest.mark.parametrize("prefix", ["", "/v1", "/v1/1"])
def test_resources_answer_under_every_prefix(start: Start, prefix: str) -> None:
    assert start().get(f"{prefix}/organizations/23271").json()["organizationId"] == "23271"


def test_the_site_has_the_documented_channels_with_text_ids(start: Start) -> None:
    answer = start().get("/channels", organization="23271").json()
    record = {one["dataChannelId"]: one for one in answer["channels"]}["162119"]
    assert answer["meta"] == {
        "currentPage": 1,
        "recordsPerPage": 20,
        "recordCount": 20,
        "pageCount": 1,
    }
    assert (record["channelName"], record["deviceTypeId"]) == ("RTU-2", "20")
    assert record["installedTs"] == str(local(2025, 4, 29))
    assert record["uninstalledTs"] is None
    assert isinstance(record["uuId"], str)


def test_pages_hold_20_by_default_and_100_at_most_and_together_everything(start: Start) -> None:
    client = start(sites=6)  # 20 channels of Wilson Center, 18 of each of the six
    default, most = (client.get("/channels", limit=limit).json() for limit in (0, 500))
    pages = [client.get("/channels", page=n).json() for n in range(1, 8)]
    ids = [record["dataChannelId"] for page in pages for record in page["channels"]]
    assert (len(default["channels"]), len(most["channels"])) == (20, 100)
    assert pages[0]["meta"]["pageCount"] == 7
    assert len(ids) == len(set(ids)) == 128


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"channelName": "*floor*"}, {"Lighting Floor 1", "Lighting Floor 2"}),
        ({"deviceTypeId": "!20"}, {"Air Sensor"}),
        ({"dataType": "null"}, {"Air Sensor"}),
        ({"uninstalledTs": "!null"}, set()),
        ({"channelName": "!*[a]*", "uuid": "*0011", "sort": "x"}, {"Air Sensor"}),
        ({"organization": "99"}, set()),
    ],
)
def test_filters_take_wildcards_negation_and_null(
    start: Start, query: Any, names: set[str]
) -> None:
    records = start().get("/channels", **query).json()["channels"]
    assert {record["channelName"] for record in records} == names


def test_sorting_takes_a_key_and_a_direction_and_numbers_as_numbers(start: Start) -> None:
    client = start()
    names = client.get("/channels", sort="channelName desc").json()["channels"]
    orders = client.get("/channels", sort="sortOrder").json()["channels"]
    assert [one["channelName"] for one in names][:2] == ["Virtual Reference", "Test Channel"]
    assert [int(one["sortOrder"]) for one in orders] == list(range(20))


@pytest.mark.parametrize("shape", ["result", "data", "items", "list"])
def test_lists_come_in_the_other_envelopes_seen(start: Start, shape: str) -> None:
    answer = start(envelope=shape).get("/organizations").json()
    records = answer if shape == "list" else answer[shape]
    names = [record["organizationName"] for record in records]
    assert names == ["Holding (sandbox)", "Wilson Center (sandbox)"]


def test_a_parent_without_channels_stands_above_all_sites(start: Start) -> None:
    client = start(sites=2)
    above = {
        one["organizationId"]: (one["parentId"], one["timeZone"])
        for one in client.get("/organizations").json()["organizations"]
    }
    assert above.pop("23000") == (None, "America/New_York")
    assert {parent for parent, _ in above.values()} == {"23000"}
    assert set(above) == {"23271", "50001", "50002"}
    assert client.get("/organizations/23000").json()["organizationId"] == "23000"
    for collection in ("channels", "devices", "meters"):
        assert client.get(f"/organizations/23000/{collection}").json()[collection] == []
        assert client.get(f"/{collection}", organization="23000").json()[collection] == []
    truth = client.get("/sandbox/truth", organization="23000", start=WEEK[0], end=WEEK[1]).json()
    assert (truth["channels"], truth["events"]) == ([], [])


@pytest.mark.parametrize("collection", ["alarms", "events", "registrations", "tariffs", "accounts"])
def test_minor_collections_exist(start: Start, collection: str) -> None:
    assert collection in start().get(f"/{collection}").json()


def test_collections_nest_below_organizations_and_devices(start: Start) -> None:
    client = start()
    below = client.get("/organizations/23271/metersbelow").json()
    devices = client.get("/organizations/23271/devices", limit=100).json()["devices"]
    device = next(one["deviceId"] for one in devices if one["deviceName"] == "Air Sensor")
    meters = client.get(f"/devices/{device}/meters").json()["meters"]
    assert (below["organizationId"], len(below["metersbelow"])) == ("23271", 20)
    assert [meter["deviceId"] for meter in meters] == [device]


def test_fields_depend_on_the_device_type(start: Start) -> None:
    client = start()
    sensor_type = client.get("/channels", channelName="Air Sensor").json()["channels"][0]
    fields = client.get(f"/fields/{sensor_type['deviceTypeId']}").json()["fields"]
    assert {field["fieldName"] for field in fields} == {"T", "RH", "CO2"}
    assert client.get("/fields/20").json()["meta"]["recordCount"] == 27


def test_options_lists_the_filters_of_a_resource(start: Start) -> None:
    client = start()
    answer = client.session.options(f"{client.url}/v1/channels").json()
    assert {"organization", "deviceTypeId", "uuid", "channelName"} <= set(answer["filters"])


@pytest.mark.parametrize("path", ["/sites", "/organizations/1", "/readings/1", "/fields/999"])
def test_unknown_things_are_404_with_json(start: Start, path: str) -> None:
    answer = start().get(path)
    assert answer.status_code == 404
    assert "error" in answer.json()
