"""The circuit breaker through its front doors: the script, and lib.circuit_breaker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any

import psycopg2.extensions
import pytest
from clean_site import KITCHEN, OFFICE, CleanSite, plant_site, set_now
from support import Database, ScriptRunner

from govern.checks.overrides import Override
from govern.checks.window import load_window
from govern.refresh_views import refresh
from govern.validate_data import validate
from lib.circuit_breaker import BreakerStatus, period_status, require_open
from lib.date_utils import Period
from lib.errors import BlockedError, UsageError

SCRIPT = "govern/validate_data.py"
NEW_YORK = "America/New_York"
MONDAY, WEDNESDAY, SUNDAY = date(2026, 3, 2), date(2026, 3, 4), date(2026, 3, 8)
WEEK = Period(MONDAY, SUNDAY, NEW_YORK)
BY_ANN = Override("Ann", "meter exchanged")
HOLD_BACK_WEDNESDAY = (
    "CREATE TABLE held_back AS SELECT * FROM readings WHERE timestamp >= '2026-03-04T05:00Z' "
    "AND timestamp < '2026-03-05T05:00Z'; "
    "DELETE FROM readings WHERE timestamp >= '2026-03-04T05:00Z' "
    "AND timestamp < '2026-03-05T05:00Z'"
)


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> CleanSite:
    """A clean week, Monday 2 to Sunday 8 March (the clocks change); now is Monday morning."""
    planted = plant_site(database, first_day=MONDAY, days=7)
    with closing(database.connect()) as connection:
        refresh(connection)
    set_now(monkeypatch, planted.now)
    return planted


@pytest.fixture
def connection(site: CleanSite) -> Iterator[psycopg2.extensions.connection]:
    with closing(site.database.connect()) as opened:
        yield opened


def run(
    connection: psycopg2.extensions.connection,
    site: CleanSite,
    first: date,
    last: date,
    **options: Any,
) -> dict[str, Any]:
    refresh(connection)
    window = load_window(connection, site.site_id, first, last, site.now)
    return validate(connection, window, **options)


def status(
    connection: psycopg2.extensions.connection, site: CleanSite, period: Period = WEEK
) -> BreakerStatus:
    return period_status(connection, site.site_id, period)


def validation_rows(site: CleanSite) -> int:
    return int(site.database.scalar("SELECT count(*) FROM validation_runs"))


def test_a_week_never_validated_is_blocked_and_says_what_to_run(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    with pytest.raises(BlockedError, match=r"2026-03-02 to 2026-03-08 .* not validated; run: npm"):
        require_open(connection, site.site_id, WEEK)


def test_a_missing_day_fails_and_only_that_day_blocks(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    site.database.execute(HOLD_BACK_WEDNESDAY)
    for day in WEEK.days:
        document = run(connection, site, day, day)
        assert document["verdict"] == ("fail" if day == WEDNESDAY else "pass"), day
    found = status(connection, site)
    assert (found.is_open, found.blocked_days) == (False, (WEDNESDAY,))
    assert "completeness_error" in found.reason
    other = Period(date(2026, 3, 5), SUNDAY, NEW_YORK)
    assert status(connection, site, other).is_open


def test_a_failed_wednesday_blocks_under_a_later_pass_of_sunday_until_it_is_repaired(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    site.database.execute(HOLD_BACK_WEDNESDAY)
    run(connection, site, MONDAY, WEDNESDAY)
    run(connection, site, date(2026, 3, 5), SUNDAY)
    # Three failed days of one window: the newest run that covers a day decides.
    assert status(connection, site).blocked_days == (MONDAY, date(2026, 3, 3), WEDNESDAY)
    site.database.execute(
        "INSERT INTO readings SELECT * FROM held_back; "
        "UPDATE ingestion_logs SET aggregated_at = NULL"
    )
    assert run(connection, site, MONDAY, WEDNESDAY)["verdict"] == "pass"
    assert require_open(connection, site.site_id, WEEK).verdict == "pass"


def test_validating_the_whole_week_does_not_open_a_day_that_fails_alone(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    site.database.execute(
        f"DELETE FROM readings WHERE channel_id = {OFFICE} "
        "AND timestamp >= '2026-03-04T05:00Z' AND timestamp < '2026-03-05T05:00Z'"
    )
    # 3 of 4 channels on one day of seven: 96 % of the week.
    assert run(connection, site, MONDAY, SUNDAY)["verdict"] == "fail"


def test_a_pass_from_before_the_day_was_over_does_not_open_it(
    connection: psycopg2.extensions.connection, site: CleanSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    sunday = Period(SUNDAY, SUNDAY, NEW_YORK)
    morning = sunday.start + timedelta(hours=6)
    site.database.execute(
        "DELETE FROM readings WHERE timestamp >= %s", [morning - timedelta(hours=1)]
    )
    site.database.execute(
        "UPDATE ingestion_logs SET started_at = %s, aggregated_at = NULL",
        [morning - timedelta(minutes=30)],
    )
    refresh(connection)
    set_now(monkeypatch, morning)
    document = validate(connection, load_window(connection, site.site_id, SUNDAY, SUNDAY, morning))
    assert document["verdict"] == "pass"
    assert status(connection, site, sunday).is_open
    set_now(monkeypatch, site.now)
    found = status(connection, site, sunday)
    assert not found.is_open
    assert "not validated" in found.reason


def ingest_late(
    site: CleanSite, first: datetime, last: datetime, values: str = "power_kw = 3"
) -> None:
    """Readings of OFFICE in [first, last) arrive in a new run, with the log of their window."""
    site.database.execute(
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, readings_fetched, readings_inserted, started_at) "
        "VALUES (%(run)s, %(site)s, %(channel)s, %(first)s, %(last)s, 900, 'success', 2, 2, now());"
        "INSERT INTO readings (channel_id, timestamp, interval_seconds, run_id) SELECT "
        "%(channel)s, at, 900, %(run)s FROM generate_series(%(first)s, "
        "%(last)s - interval '1 second', interval '15 minutes') AS at ON CONFLICT DO NOTHING;"
        f"UPDATE readings SET {values} WHERE channel_id = %(channel)s AND run_id = %(run)s",
        {
            "run": "00000000-0000-4000-8000-0000000000aa",
            "site": site.site_id,
            "channel": OFFICE,
            "first": first,
            "last": last,
        },
    )


HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def validated_at_midnight(
    connection: psycopg2.extensions.connection, site: CleanSite, monkeypatch: pytest.MonkeyPatch
) -> CleanSite:
    """The week validated when it ends: its last half hour has not settled, nothing has it yet."""
    midnight = WEEK.end
    set_now(monkeypatch, midnight)
    site.database.execute("DELETE FROM readings WHERE timestamp >= %s", [midnight - HALF_HOUR])
    site.database.execute("UPDATE ingestion_logs SET aggregated_at = NULL")
    refresh(connection)
    window = load_window(connection, site.site_id, MONDAY, SUNDAY, midnight)
    assert validate(connection, window)["verdict"] == "pass"
    return site


def test_a_week_validated_at_its_last_midnight_stays_open_while_nothing_arrives(
    connection: psycopg2.extensions.connection,
    validated_at_midnight: CleanSite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert require_open(connection, "23271", WEEK).verdict == "pass"
    set_now(monkeypatch, WEEK.end + timedelta(hours=6))
    assert require_open(connection, "23271", WEEK).verdict == "pass"


def test_nonsense_that_arrives_after_midnight_closes_the_day_until_it_is_judged(
    connection: psycopg2.extensions.connection,
    validated_at_midnight: CleanSite,
) -> None:
    # The clock stands still: only the order of what was stored can tell.
    site = validated_at_midnight
    ingest_late(site, WEEK.end - HALF_HOUR, WEEK.end, "power_kw = 900000, energy_kwh = 225000")
    found = status(connection, site)
    assert (found.is_open, found.blocked_days) == (False, (SUNDAY,))
    assert "data arrived or changed after the validation of 2026-03-08" in found.reason
    assert status(connection, site, Period(MONDAY, date(2026, 3, 7), NEW_YORK)).is_open
    assert run(connection, site, MONDAY, SUNDAY)["verdict"] == "fail"
    assert "power_out_of_range" in status(connection, site).reason


def test_only_the_days_in_which_data_arrived_are_closed(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    run(connection, site, MONDAY, SUNDAY)
    wednesday = Period(WEDNESDAY, WEDNESDAY, NEW_YORK)
    # The whole of Wednesday: its edges touch Tuesday and Thursday.
    ingest_late(site, wednesday.start, wednesday.end)
    assert status(connection, site).blocked_days == (WEDNESDAY,)


@pytest.mark.parametrize(
    "stored", ["readings_inserted = 0, readings_duplicate = 2", "status = 'running'"]
)
def test_a_window_that_stored_nothing_or_has_not_ended_leaves_the_week_open(
    connection: psycopg2.extensions.connection, validated_at_midnight: CleanSite, stored: str
) -> None:
    site = validated_at_midnight
    ingest_late(site, WEEK.end - HALF_HOUR, WEEK.end)
    counts = stored if "duplicate" in stored else f"{stored}, readings_inserted = 0"
    site.database.execute(
        f"UPDATE ingestion_logs SET {counts} WHERE id = (SELECT max(id) FROM ingestion_logs); "
        "DELETE FROM readings WHERE run_id = '00000000-0000-4000-8000-0000000000aa'"
    )
    assert status(connection, site).is_open


def test_a_window_that_was_running_during_the_validation_is_not_covered_by_it(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    early = "(SELECT min(id) FROM ingestion_logs)"
    counted = site.database.execute(
        f"SELECT readings_inserted FROM ingestion_logs WHERE id = {early}"
    )[0][0]
    site.database.execute(
        "UPDATE ingestion_logs SET status = 'running', readings_inserted = 0, readings_fetched = 0 "
        f"WHERE id = {early}"
    )
    window = load_window(connection, site.site_id, MONDAY, SUNDAY, site.now)
    validate(connection, window)
    assert "data arrived" not in status(connection, site).reason
    site.database.execute(
        "UPDATE ingestion_logs SET status = 'success', readings_inserted = %s, "
        f"readings_fetched = %s WHERE id = {early}",
        [counted, counted],
    )
    refresh(connection)
    site.database.execute("UPDATE validation_runs SET verdict = 'pass'")
    assert "data arrived or changed after the validation of 2026-03-02 to 2026-03-08" in (
        status(connection, site).reason
    )


def test_a_validation_from_before_it_noted_what_it_knew_covers_no_day_with_data(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    run(connection, site, MONDAY, SUNDAY)
    site.database.execute("UPDATE validation_runs SET last_log_id = NULL")
    assert status(connection, site).blocked_days == tuple(WEEK.days)


def test_an_override_opens_keeps_the_verdict_and_is_named(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    site.database.execute(HOLD_BACK_WEDNESDAY)
    document = run(connection, site, MONDAY, SUNDAY, override=BY_ANN)
    assert (document["verdict"], document["overridden_by"]) == ("fail", "Ann")
    found = status(connection, site)
    assert (found.is_open, found.verdict) == (True, "fail")
    assert (found.overridden_by, found.override_reason) == ("Ann", "meter exchanged")
    assert any("2026-03-04: 0" in warning for warning in found.warnings)


def test_there_is_nothing_to_override_in_a_window_that_passes(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    with pytest.raises(UsageError, match="nothing to override"):
        run(connection, site, MONDAY, SUNDAY, override=BY_ANN)
    assert validation_rows(site) == 0


def test_warnings_stand_beside_an_open_breaker(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    site.database.execute(
        f"DELETE FROM readings WHERE channel_id = {KITCHEN} "
        "AND timestamp >= '2026-03-04T12:00Z' AND timestamp < '2026-03-04T14:00Z'"
    )
    site.database.execute("UPDATE ingestion_logs SET aggregated_at = NULL")
    assert run(connection, site, MONDAY, SUNDAY)["verdict"] == "warn"
    found = status(connection, site)
    assert found.is_open
    gap = "Channel 102 (102) from 2026-03-04 07:00 to 2026-03-04 09:00"
    assert any(gap in warning for warning in found.warnings)


def test_the_script_validates_what_the_last_ingestion_touched(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    done = run_script(SCRIPT, "--json")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["start"], document["end"], document["verdict"]) == (
        "2026-03-02",
        "2026-03-08",
        "pass",
    )
    stored = site.database.execute("SELECT verdict, checks FROM validation_runs")
    assert stored == [("pass", document["checks"])]
    assert {"name", "severity", "verdict", "count", "threshold", "summary", "sample"} <= set(
        document["checks"][0]
    )


def test_the_script_shows_the_rows_that_prove_a_failure_and_exits_3(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    site.database.execute(
        f"UPDATE readings SET power_kw = 2000 WHERE channel_id = {OFFICE} "
        "AND timestamp = '2026-03-04T12:00Z'"
    )
    done = run_script(SCRIPT, "--start", WEDNESDAY, "--end", WEDNESDAY)
    assert done.exit_code == 3
    assert "2026-03-04T12:00:00+00:00" in done.stdout
    assert "site 23271, 2026-03-04 to 2026-03-04: fail" in done.stdout
    assert site.database.execute("SELECT verdict FROM validation_runs") == [("fail",)]
    opened = run_script(
        SCRIPT, "--start", WEDNESDAY, "--end", WEDNESDAY, "--override", "known", "--by", "Ann"
    )
    assert opened.exit_code == 0
    assert "overridden by Ann: known" in opened.stdout


def test_fail_on_warn_exits_3_and_records_the_warning_as_one(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    site.database.execute(
        "INSERT INTO reading_conflicts (channel_id, timestamp, field) "
        f"VALUES ({OFFICE}, '2026-03-04T12:00Z', 'power_kw')"
    )
    assert run_script(SCRIPT).exit_code == 0
    assert run_script(SCRIPT, "--fail-on", "warn").exit_code == 3
    assert site.database.execute("SELECT verdict FROM validation_runs") == [("warn",), ("warn",)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--site", "999"], "site 999 is not in the database"),
        (["--start", "2026-03-05", "--end", "2026-03-04"], "lies before the start"),
        (["--start", "2026-03-20", "--end", "2026-03-21"], "has not begun"),
        (["--override", "known"], "--by NAME"),
        (["--by", "Ann", "--override", " "], "--by NAME"),
        (["--start", "yesterday"], "is not a day"),
    ],
)
def test_wrong_use_exits_2_with_one_line_and_writes_nothing(
    site: CleanSite, run_script: ScriptRunner, arguments: list[str], message: str
) -> None:
    done = run_script(SCRIPT, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert (len(done.stderr.splitlines()), done.stdout) == (1, "")
    assert validation_rows(site) == 0


def test_a_site_that_was_never_ingested_asks_for_days(
    database: Database, run_script: ScriptRunner
) -> None:
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('23271', 'Empty', 'UTC')"
    )
    done = run_script(SCRIPT)
    assert done.exit_code == 2
    assert "was never ingested: name --start and --end" in done.stderr
