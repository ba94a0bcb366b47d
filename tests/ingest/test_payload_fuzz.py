"""Whatever an answer holds: no unexpected exception, balanced books, finite values in the table.

Everything here goes through the real client over HTTP, byte by byte, and into PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nasty_payloads import DIGITS_401, NASTY, Nasty, answer, row
from offered_answers import NOON, Intake, intake
from support import Database

from ingest.eniscope.fields import FIELD_BY_CODE, FURTHER_CODES

EXAMPLES_IN_CI, EXAMPLES_NIGHTLY = 500, 5_000


@pytest.fixture(scope="module")
def taken(module_database: Database) -> Iterator[Intake]:
    """One intake for all payloads."""
    with intake(module_database) as one:
        yield one


@pytest.fixture
def fresh(taken: Intake) -> Intake:
    """The intake with an empty database."""
    taken.forget()
    return taken


# --- a corpus written by hand ---------------------------------------------------------------------


def test_the_corpus_is_large_and_its_names_are_its_own() -> None:
    assert len(NASTY) >= 60
    assert len({nasty.name for nasty in NASTY}) == len(NASTY)


@pytest.mark.parametrize("nasty", NASTY, ids=lambda nasty: nasty.name)
def test_a_nasty_payload_meets_its_fate(fresh: Intake, nasty: Nasty) -> None:
    outcome = fresh.offer(nasty.body)
    assert (outcome.status == "failed") == nasty.fails, outcome
    assert (outcome.error is None) != nasty.fails
    assert fresh.energies() == pytest.approx(list(nasty.energies), nan_ok=False)
    assert (outcome.inserted, outcome.rejected) == (len(nasty.energies), nasty.refused)
    fresh.assert_books_balance()


def test_a_value_too_large_for_its_column_is_refused_alone_with_its_reason(fresh: Intake) -> None:
    fresh.offer(answer(row('"E": 1500, "Q": 1e42, "T": -1e39, "RSSI": 3e9')))
    quarantined = fresh.rows(
        "SELECT field, value::float8 FROM rejected_readings WHERE scope = 'field' ORDER BY field"
    )
    # Q came in VAr; the others in the column's own unit.
    assert quarantined == [
        ("reactive_power_kvar", pytest.approx(1e39)),
        ("signal_strength", 3e9),
        ("temperature_c", -1e39),
    ]


def test_a_row_that_overlaps_a_stored_one_of_its_own_length_is_not_added_to_it(
    fresh: Intake,
) -> None:
    fresh.offer(answer(row('"E": 1500')))
    fresh.offer(answer(row('"E": 1500', str(NOON + 450))))
    assert fresh.energies() == [1.5]


# --- answers that nobody thought of ---------------------------------------------------------------


class Raw(str):
    """Text that stands in the JSON as it is."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object that may have a key twice."""


def written(value: Any) -> str:
    """JSON text, also of what no JSON library would write."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(key)}:{written(one)}" for key, one in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(one) for one in value) + "]"
    return json.dumps(value)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
ODD = st.one_of(
    st.sampled_from(
        [Raw("NaN"), Raw("-Infinity"), Raw("1e400"), Raw(DIGITS_401), Raw("-" + DIGITS_401)]
    ),
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["NaN", "Infinity", "1e39", " 7 ", "\x00", "\ud800", "900", "Wh", "kWh"]),
    ANY_TEXT,
)
NESTED = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(ANY_TEXT, inner), max_size=3).map(Pairs)
    ),
    max_leaves=6,
)
GRID = st.integers(-50, 150).map(lambda place: NOON - 43_200 + 900 * place)
TIMES = st.one_of(
    GRID,
    GRID.map(lambda ts: ts * 1000),
    GRID.map(str),
    st.integers(NOON - 200_000, NOON + 400_000),
    st.datetimes().map(lambda at: at.isoformat()),
    NESTED,
)
CODES = st.sampled_from([*FIELD_BY_CODE, *FURTHER_CODES])
PLAUSIBLE = st.floats(0, 30_000) | st.integers(0, 500)
LARGE = st.sampled_from([1e38, 3.5e38, 1e39, 1e300, -1e39, 2**31, -(2**31) - 1, 2**63, 2**64])
FIELDS = st.tuples(CODES | ANY_TEXT, st.one_of(PLAUSIBLE, PLAUSIBLE, LARGE, NESTED))
TIMED = st.tuples(st.sampled_from(["ts", "ts", "ts", "t", "timestamp"]), TIMES)
RECORDS = st.tuples(st.lists(TIMED, max_size=2), st.lists(FIELDS, max_size=6)).map(
    lambda parts: Pairs([*parts[0], *parts[1]])
)
ROWS = st.one_of(
    st.lists(RECORDS, max_size=8),
    st.lists(RECORDS | NESTED, max_size=8),
    st.tuples(RECORDS, st.integers(2, 60)).map(lambda parts: [parts[0]] * parts[1]),
)
UNIT_NAMES = st.sampled_from(["Wh", "kWh", "MWh", "W", "MVAr", "kA", "°F", "%", "", "BTU"])
UNITS = st.lists(st.tuples(CODES, UNIT_NAMES | NESTED), max_size=5).map(Pairs) | NESTED
ANSWERS = st.one_of(
    st.builds(
        lambda key, rows, said: Pairs([*said, (key, rows)]),
        st.sampled_from(["records", "records", "data", "result"]),
        ROWS,
        st.lists(
            st.tuples(st.just("units"), UNITS)
            | st.tuples(st.just("resolution"), st.just(900) | st.just("900") | NESTED),
            max_size=3,
        ),
    ),
    ROWS,
    st.tuples(st.just("records"), NESTED).map(lambda pair: Pairs([pair])),
    NESTED,
)


def assert_taken_in(taken: Intake, payload: Any) -> None:
    """Offered twice, an answer adds to the table once, and every row of it is accounted for."""
    taken.forget()
    body = written(payload).encode()
    first = taken.offer(body)
    again = taken.offer(body)
    assert first.fetched == first.inserted + first.duplicate + first.rejected
    assert (again.fetched, again.inserted) == (first.fetched, 0)
    assert again.rejected == first.rejected
    taken.assert_books_balance()


FUZZ: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


@settings(max_examples=EXAMPLES_IN_CI, derandomize=True, database=None, **FUZZ)
@given(payload=ANSWERS)
def test_any_answer_is_taken_in_without_a_surprise(taken: Intake, payload: Any) -> None:
    assert_taken_in(taken, payload)


@pytest.mark.nightly
@settings(max_examples=EXAMPLES_NIGHTLY, **FUZZ)
@given(payload=ANSWERS)
def test_any_of_many_answers_is_taken_in_without_a_surprise(taken: Intake, payload: Any) -> None:
    assert_taken_in(taken, payload)
