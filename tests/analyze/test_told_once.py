"""A main meter tells of what its sub-meters do not tell of."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_site import Load, channel, findings, office, week_of

from analyze.findings import WeekFindings
from analyze.readings import ChannelSeries


def second() -> Load:
    """The load that no sub-meter measures."""
    return office(week_of(), closed_kw=2.0, open_kw=6.0, seed=4)


def site_of(metered: Load, unmetered: Load) -> WeekFindings:
    """A main meter over one measured and one unmeasured load."""
    main = Load(week_of())
    main.power_kw = metered.power_kw + unmetered.power_kw
    part = channel(metered, 1, in_site_total=False)
    whole: ChannelSeries = channel(main, 99, "Main", channel_type="site_total", is_additive=False)
    return findings(part, whole, load=main)


@pytest.mark.parametrize(
    ("start", "end"),
    [("2025-08-20 19:00", "2025-08-21 06:00"), ("2025-08-20 07:00", "2025-08-20 18:00")],
)
def test_an_event_of_the_main_carries_only_what_its_parts_leave_untold(
    start: str, end: str
) -> None:
    metered, unmetered = office(week_of(), seed=3), second()
    part_kwh, untold_kwh = metered.add(start, end, 6.0), unmetered.add(start, end, 9.0)
    found = site_of(metered, unmetered)
    (event,) = (one for one in found.anomalies if one.channel_id == 99)
    assert event.excess_kwh == pytest.approx(untold_kwh, rel=0.15)
    assert "kWh more are told by sub-meters" in event.context
    # Savings are the sum of the quick wins: they hold every kWh once.
    assert found.savings.weekly_kwh == pytest.approx(part_kwh + untold_kwh, rel=0.1)


def test_less_use_of_the_main_that_a_part_tells_of_is_taken_off_too() -> None:
    metered, unmetered = office(week_of(), seed=3), second()
    day = metered.between("2025-08-20 07:00", "2025-08-20 18:00")
    metered.power_kw[day] -= 4.0
    unmetered.power_kw[day] -= 5.0
    found = site_of(metered, unmetered)
    (event,) = (one for one in found.anomalies if one.channel_id == 99)
    assert event.direction == "low"
    assert event.excess_kwh == pytest.approx(-5.0 * day.sum() / 4, rel=0.15)


def test_a_spike_of_the_main_carries_only_its_own_energy() -> None:
    metered, unmetered = office(week_of(), seed=3), second()
    at = int(metered.index.get_loc("2025-08-20 10:00:00-04:00"))
    metered.power_kw[at] += 30.0
    unmetered.power_kw[at] += 40.0
    spike = next(one for one in site_of(metered, unmetered).spikes if one.channel_id == 99)
    assert spike.excess_kwh == pytest.approx(40.0 / 4, rel=0.15)
    assert np.isfinite(spike.peak_kw)
