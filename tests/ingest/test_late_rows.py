"""Rows that come after newer ones: caught up as long as they are missing, and no longer."""

from __future__ import annotations

from datetime import datetime, timedelta

from scripted_api import Asked, Reply, ScriptedApi, said, scripted_api
from scripted_site import NOW, channel, ingest_site, rows_of, scripted_site
from support import Database, ScriptResult, ScriptRunner

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def seconds(instant: datetime) -> int:
    return int(instant.timestamp())


class Gateway:
    """Channel 1 loses its line at `lost` and has it back at `back`; `buffer` is delivered then."""

    def __init__(self) -> None:
        self.lost, self.back = seconds(NOW + DAY), seconds(NOW + 3 * DAY)
        self.has_delivered = False

    def __call__(self, channel_id: int, asked: Asked) -> Reply:
        rows = rows_of(asked)
        if channel_id == 1 and not self.has_delivered:
            rows = [row for row in rows if not self.lost <= row["ts"] < self.back]
        return said({"resolution": 900, "records": rows})


def sync(run_script: ScriptRunner, api: ScriptedApi, now: datetime) -> ScriptResult:
    """The run of one day; afterwards the API has forgotten what it was asked."""
    del api.asked[:]
    done = ingest_site(run_script, api, "--days", "2", "--catch-up", now=now)
    assert done.exit_code == 0, done.stderr
    return done


def earliest_asked(api: ScriptedApi, channel_id: int) -> int:
    return min(a.daterange[0] for a in api.asked if a.path == f"/readings/{channel_id}")


def test_a_buffer_that_comes_after_newer_rows_is_stored_in_full(
    database: Database, run_script: ScriptRunner
) -> None:
    gateway = Gateway()
    with scripted_api(scripted_site(gateway)) as api:
        for days in range(7):
            # Newer rows are there from day 3 on, the buffer since day 6.
            gateway.has_delivered = days == 6
            sync(run_script, api, NOW + days * DAY)
    counts = dict(database.execute("SELECT channel_id, count(*) FROM readings GROUP BY channel_id"))
    assert counts[1] == counts[2] > 7 * 96


def test_a_gap_that_stays_costs_one_request_a_day_and_is_let_go_after_five_weeks(
    database: Database, run_script: ScriptRunner
) -> None:
    gateway = Gateway()
    with scripted_api(scripted_site(gateway)) as api:
        for days in range(4):
            sync(run_script, api, NOW + days * DAY)
        # Ten days on, with all of them ingested, the gap is what is asked for again: it alone.
        ingest_site(run_script, api, "--days", "8", now=NOW + 10 * DAY)
        sync(run_script, api, NOW + 10 * DAY)
        asked = [a.daterange for a in api.asked if a.path == "/readings/1"]
        assert min(asked) == (gateway.lost, gateway.back)
        assert len(asked) == 2
        ingest_site(run_script, api, "--days", "40", now=NOW + 45 * DAY)
        sync(run_script, api, NOW + 45 * DAY)
        assert earliest_asked(api, 1) > seconds(NOW + 43 * DAY)


def test_an_old_hole_does_not_make_every_day_go_back_five_weeks(
    database: Database, run_script: ScriptRunner
) -> None:
    with scripted_api(scripted_site()) as api:
        ingest_site(run_script, api, "--start-date", "2026-04-01", "--end-date", "2026-04-07")
        first = sync(run_script, api, NOW)
        assert "is caught up from" in first.stderr
        assert earliest_asked(api, 1) > seconds(NOW - 38 * DAY)
        second = sync(run_script, api, NOW + DAY)
    assert "is caught up from" not in second.stderr
    assert earliest_asked(api, 1) > seconds(NOW - DAY)


def test_a_channel_that_was_taken_out_is_not_caught_up(
    database: Database, run_script: ScriptRunner
) -> None:
    gone = channel(1, uninstalledTs=str(seconds(NOW - 6 * DAY)))
    with scripted_api(scripted_site(channels=[gone, channel(2)])) as api:
        ingest_site(run_script, api, "--days", "10")
        for days in (1, 2):
            done = sync(run_script, api, NOW + days * DAY)
            assert "is caught up from" not in done.stderr
            assert {a.path for a in api.asked if "readings" in a.path} == {"/readings/2"}


def test_a_refused_row_is_not_asked_for_again_every_day(
    database: Database, run_script: ScriptRunner
) -> None:
    bad = seconds(NOW - 5 * HOUR)

    def readings(_channel_id: int, asked: Asked) -> Reply:
        rows = [{**row, "E": -1.0} if row["ts"] == bad else row for row in rows_of(asked)]
        return said({"resolution": 900, "records": rows})

    with scripted_api(scripted_site(readings)) as api:
        sync(run_script, api, NOW)
        done = sync(run_script, api, NOW + 4 * DAY)
        assert "is caught up from" in done.stderr  # the days without a run
        sync(run_script, api, NOW + 5 * DAY)
        assert earliest_asked(api, 1) > seconds(NOW + 3 * DAY)
    assert database.scalar("SELECT count(*) FROM rejected_readings") == 2
