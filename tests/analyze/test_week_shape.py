"""Base, peak, kinds of days and charts of findings: every figure follows from a planted load."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from synthetic_site import MONDAY, Load, channel, findings, office, week_of

from analyze.finding_charts import MAX_CHARTS, MAX_POINTS, MAX_WIN_CHARTS
from analyze.findings import LoadShape, WeekFindings
from lib.date_utils import Period


def shape_of(found: WeekFindings) -> LoadShape:
    assert found.load_shape is not None
    return found.load_shape


@pytest.fixture(scope="module")
def usual_week() -> WeekFindings:
    """10 kW for the 65 open hours and 2 kW for the 103 others, every week."""
    load = office(week_of(), noise=0.0)
    return findings(channel(load), load=load)


def test_base_peak_and_load_factor_of_two_levels_are_those_levels(
    usual_week: WeekFindings,
) -> None:
    shape = shape_of(usual_week)
    mean_kw = (10.0 * 65 + 2.0 * 103) / 168

    assert shape.period.near_base_kw == pytest.approx(2.0)
    assert shape.period.near_peak_kw == pytest.approx(10.0)
    assert shape.period.base_to_peak == pytest.approx(0.2)
    assert shape.period.base_share_pct == pytest.approx(100 * 2.0 / mean_kw)
    assert shape.period.load_factor == pytest.approx(mean_kw / 10.0)
    assert shape.usual == pytest.approx(shape.period)
    assert shape.usual_weeks == 6


def test_the_load_duration_is_the_share_of_the_time_at_each_level(
    usual_week: WeekFindings,
) -> None:
    duration_kw = shape_of(usual_week).duration_kw

    assert len(duration_kw) == 101
    # 65 of 168 hours are 38.7 %.
    assert set(duration_kw[:39]) == {10.0}
    assert set(duration_kw[40:]) == {2.0}


def test_each_kind_of_day_has_the_energy_of_its_hours(usual_week: WeekFindings) -> None:
    kinds = {kind.day_type: kind for kind in shape_of(usual_week).day_types}

    assert {name: kind.days for name, kind in kinds.items()} == {
        "workday": 5, "saturday": 1, "sunday": 1,
    }  # fmt: skip
    assert kinds["workday"].mean_day_kwh == pytest.approx(10.0 * 13 + 2.0 * 11)
    assert kinds["workday"].high_load_hours == pytest.approx(13.0)
    assert kinds["saturday"].expected_day_kwh == pytest.approx(48.0)
    assert kinds["workday"].mean_kw[5:7] == pytest.approx((2.0, 10.0))
    assert usual_week.charts["day_profiles"].title == "Every kind of day ran about as expected"


def test_a_saturday_of_three_times_the_load_is_the_finding_of_the_kinds_of_days() -> None:
    load = office(week_of(), noise=0.0)
    load.add("2025-08-23 00:00", "2025-08-24 00:00", 4.0)
    found = findings(channel(load), load=load)
    saturday = shape_of(found).day_types[1]

    assert (saturday.mean_day_kwh, saturday.expected_day_kwh) == pytest.approx((144.0, 48.0))
    assert saturday.change_pct == pytest.approx(200.0)
    assert found.charts["day_profiles"].title == "Saturday used 200 % more than expected"
    names = [series.name for series in found.charts["day_profiles"].series]
    assert names[:4] == ["workday", "workday, expected", "saturday", "saturday, expected"]


def test_a_public_holiday_is_compared_with_what_is_expected_of_it() -> None:
    load = office(week_of(date(2025, 9, 1)), noise=0.0)  # Labor Day
    kinds = {kind.day_type: kind for kind in shape_of(findings(channel(load), load=load)).day_types}

    assert kinds["holiday"].mean_day_kwh == pytest.approx(48.0)
    assert kinds["holiday"].change_pct == pytest.approx(0.0, abs=1e-6)
    assert kinds["workday"].days == 4


def test_the_peak_is_compared_with_the_median_of_the_earlier_peaks() -> None:
    load = office(week_of(), noise=0.0)
    for weeks_ago, kw in enumerate((12.0, 3.0, 8.0, 30.0, 4.0, 8.0), start=1):
        day = MONDAY + timedelta(days=2 - 7 * weeks_ago)
        load.add(f"{day} 10:00", f"{day} 11:00", kw)
    load.add("2025-08-20 12:00", "2025-08-20 13:00", 17.0)
    found = findings(channel(load), load=load)

    # Peaks of 22, 13, 18, 40, 14 and 18 kW.
    assert found.totals.peak_kw == pytest.approx(27.0)
    assert found.expected.peak_kw == pytest.approx(18.0)
    assert found.expected.peak_change_pct == pytest.approx(50.0)


def test_what_was_not_measured_this_week_is_left_out_of_the_usual_too() -> None:
    load = office(week_of(), noise=0.0)
    for weeks_ago in range(1, 7):
        day = MONDAY + timedelta(days=1 - 7 * weeks_ago)
        load.add(f"{day} 08:00", f"{day} 18:00", 40.0)
    load.power_kw[load.between("2025-08-19 00:00", "2025-08-20 00:00")] = np.nan
    found = findings(channel(load), load=load)

    assert found.expected.peak_kw == pytest.approx(10.0)
    assert shape_of(found).usual == pytest.approx(shape_of(found).period)


def test_the_expected_cost_is_that_of_the_expected_energy_where_both_are_known() -> None:
    load = office(week_of(), noise=0.0)
    load.add("2025-08-20 09:00", "2025-08-20 11:00", 10.0)
    load.power_kw[load.between("2025-08-24 00:00", "2025-08-25 00:00")] = np.nan
    found = findings(channel(load), load=load)
    usual_kwh = 10.0 * 65 + 2.0 * (103 - 24)

    assert found.expected.cost == pytest.approx(0.12 * usual_kwh)
    assert found.expected.cost_change_pct == pytest.approx(100 * 20 / usual_kwh)
    assert findings(channel(load), load=load, tariff=[]).expected.cost is None


def test_too_few_weeks_have_no_usual_and_still_a_shape() -> None:
    load = office(week_of(), baseline_weeks=2)
    found = findings(channel(load), load=load)

    assert shape_of(found).usual is None
    assert found.expected.peak_kw is None
    assert [series.name for series in found.charts["load_duration"].series] == ["actual"]


@pytest.mark.parametrize(("days", "weeks"), [(1, 6), (14, 3), (31, 0)])
def test_a_period_of_any_length_is_compared_with_the_same_days(days: int, weeks: int) -> None:
    period = Period(MONDAY, MONDAY + timedelta(days=days - 1), "America/New_York")
    load = office(period, noise=0.0)
    shape = shape_of(findings(channel(load), load=load))

    assert shape.usual_weeks == weeks
    assert shape.usual is None or shape.usual == pytest.approx(shape.period)


@pytest.mark.parametrize("monday", [date(2025, 10, 27), date(2025, 3, 3)])
def test_a_week_in_which_clocks_change_has_the_shape_of_any_other(monday: date) -> None:
    load = office(week_of(monday), noise=0.0)
    shape = shape_of(findings(channel(load), load=load))

    assert shape.usual_weeks >= 5
    assert shape.period.near_peak_kw == shape.usual.near_peak_kw == pytest.approx(10.0)  # type: ignore[union-attr]
    assert shape.day_types[0].high_load_hours == pytest.approx(13.0)


def test_a_channel_that_is_new_makes_no_usual_of_less() -> None:
    load, new = office(week_of(), noise=0.0), office(week_of(), noise=0.0)
    new.power_kw[new.is_history] = np.nan
    found = findings(channel(load, 1), channel(new, 2), load=load)

    assert found.totals.peak_kw == pytest.approx(20.0)
    assert found.expected.peak_kw is None


def test_a_week_without_readings_has_no_shape_and_no_charts_of_it() -> None:
    load = office(week_of())
    load.power_kw[load.in_period] = np.nan
    found = findings(channel(load), load=load)

    assert found.load_shape is None
    assert not {"day_profiles", "load_duration"} & set(found.charts)


# --- charts of single findings ---


def wasteful(seed: int = 0, nights: int = 1) -> Load:
    """Left on from closing to opening in the week's first nights: 6 kW instead of 2."""
    load = office(week_of(), seed=seed)
    for night in range(nights):
        day = MONDAY + timedelta(days=night)
        load.add(f"{day} 19:00", f"{day + timedelta(days=1)} 06:00", 4.0)
    return load


