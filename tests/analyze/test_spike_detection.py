"""Spikes: planted ones are found at their interval, habitual jumps are not spikes."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from synthetic_site import Load, office, week_of

from analyze.baseline import expected_power
from analyze.spike_detection import SpikeEvent, spikes


def found(load: Load) -> list[SpikeEvent]:
    expected = expected_power(load.series, load.calendar, load.is_history)
    return spikes(load.series, expected, load.calendar, load.is_history, load.in_period)


@pytest.mark.parametrize("factor", [3.0, 6.0])
@pytest.mark.parametrize("when", ["2025-08-19 10:00", "2025-08-21 02:15", "2025-08-23 15:30"])
@pytest.mark.parametrize("seed", range(3))
def test_a_single_interval_times_three_or_six_is_found(factor: float, when: str, seed: int) -> None:
    load = office(week_of(), noise=0.05, seed=seed)
    at = int(load.index.get_loc(when + "-04:00"))
    load.power_kw[at] *= factor
    (spike,) = found(load)
    assert (spike.start, spike.stop) == (at, at + 1)
    assert spike.peak_kw == load.power_kw[at]
    usual_kw = 10.0 if load.calendar.is_open[at] else 2.0
    assert spike.excess_kwh == pytest.approx((load.power_kw[at] - usual_kw) / 4, rel=0.1)


def test_two_intervals_are_one_spike() -> None:
    load = office(week_of())
    load.add("2025-08-19 10:00", "2025-08-19 10:30", 25.0)
    (spike,) = found(load)
    assert spike.stop - spike.start == 2


def test_an_hour_is_no_spike() -> None:
    load = office(week_of())
    load.add("2025-08-19 10:00", "2025-08-19 11:00", 25.0)
    assert found(load) == []


def test_a_dip_is_no_spike() -> None:
    load = office(week_of())
    load.add("2025-08-19 10:00", "2025-08-19 10:15", -9.0)
    assert found(load) == []


def test_jumps_that_are_a_habit_are_no_spikes() -> None:
    load = office(week_of(), noise=0.02)
    # A lift that runs for one quarter hour, twice every day, at no fixed time.
    rng = np.random.default_rng(0)
    for day in np.unique(load.calendar.day):
        slots = rng.choice(np.flatnonzero(load.calendar.day == day), 2, replace=False)
        load.power_kw[slots] += 8.0
    assert found(load) == []


def test_a_restless_channel_still_shows_a_spike_beyond_everything_it_ever_did() -> None:
    load = Load(week_of())
    load.power_kw = np.where(np.random.default_rng(2).random(len(load.index)) < 0.4, 6.0, 0.5)
    at = int(load.index.get_loc("2025-08-19 10:00:00-04:00"))
    load.power_kw[at] = 30.0
    assert [spike.start for spike in found(load)] == [at]


def test_ordinary_weeks_have_no_spikes() -> None:
    loads = [office(week_of(), noise=0.02 + 0.001 * seed, seed=seed) for seed in range(60)]
    assert [spike for load in loads for spike in found(load)] == []


@pytest.mark.parametrize("seed", range(8))
def test_a_hot_day_on_which_a_cycling_unit_swings_more_has_no_spikes(seed: int) -> None:
    # Cooling whose swings are a share of its load, at more than twice its usual load.
    load = office(week_of(), closed_kw=1.0, open_kw=6.0, noise=0.0, seed=seed)
    swing = 1 + 0.09 * np.random.default_rng(seed).standard_normal(len(load.index))
    load.power_kw[load.between("2025-08-19 06:00", "2025-08-19 19:00")] *= 2.5
    load.power_kw *= swing
    assert found(load) == []


def test_a_spike_on_a_hot_day_is_still_found() -> None:
    load = office(week_of(), closed_kw=1.0, open_kw=6.0, noise=0.02)
    load.power_kw[load.in_period & load.calendar.is_open] *= 2
    at = int(load.index.get_loc("2025-08-19 12:00:00-04:00"))
    load.power_kw[at] *= 3
    assert [spike.start for spike in found(load)] == [at]


def test_the_last_interval_of_the_week_can_be_a_spike() -> None:
    load = office(week_of())
    load.power_kw[-1] *= 5
    assert [spike.start for spike in found(load)] == [len(load.index) - 1]


def test_doubled_readings_of_the_repeated_hour_are_no_spikes() -> None:
    load = office(week_of(date(2025, 10, 27)), interval_seconds=3600)
    repeated = np.flatnonzero(load.calendar.is_repeated & load.in_period)
    assert len(repeated) == 2
    load.power_kw[repeated[0]] *= 2
    assert found(load) == []


@pytest.mark.parametrize("kw", [0.0, 5.0])
def test_a_constant_load_has_no_spike(kw: float) -> None:
    load = Load(week_of())
    load.power_kw[:] = kw
    assert found(load) == []
