"""The circuit breaker through its front doors: the script, and lib.circuit_breaker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import psycopg2.extensions
import pytest
from clean_site import KITCHEN, OFFICE, CleanSite, plant_site, set_now
from support import Database, ScriptRunner

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


def test_an_override_opens_keeps_the_verdict_and_is_named(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    site.database.execute(HOLD_BACK_WEDNESDAY)
    by_ann = {"by": "Ann", "reason": "meter exchanged"}
    document = run(connection, site, MONDAY, SUNDAY, override=by_ann)
    assert (document["verdict"], document["overridden_by"]) == ("fail", "Ann")
    found = status(connection, site)
    assert (found.is_open, found.verdict) == (True, "fail")
    assert (found.overridden_by, found.override_reason) == ("Ann", "meter exchanged")
    assert any("2026-03-04: 0" in warning for warning in found.warnings)


def test_there_is_nothing_to_override_in_a_window_that_passes(
    connection: psycopg2.extensions.connection, site: CleanSite
) -> None:
    with pytest.raises(UsageError, match="nothing to override"):
        run(connection, site, MONDAY, SUNDAY, override={"by": "Ann", "reason": "why not"})
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
    gap = "channel 102 from 2026-03-04 07:00 to 2026-03-04 09:00"
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