def test_a_quick_win_is_shown_by_its_channels_load_around_the_waste() -> None:
    load = wasteful()
    found = findings(channel(load, 7), load=load)
    chart = found.charts["quick_win_1"]
    actual, expected = chart.series
    start, end = chart.marks[0]
    inside = [start <= datetime.fromisoformat(str(x)) < end for x in actual.x]

    assert chart.channel_id == 7
    assert chart.marks == found.quick_wins[0].spans
    assert start.isoformat() == "2025-08-18T19:00:00-04:00"
    # Eleven hours of waste between as many hours before and after, every quarter a point.
    assert len(actual.x) == 4 * 33 / 2
    assert datetime.fromisoformat(str(actual.x[0])).minute == 0
    assert np.mean([y for y, is_in in zip(actual.y, inside, strict=True) if is_in]) == (
        pytest.approx(6.0, rel=0.02)
    )
    assert np.mean([y for y, is_in in zip(expected.y, inside, strict=True) if is_in]) == (
        pytest.approx(2.0, rel=0.02)
    )
    assert chart.title.startswith("RTU-1: 6.0 kW on average from Monday 19:00 to Tuesday 06:00")
    assert chart.title.endswith("where 2.0 kW is expected")


def test_however_many_findings_there_are_the_charts_stay_few_and_small() -> None:
    loads = [wasteful(seed, nights=4) for seed in range(8)]
    found = findings(*(channel(load, n + 1) for n, load in enumerate(loads)), load=loads[0])
    charts = {name: chart for name, chart in found.charts.items() if chart.channel_id is not None}

    assert len(found.quick_wins) == 8
    assert [name for name in charts if name.startswith("quick_win")] == [
        f"quick_win_{rank}" for rank in range(1, MAX_WIN_CHARTS + 1)
    ]
    assert len(charts) <= MAX_CHARTS
    assert max(len(series.x) for one in charts.values() for series in one.series) <= MAX_POINTS


