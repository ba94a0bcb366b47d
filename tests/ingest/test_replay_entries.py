"""Replay of a quarantine planted by SQL: each entry ends up stored, known or refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from planted_quarantine import (
    DAY,
    METER,
    NOW,
    RUN,
    SCRIPT,
    SITE,
    at,
    contents,
    plant_site,
    quarantine,
    refuse,
    replayed,
    replayed_logs,
)
from support import Database, ScriptResult, ScriptRunner

from config.settings import get_settings
from ingest.pipeline.replay import replay as replay_quarantine
from ingest.store.replay import load_selection
from lib.lock import run_lock


@pytest.fixture
def replay(run_script: ScriptRunner, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run the replay of the planted site; its JSON document."""
    return partial(replayed, run_script, tmp_path)


def test_a_window_of_the_log_claims_no_time_between_two_replayed_rows(
    database: Database, replay: Any
) -> None:
    plant_site(database)
    for quarter in (40, 41, 44):
        refuse(database, quarter, "power_kw_out_of_range", "power_kw", "4.0", P=4000)
    replay()
    assert [(log[1], log[5], log[6]) for log in replayed_logs(database)] == [
        (2, at(40), at(42)),
        (1, at(44), at(45)),
    ]


UNKNOWN_RUN = "00000000-0000-4000-8000-00000000dead"


