"""The hourly aggregate, kept fresh: equal to a rebuilt one, whatever was ingested or removed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg2.extensions
import pytest
import yaml
from clean_site import CHANNELS, KITCHEN, OFFICE, CleanSite, plant_site
from support import Database, ScriptRunner

from govern.refresh_views import Refresh, refresh

SCRIPT = "govern/refresh_views.py"
HELD_BACK = "CREATE TABLE held_back AS SELECT * FROM readings WITH NO DATA"


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg2.extensions.connection]:
    with closing(database.connect()) as opened:
        yield opened


def log_window(
    database: Database, run_id: UUID, channel_id: int, start: datetime, end: datetime, rows: int
) -> None:
    database.execute(
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, readings_fetched, readings_inserted, started_at, "
        "finished_at) VALUES (%s, '23271', %s, %s, %s, 900, 'success', %s, %s, now(), now())",
        (str(run_id), channel_id, start, end, rows, rows),
    )


def ingest_late(
    database: Database, run_id: UUID, channel_id: int, start: datetime, end: datetime
) -> int:
    """What was held back of a window arrives with a run of its own."""
    window = {"channel": channel_id, "start": start, "end": end, "run": str(run_id)}
    arrived = database.execute(
        "WITH moved AS (DELETE FROM held_back WHERE channel_id = %(channel)s "
        "AND timestamp >= %(start)s AND timestamp < %(end)s RETURNING *), "
        "stored AS (INSERT INTO readings SELECT * FROM moved RETURNING channel_id, timestamp) "
        "SELECT count(*) FROM stored",
        window,
    )[0][0]
    database.execute(
        "UPDATE readings SET run_id = %(run)s WHERE channel_id = %(channel)s "
        "AND timestamp >= %(start)s AND timestamp < %(end)s AND run_id IS NULL",
        window,
    )
    log_window(database, run_id, channel_id, start, end, arrived)
    return int(arrived)


def hold_back(database: Database, condition: str) -> None:
    database.execute(
        f"WITH gone AS (DELETE FROM readings WHERE {condition} RETURNING *) "
        "INSERT INTO held_back SELECT * FROM gone"
    )
    database.execute("UPDATE held_back SET run_id = NULL")


def wrong_hours(database: Database, timezone: str) -> int:
    """Hours in which the table and a plain sum over the readings differ, or only one has a row."""
    return int(
        database.scalar(
            "SELECT count(*) FROM (SELECT channel_id, local_hour_start(timestamp, %s) AS hour, "
            "count(*) AS n, sum(energy_kwh) AS kwh FROM readings GROUP BY 1, 2) AS r "
            "FULL JOIN mv_hourly_usage AS m USING (channel_id, hour) "
            "WHERE r.n IS DISTINCT FROM m.reading_count "
            "OR abs(coalesce(r.kwh, 0) - coalesce(m.energy_kwh, 0)) > 1e-6",
            [timezone],
        )
    )


@pytest.mark.parametrize("seed", range(4))
def test_incremental_equals_full_after_random_batches_backfills_and_deletions(
    database: Database, connection: psycopg2.extensions.connection, seed: int
) -> None:
    rng = random.Random(seed)
    zone = ["America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Europe/London"][seed]
    # Nine days around a change of the clocks (in three of the four zones).
    first_day = [date(2026, 3, 5), date(2026, 4, 1), date(2026, 3, 5), date(2026, 3, 25)][seed]
    site = plant_site(database, timezone=zone, first_day=first_day, days=9)
    database.execute(HELD_BACK)
    hold_back(database, f"mod(hashint8(extract(epoch FROM timestamp)::bigint + {seed}), 3) = 0")
    refresh(connection)
    start = site.period.start.astimezone(UTC)
    for number in range(12):
        channel = rng.choice(CHANNELS).channel_id
        # Windows need not start on the hour, and may overlap earlier ones.
        begin = start + timedelta(minutes=15 * rng.randrange(9 * 96))
        end = begin + timedelta(minutes=15 * rng.randrange(1, 200))
        if rng.random() < 0.5:
            database.execute(
                "DELETE FROM readings WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s",
                (channel, begin, begin + timedelta(hours=rng.randrange(1, 5))),
            )
            log_window(database, UUID(int=1000 + number), channel, begin - timedelta(hours=1),
                       begin + timedelta(hours=5), 1)  # fmt: skip
        ingest_late(database, UUID(int=number), channel, begin, end)
        refresh(connection)
        assert wrong_hours(database, zone) == 0, number
        assert refresh(connection, full=True).hours_different == 0, number


def test_a_backfill_touches_only_its_own_hours(
    database: Database, connection: psycopg2.extensions.connection
) -> None:
    plant_site(database, days=9)
    database.execute(HELD_BACK)
    hold_back(database, f"channel_id = {OFFICE} AND timestamp = '2026-03-03 12:15Z'")
    hours = 9 * 24 - 1  # the clocks go forward on 8 March
    assert refresh(connection).hours_refreshed == hours * len(CHANNELS)
    day = datetime(2026, 3, 3, 5, tzinfo=UTC)
    assert ingest_late(database, UUID(int=7), OFFICE, day, day + timedelta(days=1)) == 1
    done = refresh(connection)
    assert (done.windows, done.hours_refreshed) == (1, 1)
    row = database.execute(
        "SELECT reading_count, expected_count FROM mv_hourly_usage "
        "WHERE channel_id = %s AND hour = '2026-03-03 12:00Z'",
        [OFFICE],
    )
    assert row == [(4, 4)]
    assert refresh(connection).windows == 0


def test_an_hour_without_readings_left_goes_when_its_window_is_asked_again(
    database: Database, connection: psycopg2.extensions.connection
) -> None:
    plant_site(database)
    refresh(connection)
    database.execute(
        "DELETE FROM readings WHERE channel_id = %s AND timestamp >= '2026-03-03 12:00Z' "
        "AND timestamp < '2026-03-03 13:00Z'",
        [KITCHEN],
    )
    day = datetime(2026, 3, 3, 5, tzinfo=UTC)
    log_window(database, UUID(int=8), KITCHEN, day, day + timedelta(days=1), 1)
    assert refresh(connection).hours_refreshed == 1
    emptied = "SELECT count(*) FROM mv_hourly_usage WHERE channel_id = %s AND hour = %s"
    assert database.scalar(emptied, (KITCHEN, datetime(2026, 3, 3, 12, tzinfo=UTC))) == 0


def test_a_window_that_is_still_running_is_not_taken_in(
    database: Database, connection: psycopg2.extensions.connection
) -> None:
    plant_site(database)
    database.execute("UPDATE ingestion_logs SET status = 'running'")
    assert refresh(connection).windows == 0
    database.execute("UPDATE ingestion_logs SET status = 'success'")
    assert refresh(connection).windows == len(CHANNELS)


def test_full_finds_and_repairs_what_was_changed_by_hand(
    database: Database, connection: psycopg2.extensions.connection
) -> None:
    plant_site(database)
    refresh(connection)
    database.execute(
        "UPDATE mv_hourly_usage SET energy_kwh = energy_kwh + 0.001 "
        "WHERE channel_id = %s AND hour = '2026-03-03 12:00Z'",
        [KITCHEN],
    )
    assert refresh(connection, full=True).hours_different == 1
    assert refresh(connection, full=True).hours_different == 0


def test_a_site_whose_zone_changed_is_aggregated_again_by_its_new_days(
    database: Database, connection: psycopg2.extensions.connection
) -> None:
    plant_site(database, days=9)
    refresh(connection)
    day_of = "SELECT sum(energy_kwh) FROM v_readings_daily WHERE channel_id = %s AND day = %s"
    # Kolkata is half an hour off the hours of New York: every hour of it is another.
    for zone in ("Asia/Kolkata", "America/Los_Angeles"):
        database.execute("UPDATE organizations SET timezone = %s", [zone])
        done = refresh(connection)
        assert (done.windows, done.hours_refreshed > 0) == (0, True)
        assert wrong_hours(database, zone) == 0
        expected = database.scalar(
            "SELECT sum(energy_kwh) FROM readings WHERE channel_id = %(channel)s "
            "AND timestamp >= '2026-03-05'::timestamp AT TIME ZONE %(zone)s "
            "AND timestamp < '2026-03-06'::timestamp AT TIME ZONE %(zone)s",
            {"channel": KITCHEN, "zone": zone},
        )
        told = database.scalar(day_of, [KITCHEN, date(2026, 3, 5)])
        assert told == pytest.approx(expected, rel=1e-9)
        assert refresh(connection).hours_refreshed == 0


def test_two_refreshes_at_once_take_every_window_in_once(database: Database) -> None:
    plant_site(database, days=9)

    def run(_: int) -> Refresh:
        with closing(database.connect()) as opened:
            return refresh(opened)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run, range(2)))
    assert sorted(one.windows for one in done) == [0, len(CHANNELS)]
    with closing(database.connect()) as opened:
        assert refresh(opened, full=True).hours_different == 0


def second_site(database: Database) -> CleanSite:
    channels = tuple(channel._replace(channel_id=channel.channel_id + 100) for channel in CHANNELS)
    return plant_site(database, site_id="2", channels=channels, run_id=UUID(int=2))


def test_the_script_refreshes_one_site_and_says_what_it_did(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database)
    second_site(database)
    done = run_script(SCRIPT, "--site", "2", "--json")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["windows"], summary["hours_refreshed"]) == (4, 4 * 3 * 24)
    left = "SELECT count(*) FROM ingestion_logs WHERE aggregated_at IS NULL"
    assert database.scalar(left) == len(CHANNELS)
    full = json.loads(run_script(SCRIPT, "--full", "--json").stdout)
    assert full["equal"] is True


def test_a_database_without_readings_has_nothing_to_refresh(
    database: Database, run_script: ScriptRunner
) -> None:
    done = run_script(SCRIPT, "--json")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["windows"], summary["hours_refreshed"]) == (0, 0)


def test_every_refresh_copies_opening_hours_and_holidays_of_the_sites_file(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    plant_site(database)
    now = {"ARGO_NOW": "2026-03-05T06:00:00Z"}
    assert run_script(SCRIPT, env=now).exit_code == 0
    weekdays = database.execute(
        "SELECT array_agg(weekday ORDER BY weekday), min(opens)::text, max(closes)::text "
        "FROM site_opening_hours"
    )
    assert weekdays == [([1, 2, 3, 4, 5], "06:00:00", "19:00:00")]
    # Of this year and the next: Thanksgiving, Independence Day on the Friday, New Year.
    for day in ("2026-11-26", "2026-07-03", "2027-01-01"):
        assert database.scalar("SELECT count(*) FROM site_closed_days WHERE day = %s", [day]) == 1
    sites = {"23271": {"opening_hours": {"sunday": ["10:00", "24:00"]}, "closed_days": []}}
    changed = tmp_path / "sites.yaml"
    changed.write_text(yaml.safe_dump({"sites": sites}))
    assert run_script(SCRIPT, env={**now, "ARGO_SITES_FILE": str(changed)}).exit_code == 0
    rows = database.execute("SELECT weekday, opens::text, closes::text FROM site_opening_hours")
    assert rows == [(7, "10:00:00", "24:00:00")]
    assert database.scalar("SELECT count(*) FROM site_closed_days") == 0


def test_a_sites_file_that_cannot_be_read_is_one_line(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    plant_site(database)
    site = {
        "holidays": {"country": "Atlantis"},
        "opening_hours": {"monday": ["06:00", "19:00"]},
    }
    (tmp_path / "sites.yaml").write_text(yaml.safe_dump({"sites": {"23271": site}}))
    done = run_script(SCRIPT, env={"ARGO_SITES_FILE": str(tmp_path / "sites.yaml")})
    assert done.exit_code == 2
    assert "config/sites.yaml, holidays" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_after_an_older_version_every_window_is_taken_in_once_more(
    database: Database, connection: psycopg2.extensions.connection
) -> None:
    plant_site(database)
    refresh(connection)
    # As migration 0010 finds and leaves them: filled without what it adds.
    database.execute(
        "UPDATE mv_hourly_usage SET first_reading = NULL, last_reading = NULL;"
        "UPDATE ingestion_logs SET aggregated_at = NULL"
    )
    refresh(connection)
    empty = "SELECT count(*) FROM mv_hourly_usage WHERE first_reading IS NULL"
    assert database.scalar(empty) == 0
    assert refresh(connection, full=True).hours_different == 0


def test_an_unknown_site_is_a_usage_error(database: Database, run_script: ScriptRunner) -> None:
    done = run_script(SCRIPT, "--site", "999")
    assert done.exit_code == 2
    assert "site 999 is not in the database" in done.stderr
