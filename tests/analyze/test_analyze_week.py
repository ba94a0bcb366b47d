"""The whole week of a site: totals, one event told once, odd data, clock changes, invariances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from synthetic_site import (
    NEW_YORK,
    Load,
    as_series,
    channel,
    findings,
    office,
    office_site,
    site_data,
    week_of,
)

from analyze.calendar_days import site_calendar
from analyze.findings import WeekFindings
from analyze.readings import MEASURES, ChannelSeries
from analyze.week import analyze_week
from lib.date_utils import Period
from lib.errors import UsageError


def main_of(*loads: Load, channel_id: int = 99) -> ChannelSeries:
    """A main meter that measures the sum of the loads."""
    main = Load(loads[0].period, loads[0].site, loads[0].calendar.interval_seconds)
    main.power_kw = np.sum([load.power_kw for load in loads], axis=0)
    return replace(whole(main), channel_id=channel_id)


def whole(load: Load) -> ChannelSeries:
    """A load as the site's main meter."""
    return channel(load, 99, "Main", channel_type="site_total", is_additive=False)


def part(load: Load, channel_id: int, name: str = "RTU-1") -> ChannelSeries:
    """A sub-meter of a site that has a main meter."""
    return channel(load, channel_id, name, in_site_total=False)


# --- totals ---


def test_the_site_total_is_the_main_meter_where_there_is_one() -> None:
    one, two = office(week_of(), seed=1), office(week_of(), seed=2)
    found = findings(part(one, 1), part(two, 2, "AHU-1"), main_of(one, two), load=one)
    true = (one.power_kw + two.power_kw)[one.in_period].sum() / 4
    assert found.totals.energy_kwh == pytest.approx(true)
    assert found.totals.cost == pytest.approx(0.12 * true)
    assert found.totals.source == "site total: Main"


def test_without_a_main_meter_the_site_total_is_the_sum_of_the_channels() -> None:
    one, two = office(week_of(), seed=1), office(week_of(), seed=2)
    found = findings(channel(one, 1), channel(two, 2), load=one)
    total_kw = (one.power_kw + two.power_kw)[one.in_period]
    assert found.totals.energy_kwh == pytest.approx(total_kw.sum() / 4)
    assert found.totals.peak_kw == pytest.approx(total_kw.max())
    assert found.totals.peak_at == one.index[one.in_period][total_kw.argmax()]
    assert found.totals.source == "sum of 2 channels"


def test_a_gap_is_neither_use_nor_saving() -> None:
    load = office(week_of(), noise=0.0)
    load.power_kw[load.between("2025-08-19 00:00", "2025-08-21 00:00")] = np.nan
    found = findings(channel(load), load=load)
    assert found.totals.energy_kwh == pytest.approx(10.0 * 13 * 3 + 2.0 * (168 - 48 - 13 * 3))
    assert found.totals.change_vs_baseline_pct == pytest.approx(0.0, abs=1e-9)
    assert found.data_quality.completeness_pct == pytest.approx(100 * 5 / 7)


def test_a_total_that_misses_days_is_a_lower_bound_and_names_them() -> None:
    load = office(week_of(), noise=0.0)
    load.power_kw[load.between("2025-08-19 00:00", "2025-08-22 00:00")] = np.nan
    # 7 days of 10 kW open and 2 kW closed, without Tuesday to Thursday.
    measured_kwh = 10.0 * 13 * 2 + 2.0 * (4 * 24 - 26)
    found = findings(part(office(week_of()), 1), whole(load), load=load)
    assert found.totals.energy_kwh == pytest.approx(measured_kwh)
    assert found.totals.measured_pct == pytest.approx(100 * 4 / 7)
    assert "measured for 57 % of the week: at least 400 kWh" in found.headline
    assert "as usual in the measured hours" in found.headline
    assert "The site used" not in found.headline
    (caveat,) = (one for one in found.data_quality.caveats if "57 %" in one)
    assert "Tue 19 Aug, Wed 20 Aug and Thu 21 Aug" in caveat


def test_a_few_missing_intervals_do_not_make_a_lower_bound() -> None:
    load = office(week_of(), noise=0.0)
    load.power_kw[load.between("2025-08-19 02:00", "2025-08-19 03:00")] = np.nan  # 4 of 672
    found = findings(channel(load), load=load)
    assert found.headline.startswith("The site used")
    assert found.data_quality.caveats == ()


