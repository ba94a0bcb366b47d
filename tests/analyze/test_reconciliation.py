"""The main meter against its sub-meters, and slow drifts, in a site's week."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from synthetic_site import Load, channel, findings, office, week_of

from analyze.readings import ChannelSeries


def main_of(*loads: Load, unmetered_kw: float = 0.0) -> ChannelSeries:
    main = Load(loads[0].period)
    main.power_kw = np.sum([load.power_kw for load in loads], axis=0) + unmetered_kw
    return channel(main, 99, "Main", channel_type="site_total", is_additive=False)


def part(load: Load, channel_id: int) -> ChannelSeries:
    return channel(load, channel_id, f"RTU-{channel_id}", in_site_total=False)


def test_what_no_sub_meter_measures_is_the_remainder() -> None:
    one, two = office(week_of(), seed=1), office(week_of(), seed=2)
    found = findings(
        part(one, 1), part(two, 2), main_of(one, two, unmetered_kw=1.5), load=one
    ).reconciliation
    assert found is not None
    assert found.unexplained_kwh == pytest.approx(168 * 1.5)
    assert found.unexplained_share == pytest.approx(168 * 1.5 / found.main_kwh)
    assert found.finding is None


def test_a_sub_meter_that_goes_missing_is_told() -> None:
    one, two = office(week_of(), seed=1), office(week_of(), seed=2)
    main = main_of(one, two)
    two.power_kw[two.in_period] *= 0.5
    found = findings(part(one, 1), part(two, 2), main, load=one).reconciliation
    assert found is not None
    assert found.usual_share == pytest.approx(0.0, abs=1e-9)
    assert found.unexplained_kwh == pytest.approx(two.power_kw[two.in_period].sum() / 4)
    assert "usually 0 %" in (found.finding or "")


def test_a_gap_of_a_sub_meter_is_no_remainder() -> None:
    one, two = office(week_of(), seed=1), office(week_of(), seed=2)
    main = main_of(one, two)
    two.power_kw[two.between("2025-08-19 00:00", "2025-08-20 12:00")] = np.nan
    found = findings(part(one, 1), part(two, 2), main, load=one).reconciliation
    assert found is not None
    assert found.unexplained_kwh == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("monday", [date(2025, 8, 18), date(2025, 10, 27)])
def test_a_sub_meter_stored_by_the_hour_is_compared_by_the_hour(monday: date) -> None:
    one = office(week_of(monday), seed=1)
    hourly = office(week_of(monday), seed=2, interval_seconds=3600)
    main = Load(week_of(monday))
    main.power_kw = one.power_kw + np.repeat(hourly.power_kw, 4) + 1.5
    meter = channel(main, 99, "Main", channel_type="site_total", is_additive=False)
    found = findings(part(one, 1), part(hourly, 2), meter, load=one).reconciliation
    assert found is not None
    assert found.parts_kwh == pytest.approx(
        one.power_kw[one.in_period].sum() / 4 + hourly.power_kw[hourly.in_period].sum()
    )
    assert found.unexplained_kwh == pytest.approx(1.5 * one.in_period.sum() / 4)
    assert found.left_out == ()


def test_a_sub_meter_that_died_is_left_out_of_both_sides_and_named() -> None:
    one, two = office(week_of(), seed=1), office(week_of(), seed=2)
    main = main_of(one, two)
    two.power_kw[two.between("2025-08-20 00:00", "2025-08-25 00:00")] = np.nan
    found = findings(part(one, 1), part(two, 2), main, load=one).reconciliation
    assert found is not None
    assert found.left_out == ("RTU-2",)
    assert found.parts_kwh == pytest.approx(one.power_kw[one.in_period].sum() / 4)
    assert found.usual_share == pytest.approx(found.unexplained_share, abs=0.02)
    assert found.finding is None


def test_sub_meters_that_measure_more_than_the_main_are_told() -> None:
    one = office(week_of(), seed=1)
    twice = replace(part(one, 2), channel_name="RTU-1 again")
    found = findings(part(one, 1), twice, main_of(one), load=one).reconciliation
    assert found is not None
    assert found.unexplained_share == pytest.approx(-1.0)
    assert "100 % more than the main meter" in (found.finding or "")


def test_a_site_without_a_main_has_nothing_to_compare() -> None:
    one = office(week_of(), seed=1)
    assert findings(channel(one, 1), load=one).reconciliation is None


def test_a_gain_that_falls_over_four_weeks_is_a_drift_and_steady_weeks_are_none() -> None:
    load = office(week_of(), noise=0.05)
    assert findings(channel(load, 1), load=load).drifts == ()
    day = load.calendar.day - load.calendar.day[-1] + 30
    load.power_kw *= 1 - 0.3 * np.clip(day / 30, 0, 1)
    (drift,) = findings(channel(load, 1), load=load).drifts
    assert (drift.channel_id, drift.change_pct) == (1, pytest.approx(-25, abs=8))


def test_what_several_channels_drift_together_is_the_season_and_not_told() -> None:
    loads = [office(week_of(), noise=0.05, seed=seed) for seed in range(4)]
    day = loads[0].calendar.day - loads[0].calendar.day[-1] + 30
    for load in loads[:3]:
        load.power_kw *= 1 - 0.3 * np.clip(day / 30, 0, 1)
    channels = [channel(load, number) for number, load in enumerate(loads, start=1)]
    assert findings(*channels, load=loads[0]).drifts == ()
    assert len(findings(channels[0], channels[1], channels[3], load=loads[0]).drifts) == 2


def test_export_is_named() -> None:
    load = office(week_of(), closed_kw=-1.0, open_kw=-8.0)
    found = findings(channel(load, 1), load=load)
    assert any("Negative power (export) of RTU-1 (1)" in one for one in found.data_quality.caveats)
