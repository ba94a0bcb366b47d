"""What must not change a finding: the size of the load, the clocks, the length of an interval."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from synthetic_site import channel, findings, office, office_site, week_of

from analyze.findings import WeekFindings

# Without holidays, so that only the clocks tell these weeks apart.
SITE = office_site(holidays=None)
PLAIN_WEEK = date(2025, 8, 18)


def planted(monday: date, *, interval_seconds: int = 900, times: float = 1.0) -> WeekFindings:
    """A week with a load left on, a day with too much, one with too little, and a jump."""
    load = office(week_of(monday), noise=0.0, site=SITE, interval_seconds=interval_seconds)
    day = [f"{monday + timedelta(days=number)}" for number in range(7)]
    load.add(f"{day[0]} 19:00", f"{day[1]} 06:00", 5.0)
    load.add(f"{day[1]} 07:00", f"{day[1]} 11:00", 6.0)
    if interval_seconds == 900:
        load.add(f"{day[2]} 10:00", f"{day[2]} 10:15", 35.0)
    load.add(f"{day[3]} 08:00", f"{day[3]} 18:00", -5.0)
    load.add(f"{day[5]} 20:00", f"{day[6]} 08:00", 5.0)  # over the change of clocks
    load.power_kw *= times
    return findings(channel(load), load=load)


def told(found: WeekFindings) -> list[tuple[object, ...]]:
    """What is said of the channel, without energies and without where in the year."""
    return [
        *(("anomaly", one.direction, one.severity, f"{one.start:%a %H:%M}", f"{one.end:%a %H:%M}")
          for one in found.anomalies),
        *(("spike", f"{one.start:%a %H:%M}") for one in found.spikes),
        *(("waste", f"{start:%a %H:%M}", f"{end:%a %H:%M}")
          for meter in found.after_hours.meters for start, end in meter.stretches),
        *(("issue", one.type, one.severity) for one in found.health_issues),
    ]  # fmt: skip


def energies(found: WeekFindings) -> list[float]:
    return [
        *(one.excess_kwh for one in found.anomalies),
        *(one.excess_kwh for one in found.spikes),
        *(one.weekly_kwh for one in found.quick_wins),
        *(one.weekly_cost or 0.0 for one in found.quick_wins),
    ]


@pytest.mark.parametrize(("size", "times"), [(1.0, 10.0), (5.0, 0.1)])
def test_a_load_so_many_times_as_large_has_findings_so_many_times_as_large(
    size: float, times: float
) -> None:
    one, other = planted(PLAIN_WEEK, times=size), planted(PLAIN_WEEK, times=size * times)
    assert told(other) == told(one)
    assert {kind for kind, *_ in told(one)} == {"anomaly", "spike", "waste"}
    assert energies(other) == pytest.approx([times * value for value in energies(one)])


@pytest.mark.parametrize(
    ("monday", "hours"),
    [(date(2026, 3, 2), -1), (date(2026, 3, 9), 0), (date(2025, 10, 27), 1)],
)
def test_a_week_of_a_clock_change_has_the_findings_of_the_same_week_without_it(
    monday: date, hours: int
) -> None:
    # Spring, the week after it, and autumn: the night to Sunday has an hour less, or more.
    plain, changed = planted(PLAIN_WEEK), planted(monday)
    assert told(changed) == told(plain)
    waste_kwh = plain.after_hours.total_excess_kwh + hours * 5.0
    assert changed.after_hours.total_excess_kwh == pytest.approx(waste_kwh, rel=0.002)
    for one, other in zip(plain.anomalies, changed.anomalies, strict=True):
        assert other.excess_kwh == pytest.approx(one.excess_kwh, rel=0.002)
    assert changed.totals.energy_kwh == pytest.approx(
        (plain.totals.energy_kwh or 0) + hours * (2.0 + 5.0)
    )


def test_readings_by_the_hour_have_the_energies_of_readings_by_the_quarter() -> None:
    # The unit of an answer is settled where it is stored; here energy belongs to an interval.
    by_quarter, by_hour = planted(PLAIN_WEEK), planted(PLAIN_WEEK, interval_seconds=3600)
    jump_kwh = 35.0 / 4  # of which the hours know nothing
    assert by_hour.totals.energy_kwh == pytest.approx(
        (by_quarter.totals.energy_kwh or 0) - jump_kwh
    )
    assert by_hour.totals.expected_kwh == pytest.approx(by_quarter.totals.expected_kwh)
    assert by_hour.totals.cost == pytest.approx(0.12 * (by_hour.totals.energy_kwh or 0))
    assert by_hour.after_hours.total_excess_kwh == pytest.approx(
        by_quarter.after_hours.total_excess_kwh, rel=0.02
    )