def test_a_meter_built_for_more_is_not_out_of_range() -> None:
    load = Load(week_of())
    load.power_kw[:] = 1500.0
    load.power_kw += np.random.default_rng(1).normal(0, 20, len(load.index))
    series = channel(load)
    # 4,000 A at 277 V on three phases carry 3,324 kW.
    built_for_it = replace(series, ct_ratio=4000.0, voltage_scale=277.0)
    assert {issue.type for issue in findings(series, load=load).health_issues} == {"out_of_range"}
    assert findings(built_for_it, load=load).health_issues == ()


def test_the_peak_of_a_sum_ignores_instants_at_which_a_channel_is_missing() -> None:
    one, two = office(week_of(), noise=0.0), office(week_of(), noise=0.0)
    one.add("2025-08-20 10:00", "2025-08-20 12:00", 50.0)
    two.power_kw[two.between("2025-08-20 09:00", "2025-08-20 13:00")] = np.nan
    found = findings(channel(one, 1), channel(two, 2), load=one)
    assert found.totals.peak_kw == pytest.approx(20.0)


def test_channels_of_different_intervals_are_added_at_the_longer_one() -> None:
    quarter, hourly = office(week_of(), noise=0.0), office(
        week_of(), noise=0.0, interval_seconds=3600
    )  # fmt: skip
    found = findings(channel(quarter, 1), channel(hourly, 2), load=quarter)
    assert found.totals.peak_kw == pytest.approx(20.0)
    assert found.totals.energy_kwh == pytest.approx(2 * (10.0 * 65 + 2.0 * 103))


def test_money_follows_a_price_that_changes_within_the_week() -> None:
    load = Load(week_of())
    load.power_kw[:] = 1.0
    site = office_site(
        tariff=[
            {"valid_from": date(2025, 1, 1), "energy_price_per_kwh": 0.1},
            {"valid_from": date(2025, 8, 20), "energy_price_per_kwh": 0.3},
        ]
    )
    found = findings(channel(load), load=load, tariff=site.tariff)
    assert found.totals.cost == pytest.approx(48 * 0.1 + 120 * 0.3)


def test_without_a_tariff_the_cost_is_unknown_and_said_to_be() -> None:
    load = office(week_of())
    load.add("2025-08-19 19:00", "2025-08-20 06:00", 6.0)
    found = findings(channel(load), load=load, tariff=())
    assert found.totals.cost is None
    assert any("No tariff" in caveat for caveat in found.data_quality.caveats)
    assert "$" not in found.headline
    assert "kWh this week" in found.headline
    assert found.after_hours.meters[0].excess_cost is None
    assert found.after_hours.total_excess_cost is None
    assert found.after_hours.estimated_annual_cost is None
    (win,) = found.quick_wins
    assert (win.weekly_cost, win.annual_cost, win.annual_cost_low) == (None, None, None)
    assert win.weekly_kwh == pytest.approx(66.0, rel=0.05)
    assert (found.savings.weekly_cost, found.savings.annual_cost) == (None, None)
    assert found.top_opportunities[0].annual_cost is None


def test_a_tariff_that_begins_in_the_week_prices_what_it_covers() -> None:
    load = office(week_of(), noise=0.0)
    for night in (18, 21):
        load.add(f"2025-08-{night} 19:00", f"2025-08-{night + 1} 06:00", 6.0)
    site = office_site(tariff=[{"valid_from": date(2025, 8, 21), "energy_price_per_kwh": 0.5}])
    found = findings(channel(load), load=load, tariff=site.tariff)
    # Thursday to Sunday: two working days and the night of Thursday.
    assert found.totals.cost == pytest.approx(0.5 * (10.0 * 26 + 2.0 * (96 - 26) + 66.0))
    assert found.after_hours.meters[0].excess_kwh == pytest.approx(132.0)
    assert found.after_hours.meters[0].excess_cost == pytest.approx(0.5 * 66.0)
    assert "(at least $" in found.headline
    assert any("begins on 21 August 2025" in caveat for caveat in found.data_quality.caveats)


# --- one event, one name ---


def with_waste() -> Load:
    load = office(week_of(), seed=3)
    for night in (18, 19, 20):
        load.add(f"2025-08-{night} 19:00", f"2025-08-{night + 1} 06:00", 5.0)
    return load


