"""Data health through the front door: what was planted in a stored site is told, by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import Database, ScriptResult, ScriptRunner

SCRIPT = "analyze/profile_data_health.py"
# Half an hour is left for intervals to settle: due up to 23:30 in New York on 30 June.
NOW = "2026-07-01T04:00:00+00:00"
JUNE = ("--start", "2026-06-01", "--end", "2026-06-30")
DUE = 30 * 96 - 2
GOOD, HOLED, DEAD, FLAT, ODD, AIR, SPARE, GONE, EXPORT, HOURLY = range(201, 211)

_SITE = """
INSERT INTO organizations (organization_id, organization_name, timezone, currency_code)
VALUES ('23271', 'Wilson [Center]', 'America/New_York', 'USD');
INSERT INTO devices (device_id, organization_id, device_name, device_type)
VALUES (1, '23271', 'Meter 1', 'Eniscope Hybrid 8');
INSERT INTO channels (channel_id, organization_id, device_id, channel_name, channel_type,
                      interval_seconds, status)
SELECT id, '23271', 1, name, kind, 900, status
FROM (VALUES (201, 'Good', 'energy', 'active'), (202, 'Holed', 'energy', 'active'),
             (203, 'Dead', 'energy', 'active'), (204, 'Flat', 'energy', 'active'),
             (205, 'Odd', 'energy', 'active'), (206, 'Air', 'environment', 'active'),
             (207, 'Spare', 'energy', 'silent'), (208, 'Gone', 'energy', 'retired'),
             (209, 'Solar', 'energy', 'active'), (210, 'Hourly', 'energy', 'active'))
     AS one (id, name, kind, status);
"""
# 5 to 6 kW from 1 June, or from what a channel's story says.
_READINGS = """
INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw,
                      temperature_c, voltage_v, frequency_hz, apparent_power_kva)
SELECT id, at, CASE id WHEN 210 THEN 3600 ELSE 900 END,
       CASE WHEN id = 206 THEN NULL WHEN id = 205 THEN kw WHEN id = 210 THEN kw ELSE kw / 4 END,
       CASE WHEN id <> 206 THEN kw END,
       CASE WHEN id = 206 THEN 20 + kw / 10 END,
       CASE WHEN id = 201 THEN 120.5 WHEN id = 202 THEN 105.0 END,
       CASE WHEN id = 201 THEN 60.0 END,
       CASE WHEN id = 201 THEN kw / 0.8 END
FROM generate_series('2026-06-01 04:00Z'::timestamptz, '2026-07-01 03:15Z', '15 min') AS at
CROSS JOIN (VALUES (201), (202), (203), (204), (205), (206), (208), (209), (210)) AS c (id)
CROSS JOIN LATERAL (SELECT CASE
    WHEN id = 204 AND at >= '2026-06-10 04:00Z' AND at < '2026-06-11 04:00Z' THEN 5.5
    WHEN id = 209 AND extract(hour FROM at) BETWEEN 14 AND 21 THEN -3
    ELSE 5 + (extract(epoch FROM at)::bigint / 900 * 37 % 100) / 100.0 END AS kw) AS load
WHERE NOT (id = 202 AND at >= '2026-06-05 04:00Z' AND at < '2026-06-08 04:00Z')
  AND NOT (id = 203 AND at >= '2026-06-20 04:00Z')
  AND NOT (id = 208 AND at >= '2026-06-20 04:00Z')
  AND NOT (id = 210 AND extract(minute FROM at) <> 0)
