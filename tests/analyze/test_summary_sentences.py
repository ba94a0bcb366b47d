"""The first page in words: ranges of money, exported energy, and energy that was not counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic_site import MONDAY, Load, channel, findings, office, week_of

from analyze.findings import WeekFindings

PEAK_KW = 20.0
# The mean of a day of a half sine from 06:00 to 18:00, in hours of its peak.
SUN_HOURS = 24 / np.pi


def solar(cloudy: float = 0.1) -> Load:
    """A solar inverter: it feeds in, from six to six."""
    load = Load(week_of())
    hour = np.asarray(load.index.hour + load.index.minute / 60 + 1 / 8)
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None)
    noise = np.random.default_rng(1).standard_normal(len(hour))
    load.power_kw = -PEAK_KW * sun * (1 + cloudy * noise)
    return load


def of_solar(load: Load) -> WeekFindings:
    return findings(channel(load, name="Solar PV"), load=load, allow_export=True)


def test_a_site_that_feeds_in_as_usual_is_said_to_do_so() -> None:
    found = of_solar(solar())
    fed_in = 7 * SUN_HOURS * PEAK_KW
    assert found.totals.expected_kwh == pytest.approx(-fed_in, rel=0.02)
    assert found.headline.startswith("The site fed in 1,0")
    assert "about as much as usual" in found.headline
    assert "history" not in found.headline
    assert "-" not in found.headline


@pytest.mark.parametrize("day", ["2025-08-19", "2025-08-23"])  # a Tuesday, a Saturday
def test_generation_that_was_lost_is_not_called_use_or_waste(day: str) -> None:
    load = solar()
    lost = load.between(f"{day} 00:00", f"{pd.Timestamp(day) + pd.Timedelta(days=1):%Y-%m-%d}")
    load.power_kw[lost] = 0.0
    found = of_solar(load)
    assert found.after_hours.meters == ()
    assert "less than usual" in found.headline
    (win,) = found.quick_wins
    assert win.title == "Find out why Solar PV (solar inverter) fed in less than usual"
    assert win.weekly_kwh == pytest.approx(SUN_HOURS * PEAK_KW, rel=0.1)
    assert "inverter" in " ".join(win.actions)
    assert "above the expected" not in win.evidence
    assert any("less fed in than expected" in risk.title for risk in found.top_risks)


def test_a_site_that_usually_feeds_in_and_now_uses_says_both() -> None:
    load = solar()
    load.power_kw[load.in_period] = 5.0
    assert "; usually it feeds in" in of_solar(load).headline


def test_savings_are_a_range_in_the_headline() -> None:
    load = office(week_of(), seed=3)
    for night in range(3):
        day = MONDAY + pd.Timedelta(days=night)
        load.add(f"{day} 19:00", f"{day + pd.Timedelta(days=1)} 06:00", 5.0)
    found = findings(channel(load), load=load)
    low, high = found.savings.low, found.savings.high
    assert low is not None
    assert high is not None
    # 3 nights of 11 h at 5 kW and 0.12 each, 52 times a year.
    assert low < 3 * 11 * 5 * 0.12 * 52 < high
    assert (
        f"Between ${low:,.0f} and ${high:,.0f} a year can be saved if it goes on; first, switch"
        in found.headline
    )


def test_an_energy_register_that_stands_still_is_no_week_without_use() -> None:
    load = office(week_of(), seed=3)
    energy = load.power_kw * load.hours
    energy[load.in_period] = 0.0
    found = findings(channel(load, measures={"energy_kwh": energy}), load=load)
    (issue,) = found.health_issues
    assert (issue.type, issue.severity) == ("energy_power_mismatch", "high")
    not_counted = load.power_kw[load.in_period].sum() / 4
    assert f"about {not_counted:,.0f} kWh are not counted" in issue.description
    assert "RTU-1's energy register stood still" in found.headline
    assert "too low" in found.headline


def test_registers_of_a_load_that_is_off_do_not_stand_still() -> None:
    load = office(week_of(), seed=3)
    load.power_kw[load.between("2025-08-19 00:00", "2025-08-20 00:00")] = 0.0
    found = findings(channel(load), load=load)
    assert "register" not in found.headline


def test_negative_power_and_its_energy_are_one_fault() -> None:
    load = office(week_of(), seed=3)
    load.power_kw[load.between("2025-08-19 08:00", "2025-08-19 12:00")] *= -1
    found = findings(channel(load), load=load)
    (issue,) = found.health_issues
    assert issue.description.startswith("16 values of power_kw lie outside 0 ..")
    assert issue.description.endswith("the energy too")


def test_a_week_of_negative_power_is_one_fault_and_no_other_event() -> None:
    load = office(week_of(), seed=3)
    load.power_kw[load.in_period] *= -1
    found = findings(channel(load), load=load)
    (issue,) = found.health_issues
    assert (issue.type, issue.severity) == ("out_of_range", "medium")
    assert issue.description.startswith("Negative power for 7 days")
    assert (found.anomalies, found.spikes) == ((), ())


def test_a_main_meter_that_feeds_in_less_is_called_no_inverter() -> None:
    load = solar()
    load.power_kw[load.between("2025-08-19 00:00", "2025-08-20 00:00")] = 0.0
    (win,) = findings(channel(load, name="Main"), load=load, allow_export=True).quick_wins
    assert win.title == "Find out why Main fed in less than usual"


def test_a_value_out_of_range_elsewhere_than_another_is_a_fault_of_its_own() -> None:
    load = office(week_of(), seed=3)
    energy = load.power_kw * load.hours
    energy[load.between("2025-08-20 08:00", "2025-08-20 12:00")] *= -1
    load.power_kw[load.between("2025-08-19 08:00", "2025-08-19 12:00")] *= -1
    found = findings(channel(load, measures={"energy_kwh": energy}), load=load)
    told = [one for one in found.health_issues if one.type == "out_of_range"]
    assert [one.start.day for one in told] == [19, 20]
