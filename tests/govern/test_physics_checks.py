"""Checks of physics, values and clocks: each finds the rows of its planted fault, and no others."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from clean_site import KITCHEN, OFFICE, RUN_ID, TOTAL, Channel, CleanSite, plant_site
from planted_faults import CHECKS, NOON, ONE, TWELVE, TWO, faulty, named, run_one, update, window_of
from support import Database

from config.settings import get_settings
from govern.refresh_views import refresh

# A three-phase load of 10 kVA at 230 V: 3 x 230 V x 14.4928 A; power factor 0.9.
ELECTRICS = (
    "UPDATE readings SET power_kw = 9, energy_kwh = 2.25, apparent_power_kva = 10, "
    "power_factor = 0.9, power_kw_1 = 3, power_kw_2 = 3, power_kw_3 = 3, "
    "energy_kwh_1 = 0.75, energy_kwh_2 = 0.75, energy_kwh_3 = 0.75, "
    "voltage_v = 230, current_a = 14.4928, voltage_v_1 = 230, voltage_v_2 = 230, "
    "voltage_v_3 = 230, current_a_1 = 14.4928, current_a_2 = 14.4928, current_a_3 = 14.4928 "
    f"WHERE channel_id = {KITCHEN} AND {TWELVE}"
)


class Fault(NamedTuple):
    """Values of twelve readings that break a rule; `harmless` values that do not."""

    check: str
    values: str
    harmless: str


PER_CHANNEL = [
    # 3 x 230 x 14.4928 = 10 kVA; 5 % and 0.05 kW are allowed: 10.55 kW.
    Fault("power_above_apparent", "power_kw = 10.6", "power_kw = 10.5"),
    Fault(
        "power_above_apparent",
        "power_kw = 10.6, current_a_1 = NULL, voltage_v_1 = NULL",
        "power_kw = 10.5, current_a_1 = NULL, voltage_v_1 = NULL",
    ),
    Fault("wrong_units", "power_kw = 9000", "power_kw = 99"),
    # Nine kilowatts kept as 9 W: below a tenth of 0.9 x 10 kVA.
    Fault("wrong_units", "power_kw = 0.009", "power_kw = 1"),
    Fault("power_factor_not_p_over_s", "power_factor = 0.84", "power_factor = 0.86"),
    Fault("power_factor_not_p_over_s", "apparent_power_kva = 12", "apparent_power_kva = 10.2"),
    Fault("power_factor_sign", "power_factor = -0.9", "power_factor = NULL"),
    # Mean (230 + 230 + 190) / 3 = 216.7 V, 190 V is 12 % off; 215 V of 225 V is 4.4 % off.
    Fault("voltage_unbalance", "voltage_v_2 = 190", "voltage_v_2 = 215"),
]


@pytest.fixture
def site(database: Database) -> CleanSite:
    """Three clean days; a quarter of one has all electrical values."""
    planted = plant_site(database)
    database.execute(ELECTRICS)
    with closing(database.connect()) as connection:
        refresh(connection)
    return planted


@pytest.mark.parametrize("fault", PER_CHANNEL, ids=lambda fault: f"{fault.check}: {fault.values}")
def test_electrical_values_that_contradict_each_other_are_found_row_by_row(
    site: CleanSite, fault: Fault
) -> None:
    window = window_of(site)
    where = f"WHERE channel_id = {KITCHEN} AND {TWELVE}"
    with faulty(site, f"UPDATE readings SET {fault.values} {where}") as (connection, cursor):
        found = run_one(cursor, fault.check, window)
        assert found.count == 12
        assert found.sample[0]["channel_id"] == KITCHEN
        assert found.sample[0]["timestamp"] == NOON
        assert found.verdict == ("fail" if CHECKS[fault.check].severity == "error" else "warn")
        connection.rollback()
        assert run_one(cursor, fault.check, window).count == 0
    with faulty(site, f"UPDATE readings SET {fault.harmless} {where}") as (_, cursor):
        assert run_one(cursor, fault.check, window).count == 0


def test_a_channel_of_one_phase_has_the_power_of_one_phase(site: CleanSite) -> None:
    # 230 V x 14.4928 A = 3.33 kVA.
    fault = f"UPDATE channels SET displayed_phase = 'phase 1' WHERE channel_id = {KITCHEN}"
    with faulty(site, fault) as (_, cursor):
        assert run_one(cursor, "power_above_apparent", window_of(site)).count == 12
        cursor.execute(f"UPDATE readings SET power_kw = 3.3 WHERE channel_id = {KITCHEN}")
        cursor.execute(f"UPDATE readings SET current_a = NULL WHERE NOT ({TWELVE})")
        assert run_one(cursor, "power_above_apparent", window_of(site)).count == 0


IMPOSSIBLE = [
    ("voltage_v", "99"),
    ("voltage_v_3", "501"),
    ("current_a_2", "-1"),
    ("power_factor", "1.01"),
    ("power_kw_1", "-2"),
    ("neutral_current_a", "5001"),
    ("frequency_hz", "44"),
    ("thd_current", "-1"),
    ("thd_voltage", "-1"),
    ("relative_humidity", "101"),
    ("temperature_c", "900"),
    ("temperature_c", "-61"),
    ("voltage_v", "'NaN'"),
    ("current_a", "'Infinity'"),
]


@pytest.mark.parametrize(("field", "value"), IMPOSSIBLE)
def test_a_stored_value_outside_its_limits_is_found_with_its_name(
    site: CleanSite, field: str, value: str
) -> None:
    with faulty(site, update(f"{field} = {value}", OFFICE, ONE)) as (connection, cursor):
        found = run_one(cursor, "impossible_values", window_of(site))
        assert [(row["timestamp"], row["field"]) for row in found.sample] == [(ONE, field)]
        assert found.verdict == "fail"
        connection.rollback()
        assert run_one(cursor, "impossible_values", window_of(site)).count == 0


def test_limits_of_sites_yaml_decide_what_is_impossible(
    site: CleanSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sites = tmp_path / "sites.yaml"
    limits = "{voltage_v: [90, 600], temperature_c: [-30, 60]}"
    sites.write_text(f'sites: {{"23271": {{channels: {{{OFFICE}: {{limits: {limits}}}}}}}}}')
    monkeypatch.setenv("ARGO_SITES_FILE", str(sites))
    get_settings.cache_clear()
    planted = (
        update("voltage_v = 590, temperature_c = 61", OFFICE, ONE)
        + ";"
        + update("voltage_v = 590, temperature_c = 61", KITCHEN, ONE)
    )
    with faulty(site, planted) as (_, cursor):
        found = run_one(cursor, "impossible_values", window_of(site))
    assert [(row["channel_id"], row["field"]) for row in found.sample] == [
        (KITCHEN, "voltage_v"),
        (OFFICE, "temperature_c"),
    ]


RESETS = {
    "no energy although there was power": "energy_kwh = 0",
    # 9 kW over a quarter of an hour: 2.25 kWh; 5 kWh is more than twice that.
    "the energy of several intervals": "energy_kwh = 5",
    "a further counter below zero": """extra = '{"CO2": 400, "RE": -12.5}'""",
}


@pytest.mark.parametrize("values", RESETS.values(), ids=RESETS.keys())
def test_a_counter_that_was_set_back_is_found(site: CleanSite, values: str) -> None:
    with faulty(site, update(values, KITCHEN, ONE)) as (connection, cursor):
        found = run_one(cursor, "counter_resets", window_of(site))
        assert (found.count, found.verdict) == (1, "warn")
        assert found.sample[0]["timestamp"] == ONE
        connection.rollback()
        assert run_one(cursor, "counter_resets", window_of(site)).count == 0


def test_values_below_zero_that_are_no_counters_are_no_reset(site: CleanSite) -> None:
    harmless = update("""extra = '{"CO2": -1, "note": "-", "RE": 3}'""", KITCHEN, ONE)
    with faulty(site, harmless) as (_, cursor):
        assert run_one(cursor, "counter_resets", window_of(site)).count == 0


def test_readings_off_the_grid_are_found_and_a_half_hour_zone_has_a_grid_of_its_own(
    site: CleanSite,
) -> None:
    shifted = (
        f"UPDATE readings SET timestamp = timestamp + interval '7 minutes' "
        f"WHERE channel_id = {OFFICE} AND timestamp = '{ONE}'"
    )
    with faulty(site, shifted) as (connection, cursor):
        found = run_one(cursor, "interval_grid_shifted", window_of(site))
        assert [row["timestamp"] for row in found.sample] == ["2026-03-03T13:07:00+00:00"]
        connection.rollback()
        assert run_one(cursor, "interval_grid_shifted", window_of(site)).count == 0


def test_hours_of_a_half_hour_zone_are_on_the_grid_of_its_own_clock(database: Database) -> None:
    site = plant_site(database, timezone="Asia/Kolkata", interval_seconds=3600)
    with faulty(site, "SELECT 1") as (_, cursor):
        # Local midnight is 18:30 UTC: every hour starts half past by UTC.
        assert run_one(cursor, "interval_grid_shifted", window_of(site)).count == 0


def test_readings_stored_before_their_interval_ended_are_found_for_good(site: CleanSite) -> None:
    early = (
        f"UPDATE ingestion_logs SET finished_at = '{ONE}'::timestamptz + interval '1 minute' "
        f"WHERE channel_id = {OFFICE} AND run_id = '{RUN_ID}'; "
        f"DELETE FROM readings WHERE channel_id = {OFFICE} AND timestamp > '{TWO}'"
    )
    with faulty(site, early) as (connection, cursor):
        found = run_one(cursor, "stored_before_it_ended", window_of(site))
        # 13:00 to 14:00, five quarter hours: the first ends at 13:15, after 13:01.
        assert found.count == 5
        assert found.sample[0]["timestamp"] == ONE
        assert found.verdict == "fail"
        connection.rollback()
        assert run_one(cursor, "stored_before_it_ended", window_of(site)).count == 0


class Null(NamedTuple):
    """A measure that is missing, in how many of a channel's 288 readings, and whether it warns."""

    measure: str
    times: int
    warns: bool