def test_a_fault_of_days_is_shown_from_its_start_by_coarser_means() -> None:
    load = office(week_of(), noise=0.0)
    load.power_kw[load.between("2025-08-19 06:00", "2025-08-25 00:00")] *= 0.3
    found = findings(channel(load), load=load)
    chart = found.charts["anomaly_1"]
    times = [datetime.fromisoformat(str(x)) for x in chart.series[0].x]

    assert found.quick_wins == ()
    assert len(times) <= MAX_POINTS
    assert times[0] < chart.marks[0][0] < times[-1]
    assert {after - before for before, after in itertools.pairwise(times)} == {timedelta(hours=1)}
    assert 0.6 in np.round([y for y in chart.series[0].y if y is not None], 6)


def test_a_gap_beside_an_event_stays_a_gap_in_its_chart() -> None:
    load = wasteful()
    load.power_kw[load.between("2025-08-19 07:00", "2025-08-19 09:00")] = np.nan
    found = findings(channel(load), load=load)
    chart = found.charts["quick_win_1"].series[0]
    missing = [str(x)[11:16] for x, y in zip(chart.x, chart.y, strict=True) if y is None]

    assert (missing[0], missing[-1]) == ("07:00", "08:30")


def test_a_month_is_drawn_by_the_hour_and_a_week_by_the_quarter() -> None:
    month = Period(date(2025, 8, 1), date(2025, 8, 31), "America/New_York")
    for period, points in ((month, 31 * 24), (week_of(), 7 * 96)):
        load = office(period, noise=0.0)
        series = findings(channel(load), load=load).charts["load"].series[0]
        assert len(series.x) == points
        assert set(np.round([y for y in series.y if y is not None], 6)) == {2.0, 10.0}
