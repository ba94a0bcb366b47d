"""What a figure is held against: how weeks usually differ, what was measured, what was stuck."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from synthetic_site import MONDAY, Load, channel, findings, office, week_of

from analyze.cost_model import tariff_parts
from config.sites import TariffPeriod
from config.tariffs import DemandCharge, Tax, Tier
from lib.date_utils import Period

FACTORS = (1.02, 0.98, 1.04, 0.96, 1.03, 0.97)


def scaled(load: Load) -> Load:
    """Each of the six weeks before, as a whole, by its factor."""
    for weeks_ago, factor in enumerate(FACTORS, start=1):
        monday = MONDAY - timedelta(weeks=weeks_ago)
        inside = load.between(f"{monday} 00:00", f"{monday + timedelta(weeks=1)} 00:00")
        load.power_kw[inside] *= factor
    return load


def test_weeks_differ_by_the_median_distance_of_each_from_the_mean_of_the_others() -> None:
    load = scaled(office(week_of(), noise=0.0))
    factors = np.array(FACTORS)
    others = [np.delete(factors, week).mean() for week in range(len(factors))]
    wanted = 100 * np.median(np.abs(factors / others - 1))

    found = findings(channel(load), load=load).expected.usual_change_pct
    assert found == pytest.approx(wanted, rel=0.05)


def test_weeks_that_never_differ_differ_by_nothing() -> None:
    load = office(week_of(), noise=0.0)

    assert findings(channel(load), load=load).expected.usual_change_pct == pytest.approx(0.0)


def test_too_few_weeks_do_not_say_what_is_usual() -> None:
    load = office(week_of(), noise=0.0)
    first = MONDAY - timedelta(weeks=6)
    load.power_kw[load.between(f"{first} 00:00", f"{first + timedelta(weeks=4)} 00:00")] = np.nan

    assert findings(channel(load), load=load).expected.usual_change_pct is None


def test_a_channel_says_how_much_of_its_week_was_measured_and_how_long_it_was_stuck() -> None:
    load = office(week_of())
    load.power_kw[load.between("2025-08-23 00:00", "2025-08-24 00:00")] = np.nan
    load.power_kw[load.between("2025-08-20 08:00", "2025-08-21 00:00")] = 7.3
    (row,) = findings(channel(load), load=load).channels

    assert row.measured_pct == pytest.approx(100 * 6 / 7)
    assert (row.stuck_hours, row.implausible_hours) == (16.0, 0.0)
    (whole,) = findings(channel(office(week_of())), load=load).channels
    assert (whole.measured_pct, whole.stuck_hours) == (100.0, 0.0)


def test_a_total_of_one_channel_is_named_in_the_singular() -> None:
    load = office(week_of(), noise=0.0)

    assert findings(channel(load), load=load).totals.source == "sum of 1 channel"


def test_what_a_tariff_has_beyond_prices_is_that_of_the_days_of_the_period() -> None:
    plain = TariffPeriod(valid_from=date(2025, 1, 1), energy_price_per_kwh=0.1)
    whole = plain.model_copy(
        update={
            "valid_from": date(2025, 9, 1),
            "tiers": (Tier(above_kwh=100, adds_per_kwh=0.1),),
            "demand": (DemandCharge(price_per_kw=9),),
            "fixed_per_month": 20.0,
            "taxes": (Tax(name="VAT", percent=20),),
        }
    )
    august = Period(date(2025, 8, 1), date(2025, 8, 31), "UTC")

    assert tariff_parts(august, [plain, whole]) == ()
    both = august._replace(last_day=date(2025, 9, 1))
    assert tariff_parts(both, [plain, whole]) == ("tiers", "demand", "fixed", "taxes")
    assert tariff_parts(august, []) == ()
