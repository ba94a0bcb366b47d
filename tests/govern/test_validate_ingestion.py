"""Today's reading rules against stored and quarantined readings, through the script."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from clean_site import CLIMATE, KITCHEN, OFFICE, RUN_ID, CleanSite, plant_site, set_now
from support import Database, ScriptRunner

from config.sites import SITES_FILE, SiteConfig
from govern.validate_ingestion import DataValidator
from lib.reading_rules import rules_for

SCRIPT = "govern/validate_ingestion.py"
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
AT_NOON = f"channel_id = {KITCHEN} AND timestamp = '2026-03-03 12:00Z'"


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> CleanSite:
    """Three clean days, 2 to 4 March; now is just after them."""
    planted = plant_site(database)
    set_now(monkeypatch, planted.now)
    return planted


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the site other limits in config/sites.yaml."""

    def change(**limits: list[float]) -> None:
        document = yaml.safe_load(SITES_FILE.read_text())
        document["sites"]["23271"]["limits"] = limits
        path = tmp_path / "sites.yaml"
        path.write_text(yaml.safe_dump(document))
        monkeypatch.setenv("ARGO_SITES_FILE", str(path))

    return change


def run(run_script: ScriptRunner, *args: str, exit_code: int = 0) -> dict[str, Any]:
    done = run_script(SCRIPT, "--json", *args)
    assert done.exit_code == exit_code, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def quarantine(
    site: CleanSite,
    reason: str,
    field: str | None,
    value: str | None,
    *,
    scope: str = "row",
    at: datetime | None = NOON,
    units: str | None = "{}",
    raw: str = "{}",
) -> None:
    site.database.execute(
        "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, field, "
        "value, raw, raw_md5, units, rejected_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, gen_random_uuid()::text, %s, %s)",
        (
            *(str(RUN_ID), KITCHEN, at, scope, reason, field, value),
            *(raw, units, NOON + timedelta(hours=3)),
        ),
    )


def test_a_clean_site_has_nothing_to_change(site: CleanSite, run_script: ScriptRunner) -> None:
    document = run(run_script)
    assert document["readings"] == site.database.scalar("SELECT count(*) FROM readings") == 4 * 288
    assert (document["stored"], document["quarantine"]) == ([], [])


# What is stored wrongly, and the rule, field and value under which it is to be found.
STORED_FAULTS = {
    "energy_kwh = -1": ("row", "energy_kwh_out_of_range", "energy_kwh", "-1"),
    # 1000 kW for a quarter of an hour is 250 kWh; a quarter more is allowed for late counters.
    "energy_kwh = 313": ("row", "energy_kwh_out_of_range", "energy_kwh", "313"),
    "power_kw = 2000": ("row", "power_kw_out_of_range", "power_kw", "2000"),
    "voltage_v = 9999": ("field", "out_of_range", "voltage_v", "9999"),
    "power_kw_2 = 1001": ("field", "out_of_range", "power_kw_2", "1001"),
    "relative_humidity = -3": ("field", "out_of_range", "relative_humidity", "-3"),
}