@pytest.mark.parametrize(
    ("entry", "today"),
    [
        # The answer was in kWh: 1500 kWh were refused, 1.5 kWh nobody sent.
        (
            {"reason": "energy_kwh_out_of_range", "field": "energy_kwh", "value": "1500.0"},
            "units_not_recorded",
        ),
        # A number without a value that could be stored had a unit that nobody knew.
        ({"reason": "no_values", "field": None, "value": None}, "no_values"),
        # Two minutes before its interval was over nobody could know its energy.
        (
            {"reason": "future_timestamp", "field": "timestamp", "value": None,
             "rejected_at": at(41) - timedelta(minutes=2)},
            "future_timestamp",
        ),
        (
            {"reason": "energy_kwh_out_of_range", "field": "energy_kwh", "value": "1.5",
             "run": UNKNOWN_RUN},
            "interval_length_not_recorded",
        ),
        (
            {"reason": "energy_kwh_out_of_range", "field": "energy_kwh", "value": "1.5",
             "seconds": 7},
            "overlaps_neighbour",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_or_was_never_a_measurement_stays(
    database: Database, replay: Any, entry: dict[str, Any], today: str
) -> None:
    plant_site(database)
    refuse(database, 40, **entry, E=1500)
    before = contents(database)
    (line,) = replay()["reasons"]
    assert (line["stored"], line["known"], line["refusedToday"]) == (0, 0, {today: 1})
    assert contents(database) == before


def test_a_row_that_still_overlaps_another_interval_length_stays(
    database: Database, replay: Any
) -> None:
    plant_site(database)
    hourly = "00000000-0000-4000-8000-000000003600"
    database.execute(
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, readings_fetched, readings_rejected, started_at) "
        "VALUES (%s, %s, %s, %s, %s, 3600, 'success', 2, 2, %s)",
        (hourly, SITE, METER, DAY, DAY + timedelta(days=1), NOW),
    )
    for quarter in (4, 40):  # the first hour holds four stored quarters, the second none
        refuse(database, quarter, "overlaps_other_interval", "interval_seconds", "3600",
               run=hourly, E=4000)  # fmt: skip
    (line,) = replay()["reasons"]
    assert (line["stored"], line["refusedToday"]) == (1, {"overlaps_other_interval": 1})
    assert database.execute(
        "SELECT timestamp, energy_kwh FROM readings WHERE interval_seconds = 3600"
    ) == [(at(40), 4.0)]
    assert quarantine(database) == [
        (METER, "row", "overlaps_other_interval", "interval_seconds", "3600", at(4))
    ]


def test_a_row_that_is_known_by_now_leaves_quarantine_and_a_contradiction_is_kept(
    database: Database, replay: Any
) -> None:
    plant_site(database)
    database.execute("UPDATE readings SET extra = '{\"CO2\": 400}'")
    refuse(database, 0, "power_kw_out_of_range", "power_kw", "4.0", E=1000, P=4000, CO2=400)
    refuse(database, 1, "power_kw_out_of_range", "power_kw", "5.0", E=1000, P=5000, CO2=420)
    (line,) = replay()["reasons"]
    assert (line["stored"], line["known"], line["stillRefused"]) == (0, 2, 0)
    assert database.execute(
        "SELECT timestamp, field, stored_value, offered_value FROM reading_conflicts ORDER BY field"
    ) == [(at(1), "extra.CO2", "400", "420"), (at(1), "power_kw", "4.0", "5.0")]
    assert database.scalar("SELECT count(*) FROM readings WHERE power_kw <> 4") == 0
    assert quarantine(database) == []
    assert [log[:5] for log in replayed_logs(database)] == [(2, 0, 2, 0, 0)]


def test_of_two_runs_the_first_answer_is_stored_and_of_one_run_the_later(
    database: Database, replay: Any
) -> None:
    plant_site(database)
    later_run = "00000000-0000-4000-8000-000000000008"
    database.execute(
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, readings_fetched, readings_rejected, started_at) "
        "VALUES (%s, %s, %s, %s, %s, 900, 'success', 1, 1, %s)",
        (later_run, SITE, METER, DAY, DAY + timedelta(days=1), NOW),
    )
    for power_w, run in ((5000, RUN), (6000, RUN), (7000, later_run)):
        value = repr(power_w / 1000)
        refuse(database, 40, "power_kw_out_of_range", "power_kw", value, run=run, P=power_w)
    (line,) = replay()["reasons"]
    assert (line["stored"], line["known"]) == (1, 2)
    assert database.scalar("SELECT power_kw FROM readings WHERE timestamp = %s", [at(40)]) == 6


def test_a_value_whose_unit_is_known_by_now_completes_its_row_and_its_hour(
    database: Database, replay: Any, run_script: ScriptRunner
) -> None:
    plant_site(database)
    run_script("govern/refresh_views.py", "--full")
    database.execute(
        "UPDATE readings SET energy_kwh = NULL, data_quality = 'energy_kwh unknown_unit; "
        "voltage_v out_of_range', voltage_v = NULL WHERE timestamp = %s",
        [at(2)],
    )
    refuse(database, 2, "unknown_unit", "energy_kwh", "1.5 kWh", scope="field", E=1.5)
    refuse(database, 2, "out_of_range", "voltage_v", "9999.0", scope="field", E=1.5, V=9999)
    run_script("govern/refresh_views.py", "--full")
    hour = "SELECT energy_kwh, null_energy FROM mv_hourly_usage WHERE hour = %s"
    assert database.execute(hour, [at(0)]) == [(3.0, 1)]
    done = replay()
    assert (done["rowsInserted"], done["rowsChanged"], done["stillRefused"]) == (0, 1, 1)
    assert database.execute(
        "SELECT energy_kwh, voltage_v, data_quality, run_id::text FROM readings "
        "WHERE timestamp = %s",
        [at(2)],
    ) == [(1.5, None, "voltage_v out_of_range", RUN)]
    assert [log[:5] for log in replayed_logs(database)] == [(1, 0, 1, 0, 1)]
    run_script("govern/refresh_views.py")
    assert database.execute(hour, [at(0)]) == [(4.5, 0)]


def test_a_value_that_stands_in_its_row_by_now_is_not_overwritten(
    database: Database, replay: Any
) -> None:
    plant_site(database)
    refuse(database, 2, "out_of_range", "voltage_v", "240.0", scope="field", V=240)
    refuse(database, 3, "out_of_range", "voltage_v", "230.0", scope="field", V=230)
    refuse(database, 50, "out_of_range", "voltage_v", "230.0", scope="field", V=230)
    (line,) = replay()["reasons"]
    assert (line["stored"], line["known"]) == (0, 2)
    assert line["refusedToday"] == {"row_not_stored": 1}
    assert database.execute(
        "SELECT timestamp, stored_value, offered_value FROM reading_conflicts"
    ) == [(at(2), "230.0", "240.0")]
    assert database.scalar("SELECT count(*) FROM readings WHERE voltage_v <> 230") == 0


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        (("--reason", "power_kw_out_of_range"), {"voltage_v"}),
        (("--reason", "out_of_range", "--reason", "power_kw_out_of_range"), set()),
        (("--channel", METER), set()),
        (("--start", "2026-07-02"), {"voltage_v", "power_kw"}),
        (("--start", "2026-07-01", "--end", "2026-07-01"), set()),
        (("--end", "2026-06-30"), {"voltage_v", "power_kw"}),
    ],
)
def test_only_what_was_chosen_is_replayed(
    database: Database, replay: Any, choice: tuple[object, ...], left: set[str]
) -> None:
    plant_site(database)
    database.execute("UPDATE readings SET voltage_v = NULL WHERE timestamp = %s", [at(2)])
    refuse(database, 2, "out_of_range", "voltage_v", "240.0", scope="field", V=240)
    refuse(database, 40, "power_kw_out_of_range", "power_kw", "4.0", P=4000)
    replay(*choice)
    assert {entry[3] for entry in quarantine(database)} == left


