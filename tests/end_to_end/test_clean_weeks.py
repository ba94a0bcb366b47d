"""A building without faults: eight weeks in which nothing above low is found."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sandbox_client import SITE, running_sandbox
from support import Database, ScriptRunner

from analyze.findings import WeekFindings
from analyze.readings import DEFAULT_BASELINE_WEEKS, load_week
from analyze.week import analyze_week
from config.sites import site_config
from lib.database import reader_connection
from lib.date_utils import Period

ZONE = "America/New_York"
# Winter to spring, with a public holiday and the change of clocks.
MONDAYS = [date(2026, 2, 2) + timedelta(weeks=week) for week in range(8)]


@pytest.fixture(scope="module")
def weeks(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> list[WeekFindings]:
    """The findings of every week, from readings that went through the ingest."""
    run = ScriptRunner(tmp_path_factory.mktemp("clean"))
    first = MONDAYS[0] - timedelta(weeks=DEFAULT_BASELINE_WEEKS)
    last = MONDAYS[-1] + timedelta(days=6)
    now = datetime(last.year, last.month, last.day, tzinfo=ZoneInfo(ZONE)) + timedelta(days=2)
    with running_sandbox(now, clean=True) as sandbox:
        settings = {**sandbox.settings, "DATABASE_URL": module_database.url}
        span = ("--start-date", first, "--end-date", last)
        done = run("ingest/ingest_to_postgres.py", *span, env=settings)
        assert done.exit_code == 0, done.stderr
    periods = [Period(monday, monday + timedelta(days=6), ZONE) for monday in MONDAYS]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("DATABASE_URL", module_database.url)
        with reader_connection() as connection:
            loaded = [(period, load_week(connection, SITE, period)) for period in periods]
    return [analyze_week(data, site_config(SITE), period, now) for period, data in loaded]


def test_every_week_was_measured_and_judged(weeks: list[WeekFindings]) -> None:
    for week in weeks:
        assert week.data_quality.completeness_pct == 100
        assert week.baseline.weeks == DEFAULT_BASELINE_WEEKS
        assert week.channels_checked >= 16


def test_no_meter_has_a_fault_and_none_drifts(weeks: list[WeekFindings]) -> None:
    assert [issue for week in weeks for issue in week.health_issues] == []
    assert [drift for week in weeks for drift in week.drifts] == []


def test_nothing_above_low_is_found_and_no_waste(weeks: list[WeekFindings]) -> None:
    assert [one for week in weeks for one in week.anomalies if one.severity != "low"] == []
    assert [one for week in weeks for one in (*week.spikes, *week.after_hours.meters)] == []


def test_the_sub_meters_explain_the_main_but_for_what_is_not_metered(
    weeks: list[WeekFindings],
) -> None:
    for week in weeks:
        assert week.reconciliation is not None
        # The sandbox leaves 5 to 8 % of the main's power unmetered.
        assert week.reconciliation.unexplained_share == pytest.approx(0.065, abs=0.015)
        assert week.reconciliation.finding is None
