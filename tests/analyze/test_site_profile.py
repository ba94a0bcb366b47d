"""A site's profile: loads that are formulas have the figures that follow from them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sandbox_client import Ingest, StartSandbox
from support import Database, ScriptRunner
from synthetic_site import NEW_YORK, WEEKDAYS, office_site

from analyze.calendar_days import Calendar, site_calendar
from analyze.profiles.load_shape import (
    closed_share_pct,
    day_shapes,
    heat_map,
    load_duration,
    load_figures,
    peak_days,
    weekly_pattern,
)
from analyze.profiles.loading import Site
from analyze.profiles.over_time import intensity, year_on_year
from analyze.profiles.schedule import differences, inferred_hours
from analyze.profiles.site_power import ChannelPower, daily_mean_kw, site_power
from analyze.profiles.site_profile import SiteProfile, profile_site
from config.sites import SiteConfig
from lib.date_utils import Period

SCRIPT = "analyze/generate_site_profile.py"
# Four weeks without public holidays or clock changes, Monday to Sunday.
WEEKS = Period(date(2025, 7, 28), date(2025, 8, 24), NEW_YORK)
OPEN_KW, CLOSED_KW = 8.0, 2.0
# Open five days of 13 hours.
OPEN_HOURS, WEEK_HOURS = 65, 168


def grid(period: Period, interval_seconds: int = 900) -> pd.DatetimeIndex:
    return pd.date_range(period.start, period.end, freq=f"{interval_seconds}s", inclusive="left")


def office_kw(index: pd.DatetimeIndex, opens: float = 6, closes: float = 19) -> pd.Series:
    """8 kW Monday to Friday from opening to closing, else 2 kW."""
    hour = index.hour + index.minute / 60
    is_open = (index.day_of_week < 5) & (hour >= opens) & (hour < closes)
    return pd.Series(np.where(is_open, OPEN_KW, CLOSED_KW), index)


def metered(power_kw: pd.Series, name: str = "Main", **changes: Any) -> ChannelPower:
    """A channel that was to report over the whole of the series."""
    step = power_kw.index[1] - power_kw.index[0]
    channel = ChannelPower(
        channel_id=1,
        channel_name=name,
        channel_type="energy",
        in_site_total=True,
        is_additive=True,
        interval_seconds=int(step.total_seconds()),
        power_kw=power_kw,
        since=power_kw.index[0],
        until=power_kw.index[-1] + step,
    )
    return replace(channel, **changes)


def calendar_of(power_kw: pd.Series, site: SiteConfig | None = None) -> Calendar:
    step = int((power_kw.index[1] - power_kw.index[0]).total_seconds())
    return site_calendar(power_kw.index, step, site or office_site())


def profile(
    *channels: ChannelPower, period: Period = WEEKS, site: SiteConfig | None = None
) -> SiteProfile:
    config = site or office_site()
    return profile_site(Site("1", "Office", period.timezone, None, (), config), period, channels)


def caveats(found: SiteProfile) -> set[str]:
    return {caveat.name for caveat in found.caveats}


def test_a_constant_load_is_its_own_base_and_peak() -> None:
    found = profile(metered(pd.Series(5.0, grid(WEEKS))))
    figures = found.figures
    assert (figures.mean_kw, figures.near_base_kw, figures.near_peak_kw, figures.peak_kw) == (
        5.0, 5.0, 5.0, 5.0,
    )  # fmt: skip
    assert (figures.base_to_peak, figures.load_factor, figures.base_share_pct) == (1, 1, 100)
    assert figures.energy_kwh == 5 * 4 * WEEK_HOURS
    assert figures.completeness_pct == 100
    assert found.load_duration_kw is not None
    assert set(found.load_duration_kw) == {5.0}
    assert found.heat_map_kw is not None
    assert set(found.heat_map_kw.ravel()) == {5.0}
    assert found.schedule is not None
    assert found.schedule.hours == ()


def test_a_square_wave_has_the_figures_that_follow_from_it() -> None:
    power = office_kw(grid(WEEKS))
    found = profile(metered(power))
    mean_kw = (OPEN_HOURS * OPEN_KW + (WEEK_HOURS - OPEN_HOURS) * CLOSED_KW) / WEEK_HOURS
    figures = found.figures
    assert figures.mean_kw == pytest.approx(mean_kw)
    assert (figures.near_base_kw, figures.near_peak_kw, figures.base_to_peak) == (2, 8, 0.25)
    assert figures.load_factor == pytest.approx(mean_kw / 8)
    assert figures.base_share_pct == pytest.approx(100 * 2 / mean_kw)
    closed = (WEEK_HOURS - OPEN_HOURS) * CLOSED_KW / (mean_kw * WEEK_HOURS)
    assert found.closed_share_pct == pytest.approx(100 * closed)
    # 65 of 168 hours are 38.7 %.
    assert found.load_duration_kw is not None
    assert (found.load_duration_kw[38], found.load_duration_kw[39]) == (8, 2)
    assert found.weekly_kwh is not None
    assert found.weekly_kwh == pytest.approx([13 * 8 + 11 * 2] * 5 + [24 * 2] * 2)
    by_type = {shape.day_type: shape for shape in found.day_shapes}
    assert {name: shape.days for name, shape in by_type.items()} == {
        "workday": 20, "saturday": 4, "sunday": 4,
    }  # fmt: skip
    assert by_type["workday"].high_load_hours == 13
    # Base and peak of a closed day are the same: there is no high load to be told.
    assert by_type["saturday"].high_load_hours is None
    assert list(by_type["workday"].mean_kw) == [2.0] * 6 + [8.0] * 13 + [2.0] * 5
    assert caveats(found) == {"no_year_before"}


def test_a_larger_load_of_the_same_shape_has_the_same_ratios() -> None:
    power = office_kw(grid(WEEKS))
    one, seven = (profile(metered(power * factor)) for factor in (1, 7))
    assert seven.figures.energy_kwh == pytest.approx(7 * (one.figures.energy_kwh or 0))
    assert seven.figures.load_factor == pytest.approx(one.figures.load_factor)
    assert seven.figures.base_to_peak == pytest.approx(one.figures.base_to_peak)
    assert seven.schedule == one.schedule


@pytest.mark.parametrize("day", [date(2025, 11, 2), date(2026, 3, 8)], ids=["25 hours", "23 hours"])
def test_clock_change_days_are_days_like_others(day: date) -> None:
    period = Period(day.replace(day=1), day.replace(day=14), NEW_YORK)
    index = grid(period)
    is_on = (index.hour >= 6) & (index.hour < 19)
    power = pd.Series(np.where(is_on, OPEN_KW, CLOSED_KW), index)
    calendar = calendar_of(power)
    table = heat_map(power, calendar)
    assert table is not None
    assert (table[:, 6:19] == OPEN_KW).all()
    assert (table[:, :6] == CLOSED_KW).all()
    assert (table[:, 19:] == CLOSED_KW).all()
    assert {shape.high_load_hours for shape in day_shapes(power, calendar)} == {13}
    daily = daily_mean_kw(power, 900)
    assert len(daily) == 14
    length = {11: 25, 3: 23}[day.month]
    assert daily[pd.Timestamp(day)] == pytest.approx((13 * 8 + (length - 13) * 2) / length)


@pytest.mark.parametrize("zone", ["America/Havana", "Asia/Beirut", "Australia/Lord_Howe"])
def test_clocks_that_change_at_midnight_or_by_half_an_hour_lose_no_day(zone: str) -> None:
    period = Period(date(2025, 10, 1), date(2025, 11, 10), zone)
    site = office_site(timezone=zone, holidays=None)
    found = profile(metered(pd.Series(5.0, grid(period))), period=period, site=site)
    assert found.weekly_kwh == pytest.approx([120] * 7)
    assert sum(shape.days for shape in found.day_shapes) == 41
    assert found.figures.completeness_pct == 100


def test_a_public_holiday_is_a_day_type_of_its_own() -> None:
    period = Period(date(2025, 9, 1), date(2025, 9, 7), NEW_YORK)  # Labor Day to Sunday
    index = grid(period)
    power = office_kw(index).where(index.day != 1, CLOSED_KW)
    by_type = {shape.day_type: shape for shape in day_shapes(power, calendar_of(power))}
    assert {name: shape.days for name, shape in by_type.items()} == {
        "workday": 4, "saturday": 1, "sunday": 1, "holiday": 1,
    }  # fmt: skip
    assert by_type["holiday"].near_peak_kw == CLOSED_KW
    daily = daily_mean_kw(power, 900)
    week = weekly_pattern(daily, np.array(daily.index.day == 1))
    assert np.isnan(week[0])  # its only Monday was one
    assert week[6] == pytest.approx(48)


def test_the_highest_days_are_told_once_each_with_their_moment() -> None:
    power = office_kw(grid(WEEKS))
    power["2025-08-06 14:15"] = 30.0
    power["2025-08-06 15:15"] = 29.0
    power["2025-08-13 09:00"] = 20.0
    first, second, third, *_ = peak_days(power)
    assert (first.power_kw, first.at.isoformat()) == (30, "2025-08-06T14:15:00-04:00")
    assert (second.power_kw, second.at.isoformat()) == (20, "2025-08-13T09:00:00-04:00")
    assert third.power_kw == OPEN_KW
    figures = load_figures(power, 0.25, len(power))
    assert figures.peak_kw == 30
    assert figures.near_peak_kw == OPEN_KW  # one odd interval does not decide it


def test_half_of_the_data_gives_the_same_shape_and_a_caveat() -> None:
    index = grid(WEEKS)
    power = office_kw(index).where(index < index[len(index) // 2])
    found = profile(metered(power))
    assert found.figures.completeness_pct == 50
    assert found.figures.load_factor == pytest.approx(profile(
        metered(office_kw(index))).figures.load_factor)  # fmt: skip
    assert "incomplete" in caveats(found)
    workday = next(shape for shape in found.day_shapes if shape.day_type == "workday")
    assert workday.days == 10


def test_the_gap_of_one_meter_is_no_saving_of_all() -> None:
    index = grid(WEEKS)
    whole = pd.Series(6.0, index)
    part = pd.Series(4.0, index)
    part.iloc[100:200] = np.nan
    total = site_power([metered(whole), metered(part)])
    assert total is not None
    assert total.power_kw.iloc[100:200].isna().all()
    assert set(total.power_kw.dropna()) == {10.0}


def test_meters_of_other_intervals_add_up_at_the_longest() -> None:
    hourly = pd.Series(3.0, grid(WEEKS, 3600))
    quarters = pd.Series(np.tile([0.0, 2.0, 4.0, 6.0], 4 * WEEK_HOURS), grid(WEEKS))
    total = site_power([metered(quarters), metered(hourly)])
    assert total is not None
    assert total.interval_seconds == 3600
    assert list(total.power_kw) == [6.0] * (4 * WEEK_HOURS)


def test_a_meter_that_came_later_adds_nothing_before_and_is_told() -> None:
    index = grid(WEEKS)
    later = pd.Series(4.0, index).where(index >= "2025-08-11")
    since = pd.Timestamp("2025-08-11", tz=NEW_YORK)
    found = profile(metered(pd.Series(6.0, index)), metered(later, "New", since=since))
    assert found.figures.completeness_pct == 100
    assert found.heat_map_kw is not None
    assert set(found.heat_map_kw.ravel()) == {8.0}  # two weeks of 6 kW and two of 10 kW
    (told,) = [one.text for one in found.caveats if one.name == "total_changed"]
    assert "New since 2025-08-11" in told


def test_a_year_of_ten_percent_more_is_ten_percent_whatever_is_missing() -> None:
    year = Period(date(2024, 8, 2), date(2025, 7, 31), NEW_YORK)
    index = grid(Period(date(2023, 8, 4), year.last_day, NEW_YORK), 3600)
    power = office_kw(index) * np.where(index >= year.start, 1.1, 1.0)
    missing = (index >= "2024-11-01") & (index < "2025-02-01")
    newcomer = pd.Series(50.0, index).where(index >= "2025-01-01")
    found = year_on_year([metered(power.where(~missing)), metered(newcomer)], year)
    assert found is not None
    assert found.change_pct == pytest.approx(10)
    assert found.channels == 1
    assert found.days == 364 - 92
    changes = {one.month: one.change_pct for one in found.months}
    assert date(2024, 12, 1) not in changes
    assert list(changes.values()) == pytest.approx([10] * 9)


def test_a_month_that_is_not_whole_says_from_when_it_is() -> None:
    power = office_kw(grid(WEEKS))
    july, august = profile(metered(power)).months
    assert (july.month, july.begins) == (date(2025, 7, 1), date(2025, 7, 28))
    assert (august.month, august.begins) == (date(2025, 8, 1), None)


def test_noise_has_no_high_load() -> None:
    index = grid(WEEKS)
    noise = 10 + np.random.default_rng(4).normal(0, 0.3, len(index))
    shapes = profile(metered(pd.Series(noise, index))).day_shapes
    assert {shape.high_load_hours for shape in shapes} == {None}


def test_energy_by_floor_area_needs_a_year() -> None:
    year = Period(date(2024, 8, 1), date(2025, 7, 31), NEW_YORK)
    index = grid(year, 3600)
    total = metered(pd.Series(1.0, index))
    found, none = intensity(total, year, 100.0)
    assert none == []
    assert found is not None
    assert found.kwh_per_m2 == pytest.approx(87.6)
    # 1 kWh = 3.412 kBtu, 1 m² = 10.764 ft².
    assert found.kbtu_per_ft2 == pytest.approx(87.6 * 3.412 / 10.764, rel=1e-3)
    assert intensity(total, year, None) == (None, [])
    short = Period(date(2024, 9, 1), year.last_day, NEW_YORK)
    assert [one.name for one in intensity(total, short, 100.0)[1]] == ["less_than_a_year"]
    half = metered(total.power_kw.where(index.month > 6))
    assert [one.name for one in intensity(half, year, 100.0)[1]] == ["year_incomplete"]


@pytest.mark.parametrize("interval_seconds", [60, 300, 600, 900, 1800, 3600])
def test_the_hours_of_a_load_are_read_off_it(interval_seconds: int) -> None:
    power = office_kw(grid(WEEKS, interval_seconds), 8, 17)
    found = inferred_hours(power, calendar_of(power))
    assert [(day.on_from, day.on_until) for day in found] == [(8, 17)] * 5 + [(None, None)] * 2
    told = differences(found, office_site().opening_hours)
    assert {(one.weekday, one.what) for one in told} == {
        (day, what) for day in WEEKDAYS for what in ("opens", "closes")
    }
    assert {one.text for one in told} == {
        "on at 08:00, 2 h after opening at 06:00",
        "off at 17:00, 2 h before closing at 19:00",
    }


def test_hours_within_one_hour_of_the_configured_are_no_difference() -> None:
    power = office_kw(grid(WEEKS), 5, 20)
    found = inferred_hours(power, calendar_of(power))
    assert (found[0].on_from, found[0].on_until) == (5, 20)
    assert differences(found, office_site().opening_hours) == []


def test_use_on_a_closed_day_and_idle_open_days_are_told() -> None:
    index = grid(WEEKS)
    is_on = (index.day_of_week.isin([1, 2, 3, 4, 5])) & (index.hour >= 6) & (index.hour < 19)
    power = pd.Series(np.where(is_on, OPEN_KW, CLOSED_KW), index)
    told = differences(inferred_hours(power, calendar_of(power)), office_site().opening_hours)
    assert [(one.weekday, one.what) for one in told] == [
        ("monday", "idle_while_open"),
        ("saturday", "used_while_closed"),
    ]


def test_a_short_event_and_a_lunch_break_do_not_change_the_hours() -> None:
    index = grid(WEEKS)
    power = office_kw(index)
    power = power.where(~((index.hour == 12) | (index.hour == 13)), CLOSED_KW)
    power = power.where(~((index.hour == 2) & (index.day_of_week == 1)), OPEN_KW)
    found = inferred_hours(power, calendar_of(power))
    assert {(day.on_from, day.on_until) for day in found[:5]} == {(6, 19)}


def test_power_that_is_fed_back_is_said_and_has_no_ratio() -> None:
    found = profile(metered(office_kw(grid(WEEKS)) - 20))
    assert "negative_power" in caveats(found)
    assert found.figures.peak_kw == -12
    assert (found.figures.load_factor, found.figures.base_to_peak) == (None, None)
    assert found.closed_share_pct is None


def test_zeros_are_a_load_of_zero_and_not_missing() -> None:
    found = profile(metered(pd.Series(0.0, grid(WEEKS))))
    assert (found.figures.energy_kwh, found.figures.completeness_pct) == (0, 100)
    assert (found.figures.load_factor, found.figures.base_share_pct) == (None, None)
    assert "no_load" in caveats(found)


def test_without_readings_there_is_a_caveat_and_no_figure() -> None:
    for channels in ([], [metered(pd.Series(np.nan, grid(WEEKS)))]):
        found = profile(*channels)
        assert (found.figures.energy_kwh, found.day_shapes, found.schedule) == (None, (), None)
        assert caveats(found) == {"no_data"}


def test_meters_that_were_never_measured_together_make_no_total() -> None:
    index = grid(WEEKS)
    first = pd.Series(1.0, index).where(index < "2025-08-11")
    second = pd.Series(1.0, index).where(index >= "2025-08-11")
    found = profile(metered(first), metered(second))
    assert "total_never_complete" in caveats(found)
    assert found.figures.energy_kwh is None
    assert [one.figures.mean_kw for one in found.channels] == [1, 1]


def test_days_as_intervals_have_a_week_but_no_hours() -> None:
    index = pd.date_range(WEEKS.start, WEEKS.end, freq="86400s", inclusive="left")
    power = pd.Series(np.where(index.day_of_week < 5, 5.0, 2.0), index)
    found = profile(metered(power))
    assert "no_hours" in caveats(found)
    assert (found.day_shapes, found.heat_map_kw) == ((), None)
    assert found.weekly_kwh == pytest.approx([120] * 5 + [48] * 2)


def test_the_clock_of_the_site_decides_what_is_closed_and_not_the_energy() -> None:
    """The same instants on another clock are other hours; the energy is the same."""
    power = office_kw(grid(WEEKS))
    abroad = power.tz_convert("Asia/Kolkata")
    here, there = (load_figures(one, 0.25, len(one)) for one in (power, abroad))
    assert here.energy_kwh == there.energy_kwh
    assert closed_share_pct(power, calendar_of(power)) != closed_share_pct(
        abroad, calendar_of(abroad)
    )
    assert list(load_duration(power)) == list(load_duration(abroad))


# --- through the front door -------------------------------------------------------------------

MAIN = 158694
# Six weeks of the sandbox up to a Wednesday in June; Memorial Day lies in them.
NOW = datetime(2026, 6, 10, 16, tzinfo=UTC)
START, END = "2026-04-27", "2026-06-07"


@pytest.fixture
def stored(start_sandbox: StartSandbox, ingest: Ingest, database: Database) -> dict[str, float]:
    """The sandbox's main meter of six weeks; returns its true energy [kWh] and readings."""
    sandbox = start_sandbox(now=NOW)
    done = ingest(
        sandbox, "--start-date", START, "--end-date", END, "--channel", MAIN, ENISCOPE_MAX_RPS="500"
    )
    assert done.exit_code == 0, done.stderr
    period = Period(date(2026, 4, 27), date(2026, 6, 7), NEW_YORK)
    told = sandbox.truth(period.start, period.end)
    (main,) = [one for one in told["channels"] if one["channelId"] == MAIN]
    return {"energy_kwh": main["energy_kwh"], "readings": main["readings"]}