@pytest.mark.parametrize(
    "null",
    [
        Null("voltage_v", 15, True),  # 5.2 %
        Null("voltage_v", 14, False),  # 4.9 %
        Null("power_kw", 4, True),  # 1.4 %
        Null("power_kw", 3, False),  # forgiven
        Null("frequency_hz", 288, False),  # never sent
    ],
)
def test_a_measure_that_is_usually_sent_is_missed(database: Database, null: Null) -> None:
    site = plant_site(database)
    planted = (
        f"UPDATE readings SET {null.measure} = NULL WHERE (channel_id, timestamp) IN (SELECT "
        f"channel_id, timestamp FROM readings WHERE channel_id = {OFFICE} ORDER BY timestamp "
        f"LIMIT {null.times})"
    )
    with faulty(site, planted) as (_, cursor):
        found = run_one(cursor, "null_measures", window_of(site))
    expected: list[dict[str, Any]] = (
        [{"channel_id": OFFICE, "measure": null.measure, "nulls": null.times}] if null.warns else []
    )
    assert [
        {key: row[key] for key in ("channel_id", "measure", "nulls")} for row in found.sample
    ] == expected


def test_a_load_that_is_off_owes_no_power_factor(database: Database) -> None:
    site = plant_site(database)
    off = (
        f"UPDATE readings SET power_kw = 0, energy_kwh = 0 WHERE channel_id = {OFFICE}; "
        f"UPDATE readings SET power_factor = 0.9 WHERE channel_id IN ({OFFICE}, {TOTAL}); "
        f"UPDATE readings SET power_factor = NULL WHERE channel_id = {OFFICE} AND {TWELVE}"
    )
    with faulty(site, off) as (_, cursor):
        assert run_one(cursor, "null_measures", window_of(site)).count == 0


