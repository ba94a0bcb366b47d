"""What the customer is told of a month or a week: every figure worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from synthetic_site import (
    MONDAY,
    NEW_YORK,
    Load,
    channel,
    office,
    office_site,
    site_data,
    week_of,
)

from analyze.customer_period import CustomerPeriod, Which, customer_period
from analyze.equipment_use import where_it_went
from analyze.period_energy import (
    Measured,
    PeriodEnergy,
    looked_back_to,
    month_of,
    period_before,
    year_before,
)
from analyze.readings import ChannelSeries
from analyze.site_load import site_bill
from config.sites import SiteConfig
from lib.date_utils import Period

AUGUST = month_of(2025, 8, NEW_YORK)
# Clocks go forward on 9 March 2025 and back on 2 November 2025.
MARCH, NOVEMBER = month_of(2025, 3, NEW_YORK), month_of(2025, 11, NEW_YORK)


def flat(period: Period, kw: float = 10.0, site: SiteConfig | None = None) -> Load:
    """A constant load over the period and the six weeks before it."""
    load = Load(period, site)
    load.power_kw[:] = kw
    return load


def energy_of(load: Load, period: Period, channel_id: int = 1) -> PeriodEnergy:
    """The load's energy as the database would give it: known intervals and days."""
    end = period.end
    series = (load.series * load.hours)[load.index < pd.Timestamp(end)]
    inside = series[series.index >= pd.Timestamp(period.start)]
    days = float(inside.notna().groupby(inside.index.date).mean().sum())
    known = {channel_id: Measured(days, float(inside.sum()))} if days else {}
    return PeriodEnergy(period, series, round(load.hours * 3600), known)


def told(
    load: Load,
    *parts: ChannelSeries,
    earlier: dict[Which, PeriodEnergy] | None = None,
    hours_later: float = 24,
    **options: object,
) -> CustomerPeriod:
    """What a customer whose only main is `load` is told, a day after the period."""
    main = channel(load, 1, "Main", channel_type="site_total", is_additive=False)
    energy = energy_of(load, load.period)
    now = load.period.end + timedelta(hours=hours_later)
    data = site_data([main, *parts])
    return customer_period(data, load.site, energy, earlier or {}, now, **options)  # type: ignore[arg-type]


def before(load: Load) -> PeriodEnergy:
    return energy_of(load, period_before(load.period))


@pytest.mark.parametrize(("month", "hours"), [(AUGUST, 744), (MARCH, 743), (NOVEMBER, 721)])
def test_a_month_has_its_hours_also_where_clocks_change(month: Period, hours: int) -> None:
    found = told(flat(month))

    assert found.findings.totals.energy_kwh == pytest.approx(10 * hours)
    assert found.bill.energy_kwh == pytest.approx(10 * hours)
    assert found.bill.total == pytest.approx(10 * hours * 0.12)
    assert (found.days_measured, found.share_measured_pct) == (len(month.days), 100)


def test_the_bill_of_whole_readings_is_the_bill_of_the_site() -> None:
    tariff = [
        {
            "valid_from": date(2020, 1, 1),
            "energy_price_per_kwh": 0.1,
            "time_of_use": [{"name": "day", "price_per_kwh": 0.2, "hours": ["08:00", "20:00"]}],
            "demand": [{"price_per_kw": 9.0}],
            "fixed_per_month": 30.0,
            "taxes": [{"name": "tax", "percent": 5.0}],
        }
    ]
    load = office(AUGUST, site=office_site(tariff=tariff))
    main = channel(load, 1, "Main", channel_type="site_total", is_additive=False)
    expected = site_bill(site_data([main]), load.site, AUGUST)

    assert expected is not None
    assert told(load).bill.lines == expected.lines


