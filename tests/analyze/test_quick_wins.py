"""Quick wins: ranked by money, with a range, and with somebody who can act."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analyze.equipment import equipment_of
from analyze.findings import AfterHoursMeter, Anomaly
from analyze.follow_up import follow_up
from analyze.quick_wins import quick_wins

ZONE = ZoneInfo("America/New_York")
START, END = datetime(2025, 8, 18, 19, tzinfo=ZONE), datetime(2025, 8, 19, 6, tzinfo=ZONE)


def meter(channel_id: int, name: str, cost: float, error_pct: float = 10.0) -> AfterHoursMeter:
    return AfterHoursMeter(
        channel_id=channel_id, channel_name=name, baseline_kw=2.0, after_hours_kwh=300.0,
        excess_kwh=cost / 0.12, excess_cost=cost, error_pct=error_pct, stretches=((START, END),),
    )  # fmt: skip


def anomaly(channel_id: int, **changes: Any) -> Anomaly:
    values: dict[str, Any] = {
        "channel_id": channel_id, "channel_name": "Kitchen Hood", "start": START, "end": END,
        "direction": "high", "peak_kw": 9.0, "expected_kw": 3.0, "excess_kwh": 50.0,
        "severity": "high", "confidence": 0.9, "context": "Monday, closed hours",
    }  # fmt: skip
    return Anomaly(**(values | changes))


def test_the_most_money_comes_first_and_a_year_is_52_weeks() -> None:
    wins = quick_wins([meter(1, "RTU-1", 5.0), meter(2, "Lighting", 9.0)], [], {}, {}, 1.0)
    assert [(win.rank, win.channel_ids, win.annual_cost) for win in wins] == [
        (1, (2,), 468.0), (2, (1,), 260.0),
    ]  # fmt: skip


def test_without_prices_the_most_energy_comes_first_and_no_cost_is_made_up() -> None:
    small, large = meter(1, "RTU-1", 5.0), meter(2, "Lighting", 9.0)
    unpriced = [replace(one, excess_cost=None) for one in (small, large)]
    wins = quick_wins(unpriced, [anomaly(3, excess_kwh=60.0)], {3: None}, {}, 1.0)
    assert [win.channel_ids for win in wins] == [(2,), (3,), (1,)]
    assert {win.weekly_cost for win in wins} == {None}
    assert {win.annual_cost for win in wins} == {None}
    # One price alone ranks nothing: the unpriced win may be worth more.
    partly = quick_wins([small, unpriced[1]], [], {}, {}, 1.0)
    assert [win.channel_ids for win in partly] == [(2,), (1,)]


def test_the_range_is_the_measured_error_and_missing_data_widens_it() -> None:
    complete, incomplete = (
        quick_wins([meter(1, "RTU-1", 10.0)], [], {}, {1: missing}, 1.0)[0] for missing in (0, 0.2)
    )
    assert complete.annual_cost_low == pytest.approx(0.9 * 520)
    assert complete.annual_cost_high == pytest.approx(1.1 * 520)
    assert incomplete.annual_cost_low == pytest.approx(0.7 * 520)
    assert incomplete.confidence < complete.confidence


def test_two_weeks_of_waste_are_halved_for_a_week_but_a_day_is_not_multiplied() -> None:
    assert quick_wins([meter(1, "RTU-1", 10.0)], [], {}, {}, 2.0)[0].weekly_cost == 5.0
    assert quick_wins([meter(1, "RTU-1", 10.0)], [], {}, {}, 1 / 7)[0].weekly_cost == 10.0


def test_anomalies_count_when_they_are_high_and_more_than_low() -> None:
    events = [anomaly(1), anomaly(2, direction="low"), anomaly(3, severity="low")]
    (win,) = quick_wins([], events, {1: 6.0}, {}, 1.0)
    assert (win.channel_ids, win.weekly_kwh, win.weekly_cost) == ((1,), 50.0, 6.0)
    assert "9.0 kW where 3.0 kW" in win.evidence


def test_the_evidence_carries_its_numbers() -> None:
    (win,) = quick_wins([meter(1, "RTU-1", 12.0)], [], {}, {}, 1.0)
    assert "1 closed stretch " in win.evidence
    assert "100 kWh" in win.evidence
    assert "10 %" in win.evidence


def test_earlier_weeks_are_evidence_and_bound_the_money_of_what_is_not_there_every_week() -> None:
    always = follow_up(1, "RTU-1", [80.0] * 4)
    half = follow_up(1, "RTU-1", [0.0, 80.0, 0.0, 80.0])
    assert always is not None
    assert half is not None
    wins = [
        quick_wins([meter(1, "RTU-1", 10.0)], [], {}, {}, 1.0, {1: story})[0]
        for story in (always, half)
    ]
    assert [win.annual_cost for win in wins] == [520.0, 520.0]
    assert wins[0].annual_cost_low == pytest.approx(0.9 * 520)
    assert wins[1].annual_cost_low == pytest.approx(0.5 * 0.9 * 520)
    assert "3 of the 3 weeks before had it too" in wins[0].evidence
    assert "It came back" in wins[1].evidence


@pytest.mark.parametrize(
    ("name", "equipment"),
    [("RTU-2", "rooftop unit"), ("AHU-1A", "air handler"), ("A/C 0", "cooling"),
     ("Kitchen Main Panel", "kitchen equipment"), ("Kitchen Hood", "exhaust fan"),
     ("Lighting Floor 1", "lighting"), ("Plug Loads Office", "plug loads"),
     ("Elevator", "elevator"), ("Panel 7", "equipment")],
)  # fmt: skip
def test_the_equipment_is_guessed_from_the_name(name: str, equipment: str) -> None:
    assert equipment_of(name).name == equipment


def test_every_kind_of_equipment_has_somebody_and_something_to_do() -> None:
    for name in ("RTU", "AHU", "A/C", "Hood", "Kitchen", "Light", "Plug", "Lift", "Pump", "?"):
        equipment = equipment_of(name)
        assert equipment.owner
        assert equipment.after_hours_actions
        assert equipment.excess_actions
