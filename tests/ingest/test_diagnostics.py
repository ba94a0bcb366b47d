"""The diagnostics through their front door: scripts, a real HTTP API with every kind of trouble."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import orjson
import pytest
from sandbox_client import SITE, Sandbox, StartSandbox
from support import ScriptResult, ScriptRunner

from operations.sandbox.api import Request
from operations.sandbox.listing import ApiError

TEST_AUTH = "ingest/test_auth_approaches.py"
TEST_WORKING = "ingest/test_working_auth.py"
DIAGNOSTIC = "ingest/diagnostic_report.py"
DISCOVER = "ingest/discover_api_endpoints.py"
MAP_FIELDS = "ingest/map_api_fields.py"
RTU_2, MAIN, AIR, SPARE, VIRTUAL_REFERENCE, TEST_CHANNEL = (
    162119,
    158694,
    162277,
    162278,
    162127,
    162141,
)
# Half an hour before the sandbox's now (2026-07-16 04:00 UTC) intervals have settled.
DAY_END = datetime(2026, 7, 16, 3, 30, tzinfo=UTC)
# A made-up site without channels that only fail, so that nothing has to be asked five times.
SMALL_SITE = "50001"


def alter(sandbox: Sandbox, change: Callable[[Request, Any], Any]) -> None:
    """Have the sandbox change what it answers; `change` may raise ApiError instead."""
    answer = sandbox.server.api.answer

    def altered(request: Request) -> bytes:
        return orjson.dumps(change(request, orjson.loads(answer(request))))

    sandbox.server.api.answer = altered  # type: ignore[method-assign]


def refuse(status: int, *paths: str) -> Callable[[Request, Any], Any]:
    """Answer this status for these collections; without names for all."""

    def change(request: Request, document: Any) -> Any:
        if not paths or request.path[0] in paths:
            raise ApiError(status, "Not for you")
        return document

    return change


def run_json(
    run_script: ScriptRunner, sandbox: Sandbox, script: str, *args: object, **env: str
) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON document of a script run with --json."""
    done = run_script(script, "--json", *args, env={**sandbox.settings, **env})
    return done.exit_code, dict(json.loads(done.stdout))


def texts(document: dict[str, Any], level: str) -> str:
    """The findings of a level, as one text."""
    return "\n".join(one["text"] for one in document["findings"] if one["level"] == level)


# py:ingest:test-auth


