"""When a channel or a site is called late: by v_channel_health's rule, or by limits of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.settings import SettingsError, get_settings
from config.sites import HealthLimits, site_config
from operations.health.judge import Sync, channel_state, judge_site, sync_problems

SIX_O_CLOCK = datetime(2026, 7, 17, 6, tzinfo=UTC)
DAILY = Sync(SIX_O_CLOCK, "success", 0)
SITE = {"site_id": "9", "site_name": "Nine", "timezone": "Europe/London"}


def row(hours: float | None, view_says: str = "healthy", seconds: int = 900) -> dict[str, Any]:
    return {
        "channel_id": 1,
        "hours_since_last": hours,
        "health_status": view_says,
        "interval_seconds": seconds,
    }


def test_with_the_usual_limits_the_view_decides() -> None:
    assert channel_state(row(99.0, "healthy"), HealthLimits()) == "healthy"


@pytest.mark.parametrize(
    ("hours", "seconds", "state"),
    [
        # An interval and half an hour come on top of healthy_hours, an interval of warning_hours.
        (3.74, 900, "healthy"),
        (3.75, 900, "warning"),
        (4.49, 3600, "healthy"),
        (12.24, 900, "warning"),
        (12.25, 900, "critical"),
        (12.25, 3600, "warning"),
    ],
)
def test_a_site_has_limits_of_its_own(hours: float, seconds: int, state: str) -> None:
    limits = HealthLimits(healthy_hours=3, warning_hours=12)
    assert channel_state(row(hours, "critical", seconds), limits) == state


def test_what_is_not_expected_to_report_stays_inactive_and_what_never_did_as_the_view_says() -> (
    None
):
    limits = HealthLimits(healthy_hours=3, warning_hours=12)
    assert channel_state(row(500.0, "inactive"), limits) == "inactive"
    assert channel_state(row(None, "critical"), limits) == "critical"


def test_a_daily_sync_is_never_overdue_until_26_hours_have_passed() -> None:
    for quarter in range(26 * 4 + 1):
        now = SIX_O_CLOCK + timedelta(minutes=15 * quarter)
        assert sync_problems(DAILY, HealthLimits(), now) == []
    late = SIX_O_CLOCK + timedelta(hours=26, minutes=1)
    assert sync_problems(DAILY, HealthLimits(), late) == [
        "no sync for 26 h (one is due every 24 h)"
    ]


def test_a_sync_every_quarter_of_an_hour_is_missed_after_two_hours_and_a_quarter() -> None:
    limits = HealthLimits(sync_every_hours=0.25)
    assert sync_problems(DAILY, limits, SIX_O_CLOCK + timedelta(hours=2.25)) == []
    assert sync_problems(DAILY, limits, SIX_O_CLOCK + timedelta(hours=2.5))


def test_a_site_is_as_bad_as_its_worst_channel_and_critical_without_a_sync() -> None:
    def state(sync: Sync | None, *hours: float) -> str:
        limits = HealthLimits(healthy_hours=2)
        rows = [row(value) for value in hours]
        return judge_site(SITE, rows, sync, limits, SIX_O_CLOCK).state

    assert state(DAILY, 0.1, 0.2) == "healthy"
    assert state(DAILY, 0.1, 5.0) == "warning"
    assert state(DAILY, 7.0, 5.0) == "critical"
    assert state(None, 0.1) == "critical"
    assert state(DAILY) == "inactive"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{healthy_hours: 7}", "healthy_hours must not be more than warning_hours"),
        ("{warning_hours: 0}", "health.warning_hours: must be more than 0"),
        ("{healthy: 2}", "health.healthy: is not known here; is it misspelt?"),
    ],
)
def test_wrong_limits_are_told_with_site_and_key(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sites.yaml"
    path.write_text(f'sites:\n  "9": {{health: {text}}}\n')
    monkeypatch.setenv("ARGO_SITES_FILE", str(path))
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match="site 9, health") as refused:
        site_config("9")
    assert told in str(refused.value)
