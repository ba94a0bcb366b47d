"""Anomalies: both directions, merged into events, and silence on ordinary weeks."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_site import Load, office, week_of

from analyze.anomaly_detection import AnomalyEvent, anomalies
from analyze.baseline import expected_power


def found(load: Load) -> list[AnomalyEvent]:
    expected = expected_power(load.series, load.calendar, load.is_history)
    return anomalies(load.series, expected, load.calendar, load.is_history, load.in_period)


@pytest.mark.parametrize("seed", range(5))
def test_an_afternoon_of_higher_load_is_one_event_with_its_energy(seed: int) -> None:
    load = office(week_of(), noise=0.05, seed=seed)
    planted = load.add("2025-08-20 10:00", "2025-08-20 16:00", 6.0)
    (event,) = found(load)
    assert event.direction == "high"
    assert event.excess_kwh == pytest.approx(planted, rel=0.1)
    assert abs(load.index[event.start].hour - 10) <= 1
    assert abs(load.index[event.stop - 1].hour - 15) <= 1


def test_a_load_that_is_missing_its_usual_work_is_low() -> None:
    load = office(week_of())
    planted = load.add("2025-08-20 08:00", "2025-08-20 17:00", -7.0)
    (event,) = found(load)
    assert event.direction == "low"
    assert event.excess_kwh == pytest.approx(planted, rel=0.1)
    assert event.peak_kw < event.expected_kw


def test_a_short_return_to_normal_does_not_split_an_event() -> None:
    load = office(week_of())
    load.add("2025-08-20 08:00", "2025-08-20 12:00", 6.0)
    load.add("2025-08-20 12:30", "2025-08-20 17:00", 6.0)
    assert len(found(load)) == 1


def test_two_days_are_two_events() -> None:
    load = office(week_of())
    load.add("2025-08-19 10:00", "2025-08-19 14:00", 6.0)
    load.add("2025-08-21 10:00", "2025-08-21 14:00", 6.0)
    assert len(found(load)) == 2


def test_less_than_an_hour_is_no_anomaly() -> None:
    load = office(week_of())
    load.add("2025-08-20 10:00", "2025-08-20 10:30", 6.0)
    assert found(load) == []


def test_the_larger_event_is_the_more_severe() -> None:
    load = office(week_of())
    load.add("2025-08-19 10:00", "2025-08-19 11:30", 5.0)
    load.add("2025-08-21 07:00", "2025-08-21 18:00", 12.0)
    small, large = found(load)
    assert (small.severity, large.severity) == ("low", "high")
    assert large.confidence > small.confidence


def test_three_years_of_ordinary_channel_weeks_are_silent() -> None:
    events = [
        event
        for seed in range(150)
        for event in found(office(week_of(), noise=0.03 + 0.001 * (seed % 70), seed=seed))
    ]
    assert events == []


@pytest.mark.parametrize("kw", [0.0, 4.0, -3.0])
def test_a_constant_load_has_no_anomaly(kw: float) -> None:
    load = Load(week_of())
    load.power_kw[:] = kw
    assert found(load) == []


def test_a_load_that_was_always_zero_and_starts_is_an_anomaly() -> None:
    load = Load(week_of())
    planted = load.add("2025-08-20 10:00", "2025-08-20 16:00", 5.0)
    (event,) = found(load)
    assert event.excess_kwh == pytest.approx(planted)


def test_export_is_judged_like_any_load() -> None:
    load = office(week_of(), closed_kw=-1.0, open_kw=-8.0)
    planted = load.add("2025-08-20 09:00", "2025-08-20 16:00", 6.0)
    (event,) = found(load)
    assert (event.direction, event.excess_kwh) == ("high", pytest.approx(planted, rel=0.1))


def test_a_gap_inside_an_event_is_not_energy() -> None:
    load = office(week_of(), noise=0.0)
    load.add("2025-08-20 08:00", "2025-08-20 18:00", 6.0)
    load.power_kw[load.between("2025-08-20 12:00", "2025-08-20 12:45")] = np.nan
    (event,) = found(load)
    assert event.excess_kwh == pytest.approx(6.0 * (10 - 0.75), rel=0.02)


def test_hourly_readings_give_the_same_event() -> None:
    load = office(week_of(), interval_seconds=3600)
    planted = load.add("2025-08-20 10:00", "2025-08-20 16:00", 6.0)
    (event,) = found(load)
    assert event.excess_kwh == pytest.approx(planted, rel=0.1)
