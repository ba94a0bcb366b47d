"""A total that cannot be right: a main that stands still, or is counted with what it feeds."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2.extensions
import pytest
from clean_site import KITCHEN, OFFICE, TOTAL, Channel, CleanSite, plant_site
from planted_faults import faulty, run_one, window_of
from sandbox_client import Ingest, StartSandbox, running_sandbox
from support import Database, ScriptRunner

from config.settings import get_settings
from govern.checks.window import load_window
from govern.refresh_views import refresh
from govern.validate_data import validate

SITE, MAIN, PANEL, SENSOR = "23271", 158694, 162285, 162277
NOW = datetime(2026, 7, 16, 4, 35, tzinfo=UTC)
MONDAY, SUNDAY = date(2026, 7, 6), date(2026, 7, 12)
WEEK = "timestamp >= '2026-07-06T04:00Z' AND timestamp < '2026-07-13T04:00Z'"
WEDNESDAY = "timestamp >= '2026-07-08T04:00Z' AND timestamp < '2026-07-09T04:00Z'"
DEAD = ", ".join(
    f"{name} = 0"
    for measure in ("energy_kwh", "power_kw", "current_a")
    for name in (measure, *(f"{measure}_{phase}" for phase in (1, 2, 3)))
)
DEAD += ", apparent_power_kva = 0, reactive_power_kvar = 0, power_factor = NULL"


class Story(NamedTuple):
    """What happens to a clean week of the sandbox, and which check says what of it."""

    sql: str
    check: str
    verdict: str


STORIES = {
    "a main at 0 all week": Story(
        f"UPDATE readings SET {DEAD} WHERE channel_id = {MAIN} AND {WEEK}",
        "site_total_impossible",
        "fail",
    ),
    "a main at 0 for a day": Story(
        f"UPDATE readings SET {DEAD} WHERE channel_id = {MAIN} AND {WEDNESDAY}",
        "site_total_impossible",
        "fail",
    ),
    "a main that sends no energy and power for a day": Story(
        "UPDATE readings SET energy_kwh = NULL, power_kw = NULL "
        f"WHERE channel_id = {MAIN} AND {WEDNESDAY}",
        "completeness_of_site_total",
        "fail",
    ),
    "a main whose name says nothing": Story(
        "UPDATE channels SET channel_type = 'energy', channel_name = 'Meter A' "
        f"WHERE channel_id = {MAIN}",
        "total_counted_twice",
        "fail",
    ),
    "a main that is fed by another": Story(
        "UPDATE channels SET channel_type = 'site_total', channel_name = 'Main Panel' "
        f"WHERE channel_id = {PANEL}",
        "total_may_count_twice",
        "warn",
    ),
    "one quarter hour of the main with 500 kWh": Story(
        f"UPDATE readings SET energy_kwh = 500 WHERE channel_id = {MAIN} "
        "AND timestamp = '2026-07-08T16:00Z'",
        "energy_not_power_times_time",
        "fail",
    ),
    "a temperature of 900 degrees": Story(
        f"UPDATE readings SET temperature_c = 900 WHERE channel_id = {SENSOR} "
        "AND timestamp = '2026-07-08T16:00Z'",
        "impossible_values",
        "fail",
    ),
}


def not_passed(database: Database) -> dict[str, str]:
    with closing(database.connect()) as connection:
        # Everything, as if the faults had come in by ingestion.
        refresh(connection, full=True)
        document = validate(connection, load_window(connection, SITE, MONDAY, SUNDAY, NOW))
    return {
        check["name"]: check["verdict"]
        for check in document["checks"]
        if check["verdict"] != "pass"
    }


def test_a_total_that_is_wrong_is_named_and_a_clean_month_has_no_finding(
    database: Database, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_sandbox(NOW, clean=True) as sandbox:
        days = ("--days", "36", "--allow-sandbox-data")
        done = run_script("ingest/ingest_to_postgres.py", *days, env=sandbox.settings)
    assert done.exit_code == 0, done.stderr
    monkeypatch.setenv("ARGO_NOW", NOW.isoformat())
    get_settings.cache_clear()
    database.execute(
        f"CREATE TABLE kept_readings AS SELECT * FROM readings WHERE {WEEK}; "
        "CREATE TABLE kept_channels AS TABLE channels"
    )
    assert not_passed(database) == {}
    for name, story in STORIES.items():
        database.execute(story.sql)
        assert not_passed(database).get(story.check) == story.verdict, name
        database.execute(
            f"DELETE FROM readings WHERE {WEEK}; INSERT INTO readings SELECT * FROM kept_readings; "
            "UPDATE channels AS c SET channel_type = k.channel_type, channel_name = k.channel_name "
            "FROM kept_channels AS k WHERE k.channel_id = c.channel_id"
        )
    assert not_passed(database) == {}


@pytest.fixture
def fortnight(database: Database) -> CleanSite:
    """Two clean weeks of a main, its two sub-meters and a sensor."""
    site = plant_site(database, days=14)
    with closing(database.connect()) as connection:
        refresh(connection)
    return site


def rows_of(cursor: psycopg2.extensions.cursor, name: str, site: CleanSite) -> list[dict[str, Any]]:
    return run_one(cursor, name, window_of(site)).sample


UNNAMED = f"UPDATE channels SET channel_type = 'energy' WHERE channel_id = {TOTAL}"


def test_a_main_taken_for_a_sub_meter_is_named_with_its_energy(fortnight: CleanSite) -> None:
    with faulty(fortnight, UNNAMED) as (connection, cursor):
        found = run_one(cursor, "total_counted_twice", window_of(fortnight))
        assert found.verdict == "fail"
        (row,) = found.sample
        assert row["channel_id"] == TOTAL
        # The planted main is the sum of the others.
        assert row["energy_kwh"] == pytest.approx(row["others_kwh"], rel=1e-6)
        connection.rollback()
        assert rows_of(cursor, "total_counted_twice", fortnight) == []
        assert rows_of(cursor, "total_may_count_twice", fortnight) == []


@pytest.mark.parametrize(
    "harmless",
    [
        # Another load of the same size does not move with the two others.
        "UPDATE mv_hourly_usage SET energy_kwh = 14 + "
        f"sin(extract(epoch FROM hour) / 100000) WHERE channel_id = {TOTAL}",
        # It measures less than the others half of the time.
        "UPDATE mv_hourly_usage SET energy_kwh = energy_kwh * 0.9 WHERE channel_id = "
        f"{TOTAL} AND extract(day FROM hour)::integer % 2 = 0",
        f"UPDATE channels SET in_site_total = true WHERE channel_id = {TOTAL}",
        f"UPDATE channels SET in_site_total = false WHERE channel_id = {TOTAL}",
    ],
    ids=["another load", "smaller", "counted on purpose", "not counted"],
)
def test_a_large_channel_that_feeds_no_other_is_not_taken_for_a_main(
    fortnight: CleanSite, harmless: str
) -> None:
    with faulty(fortnight, f"{UNNAMED}; {harmless}") as (_, cursor):
        assert rows_of(cursor, "total_counted_twice", fortnight) == []


NAMES = {
    "PS_total": True,
    "Incoming supply": True,
    "Utility intake": True,
    "Chiller": False,
    "Maintenance": False,
}


@pytest.mark.parametrize(("name", "warns"), NAMES.items(), ids=NAMES)
def test_of_two_channels_the_larger_is_suspected_where_it_is_named_like_a_main(
    database: Database, name: str, warns: bool
) -> None:
    site = plant_site(database, channels=(Channel(OFFICE), Channel(KITCHEN)))
    with closing(database.connect()) as connection:
        refresh(connection)
    larger = (
        f"UPDATE channels SET channel_name = '{name}' WHERE channel_id = {OFFICE}; "
        f"UPDATE mv_hourly_usage SET energy_kwh = energy_kwh * 3 WHERE channel_id = {OFFICE}"
    )
    with faulty(site, larger) as (_, cursor):
        found = rows_of(cursor, "total_may_count_twice", site)
        assert [row["channel_id"] for row in found] == ([OFFICE] if warns else [])
        cursor.execute("UPDATE channels SET channel_name = 'Main ' || channel_id")
        # Two mains of one site.
        assert rows_of(cursor, "total_may_count_twice", site) == []


def test_a_total_is_impossible_by_day_and_below_a_single_sub_meter(fortnight: CleanSite) -> None:
    part = "UPDATE mv_hourly_usage SET energy_kwh = energy_kwh * {} WHERE channel_id = {} AND {}"
    third, fifth = "day = '2026-03-03'", "day = '2026-03-05'"
    # The main is the sum of two: at 0.6 it is below 0.9 of neither; at 0.4 it is below half.
    with faulty(fortnight, part.format(0.4, TOTAL, third)) as (connection, cursor):
        cursor.execute(part.format(0.6, TOTAL, fifth))
        found = rows_of(cursor, "site_total_impossible", fortnight)
        assert [row["day"] for row in found] == ["2026-03-03"]
        # One that measures ten times as much makes the sum doubtful, and the main impossible.
        cursor.execute(part.format(10, KITCHEN, "day = '2026-03-07'"))
        found = rows_of(cursor, "site_total_impossible", fortnight)
        assert [row["day"] for row in found] == ["2026-03-03", "2026-03-07"]
        connection.rollback()
        # 2 of 24 hours miss a twelfth of the day, 3 an eighth.
        for hours, days in ((2, []), (3, ["2026-03-03"])):
            cursor.execute(
                f"UPDATE mv_hourly_usage SET energy_kwh = 0 WHERE channel_id = {TOTAL} AND hour >= "
                f"'2026-03-03T12:00Z' AND hour < '2026-03-03T12:00Z'::timestamptz "
                f"+ interval '{hours} hours'"
            )
            found = rows_of(cursor, "site_total_impossible", fortnight)
            assert [row["day"] for row in found] == days


def test_a_total_that_may_feed_back_may_be_below_its_sub_meters(
    fortnight: CleanSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sites = tmp_path / "sites.yaml"
    sites.write_text(f'sites: {{"23271": {{channels: {{{TOTAL}: {{allow_export: true}}}}}}}}')
    monkeypatch.setenv("ARGO_SITES_FILE", str(sites))
    get_settings.cache_clear()
    stands = f"UPDATE mv_hourly_usage SET energy_kwh = 0 WHERE channel_id = {TOTAL}"
    with faulty(fortnight, stands) as (_, cursor):
        assert rows_of(cursor, "site_total_impossible", fortnight) == []
        assert len(rows_of(cursor, "site_total_below_submeters", fortnight)) == 1


def test_sites_yaml_says_what_belongs_to_the_total_and_may_take_it_back(
    database: Database, ingest: Ingest, start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    sandbox = start_sandbox(clean=True)
    sites = tmp_path / "sites.yaml"
    said = {
        f"{{{PANEL}: {{in_site_total: true}}}}": [MAIN, PANEL],
        f"{{{MAIN}: {{in_site_total: false}}, {PANEL}: {{in_site_total: true}}}}": None,
        "{}": [MAIN],
    }
    for channels, expected in said.items():
        sites.write_text(f'sites: {{"{SITE}": {{channels: {channels}}}}}')
        done = ingest(sandbox, "--days", "1", ARGO_SITES_FILE=str(sites))
        assert done.exit_code in (0, 4), done.stderr
        in_total = [
            channel_id
            for (channel_id,) in database.execute(
                "SELECT channel_id FROM v_meters WHERE in_site_total ORDER BY channel_id"
            )
        ]
        if expected is None:
            # Without a main the site is the sum of its additive channels.
            assert MAIN not in in_total
            assert len(in_total) > 2
        else:
            assert in_total == expected
