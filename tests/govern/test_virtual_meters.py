"""Virtual meters: weighted sums of channels, defined by the script, read from the view."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date

import pytest
from clean_site import CLIMATE, KITCHEN, OFFICE, TOTAL, Channel, plant_site
from support import Database, ScriptRunner

SCRIPT = "govern/define_virtual_meters.py"
REMAINDER = ("define", "Remainder", "--part", TOTAL, "--part", f"{KITCHEN}=-1")


def test_main_less_a_submeter_is_what_the_rest_used(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database)
    done = run_script(SCRIPT, *REMAINDER)
    assert done.exit_code == 0, done.stderr
    # The planted total is the sum of kitchen and office, to the precision of a real.
    wrong = database.scalar(
        "SELECT count(*) FROM v_virtual_readings AS v JOIN readings AS r USING (timestamp) "
        "WHERE r.channel_id = %s AND (abs(v.energy_kwh - r.energy_kwh) < 1e-5 "
        "AND abs(v.power_kw - r.power_kw) < 1e-5) IS NOT TRUE",
        [OFFICE],
    )
    rows = database.execute(
        "SELECT count(*), min(virtual_meter_name), min(parts), min(parts_present), "
        "min(coverage_pct) FROM v_virtual_readings"
    )
    assert wrong == 0
    assert rows == [(3 * 96, "Remainder", 2, 2, 100)]


def test_weights_are_factors(database: Database, run_script: ScriptRunner) -> None:
    plant_site(database, days=1)
    args = ("define", "Half", "--part", f"{KITCHEN}=0.5", "--part", f"{OFFICE}=2")
    assert run_script(SCRIPT, *args).exit_code == 0
    expected = database.scalar(
        "SELECT sum(energy_kwh * CASE channel_id WHEN %s THEN 0.5 ELSE 2 END) FROM readings "
        "WHERE channel_id IN (%s, %s)",
        (KITCHEN, KITCHEN, OFFICE),
    )
    total = database.scalar("SELECT sum(energy_kwh) FROM v_virtual_readings")
    assert total == pytest.approx(expected)


def test_where_a_part_is_missing_there_is_no_sum(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database, days=1)
    assert run_script(SCRIPT, *REMAINDER).exit_code == 0
    at = "2026-03-02 12:{}Z"
    database.execute(
        "DELETE FROM readings WHERE channel_id = %s AND timestamp = %s", (KITCHEN, at.format("15"))
    )
    database.execute(
        "UPDATE readings SET power_kw = NULL WHERE channel_id = %s AND timestamp = %s",
        (KITCHEN, at.format("30")),
    )
    rows = database.execute(
        "SELECT energy_kwh IS NULL, power_kw IS NULL, parts_present, parts, coverage_pct::integer "
        "FROM v_virtual_readings WHERE timestamp IN (%s, %s) ORDER BY timestamp",
        (at.format("15"), at.format("30")),
    )
    assert rows == [(True, True, 1, 2, 50), (False, True, 2, 2, 100)]


def test_a_part_with_another_interval_length_is_not_added(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database, days=1)
    database.execute(
        "DELETE FROM readings WHERE channel_id = %s AND extract(minute FROM timestamp) <> 0",
        [OFFICE],
    )
    database.execute("UPDATE readings SET interval_seconds = 3600 WHERE channel_id = %s", [OFFICE])
    args = ("define", "Both", "--part", KITCHEN, "--part", OFFICE)
    assert run_script(SCRIPT, *args).exit_code == 0
    rows = database.execute(
        "SELECT interval_seconds, count(*), count(energy_kwh) FROM v_virtual_readings "
        "GROUP BY 1 ORDER BY 1"
    )
    assert rows == [(900, 96, 0), (3600, 24, 0)]


def test_intervals_carry_the_sites_own_clock(database: Database, run_script: ScriptRunner) -> None:
    plant_site(database, first_day=date(2026, 11, 1), days=1)
    assert run_script(SCRIPT, *REMAINDER).exit_code == 0
    twice = database.execute(
        "SELECT count(*) FROM v_virtual_readings WHERE timestamp_local = '2026-11-01 01:15'"
    )
    assert twice == [(2,)]


def test_defining_again_replaces_the_parts(database: Database, run_script: ScriptRunner) -> None:
    plant_site(database, days=1)
    first = run_script(SCRIPT, *REMAINDER)
    assert (first.exit_code, first.stderr) == (0, "")
    done = run_script(SCRIPT, "define", "Remainder", "--part", OFFICE)
    assert (done.exit_code, done.stderr) == (
        0,
        f"replaced Remainder (was +1 x Channel {TOTAL} ({TOTAL}) "
        f"-1 x Channel {KITCHEN} ({KITCHEN}))\n",
    )
    (meter,) = json.loads(run_script(SCRIPT, "list", "--json").stdout)
    assert (meter["site_id"], meter["name"]) == ("23271", "Remainder")
    assert [(part["channel_id"], part["weight"]) for part in meter["parts"]] == [(OFFICE, 1)]


def test_parts_may_be_named_as_the_channels_are(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database, days=1)
    database.execute(
        "UPDATE channels SET channel_name = CASE channel_id WHEN %s THEN 'Main' WHEN %s "
        "THEN 'AHU=1' ELSE %s END",
        (TOTAL, KITCHEN, str(KITCHEN)),
    )
    # A number is an id, also where other channels are called so.
    parts = ("--part", "main", "--part", "AHU=1=-1", "--part", f"{OFFICE}=2")
    assert run_script(SCRIPT, "define", "Named", *parts).exit_code == 0
    assert run_script(SCRIPT, "define", "Number", "--part", KITCHEN).exit_code == 0
    meters = json.loads(run_script(SCRIPT, "list", "--json").stdout)
    assert [
        [(part["channel_id"], part["weight"]) for part in meter["parts"]] for meter in meters
    ] == [[(TOTAL, 1), (KITCHEN, -1), (OFFICE, 2)], [(KITCHEN, 1)]]


def test_a_name_that_two_channels_have_is_refused_with_their_ids(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database, days=1)
    database.execute(
        "UPDATE channels SET channel_name = 'Spare' WHERE channel_id IN (%s, %s)", (KITCHEN, OFFICE)
    )
    done = run_script(SCRIPT, "define", "A", "--part", "Spare=-1")
    assert done.exit_code == 2
    assert f"'Spare' is the name of channels {KITCHEN}, {OFFICE}: give the id" in done.stderr


def test_list_says_the_sum_in_one_line(database: Database, run_script: ScriptRunner) -> None:
    plant_site(database, days=1)
    run_script(SCRIPT, *REMAINDER)
    done = run_script(SCRIPT, "list", "--site", "23271")
    assert done.stdout == (
        f"23271  Remainder = +1 x Channel {TOTAL} ({TOTAL}) -1 x Channel {KITCHEN} ({KITCHEN})\n"
    )


def test_a_removed_virtual_meter_leaves_its_channels_alone(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database, days=1)
    run_script(SCRIPT, *REMAINDER)
    assert run_script(SCRIPT, "remove", "Remainder").exit_code == 0
    assert database.scalar("SELECT count(*) FROM v_virtual_readings") == 0
    assert database.scalar("SELECT count(*) FROM virtual_meter_map") == 0
    assert database.scalar("SELECT count(*) FROM readings") == 4 * 96


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("define", "A"), "needs at least one part"),
        (("define",), "needs the name"),
        (("define", " ", "--part", KITCHEN), "needs a name"),
        (("define", "A", "--part", "kitchen"), "'kitchen' is not a part"),
        (("define", "A", "--part", f"{KITCHEN}="), "is not a part"),
        (("define", "A", "--part", f"{KITCHEN}=nan"), "a number other than 0"),
        (("define", "A", "--part", f"{KITCHEN}=0"), "a number other than 0"),
        (("define", "A", "--part", KITCHEN, "--part", KITCHEN), "named twice"),
        (("define", "A", "--part", KITCHEN, "--part", f"Channel {KITCHEN}"), "named twice"),
        (("define", "A", "--part", 10**30), "is not one of site 23271"),
        (("define", "A", "--part", 201), "channel 201 is not one of site 23271"),
        (("define", "A", "--part", CLIMATE), "measures no energy"),
        (("define", "A", "--part", KITCHEN, "--site", "9"), "site 9 is not in the database"),
        (("remove", "A"), "has no virtual meter called 'A'"),
        (("remove", "A", "--part", KITCHEN), "remove takes no parts"),
        (("list", "--site", "9"), "site 9 is not in the database"),
        (("list", "A"), "neither a name nor parts"),
        (("change", "A"), "'change' is not one of"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    database: Database, run_script: ScriptRunner, args: tuple[object, ...], message: str
) -> None:
    plant_site(database, days=1)
    plant_site(database, site_id="2", days=1, channels=(Channel(201),))
    done = run_script(SCRIPT, *args)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert database.scalar("SELECT count(*) FROM virtual_meters") == 0


def test_an_empty_database_has_no_virtual_meters(
    database: Database, run_script: ScriptRunner
) -> None:
    done = run_script(SCRIPT, "list", "--json")
    assert (done.exit_code, done.stdout) == (0, "[]\n")


def test_a_definition_that_fails_leaves_the_old_one(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database, days=1)
    run_script(SCRIPT, *REMAINDER)
    assert run_script(SCRIPT, "define", "Remainder", "--part", 999).exit_code == 2
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT channel_id, weight FROM virtual_meter_map ORDER BY 1")
        assert cursor.fetchall() == [(TOTAL, 1.0), (KITCHEN, -1.0)]