SIGN = "UPDATE readings SET power_factor = {} WHERE channel_id = 103 AND "


@pytest.mark.parametrize(
    ("interval_seconds", "rows", "warns"),
    [(900, 3, False), (900, 4, True), (3600, 1, True), (60, 43, False), (60, 46, True)],
)
def test_so_much_time_of_a_channel_is_forgiven_whatever_the_interval(
    database: Database, interval_seconds: int, rows: int, warns: bool
) -> None:
    # 45 minutes: three quarters of an hour, no whole hour. 1 % of a day is a quarter of an hour.
    channels = (Channel(OFFICE),)
    day = plant_site(database, days=1, interval_seconds=interval_seconds, channels=channels)
    database.execute(SIGN.format(0.9) + "true")
    wrong = SIGN.format(-0.9) + (
        f"timestamp < '2026-03-02T05:00Z'::timestamptz + {rows} * interval '{interval_seconds} s'"
    )
    with faulty(day, wrong) as (_, cursor):
        found = run_one(cursor, "power_factor_sign", window_of(day))
    assert (found.count, found.verdict) == (rows, "warn" if warns else "pass")


WRONG_ENERGY = [
    # Each hour of a steady day holds about a 24th: 0.9 of 3 of them is 11 % of the day's energy.
    (3600, "energy_kwh = 0.1 * energy_kwh", "< '2026-03-03T08:00Z'", "fail"),
    (3600, "energy_kwh = 1.5 * energy_kwh", "< '2026-03-03T06:00Z'", "fail"),
    # A quarter of an hour holds a 96th: half as much again is 0.5 %, ten times as much 9 %.
    (900, "energy_kwh = 1.5 * energy_kwh", "< '2026-03-03T05:15Z'", "pass"),
    (900, "energy_kwh = 10 * energy_kwh", "< '2026-03-03T05:15Z'", "fail"),
]