def test_waste_is_told_by_its_channel_and_not_again_as_an_anomaly_or_by_the_main() -> None:
    wasting, other = with_waste(), office(week_of(), closed_kw=3, open_kw=6, seed=4)
    found = findings(
        part(wasting, 1), part(other, 2, "Lighting"), main_of(wasting, other), load=wasting
    )
    assert [meter.channel_id for meter in found.after_hours.meters] == [1]
    assert found.after_hours.total_excess_kwh == pytest.approx(5.0 * 33, rel=0.05)
    assert (found.anomalies, found.spikes) == ((), ())


def test_an_event_that_only_the_main_sees_is_told_by_the_main() -> None:
    one = office(week_of(), seed=3)
    unmetered = Load(week_of())
    unmetered.add("2025-08-20 09:00", "2025-08-20 17:00", 9.0)
    found = findings(part(one, 1), main_of(one, unmetered), load=one)
    assert [event.channel_id for event in found.anomalies] == [99]


def test_a_spike_is_told_once() -> None:
    load, other = office(week_of(), seed=3), office(week_of(), closed_kw=1, open_kw=3, seed=5)
    at = int(load.index.get_loc("2025-08-20 10:00:00-04:00"))
    load.power_kw[at] *= 5
    found = findings(part(load, 1), part(other, 2, "Lighting"), main_of(load, other), load=load)
    assert [(spike.channel_id, spike.start) for spike in found.spikes] == [(1, load.index[at])]
    assert found.anomalies == ()


def test_a_phase_beside_its_system_channel_is_not_told_again() -> None:
    load = with_waste()
    phase = channel(load, 2, "RTU-1 L1", in_site_total=False, is_additive=False)
    found = findings(channel(load, 1), phase, load=load)
    assert [meter.channel_id for meter in found.after_hours.meters] == [1]
    assert found.anomalies == ()
    assert found.totals.energy_kwh == pytest.approx(load.power_kw[load.in_period].sum() / 4)


def test_what_many_channels_do_at_once_is_of_low_severity_and_says_so() -> None:
    loads = [office(week_of(), seed=seed) for seed in range(4)]
    for load in loads:
        load.add("2025-08-20 06:00", "2025-08-20 19:00", 8.0)
    found = findings(
        *(channel(load, number, f"RTU-{number}") for number, load in enumerate(loads)),
        load=loads[0],
    )
    assert {event.severity for event in found.anomalies} == {"low"}
    assert all("3 other channels" in event.context for event in found.anomalies)


# --- odd data ---


def kwh_by_name(found: WeekFindings) -> dict[str, float | None]:
    return {one.channel_name: one.energy_kwh for one in found.channels}


@pytest.mark.parametrize("interval_seconds", [60, 900, 3600])
@pytest.mark.parametrize("kw", [0.0, 3.0, -2.0])
def test_a_constant_load_has_its_energy_and_no_finding(kw: float, interval_seconds: int) -> None:
    load = Load(week_of(), office_site(allow_export=True), interval_seconds, 4)
    load.power_kw[:] = kw
    found = findings(channel(load), load=load)
    assert found.totals.energy_kwh == pytest.approx(168 * kw)
    assert found.totals.peak_kw == pytest.approx(kw)
    assert (found.health_issues, found.anomalies, found.spikes, found.quick_wins) == ((),) * 4


def test_a_site_without_any_reading_says_so() -> None:
    load = Load(week_of())
    load.power_kw[:] = np.nan
    found = findings(channel(load), load=load)
    assert found.totals.energy_kwh is None
    assert found.totals.peak_kw is None
    assert found.headline == "The site's energy was not measured."
    assert any("Never reported" in caveat for caveat in found.data_quality.caveats)
    assert found.charts == {}


def test_a_site_without_channels_says_so() -> None:
    load = Load(week_of())
    found = findings(load=load)
    assert found.totals.energy_kwh is None
    assert found.inputs.channels == 0


def test_a_period_that_has_not_begun_has_no_numbers() -> None:
    load = office(week_of())
    load.power_kw[load.in_period] = np.nan
    found = findings(channel(load), load=load, now=load.period.start - timedelta(days=1))
    assert found.health_issues == ()
    assert found.totals.energy_kwh is None


