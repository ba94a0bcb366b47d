"""The shipped detectors on whole series: what they find, and what does not change it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from synthetic_site import NEW_YORK, Load, office, office_site, week_of

from analyze.calendar_days import site_calendar
from analyze.detectors import Detections, detect
from analyze.health_rules import from_their_start, meter_faults
from analyze.hourly_days import hour_grid
from analyze.learned_hours import learned_hours

WEEKS = 10


def year_part(seed: int = 0, **kind: object) -> Load:
    """Eleven weeks of an office in whole days, hourly unless told otherwise."""
    grid = {"interval_seconds": 3600, "baseline_weeks": WEEKS, **kind}
    return office(week_of(), noise=0.05, seed=seed, **grid)  # type: ignore[arg-type]


def found(load: Load) -> Detections:
    return detect(load.power_kw, load.calendar)


def with_faults(seed: int = 0) -> Load:
    load = year_part(seed)
    for night in (18, 19, 20):
        load.add(f"2025-08-{night} 19:00", f"2025-08-{night + 1} 06:00", 5.0)
    load.add("2025-08-13 09:00", "2025-08-13 17:00", 14.0)
    load.power_kw[load.between("2025-08-15 11:00", "2025-08-15 12:00")] *= 5
    load.power_kw[load.between("2025-08-08 01:00", "2025-08-08 20:00")] = 7.77
    load.power_kw[load.between("2025-08-12 03:00", "2025-08-12 08:00")] = 0.0
    return load


def hourly(load: Load, values: np.ndarray) -> np.ndarray:
    """Values of the flat matrix for the load's intervals."""
    return np.asarray(values)[detect(load.power_kw, load.calendar).hours.position]


def test_a_load_left_on_is_claimed_with_its_energy() -> None:
    load = year_part()
    planted = sum(
        load.add(f"2025-08-{night} 19:00", f"2025-08-{night + 1} 06:00", 5.0)
        for night in (18, 19, 20)
    )
    claimed = hourly(load, found(load).consumption.waste_kw)
    assert claimed[load.in_period].sum() == pytest.approx(planted, rel=0.05)
    assert claimed[load.is_history].sum() == 0.0


def test_each_fault_is_found_by_its_own_detector() -> None:
    load = with_faults()
    detections = found(load)
    spike = load.between("2025-08-15 11:00", "2025-08-15 12:00")
    assert np.array_equal(detections.is_spike, spike)
    zero = load.between("2025-08-12 03:00", "2025-08-12 08:00")
    assert np.array_equal(detections.faults.zero, zero)
    # The sixth hour of one value makes it a fault.
    stuck = load.between("2025-08-08 06:00", "2025-08-08 20:00")
    assert np.array_equal(detections.faults.stuck, stuck)
    high = hourly(load, detections.consumption.flag)
    assert high[load.between("2025-08-13 09:00", "2025-08-13 17:00")].any()
    assert not high[load.between("2025-08-14 06:00", "2025-08-15 00:00")].any()


@pytest.mark.parametrize("cut_day", ["2025-08-13", "2025-08-19", "2025-08-21"])
def test_what_was_said_before_a_cut_stays(cut_day: str) -> None:
    load = with_faults()
    whole = found(load)
    cut = int(load.between("2000-01-01", cut_day).sum())
    index = load.index[:cut]
    calendar = site_calendar(index, 3600, load.site)
    part = detect(load.power_kw[:cut], calendar)
    position = part.hours.position
    before = part.consumption.confidence[position]
    assert np.array_equal(before, whole.consumption.confidence[whole.hours.position][:cut])
    assert np.array_equal(part.faults.any, whole.faults.any[:cut])
    # The last interval is no spike before its next neighbour is known to be lower.
    assert np.array_equal(part.is_spike[:-1], whole.is_spike[: cut - 1])
    days = len(part.drift.flag)
    assert np.array_equal(part.drift.flag, whole.drift.flag[:days])


@pytest.mark.parametrize("factor", [0.001, 7.0, 1000.0])
def test_loads_times_a_factor_give_the_same_flags_and_energies_times_it(factor: float) -> None:
    load = with_faults()
    one, other = found(load), detect(load.power_kw * factor, load.calendar)
    assert np.array_equal(one.consumption.flag, other.consumption.flag)
    assert other.consumption.waste_kw == pytest.approx(factor * one.consumption.waste_kw)
    assert np.array_equal(one.is_spike, other.is_spike)
    assert np.array_equal(one.faults.any, other.faults.any)


@pytest.mark.parametrize("interval_seconds", [60, 900, 3600])
@pytest.mark.parametrize("kw", [0.0, 3.0, -2.0])
def test_a_constant_series_gives_no_finding(kw: float, interval_seconds: int) -> None:
    load = Load(week_of(), None, interval_seconds, 4)
    load.power_kw[:] = kw
    detections = found(load)
    assert not detections.consumption.flag.any()
    assert not detections.consumption.waste_kw.any()
    assert not detections.is_spike.any()
    assert not detections.faults.any.any()
    assert not detections.drift.flag.any()