def test_stored_faults_are_found_by_their_rules_and_end_with_4(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    for hour, fault in enumerate(STORED_FAULTS):
        site.database.execute(
            f"UPDATE readings SET {fault} WHERE channel_id = {KITCHEN} AND timestamp = %s",
            [NOON + timedelta(hours=hour)],
        )
    document = run(run_script, exit_code=4)
    found = {
        (sample["timestamp"], found["scope"], found["rule"], found["field"], sample["value"])
        for found in document["stored"]
        for sample in found["sample"]
    }
    assert found == {
        ((NOON + timedelta(hours=hour)).isoformat(), *expected)
        for hour, expected in enumerate(STORED_FAULTS.values())
    }
    assert {found["channelId"] for found in document["stored"]} == {KITCHEN}
    assert (document["refusedRows"], document["refusedValues"]) == (3, 3)


def test_what_a_meter_is_built_for_is_in_range(site: CleanSite, run_script: ScriptRunner) -> None:
    site.database.execute(
        f"UPDATE readings SET power_kw = 2500, energy_kwh = 625 WHERE {AT_NOON}; "
        # 3 x 4,500 A x 230 V = 3.1 MW
        "INSERT INTO meters (meter_id, organization_id, ct_ratio, voltage_scale) "
        "VALUES (1, '23271', 4500, 230)"
    )
    assert run(run_script, exit_code=4)["refusedRows"] == 1
    site.database.execute(f"UPDATE channels SET meter_id = 1 WHERE channel_id = {KITCHEN}")
    assert run(run_script)["refusedRows"] == 0


def test_a_reading_without_any_value_is_found(site: CleanSite, run_script: ScriptRunner) -> None:
    site.database.execute(
        f"DELETE FROM readings WHERE {AT_NOON}; "
        f"INSERT INTO readings (channel_id, timestamp, interval_seconds) "
        f"VALUES ({KITCHEN}, '2026-03-03 12:00Z', 900)"
    )
    (found,) = run(run_script, exit_code=4)["stored"]
    assert (found["rule"], found["count"]) == ("no_values", 1)
    # A field without a column is a value too.
    site.database.execute(f"UPDATE readings SET extra = '{{\"CO2\": 420}}' WHERE {AT_NOON}")
    assert run(run_script)["stored"] == []


def test_readings_from_before_a_later_installation_are_found(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    site.database.execute(
        f"UPDATE channels SET installed_at = '2026-03-03 12:00Z' WHERE channel_id = {OFFICE}"
    )
    # 2 March 00:00 in New York is 05:00 UTC: 31 hours before the installation.
    (found,) = run(run_script, exit_code=4)["stored"]
    assert (found["rule"], found["count"]) == ("before_installation", 31 * 4)


def test_a_reading_counts_once_under_the_first_rule_that_refuses_it(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    site.database.execute(
        f"UPDATE readings SET energy_kwh = -1, power_kw = -4, voltage_v = 9999 WHERE {AT_NOON}"
    )
    document = run(run_script, exit_code=4)
    assert (document["refusedRows"], document["refusedValues"]) == (1, 0)
    assert [found["rule"] for found in document["stored"]] == ["energy_kwh_out_of_range"]


def test_a_narrower_limit_names_every_channel_with_its_count(
    site: CleanSite, run_script: ScriptRunner, limits: Any
) -> None:
    expected = dict(
        site.database.execute(
            "SELECT channel_id, count(*) FROM readings WHERE voltage_v > 230.5 GROUP BY 1"
        )
    )
    limits(voltage_v=[207, 230.5])
    document = run(run_script, exit_code=4)
    assert {found["channelId"]: found["count"] for found in document["stored"]} == expected
    assert len(expected) == 3
    assert CLIMATE not in expected
    assert document["stored"][0]["limits"] == [207, 230.5]
    assert document["refusedValues"] == sum(expected.values())


def test_a_value_that_lies_exactly_on_its_limit_is_not_broken_by_being_stored_as_real(
    site: CleanSite, run_script: ScriptRunner, limits: Any
) -> None:
    # As real this is 253.10000610, above the limit it was compared with when it came.
    site.database.execute("UPDATE readings SET voltage_v = 253.1 WHERE voltage_v IS NOT NULL")
    limits(voltage_v=[207, 253.1])
    assert run(run_script)["stored"] == []


def test_power_and_voltage_without_the_power_factor_lack_a_remark_and_no_more(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    site.database.execute(
        f"UPDATE readings SET power_factor = 0.9 WHERE channel_id = {KITCHEN}; "
        f"UPDATE readings SET power_factor = NULL WHERE {AT_NOON}"
    )
    document = run(run_script)
    assert (document["missingRemarks"], document["refusedValues"]) == (1, 0)
    site.database.execute(
        f"UPDATE readings SET data_quality = 'power_factor missing' WHERE {AT_NOON}"
    )
    assert run(run_script)["missingRemarks"] == 0


def test_only_the_days_asked_for_are_judged(site: CleanSite, run_script: ScriptRunner) -> None:
    site.database.execute(f"UPDATE readings SET energy_kwh = -1 WHERE {AT_NOON}")
    quarantine(site, "no_timestamp", "timestamp", None, at=None)
    on_the_day = run(run_script, "--start", "2026-03-03", "--end", "2026-03-03", exit_code=4)
    assert (on_the_day["readings"], on_the_day["quarantined"]) == (4 * 96, 1)
    after = run(run_script, "--start", "2026-03-04", "--end", "2026-03-04")
    assert (after["readings"], after["quarantined"]) == (4 * 96, 0)


# Quarantined values by scope, reason and field; how many pass voltages up to 700 V and 2000 kW.
QUARANTINED: list[tuple[str, str, str | None, list[str | None], int | None]] = [
    ("field", "out_of_range", "voltage_v", ["600.0", "9999.0"], 1),
    ("field", "out_of_range", "frequency_hz", ["400.0"], 0),
    ("field", "not_a_number", "current_a", ["n/a"], None),
    ("row", "power_kw_out_of_range", "power_kw", ["1500.0", "-5.0", "2001.0"], 1),
    # Follows from the power: 2000 kW for a quarter of an hour, and a quarter more.
    ("row", "energy_kwh_out_of_range", "energy_kwh", ["624.0", "626.0"], 1),
    ("row", "before_installation", "timestamp", [None], 1),
    # Never a measurement, whatever the limits.
    ("row", "future_timestamp", "timestamp", [None], 0),
    ("row", "no_values", None, [None], 0),
    # Only the raw record can tell.
    ("row", "no_timestamp", "timestamp", [None], None),
    ("row", "overlaps_neighbour", "timestamp", [None], None),
]


def test_what_wider_limits_would_let_out_of_quarantine_is_listed_and_no_failure(
    site: CleanSite, run_script: ScriptRunner, limits: Any
) -> None:
    for scope, reason, field, values, _ in QUARANTINED:
        for place, value in enumerate(values):
            at = NOON + timedelta(minutes=15 * place)
            quarantine(site, reason, field, value, scope=scope, at=at)
    limits(voltage_v=[100, 700], power_kw=[0, 2000])
    found = {
        (group["scope"], group["reason"], group["field"]): (group["count"], group["mayPass"])
        for group in run(run_script)["quarantine"]
    }
    assert found == {
        (scope, reason, field): (len(values), may_pass)
        for scope, reason, field, values, may_pass in QUARANTINED
    }


@pytest.mark.parametrize(
    ("raw", "units", "may_pass"),
    [
        ('{"P": 1200000}', None, 1),
        # 1200 W, or 1200 kW of an answer whose units an older release did not keep.
        ('{"P": 1200}', None, 0),
        ('{"P": 1200}', '{"P": "kW"}', 1),
        ('{"P": "n/a"}', None, 0),
        ("[]", None, 0),
    ],
)
def test_a_row_may_pass_only_where_its_unit_is_known_as_replay_wants_it(
    site: CleanSite,
    run_script: ScriptRunner,
    limits: Any,
    raw: str,
    units: str | None,
    may_pass: int,
) -> None:
    quarantine(site, "power_kw_out_of_range", "power_kw", "1200.0", raw=raw, units=units)
    limits(power_kw=[0, 2000])
    assert run(run_script)["mayPass"] == may_pass


def test_nothing_is_written(site: CleanSite, run_script: ScriptRunner) -> None:
    site.database.execute(f"UPDATE readings SET energy_kwh = -1 WHERE {AT_NOON}")
    quarantine(site, "power_kw_out_of_range", "power_kw", "900.0")
    tables = ("readings", "rejected_readings", "ingestion_logs", "validation_runs", "channels")
    # xmin names the transaction that wrote a row last.
    rows = " UNION ALL ".join(
        f"SELECT '{table}' || t.xmin::text || t::text AS row FROM {table} AS t" for table in tables
    )
    fingerprint = f"SELECT count(*), md5(string_agg(row, ',' ORDER BY row)) FROM ({rows}) AS r"
    before = site.database.execute(fingerprint)
    run(run_script, exit_code=4)
    assert site.database.execute(fingerprint) == before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--site", "999"), "site 999 is not in the database"),
        (("--start", "2026-03-04", "--end", "2026-03-03"), "lies before the start"),
        (("--start", "2026-03-06"), "2026-03-06 has not begun"),
        (("--end", "2026-01-01"), "name --start"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_2(
    site: CleanSite, run_script: ScriptRunner, args: tuple[str, ...], message: str
) -> None:
    done = run_script(SCRIPT, *args)
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert message in line


def test_the_text_names_rule_limits_and_first_reading_and_what_to_run(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    site.database.execute(f"UPDATE readings SET voltage_v = 9999 WHERE {AT_NOON}")
    quarantine(site, "power_kw_out_of_range", "power_kw", "900.0")
    done = run_script(SCRIPT)
    assert done.exit_code == 4
    for text in (
        "voltage_v out_of_range", "100 to 500", "2026-03-03T12:00:00+00:00 9999",
        "power_kw_out_of_range", "would refuse 0 whole and 1 single values",
        "1 entries, of which 1 may pass today", "py:ingest:replay",
    ):  # fmt: skip
        assert text in done.stdout, text


# DataValidator itself: arrays and single readings, no database.

RULES = rules_for(SiteConfig(site_id="1"), 7, 900)
GOOD: dict[str, Any] = {"timestamp": NOON, "power_kw": 4.0, "energy_kwh": 1.0, "voltage_v": 230.0}


@pytest.mark.parametrize(
    ("change", "is_valid"),
    [
        ({}, True),
        ({"power_kw": 0, "energy_kwh": 0.0}, True),
        ({"power_factor": None}, True),
        ({"power_kw": 1000.5}, False),
        ({"energy_kwh": -0.1}, False),
        ({"voltage_v": 99}, False),
        ({"power_factor": 1.01}, False),
        ({"timestamp": NOON + timedelta(days=3)}, False),
        ({"timestamp": None}, False),
        ({"power_kw": None, "energy_kwh": None, "voltage_v": None}, False),
    ],
)
def test_a_single_reading_is_valid_or_not(change: dict[str, Any], is_valid: bool) -> None:
    validator = DataValidator(RULES, now=NOON + timedelta(days=1))
    assert validator.validate_reading({**GOOD, **change}) is is_valid


def test_no_reading_of_an_unknown_channel_is_valid() -> None:
    validator = DataValidator(None, now=NOON + timedelta(days=1))
    assert validator.validate_reading(GOOD) is False
    (found,) = validator.validate(np.arange(3), {"power_kw": np.zeros(3)})
    assert (found.rule, found.count) == ("unknown_channel", 3)
