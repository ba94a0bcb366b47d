"""What is said of each channel of a stored site: planted loads are found, nothing is invented."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from support import Database, ScriptResult, ScriptRunner

from govern.refresh_views import refresh

SCRIPT = "analyze/explore_channels.py"
SITE = "23271"
RTU, AIR, SPARE, NEW = 201, 202, 203, 204
# A Friday evening in New York; half an hour is left for intervals to settle.
NOW = datetime(2026, 6, 20, 0, 0, tzinfo=UTC)
# Open Monday to Friday 06:00-19:00 (config/sites.yaml); 2026-06-19 is a holiday.
_SITE = """
INSERT INTO organizations (organization_id, organization_name, timezone, currency_code)
VALUES ('23271', 'Wilson [Center]', 'America/New_York', 'USD');
INSERT INTO devices (device_id, organization_id, device_name, device_type)
VALUES (1, '23271', 'Meter 1', 'Eniscope Hybrid 8');
INSERT INTO channels (channel_id, organization_id, device_id, channel_name, channel_type,
                      displayed_phase, interval_seconds, status, installed_at)
VALUES (201, '23271', 1, 'RTU-1', 'energy', 'system', 900, 'active', '2025-01-01Z'),
       (202, '23271', NULL, 'Air', 'environment', NULL, 900, 'active', '2025-01-01Z'),
       (203, '23271', NULL, 'Spare', 'energy', NULL, NULL, 'silent', '2025-01-01Z'),
       (204, '23271', 1, 'New meter', 'energy', 'system', 900, 'active', '2026-06-19 12:00Z'),
       (205, '23271', 1, 'RTU-1 L1', 'energy', 'phase 1', 900, 'active', '2025-01-01Z');
"""
# 8 kW while open, 2 kW while closed; one quarter-hour of 50 kW, and 96 quarter-hours missing.
_READINGS = """
INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw,
                      temperature_c)
SELECT channel_id, at, 900,
       CASE WHEN channel_id <> 202 THEN kw / 4 END,
       CASE WHEN channel_id <> 202 THEN kw END,
       CASE WHEN channel_id = 202 THEN 21.5 END
FROM generate_series('2026-05-01 04:00Z'::timestamptz, '2026-06-19 23:15Z', '15 min') AS at
CROSS JOIN (VALUES (201), (202), (204), (205)) AS one (channel_id)
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN at = '2026-06-10 16:00Z' THEN 50
        WHEN extract(isodow FROM at AT TIME ZONE 'America/New_York') < 6
             AND (at AT TIME ZONE 'America/New_York')::time >= '06:00'
             AND (at AT TIME ZONE 'America/New_York')::time < '19:00'
             AND (at AT TIME ZONE 'America/New_York')::date NOT IN ('2026-05-25', '2026-06-19')
            THEN 8.0
        ELSE 2.0 END AS kw
) AS load
WHERE NOT (channel_id = 201 AND at >= '2026-06-01 04:00Z' AND at < '2026-06-02 04:00Z')
  AND NOT (channel_id = 204 AND at < '2026-06-19 12:00Z')
"""


@pytest.fixture
def stored(database: Database) -> Database:
    """The site above, with its hours."""
    database.execute(_SITE)
    database.execute(_READINGS)
    with closing(database.connect()) as connection:
        refresh(connection, full=True)
    return database


def explore(run_script: ScriptRunner, *args: object) -> ScriptResult:
    return run_script(SCRIPT, *args, env={"ARGO_NOW": NOW.isoformat()})


def channels_of(done: ScriptResult) -> dict[int, dict[str, Any]]:
    assert done.exit_code == 0, done.stderr
    return {one["channelId"]: one for one in json.loads(done.stdout)["channels"]}


def test_planted_loads_are_told_by_opening_hours(
    stored: Database, run_script: ScriptRunner
) -> None:
    rtu = channels_of(explore(run_script, "--json"))[RTU]
    assert (rtu["medianOpen"], rtu["medianClosed"], rtu["baseLoad"], rtu["peak"]) == (8, 2, 2, 50)
    assert rtu["unit"] == "kW"
    assert (rtu["deviceType"], rtu["displayedPhase"]) == ("Eniscope Hybrid 8", "system")
    assert (rtu["firstReading"], rtu["lastReading"]) == (
        "2026-05-01T04:00:00+00:00",
        "2026-06-19T23:15:00+00:00",
    )
    # 21 May to 19 June, up to 19:30 on the last day: 30 days less 4.5 hours, one day missing.
    due = 30 * 96 - 18
    assert rtu["completenessPct"] == pytest.approx(100 * (due - 96) / due)


def test_a_channel_is_complete_from_its_installation_on(
    stored: Database, run_script: ScriptRunner
) -> None:
    channels = channels_of(explore(run_script, "--json"))
    assert channels[NEW]["completenessPct"] == 100
    # Installed on a holiday: it was never seen while the site was open.
    assert (channels[NEW]["medianOpen"], channels[NEW]["medianClosed"]) == (None, 2)


def test_a_sensor_has_its_own_unit_and_a_spare_input_no_figures(
    stored: Database, run_script: ScriptRunner
) -> None:
    channels = channels_of(explore(run_script, "--json"))
    assert (channels[AIR]["medianClosed"], channels[AIR]["unit"]) == (21.5, "°C")
    spare = channels[SPARE]
    assert {spare[key] for key in ("firstReading", "completenessPct", "peak", "unit")} == {None}


def test_the_table_holds_every_channel_and_names_as_they_are(
    stored: Database, run_script: ScriptRunner
) -> None:
    done = explore(run_script)
    assert done.exit_code == 0, done.stderr
    assert "Wilson [Center]" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(str(RTU))]
    words = line.split()
    assert words[-5:] == ["8", "2", "2", "50", "kW"]
    assert "19:15" in words  # on the site's own clock
    assert "96.6" in words  # 96.647 %: cut, not rounded


def test_readings_that_are_not_aggregated_yet_count(
    stored: Database, run_script: ScriptRunner
) -> None:
    stored.execute("DELETE FROM mv_hourly_usage")
    rtu = channels_of(explore(run_script, "--json"))[RTU]
    assert rtu["completenessPct"] == pytest.approx(100 * (2862 - 96) / 2862)


def test_without_opening_hours_all_counts_as_open_and_that_is_said(
    stored: Database, run_script: ScriptRunner, tmp_path: Any
) -> None:
    (tmp_path / "sites.yaml").write_text("defaults: {}\nsites: {}\n")
    env = {"ARGO_NOW": NOW.isoformat(), "ARGO_SITES_FILE": str(tmp_path / "sites.yaml")}
    done = run_script(SCRIPT, env=env)
    assert done.exit_code == 0, done.stderr
    assert f"not in {tmp_path / 'sites.yaml'}: all as open" in done.stdout
    rtu = channels_of(run_script(SCRIPT, "--json", env=env))[RTU]
    assert (rtu["medianOpen"], rtu["medianClosed"]) == (2, None)


def test_an_unknown_site_ends_with_2(stored: Database, run_script: ScriptRunner) -> None:
    done = explore(run_script, "--site", "4711")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "site 4711 is not in the database" in done.stderr
