"""The forecast: a load that repeats is forecast as it is, and what is not known is said."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import Database, ScriptResult, ScriptRunner
from synthetic_site import NEW_YORK, office_site

from analyze.calendar_days import site_calendar
from analyze.forecast.day_grid import day_grid
from analyze.forecast.method import SameDayRule
from analyze.forecast.outlook import PeriodOutlook, forecast_periods
from analyze.site_load import Load
from config.sites import SiteConfig
from lib.errors import UsageError

SCRIPT = "analyze/forecast_usage.py"
# Friday 12 June 2026, noon: 8 kW while open (Mon-Fri 06-19), 2 kW else; 19 June is a holiday.
TODAY = date(2026, 6, 12)
NOON = "2026-06-12 12:00"
OPEN_DAY, CLOSED_DAY = 13 * 8 + 11 * 2, 24 * 2


def load(
    first: str = "2026-02-20", until: str = NOON, site: SiteConfig | None = None, minutes: int = 60
) -> Load:
    """The load above, without noise, from local midnight of a day up to an instant."""
    index = pd.date_range(first, until, freq=f"{minutes}min", inclusive="left", tz=NEW_YORK)
    is_open = site_calendar(index, minutes * 60, site or office_site()).is_open
    energy = pd.Series(np.where(is_open, 8.0, 2.0) * minutes / 60, index)
    return Load(energy, minutes * 60, "Main")


def outlook(
    one: Load, today: date = TODAY, days: int = 7, **changes: Any
) -> tuple[PeriodOutlook, PeriodOutlook]:
    (_, ahead, month), _, _ = forecast_periods(one, office_site(**changes), "USD", today, days)
    return ahead, month


def of_today(one: Load, today: date = TODAY) -> PeriodOutlook:
    """The forecast of the rest of today, and what there was of it."""
    (rest, _, _), _, _ = forecast_periods(one, office_site(), "USD", today, 1)
    return rest


@pytest.mark.parametrize("minutes", [15, 60])
def test_a_load_that_repeats_is_forecast_as_it_is_holiday_included(minutes: int) -> None:
    ahead, month = outlook(load(minutes=minutes))
    # Sat 13 to Fri 19 June, a holiday: four open days, three closed.
    assert (ahead.first_day, ahead.last_day) == (date(2026, 6, 13), date(2026, 6, 19))
    assert ahead.energy.expected == pytest.approx(4 * OPEN_DAY + 3 * CLOSED_DAY)
    assert (ahead.measured_kwh, ahead.measured_peak_kw) == (0, None)
    # June: 22 weekdays of which the 19th is a holiday, 8 days of weekends.
    assert (month.first_day, month.last_day) == (date(2026, 6, 1), date(2026, 6, 30))
    june_kwh = 21 * OPEN_DAY + 9 * CLOSED_DAY
    assert month.energy.expected == pytest.approx(june_kwh)
    assert month.peak.expected == pytest.approx(8)
    assert month.cost is not None
    assert month.cost.expected == pytest.approx(0.12 * june_kwh)


def test_what_was_measured_of_today_and_of_the_month_stays_as_it_was() -> None:
    one = load()
    one.energy_kwh["2026-06-12 09:00":] += 100.0
    _, month = outlook(one)
    rest = of_today(one)
    assert rest.measured_kwh == pytest.approx(6 * 2 + 6 * 8 + 300)
    assert month.measured_kwh == pytest.approx(9 * OPEN_DAY + 2 * CLOSED_DAY + 60 + 300)
    assert rest.energy.expected == pytest.approx(OPEN_DAY + 300)
    assert (rest.measured_peak_kw, rest.peak.low95, rest.peak.high95) == (108, 108, 108)


@pytest.mark.parametrize(
    ("today", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 6, 14), 24)]
)
def test_a_clock_change_day_has_its_own_number_of_hours(today: date, hours: int) -> None:
    start = pd.Timestamp(today) - pd.Timedelta(weeks=10)
    one = load(f"{start:%Y-%m-%d}", f"{today}")
    assert of_today(one, today).energy.expected == pytest.approx(2 * hours)


def test_the_forecast_does_not_look_at_the_days_that_it_forecasts() -> None:
    site = office_site()
    rng = np.random.default_rng(5)
    index = pd.date_range("2026-01-05", periods=24 * 60, freq="h", tz=NEW_YORK)
    power = pd.Series(rng.gamma(4.0, 2.0, len(index)), index)
    changed = power.copy()
    changed.iloc[24 * 50 :] = 1e6
    said = [SameDayRule(day_grid(one, 3600, site)).forecast(50, 7) for one in (power, changed)]
    np.testing.assert_array_equal(said[0], said[1])


def test_noise_of_known_size_is_covered_by_the_ranges() -> None:
    # Independent days of N(100 kW, 10 kW) all day: a day's energy is N(2400, 240) kWh.
    rng = np.random.default_rng(7)
    inside80, inside95, tries = 0, 0, 60
    for _ in range(tries):
        index = pd.date_range("2026-02-20", "2026-06-12", freq="h", inclusive="left", tz=NEW_YORK)
        day = (index.tz_localize(None).normalize() - pd.Timestamp("2026-02-20")).days
        level = 100 + 10 * rng.standard_normal(day.max() + 2)
        one = Load(pd.Series(level[day], index), 3600, "Main")
        (rest, _, _), _, _ = forecast_periods(one, office_site(tariff=()), "USD", TODAY, 1)
        truth = 24 * level[-1]
        inside80 += rest.energy.low80 <= truth <= rest.energy.high80
        inside95 += rest.energy.low95 <= truth <= rest.energy.high95
    # Three standard errors of a share of 60 tries: 15 and 8 points.
    assert 0.65 <= inside80 / tries <= 0.97
    assert inside95 / tries >= 0.87


def test_scaling_the_load_scales_the_forecast() -> None:
    rng = np.random.default_rng(3)
    one = load()
    noisy = one.energy_kwh * rng.uniform(0.8, 1.2, len(one.energy_kwh))
    small, _ = outlook(Load(noisy, 3600, "Main"))
    large, _ = outlook(Load(10 * noisy, 3600, "Main"))
    for name in ("expected", "low80", "high95"):
        assert getattr(large.energy, name) == pytest.approx(10 * getattr(small.energy, name))
        assert getattr(large.peak, name) == pytest.approx(10 * getattr(small.peak, name))


def test_a_gap_of_the_month_is_filled_and_said() -> None:
    one = load()
    one.energy_kwh["2026-06-09":"2026-06-09"] = np.nan
    (_, _, month), _, notes = forecast_periods(one, office_site(), "USD", TODAY, 7)
    assert month.filled_kwh == pytest.approx(OPEN_DAY)
    assert month.energy.expected == pytest.approx(21 * OPEN_DAY + 9 * CLOSED_DAY)
    assert any("126 kWh were put in" in note for note in notes)


def test_the_month_is_billed_with_demand_and_taxes() -> None:
    entry = {
        "valid_from": "2026-01-01", "energy_price_per_kwh": 0.1, "fixed_per_day": 1.0,
        "demand": [{"price_per_kw": 5.0, "window_minutes": 60}],
        "taxes": [{"name": "tax", "percent": 10}],
    }  # fmt: skip
    _, month = outlook(load(), tariff=[entry])
    june_kwh = 21 * OPEN_DAY + 9 * CLOSED_DAY
    assert month.cost is not None
    assert month.cost.expected == pytest.approx(1.1 * (0.1 * june_kwh + 30 + 5 * 8))
    assert month.cost_parts == pytest.approx(
        {
            "energy": 0.1 * june_kwh,
            "demand": 5 * 8,
            "fixed": 30,
            "tax": 0.1 * (0.1 * june_kwh + 30 + 40),
        }
    )


def test_the_expected_cost_lies_in_its_range_and_no_demand_beyond_that_of_the_peaks() -> None:
    rng = np.random.default_rng(2)
    noisy = Load(load().energy_kwh * rng.uniform(0.5, 1.5, len(load().energy_kwh)), 3600, "Main")
    entry = {
        "valid_from": "2026-01-01", "energy_price_per_kwh": 0.0,
        "demand": [{"price_per_kw": 1.0, "window_minutes": 60}],
    }  # fmt: skip
    _, month = outlook(noisy, tariff=[entry])
    assert month.cost is not None
    assert month.cost.low95 <= month.cost.low80 <= month.cost.expected
    assert month.cost.expected <= month.cost.high80 <= month.cost.high95
    # No hour was ever above 8 kW x 1.5; those of the days measured are billed in any case.
    measured_kw = float(noisy.energy_kwh["2026-06-01":].max())
    assert measured_kw - 1e-9 <= month.cost.low95
    assert month.cost.high95 <= 12.0 * 1.05


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (load("2026-06-01"), "history is too short: 11 days"),
        (load(until="2026-05-01"), "the readings end on 2026-05-01, 42 days ago"),
        (Load(load().energy_kwh * np.nan, 3600, "Main"), "no reading"),
    ],
)
def test_too_little_is_a_reason_and_no_guess(one: Load, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        forecast_periods(one, office_site(), "USD", TODAY, 7)


@pytest.mark.parametrize("kw", [0.0, -3.0])
def test_a_load_of_nothing_and_one_that_feeds_back_are_forecast_as_they_are(kw: float) -> None:
    one = load()
    ahead, _ = outlook(Load(one.energy_kwh * 0 + kw, 3600, "Main"))
    assert ahead.energy.expected == pytest.approx(7 * 24 * kw)
    assert ahead.peak.expected == pytest.approx(kw)


_SITE = """
INSERT INTO organizations (organization_id, organization_name, timezone, currency_code)
VALUES ('23271', 'Wilson Center', 'America/New_York', 'USD');
INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, interval_seconds,
                      status, installed_at)
