"""Which records of an answer are stored: every one ends up kept, repeated or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.sites import SiteConfig
from ingest.eniscope.normalize import normalize
from ingest.pipeline.accept import accept
from ingest.store.rows import Accepted
from lib.reading_rules import ReadingRules, rules_for

START = datetime(2026, 7, 1, tzinfo=UTC)
END = START + timedelta(hours=6)
NOW = START + timedelta(days=1)
SITE = SiteConfig(site_id="1")


def at(quarter: int) -> int:
    """Unix time of a quarter-hour of the window."""
    return int(START.timestamp()) + 900 * quarter


def good(quarter: int, **more: Any) -> dict[str, Any]:
    return {"ts": at(quarter), "E": 1000, "P": 4000, "V": 120, **more}


def accepted(records: list[Any], rules: ReadingRules | None = None) -> Accepted:
    rules = rules or rules_for(SITE, 1, 900)
    return accept(normalize(records, None), START, END, rules, NOW)


def reasons(result: Accepted) -> list[tuple[str, str, str | None]]:
    return [(r.scope, r.reason, r.field) for r in result.rejections]


@pytest.mark.parametrize(
    ("record", "reason", "field"),
    [
        ({"E": 1}, "no_timestamp", "timestamp"),
        ({"ts": "soon", "E": 1}, "no_timestamp", "timestamp"),
        ("not a record", "no_timestamp", "timestamp"),
        (
            {"ts": int((NOW + timedelta(days=700)).timestamp()), "E": 1},
            "future_timestamp",
            "timestamp",
        ),
        ({"ts": at(1)}, "no_values", None),
        ({"ts": at(1), "E": None, "P": None}, "no_values", None),
        ({"ts": at(1), "E": "NaN"}, "no_values", None),
        (good(1, E=-1), "energy_kwh_out_of_range", "energy_kwh"),
        (good(1, P=5_000_000), "power_kw_out_of_range", "power_kw"),
        (good(1, P=-10), "power_kw_out_of_range", "power_kw"),
        # 1000 kW for a quarter of an hour is 250 kWh; a quarter more is allowed for late counters.
        (good(1, E=320_000), "energy_kwh_out_of_range", "energy_kwh"),
        (good(1, ts=at(1) + 7), "overlaps_neighbour", "timestamp"),
    ],
)
def test_a_row_that_cannot_be_right_is_refused_with_its_reason(
    record: Any, reason: str, field: str | None
) -> None:
    result = accepted([good(0), good(2), record, good(3)])
    assert reasons(result) == [("row", reason, field)]
    assert len(result.timestamp_us) == 3
    assert result.fetched == 4
    assert result.rejections[0].raw_json


@pytest.mark.parametrize(
    ("code", "sent", "field"),
    [
        ("V", 9999, "voltage_v"),
        ("V2", 3, "voltage_v_2"),
        ("I", -1, "current_a"),
        ("PF", 1.2, "power_factor"),
        ("F", 400, "frequency_hz"),
        ("D", -1, "thd_current"),
        ("D", 1001, "thd_current"),
        ("THDV", 4e9, "thd_voltage"),
        ("Q", 2_000_001, "reactive_power_kvar"),
        ("Q", -2_000_001, "reactive_power_kvar"),
        ("S", 2_000_001, "apparent_power_kva"),
        ("S", -1, "apparent_power_kva"),
        ("RH", 101, "relative_humidity"),
    ],
)
def test_an_implausible_value_is_refused_alone_and_the_energy_stays(
    code: str, sent: float, field: str
) -> None:
    result = accepted([good(0, **{code: sent})])
    assert reasons(result) == [("field", "out_of_range", field)]
    assert result.columns["energy_kwh"].tolist() == [1.0]
    assert result.data_quality == [f"{field} out_of_range"]
    assert str(result.columns[field][0]) == "nan"


def test_a_clock_that_shifts_loses_at_most_the_row_that_overlaps() -> None:
    first = [good(quarter) for quarter in range(8)]
    shifted = [good(0, ts=at(quarter) + 60) for quarter in range(8, 16)]
    assert accepted([*first, *shifted]).rejections == []
    backwards = [good(0, ts=at(quarter) - 60) for quarter in range(8, 16)]
    result = accepted([*first, *backwards])
    assert reasons(result) == [("row", "overlaps_neighbour", "timestamp")]
    assert len(result.timestamp_us) == 15


def test_a_stray_row_on_its_own_is_kept() -> None:
    assert len(accepted([good(0, ts=at(3) + 7)]).timestamp_us) == 1


def test_a_meter_built_for_more_raises_the_limit_of_power() -> None:
    row = [good(0, P=2_500_000, E=625_000)]
    assert reasons(accepted(row)) == [("row", "energy_kwh_out_of_range", "energy_kwh")]
    assert accepted(row, rules_for(SITE, 1, 900, rated_kw=3000)).rejections == []


def test_reactive_and_apparent_power_may_be_twice_what_power_may_be() -> None:
    within = [good(0, Q=-1_999_000, S=1_999_000, D=999)]
    assert accepted(within).rejections == []
    beyond = [good(0, Q=5_900_000, S=5_900_000)]
    assert len(accepted(beyond).rejections) == 2
    assert accepted(beyond, rules_for(SITE, 1, 900, rated_kw=3000)).rejections == []
    told = SiteConfig(site_id="1", limits={"power_kw": (0, 3000)})
    assert accepted(beyond, rules_for(told, 1, 900)).rejections == []


@pytest.mark.parametrize(("code", "sent"), [("Q", 1e300), ("RSSI", 1e12), ("T", 1e39)])
def test_a_number_that_the_column_cannot_hold_is_refused_alone(code: str, sent: float) -> None:
    result = accepted([good(0, **{code: sent})])
    assert [(scope, reason) for scope, reason, _ in reasons(result)] == [("field", "not_storable")]
    assert result.columns["energy_kwh"].tolist() == [1.0]


def test_of_two_rows_of_one_time_the_later_is_stored_and_the_earlier_is_a_conflict() -> None:
    result = accepted([good(0, E=1000), good(1), good(0, E=1100)])
    assert result.columns["energy_kwh"].tolist() == [1.1, 1.0]
    (conflict,) = result.conflicts
    assert (conflict.field, conflict.stored_value, conflict.offered_value) == (
        "energy_kwh",
        "1.1",
        "1.0",
    )
    assert (result.fetched, len(result.timestamp_us), result.refused) == (3, 2, 0)


def test_an_exact_repeat_is_no_conflict() -> None:
    result = accepted([good(0), good(0)])
    assert (result.conflicts, len(result.timestamp_us), result.fetched) == ([], 1, 2)


def test_a_refused_row_never_replaces_a_good_one_of_its_time() -> None:
    result = accepted([good(0), good(0, E=-5)])
    assert result.columns["energy_kwh"].tolist() == [1.0]


def test_rows_come_in_any_order_and_are_stored_in_time() -> None:
    result = accepted([good(2), good(0), good(1)])
    assert (result.timestamp_us // 1_000_000).tolist() == [at(0), at(1), at(2)]


def test_rows_outside_the_window_belong_to_its_neighbours() -> None:
    result = accepted([good(-1), good(0), good(24)])
    assert (len(result.timestamp_us), result.fetched, result.rejections) == (1, 1, [])


def test_rows_before_the_installation_are_refused() -> None:
    rules = rules_for(SITE, 1, 900, installed_at=START + timedelta(hours=1))
    result = accepted([good(0), good(3), good(4)], rules)
    # The fourth quarter ends when the hardware goes live, the fifth is its first.
    assert reasons(result) == [("row", "before_installation", "timestamp")] * 2


def test_export_is_allowed_where_the_site_says_so() -> None:
    site = SiteConfig(site_id="1", allow_export=True)
    result = accepted([good(0, P=-4000, E=-1000)], rules_for(site, 1, 900))
    assert (result.rejections, result.columns["power_kw"].tolist()) == ([], [-4.0])


def test_limits_of_a_channel_win_over_those_of_its_site() -> None:
    site = SiteConfig.model_validate(
        {
            "site_id": "1",
            "limits": {"voltage_v": [200, 260]},
            "channels": {7: {"limits": {"voltage_v": [380, 420]}}},
        }
    )
    record = [good(0, V=400, V1=400)]
    assert accepted(record, rules_for(site, 7, 900)).rejections == []
    assert [field for _, _, field in reasons(accepted(record, rules_for(site, 8, 900)))] == [
        "voltage_v",
        "voltage_v_1",
    ]


def test_a_missing_power_factor_is_remarked_where_the_device_sends_one() -> None:
    rules = rules_for(SITE, 1, 900, sends_power_factor=True)
    result = accepted([good(0, PF=0.9), good(1, PF=None), good(2, P=0, PF=None)], rules)
    assert result.data_quality == [None, "power_factor missing", None]


def test_reactive_and_apparent_power_have_limits_of_their_own_where_the_site_says_so() -> None:
    told: dict[str, tuple[float, float]] = {
        "reactive_power_kvar": (-10, 10),
        "apparent_power_kva": (0, 20),
    }
    rules = rules_for(SiteConfig(site_id="1", limits=told), 1, 900)
    assert accepted([good(0, Q=-9_000, S=19_000)], rules).rejections == []
    assert reasons(accepted([good(0, Q=-11_000, S=21_000)], rules)) == [
        ("field", "out_of_range", "reactive_power_kvar"),
        ("field", "out_of_range", "apparent_power_kva"),
    ]
