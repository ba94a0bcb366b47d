"""A channel that gets worse is named before it fails; a bad day, a gap or a dead one is not."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from clean_site import KITCHEN, OFFICE, CleanSite, plant_site, set_now
from support import Database, ScriptRunner

from govern.quality.degrading import (
    Floats,
    chance_of_rise,
    degradation,
    theil_sen_slope,
    worsening,
)

SCRIPT = "govern/data_quality_report.py"
NOT_KNOWN = np.full(14, np.nan)
COMPLETE = np.full(14, 100.0)
FIRST_DAY = date(2026, 1, 5)


def falling(per_day: float, count: int = 14) -> Floats:
    return np.asarray(100.0 - per_day * np.arange(count), np.float64)


# --- the method -------------------------------------------------------------------------------


def test_one_point_a_day_is_named_with_the_days_that_are_left() -> None:
    found = degradation(falling(1.0), NOT_KNOWN)
    assert found is not None
    # First week 100..94, last three days 89, 88, 87.
    assert (found.kind, found.before, found.now, found.slope_per_day) == (
        "completeness", 97.0, 88.0, -1.0,
    )  # fmt: skip
    assert found.days_left == 0
    slower = degradation(falling(0.5), NOT_KNOWN)
    assert slower is not None
    assert slower.days_left == pytest.approx((94.0 - 90.0) / 0.5)


@pytest.mark.parametrize(
    "days",
    [
        COMPLETE,
        np.array([100.0] * 13 + [0.0]),  # one bad day
        np.array([100.0] * 5 + [62.0, 91.0] + [100.0] * 7),  # a gap over midnight
        np.array([100.0] * 9 + [55.0, 0.0, 0.0, 0.0, 0.0]),  # died at once
        np.array([0.0] * 5 + [100.0] * 9),  # came back
        100 - falling(1.0) + 80,  # gets better
        falling(0.1),  # a trend below the floor
        falling(7.0),  # has failed: 9 % at the end
        np.array([100.0, 97.0] * 7),  # restless, no trend
        np.where(np.arange(14) < 8, np.nan, falling(1.0)),  # too little known
        NOT_KNOWN,
    ],
)
def test_what_is_no_trend_is_not_named(days: Floats) -> None:
    assert degradation(days, np.zeros(14)) is None


def test_growing_lag_is_named_where_every_reading_arrives() -> None:
    found = degradation(COMPLETE, 0.25 * np.arange(14.0))
    assert found is not None
    assert (found.kind, found.before, found.now) == ("latency", 0.75, 3.0)
    assert degradation(COMPLETE, np.full(14, 5.0)) is None


def test_a_missing_day_changes_nothing_of_a_trend() -> None:
    days = falling(1.0)
    days[4] = np.nan
    assert degradation(days, NOT_KNOWN) is not None


def test_the_slope_and_the_chance_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(3)
    for _ in range(20):
        values = np.round(np.arange(14) * rng.normal() + rng.normal(0, 3, 14))
        assert theil_sen_slope(values) == pytest.approx(stats.theilslopes(values).slope)
        tau = stats.kendalltau(np.arange(14), values, method="asymptotic", alternative="greater")
        # Ours takes the continuity correction, so it is a little more careful.
        assert tau.pvalue <= chance_of_rise(values) <= tau.pvalue + 0.06 or tau.pvalue > 0.5


def test_steady_losses_are_seldom_called_a_trend() -> None:
    rng = np.random.default_rng(11)
    alarms = sum(
        worsening(100 * rng.binomial(96, 0.02, 14) / 96, 2.0) is not None for _ in range(4000)
    )
    assert alarms / 4000 < 0.01


# --- through the front door -------------------------------------------------------------------


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> CleanSite:
    """16 complete days; now is an hour after."""
    planted = plant_site(database, first_day=FIRST_DAY, days=16)
    set_now(monkeypatch, planted.now)
    return planted


def degrading(run_script: ScriptRunner, exit_code: int) -> list[dict[str, Any]]:
    done = run_script(SCRIPT, "--start", "2026-01-14", "--end", "2026-01-20", "--json")
    assert done.exit_code == exit_code, done.stderr
    return list(json.loads(done.stdout)["degrading"])


def test_a_channel_that_loses_one_more_reading_each_day_is_named_and_its_neighbour_with_a_gap_not(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    # Day n of January loses its first n - 6 quarter hours after local midnight (05:00 UTC).
    site.database.execute(
        f"DELETE FROM readings WHERE channel_id = {OFFICE} AND timestamp >= '2026-01-07T05:00Z' "
        "AND extract(epoch FROM (timestamp AT TIME ZONE 'America/New_York')::time) / 900 < "
        "extract(day FROM timestamp AT TIME ZONE 'America/New_York') - 6; "
        f"DELETE FROM readings WHERE channel_id = {KITCHEN} AND timestamp >= '2026-01-17T05:00Z' "
        "AND timestamp < '2026-01-17T14:00Z'; UPDATE ingestion_logs SET aggregated_at = NULL"
    )
    (found,) = degrading(run_script, exit_code=4)
    assert (found["channel_id"], found["kind"]) == (OFFICE, "completeness")
    # Days 7 to 20: 1 to 14 of 96 missing; medians 4 and 13.
    assert found["before"] == pytest.approx(100 * 92 / 96)
    assert found["now"] == pytest.approx(100 * 83 / 96)


def test_a_complete_site_has_no_degrading_channel(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    assert degrading(run_script, exit_code=0) == []


def test_a_channel_whose_readings_come_later_every_day_is_named(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    """A sync at 11:00 UTC each day; OFFICE is a quarter of an hour later each day."""
    site.database.execute("DELETE FROM ingestion_logs")
    for channel_id, more_minutes in ((OFFICE, 15), (KITCHEN, 0)):
        for day in range(16):
            run_id = f"00000000-0000-4000-9000-{channel_id:06d}{day:06d}"
            at = datetime(2026, 1, 6, 11, 30, tzinfo=UTC) + timedelta(days=day)
            asked_until = at - timedelta(minutes=30)
            came_until = asked_until - timedelta(minutes=more_minutes * day)
            site.database.execute(
                "UPDATE readings SET run_id = %(run)s WHERE channel_id = %(channel)s "
                "AND timestamp < %(until)s AND (run_id = '00000000-0000-4000-8000-000000000001'); "
                "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
                "window_end, interval_seconds, status, started_at, finished_at) VALUES (%(run)s, "
                "'23271', %(channel)s, %(start)s, %(end)s, 900, 'success', %(at)s, %(at)s)",
                {
                    "run": run_id, "channel": channel_id, "until": came_until, "at": at,
                    "start": at - timedelta(days=2), "end": at + timedelta(hours=17),
                },
            )  # fmt: skip
    (found,) = degrading(run_script, exit_code=4)
    assert (found["channel_id"], found["kind"]) == (OFFICE, "latency")
    assert found["slope_per_day"] == pytest.approx(0.25)