VALUES (201, '23271', 'RTU-1', 'energy', 900, 'active', '2025-01-01Z'),
       (202, '23271', 'AHU-1', 'energy', 900, 'active', '2025-01-01Z');
INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw)
SELECT channel_id, at, 900, kw / 4, kw
FROM generate_series('2026-04-01 04:00Z'::timestamptz, '2026-06-12 15:45Z', '15 min') AS at
CROSS JOIN (VALUES (201, 3.0), (202, 1.0)) AS one (channel_id, kw);
"""


@pytest.fixture
def stored(database: Database) -> Database:
    """Two channels of 3 and 1 kW, day and night."""
    database.execute(_SITE)
    return database


def forecast(run_script: ScriptRunner, *args: object) -> ScriptResult:
    now = datetime(2026, 6, 12, 16, 20, tzinfo=UTC)
    return run_script(SCRIPT, *args, env={"ARGO_NOW": now.isoformat()})


def test_the_script_tells_energy_peak_and_cost(stored: Database, run_script: ScriptRunner) -> None:
    done = forecast(run_script, "--days", 3, "--json")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["reason"] is None
    assert (document["source"], document["dataUntil"]) == (
        "sum of 2 channels", "2026-06-12T12:00:00-04:00",
    )  # fmt: skip
    rest, ahead, month = document["periods"]
    assert (rest["name"], rest["measuredKwh"]) == ("today", pytest.approx(12 * 4))
    assert (ahead["firstDay"], ahead["lastDay"]) == ("2026-06-13", "2026-06-15")
    assert ahead["energy"]["expected"] == pytest.approx(3 * 24 * 4)
    assert month["energy"]["expected"] == pytest.approx(30 * 24 * 4)
    assert month["cost"]["expected"] == pytest.approx(0.12 * 30 * 24 * 4)
    assert [day["day"] for day in document["daily"]] == ["2026-06-13", "2026-06-14", "2026-06-15"]
    text = forecast(run_script)
    assert text.exit_code == 0, text.stderr
    assert "billing month, 2026-06-01 to 2026-06-30" in text.stdout
    assert "2,880 kWh" in text.stdout


def test_who_looks_back_does_not_see_what_came_later(
    stored: Database, run_script: ScriptRunner
) -> None:
    stored.execute("UPDATE readings SET energy_kwh = 90 WHERE \"timestamp\" >= '2026-06-10 04:00Z'")
    env = {"ARGO_NOW": "2026-06-10T04:00:00+00:00"}
    done = run_script(SCRIPT, "--days", 1, "--json", env=env)
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["dataUntil"] == "2026-06-10T00:00:00-04:00"
    rest, ahead, month = document["periods"]
    assert rest["energy"]["expected"] == ahead["energy"]["expected"] == pytest.approx(24 * 4)
    assert month["measuredKwh"] == pytest.approx(9 * 24 * 4)


def test_a_site_without_history_gets_a_reason(database: Database, run_script: ScriptRunner) -> None:
    database.execute(_SITE.replace("2026-04-01", "2026-06-05"))
    done = forecast(run_script)
    assert done.exit_code == 0, done.stderr
    assert "No forecast: the history is too short: 7 days" in done.stdout


@pytest.mark.parametrize(
    ("args", "complaint"),
    [(("--days", "0"), "--days"), (("--days", "x"), "--days"), (("--site", "4711"), "site 4711")],
)
def test_bad_arguments_are_one_line_and_end_with_2(
    stored: Database, run_script: ScriptRunner, args: tuple[str, ...], complaint: str
) -> None:
    done = forecast(run_script, *args)
    assert (done.exit_code, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
