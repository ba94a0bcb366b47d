"""Earlier weeks' waste: whether it was fixed, and what that saved, from the same readings."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from synthetic_site import MONDAY, Load, office, week_of

from analyze.follow_up import (
    FollowUp,
    earlier_waste_kwh,
    follow_up,
    screened_kwh,
    total_saved,
)

# Nights from Monday to Thursday, 19:00 to 06:00: 11 h each.
NIGHTS, NIGHT_HOURS = 4, 11


def load_with_waste(*weeks_ago: int, kw: float = 4.0, noise: float = 0.02) -> Load:
    """2 kW closed and 10 kW open; 4 kW more on four nights of each of these weeks (0 = newest)."""
    load = office(week_of(), noise=noise)
    for ago in weeks_ago:
        for night in range(NIGHTS):
            day = MONDAY - timedelta(weeks=ago) + timedelta(days=night)
            load.add(f"{day} 19:00", f"{day + timedelta(days=1)} 06:00", kw)
    return load


def weekly(load: Load) -> tuple[float | None, ...]:
    return screened_kwh(load.power_kw, load.calendar)


def test_the_waste_of_each_earlier_week_is_the_energy_planted_in_it() -> None:
    load = load_with_waste(0, 1, 3)
    planted = NIGHTS * NIGHT_HOURS * 4.0
    found = earlier_waste_kwh(load.power_kw, load.calendar)
    assert found == pytest.approx([planted, 0, planted], rel=0.05)


def test_an_earlier_week_is_judged_as_it_could_have_been_judged_then() -> None:
    load = load_with_waste(2)
    later = load.power_kw.copy()
    later[load.in_period] *= 3.0
    then = [earlier_waste_kwh(power_kw, load.calendar) for power_kw in (load.power_kw, later)]
    assert then[0] == then[1]


def test_the_screen_finds_the_weeks_that_have_to_be_judged() -> None:
    found = weekly(load_with_waste(0, 1, 4))
    planted = NIGHTS * NIGHT_HOURS * 4.0
    assert found == pytest.approx([0, 0, planted, 0, 0, planted, planted], rel=0.1)


def test_a_clean_load_has_no_waste_in_any_week() -> None:
    load = load_with_waste(noise=0.1)
    assert earlier_waste_kwh(load.power_kw, load.calendar) == (0, 0, 0)


def test_a_level_that_falls_slowly_with_the_season_is_no_waste_that_was_fixed() -> None:
    load = load_with_waste()
    load.power_kw = load.power_kw * np.linspace(2.0, 1.0, len(load.power_kw))
    assert earlier_waste_kwh(load.power_kw, load.calendar) == (0, 0, 0)


def test_a_week_that_was_hardly_measured_is_unknown_and_not_clean() -> None:
    load = load_with_waste(1, 2)
    start = MONDAY - timedelta(weeks=3)
    load.power_kw[load.between(f"{start}", f"{start + timedelta(days=6)}")] = np.nan
    found = earlier_waste_kwh(load.power_kw, load.calendar)
    assert found[0] is None
    assert found[1] == pytest.approx(NIGHTS * NIGHT_HOURS * 4.0, rel=0.1)


def test_scaling_the_load_scales_the_waste() -> None:
    load = load_with_waste(0, 2)
    one, ten = (earlier_waste_kwh(times * load.power_kw, load.calendar) for times in (1, 10))
    assert ten == pytest.approx([10 * (kwh or 0.0) for kwh in one])


def test_too_few_nights_or_nothing_measured_is_no_story() -> None:
    load = load_with_waste(0)
    assert screened_kwh(load.power_kw * np.nan, load.calendar) == ()
    assert earlier_waste_kwh(load.power_kw * np.nan, load.calendar) == (None, None, None)
    assert follow_up(1, "RTU-1", ()) is None
    assert follow_up(1, "RTU-1", [None, 50.0, None]) is None


@pytest.mark.parametrize(
    ("weekly_kwh", "status", "saved_kwh"),
    [
        ([0, 0, 0, 0, 60], "new", 0),
        ([0, 0, 50, 55, 60], "persisting", 0),
        ([0, 50, 0, 0, 60], "returned", 0),
        # 50 a week before, twice nothing since.
        ([40, 50, 60, 0, 0], "fixed", 100),
        # The one kWh that is left was not saved; the week that is not known saved nothing.
        ([40, 60, None, 1], "fixed", 49),
    ],
)
def test_the_story_follows_from_the_weeks(
    weekly_kwh: list[float | None], status: str, saved_kwh: float
) -> None:
    found = follow_up(1, "RTU-1", weekly_kwh, 0.2)
    assert found is not None
    assert (found.status, found.saved_kwh) == (status, pytest.approx(saved_kwh))
    assert found.saved_cost == (pytest.approx(0.2 * saved_kwh) if saved_kwh else None)


@pytest.mark.parametrize("weekly_kwh", [[0.0, 0.0, 0.0], [0.0, 60.0, 0.0], [1.0, 1.0, 1.0]])
def test_nothing_or_a_single_bad_week_is_no_story(weekly_kwh: list[float]) -> None:
    assert follow_up(1, "RTU-1", weekly_kwh) is None


def test_the_sentence_carries_its_numbers() -> None:
    fixed = follow_up(1, "RTU-1", [50.0, 50.0, 0.0, 0.0])
    assert fixed is not None
    assert "RTU-1 is off after hours again" in fixed.sentence()
    assert "100 kWh" in fixed.sentence()


def test_savings_add_up_and_without_a_price_no_money_is_made_up() -> None:
    def fixed(channel_id: int, price: float | None) -> FollowUp:
        found = follow_up(channel_id, "RTU", [50.0, 50.0, 0.0], price)
        assert found is not None
        return found

    assert total_saved({1: fixed(1, 0.1), 2: fixed(2, 0.3)}) == (100.0, pytest.approx(20.0))
    assert total_saved({1: fixed(1, 0.1), 2: fixed(2, None)}) == (100.0, None)
    assert total_saved({}) == (0, 0)
