"""What is stored against what the sandbox truly offered, row by row and value by value."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sandbox_client import Sandbox
from support import Database

from operations.sandbox.faults import EXPENDABLE

NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2026, 7, 13, tzinfo=NEW_YORK)
END = datetime(2026, 7, 15, tzinfo=NEW_YORK)
TWO_DAYS = ("--start-date", "2026-07-13", "--end-date", "2026-07-14")

# API code -> (column, factor), written down from the API document.
STORED_AS = {
    "E": ("energy_kwh", 1e-3), "E1": ("energy_kwh_1", 1e-3), "P": ("power_kw", 1e-3),
    "P2": ("power_kw_2", 1e-3), "V": ("voltage_v", 1), "V3": ("voltage_v_3", 1),
    "I": ("current_a", 1), "PF": ("power_factor", 1), "Q": ("reactive_power_kvar", 1e-3),
    "S": ("apparent_power_kva", 1e-3), "F": ("frequency_hz", 1), "In": ("neutral_current_a", 1),
    "D": ("thd_current", 1), "T": ("temperature_c", 1), "RH": ("relative_humidity", 1),
}  # fmt: skip


def stored_rows(database: Database, channel_id: int) -> dict[int, dict[str, Any]]:
    """Stored readings of a channel by unix time, each column by its name."""
    columns = sorted({column for column, _ in STORED_AS.values()})
    rows = database.execute(
        f'SELECT extract(epoch FROM "timestamp")::bigint, interval_seconds, {", ".join(columns)} '
        'FROM readings WHERE channel_id = %s AND "timestamp" >= %s AND "timestamp" < %s',
        (channel_id, START, END),
    )
    return {ts: dict(zip(("interval_seconds", *columns), rest, strict=True)) for ts, *rest in rows}


# Codes that the sandbox's odd rows (--p-bad-rows) may lack, or hold as NaN.
MAY_BE_SPOILT = frozenset(EXPENDABLE)


def assert_equal_to_truth(
    database: Database, sandbox: Sandbox, ignore: frozenset[str] = frozenset()
) -> None:
    """Every row that was offered is stored once, value by value, and nothing else is."""
    channels = sandbox.truth(START, END)["channels"]
    assert sum(channel["readings"] for channel in channels) > 3000
    for channel in channels:
        channel_id = channel["channelId"]
        true = {row["ts"]: row for row in sandbox.true_rows(channel_id, START, END)}
        stored = stored_rows(database, channel_id)
        assert stored.keys() == true.keys(), channel["channelName"]
        for ts, row in true.items():
            for code, (column, factor) in STORED_AS.items():
                if code in ignore:
                    continue
                # The one field fault the sandbox plants: a voltage of 9999 in a good row.
                if row.get(code) is None or row[code] == 9999:
                    assert stored[ts][column] is None, (channel_id, ts, code)
                else:
                    expected = pytest.approx(row[code] * factor, rel=1e-5, abs=1e-6)
                    assert stored[ts][column] == expected, (channel_id, ts, code)


def log_rows(database: Database) -> list[tuple[Any, ...]]:
    return database.execute(
        "SELECT channel_id, status, readings_fetched, readings_inserted, readings_duplicate, "
        "readings_rejected, error_message FROM ingestion_logs ORDER BY id"
    )


def assert_books_balance(database: Database) -> None:
    rows = log_rows(database)
    assert rows
    assert [row for row in rows if row[2] != row[3] + row[4] + row[5]] == []
    assert [row for row in rows if row[1] == "running"] == []