def test_each_way_to_sign_in_is_tried_once_and_argos_works(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()
    code, document = run_json(run_script, sandbox, TEST_AUTH)
    assert code == 0
    assert {one["name"]: (one["outcome"], one["status"]) for one in document["approaches"]} == {
        "sign in": ("accepted", 200),
        "token": ("accepted", 200),
        "base path /v1/": ("accepted", 200),
        "base path /v1/1/": ("accepted", 200),
        "plain password": ("refused", 401),
        "key only": ("refused", 401),
        "made-up key": ("refused", 401),
        "python-requests": ("refused", 403),
    }
    assert sandbox.server.faults.requests == len(document["approaches"])
    assert (document["works"], document["cause"]) == (True, "works")


HASHED = md5(b"sandbox", usedforsecurity=False).hexdigest()
WRONG_SETTINGS = {
    "wrong_login": {"ENISCOPE_PASSWORD": "wrong"},
    "wrong_key": {"ENISCOPE_API_KEY": "wrong"},
    "plain_password": {"ENISCOPE_PASSWORD": HASHED},
    "firewall": {"ENISCOPE_USER_AGENT": "python-requests/2.32"},
}


@pytest.mark.parametrize("cause", WRONG_SETTINGS)
def test_a_wrong_setting_is_told_from_the_others(
    start_sandbox: StartSandbox, run_script: ScriptRunner, cause: str
) -> None:
    code, document = run_json(run_script, start_sandbox(), TEST_AUTH, **WRONG_SETTINGS[cause])
    assert (code, document["works"], document["cause"]) == (2, False, cause)
    named = {"firewall": "ENISCOPE_USER_AGENT", "wrong_key": "ENISCOPE_API_KEY"}
    assert named.get(cause, "ENISCOPE_PASSWORD") in document["advice"]


def test_wrong_credentials_cost_two_wrong_logins_not_more(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()
    _, document = run_json(run_script, sandbox, TEST_AUTH, ENISCOPE_PASSWORD="wrong")
    refused = [one["name"] for one in document["approaches"] if one["status"] == 401]
    assert refused == ["sign in", "plain password", "key only", "made-up key"]
    skipped = [one["name"] for one in document["approaches"] if one["outcome"] == "not tried"]
    assert skipped == ["token", "base path /v1/", "base path /v1/1/"]


def test_an_api_that_does_not_say_why_leaves_all_three_credentials_in_doubt(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()

    def admit(headers: Any) -> str | None:
        raise ApiError(401, "Unauthorized")

    sandbox.server.tokens.admit = admit  # type: ignore[method-assign]
    code, document = run_json(run_script, sandbox, TEST_AUTH)
    assert (code, document["cause"]) == (2, "wrong_key_or_login")


@pytest.mark.parametrize(("status", "cause"), [(402, "subscription"), (403, "no_rights")])
def test_what_credentials_cannot_mend_is_not_called_a_wrong_setting(
    start_sandbox: StartSandbox, run_script: ScriptRunner, status: int, cause: str
) -> None:
    sandbox = start_sandbox()
    alter(sandbox, refuse(status))
    code, document = run_json(run_script, sandbox, TEST_AUTH)
    assert (code, document["cause"]) == (1, cause)


@pytest.mark.parametrize(
    ("options", "cause", "exit_code"),
    [
        ({"p_500": 1.0}, "service_trouble", 1),
        ({"p_429": 1.0}, "rate_limited", 1),
        ({"p_html200": 1.0}, "wrong_address", 2),
        ({"p_reset": 1.0}, "unreachable", 1),
    ],
    ids=["500", "429", "HTML", "reset"],
)
def test_trouble_of_the_service_is_named(
    start_sandbox: StartSandbox,
    run_script: ScriptRunner,
    options: dict[str, Any],
    cause: str,
    exit_code: int,
) -> None:
    code, document = run_json(run_script, start_sandbox(**options), TEST_AUTH)
    assert (code, document["cause"]) == (exit_code, cause)


def test_a_wrong_path_is_told_with_the_right_one(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()
    url = sandbox.server.url + "/v2"
    code, document = run_json(run_script, sandbox, TEST_AUTH, ENISCOPE_API_URL=url)
    assert (code, document["cause"]) == (2, "wrong_address")
    assert document["advice"] == "keep only the host in it"


def test_no_connection_is_one_attempt(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    nowhere = "http://127.0.0.1:9"
    code, document = run_json(run_script, start_sandbox(), TEST_AUTH, ENISCOPE_API_URL=nowhere)
    assert (code, document["cause"]) == (1, "unreachable")
    outcomes = [one["outcome"] for one in document["approaches"]]
    assert outcomes == ["no answer"] + ["not tried"] * (len(outcomes) - 1)


def test_the_ceiling_on_requests_is_kept(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(rate_limit=5)
    code, document = run_json(run_script, sandbox, TEST_AUTH, ENISCOPE_MAX_RPS="4")
    assert code == 0
    assert 429 not in {one["status"] for one in document["approaches"]}


def test_the_text_names_argos_way_and_the_next_step(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    done = run_script(TEST_AUTH, env=start_sandbox().settings)
    assert done.exit_code == 0, done.stderr
    assert "sign in (Argo)" in done.stdout
    assert "npm run py:ingest:test-working" in done.stdout


# py:ingest:test-working


def test_one_login_serves_all_requests(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    code, document = run_json(run_script, start_sandbox(sites=2), TEST_WORKING)
    assert code == 0
    assert {site["id"] for site in document["sites"]} == {SITE, "50001", "50002"}
    assert document["logins"] == 1
    signed_in_by = [one["signedInBy"] for one in document["requests"]]
    assert signed_in_by == ["password"] + ["token"] * 5
    assert (document["expiredTokens"], document["staleTokenStatus"]) == (0, 401)


def test_tokens_that_expire_are_renewed_and_counted(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(token_requests=2, token_status=419)
    code, document = run_json(run_script, sandbox, TEST_WORKING)
    assert code == 0
    # Six answers: a login serves itself and two more.
    assert (document["logins"], document["expiredTokens"]) == (2, 1)
    assert document["staleTokenStatus"] == 419


def test_an_account_without_any_site_is_a_problem(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()
    alter(sandbox, lambda _, document: {**document, "organizations": []})
    code, document = run_json(run_script, sandbox, TEST_WORKING)
    assert code == 4
    assert "sees no site" in texts(document, "problem")


@pytest.mark.parametrize("script", [TEST_WORKING, DIAGNOSTIC, MAP_FIELDS, DISCOVER])
def test_a_refused_login_ends_with_2_and_names_the_script_that_says_why(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path, script: str
) -> None:
    settings = {**start_sandbox().settings, "ARGO_OUTPUT_DIR": str(tmp_path)}
    done = run_script(script, env={**settings, "ENISCOPE_PASSWORD": "wrong"})
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "npm run py:ingest:test-auth" in done.stderr
    assert not (tmp_path / "docs").exists()


# py:ingest:diagnostic


def channels_by_id(document: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {channel["channelId"]: channel for channel in document["channels"]}


def test_every_channel_is_counted_as_the_sandbox_offers_it(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()
    code, document = run_json(run_script, sandbox, DIAGNOSTIC)
    assert code == 0
    channels = channels_by_id(document)
    assert len(channels) == 20
    assert channels[VIRTUAL_REFERENCE]["state"] == "known to fail"
    assert channels[TEST_CHANNEL]["httpStatus"] == 500
    assert (channels[SPARE]["state"], channels[SPARE]["newest"]) == ("silent", None)
    assert channels[AIR]["fieldsSeen"] == ["T", "RH", "CO2"]
    assert channels[MAIN]["channelType"] == "site_total"
    answering = [one for one in channels.values() if one["httpStatus"] == 200]
    assert len(answering) == 18
    for channel in answering:
        offered = sandbox.true_rows(channel["channelId"], DAY_END - timedelta(days=1), DAY_END)
        quarters = {row["ts"] // 900 for row in offered}
        assert (channel["received"], channel["expected"]) == (len(quarters), 96), channel
    # 700 rows an answer are 7.29 days of quarter-hours.
    assert document["longestWindowDays"] == 7
    assert (document["meters"], sum(document["devices"].values())) == (20, 21)
    assert "clocks agree" in texts(document, "ok")


def test_a_channel_that_does_not_answer_ends_with_4_and_is_named(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(sites=1)
    code, document = run_json(run_script, sandbox, DIAGNOSTIC, "--site", SMALL_SITE)
    assert code == 0, texts(document, "problem")
    broken = document["channels"][0]
    sandbox = start_sandbox(sites=1, fail_channel=(broken["channelId"],))
    done = run_script(DIAGNOSTIC, "--site", SMALL_SITE, env=sandbox.settings)
    assert done.exit_code == 4
    problem = next(line for line in done.stdout.splitlines() if line.startswith("problem"))
    assert f"{broken['channelName']} ({broken['channelId']})" in problem
    assert "status: unreadable" in done.stdout


def test_short_ranges_only_are_found_and_told(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(sites=1, max_points=50, clean=True)
    code, document = run_json(run_script, sandbox, DIAGNOSTIC, "--site", SMALL_SITE)
    assert code == 0
    # 50 quarter-hours are 12.5 hours; the day is put together from shorter answers.
    assert document["longestWindowDays"] == 0.5
    assert {(one["received"], one["resolutionSeconds"]) for one in document["channels"]} >= {
        (96, 900)
    }
    assert "ranges up to 12 h" in texts(document, "warning")


def test_data_coarser_than_asked_is_a_problem_with_the_resolution_to_use(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    hours = [datetime(2026, 7, 14, tzinfo=UTC) + timedelta(hours=n) for n in range(52)]
    table = pa.table({"series_id": ["b1"] * 52, "timestamp": hours, "kwh": [2.0] * 52})
    pq.write_table(table, tmp_path / "hourly.parquet")
    sandbox = start_sandbox(replay=tmp_path / "hourly.parquet")
    code, document = run_json(run_script, sandbox, DIAGNOSTIC)
    assert code == 4
    (channel,) = document["channels"]
    # Hours that start from 03:30 on the 15th to 03:30 on the 16th: 04:00 ... 03:00.
    assert (channel["resolutionSeconds"], channel["received"], channel["expected"]) == (
        3600,
        24,
        24,
    )
    advice = [one["advice"] for one in document["findings"] if one["level"] == "problem"]
    assert "--resolution 3600" in " ".join(advice)


def test_an_unknown_site_ends_with_2_and_names_the_script_that_lists_them(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    done = run_script(DIAGNOSTIC, "--site", "99999", env=start_sandbox().settings)
    assert done.exit_code == 2
    assert "site 99999 is unknown" in done.stderr
    assert "py:ingest:test-working" in done.stderr


def without_channels(request: Request, document: Any) -> Any:
    return {**document, "channels": []} if request.path[-1] == "channels" else document


def test_a_site_without_channels_is_a_problem(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()
    alter(sandbox, without_channels)
    code, document = run_json(run_script, sandbox, DIAGNOSTIC)
    assert code == 4
    assert "sees no channel of this site" in texts(document, "problem")
    assert run_script(MAP_FIELDS, env=sandbox.settings).exit_code == 2


def test_what_the_account_may_not_read_is_a_warning_where_readings_come_all_the_same(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(sites=1)
    alter(sandbox, refuse(403, "devices"))
    code, document = run_json(run_script, sandbox, DIAGNOSTIC, "--site", SMALL_SITE)
    assert code == 0
    assert document["devices"] is None
    assert "devices cannot be read" in texts(document, "warning")


# py:ingest:map-fields


def fields_of(document: dict[str, Any], device_type_id: int) -> dict[str, dict[str, Any]]:
    (one,) = [one for one in document["deviceTypes"] if one["deviceTypeId"] == device_type_id]
    return {field["code"]: field for field in one["fields"]}


def test_every_field_of_a_device_type_has_its_column_unit_and_factor(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    code, document = run_json(run_script, start_sandbox(), MAP_FIELDS)
    assert code == 0
    meter, sensor = fields_of(document, 20), fields_of(document, 61)
    shown = {
        code: (field["column"], field["unit"], field["factor"])
        for code, field in (meter | sensor).items()
    }
    # Written down from the API document.
    assert shown["E"] == ("energy_kwh", "Wh", 0.001)
    assert shown["P2"] == ("power_kw_2", "W", 0.001)
    assert shown["V3"] == ("voltage_v_3", "V", 1)
    assert shown["Q"] == ("reactive_power_kvar", "VAr", 0.001)
    assert shown["T"] == ("temperature_c", "°C", 1)
    assert (shown["CO2"], shown["RE"]) == (("extra", "ppm", 1), ("extra", "VArh", 1))
    # 16 meters and a spare of that type answer; the spare sends nothing.
    assert meter["E"]["channelsWithValues"] == 16
    assert sensor["T"]["channelsWithValues"] == 1
    empty = {one["deviceTypeId"]: one["emptyColumns"] for one in document["deviceTypes"]}
    assert {"thd_voltage", "temperature_c", "cost"} <= set(empty[20])
    assert "energy_kwh" in empty[61]


def in_horsepower(request: Request, document: Any) -> Any:
    if request.path[0] == "readings":
        document["units"] |= {"P": "hp", "E": "kWh"}
    return document


def test_a_field_in_an_unknown_unit_is_named_as_refused(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(sites=1)
    alter(sandbox, in_horsepower)
    code, document = run_json(run_script, sandbox, MAP_FIELDS, "--site", SMALL_SITE)
    assert code == 4
    meter = fields_of(document, 20)
    assert (meter["P"]["refused"], meter["P"]["factor"]) == (True, None)
    assert (meter["E"]["refused"], meter["E"]["factor"]) == (False, 1)
    assert "P (hp)" in texts(document, "problem")


def test_a_device_type_whose_fields_are_not_listed_is_told(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(sites=1)
    alter(sandbox, refuse(403, "fields"))
    done = run_script(MAP_FIELDS, "--site", SMALL_SITE, env=sandbox.settings)
    assert done.exit_code == 0, done.stderr
    assert "the API does not list its fields" in done.stdout
    assert "the usual fields are asked" in done.stdout


# py:ingest:discover


def discovered(
    run_script: ScriptRunner, sandbox: Sandbox, folder: Path, *args: object
) -> ScriptResult:
    return run_script(DISCOVER, "--out", folder / "found.json", *args, env=sandbox.settings)


def test_every_resource_is_described_with_types_and_no_values(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    sandbox = start_sandbox()
    done = discovered(run_script, sandbox, tmp_path)
    assert done.exit_code == 0, done.stderr
    text = (tmp_path / "found.json").read_text(encoding="utf-8")
    document = json.loads(text)
    resources = {one["path"]: one for one in document["resources"]}
    assert resources["/sites"]["status"] == 404
    channels = resources["/channels"]
    assert (channels["recordCount"], channels["envelope"]) == (20, "channels + meta")
    assert channels["keys"]["dataChannelId"] == "number as text"
    assert channels["keys"]["uninstalledTs"] == "null"
    assert channels["paging"] == {"pageSize": 20, "works": True}
    assert "organization" in channels["options"]["filters"]
    assert channels["feeds"] == ["channels", "devices"]
    assert resources["/readings/{channel}"]["keys"]["E"] == "number"
    assert resources["/readings/{channel}"]["keysAround"]["resolution"] == "number"
    assert resources["/meters"]["keys"]["interface.prefix"] == "number as text"
    summary = (tmp_path / "found.md").read_text(encoding="utf-8")
    for told in (text, summary, done.stdout):
        assert "sandbox" in told
        for value in ("Wilson", "sandbox@example.com", "RTU-2", "23271", "162119", "New_York"):
            assert value not in told
    assert "| `/channels` | 200 | 20 |" in summary


@pytest.mark.parametrize("envelope", ["list", "result", "data", "items"])
def test_other_envelopes_are_described_too(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path, envelope: str
) -> None:
    done = discovered(run_script, start_sandbox(envelope=envelope), tmp_path)
    assert done.exit_code == 0, done.stderr
    resources = json.loads((tmp_path / "found.json").read_text())["resources"]
    (channels,) = [one for one in resources if one["path"] == "/channels"]
    assert channels["envelope"] == ("bare list" if envelope == "list" else envelope)
    assert channels["recordsInAnswer"] == 20
    assert "channelName" in channels["keys"]


def test_keys_that_are_values_are_not_written_down(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    sandbox = start_sandbox()

    def with_odd_keys(request: Request, document: Any) -> Any:
        if request.path == ("accounts",):
            document["accounts"][0]["roles"] = {"jane.doe@example.com": "owner", "4711": 1}
        return document

    alter(sandbox, with_odd_keys)
    assert discovered(run_script, sandbox, tmp_path).exit_code == 0
    text = (tmp_path / "found.json").read_text()
    assert "roles.<key>" in text
    assert "jane" not in text
    assert "4711" not in text


def test_an_outage_of_one_resource_ends_with_4_and_the_rest_is_written(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    sandbox = start_sandbox()
    alter(sandbox, refuse(503, "alarms"))
    done = discovered(run_script, sandbox, tmp_path)
    assert done.exit_code == 4
    assert "/alarms could not be asked" in done.stderr
    resources = {one["path"]: one["status"] for one in json.loads(
        (tmp_path / "found.json").read_text())["resources"]}  # fmt: skip
    assert (resources["/alarms"], resources["/channels"]) == (503, 200)


def test_trouble_that_passes_leaves_no_trace_in_the_results(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    calm, troubled = tmp_path / "calm", tmp_path / "troubled"
    discovered(run_script, start_sandbox(), calm)
    options = {"p_500": 0.04, "p_truncated": 0.04, "p_html200": 0.04, "token_requests": 5}
    done = discovered(run_script, start_sandbox(**options, fault_seed=2), troubled)
    assert done.exit_code == 0, done.stderr
    one, other = (
        json.loads((folder / "found.json").read_text())["resources"] for folder in (calm, troubled)
    )
    assert one == other


def test_results_replace_older_ones_whole_or_not_at_all(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    old = tmp_path / "found.json"
    old.write_text("old")
    sandbox = start_sandbox(fail_after=0)
    assert discovered(run_script, sandbox, tmp_path).exit_code == 1
    assert old.read_text() == "old"
    assert discovered(run_script, start_sandbox(), tmp_path).exit_code == 0
    assert json.loads(old.read_text())["isSandbox"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.json", "found.md"]


def test_a_place_that_cannot_be_written_is_one_line(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = discovered(run_script, start_sandbox(), tmp_path / "file")
    assert done.exit_code == 1
    assert "cannot write" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


# All of them


KEY, EMAIL, PASSWORD = "canary-key-Zx81", "canary@example.com", "canary-word-Qp27"
MD5 = md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
BASIC = [b64encode(f"{EMAIL}:{word}".encode()).decode() for word in (PASSWORD, MD5)]
# The sandbox's tokens are 40 hexadecimal digits; an uuid has fewer in a row.
TOKEN = re.compile(r"[0-9a-f]{40}")


@pytest.mark.parametrize("verbosity", [("--debug",), ("--quiet", "--json")], ids=" ".join)
@pytest.mark.parametrize("script", [TEST_AUTH, TEST_WORKING, DIAGNOSTIC, MAP_FIELDS, DISCOVER])
def test_no_credential_is_shown(
    start_sandbox: StartSandbox,
    run_script: ScriptRunner,
    tmp_path: Path,
    script: str,
    verbosity: tuple[str, ...],
) -> None:
    sandbox = start_sandbox(sites=1, key=KEY, email=EMAIL, password=PASSWORD, token_requests=4)
    site = ("--site", SMALL_SITE) if script in (DIAGNOSTIC, MAP_FIELDS) else ()
    settings = {**sandbox.settings, "ARGO_OUTPUT_DIR": str(tmp_path)}
    done = run_script(script, *verbosity, *site, env=settings)
    assert done.exit_code == 0, done.stderr
    written = "".join(path.read_text() for path in tmp_path.rglob("api_discovery_results.*"))
    told = done.stdout + done.stderr + written
    assert len(told) > 500
    assert [secret for secret in (KEY, EMAIL, PASSWORD, MD5, *BASIC) if secret in told] == []
    assert TOKEN.search(told) is None


def test_an_api_that_repeats_credentials_does_not_get_them_shown(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(key=KEY, email=EMAIL, password=PASSWORD)

    def admit(headers: Any) -> str | None:
        said = f"{headers.get('X-Eniscope-API')} {headers.get('Authorization')} {MD5} {PASSWORD}"
        raise ApiError(401, f"Invalid: {said}")

    sandbox.server.tokens.admit = admit  # type: ignore[method-assign]
    done = run_script(TEST_AUTH, "--debug", env=sandbox.settings)
    assert done.exit_code == 2
    assert "Invalid: ***" in done.stdout
    told = done.stdout + done.stderr
    assert [secret for secret in (KEY, EMAIL, PASSWORD, MD5, *BASIC) if secret in told] == []