@pytest.mark.parametrize(("interval_seconds", "values", "until", "verdict"), WRONG_ENERGY)
def test_energy_is_judged_by_how_much_of_a_day_is_wrong_however_long_the_window(
    database: Database, interval_seconds: int, values: str, until: str, verdict: str
) -> None:
    site = plant_site(database, days=30, interval_seconds=interval_seconds)
    wrong = (
        f"UPDATE readings SET {values} WHERE channel_id = {OFFICE} "
        f"AND timestamp >= '2026-03-03T05:00Z' AND timestamp {until}"
    )
    with faulty(site, wrong) as (_, cursor):
        found = run_one(cursor, "energy_not_power_times_time", window_of(site))
    assert found.verdict == verdict
    assert f"Channel {OFFICE} ({OFFICE}) on 2026-03-03" in found.summary
    assert "kWh" in found.summary


def test_three_hours_in_the_wrong_unit_are_not_forgiven(database: Database) -> None:
    site = plant_site(database, days=7, interval_seconds=3600)
    # 3 x 230 V x 14.4928 A: 10 kVA, at a power factor of 0.9 9 kW; kept as 9 W.
    database.execute(
        "UPDATE readings SET voltage_v = 230, current_a = 14.4928, power_factor = 0.9, "
        f"power_kw = 9, energy_kwh = 9 WHERE channel_id = {KITCHEN}"
    )
    wrong = (
        "UPDATE readings SET power_kw = 0.009, energy_kwh = 0.009 WHERE channel_id = "
        f"{KITCHEN} AND timestamp >= '2026-03-03T12:00Z' AND timestamp < '2026-03-03T15:00Z'"
    )
    with faulty(site, wrong) as (_, cursor):
        found = run_one(cursor, "wrong_units", window_of(site))
    assert (found.count, found.verdict) == (3, "fail")
    # 3 x (9 - 0.009) of 24 x 9 kWh.
    assert "27.0 of 216.0 kWh (12.5 %" in found.summary


def test_named_rows_of_a_fault_carry_the_channel(site: CleanSite) -> None:
    with faulty(site, update("voltage_v = 20", OFFICE, NOON, ONE)) as (_, cursor):
        found = run_one(cursor, "impossible_values", window_of(site))
    rows = [{key: row[key] for key in ("channel_id", "timestamp")} for row in found.sample]
    assert rows == named(OFFICE, NOON, ONE)
