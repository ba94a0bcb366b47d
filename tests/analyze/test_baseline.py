"""Expected power: what the weeks before say, and nothing that came later."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from synthetic_site import Load, office, week_of

from analyze.baseline import Expected, expected_power


def learned(load: Load) -> Expected:
    return expected_power(load.series, load.calendar, load.is_history)


def test_a_load_that_repeats_every_week_is_expected_exactly() -> None:
    load = Load(week_of())
    load.power_kw = 5 + 3 * np.sin(load.calendar.weekday + load.calendar.slot / 96)
    expected = learned(load).expected_kw
    # Neighbouring quarter hours are pooled, so a slope is smoothed a little.
    assert np.abs(expected - load.power_kw).max() < 0.1


def test_expected_energy_of_a_noisy_load_is_unbiased() -> None:
    load = office(week_of(), noise=0.1, seed=3)
    expected = learned(load).expected_kw[load.in_period].sum()
    true = np.where(load.calendar.is_open, 10.0, 2.0)[load.in_period].sum()
    assert expected == pytest.approx(true, rel=0.02)


def test_expected_energy_of_a_load_that_cycles_is_its_mean() -> None:
    load = Load(week_of())
    load.power_kw = np.where(np.random.default_rng(2).random(len(load.index)) < 0.4, 6.0, 0.0)
    expected = learned(load).expected_kw[load.in_period].mean()
    assert expected == pytest.approx(0.4 * 6.0, rel=0.1)


def test_a_fault_in_the_history_is_not_expected_again() -> None:
    plain, faulty = office(week_of(), seed=4), office(week_of(), seed=4)
    faulty.add("2025-08-05 19:00", "2025-08-06 06:00", 6.0)
    difference = learned(faulty).expected_kw - learned(plain).expected_kw
    assert np.abs(difference).max() < 0.1


def test_nothing_after_the_start_of_the_period_is_learned() -> None:
    plain, later = office(week_of(), seed=5), office(week_of(), seed=5)
    later.power_kw[later.in_period] *= 100
    assert learned(later).expected_kw.tolist() == learned(plain).expected_kw.tolist()


def test_a_public_holiday_in_the_period_is_expected_to_be_a_sunday() -> None:
    load = office(week_of(date(2025, 9, 1)), noise=0.0)
    labor_day_noon = np.flatnonzero(load.index == "2025-09-01 12:00:00-04:00")[0]
    assert learned(load).expected_kw[labor_day_noon] == pytest.approx(2.0)


def test_a_public_holiday_in_the_history_does_not_lower_its_weekday() -> None:
    load = office(week_of(date(2025, 9, 8)), noise=0.0)
    monday_noon = np.flatnonzero(load.index == "2025-09-08 12:00:00-04:00")[0]
    assert learned(load).expected_kw[monday_noon] == pytest.approx(10.0)


@pytest.mark.parametrize("monday", [date(2026, 3, 9), date(2025, 11, 3)])
def test_after_a_clock_change_the_expected_follows_the_local_clock(monday: date) -> None:
    load = office(week_of(monday), noise=0.0)
    expected = learned(load).expected_kw[load.in_period]
    assert expected == pytest.approx(load.power_kw[load.in_period])


def test_weeks_count_where_at_least_half_was_measured() -> None:
    load = office(week_of())
    load.power_kw[load.between("2025-07-07", "2025-07-21")] = np.nan
    load.power_kw[load.between("2025-07-21", "2025-07-24")] = np.nan
    assert learned(load).weeks == 4


def test_without_any_history_nothing_is_expected() -> None:
    load = office(week_of())
    load.power_kw[load.is_history] = np.nan
    found = learned(load)
    assert found.weeks == 0
    assert np.isnan(found.expected_kw).all()


def test_expected_and_scale_grow_with_the_load() -> None:
    small, large = office(week_of(), seed=6), office(week_of(), seed=6)
    large.power_kw = 1000 * small.power_kw
    assert learned(large).expected_kw == pytest.approx(1000 * learned(small).expected_kw)
    assert learned(large).scale_kw == pytest.approx(1000 * learned(small).scale_kw)
