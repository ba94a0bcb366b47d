"""The analytics on one page: a made-up site with known faults, and what is said of it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from synthetic_site import Load, channel, findings, week_of

from analyze.findings import WeekFindings

NAMES = {1: "RTU-1", 2: "AHU-1", 3: "Lighting Floor 1", 4: "Kitchen Main Panel", 5: "Plug Loads"}
NIGHTS = (18, 19, 20, 21)


def lifelike(monday: date, channel_id: int, seed: int) -> Load:
    """An office load with ramps, restless days, noise that lasts, and a main share by night."""
    load = Load(week_of(monday))
    rng = np.random.default_rng([seed, channel_id])
    hour = (load.calendar.slot + 0.5) * load.hours
    ramp = np.clip((hour - 5.5) / 2, 0, 1) * np.clip((19.5 - hour) / 1.5, 0, 1)
    at_work = np.where(load.calendar.weekday < 5, 1.0, 0.1) * ramp
    day = load.calendar.day - load.calendar.day[0]
    busy = 1 + 0.08 * rng.standard_normal(day[-1] + 1)[day]
    night = 1 + 0.06 * rng.standard_normal(day[-1] + 2)[day + (hour > 12)]
    white = rng.standard_normal(len(day) + 7)
    lasting = np.convolve(white, np.full(8, 8**-0.5), mode="valid")
    closed_kw, open_kw = 1.0 + channel_id / 2, 8.0 + 2 * channel_id
    load.power_kw = (closed_kw * night + (open_kw - closed_kw) * at_work * busy) * (
        1 + 0.05 * lasting
    )
    return load


def main_of(loads: dict[int, Load]) -> Load:
    """The main meter: what the channels use, and 6 % that nobody measures."""
    main = Load(next(iter(loads.values())).period)
    main.power_kw = 1.06 * np.sum([load.power_kw for load in loads.values()], axis=0)
    return main


def site_week(loads: dict[int, Load], main: Load) -> WeekFindings:
    channels = [
        channel(load, channel_id, NAMES[channel_id], in_site_total=False)
        for channel_id, load in loads.items()
    ]
    total = channel(main, 9, "Main", channel_type="site_total", is_additive=False)
    return findings(*channels, total, load=main)


def clean_week(monday: date, seed: int) -> dict[int, Load]:
    return {channel_id: lifelike(monday, channel_id, seed) for channel_id in NAMES}


@pytest.mark.parametrize("number", range(8))
def test_a_clean_week_has_no_finding_above_low(number: int) -> None:
    monday = date(2026, 1, 26) + timedelta(weeks=number)  # with Presidents' Day and a clock change
    loads = clean_week(monday, seed=number)
    found = site_week(loads, main_of(loads))
    assert [issue for issue in found.health_issues if issue.severity != "low"] == []
    assert [event for event in found.anomalies if event.severity != "low"] == []
    assert found.spikes == ()
    assert found.after_hours.total_excess_kwh < 0.002 * (found.totals.energy_kwh or 0)
    assert found.top_risks == ()


@pytest.fixture(scope="module")
def faulty() -> tuple[WeekFindings, dict[str, float]]:
    """A week with one fault in each channel, and the planted energies [kWh]."""
    loads = clean_week(date(2025, 8, 18), seed=1)
    waste = sum(
        loads[1].add(f"2025-08-{night} 19:00", f"2025-08-{night + 1} 06:00", 4.0)
        for night in NIGHTS
    )
    excess = loads[2].add("2025-08-20 07:00", "2025-08-20 18:00", 12.0)
    at = int(loads[3].index.get_loc("2025-08-19 11:00:00-04:00"))
    spike = 3 * loads[3].power_kw[at] * loads[3].hours
    loads[3].power_kw[at] *= 4
    main = main_of(loads)  # sensor faults of a part are none of the main's
    stuck = loads[4].between("2025-08-20 08:00", "2025-08-20 22:00")
    loads[4].power_kw[stuck] = loads[4].power_kw[stuck][0]
    loads[5].power_kw[loads[5].between("2025-08-22 13:00", "2025-08-25 00:00")] = np.nan
    return site_week(loads, main), {"waste": waste, "excess": excess, "spike": spike}


def test_waste_is_found_within_five_percent(
    faulty: tuple[WeekFindings, dict[str, float]],
) -> None:
    found, planted = faulty
    (meter,) = found.after_hours.meters
    assert meter.channel_id == 1
    assert meter.excess_kwh == pytest.approx(planted["waste"], rel=0.05)
    assert meter.excess_cost == pytest.approx(0.12 * meter.excess_kwh)
    assert meter.excess_cost is not None
    assert found.after_hours.estimated_annual_cost == pytest.approx(52 * meter.excess_cost)


def test_the_anomaly_is_found_with_its_energy(
    faulty: tuple[WeekFindings, dict[str, float]],
) -> None:
    found, planted = faulty
    (event,) = found.anomalies
    assert (event.channel_id, event.direction, event.severity) == (2, "high", "high")
    assert event.excess_kwh == pytest.approx(planted["excess"], rel=0.2)
    assert event.context == "Wednesday, open hours"


def test_the_spike_is_found_at_its_interval(
    faulty: tuple[WeekFindings, dict[str, float]],
) -> None:
    found, planted = faulty
    (spike,) = found.spikes
    assert spike.channel_id == 3
    assert spike.start.isoformat() == "2025-08-19T11:00:00-04:00"
    assert spike.excess_kwh == pytest.approx(planted["spike"], rel=0.2)


def test_the_sensor_faults_are_named(faulty: tuple[WeekFindings, dict[str, float]]) -> None:
    found, _ = faulty
    assert {(issue.channel_id, issue.type, issue.severity) for issue in found.health_issues} == {
        (4, "flatline", "medium"),
        (5, "dead_channel", "high"),
    }


def test_the_first_page_names_the_worst_and_the_best(
    faulty: tuple[WeekFindings, dict[str, float]],
) -> None:
    found, _ = faulty
    assert found.top_risks[0].channel_ids == (5,)
    assert found.top_risks[0].severity == "high"
    assert found.top_opportunities[0].channel_ids == (1,)
    assert [win.rank for win in found.quick_wins] == [1, 2]
    assert "kWh" in found.headline
    assert "2 meters need attention" in found.headline
    low, annual, high = found.savings.low, found.savings.annual_cost, found.savings.high
    assert low is not None
    assert annual is not None
    assert high is not None
    assert low < annual < high


def test_what_is_missing_is_counted(faulty: tuple[WeekFindings, dict[str, float]]) -> None:
    found, _ = faulty
    plug_loads = next(one for one in found.data_quality.by_channel if one.channel_id == 5)
    assert plug_loads.received == 672 - 4 * 59  # Friday 13:00 to Sunday midnight
    assert [gap.missing_intervals for gap in found.data_quality.gaps] == [4 * 59]
