"""Sensor health: each fault is named once, and ordinary channels have none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from synthetic_site import Load, channel, findings, office, week_of

from analyze.findings import HealthIssue
from analyze.readings import RejectedCount, SiteData
from analyze.week import analyze_week


def issues(
    load: Load, measures: dict[str, np.ndarray] | None = None, status: str = "active"
) -> list[HealthIssue]:
    return list(findings(channel(load, measures=measures, status=status), load=load).health_issues)


def lose(load: Load, start: str, end: str) -> None:
    load.power_kw[load.between(start, end)] = np.nan


@pytest.mark.parametrize(
    ("end", "severity"),
    [("2025-08-20 11:00", "low"), ("2025-08-20 13:00", "medium"), ("2025-08-21 12:00", "high")],
)
def test_a_gap_is_told_once_with_its_bounds(end: str, severity: str) -> None:
    load = office(week_of())
    lose(load, "2025-08-20 10:00", end)
    (issue,) = issues(load)
    assert (issue.type, issue.severity) == ("missing_data", severity)
    assert f"{issue.start:%Y-%m-%d %H:%M}" == "2025-08-20 10:00"
    assert f"{issue.end:%Y-%m-%d %H:%M}" == end


def test_two_missing_quarter_hours_are_no_issue() -> None:
    load = office(week_of())
    lose(load, "2025-08-20 10:00", "2025-08-20 10:30")
    assert issues(load) == []


def test_scattered_missing_intervals_are_low_completeness() -> None:
    load = office(week_of())
    lost = np.flatnonzero(load.in_period)[5::20]
    load.power_kw[lost] = np.nan
    (issue,) = issues(load)
    assert (issue.type, issue.severity) == ("low_completeness", "medium")
    assert "5.1 %" in issue.description  # 34 of 672


@pytest.mark.parametrize(
    ("silent_from", "expected"),
    [("2025-08-24 22:00", "missing_data"), ("2025-08-24 17:00", "stale_data"),
     ("2025-08-23 18:00", "dead_channel"), ("2025-08-18 00:00", "dead_channel")],
)  # fmt: skip
def test_silence_until_the_end_is_stale_after_six_hours_and_dead_after_a_day(
    silent_from: str, expected: str
) -> None:
    load = office(week_of())
    lose(load, silent_from, "2025-08-25 00:00")
    assert [issue.type for issue in issues(load)] == [expected]


def test_a_channel_that_reports_to_the_end_is_not_stale_however_late_the_report_is() -> None:
    load = office(week_of())
    late = load.period.end + timedelta(days=30)
    assert findings(channel(load), load=load, now=late).health_issues == ()


def test_in_a_running_week_what_was_not_fetched_yet_is_not_missing() -> None:
    load = office(week_of())
    lose(load, "2025-08-21 06:00", "2025-08-25 00:00")
    noon = load.index[load.between("2025-08-21 12:00", "2025-08-21 12:15")][0].to_pydatetime()
    found = findings(channel(load), load=load, now=noon)
    assert found.health_issues == ()
    assert found.data_quality.completeness_pct == 100
    assert any("not over" in caveat for caveat in found.data_quality.caveats)


def test_a_channel_that_never_reported_is_a_caveat_and_no_issue() -> None:
    load, silent = office(week_of()), Load(week_of())
    silent.power_kw[:] = np.nan
    found = findings(channel(load), channel(silent, 2, "Spare"), load=load)
    assert found.health_issues == ()
    assert any("Spare (2)" in caveat for caveat in found.data_quality.caveats)
    assert found.data_quality.completeness_pct == 100


@pytest.mark.parametrize("status", ["retired", "unreadable"])
def test_channels_that_nobody_expects_are_not_judged(status: str) -> None:
    load = office(week_of())
    lose(load, "2025-08-22 18:00", "2025-08-25 00:00")
    assert issues(load, status=status) == []


def test_a_stuck_sensor_is_a_flatline_and_nothing_else() -> None:
    load = office(week_of())
    stuck = load.between("2025-08-20 08:00", "2025-08-20 20:00")
    load.power_kw[stuck] = load.power_kw[stuck][0]
    found = findings(channel(load), load=load)
    (issue,) = found.health_issues
    assert (issue.type, issue.severity) == ("flatline", "medium")
    assert issue.end - issue.start == timedelta(hours=12)
    assert (found.anomalies, found.after_hours.meters, found.spikes) == ((), (), ())


def test_stuck_at_zero_is_a_flatline_unless_the_voltage_shows_that_the_meter_lives() -> None:
    load = office(week_of())
    load.power_kw[load.between("2025-08-20 08:00", "2025-08-20 17:00")] = 0.0
    assert [issue.type for issue in issues(load)] == ["flatline"]
    voltage = 230 + np.random.default_rng(0).standard_normal(len(load.index))
    alive = findings(channel(load, measures={"voltage_v": voltage}), load=load)
    assert alive.health_issues == ()
    assert [event.direction for event in alive.anomalies] == ["low"]


def switched_off_at_night(load: Load) -> None:
    load.power_kw[~load.calendar.is_open] = 0.0


def constant_at_night(load: Load) -> None:
    load.power_kw[~load.calendar.is_open] = 1.5


def always_constant(load: Load) -> None:
    load.power_kw[:] = 4.0


def always_zero(load: Load) -> None:
    load.power_kw[:] = 0.0


@pytest.mark.parametrize(
    "habit", [switched_off_at_night, constant_at_night, always_constant, always_zero]
)
def test_what_a_channel_always_does_is_no_flatline(habit: Callable[[Load], None]) -> None:
    load = office(week_of())
    habit(load)
    assert issues(load) == []


def test_hourly_readings_may_repeat_for_a_few_hours() -> None:
    load = office(week_of(), interval_seconds=3600)
    load.power_kw[load.between("2025-08-20 08:00", "2025-08-20 13:00")] = 10.0
    assert issues(load) == []


def test_an_implausible_stored_value_is_out_of_range() -> None:
    load = office(week_of())
    voltage = np.full(len(load.index), 230.0)
    voltage[np.flatnonzero(load.in_period)[10:30]] = 9999.0
    (issue,) = issues(load, {"voltage_v": voltage})
    assert (issue.type, issue.severity) == ("out_of_range", "medium")


def test_many_values_set_aside_at_the_border_are_out_of_range() -> None:
    load = office(week_of())
    data = SiteData(
        "1", "Test", load.period.timezone, "USD", (channel(load),),
        rejected={1: (RejectedCount("field", "voltage_v_out_of_range", 40),)},
    )  # fmt: skip
    found = analyze_week(data, load.site, load.period, load.period.end + timedelta(days=1))
    assert [issue.type for issue in found.health_issues] == ["out_of_range"]
    assert found.data_quality.by_channel[0].rejected == 40


def test_energy_that_contradicts_power_is_a_mismatch() -> None:
    load = office(week_of())
    assert issues(load, {"energy_kwh": load.power_kw * load.hours * 1.01}) == []
    (issue,) = issues(load, {"energy_kwh": load.power_kw * load.hours * 1.5})
    assert issue.type == "energy_power_mismatch"


def phases(load: Load, *shares: float) -> dict[str, np.ndarray]:
    return {f"power_kw_{n}": share * load.power_kw for n, share in enumerate(shares, start=1)}


def test_a_phase_that_falls_away_is_an_imbalance() -> None:
    load = office(week_of())
    measures = phases(load, 0.35, 0.35, 0.3)
    assert issues(load, measures) == []
    measures["power_kw_3"][load.in_period] = 0.0
    assert [issue.type for issue in issues(load, measures)] == ["phase_imbalance"]


def test_a_channel_that_was_always_unbalanced_has_no_new_fault() -> None:
    load = office(week_of())
    assert issues(load, phases(load, 0.9, 0.1, 0.0)) == []


def test_an_air_sensor_is_judged_by_its_temperature() -> None:
    load = Load(week_of())
    temperature = 21 + np.random.default_rng(0).standard_normal(len(load.index))
    temperature[load.between("2025-08-20 08:00", "2025-08-20 20:00")] = 21.0
    load.power_kw[:] = np.nan
    air = channel(
        load, 7, "Air sensor", channel_type="environment", in_site_total=False,
        is_additive=False, measures={"temperature_c": temperature},
    )  # fmt: skip
    found = findings(air, load=load)
    assert [issue.type for issue in found.health_issues] == ["flatline"]
    assert found.totals.energy_kwh is None


def told(load: Load, measures: dict[str, np.ndarray] | None = None) -> tuple[str, str, str, str]:
    """Type, severity, start and end of the only issue, in local time."""
    (issue,) = issues(load, measures)
    return issue.type, issue.severity, f"{issue.start:%d %H:%M}", f"{issue.end:%d %H:%M}"


def uneven(load: Load) -> dict[str, np.ndarray]:
    """Phases of 50, 30 and 20 %, each with noise of its own."""
    rng = np.random.default_rng(3)
    measures = phases(load, 0.5, 0.3, 0.2)
    return {name: kw * (1 + 0.03 * rng.standard_normal(len(kw))) for name, kw in measures.items()}


def test_phases_that_were_exchanged_are_told_from_when_on() -> None:
    load = office(week_of())
    measures = uneven(load)
    assert issues(load, measures) == []
    late = load.between("2025-08-20 10:00", "2025-08-25 00:00")
    one, two = measures["power_kw_1"].copy(), measures["power_kw_2"].copy()
    measures["power_kw_1"][late], measures["power_kw_2"][late] = two[late], one[late]
    assert told(load, measures) == ("phase_imbalance", "medium", "20 10:00", "25 00:00")
    assert "Phases 1 and 2 have changed places" in issues(load, measures)[0].description


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_phase_that_reads_backwards_is_told_even_where_its_value_was_refused(
    is_refused: bool,
) -> None:
    load = office(week_of())
    measures = uneven(load)
    late = load.between("2025-08-20 10:00", "2025-08-25 00:00")
    measures["power_kw_3"][late] *= -1
    measures["power_kw"] = np.sum([measures[f"power_kw_{n}"] for n in (1, 2, 3)], axis=0)
    measures["energy_kwh"] = measures["power_kw"] * load.hours
    if is_refused:
        measures["power_kw_3"][late] = np.nan
    found = [one for one in issues(load, measures) if one.type == "phase_imbalance"]
    assert [f"{one.start:%d %H:%M}" for one in found] == ["20 10:00"]
    assert "Phase 3 reads backwards" in found[0].description


def test_a_phase_that_feeds_in_by_day_is_no_fault() -> None:
    load = office(week_of())
    measures = uneven(load)
    sunny = (load.index.hour >= 9) & (load.index.hour < 16)
    measures["power_kw_3"][sunny] -= 0.5 * load.power_kw[sunny]
    found = findings(channel(load, measures=measures), load=load, allow_export=True).health_issues
    assert [one for one in found if one.type == "phase_imbalance"] == []


def test_a_phase_lost_for_two_days_is_told_with_its_bounds() -> None:
    load = office(week_of())
    measures = uneven(load)
    measures["power_kw_2"][load.between("2025-08-20 08:00", "2025-08-21 18:00")] = 0.0
    kind, severity, start, end = told(load, measures)
    assert (kind, severity) == ("phase_imbalance", "medium")
    # At night the load is too small to say.
    assert (start, end) == ("20 08:00", "21 18:00")


def test_zeros_here_and_there_are_told_where_a_channel_never_has_any() -> None:
    load = office(week_of())
    lost = np.flatnonzero(load.between("2025-08-20 08:00", "2025-08-21 08:00"))[::6]
    load.power_kw[lost] = 0.0
    assert told(load) == ("out_of_range", "medium", "20 08:00", "21 06:45")
    voltage = {"voltage_v": np.full(len(load.index), 230.0)}
    assert issues(load, voltage) == []


def test_days_below_the_usual_base_load_are_a_wrong_scale() -> None:
    load = office(week_of(), closed_kw=8.0)
    load.power_kw[load.between("2025-08-20 00:00", "2025-08-22 00:00")] *= 0.1
    assert told(load) == ("out_of_range", "medium", "20 00:00", "22 00:00")
    assert "Below 60 % of its usual base load for 2 days" in issues(load)[0].description


def test_hours_far_above_anything_before_are_a_wrong_scale_and_no_waste() -> None:
    load = office(week_of())
    load.power_kw[load.between("2025-08-20 08:00", "2025-08-20 18:00")] *= 10
    found = findings(channel(load), load=load)
    assert [one.type for one in found.health_issues] == ["out_of_range"]
    assert "More than 4 times its usual highest load for 10 h" in found.health_issues[0].description
    assert (found.anomalies, found.spikes, found.after_hours.meters) == ((), (), ())