def test_months_are_compared_by_the_mean_day() -> None:
    load = flat(MARCH)
    load.power_kw[load.is_history] = 8.0
    found = told(load, earlier={"before": before(load)})
    (comparison,) = found.comparisons

    # February 2025 has 28 days of 192 kWh; March 31 days with 743 hours at 10 kW.
    assert comparison.period.last_day == date(2025, 2, 28)
    assert comparison.energy_kwh == pytest.approx(28 * 192)
    assert comparison.energy_change_pct == pytest.approx(100 * (7430 / 31 / 192 - 1))
    assert comparison.cost == pytest.approx(28 * 192 * 0.12)
    assert comparison.cost_change_pct == pytest.approx(comparison.energy_change_pct)


def test_a_period_that_was_not_checked_or_has_no_readings_is_not_compared() -> None:
    load = flat(AUGUST)
    empty = PeriodEnergy(year_before(AUGUST), load.series[:0], 900, {})
    found = told(load, earlier={"before": before(load), "year_before": empty}, checked=[])

    assert [one.reason for one in found.comparisons] == ["not_checked", "no_data"]
    assert {one.energy_kwh for one in found.comparisons} == {None}


def test_other_meters_are_not_compared() -> None:
    load = flat(AUGUST)
    then = before(load)
    other = PeriodEnergy(then.period, then.energy_kwh, 900, {7: Measured(31.0, 500.0)})

    assert told(load, earlier={"before": other}).comparisons[0].reason == "other_meters"


def test_half_a_month_says_so_and_compares_nothing() -> None:
    load = flat(AUGUST)
    load.power_kw[load.between("2025-08-16", "2025-09-01")] = np.nan
    found = told(load, earlier={"before": before(load)})

    assert (found.days_measured, found.is_comparable) == (15, False)
    assert found.usual_change_pct is None
    assert found.comparisons[0].reason == "incomplete"
    assert found.bill.energy_kwh == pytest.approx(15 * 240)


def test_a_month_that_is_not_over_is_compared_with_nothing() -> None:
    load = flat(AUGUST)
    load.power_kw[load.between("2025-08-20", "2025-09-01")] = np.nan
    found = told(load, earlier={"before": before(load)}, hours_later=-12 * 24)

    assert not found.is_over
    assert found.comparisons[0].reason == "not_over"


def test_an_empty_month_has_no_energy_and_no_bill_lines() -> None:
    load = flat(AUGUST)
    load.power_kw[load.in_period] = np.nan
    found = told(load, earlier={"before": before(load)})

    assert (found.findings.totals.energy_kwh, found.bill.energy_kwh) == (None, None)
    assert found.days_measured == 0
    assert found.comparisons[0].reason == "incomplete"


def test_more_than_usual_is_said_in_energy_and_at_the_mean_price_of_energy() -> None:
    load = flat(AUGUST)
    load.power_kw[load.in_period] = 11.0
    found = told(load)

    assert found.usual_change_pct == pytest.approx(10)
    assert found.usual_change_kwh == pytest.approx(744)
    assert found.usual_change_cost == pytest.approx(744 * 0.12)


def test_without_a_tariff_there_is_energy_and_no_money() -> None:
    load = flat(AUGUST, site=office_site(tariff=[]))
    found = told(load, earlier={"before": before(load)})

    assert found.bill.total is None
    assert found.usual_change_cost is None
    assert found.comparisons[0].cost is None
    assert found.comparisons[0].energy_change_pct == pytest.approx(0)


def test_the_rest_is_what_no_meter_of_its_own_saw() -> None:
    load = flat(AUGUST)
    parts = [
        channel(flat(AUGUST, 4.0), 2, "RTU-1", in_site_total=False),
        channel(flat(AUGUST, 1.0), 3, "RTU-2", in_site_total=False),
        channel(flat(AUGUST, 3.0), 4, "Lobby lights", in_site_total=False),
    ]
    where = told(load, *parts).where

    assert [(use.name, use.meters, use.share_pct) for use in where.kinds] == [
        ("Rooftop units", ("RTU-1", "RTU-2"), pytest.approx(50)),
        ("Lighting", ("Lobby lights",), pytest.approx(30)),
    ]
    assert where.other_kwh == pytest.approx(2 * 744)
    assert where.other_pct == pytest.approx(20)
    assert not where.is_overcounted


