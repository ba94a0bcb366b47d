"""The book of gaps through the front door: found, explained, grown, closed, opened again."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from clean_site import CLIMATE, KITCHEN, OFFICE, RUN_ID, TOTAL, CleanSite, plant_site, set_now
from gap_steps import (
    FORGET_AGGREGATES,
    SCRIPT,
    book,
    bring_back,
    changes,
    found,
    instant,
    remove,
)
from support import Database, ScriptRunner


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> CleanSite:
    """2 to 4 March 2026 in New York, complete; now is an hour after."""
    planted = plant_site(database)
    set_now(monkeypatch, planted.now)
    return planted


def test_a_complete_site_has_no_gap(site: CleanSite, run_script: ScriptRunner) -> None:
    document = found(run_script, "--days", 4)
    assert (document["open"], changes(document)) == (0, {})


def test_a_gap_keeps_its_number_while_it_grows_shrinks_and_splits(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, "2026-03-03T12:00Z", "2026-03-03T13:00Z")
    assert changes(found(run_script)) == {"new": 1}
    number = book(site)[0][0]
    remove(site, OFFICE, "2026-03-03T11:00Z", "2026-03-03T15:00Z")
    assert changes(found(run_script)) == {"changed": 1}
    assert book(site) == [
        (number, OFFICE, "03 11:00", "03 15:00", 16, "channel_silent", True)
    ]  # fmt: skip
    bring_back(site, OFFICE, "2026-03-03T12:00Z", "2026-03-03T13:00Z")
    assert changes(found(run_script)) == {"changed": 1, "new": 1}
    rows = book(site)
    assert [row[2:5] for row in rows] == [("03 11:00", "03 12:00", 4), ("03 13:00", "03 15:00", 8)]
    assert rows[0][0] == number


def test_gaps_that_grow_together_become_the_older_one(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, "2026-03-03T12:00Z", "2026-03-03T13:00Z")
    found(run_script)
    older = book(site)[0][0]
    remove(site, OFFICE, "2026-03-03T14:00Z", "2026-03-03T15:00Z")
    found(run_script)
    remove(site, OFFICE, "2026-03-03T13:00Z", "2026-03-03T14:00Z")
    assert changes(found(run_script)) == {"changed": 1, "merged": 1}
    assert [row[:5] for row in book(site)] == [(older, OFFICE, "03 12:00", "03 15:00", 12)]


def test_a_gap_whose_readings_were_refused_says_so(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    refuse = (
        "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, raw, raw_md5)"
        f" SELECT '{RUN_ID}', "
    )
    remove(site, OFFICE, "2026-03-03T12:00Z", "2026-03-03T13:00Z")
    site.database.execute(
        f"{refuse} {OFFICE}, at, 'row', 'power_kw_out_of_range', '{{}}', at::text FROM "
        "generate_series('2026-03-03T12:00Z'::timestamptz, '2026-03-03T12:30Z', '15 minutes') AS at"
    )
    # One reading without a time explains one missing interval, not a gap of four.
    remove(site, KITCHEN, "2026-03-03T12:00Z", "2026-03-03T13:00Z")
    remove(site, TOTAL, "2026-03-03T12:00Z", "2026-03-03T12:15Z")
    for channel_id in (KITCHEN, TOTAL):
        site.database.execute(f"{refuse} {channel_id}, NULL, 'row', 'no_timestamp', '{{}}', 'x'")
    document = found(run_script)
    assert {gap["channel_id"]: (gap["reason"], gap["fillable"]) for gap in document["gaps"]} == {
        OFFICE: ("rejected", False),
        KITCHEN: ("channel_silent", True),
        TOTAL: ("rejected", False),
    }


def test_a_filled_gap_is_closed_by_the_run_that_brought_it_and_opened_when_it_is_lost_again(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, "2026-03-03T12:00Z", "2026-03-03T13:00Z")
    found(run_script)
    number = book(site)[0][0]
    bring_back(site, OFFICE, "2026-03-03T12:00Z", "2026-03-03T13:00Z")
    assert changes(found(run_script)) == {"closed": 1}
    closed = site.database.execute("SELECT gap_id, filled_at, filled_by FROM data_gaps")
    assert closed == [(number, site.now, "run 00000000-0000-4000-8000-00000000000f")]
    remove(site, OFFICE, "2026-03-03T12:00Z", "2026-03-03T12:30Z")
    assert changes(found(run_script)) == {"reopened": 1}
    assert [row[:5] for row in book(site)] == [(number, OFFICE, "03 12:00", "03 12:30", 2)]
    again = site.database.execute("SELECT filled_at, filled_by, times_reopened FROM data_gaps")
    assert again == [(None, None, 1)]


def test_a_gap_is_told_whole_where_it_reaches_out_of_the_days_looked_at(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, "2026-03-02T20:00Z", "2026-03-04T20:00Z")
    document = found(run_script, "--start", "2026-03-03", "--end", "2026-03-03")
    assert [gap["missing_intervals"] for gap in document["gaps"]] == [192]
    assert document["gaps"][0]["start"] == "2026-03-02T15:00:00-05:00"


def test_a_silence_of_every_channel_is_the_sites_and_one_channels_longer_one_its_own(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    for channel in site.channels:
        remove(site, channel.channel_id, "2026-03-03T12:00Z", "2026-03-03T14:00Z")
    remove(site, KITCHEN, "2026-03-03T14:00Z", "2026-03-03T23:00Z")
    found(run_script)
    reasons = {row[1]: row[5] for row in book(site)}
    assert reasons.pop(KITCHEN) == "channel_silent"
    assert set(reasons.values()) == {"site_offline"}
    assert len(reasons) == 3


def test_a_channel_that_stopped_has_a_gap_that_grows_until_it_is_retired(
    site: CleanSite, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(site, OFFICE, "2026-03-04T12:00Z", "2026-03-06T00:00Z")
    found(run_script)
    number = book(site)[0][0]
    # Everything before today's midnight is due, whoever asked for it.
    assert book(site)[0][1:5] == (OFFICE, "04 12:00", "05 05:00", 68)
    set_now(monkeypatch, site.now + timedelta(days=2))
    found(run_script)
    mine = [row for row in book(site) if row[1] == OFFICE]
    assert mine[0][:5] == (number, OFFICE, "04 12:00", "07 05:00", 260)
    site.database.execute(f"UPDATE channels SET status = 'retired' WHERE channel_id = {OFFICE}")
    found(run_script)
    closed = site.database.execute(
        f"SELECT gap_id, filled_by FROM data_gaps WHERE channel_id = {OFFICE}"
    )
    assert closed == [(number, "not expected")]


def test_time_after_the_last_sync_is_no_gap_until_the_next_one_is_overdue(
    site: CleanSite, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A sync at local midnight: the last half hour of 4 March had not settled, it was not asked for.
    midnight = datetime(2026, 3, 5, 5, tzinfo=UTC)
    for channel in site.channels:
        remove(site, channel.channel_id, "2026-03-05T04:30Z", "2026-03-05T05:00Z")
    remove(site, OFFICE, "2026-03-04T23:00Z", "2026-03-05T05:00Z")
    site.database.execute("UPDATE ingestion_logs SET started_at = %s", [midnight])
    set_now(monkeypatch, midnight + timedelta(hours=25))
    found(run_script)
    # Until 23:30 the site was asked, and 22 quarters of one channel are missing.
    assert [row[1:5] for row in book(site)] == [(OFFICE, "04 23:00", "05 04:30", 22)]
    report = run_script("govern/data_quality_report.py", "--days", 5, "--json")
    document = json.loads(report.stdout)
    assert document["gaps_total"] == 1
    # Completeness counts the whole of 5 March as due all the same: 4 channels x 96, none there.
    assert document["site"]["now"]["expected"] == 4 * 4 * 96
    set_now(monkeypatch, midnight + timedelta(hours=26, minutes=1))
    found(run_script)
    assert [row[1:5] for row in book(site)] == [
        (TOTAL, "05 04:30", "06 05:00", 98),
        (KITCHEN, "05 04:30", "06 05:00", 98),
        (OFFICE, "04 23:00", "06 05:00", 120),
        (CLIMATE, "05 04:30", "06 05:00", 98),
    ]


def test_asking_for_older_days_does_not_hide_that_the_sync_is_overdue(
    site: CleanSite, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_now(monkeypatch, site.now + timedelta(days=2))
    # Two days later somebody asks again for 2 March.
    site.database.execute(
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, started_at, finished_at) SELECT "
        "gen_random_uuid(), organization_id, channel_id, '2026-03-02T05:00Z', "
        "'2026-03-03T05:00Z', 900, 'success', %(now)s, %(now)s FROM channels",
        {"now": site.now + timedelta(days=2)},
    )
    assert found(run_script)["missing_intervals"] == 4 * 2 * 96


def test_a_gap_booked_before_the_sync_was_due_is_closed(
    site: CleanSite, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.database.execute(
        "INSERT INTO data_gaps (channel_id, gap_start, gap_end, missing_intervals, reason) "
        f"VALUES ({OFFICE}, '2026-03-05T05:00Z', '2026-03-06T05:00Z', 96, 'unknown')"
    )
    set_now(monkeypatch, site.now + timedelta(days=1))
    assert changes(found(run_script)) == {"closed": 1}


def test_a_channel_that_cannot_be_read_has_no_gap(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, "2026-03-03T12:00Z", "2026-03-03T14:00Z")
    found(run_script)
    site.database.execute(f"UPDATE channels SET status = 'unreadable' WHERE channel_id = {OFFICE}")
    document = found(run_script)
    assert (document["open"], changes(document)) == (0, {"closed": 1})


def test_nothing_is_missing_from_before_a_channel_was_installed_or_asked_for(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    site.database.execute(
        f"UPDATE channels SET installed_at = '2026-03-03T12:00Z' WHERE channel_id = {OFFICE}; "
        f"UPDATE channels SET installed_at = '2020-01-01T00:00Z' WHERE channel_id = {KITCHEN}"
    )
    remove(site, OFFICE, "2026-03-02T05:00Z", "2026-03-03T13:00Z")
    document = found(run_script, "--days", 30)
    assert [(gap["channel_id"], gap["missing_intervals"]) for gap in document["gaps"]] == [
        (OFFICE, 4)
    ]


def test_a_gap_that_the_api_still_denied_two_days_later_is_not_worth_asking_again(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, "2026-03-02T12:00Z", "2026-03-02T14:00Z")
    remove(site, KITCHEN, "2026-03-04T12:00Z", "2026-03-04T14:00Z")
    found(run_script)
    fillable = dict(site.database.execute("SELECT channel_id, fillable FROM data_gaps"))
    # Asked once, an hour after the three days had ended: more than two days after the first gap.
    assert fillable == {OFFICE: False, KITCHEN: True}


def test_a_gap_across_two_windows_is_judged_by_both_together(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, "2026-03-02T12:00Z", "2026-03-02T14:00Z")
    remove(site, KITCHEN, "2026-03-02T12:00Z", "2026-03-02T14:00Z")
    # Asked three days later in two windows that meet inside of the gap; of the kitchen's one
    # quarter was left out between them.
    site.database.execute(
        "UPDATE ingestion_logs SET window_end = '2026-03-02T13:00Z'; "
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, started_at, finished_at) SELECT run_id, "
        "organization_id, channel_id, CASE channel_id WHEN %s THEN '2026-03-02T13:15Z' "
        "ELSE '2026-03-02T13:00Z' END::timestamptz, %s, 900, 'success', started_at, finished_at "
        "FROM ingestion_logs",
        [KITCHEN, site.period.end],
    )
    gaps = {gap["channel_id"]: gap["fillable"] for gap in found(run_script)["gaps"]}
    assert gaps == {OFFICE: False, KITCHEN: True}


@pytest.mark.parametrize(
    ("timezone", "day", "count"),
    [
        ("America/New_York", date(2026, 3, 8), 92),
        ("America/New_York", date(2026, 11, 1), 100),
        ("Australia/Lord_Howe", date(2026, 4, 5), 98),
        ("Australia/Lord_Howe", date(2026, 10, 4), 94),
        ("Asia/Kolkata", date(2026, 3, 8), 96),
    ],
)
def test_a_lost_day_is_missing_its_own_number_of_intervals(
    database: Database,
    run_script: ScriptRunner,
    monkeypatch: pytest.MonkeyPatch,
    timezone: str,
    day: date,
    count: int,
) -> None:
    site = plant_site(database, timezone=timezone, first_day=day - timedelta(days=1))
    set_now(monkeypatch, site.now)
    assert found(run_script)["open"] == 0
    database.execute(
        f"DELETE FROM readings WHERE channel_id = {TOTAL} "
        f"AND (timestamp AT TIME ZONE '{timezone}')::date = '{day}'{FORGET_AGGREGATES}"
    )
    document = found(run_script)
    assert [(gap["channel_id"], gap["missing_intervals"]) for gap in document["gaps"]] == [
        (TOTAL, count)
    ]
    assert instant(document["gaps"][0]["start"]).strftime("%H:%M") == "00:00"


def test_hourly_readings_on_a_half_hour_clock_have_no_gap_but_the_one_planted(
    database: Database, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = plant_site(
        database, timezone="Asia/Kolkata", interval_seconds=3600, first_day=date(2026, 3, 2)
    )
    set_now(monkeypatch, site.now)
    assert found(run_script)["open"] == 0
    remove(site, TOTAL, "2026-03-03T06:30Z", "2026-03-03T08:30Z")
    assert [row[1:5] for row in (found(run_script), book(site))[1]] == [
        (TOTAL, "03 06:30", "03 08:30", 2)
    ]


def test_a_gap_without_a_reason_names_itself_in_the_table(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, "2026-03-03T12:00Z", "2026-03-03T14:00Z")
    done = run_script(SCRIPT)
    assert done.exit_code == 0
    assert f"Channel {OFFICE} ({OFFICE})" in done.stdout
    assert "2026-03-03 07:00" in done.stdout
    assert "1 open gaps, 8 intervals missing (1 new)" in done.stdout


def test_all_sites_are_looked_at_each_on_its_own(site: CleanSite, run_script: ScriptRunner) -> None:
    other = plant_site(
        site.database,
        site_id="50001",
        timezone="Asia/Kolkata",
        channels=[
            channel._replace(channel_id=channel.channel_id + 100) for channel in site.channels
        ],
    )
    remove(other, TOTAL + 100, "2026-03-03T12:00Z", "2026-03-03T13:00Z")
    done = run_script(SCRIPT, "--all-sites", "--json")
    documents = {one["site_id"]: one["open"] for one in json.loads(done.stdout)}
    assert documents == {"23271": 0, "50001": 1}


def test_all_sites_wins_over_a_named_site_and_says_so(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    done = run_script(SCRIPT, "--site", "404", "--all-sites")
    assert done.exit_code == 0
    assert done.stderr.count("--all-sites is given: --site 404 is not used") == 1
    assert "site 23271, " in done.stdout


def test_days_that_nobody_ever_asked_for_are_not_called_free_of_gaps(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    done = run_script(SCRIPT, "--start", "2026-02-01", "--end", "2026-02-10")
    assert done.exit_code == 0
    assert done.stdout == (
        "site 23271, 2026-02-01 to 2026-02-10: nothing was ever asked for these days\n"
    )
    assert found(run_script, "--start", "2026-02-01", "--end", "2026-02-10")["asked"] is False
    asked = run_script(SCRIPT, "--start", "2026-02-01", "--end", "2026-03-02")
    assert "0 open gaps" in asked.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--site", "404"), "site 404 is not in the database"),
        (("--start", "2026-03-04", "--end", "2026-03-02"), "lies before the start"),
        (("--start", "2027-01-01"), "has not begun"),
        (("--days", "2", "--end", "2026-03-02"), "either --days or --start and --end"),
        (("--days", "0"), "--days"),
        (("--start", "yesterday"), "is not a day"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    site: CleanSite, run_script: ScriptRunner, args: tuple[str, ...], words: str
) -> None:
    done = run_script(SCRIPT, *args)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr
    assert book(site) == []


def test_an_empty_database_says_what_to_run(database: Database, run_script: ScriptRunner) -> None:
    done = run_script(SCRIPT, "--all-sites")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "npm run py:ingest" in done.stderr