def test_a_series_without_any_reading_gives_no_finding() -> None:
    load = Load(week_of(), None, 3600)
    load.power_kw[:] = np.nan
    detections = found(load)
    assert not detections.consumption.flag.any()
    assert not detections.faults.any.any()


@pytest.mark.parametrize("days", [1, 2, 8])
def test_a_series_of_a_few_days_is_not_judged_wrongly(days: int) -> None:
    load = year_part()
    n = days * 24
    calendar = site_calendar(load.index[:n], 3600, load.site)
    detections = detect(load.power_kw[:n], calendar)
    assert not detections.consumption.flag.any()
    assert not detections.is_spike.any()


def test_a_clock_change_is_no_event() -> None:
    for monday in (date(2026, 3, 2), date(2025, 10, 27)):
        load = office(week_of(monday), noise=0.05, interval_seconds=3600)
        detections = found(load)
        assert not detections.consumption.flag.any()
        assert not detections.is_spike.any()


def test_a_zone_of_another_name_gives_the_same() -> None:
    load = with_faults()
    other = site_calendar(load.index.tz_convert("US/Eastern"), 3600, load.site)
    same = detect(load.power_kw, other)
    assert np.array_equal(found(load).consumption.flag, same.consumption.flag)


def test_quarter_hours_and_hours_give_the_same_consumption_events() -> None:
    def left_on(interval_seconds: int) -> Load:
        load = Load(week_of(), None, interval_seconds)
        load.power_kw = np.where(load.calendar.is_open, 10.0, 2.0)
        day = (load.calendar.day - load.calendar.day[0]).astype(float)
        load.power_kw *= 1 + 0.05 * np.sin(2.3 * day)
        load.add("2025-08-19 19:00", "2025-08-20 06:00", 4.0)
        return load

    fine, coarse = found(left_on(900)), found(left_on(3600))
    assert np.array_equal(fine.consumption.flag, coarse.consumption.flag)
    assert fine.consumption.waste_kw == pytest.approx(coarse.consumption.waste_kw)


def test_a_meter_that_loses_its_gain_slowly_drifts() -> None:
    load = year_part()
    day = (load.calendar.day - load.calendar.day[0]) - 42
    load.power_kw *= 1 - 0.3 * np.clip(day / 30, 0, 1)
    drift = found(load).drift
    assert drift.flag[60:75].any()
    assert -0.35 < drift.change[drift.flag].min() < -0.2
    assert drift.change[drift.flag].max() < 0
    assert not found(year_part(seed=1)).drift.flag.any()


def test_a_meter_that_reads_a_tenth_is_out_of_scale() -> None:
    load = year_part()
    load.power_kw[load.in_period] /= 20
    faults = meter_faults(load.power_kw, hour_grid(load.calendar), 3600)
    first = int(np.flatnonzero(load.in_period)[0])
    # Known when a day of it is over; looking back, it began a day before.
    assert np.flatnonzero(faults.low_scale).tolist() == list(range(first + 23, len(load.index)))
    assert np.array_equal(from_their_start(faults.low_scale, 3600), load.in_period)


def test_what_was_said_of_a_scale_stays_when_the_meter_recovers_within_the_day() -> None:
    load = year_part()
    load.power_kw[load.between("2025-08-20 00:00", "2025-08-21 17:00")] /= 20
    whole = meter_faults(load.power_kw, hour_grid(load.calendar), 3600).low_scale
    assert whole.sum() == 24 + 17 - 23
    for cut in ("2025-08-20 20:00", "2025-08-21 10:00", "2025-08-21 20:00"):
        stop = int(load.index.searchsorted(pd.Timestamp(cut, tz=NEW_YORK)))
        calendar = site_calendar(load.index[:stop], 3600, office_site())
        part = meter_faults(load.power_kw[:stop], hour_grid(calendar), 3600).low_scale
        assert np.array_equal(part, whole[:stop])


def test_equipment_that_is_off_at_weekends_has_no_meter_fault() -> None:
    load = year_part()
    load.power_kw[load.calendar.weekday >= 5] = 0.0
    faults = meter_faults(load.power_kw, hour_grid(load.calendar), 3600)
    settled = load.calendar.day >= load.calendar.day[0] + 14
    assert not (faults.any & settled).any()


def test_opening_hours_are_read_off_the_load() -> None:
    load = year_part(site=office_site(holidays=None))
    learned = learned_hours(load.power_kw, load.index)
    assert set(learned) == {"monday", "tuesday", "wednesday", "thursday", "friday"}
    assert learned["monday"] == ["06:00", "19:00"]


def test_a_level_load_tells_no_opening_hours() -> None:
    index = pd.date_range("2025-06-02", periods=56 * 24, freq="h", tz=NEW_YORK)
    assert learned_hours(np.full(len(index), 4.0), index) == {}
    assert learned_hours(np.full(len(index), np.nan), index) == {}
