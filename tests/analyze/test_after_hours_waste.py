"""After-hours waste: what was planted is found, its energy is right, and nothing else is."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from synthetic_site import WEEKDAYS, Load, office, office_site, week_of

from analyze.after_hours_waste import ChannelWaste, after_hours_waste
from analyze.baseline import expected_power

NIGHTS = (("2025-08-18", "2025-08-19"), ("2025-08-19", "2025-08-20"), ("2025-08-20", "2025-08-21"))


def judged(load: Load) -> ChannelWaste | None:
    expected = expected_power(load.series, load.calendar, load.is_history)
    return after_hours_waste(load.series, expected, load.calendar, load.is_history, load.in_period)


def found(load: Load) -> ChannelWaste:
    waste = judged(load)
    assert waste is not None
    return waste


def leave_on(load: Load, kw: float = 4.0) -> float:
    """Three nights from closing to opening; returns the planted energy [kWh]."""
    return sum(load.add(f"{first} 19:00", f"{next_} 06:00", kw) for first, next_ in NIGHTS)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_equipment_left_on_is_found_with_its_energy(seed: int, share: float) -> None:
    load = office(week_of(), noise=0.05, seed=seed)
    planted = leave_on(load, share * 8.0)
    waste = found(load)
    assert waste.excess_kwh == pytest.approx(planted, rel=0.05)
    assert len(waste.stretches) == 3


def test_the_stated_error_covers_the_true_energy() -> None:
    covered = []
    for seed in range(20):
        load = office(week_of(), noise=0.08, seed=100 + seed)
        planted = leave_on(load)
        waste = found(load)
        covered.append(abs(waste.excess_kwh - planted) <= waste.error_pct / 100 * waste.excess_kwh)
    assert sum(covered) >= 18  # a 90 % interval


def test_without_waste_the_excess_is_zero() -> None:
    for seed in range(10):
        waste = found(office(week_of(), noise=0.08, seed=seed))
        assert (waste.excess_kwh, waste.stretches) == (0.0, ())


def test_a_whole_weekend_is_one_stretch() -> None:
    load = office(week_of())
    planted = load.add("2025-08-22 19:00", "2025-08-25 00:00", 5.0)
    waste = found(load)
    assert waste.excess_kwh == pytest.approx(planted, rel=0.05)
    assert len(waste.stretches) == 1


def test_a_part_of_the_night_is_found_too() -> None:
    load = office(week_of())
    planted = load.add("2025-08-19 22:00", "2025-08-20 02:00", 5.0)
    assert found(load).excess_kwh == pytest.approx(planted, rel=0.1)


def test_a_holiday_between_two_nights_of_waste_is_not_claimed() -> None:
    load = office(week_of(date(2025, 9, 1)))  # Monday is Labor Day
    planted = load.add("2025-08-31 19:00", "2025-09-01 06:00", 5.0) * 6 / 11  # Monday's part
    planted += load.add("2025-09-01 19:00", "2025-09-02 06:00", 5.0)
    waste = found(load)
    assert waste.excess_kwh == pytest.approx(planted, rel=0.05)
    spans = [(load.index[start], load.index[stop - 1]) for start, stop in waste.stretches]
    noon = pd.Timestamp("2025-09-01 12:00", tz=load.period.timezone)
    assert not any(first <= noon <= last for first, last in spans)


def test_a_stretch_that_was_off_for_hours_in_between_is_claimed_in_two_parts() -> None:
    load = office(week_of())
    planted = load.add("2025-08-22 19:00", "2025-08-25 00:00", 5.0)
    planted -= load.add("2025-08-23 10:00", "2025-08-23 16:00", -5.0) * -1
    waste = found(load)
    assert len(waste.stretches) == 2
    assert waste.excess_kwh == pytest.approx(planted, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_a_night_level_that_falls_with_the_season_does_not_hide_a_part_of_the_waste(
    seed: int,
) -> None:
    load = office(week_of(), noise=0.02, seed=seed)
    days = load.calendar.day - load.calendar.day[0]
    # Heating: nights from 2.8 down to 2 kW, and days that are busier when it is cold.
    cold_kw = 0.8 * (1 - days / days[-1])
    load.power_kw += np.where(load.calendar.is_open, 3 * cold_kw, cold_kw)
    planted = leave_on(load)
    assert found(load).excess_kwh == pytest.approx(planted, rel=0.08)


def test_the_same_load_in_open_hours_is_not_after_hours_waste() -> None:
    load = office(week_of())
    load.add("2025-08-19 08:00", "2025-08-19 17:00", 6.0)
    assert found(load).excess_kwh == 0


def test_nights_that_were_never_quiet_are_not_waste() -> None:
    load = office(week_of(), closed_kw=10.0)
    assert found(load).excess_kwh == 0


def test_a_gap_counts_neither_as_use_nor_as_saving() -> None:
    load = office(week_of(), noise=0.0)
    leave_on(load)
    load.power_kw[load.between("2025-08-18 19:00", "2025-08-18 23:00")] = np.nan
    waste = found(load)
    assert waste.excess_kwh == pytest.approx(4.0 * (3 * 11 - 4))
    assert waste.after_hours_kwh == pytest.approx(2.0 * (168 - 65 - 4) + 4.0 * (33 - 4))


def test_waste_in_most_weeks_of_the_history_on_other_nights_does_not_hide_it() -> None:
    load = office(week_of(), noise=0.05)
    for day in ("2025-07-08", "2025-07-17", "2025-07-24", "2025-08-01", "2025-08-06"):
        load.add(f"{day} 19:00", f"{day} 23:59", 4.0)
    planted = leave_on(load)
    assert found(load).excess_kwh == pytest.approx(planted, rel=0.06)


def test_labor_day_is_closed_and_its_daytime_load_is_waste() -> None:
    load = office(week_of(date(2025, 9, 1)), noise=0.0)
    planted = load.add("2025-09-01 06:00", "2025-09-01 19:00", 5.0)
    assert found(load).excess_kwh == pytest.approx(planted)


@pytest.mark.parametrize(
    ("monday", "night", "hours"),
    [(date(2026, 3, 2), ("2026-03-07 19:00", "2026-03-08 06:00"), 10),
     (date(2025, 10, 27), ("2025-11-01 19:00", "2025-11-02 06:00"), 12)],
)  # fmt: skip
def test_the_night_of_a_clock_change_has_its_own_length(
    monday: date, night: tuple[str, str], hours: int
) -> None:
    load = office(week_of(monday), noise=0.0)
    load.add(*night, 5.0)
    assert found(load).excess_kwh == pytest.approx(5.0 * hours)


def test_lord_howe_shifts_by_half_an_hour() -> None:
    zone = "Australia/Lord_Howe"
    site = office_site(timezone=zone, holidays=None)
    # Clocks go back by 30 minutes on Sunday 5 April 2026.
    load = office(week_of(date(2026, 3, 30), zone), noise=0.0, site=site)
    load.add("2026-04-04 19:00", "2026-04-05 06:00", 5.0)
    assert found(load).excess_kwh == pytest.approx(5.0 * 11.5)


@pytest.mark.parametrize("interval_seconds", [60, 900, 1800, 3600])
def test_the_energy_does_not_depend_on_the_interval(interval_seconds: int) -> None:
    load = office(week_of(), noise=0.0, interval_seconds=interval_seconds)
    planted = leave_on(load)
    assert planted == pytest.approx(4.0 * 33)
    assert found(load).excess_kwh == pytest.approx(planted)


def test_energies_scale_with_the_load() -> None:
    small, large = office(week_of(), seed=8), office(week_of(), seed=8)
    leave_on(small)
    large.power_kw = 50 * small.power_kw
    leave_on(large, 0.0)
    assert found(large).excess_kwh == pytest.approx(50 * found(small).excess_kwh)
    assert found(large).error_pct == pytest.approx(found(small).error_pct)


def test_a_busy_day_that_fades_out_is_not_waste_where_busy_days_do_so() -> None:
    load = office(week_of(), noise=0.02, seed=9)
    rng = np.random.default_rng(9)
    days = np.unique(load.calendar.day)
    busy_kw = dict(zip(days.tolist(), np.abs(rng.normal(0, 2.0, len(days))), strict=True))
    by_interval = np.array([busy_kw[day] for day in load.calendar.day.tolist()])
    load.power_kw += np.where(load.calendar.is_open, by_interval, 0.0)
    evening = ~load.calendar.is_open & (load.calendar.slot >= 76) & (load.calendar.weekday < 5)
    load.power_kw += np.where(evening, 0.3 * by_interval, 0.0)
    assert found(load).excess_kwh == 0


def test_too_little_history_is_not_judged() -> None:
    load = office(week_of())
    load.power_kw[load.between("2025-01-01", "2025-08-15")] = np.nan
    assert judged(load) is None


def test_a_site_that_never_closes_is_not_judged() -> None:
    always = {day: ["00:00", "24:00"] for day in (*WEEKDAYS, "saturday", "sunday")}
    site = office_site(opening_hours=always, holidays=None)
    assert judged(office(week_of(), site=site)) is None


@pytest.mark.parametrize("monday", [date(2025, 11, 10), date(2025, 12, 22), date(2025, 12, 29)])
def test_the_night_after_a_holiday_is_waste_as_those_before_it(monday: date) -> None:
    # Veterans Day, Christmas and New Year's Day: left on in every night before a weekday or after.
    load = office(week_of(monday), seed=1)
    planted = 0.0
    for night in range(5):
        day = monday + timedelta(days=night)
        planted += load.add(f"{day} 19:00", f"{day + timedelta(days=1)} 06:00", 2.0)
    waste = found(load)
    assert waste.excess_kwh == pytest.approx(planted, rel=0.03)
    by_day = {load.index[start].date() for start, _ in waste.stretches}
    assert len(by_day) == 5
