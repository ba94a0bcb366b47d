"""What a saved kWh is worth under a tariff with tiers: the tier that the site's month ends in."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from synthetic_site import NEW_YORK, channel, findings, office, office_site, week_of

from analyze.cost_model import mean_price_per_kwh, price_per_kwh
from config.tariffs import TariffPeriod

INDEX = pd.date_range("2026-06-01", periods=1, freq="h", tz=NEW_YORK)


def tiered(above_kwh: float) -> tuple[TariffPeriod, ...]:
    """0.10 a kWh, and 0.20 more above so much a month."""
    entry = {
        "valid_from": date(2020, 1, 1),
        "energy_price_per_kwh": 0.1,
        "tiers": [{"above_kwh": above_kwh, "adds_per_kwh": 0.2}],
    }
    return office_site(tariff=[entry]).tariff


def test_the_last_kwh_lies_in_the_tier_and_all_of_them_share_it() -> None:
    # Of 4,000 kWh 3,000 lie above 1,000.
    assert price_per_kwh(INDEX, tiered(1000), 4000) == pytest.approx(0.3)
    assert mean_price_per_kwh(INDEX, tiered(1000), 4000) == pytest.approx(0.1 + 0.2 * 3 / 4)
    for price in (price_per_kwh, mean_price_per_kwh):
        assert price(INDEX, tiered(1000), 900.0) == pytest.approx(0.1)


@pytest.mark.parametrize(("above_kwh", "saved"), [(1000.0, 0.3), (9000.0, 0.1)])
def test_savings_are_priced_in_the_tier_of_the_sites_own_month(
    above_kwh: float, saved: float
) -> None:
    # 856 kWh a week, 3,722 a month: 10 kW in 65 hours and 2 kW in 103.
    load = office(week_of(), noise=0.02)
    load.add("2025-08-18 19:00", "2025-08-19 06:00", 6.0)
    found = findings(channel(load), load=load, tariff=tiered(above_kwh))
    waste = found.after_hours
    assert waste.total_excess_kwh > 50
    assert waste.total_excess_cost == pytest.approx(saved * waste.total_excess_kwh)
    assert found.totals.cost is not None
    assert found.totals.energy_kwh is not None
    # The energy of the week is not priced as if all of it lay in the highest tier.
    mean = 0.1 + 0.2 * max(0.0, 1 - above_kwh / 3722)
    assert found.totals.cost / found.totals.energy_kwh == pytest.approx(mean, rel=0.02)