def test_quarantine_longer_than_a_page_is_replayed_to_its_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_site(database)
    monkeypatch.setenv("ARGO_NOW", NOW.isoformat())
    get_settings.cache_clear()
    for quarter in range(40, 50):
        # Every third one stays: pages have to get past what they leave behind.
        reason = "no_values" if quarter % 3 == 0 else "power_kw_out_of_range"
        refuse(database, quarter, reason, "power_kw", "4.0", P=4000)
    monkeypatch.setattr("ingest.store.replay.PAGE_ENTRIES", 2)
    with closing(database.connect()) as connection:
        selection = load_selection(connection, SITE, (), (), None, None)
        done = replay_quarantine(connection, selection, dry_run=False)
    assert (done.before, done.rows_inserted, done.still_refused) == (10, 7, 3)
    assert database.scalar("SELECT count(*) FROM readings") == 14 + 7
    assert len(quarantine(database)) == 3


def test_a_replay_that_fails_leaves_rows_books_and_quarantine_as_they_were(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database)
    refuse(database, 40, "power_kw_out_of_range", "power_kw", "4.0", P=4000)
    database.execute(
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no room'; END $$; "
        "CREATE TRIGGER stop BEFORE INSERT ON ingestion_logs EXECUTE FUNCTION stop()"
    )
    before = contents(database)
    done = run_script(SCRIPT, "--site", SITE, env={"ARGO_NOW": NOW.isoformat()})
    assert done.exit_code == 1
    assert "no room" in done.stderr
    assert contents(database) == before


def one_line(done: ScriptResult) -> str:
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--site", "999"), "site 999 is not in the database"),
        (("--site", SITE, "--channel", "8"), "site 1 has no channel 8"),
        (("--site", SITE, "--start", "2026-07-02", "--end", "2026-07-01"), "lies before the start"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_2(
    database: Database, run_script: ScriptRunner, args: tuple[str, ...], message: str
) -> None:
    plant_site(database)
    refuse(database, 40, "power_kw_out_of_range", "power_kw", "4.0", P=4000)
    before = contents(database)
    done = run_script(SCRIPT, *args)
    assert done.exit_code == 2
    assert message in one_line(done)
    assert contents(database) == before


def test_during_an_ingestion_the_replay_leaves_with_5(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database)
    with run_lock(f"ingest {SITE}"):
        done = run_script(SCRIPT, "--site", SITE)
    assert done.exit_code == 5
    assert "another run holds the lock" in one_line(done)


def test_the_text_says_what_was_done_and_what_to_run_next(
    database: Database, run_script: ScriptRunner
) -> None:
    plant_site(database)
    refuse(database, 40, "power_kw_out_of_range", "power_kw", "4.0", P=4000)
    refuse(database, 41, "no_values", None, None)
    env = {"ARGO_NOW": NOW.isoformat()}
    dry = run_script(SCRIPT, "--site", SITE, "--dry-run", env=env).stdout
    assert "1 readings would be inserted" in dry
    assert "nothing was written" in dry
    done = run_script(SCRIPT, "--site", SITE, env=env).stdout
    assert "1 readings were inserted, 0 completed; 1 of 2 entries stay in quarantine" in done
    assert "npm run db:refresh-views" in done
    assert (
        "nothing in quarantine matches"
        in run_script(SCRIPT, "--site", SITE, "--reason", "power_kw_out_of_range", env=env).stdout
    )