def profiled(run_script: ScriptRunner, *args: object, **env: str) -> dict[str, Any]:
    done = run_script(SCRIPT, "--json", *args, env={"ARGO_NOW": NOW.isoformat(), **env})
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_sandboxs_planted_schedule_and_energy_come_out(
    stored: dict[str, float], run_script: ScriptRunner, tmp_path: Any
) -> None:
    found = profiled(run_script, "--start", START, "--end", END)
    assert found["figures"]["energyKwh"] == pytest.approx(stored["energy_kwh"], rel=1e-6)
    assert found["figures"]["measuredHours"] == stored["readings"] / 4
    hours = {day["weekday"]: (day["onFrom"], day["onUntil"]) for day in found["schedule"]["hours"]}
    for day in WEEKDAYS:  # planted: 06:00 to 19:00
        assert hours[day] == (pytest.approx(6, abs=0.5), pytest.approx(19, abs=0.5))
    assert (hours["saturday"], hours["sunday"]) == ((None, None), (None, None))
    assert found["schedule"]["differences"] == []
    types = {shape["dayType"]: shape["days"] for shape in found["dayShapes"]}
    assert types == {"workday": 29, "saturday": 6, "sunday": 6, "holiday": 1}
    # The same load under opening hours of 08:00 to 16:00, and Saturdays.
    sites = tmp_path / "sites.yaml"
    week = "".join(f'      {day}: ["08:00", "16:00"]\n' for day in (*WEEKDAYS, "saturday"))
    sites.write_text(f'sites:\n  "23271":\n    opening_hours:\n{week}')
    other = profiled(run_script, "--start", START, "--end", END, ARGO_SITES_FILE=str(sites))
    told = {(one["weekday"], one["what"]) for one in other["schedule"]["differences"]}
    assert told == {(day, what) for day in WEEKDAYS for what in ("opens", "closes")} | {
        ("saturday", "idle_while_open")
    }


