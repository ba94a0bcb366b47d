"""Days that are stored at one interval length are not asked for at another."""

from __future__ import annotations

import json

import pytest
from scripted_api import Asked, Reply, said, scripted_api
from scripted_site import ingest_site, rows_of, run_against, scripted_site
from support import Database, ScriptRunner

BOOKS = "SELECT (SELECT count(*) FROM ingestion_logs), (SELECT count(*) FROM rejected_readings)"


def at_the_resolution_asked(_channel_id: int, asked: Asked) -> Reply:
    step = int(asked.parameters["res"])
    return said({"resolution": step, "records": rows_of(asked, step)})


@pytest.mark.parametrize("resolution", ["60", "3600"])
@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--channel", "2"), ("--repair",)])
def test_a_wrong_resolution_is_told_before_anything_is_asked_or_written(
    database: Database, run_script: ScriptRunner, resolution: str, more: tuple[str, ...]
) -> None:
    with scripted_api(scripted_site(at_the_resolution_asked)) as api:
        assert ingest_site(run_script, api, "--days", "1").exit_code == 0
        before = database.execute(BOOKS)
        del api.asked[:]
        done = ingest_site(run_script, api, "--days", "1", "--resolution", resolution, *more)
        assert [one.path for one in api.asked if "readings" in one.path] == []
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert f"stored at 900 s; intervals of {resolution} s would overlap them" in line
    assert database.execute(BOOKS) == before


def test_a_backfill_at_a_wrong_resolution_is_told_too(
    database: Database, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_api(scripted_site(at_the_resolution_asked)) as api:
        ingest_site(run_script, api, "--days", "1")
        monkeypatch.setenv("ENISCOPE_RESOLUTION", "1800")
        script = "ingest/historical_ingestion.py"
        done = run_against(run_script, api, script, "--site", "777", "--start-date", "2026-07-15")
    assert done.exit_code == 2
    assert "stored at 900 s" in done.stderr


def test_days_with_nothing_stored_may_have_any_resolution(
    database: Database, run_script: ScriptRunner
) -> None:
    with scripted_api(scripted_site(at_the_resolution_asked)) as api:
        ingest_site(run_script, api, "--start-date", "2026-07-14", "--end-date", "2026-07-14")
        done = ingest_site(run_script, api, "--days", "2", "--resolution", "3600")
    assert done.exit_code == 0, done.stderr
    lengths = "SELECT interval_seconds, count(*)::int FROM readings GROUP BY 1 ORDER BY 1"
    # Two channels: the 14th in quarter-hours, the 15th and seven hours of the 16th in hours.
    assert database.execute(lengths) == [(900, 2 * 96), (3600, 2 * (24 + 7))]


def test_one_channel_of_another_length_does_not_keep_the_others_from_being_asked(
    database: Database, run_script: ScriptRunner
) -> None:
    with scripted_api(scripted_site(at_the_resolution_asked)) as api:
        ingest_site(run_script, api, "--days", "1", "--channel", "1", "--resolution", "1800")
        done = ingest_site(run_script, api, "--days", "1", "--json")
    assert done.exit_code == 4
    failed = json.loads(done.stdout)["failedChannels"]
    assert list(failed) == ["1"]
    assert "stored at 1800 s" in failed["1"]
    assert database.scalar("SELECT count(*) FROM readings WHERE channel_id = 2") == 30
    assert database.scalar("SELECT count(*) FROM rejected_readings") == 0


def test_a_day_is_no_resolution_because_local_days_are_not_all_as_long(
    database: Database, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_api(scripted_site(at_the_resolution_asked)) as api:
        done = ingest_site(run_script, api, "--days", "1", "--resolution", "86400")
        assert done.exit_code == 2
        assert "'86400' is not one of '60', '900', '1800', '3600'" in done.stderr
        monkeypatch.setenv("ENISCOPE_RESOLUTION", "86400")
        done = ingest_site(run_script, api, "--days", "1")
        assert api.asked == []
    assert done.exit_code == 2
    assert "ENISCOPE_RESOLUTION" in done.stderr


@pytest.mark.parametrize(("bad", "is_told"), [(0, False), (1, True), (30, True)])
def test_more_refused_than_a_validation_lets_pass_is_told_even_when_quiet(
    database: Database, run_script: ScriptRunner, bad: int, is_told: bool
) -> None:
    def readings(channel_id: int, asked: Asked) -> Reply:
        rows = rows_of(asked)
        for row in rows[:bad] if channel_id == 2 else []:
            row["P"] = 5_000_000.0
        return said({"resolution": 900, "records": rows})

    with scripted_api(scripted_site(readings)) as api:
        done = ingest_site(run_script, api, "--days", "1", "--quiet")
    assert done.exit_code == 0
    if is_told:
        (line,) = done.stderr.strip().splitlines()
        assert "more than 1 % of the readings of channel 2 were refused" in line
        assert "py:govern:validate-ingestion -- --site 777" in line
    else:
        assert done.stderr == ""