def test_parts_that_say_more_than_the_main_are_said_to_do_so() -> None:
    part = channel(flat(AUGUST, 12.0), 2, "RTU-1", in_site_total=False)
    where = told(flat(AUGUST), part).where

    assert (where.is_overcounted, where.other_kwh) == (True, 0)


def test_a_site_that_is_the_sum_of_its_meters_has_no_rest() -> None:
    load = flat(AUGUST)
    found = told(load)
    data = site_data([channel(load, 1, "RTU-1")])
    where = where_it_went(found.findings.channels, data, 7440.0)

    assert (where.other_kwh, where.kinds[0].share_pct) == (None, 100)


def waste(period: Period, *nights: tuple[str, str]) -> tuple[Load, Load]:
    """A site and its air handler, which is 6 kW too high on those nights."""
    load, unit = office(period, noise=0.0), office(period, noise=0.0, open_kw=5.0, closed_kw=0.5)
    load.power_kw += 30.0
    for start, end in nights:
        unit.add(start, end, 6.0)
        load.add(start, end, 6.0)
    return load, unit


def test_what_ran_on_after_hours_is_a_saving_with_its_times_and_energy() -> None:
    nights = [("2025-08-19 19:00", "2025-08-20 06:00"), ("2025-08-21 19:00", "2025-08-22 06:00")]
    load, unit = waste(week_of(MONDAY), *nights)
    found = told(load, channel(unit, 2, "AHU-1", in_site_total=False))
    (saving,) = [one for one in found.savings if one.meter == "AHU-1"]

    assert (saving.kind, saving.closed_times) == ("after_hours", 2)
    # Two nights of eleven hours at 6 kW.
    assert saving.energy_kwh == pytest.approx(132, rel=0.02)
    assert saving.cost == pytest.approx(132 * 0.12, rel=0.02)
    assert saving.annual_cost == pytest.approx(52 * 132 * 0.12, rel=0.02)


def test_waste_that_ended_is_told_as_put_right_and_no_longer_as_a_saving() -> None:
    # Every working night of the first three weeks of the month, none of the last ten days.
    nights = [
        (f"2025-08-{day:02d} 19:00", f"2025-08-{day + 1:02d} 06:00")
        for day in (4, 5, 6, 7, 11, 12, 13, 14, 18, 19, 20)
    ]
    load, unit = waste(AUGUST, *nights)
    found = told(load, channel(unit, 2, "AHU-1", in_site_total=False))

    assert [one.channel_name for one in found.fixed] == ["AHU-1"]
    assert found.fixed[0].saved_kwh > 0
    assert [one for one in found.savings if one.kind == "after_hours"] == []


def test_what_is_used_while_closed_is_a_share_of_the_energy() -> None:
    load = flat(week_of(MONDAY))

    # Five days of 13 open hours in a week of 168.
    assert told(load).closed_share_pct == pytest.approx(100 * (168 - 65) / 168)


def test_earlier_periods_are_months_for_a_month_and_the_same_weekdays_for_a_week() -> None:
    week = week_of(date(2026, 11, 9))

    assert period_before(month_of(2026, 1, "UTC")) == month_of(2025, 12, "UTC")
    assert year_before(month_of(2024, 2, "UTC")).last_day == date(2023, 2, 28)
    assert period_before(week) == week_of(date(2026, 11, 2))
    assert year_before(week) == week_of(date(2025, 11, 10))


def test_a_ratchet_looks_back_eleven_months() -> None:
    tariff = {"valid_from": date(2020, 1, 1), "energy_price_per_kwh": 0.1}
    ratchet = tariff | {"demand": [{"price_per_kw": 9.0, "ratchet_share": 0.8}]}

    assert looked_back_to(AUGUST, office_site(tariff=[tariff])) == date(2025, 8, 1)
    assert looked_back_to(AUGUST, office_site(tariff=[ratchet])) == date(2024, 9, 1)
    mid_month = office_site(tariff=[tariff], billing_day=15)
    assert looked_back_to(AUGUST, mid_month) == date(2025, 7, 15)
