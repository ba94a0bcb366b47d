"""What a site and its API offer, told through the front door: diagnostic, field map, discovery."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from diagnostic_scripts import (
    DIAGNOSTIC,
    DISCOVER,
    MAP_FIELDS,
    SMALL_SITE,
    alter,
    refuse,
    run_json,
    texts,
)
from sandbox_client import Sandbox, StartSandbox
from support import ScriptResult, ScriptRunner

from operations.sandbox.api import Request

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
