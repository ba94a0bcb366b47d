"""Money: the price of the local day, and no price where there is none."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from synthetic_site import NEW_YORK, week_of

from analyze.cost_model import annual, cost, price_per_kwh, tariff_cover
from config.sites import TariffPeriod

TARIFF = [
    TariffPeriod(valid_from=date(2025, 1, 1), energy_price_per_kwh=0.10),
    TariffPeriod(valid_from=date(2025, 8, 20), energy_price_per_kwh=0.20),
]


def test_a_new_price_holds_from_local_midnight() -> None:
    index = pd.date_range("2025-08-19 23:00", periods=2, freq="h", tz=NEW_YORK)
    assert price_per_kwh(index, TARIFF).tolist() == [0.10, 0.20]


def test_before_the_first_tariff_there_is_no_price() -> None:
    index = pd.date_range("2024-12-31 12:00", periods=1, freq="h", tz=NEW_YORK)
    assert np.isnan(price_per_kwh(index, TARIFF)).all()
    assert np.isnan(price_per_kwh(index, [])).all()


def test_energy_without_a_price_has_no_cost_rather_than_none_at_all() -> None:
    assert cost(np.array([1.0, 1.0]), np.array([np.nan, np.nan])) is None
    assert cost(np.array([np.nan, 1.0]), np.array([0.2, np.nan])) is None
    assert cost(np.array([5.0, 1.0]), np.array([np.nan, 0.2])) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("monday", "cover"),
    [(date(2024, 12, 23), "outside"), (date(2024, 12, 30), "part"), (date(2025, 1, 6), "whole")],
)
def test_a_tariff_covers_a_week_from_its_first_day_on(monday: date, cover: str) -> None:
    assert tariff_cover(week_of(monday), TARIFF) == cover
    assert tariff_cover(week_of(monday), []) == "unset"


def test_a_year_has_52_weeks() -> None:
    assert annual(10.0) == 520.0