@pytest.mark.parametrize("weeks", [0, 2])
def test_a_short_history_is_named_and_gives_no_consumption_finding(weeks: int) -> None:
    load = with_waste()
    load.power_kw[np.arange(len(load.index)) < (6 - weeks) * 672] = np.nan
    found = findings(channel(load), load=load)
    assert (found.after_hours.meters, found.anomalies, found.spikes) == ((), (), ())
    assert found.totals.expected_kwh is None
    assert any(f"{weeks} weeks of 3 needed" in caveat for caveat in found.data_quality.caveats)
    assert "no history" in found.headline


def test_a_main_that_is_silent_makes_no_total_of_the_others() -> None:
    load = office(week_of())
    silent = office(week_of())
    silent.power_kw[silent.in_period] = np.nan
    main = channel(silent, 9, "Main", channel_type="site_total", is_additive=False)
    found = findings(part(load, 1), main, load=load)
    assert found.totals.energy_kwh is None
    assert [issue.type for issue in found.health_issues] == ["dead_channel"]
    assert any("without Main" in caveat for caveat in found.data_quality.caveats)


def test_without_opening_hours_nothing_is_called_after_hours() -> None:
    load = with_waste()
    found = findings(channel(load), load=load, opening_hours={})
    assert found.after_hours.meters == ()
    assert found.after_hours.caveat is not None
    assert found.channels[0].after_hours_kwh is None


def test_a_changed_interval_is_said() -> None:
    load = office(week_of())
    series = replace(channel(load), other_intervals=(1800,))
    caveats = findings(series, load=load).data_quality.caveats
    assert any("1800 s" in caveat for caveat in caveats)


def daily(load: Load, channel_id: int = 1) -> ChannelSeries:
    """The load as one reading for each local day."""
    days = pd.date_range(load.index[0], load.period.end, freq="D", inclusive="left")
    energy = pd.Series(load.power_kw * load.hours, load.index).groupby(load.index.date).sum()
    values = np.full((len(days), len(MEASURES)), np.nan)
    values[:, MEASURES.index("energy_kwh")] = energy
    return as_series(days, 86_400, values, load, channel_id)


@pytest.mark.parametrize("monday", [date(2025, 8, 18), date(2026, 3, 2), date(2025, 10, 27)])
def test_a_site_that_is_stored_by_day_is_refused_rather_than_cut(monday: date) -> None:
    load = office(week_of(monday))
    with pytest.raises(UsageError, match=r"channel 1 .* 86400 s"):
        findings(daily(load), load=load)


def test_days_in_the_history_of_a_quarter_hourly_channel_are_left_out_and_said() -> None:
    load = office(week_of(date(2026, 3, 2)), noise=0.0)
    days = pd.date_range(load.index[0], load.period.start, freq="D", inclusive="left")
    stamps = days.append(load.index[load.in_period])
    lengths = np.where(stamps < pd.Timestamp(load.period.start), 86_400, 900)
    values = np.full((len(stamps), len(MEASURES)), np.nan)
    values[:, MEASURES.index("energy_kwh")] = np.where(lengths == 900, 0.5, 200.0)
    found = findings(as_series(stamps, lengths, values, load), load=load)
    # 167 hours: the clocks go forward on that Sunday.
    assert found.totals.energy_kwh == pytest.approx(0.5 * 4 * 167)
    assert found.totals.expected_kwh is None
    assert any("86400 s have no time of day" in one for one in found.data_quality.caveats)


# --- clock changes ---


@pytest.mark.parametrize(("monday", "hours"), [(date(2026, 3, 2), 167), (date(2025, 10, 27), 169)])
def test_a_week_with_a_clock_change_has_its_own_length(monday: date, hours: int) -> None:
    load = office(week_of(monday), noise=0.0)
    found = findings(channel(load), load=load)
    assert found.totals.energy_kwh == pytest.approx(10.0 * 65 + 2.0 * (hours - 65))
    assert found.totals.change_vs_baseline_pct == pytest.approx(0.0, abs=1e-9)
    assert found.data_quality.by_channel[0].expected == 4 * hours
    assert found.data_quality.completeness_pct == 100
    assert (found.health_issues, found.anomalies, found.spikes) == ((), (), ())
    days = found.charts["daily_energy"].series[0]
    assert days.y[-1] == pytest.approx(2.0 * (hours - 144))


