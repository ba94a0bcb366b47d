"""The border: units, times and odd values of an answer, on records written down by hand."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from config.settings import PROJECT_ROOT
from ingest.eniscope.fields import COLUMNS, FIELDS
from ingest.eniscope.normalize import MISSING, json_text, normalize

NOON_US = int(datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
NOON = NOON_US // 1_000_000


def value(record: dict[str, Any], column: str, units: dict[str, str] | None = None) -> float:
    """The one value of the one record."""
    return float(normalize([{"ts": NOON, **record}], units).columns[column][0])


@pytest.mark.parametrize(
    ("code", "unit", "sent", "column", "stored"),
    [
        ("E", "Wh", 14326.112, "energy_kwh", 14.326112),
        ("E", "kWh", 14.5, "energy_kwh", 14.5),
        ("E", None, 1500, "energy_kwh", 1.5),
        ("P", "W", 28648.9, "power_kw", 28.6489),
        ("Q", "VAr", -500, "reactive_power_kvar", -0.5),
        ("S", "VA", 1234, "apparent_power_kva", 1.234),
        ("V", "V", 119.9, "voltage_v", 119.9),
        ("I3", "mA", 2500, "current_a_3", 2.5),
        ("PF", None, 0.93, "power_factor", 0.93),
        ("T", "°F", 212, "temperature_c", 100.0),
        ("T", "°C", -5, "temperature_c", -5.0),
        ("D", "%", 3.5, "thd_current", 3.5),
    ],
)
def test_values_are_converted_from_the_unit_the_answer_says(
    code: str, unit: str | None, sent: float, column: str, stored: float
) -> None:
    units = None if unit is None else {code: unit}
    assert value({code: sent}, column, units) == pytest.approx(stored)


def test_a_unit_that_is_not_known_is_refused_and_not_guessed() -> None:
    batch = normalize([{"ts": NOON, "E": 5, "P": 7}], {"E": "BTU", "P": "W"})
    assert "energy_kwh" not in batch.columns
    assert [(r.column, r.reason, r.value) for r in batch.refusals] == [
        ("energy_kwh", "unknown_unit", "5 BTU")
    ]
    assert batch.columns["power_kw"][0] == pytest.approx(0.007)


@pytest.mark.parametrize(
    "sent",
    [NOON, float(NOON), str(NOON), NOON * 1000, str(NOON * 1000), "2026-07-01T12:00:00Z",
     "2026-07-01T08:00:00-04:00", "2026-07-01 12:00:00"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["ts", "t", "timestamp"])
def test_every_way_to_write_a_time_is_read(key: str, sent: Any) -> None:
    assert normalize([{key: sent, "E": 1}], None).timestamp_us.tolist() == [NOON_US]


@pytest.mark.parametrize("sent", [None, "", "soon", True, {}, [], -5, 0, 10**400, "NaN", 1e300])
def test_a_time_that_cannot_be_read_is_missing(sent: Any) -> None:
    assert normalize([{"ts": sent, "E": 1}], None).timestamp_us.tolist() == [MISSING]


def test_null_stays_null_and_zero_stays_zero() -> None:
    assert value({"E": 0, "P": None}, "energy_kwh") == 0.0
    assert math.isnan(value({"E": 0, "P": None}, "power_kw"))


@pytest.mark.parametrize(
    "sent",
    ["NaN", float("nan"), float("inf"), "-Infinity", 10**400, True, "12,5", "x", [1], {"v": 1}],
)
def test_what_is_not_a_finite_number_is_refused_alone(sent: Any) -> None:
    batch = normalize([{"ts": NOON, "E": sent, "P": 1000}], None)
    assert math.isnan(batch.columns["energy_kwh"][0])
    assert batch.columns["power_kw"][0] == 1.0
    assert [(r.row, r.column, r.reason) for r in batch.refusals] == [
        (0, "energy_kwh", "not_a_number")
    ]


def test_numbers_may_come_as_text() -> None:
    assert value({"E": "1500.5", "P": " 2e3 "}, "energy_kwh") == pytest.approx(1.5005)
    assert value({"E": "1500.5", "P": " 2e3 "}, "power_kw") == 2.0


def test_fields_without_a_column_are_kept_by_code() -> None:
    batch = normalize(
        [{"ts": NOON, "E": 1, "CO2": 412, "U1": 208.1}, {"ts": NOON + 900, "E": 1}], None
    )
    assert [json.loads(text) if text else None for text in batch.extra] == [
        {"CO2": 412, "U1": 208.1},
        None,
    ]


def test_a_captured_answer_satisfies_the_physics_it_came_with() -> None:
    captured = PROJECT_ROOT.parent / "shared" / "eniscope-captures" / "readings-59155.json"
    if not captured.exists():
        pytest.skip("the captured answer is not on this machine")
    answer = json.loads(captured.read_text())
    columns = normalize(answer["records"], answer["units"]).columns
    hours = answer["resolution"] / 3600
    assert len(columns["energy_kwh"]) == answer["recordCount"]
    np.testing.assert_allclose(columns["energy_kwh"], columns["power_kw"] * hours, rtol=0.01)
    phases = sum(columns[f"energy_kwh_{phase}"] for phase in (1, 2, 3))
    np.testing.assert_allclose(columns["energy_kwh"], phases, rtol=0.001)


@pytest.mark.parametrize("sent", ["a\x00b", "\\u0000", "\\\x00\\", "\ud800", float("nan"), 10**400])
def test_raw_records_become_json_that_postgresql_takes(sent: Any) -> None:
    text = json_text({"v": sent})
    json.loads(text)
    assert "\\u0000" not in text.replace("\\\\", "")


def test_every_field_of_the_border_has_its_column_in_the_schema() -> None:
    migrations = PROJECT_ROOT / "govern" / "sql" / "migrations"
    schema = (migrations / "0003_readings.sql").read_text()
    assert [column for column in COLUMNS if f"\n    {column} " not in schema] == []
    assert len({field.code for field in FIELDS}) == len(FIELDS)


def test_of_two_codes_for_one_column_neither_value_is_lost() -> None:
    batch = normalize(
        [
            {"ts": NOON, "THDI": 9.0, "D": 4.0},
            {"ts": NOON + 900, "THDI": 9.0, "D": None},
            {"ts": NOON + 1800, "THDI": 4.0, "D": 4.0},
        ],
        None,
    )
    assert batch.columns["thd_current"].tolist() == [4.0, 9.0, 4.0]
    assert batch.extra == ['{"THDI":9.0}', None, None]
    assert normalize([{"ts": NOON, "D": 4.0, "THDI": 9.0}], None).extra == ['{"THDI":9.0}']


def test_a_timestamp_that_is_null_leaves_the_word_to_the_next() -> None:
    batch = normalize([{"ts": None, "timestamp": NOON, "E": 1}, {"ts": NOON + 900, "E": 1}], None)
    assert (batch.timestamp_us // 1_000_000).tolist() == [NOON, NOON + 900]
