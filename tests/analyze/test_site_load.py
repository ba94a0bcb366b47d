"""A site's load as one series, its bill, and its channels' past waste, from loaded readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from synthetic_site import MONDAY, Load, channel, office, office_site, site_data, week_of

from analyze.channel_week import ChannelStudy, study_channel
from analyze.cost_model import price_per_kwh
from analyze.follow_up import follow_ups
from analyze.site_load import site_bill, site_load, site_month_kwh
from lib.errors import UsageError
from lib.reading_rules import rules_for


def flat(kw: float, interval_seconds: int = 900) -> Load:
    load = Load(week_of(), interval_seconds=interval_seconds)
    load.power_kw += kw
    return load


def test_the_load_is_the_sum_of_the_channels_of_the_total_at_their_longest_interval() -> None:
    data = site_data(
        [
            channel(flat(3.0), 1, "RTU-1"),
            channel(flat(1.0, interval_seconds=3600), 2, "AHU-1"),
            channel(flat(50.0), 3, "Check meter", in_site_total=False),
        ]
    )
    load = site_load(data)
    assert (load.interval_seconds, load.source) == (3600, "sum of 2 channels")
    assert load.energy_kwh.to_numpy() == pytest.approx(4.0)


def test_a_gap_of_one_channel_is_no_saving_of_the_site() -> None:
    broken = flat(3.0)
    gap = broken.between("2025-08-19 08:00", "2025-08-19 12:00")
    broken.power_kw[gap] = np.nan
    load = site_load(site_data([channel(broken, 1), channel(flat(1.0), 2)]))
    assert load.energy_kwh.isna().to_numpy().tolist() == gap.tolist()


def test_a_channel_that_fell_silent_is_left_out_and_named() -> None:
    silent = flat(3.0)
    silent.power_kw[silent.between("2025-08-01 00:00", "2025-08-25 00:00")] = np.nan
    load = site_load(site_data([channel(silent, 1, "RTU-1"), channel(flat(1.0), 2)]))
    assert load.energy_kwh.to_numpy() == pytest.approx(0.25)
    assert "RTU-1 (channel 1) has been silent" in load.notes[0]


def test_a_new_channel_counts_from_its_first_reading_on_and_is_named() -> None:
    new = flat(3.0)
    new.power_kw[new.between("2025-07-01 00:00", "2025-08-15 10:00")] = np.nan
    load = site_load(site_data([channel(new, 1, "RTU-1"), channel(flat(1.0), 2)]))
    before = np.asarray(load.energy_kwh.index < new.index[np.isfinite(new.power_kw)][0])
    assert load.energy_kwh[before].to_numpy() == pytest.approx(0.25)
    assert load.energy_kwh[~before].to_numpy() == pytest.approx(1.0)
    assert load.notes == (
        "RTU-1 (channel 1) has readings from 2025-08-15 on: the days before are without it.",
    )


def test_the_bill_of_a_week_is_that_of_its_days() -> None:
    entry = {
        "valid_from": date(2020, 1, 1), "energy_price_per_kwh": 0.10, "fixed_per_day": 2.0,
        "demand": [{"price_per_kw": 31.0}], "taxes": [{"name": "VAT", "percent": 20}],
    }  # fmt: skip
    found = site_bill(site_data([channel(flat(4.0))]), office_site(tariff=[entry]), week_of())
    assert found is not None
    # August has 31 days: of its demand charge of 31 x 4 the week bears 7/31.
    assert found.total == pytest.approx(1.2 * (0.10 * 4 * 168 + 7 * 2 + 7 * 4))
    assert site_month_kwh(site_data([channel(flat(4.0))])) == pytest.approx(4 * 730.5)


def test_without_any_energy_there_is_no_load_no_bill_and_no_tier() -> None:
    data = site_data([channel(flat(np.nan))])
    with pytest.raises(UsageError, match="no energy"):
        site_load(data)
    assert site_bill(data, office_site(), week_of()) is None
    assert site_month_kwh(data) == 0


def studies(*loads: Load) -> Sequence[ChannelStudy]:
    found = []
    for number, load in enumerate(loads, start=1):
        series = channel(load, number, f"RTU-{number}")
        rules = rules_for(load.site, number, load.calendar.interval_seconds)
        found.append(
            study_channel(
                series, load.index, load.calendar, load.in_period, load.in_period, rules, {}
            )
        )
    return found


def test_waste_that_stopped_is_told_with_the_money_that_was_saved() -> None:
    fixed, clean = office(week_of(), noise=0.02), office(week_of(), noise=0.02, seed=1)
    for ago in (3, 2):
        for night in range(4):
            day = MONDAY - timedelta(weeks=ago) + timedelta(days=night)
            fixed.add(f"{day} 19:00", f"{day + timedelta(days=1)} 06:00", 4.0)
    both = studies(fixed, clean)
    prices = [price_per_kwh(one.index, fixed.site.tariff) for one in both]
    found = follow_ups(both, prices)
    assert set(found) == {1}
    assert found[1].status == "fixed"
    # 176 kWh a week, and two weeks since.
    assert found[1].saved_kwh == pytest.approx(2 * 176, rel=0.05)
    assert found[1].saved_cost == pytest.approx(0.12 * found[1].saved_kwh)
    assert follow_ups([replace(one, expected=None) for one in both], prices) == {}