def test_lord_howe_gains_half_an_hour() -> None:
    zone = "Australia/Lord_Howe"
    site = office_site(timezone=zone, holidays=None)
    load = office(week_of(date(2026, 3, 30), zone), noise=0.0, site=site)
    found = findings(channel(load), load=load)
    assert found.totals.energy_kwh == pytest.approx(10.0 * 65 + 2.0 * 103.5)
    assert found.data_quality.by_channel[0].expected == 674
    assert found.anomalies == ()


# --- invariances ---


def test_the_order_of_rows_and_channels_does_not_matter() -> None:
    one, two = with_waste(), office(week_of(), seed=9)
    first = findings(channel(one, 1), channel(two, 2), load=one)
    second = findings(channel(two, 2, shuffle=True), channel(one, 1, shuffle=True), load=one)
    assert first == second


def test_the_zone_in_which_the_instants_are_written_does_not_matter() -> None:
    load = with_waste()
    series = channel(load)
    in_utc = replace(series, frame=series.frame.tz_convert("UTC"))
    assert findings(series, load=load) == findings(in_utc, load=load)


def test_ten_times_the_load_is_ten_times_the_finding() -> None:
    small, large = with_waste(), with_waste()
    large.power_kw *= 10
    a, b = findings(channel(small), load=small), findings(channel(large), load=large)
    assert b.after_hours.total_excess_kwh == pytest.approx(10 * a.after_hours.total_excess_kwh)
    assert b.totals.energy_kwh == pytest.approx(10 * (a.totals.energy_kwh or 0))
    assert b.totals.change_vs_baseline_pct == pytest.approx(a.totals.change_vs_baseline_pct)
    assert len(b.anomalies) == len(a.anomalies)


def test_the_future_does_not_change_what_was_found_before_it() -> None:
    load = with_waste()
    now = load.index[load.between("2025-08-21 12:00", "2025-08-21 12:15")][0].to_pydatetime()
    data = site_data([channel(load)])
    partial = analyze_week(data, load.site, load.period, now)
    assert partial.after_hours.total_excess_kwh == pytest.approx(5.0 * 33, rel=0.05)


# --- charts ---


def test_the_charts_add_up() -> None:
    one, two = with_waste(), office(week_of(), seed=9)
    found = findings(channel(one, 1), channel(two, 2, "Lighting"), load=one)
    assert set(found.charts) == {
        "load", "daily_energy", "heatmap", "channel_energy", "after_hours", "day_profiles",
        "load_duration", "quick_win_1",
    }  # fmt: skip
    daily = found.charts["daily_energy"].series[0]
    assert len(daily.x) == 7
    assert sum(value or 0 for value in daily.y) == pytest.approx(found.totals.energy_kwh)
    load = found.charts["load"].series[0]
    assert len(load.x) == 672
    assert max(value or 0 for value in load.y) == found.totals.peak_kw
    assert load.x[0] == "2025-08-18T00:00:00-04:00"
    heat = found.charts["heatmap"].series
    assert (len(heat), {len(day.y) for day in heat}) == (7, {24})
    by_channel = dict(zip(*(found.charts["channel_energy"].series[0].__dict__[key]
                            for key in ("x", "y")), strict=True))  # fmt: skip
    assert by_channel == kwh_by_name(found)


def test_minute_readings_are_drawn_as_quarter_hours() -> None:
    load = office(week_of(), interval_seconds=60, baseline_weeks=3)
    found = findings(channel(load), load=load)
    assert len(found.charts["load"].series[0].x) == 672


def test_a_gap_in_a_chart_is_a_gap() -> None:
    load = office(week_of())
    load.power_kw[load.between("2025-08-20 10:00", "2025-08-20 11:00")] = np.nan
    chart = findings(channel(load), load=load).charts["load"]
    actual = dict(zip(chart.series[0].x, chart.series[0].y, strict=True))
    assert actual["2025-08-20T10:15:00-04:00"] is None
    assert chart.series[1].y.count(None) == 0


