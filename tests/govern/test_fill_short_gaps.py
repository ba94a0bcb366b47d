"""Estimates for short gaps: right in sum and trend, apart from readings, gone when they come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from clean_site import CLIMATE, KITCHEN, OFFICE, TOTAL, CleanSite, plant_site, set_now
from support import Database, ScriptRunner

FIND, FILL = "govern/detect_data_gaps.py", "govern/fill_short_gaps.py"
NOON = "2026-03-03T12:00Z"


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> CleanSite:
    planted = plant_site(database)
    set_now(monkeypatch, planted.now)
    return planted


def remove(site: CleanSite, channel_id: int, minutes: int, start: str = NOON) -> None:
    """Take away the readings of so many minutes."""
    site.database.execute(
        f"DELETE FROM readings WHERE channel_id = {channel_id} AND timestamp >= '{start}' "
        f"AND timestamp < '{start}'::timestamptz + interval '{minutes} minutes'; "
        "UPDATE ingestion_logs SET aggregated_at = NULL"
    )


def set_power(site: CleanSite, channel_id: int, at: str, power_kw: float | None) -> None:
    """Make a reading's power and energy those of a load of so many kW."""
    energy = None if power_kw is None else power_kw / 4
    site.database.execute(
        "UPDATE readings SET power_kw = %s, energy_kwh = %s WHERE channel_id = %s "
        "AND timestamp = %s",
        (power_kw, energy, channel_id, at),
    )


def filled(run_script: ScriptRunner, *args: object) -> dict[str, Any]:
    """Find the gaps, then fill the short ones."""
    looked = run_script(FIND)
    assert looked.exit_code == 0, looked.stderr
    done = run_script(FILL, "--json", *args)
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def estimates(site: CleanSite) -> list[tuple[Any, ...]]:
    return site.database.execute(
        "SELECT channel_id, to_char(timestamp AT TIME ZONE 'UTC', 'HH24:MI'), interval_seconds, "
        "power_kw, energy_kwh, method FROM estimated_readings ORDER BY channel_id, timestamp"
    )