def test_the_text_names_the_meter_and_what_to_bear_in_mind(
    stored: dict[str, float], run_script: ScriptRunner
) -> None:
    done = run_script(SCRIPT, env={"ARGO_NOW": NOW.isoformat()})
    assert done.exit_code == 0, done.stderr
    # From the first reading to today.
    assert f"{START} to 2026-06-10; load of: Main Incomer" in done.stdout
    for title in ("Load\n", "Day types", "Load duration", "Months", "Channels", "Bear in mind"):
        assert title in done.stdout
    assert "within an hour of the opening hours in config/sites.yaml" in done.stdout
    assert "2026-04 (from 2026-04-27)" in done.stdout
    by_name = profiled(run_script, "--start", START, "--end", END, "--channel", "main incomer")
    assert [one["channelId"] for one in by_name["channels"]] == [MAIN]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--site", "4711"], "site 4711 is not in the database"),
        (["--days", "7", "--start", START], "not both"),
        (["--start", END, "--end", START], "lies before the start"),
        (["--start", "2026-07-01"], "has not begun"),
        (["--channel", "4711"], "no channel '4711'"),
        (["--start", "yesterday"], "is not a day"),
    ],
)
def test_wrong_arguments_end_with_2_and_one_line(
    database: Database, run_script: ScriptRunner, args: list[str], message: str
) -> None:
    database.execute(
        """INSERT INTO organizations (organization_id, organization_name, timezone, currency_code)
           VALUES ('23271', 'Office', 'America/New_York', 'USD')"""
    )
    done = run_script(SCRIPT, *args, env={"ARGO_NOW": NOW.isoformat()})
    assert done.exit_code == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_site_without_readings_is_told_so(database: Database, run_script: ScriptRunner) -> None:
    database.execute(
        """INSERT INTO organizations (organization_id, organization_name, timezone, currency_code)
           VALUES ('23271', 'Office', 'America/New_York', 'USD')"""
    )
    found = profiled(run_script)
    assert [one["name"] for one in found["caveats"]] == ["no_data"]
    assert found["figures"]["energyKwh"] is None