def test_a_report_in_another_zone_tells_its_times_there_and_keeps_the_sites_opening_hours() -> None:
    tokyo = "Asia/Tokyo"
    # Tuesday 19 August 2025 in Tokyo begins at 11:00 on Monday in New York.
    period = Period(date(2025, 8, 19), date(2025, 8, 25), tokyo)
    site = office_site()
    load = Load(period, site)
    own = load.index.tz_convert(NEW_YORK)
    load.power_kw = np.where(site_calendar(own, 900, site).is_open, 10.0, 2.0)
    night = (own >= pd.Timestamp("2025-08-19 19:00", tz=NEW_YORK)) & (
        own < pd.Timestamp("2025-08-20 06:00", tz=NEW_YORK)
    )
    load.power_kw[night] += 5.0
    peak = own.get_loc(pd.Timestamp("2025-08-20 15:00", tz=NEW_YORK))
    load.power_kw[peak] = 60.0
    gap = own.get_loc(pd.Timestamp("2025-08-21 15:00", tz=NEW_YORK))
    load.power_kw[gap : gap + 8] = np.nan
    data = replace(site_data([channel(load)], tokyo), site_timezone=NEW_YORK)
    found = analyze_week(data, site, period, period.end + timedelta(days=1))
    assert found.timezone == NEW_YORK
    assert found.totals.peak_at is not None
    assert found.totals.peak_at.isoformat() == "2025-08-21T04:00:00+09:00"
    (meter,) = found.after_hours.meters
    assert meter.excess_kwh == pytest.approx(55.0)
    assert meter.stretches[0][0].isoformat() == "2025-08-20T08:00:00+09:00"
    assert found.health_issues[0].start.isoformat() == "2025-08-22T04:00:00+09:00"
    assert found.charts["load"].series[0].x[0] == "2025-08-19T00:00:00+09:00"
    days = found.charts["daily_energy"].series[0]
    assert days.x == tuple(f"2025-08-{day}" for day in range(19, 26))
    tuesday = (own >= load.period.start) & (own < pd.Timestamp("2025-08-19 11:00", tz=NEW_YORK))
    assert days.y[0] == pytest.approx(load.power_kw[tuesday].sum() / 4)


def test_closed_days_of_the_period_are_named() -> None:
    load = office(week_of(date(2025, 9, 1)))
    assert findings(channel(load), load=load).closed_days == (date(2025, 9, 1),)


def test_a_single_day_is_not_called_a_week() -> None:
    day = Period(date(2025, 8, 20), date(2025, 8, 20), NEW_YORK)
    load = office(day, noise=0.0)
    load.power_kw[load.between("2025-08-20 00:00", "2025-08-20 06:00")] = np.nan
    assert "measured for 75 % of the day" in findings(channel(load), load=load).headline


def test_findings_are_in_the_sites_zone() -> None:
    found = findings(channel(with_waste()), load=with_waste())
    start, end = found.after_hours.meters[0].stretches[0]
    assert start.isoformat() == "2025-08-18T19:00:00-04:00"
    assert end.isoformat() == "2025-08-19T06:00:00-04:00"
    assert found.timezone == NEW_YORK


# --- whatever comes ---


def half_missing(load: Load) -> None:
    load.power_kw[np.random.default_rng(5).random(len(load.index)) < 0.5] = np.nan


def all_missing_but_the_history(load: Load) -> None:
    load.power_kw[load.in_period] = np.nan


def zeros_only(load: Load) -> None:
    load.power_kw[:] = 0.0


def exporting(load: Load) -> None:
    load.power_kw *= -1


@pytest.mark.parametrize("interval_seconds", [60, 900, 3600])
@pytest.mark.parametrize(
    "monday", [date(2025, 10, 27), date(2026, 3, 2), date(2025, 12, 22), date(2025, 12, 29)]
)
@pytest.mark.parametrize(
    "change", [half_missing, all_missing_but_the_history, zeros_only, exporting]
)
def test_odd_readings_in_odd_weeks_give_what_was_measured_or_a_caveat(
    monday: date, interval_seconds: int, change: Callable[[Load], None]
) -> None:
    site = office_site(allow_export=True)
    load = office(week_of(monday), interval_seconds=interval_seconds, site=site, baseline_weeks=3)
    change(load)
    found = findings(channel(load), load=load)
    in_week = load.power_kw[load.in_period]
    if np.isfinite(in_week).any():
        assert found.totals.energy_kwh == pytest.approx(np.nansum(in_week) * load.hours)
    else:
        assert found.totals.energy_kwh is None
        assert "was not measured" in found.headline
    is_odd = change is not zeros_only
    assert bool(found.data_quality.caveats) == is_odd
    assert found.spikes == ()
    assert found.after_hours.total_excess_kwh == 0