def test_three_missing_quarters_between_2_and_6_kw_are_3_4_and_5_kw(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    set_power(site, OFFICE, "2026-03-03T11:45Z", 2)
    set_power(site, OFFICE, "2026-03-03T12:45Z", 6)
    remove(site, OFFICE, 45)
    stored = site.database.scalar("SELECT count(*) FROM readings")
    done = filled(run_script)
    assert estimates(site) == [
        (OFFICE, "12:00", 900, 3.0, 0.75, "linear_power"),
        (OFFICE, "12:15", 900, 4.0, 1.0, "linear_power"),
        (OFFICE, "12:30", 900, 5.0, 1.25, "linear_power"),
    ]
    # 45 minutes at the mean of both neighbours, 4 kW.
    assert done["estimated_energy_kwh"] == pytest.approx(3.0)
    assert (done["added"], done["removed"], done["estimated_gaps"]) == (3, 0, 1)
    assert site.database.scalar("SELECT count(*) FROM readings") == stored
    assert site.database.scalar("SELECT filled_at FROM data_gaps") is None


def test_an_hour_is_too_long(site: CleanSite, run_script: ScriptRunner) -> None:
    remove(site, OFFICE, 60)
    assert filled(run_script)["added"] == 0


def test_max_gap_is_a_limit_that_the_gap_stays_below(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, 15)
    remove(site, KITCHEN, 30)
    assert filled(run_script, "--max-gap", 30)["added"] == 1
    assert [row[0] for row in estimates(site)] == [OFFICE]
    assert filled(run_script)["added"] == 2
    assert filled(run_script, "--max-gap", 30)["removed"] == 2


def test_a_dry_run_says_the_same_and_writes_nothing(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, 30)
    dry = filled(run_script, "--dry-run")
    assert (dry["added"], estimates(site)) == (2, [])
    real = filled(run_script)
    assert [row["energy_kwh"] for row in dry["changes"]] == [
        row["energy_kwh"] for row in real["changes"]
    ]


def test_filling_twice_changes_nothing(site: CleanSite, run_script: ScriptRunner) -> None:
    remove(site, OFFICE, 30)
    filled(run_script)
    first = site.database.execute("SELECT * FROM estimated_readings ORDER BY timestamp")
    again = filled(run_script)
    assert (again["added"], again["removed"]) == (0, 0)
    assert site.database.execute("SELECT * FROM estimated_readings ORDER BY timestamp") == first


def test_the_sql_function_alone_does_the_same(site: CleanSite, run_script: ScriptRunner) -> None:
    remove(site, OFFICE, 30)
    assert run_script(FIND).exit_code == 0
    rows = site.database.execute("SELECT change, channel_id FROM fill_short_gaps()")
    assert rows == [("added", OFFICE), ("added", OFFICE)]


@pytest.mark.parametrize("with_detection", [True, False])
def test_estimates_go_when_the_readings_come(
    site: CleanSite, run_script: ScriptRunner, *, with_detection: bool
) -> None:
    remove(site, OFFICE, 30)
    filled(run_script)
    assert len(estimates(site)) == 2
    site.database.execute(
        "INSERT INTO readings (channel_id, timestamp, interval_seconds, energy_kwh, power_kw) "
        f"VALUES ({OFFICE}, '2026-03-03T12:00Z', 900, 1, 4), "
        f"({OFFICE}, '2026-03-03T12:15Z', 900, 1, 4); "
        "UPDATE ingestion_logs SET aggregated_at = NULL"
    )
    shown = site.database.execute(
        "SELECT is_estimated, energy_kwh FROM v_readings_with_estimates "
        f"WHERE channel_id = {OFFICE} AND timestamp >= '{NOON}' AND timestamp < '2026-03-03T12:30Z'"
    )
    assert shown == [(False, 1.0), (False, 1.0)]
    script = FIND if with_detection else FILL
    assert run_script(script).exit_code == 0
    assert estimates(site) == []


def test_a_gap_that_grew_takes_its_estimates_along(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, 30)
    filled(run_script)
    remove(site, OFFICE, 45)
    assert [row[1] for row in estimates(site)] == ["12:00", "12:15"]
    done = filled(run_script)
    assert (done["added"], done["removed"]) == (3, 2)
    remove(site, OFFICE, 120)
    assert filled(run_script)["removed"] == 3


def test_nothing_is_estimated_without_a_neighbour_that_says_something(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    # The last quarter of the data; a temperature; a neighbour without energy and power.
    remove(site, OFFICE, 15, "2026-03-05T04:45Z")
    remove(site, CLIMATE, 15)
    remove(site, KITCHEN, 15)
    set_power(site, KITCHEN, "2026-03-03T12:15Z", None)
    done = filled(run_script)
    assert (done["added"], site.database.scalar("SELECT count(*) FROM data_gaps")) == (0, 3)


def test_a_reading_that_already_holds_the_energy_of_the_gap_is_not_counted_twice(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    set_power(site, OFFICE, "2026-03-03T11:45Z", 4)
    remove(site, OFFICE, 30)
    # The counter went on: 45 minutes of 4 kW arrive as one reading of 15 minutes.
    site.database.execute(
        f"UPDATE readings SET power_kw = 4, energy_kwh = 3 WHERE channel_id = {OFFICE} "
        "AND timestamp = '2026-03-03T12:30Z'"
    )
    assert filled(run_script)["added"] == 0


def test_energy_decides_where_it_and_power_differ(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    for at in ("2026-03-03T11:45Z", "2026-03-03T12:15Z"):
        set_power(site, OFFICE, at, 4)
    site.database.execute(
        f"UPDATE readings SET power_kw = NULL WHERE channel_id = {OFFICE} "
        "AND timestamp = '2026-03-03T11:45Z'"
    )
    remove(site, OFFICE, 15)
    filled(run_script)
    assert [row[3:5] for row in estimates(site)] == [(4.0, 1.0)]


def test_the_view_shows_estimates_as_such_and_every_other_view_does_not_know_them(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    before = site.database.scalar(
        f"SELECT sum(energy_kwh) FROM v_readings_with_estimates WHERE channel_id = {TOTAL}"
    )
    lost = site.database.scalar(
        f"SELECT sum(energy_kwh) FROM readings WHERE channel_id = {TOTAL} "
        f"AND timestamp >= '{NOON}' AND timestamp < '2026-03-03T12:45Z'"
    )
    remove(site, TOTAL, 45)
    filled(run_script)
    with_estimates, estimated, rows = site.database.execute(
        "SELECT sum(energy_kwh), sum(energy_kwh) FILTER (WHERE is_estimated), count(*) "
        f"FROM v_readings_with_estimates WHERE site_id = '23271' AND channel_id = {TOTAL}"
    )[0]
    assert rows == 3 * 96
    # The planted curve is smooth: a straight line over 45 minutes misses it by little.
    assert estimated == pytest.approx(lost, rel=0.02)
    assert with_estimates == pytest.approx(before, rel=1e-3)
    others = site.database.execute(
        "SELECT (SELECT sum(energy_kwh) FROM v_readings_enriched WHERE channel_id = %(id)s), "
        "(SELECT sum(energy_kwh) FROM v_readings_daily WHERE channel_id = %(id)s)",
        {"id": TOTAL},
    )[0]
    assert others == (pytest.approx(before - lost), pytest.approx(before - lost))


def test_the_reader_may_look_and_not_fill(site: CleanSite, run_script: ScriptRunner) -> None:
    remove(site, OFFICE, 15)
    filled(run_script)
    connection = site.database.connect_reader()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM v_readings_with_estimates WHERE is_estimated")
        assert cursor.fetchone() == (1,)
        with pytest.raises(Exception, match="permission denied"):
            cursor.execute("SELECT fill_short_gaps()")
    connection.close()


def test_all_sites_wins_over_a_named_site_and_says_so(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, 15)
    assert run_script("govern/detect_data_gaps.py").exit_code == 0
    done = run_script(FILL, "--site", "404", "--all-sites")
    assert (done.exit_code, done.stdout.split(",")[0]) == (0, "1 estimates added")
    assert done.stderr.count("--all-sites is given: --site 404 is not used") == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--site", "404"), "site 404 is not in the database"),
        (("--max-gap", "90"), "--max-gap"),
        (("--max-gap", "soon"), "--max-gap"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    site: CleanSite, run_script: ScriptRunner, args: tuple[str, ...], words: str
) -> None:
    done = run_script(FILL, *args)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr
