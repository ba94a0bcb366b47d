"""Binary COPY: what is packed comes back from PostgreSQL, value by value."""

from __future__ import annotations

import io
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Database

from ingest.store.binary_copy import encode_rows, number_column, text_column, timestamp_column

TEXTS = st.none() | st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40
)
NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
REALS = st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32)
INTEGERS = st.none() | st.integers(-(2**31), 2**31 - 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 2**52).map(lambda us: EPOCH + timedelta(microseconds=us))
ROWS = st.lists(st.tuples(INSTANTS, NUMBERS, REALS, INTEGERS, TEXTS), min_size=1, max_size=20)


def floats(values: list[float | int | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


@given(rows=ROWS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_come_back_as_they_were_packed(
    database: Database,
    rows: list[tuple[datetime, float | None, float | None, int | None, str | None]],
) -> None:
    instants, doubles, reals, integers, texts = (list(column) for column in zip(*rows, strict=True))
    microseconds = [(instant - EPOCH) // timedelta(microseconds=1) for instant in instants]
    packed = encode_rows(
        [
            timestamp_column("t", np.array(microseconds, dtype=np.int64)),
            number_column("d", "float8", floats(doubles)),
            number_column("r", "float4", floats(reals)),
            number_column("i", "int4", floats(integers)),
            text_column("x", texts),
        ],
        len(rows),
    )
    with closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE t (t timestamptz, d float8, r real, i int, x text, "
            "n int GENERATED ALWAYS AS IDENTITY) ON COMMIT DROP"
        )
        cursor.copy_expert("COPY t (t, d, r, i, x) FROM STDIN (FORMAT binary)", io.BytesIO(packed))
        cursor.execute("SELECT t, d, r::float8, i, x FROM t ORDER BY n")
        assert cursor.fetchall() == rows