"""


@pytest.fixture
def stored(database: Database) -> Database:
    """The site above."""
    database.execute(_SITE)
    database.execute(_READINGS)
    return database


def health(run_script: ScriptRunner, *args: object, **env: str) -> ScriptResult:
    return run_script(SCRIPT, *args, env={"ARGO_NOW": NOW, **env})


def channels_of(done: ScriptResult) -> dict[int, dict[str, Any]]:
    assert done.exit_code == 0, done.stderr
    return {one["data"]["channelId"]: one for one in json.loads(done.stdout)["channels"]}


def problems(channel: dict[str, Any]) -> list[str]:
    return [one["name"] for one in channel["data"]["problems"]]


def test_each_planted_fault_is_told_by_its_name_and_nothing_else(
    stored: Database, run_script: ScriptRunner
) -> None:
    found = channels_of(health(run_script, *JUNE, "--json"))
    assert {channel_id: problems(one) for channel_id, one in found.items()} == {
        GOOD: [],
        HOLED: ["low_completeness", "too_many_consecutive_missing"],
        DEAD: ["stopped_reporting", "low_completeness", "too_many_consecutive_missing"],
        FLAT: ["flatline"],
        ODD: ["energy_power_mismatch"],
        AIR: [],
        SPARE: ["no_data"],
        GONE: [],
        EXPORT: ["negative_values"],
        HOURLY: [],
    }
    grades = {channel_id: one["data"]["grade"] for channel_id, one in found.items()}
    assert {name for name, grade in grades.items() if grade == "good"} == {
        GOOD, AIR, GONE, HOURLY,
    }  # fmt: skip
    assert {name for name, grade in grades.items() if grade == "poor"} == {
        HOLED, DEAD, ODD,  # 288 of 2878 missing is just below 90 %
        FLAT,  # a day of one value is as severe as in a report
    }  # fmt: skip
    assert grades[SPARE] == "none"


def test_a_stuck_day_is_as_severe_in_a_short_period_and_a_habit_is_no_fault(
    stored: Database, run_script: ScriptRunner
) -> None:
    # The weeks before the period tell what is usual; solar stands still for 8 hours every day.
    days = ("--start", "2026-06-10", "--end", "2026-06-12", "--json")
    found = channels_of(health(run_script, *days))
    (problem,) = found[FLAT]["data"]["problems"]
    assert (problem["name"], problem["severity"]) == ("flatline", "high")
    assert problems(found[EXPORT]) == ["negative_values"]


def test_figures_are_counted_from_what_was_stored(
    stored: Database, run_script: ScriptRunner
) -> None:
    found = {key: one["data"] for key, one in channels_of(
        health(run_script, *JUNE, "--json")).items()}  # fmt: skip
    good, holed = found[GOOD], found[HOLED]
    assert (good["due"], good["received"], good["completenessPct"]) == (DUE, DUE, 100)
    assert (good["daysDue"], good["validDays"], good["gaps"]) == (30, 30, 0)
    assert (good["zeroPct"], good["negativePct"], good["mismatchPct"]) == (0, 0, 0)
    assert good["monthsPct"] == {"2026-06": 100}
    assert good["fieldsPct"] == dict.fromkeys(
        ("energy_kwh", "power_kw", "voltage_v", "apparent_power_kva", "frequency_hz"), 100
    )
    assert holed["completenessPct"] == pytest.approx(100 * (DUE - 288) / DUE)
    assert (holed["validDays"], holed["gaps"]) == (27, 1)
    assert holed["longestGap"] == {
        "start": "2026-06-05T00:00:00-04:00", "end": "2026-06-08T00:00:00-04:00", "hours": 72,
    }  # fmt: skip
    assert found[FLAT]["flatHours"] == 24
    assert found[ODD]["mismatchPct"] == 100
    assert found[EXPORT]["negativePct"] == pytest.approx(100 * 8 / 24, abs=0.1)
    # Retired on the 20th: nothing is due of it after that.
    assert (found[GONE]["due"], found[GONE]["completenessPct"]) == (19 * 96, 100)
    assert (found[HOURLY]["intervalSeconds"], found[HOURLY]["completenessPct"]) == (3600, 100)
    assert (found[AIR]["coreNullPct"], found[AIR]["fieldsPct"]) == (0, {"temperature_c": 100})


def test_electrical_checks_stand_beside_the_data(
    stored: Database, run_script: ScriptRunner
) -> None:
    found = channels_of(health(run_script, *JUNE, "--json"))
    good = {one["name"]: one for one in found[GOOD]["electrical"]}
    assert good["voltage"]["verdict"] == good["frequency"]["verdict"] == "ok"
    assert good["voltage"]["value"] == pytest.approx(120.5)
    assert "ANSI C84.1" in good["voltage"]["limit"]
    assert good["power_factor"]["value"] == pytest.approx(0.8)
    assert good["power_factor"]["verdict"] == "outside"
    assert good["thd_voltage"]["verdict"] == "not_sent"
    holed = {one["name"]: one["verdict"] for one in found[HOLED]["electrical"]}
    assert holed["voltage"] == "outside"  # range B of 120 V ends at 110 V
    assert found[AIR]["electrical"] == []


def test_a_configured_export_is_no_fault(
    stored: Database, run_script: ScriptRunner, tmp_path: Any
) -> None:
    sites = tmp_path / "sites.yaml"
    sites.write_text('sites:\n  "23271":\n    channels:\n      209: {allow_export: true}\n')
    done = health(run_script, *JUNE, "--json", "--channel", "solar", ARGO_SITES_FILE=str(sites))
    (one,) = channels_of(done).values()
    assert problems(one) == []


def test_nulls_zeros_refused_rows_and_mixed_intervals_are_told(
    stored: Database, run_script: ScriptRunner
) -> None:
    stored.execute(
        """UPDATE readings SET energy_kwh = NULL, power_kw = NULL, temperature_c = 1
           WHERE channel_id = 201 AND "timestamp" < '2026-06-04 04:00Z';
           UPDATE readings SET energy_kwh = 0, power_kw = 0 WHERE channel_id = 204;
           UPDATE readings SET interval_seconds = 1800, energy_kwh = power_kw / 2
           WHERE channel_id = 209 AND "timestamp" < '2026-06-03 04:00Z'
             AND extract(minute FROM "timestamp") IN (0, 30);
           DELETE FROM readings WHERE channel_id = 209 AND "timestamp" < '2026-06-03 04:00Z'
             AND extract(minute FROM "timestamp") IN (15, 45);
           INSERT INTO rejected_readings (run_id, channel_id, "timestamp", scope, reason, raw,
                                          raw_md5)
           SELECT gen_random_uuid(), 208,
                  '2026-06-02 04:00Z'::timestamptz + n * interval '15 min', 'row',
                  'energy_kwh_out_of_range', '{}', md5(n::text)
           FROM generate_series(1, 60) AS n"""
    )
    found = channels_of(health(run_script, *JUNE, "--json"))
    assert problems(found[GOOD]) == ["null_core_field"]
    assert found[GOOD]["data"]["coreNullPct"] == pytest.approx(100 * 288 / DUE)
    assert problems(found[FLAT]) == ["all_zero"]
    assert "mixed_intervals" in problems(found[EXPORT])
    assert found[EXPORT]["data"]["completenessPct"] == 100
    assert problems(found[GONE]) == ["rejected_readings"]
    assert found[GONE]["data"]["rejectedRows"] == 60


def test_the_text_shows_names_as_they_are_and_each_problem(
    stored: Database, run_script: ScriptRunner
) -> None:
    done = health(run_script, *JUNE)
    assert done.exit_code == 0, done.stderr
    assert "Wilson [Center]" in done.stdout
    assert "72 h from 2026-06-05 00:00" in done.stdout
    assert "4 good, 1 fair, 4 poor, 1 none" in done.stdout
    assert "0.80 OUTSIDE" in done.stdout
    assert "Stuck at 5.5 kW for 24 h from 2026-06-10 00:00" in done.stdout


def test_clock_changes_are_no_gaps(database: Database, run_script: ScriptRunner) -> None:
    database.execute(_SITE)
    database.execute(
        """INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw)
           SELECT 201, at, 900, 0.25, 1 + (extract(epoch FROM at)::bigint / 900 % 7)
           FROM generate_series('2025-10-27 04:00Z'::timestamptz, '2025-11-10 04:45Z', '15 min')
                AS at"""
    )
    done = health(run_script, "--start", "2025-10-27", "--end", "2025-11-09", "--channel", GOOD,
                  "--json")  # fmt: skip
    (one,) = channels_of(done).values()
    # 14 days, one of 25 hours.
    assert (one["data"]["due"], one["data"]["received"]) == (14 * 96 + 4, 14 * 96 + 4)
    assert (one["data"]["validDays"], one["data"]["gaps"]) == (14, 0)


def test_before_the_first_reading_nothing_is_due(
    stored: Database, run_script: ScriptRunner
) -> None:
    done = health(run_script, "--start", "2020-01-01", "--end", "2020-01-31", "--json")
    found = channels_of(done)
    assert {one["data"]["due"] for one in found.values()} == {0}
    assert found[GOOD]["data"]["problems"][0]["severity"] == "low"
    assert [one["name"] for one in json.loads(done.stdout)["caveats"]] == ["no_data"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--site", "4711"], "site 4711 is not in the database"),
        (["--channel", "4711"], "no channel '4711'"),
        (["--days", "0"], "--days"),
        (["--days", "7", "--end", "2026-06-30"], "not both"),
        (["--start", "2026-08-01"], "has not begun"),
    ],
)
def test_wrong_arguments_end_with_2_and_one_line(
    stored: Database, run_script: ScriptRunner, args: list[str], message: str
) -> None:
    done = health(run_script, *args)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_profiling_writes_nothing(stored: Database, run_script: ScriptRunner) -> None:
    written = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
    stored.execute("SELECT pg_stat_force_next_flush()")
    before = stored.scalar(written)
    assert health(run_script, *JUNE).exit_code == 0
    assert (
        run_script("analyze/generate_site_profile.py", *JUNE, env={"ARGO_NOW": NOW}).exit_code == 0
    )
    assert stored.scalar(written) == before
