"""How long a person's override of days that fail holds, through validate_data.py."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date

import pytest
from clean_site import KITCHEN, OFFICE, CleanSite, plant_site, set_now
from support import Database, ScriptRunner

from govern.refresh_views import refresh
from lib.circuit_breaker import require_open
from lib.date_utils import Period

SCRIPT = "govern/validate_data.py"
MONDAY, WEDNESDAY, SUNDAY = date(2026, 3, 2), date(2026, 3, 4), date(2026, 3, 8)
WEEK = Period(MONDAY, SUNDAY, "America/New_York")


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> CleanSite:
    """A clean week, Monday 2 to Sunday 8 March; now is Monday morning."""
    planted = plant_site(database, first_day=MONDAY, days=7)
    with closing(database.connect()) as connection:
        refresh(connection)
    set_now(monkeypatch, planted.now)
    return planted


def overridden(site: CleanSite, run_script: ScriptRunner) -> tuple[str, ...]:
    """A week that fails, opened by Ann through the script; returns the script's days."""
    site.database.execute(
        f"UPDATE readings SET power_kw = 2000 WHERE channel_id = {OFFICE} "
        "AND timestamp = '2026-03-04T12:00Z'"
    )
    days = ("--start", str(MONDAY), "--end", str(SUNDAY))
    opened = run_script(SCRIPT, *days, "--override", "known", "--by", "Ann")
    assert opened.exit_code == 0, opened.stderr
    return days


def test_an_override_holds_for_the_next_validation_of_the_same_failure(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    days = overridden(site, run_script)
    for _ in range(2):
        again = run_script(SCRIPT, *days, "--json")
        assert (again.exit_code, again.stderr) == (0, "")
        document = json.loads(again.stdout)
        assert (document["verdict"], document["overridden_by"]) == ("fail", "Ann")
        assert document["override_reason"] == "known"
        assert document["override_carried_from"] == document["validation_run_id"] - 1
    assert "carried over from validation 3" in run_script(SCRIPT, *days).stdout
    with closing(site.database.connect()) as connection:
        assert require_open(connection, site.site_id, WEEK).overridden_by == "Ann"


@pytest.mark.parametrize(
    "worse",
    [
        f"UPDATE readings SET energy_kwh = -1 WHERE channel_id = {KITCHEN} "
        "AND timestamp = '2026-03-05T12:00Z'",
        f"UPDATE readings SET power_kw = 2000 WHERE channel_id = {OFFICE} "
        "AND timestamp = '2026-03-05T12:00Z'",
        # As many rows as before, but another one.
        f"UPDATE readings SET power_kw = 3 WHERE channel_id = {OFFICE} "
        "AND timestamp = '2026-03-04T12:00Z'; UPDATE readings SET power_kw = 2000 "
        f"WHERE channel_id = {OFFICE} AND timestamp = '2026-03-05T12:00Z'",
    ],
    ids=["another check", "more rows", "another row"],
)
def test_an_override_is_gone_when_something_else_fails_and_stderr_says_so(
    site: CleanSite, run_script: ScriptRunner, worse: str
) -> None:
    days = overridden(site, run_script)
    site.database.execute(worse)
    closed = run_script(SCRIPT, *days)
    assert closed.exit_code == 3
    told = [line for line in closed.stderr.splitlines() if "the override by Ann (known)" in line]
    assert len(told) == 1
    assert run_script(SCRIPT, *days).exit_code == 3


def test_an_override_is_gone_when_a_row_changes_that_no_sample_shows(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    # Seven rows fail; a sample shows the first five, and the seventh becomes another one.
    site.database.execute(
        f"UPDATE readings SET power_kw = 2000 WHERE channel_id = {OFFICE} "
        "AND timestamp >= '2026-03-04T12:00Z' AND timestamp < '2026-03-04T13:45Z'"
    )
    days = overridden(site, run_script)
    assert run_script(SCRIPT, *days).exit_code == 0
    site.database.execute(
        f"UPDATE readings SET power_kw = 3 WHERE channel_id = {OFFICE} "
        "AND timestamp = '2026-03-04T13:30Z'; UPDATE readings SET power_kw = 2000 "
        f"WHERE channel_id = {OFFICE} AND timestamp = '2026-03-07T12:00Z'"
    )
    closed = run_script(SCRIPT, *days)
    assert closed.exit_code == 3
    assert "the override by Ann (known) is gone" in closed.stderr


def test_an_override_of_other_days_is_not_carried_over(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    overridden(site, run_script)
    other = run_script(SCRIPT, "--start", WEDNESDAY, "--end", WEDNESDAY)
    assert other.exit_code == 3
    assert "Ann" not in other.stderr


def test_an_override_ends_with_the_failure_it_opened(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    days = overridden(site, run_script)
    site.database.execute("UPDATE readings SET power_kw = power_kw / 1000 WHERE power_kw = 2000")
    repaired = json.loads(run_script(SCRIPT, *days, "--json").stdout)
    assert repaired["overridden_by"] is None
    assert repaired["override_gone"]["by"] == "Ann"
