"""Every kind of trouble at once, in every shape of answer: the table equals what was offered."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox_client import Ingest, StartSandbox
from stored_truth import (
    MAY_BE_SPOILT,
    TWO_DAYS,
    assert_books_balance,
    assert_equal_to_truth,
)
from support import Database

CHANNELS = 32
# Of its 32 channels two only ever fail.
OFFERED_CHANNELS = 30

TROUBLE: dict[str, Any] = {
    "channels": CHANNELS,
    "p_500": 0.05,
    "p_truncated": 0.03,
    "p_reset": 0.02,
    "p_429": 0.05,
    "p_html200": 0.02,
    "p_maintenance": 0.02,
    "p_expire": 0.03,
    "p_bad_rows": 0.5,
    "p_contradict": 0.3,
    "token_requests": 20,
    # Long ranges are answered coarser, and two short ones are as well.
    "max_points": 100,
    "fault_at": (("coarse", 20), ("coarse", 60)),
}
SHAPES: dict[str, dict[str, Any]] = {
    "meta, seconds": {"envelope": "meta"},
    "bare lists, milliseconds": {
        "envelope": "list", "records_key": "data", "ts_key": "t", "ts_format": "milliseconds",
    },
    "result, ISO": {
        "envelope": "result", "records_key": "readings", "ts_key": "timestamp", "ts_format": "iso",
    },
    "data, numbers as text": {
        "envelope": "data", "records_key": "result", "numbers_as_strings": True,
    },
    "items, without units": {"envelope": "items", "omit_units": True, "bare_nan": True},
}  # fmt: skip


@pytest.mark.parametrize(("seed", "shape"), list(enumerate(SHAPES.values())), ids=SHAPES)
def test_32_channels_with_every_fault_at_once_equal_what_was_offered(
    database: Database,
    start_sandbox: StartSandbox,
    ingest: Ingest,
    seed: int,
    shape: dict[str, Any],
) -> None:
    sandbox = start_sandbox(fault_seed=seed, **TROUBLE, **shape)
    done = ingest(sandbox, *TWO_DAYS)
    assert done.exit_code == 0, done.stderr
    assert database.scalar("SELECT count(*) FROM channels") == CHANNELS
    asked = "SELECT count(DISTINCT channel_id) FROM ingestion_logs"
    assert database.scalar(asked) == OFFERED_CHANNELS
    assert_equal_to_truth(database, sandbox, ignore=MAY_BE_SPOILT)
    assert_books_balance(database)
    # The contradicting row came first and the later one is stored: the earlier is on record.
    conflicts = "SELECT count(*) FROM reading_conflicts WHERE field = 'energy_kwh'"
    assert database.scalar(conflicts) > 0
