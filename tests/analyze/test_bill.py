"""The bill of a period: every amount here is worked out by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_site import NEW_YORK

from analyze.cost_model import Bill, bill, price_per_kwh, usual_month_kwh
from analyze.tariffs.demand import demand_windows
from config.sites import SiteConfig
from config.tariffs import TariffPeriod
from lib.date_utils import Period

WORKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
PEAK = {
    "name": "on-peak", "price_per_kwh": 0.30, "season": ["06-01", "09-30"], "days": WORKDAYS,
    "hours": ["12:00", "18:00"],
}  # fmt: skip
NIGHT = {"name": "night", "price_per_kwh": 0.05, "hours": ["22:00", "06:00"]}


def tariff(*entries: dict[str, Any]) -> tuple[TariffPeriod, ...]:
    """Entries as the file has them, of a site with US holidays."""
    base = {"valid_from": "2000-01-01", "energy_price_per_kwh": 0.10}
    site = {
        "site_id": "1", "holidays": {"country": "US"},
        "tariff": [base | entry for entry in entries],
    }  # fmt: skip
    return SiteConfig.model_validate(site).tariff


def constant(first: str, end: str, kw: float = 1.0, minutes: int = 60) -> pd.Series:
    """Energy of a constant load over [first, end), local days of New York."""
    index = pd.date_range(first, end, freq=f"{minutes}min", inclusive="left", tz=NEW_YORK)
    return pd.Series(kw * minutes / 60, index)


def billed(energy: pd.Series, first: date, last: date, entries: Any, **options: Any) -> Bill:
    interval = int((energy.index[1] - energy.index[0]).total_seconds())
    period = Period(first, last, NEW_YORK)
    return bill(energy, interval, period, tariff(*entries), currency="USD", **options)


def quantities(found: Bill, charge: str) -> dict[str, float]:
    return {line.name: line.quantity for line in found.lines if line.charge == charge}


def test_an_interval_has_the_first_rate_that_holds_and_otherwise_the_base_price() -> None:
    entries = tariff({"time_of_use": [PEAK, NIGHT]})
    # Wednesday 1 July 2026, then Friday 3 July (Independence Day observed), then Saturday.
    hours = ["2026-07-01 05:00", "2026-07-01 06:00", "2026-07-01 12:00", "2026-07-01 18:00",
             "2026-07-01 22:00", "2026-07-03 12:00", "2026-07-04 12:00"]  # fmt: skip
    prices = price_per_kwh(pd.DatetimeIndex(hours, tz=NEW_YORK), entries)
    assert prices.tolist() == [0.05, 0.10, 0.30, 0.10, 0.05, 0.10, 0.10]


def test_a_season_begins_and_ends_with_its_days_and_may_run_over_new_year() -> None:
    winter = PEAK | {"season": ["11-15", "02-28"], "days": None}
    noon = ["2026-11-14 12:00", "2026-11-15 12:00", "2027-02-28 12:00", "2027-03-01 12:00"]
    prices = price_per_kwh(pd.DatetimeIndex(noon, tz=NEW_YORK), tariff({"time_of_use": [winter]}))
    assert prices.tolist() == [0.10, 0.30, 0.30, 0.10]


def test_a_rate_may_be_for_holidays_and_a_tariff_may_name_its_own() -> None:
    free = {"name": "holidays", "price_per_kwh": 0.0, "days": ["holiday"]}
    noon = pd.DatetimeIndex(["2026-07-03 12:00", "2026-07-06 12:00"], tz=NEW_YORK)
    assert price_per_kwh(noon, tariff({"time_of_use": [free]})).tolist() == [0.0, 0.10]
    own = {"time_of_use": [free], "holidays": None, "holiday_dates": ["2026-07-06"]}
    assert price_per_kwh(noon, tariff(own)).tolist() == [0.10, 0.0]


@pytest.mark.parametrize(
    ("day", "night_hours", "all_hours"),
    # Night is 22-06. In spring the hour from 02:00 is missing, in autumn that from 01:00 is double.
    [(date(2026, 3, 8), 7, 23), (date(2026, 11, 1), 9, 25), (date(2026, 6, 14), 8, 24)],
)
def test_hours_of_use_follow_the_local_clock_when_clocks_change(
    day: date, night_hours: int, all_hours: int
) -> None:
    energy = constant(f"{day}", f"{day + pd.Timedelta(days=1)}", minutes=15)
    found = billed(energy, day, day, [{"time_of_use": [NIGHT], "fixed_per_day": 2.0}])
    assert quantities(found, "energy") == {
        "night": night_hours,
        "other hours": all_hours - night_hours,
    }
    assert quantities(found, "fixed") == {"daily charge": 1}
    expected = 0.05 * night_hours + 0.10 * (all_hours - night_hours) + 2.0
    assert found.total == pytest.approx(expected)
    assert found.measured_pct == 100


def test_a_whole_month_with_every_charge_is_the_sum_worked_out_by_hand() -> None:
    # June 2026: 720 h at 10 kW, one quarter of an hour at 50 kW, 22 workdays of which 19 June is
    # a holiday: 21 x 6 h on peak.
    energy = constant("2026-06-01", "2026-07-01", kw=10.0, minutes=15)
    energy[pd.Timestamp("2026-06-10 13:00", tz=NEW_YORK)] = 12.5
    entry = {
        "time_of_use": [PEAK],
        "tiers": [
            {"above_kwh": 1000, "adds_per_kwh": 0.02}, {"above_kwh": 5000, "adds_per_kwh": 0.03},
        ],
        "demand": [{"name": "peak demand", "price_per_kw": 15.0}],
        "fixed_per_day": 0.5, "fixed_per_month": 20.0, "carbon_kg_per_kwh": 0.4,
        "taxes": [{"name": "VAT", "percent": 20}, {"name": "levy", "percent": 5, "on": ["energy"]}],
    }  # fmt: skip
    found = billed(energy, date(2026, 6, 1), date(2026, 6, 30), [entry])
    on_peak, total = 21 * 6 * 10 + 10.0, 7200 + 10.0
    energy_amount = 0.30 * on_peak + 0.10 * (total - on_peak) + 0.02 * 4000 + 0.03 * (total - 5000)
    assert found.amount("energy") == pytest.approx(energy_amount)
    assert found.amount("demand") == pytest.approx(15 * 50)
    assert found.amount("fixed") == pytest.approx(30 * 0.5 + 20)
    net = energy_amount + 750 + 35
    assert found.amount("tax") == pytest.approx(0.20 * net + 0.05 * energy_amount)
    assert found.total == pytest.approx(1.20 * net + 0.05 * energy_amount)
    assert found.carbon_kg == pytest.approx(0.4 * total)
    assert not any(line.is_attributed for line in found.lines)
    assert found.notes == ()


def test_a_new_tariff_never_prices_again_what_was_used_before() -> None:
    energy = constant("2026-06-01", "2026-07-01", minutes=60)
    old, new = {"fixed_per_day": 1.0}, {"valid_from": "2026-06-21", "energy_price_per_kwh": 0.50}
    before = billed(energy, date(2026, 6, 1), date(2026, 6, 20), [old])
    both = billed(energy, date(2026, 6, 1), date(2026, 6, 20), [old, new])
    assert before == both
    month = billed(energy, date(2026, 6, 1), date(2026, 6, 30), [old, new])
    assert month.total == pytest.approx(20 * 24 * 0.10 + 20 * 1.0 + 10 * 24 * 0.50)


def test_tiers_count_from_the_start_of_the_billing_month() -> None:
    energy = constant("2026-05-01", "2026-07-20", minutes=60)  # 24 kWh a day
    entry = {"tiers": [{"above_kwh": 240, "adds_per_kwh": 0.05}]}
    # Billing months from the 15th: day 10 of one ends with 24 June, so of 22 to 28 June three
    # days lie below and four above.
    found = billed(energy, date(2026, 6, 22), date(2026, 6, 28), [entry], billing_day=15)
    assert quantities(found, "energy") == {"energy": 168, "above 240 kWh a month": 96}
    # Over the change of month the count begins again.
    over = billed(energy, date(2026, 7, 13), date(2026, 7, 16), [entry], billing_day=15)
    assert quantities(over, "energy") == {"energy": 96, "above 240 kWh a month": 48}


def test_a_month_that_the_readings_do_not_reach_back_to_is_said() -> None:
    entry = {"tiers": [{"above_kwh": 240, "adds_per_kwh": 0.05}]}
    found = billed(
        constant("2026-06-22", "2026-06-29"), date(2026, 6, 22), date(2026, 6, 28), [entry]
    )
    assert any("billing month began on 2026-06-01" in note for note in found.notes)


def test_a_week_bears_its_share_of_the_demand_known_by_its_end() -> None:
    energy = constant("2026-06-01", "2026-07-01", kw=10.0, minutes=15)
    energy[pd.Timestamp("2026-06-03 09:00", tz=NEW_YORK)] = 10.0  # 40 kW
    energy[pd.Timestamp("2026-06-20 09:00", tz=NEW_YORK)] = 20.0  # 80 kW, after the week
    entry = {"demand": [{"price_per_kw": 12.0}], "fixed_per_month": 60.0}
    found = billed(energy, date(2026, 6, 8), date(2026, 6, 14), [entry])
    assert found.amount("demand") == pytest.approx(12 * 40 * 7 / 30)
    assert found.amount("fixed") == pytest.approx(60 * 7 / 30)
    assert {line.charge for line in found.lines if line.is_attributed} == {"demand", "fixed"}
    assert any("7 of 30 days" in note for note in found.notes)


def test_demand_is_the_mean_of_its_window_at_the_times_it_is_charged_for() -> None:
    energy = constant("2026-06-01", "2026-07-01", kw=4.0, minutes=15)
    energy[pd.Timestamp("2026-06-09 13:00", tz=NEW_YORK)] = 5.0  # 20 kW for 15 min
    energy[pd.Timestamp("2026-06-09 23:00", tz=NEW_YORK)] = 25.0  # 100 kW at night
    charge = {"price_per_kw": 1.0, "window_minutes": 30, "hours": ["12:00", "18:00"]}
    found = billed(energy, date(2026, 6, 1), date(2026, 6, 30), [{"demand": [charge]}])
    assert found.amount("demand") == pytest.approx((20 + 4) / 2)


def test_readings_longer_than_the_window_are_said_to_understate_the_demand() -> None:
    entry = {"demand": [{"price_per_kw": 1.0}]}
    found = billed(
        constant("2026-06-01", "2026-07-01", kw=4.0), date(2026, 6, 1), date(2026, 6, 30), [entry]
    )
    assert found.amount("demand") == pytest.approx(4.0)
    assert any("billed are 15 min" in note for note in found.notes)


def test_the_ratchet_keeps_a_share_of_an_earlier_peak_as_long_as_it_looks_back() -> None:
    energy = constant("2025-01-01", "2026-09-01", kw=10.0)
    energy[pd.Timestamp("2025-07-15 15:00", tz=NEW_YORK)] = 100.0
    charge = {"price_per_kw": 1.0, "window_minutes": 60, "ratchet_share": 0.8}
    # Eleven months before June 2026 begin with July 2025; those before July with August.
    june = billed(energy, date(2026, 6, 1), date(2026, 6, 30), [{"demand": [charge]}])
    july = billed(energy, date(2026, 7, 1), date(2026, 7, 31), [{"demand": [charge]}])
    assert (june.amount("demand"), july.amount("demand")) == (pytest.approx(80), pytest.approx(10))
    assert june.notes == ()
    winter = charge | {"ratchet_season": ["11-01", "03-31"]}
    only = billed(energy, date(2026, 6, 1), date(2026, 6, 30), [{"demand": [winter]}])
    assert only.amount("demand") == pytest.approx(10)
    short = billed(
        energy["2026-03-01":], date(2026, 6, 1), date(2026, 6, 30), [{"demand": [charge]}]
    )
    assert any("looks back to 2025-07-01" in note for note in short.notes)


def test_a_ratchet_of_certain_hours_counts_earlier_peaks_of_those_hours_only() -> None:
    energy = constant("2026-04-01", "2026-07-01", kw=10.0)
    energy[pd.Timestamp("2026-05-13 13:00", tz=NEW_YORK)] = 50.0
    energy[pd.Timestamp("2026-05-13 23:00", tz=NEW_YORK)] = 200.0
    charge = {
        "price_per_kw": 1.0, "window_minutes": 60, "hours": ["12:00", "18:00"],
        "ratchet_share": 0.8, "ratchet_months": 2,
    }  # fmt: skip
    june = billed(energy, date(2026, 6, 1), date(2026, 6, 30), [{"demand": [charge]}])
    assert june.amount("demand") == pytest.approx(0.8 * 50)
    weekend = charge | {"days": ["saturday", "sunday"], "ratchet_season": ["05-01", "05-31"]}
    free = billed(energy, date(2026, 6, 1), date(2026, 6, 30), [{"demand": [weekend]}])
    assert free.amount("demand") == pytest.approx(10)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", NEW_YORK])
def test_a_demand_window_begins_with_the_hour_of_the_sites_clock(zone: str) -> None:
    index = pd.date_range("2026-06-09", "2026-06-10", freq="15min", inclusive="left", tz=zone)
    energy = pd.Series(np.where(index.hour == 10, 25.0, 0.0), index)  # 100 kW for a local hour
    windows = demand_windows(energy, 900, 60)
    assert windows[windows > 0].to_dict() == {pd.Timestamp("2026-06-09 10:00", tz=zone): 100}


def test_the_two_passes_of_a_repeated_hour_are_two_demand_windows() -> None:
    energy = constant("2026-11-01", "2026-11-02", kw=0.0, minutes=15)
    second_pass = pd.Timestamp("2026-11-01 06:00", tz="UTC")
    energy[(energy.index >= second_pass) & (energy.index < second_pass + pd.Timedelta("1h"))] = 5.0
    windows = demand_windows(energy, 900, 60)
    assert (len(windows), windows.max()) == (25, 20)
    assert windows.idxmax() == second_pass


def test_readings_that_do_not_fill_a_window_evenly_count_by_their_share_of_it() -> None:
    energy = constant("2026-06-01", "2026-06-02", kw=0.0, minutes=10)
    energy[pd.Timestamp("2026-06-01 10:10", tz=NEW_YORK)] = 10.0  # 60 kW from 10:10 to 10:20
    windows = demand_windows(energy, 600, 15)
    # Five minutes of it lie in each of two windows.
    assert windows[windows > 0].tolist() == [pytest.approx(20), pytest.approx(20)]


def test_a_demand_charge_of_a_season_falls_on_its_days_only() -> None:
    energy = constant("2026-05-01", "2026-07-01", kw=10.0)
    charge = {"price_per_kw": 3.0, "window_minutes": 60, "season": ["06-16", "09-30"]}
    may = billed(energy, date(2026, 5, 1), date(2026, 5, 31), [{"demand": [charge]}])
    june = billed(energy, date(2026, 6, 1), date(2026, 6, 30), [{"demand": [charge]}])
    assert may.amount("demand") == 0
    assert june.amount("demand") == pytest.approx(3 * 10 * 15 / 30)


def test_the_minimum_is_billed_where_less_was_used() -> None:
    charge = {"price_per_kw": 2.0, "window_minutes": 60, "minimum_kw": 25.0}
    found = billed(
        constant("2026-06-01", "2026-07-01"), date(2026, 6, 1), date(2026, 6, 30),
        [{"demand": [charge]}],
    )  # fmt: skip
    assert found.amount("demand") == pytest.approx(50)


def test_what_was_not_measured_costs_nothing_and_its_share_is_said() -> None:
    energy = constant("2026-06-01", "2026-06-11", minutes=60)
    energy["2026-06-01":"2026-06-05"] = np.nan
    found = billed(energy, date(2026, 6, 1), date(2026, 6, 10), [{}])
    assert (found.total, found.measured_pct) == (pytest.approx(5 * 24 * 0.10), 50)
    nothing = billed(energy * np.nan, date(2026, 6, 1), date(2026, 6, 10), [{}])
    assert (nothing.energy_kwh, nothing.measured_pct) == (None, 0)


def test_days_without_a_tariff_have_no_price_and_no_carbon() -> None:
    energy = constant("2026-06-01", "2026-06-11")
    entry = {"valid_from": "2026-06-06", "fixed_per_day": 1.0, "carbon_kg_per_kwh": 0.4}
    part = billed(energy, date(2026, 6, 1), date(2026, 6, 10), [entry])
    assert (part.cover, part.total) == ("part", pytest.approx(5 * 24 * 0.10 + 5))
    assert part.carbon_kg is None
    none = billed(energy, date(2026, 6, 1), date(2026, 6, 5), [entry])
    assert (none.cover, none.total, none.lines) == ("outside", None, ())


def test_exported_energy_is_credited_at_the_price_of_its_time() -> None:
    energy = constant("2026-06-01", "2026-06-02", kw=-2.0)
    found = billed(
        energy, date(2026, 6, 1), date(2026, 6, 1), [{"demand": [{"price_per_kw": 9.0}]}]
    )
    assert found.amount("energy") == pytest.approx(-4.8)
    assert found.amount("demand") == 0


def test_a_saved_kwh_is_priced_in_the_tier_of_the_last() -> None:
    entries = tariff({"tiers": [{"above_kwh": 500, "adds_per_kwh": 0.05}]})
    noon = pd.DatetimeIndex(["2026-06-01 12:00"], tz=NEW_YORK)
    assert price_per_kwh(noon, entries, month_kwh=500).tolist() == [0.10]
    assert price_per_kwh(noon, entries, month_kwh=501) == pytest.approx([0.15])
    week_kwh = np.full(7 * 24, 1.0)
    assert usual_month_kwh(week_kwh, 3600) == pytest.approx(24 * 365.25 / 12)
    assert usual_month_kwh(np.array([np.nan]), 3600) == 0


def test_units_scale_with_the_load() -> None:
    entry = {"time_of_use": [PEAK, NIGHT], "demand": [{"price_per_kw": 3.0, "window_minutes": 60}]}
    energy = constant("2026-06-01", "2026-07-01", kw=7.0)
    one = billed(energy, date(2026, 6, 1), date(2026, 6, 30), [entry])
    five = billed(5 * energy, date(2026, 6, 1), date(2026, 6, 30), [entry])
    assert one.total is not None
    assert five.total == pytest.approx(5 * one.total)
