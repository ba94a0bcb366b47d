"""Days on which clocks change: each has its own number of quarter-hours, and no energy is lost.

End to end: the API, the ingest script, the hourly aggregate, the daily view.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sandbox_client import Ingest, Sandbox, StartSandbox
from support import Database, ScriptRunner

NEW_YORK, LORD_HOWE = "America/New_York", "Australia/Lord_Howe"
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
SERIES_KWH = {"fresh water": 0.25, "hall": 2.0}

# Clocks change by an hour in New York and by half an hour on Lord Howe Island.
LORD_HOWE_CHANGES = [(date(2026, 4, 5), 98), (date(2026, 10, 4), 94)]
NEW_YORK_CHANGES = [(date(2025, 11, 2), 100), (date(2026, 3, 8), 92)]


def midnight(day: date, timezone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def ingest_around(
    sandbox: Sandbox, ingest: Ingest, run_script: ScriptRunner, change: date
) -> tuple[date, date, date]:
    """Ingest and aggregate the day of the change and its neighbours."""
    days = (change - DAY, change, change + DAY)
    done = ingest(sandbox, "--start-date", days[0], "--end-date", days[2])
    assert done.exit_code == 0, done.stderr
    done = run_script("govern/refresh_views.py", env=sandbox.settings)
    assert done.exit_code == 0, done.stderr
    return days


def quarter_hours(database: Database, timezone: str) -> dict[tuple[int, date], int]:
    """Stored readings by channel and local day, counted from the readings themselves."""
    rows = database.execute(
        'SELECT channel_id, ("timestamp" AT TIME ZONE %s)::date, count(*), '
        "count(*) FILTER (WHERE interval_seconds = 900) FROM readings GROUP BY 1, 2",
        (timezone,),
    )
    assert all(count == quarters for *_, count, quarters in rows)
    return {(channel_id, day): count for channel_id, day, count, _ in rows}


def daily_kwh(database: Database) -> dict[int, dict[date, float]]:
    """Energy by channel and day, as the business view gives it."""
    found: dict[int, dict[date, float]] = {}
    for channel_id, day, energy_kwh, received, expected in database.execute(
        "SELECT channel_id, day, energy_kwh, reading_count, expected_count FROM v_readings_daily"
    ):
        assert received == expected, (channel_id, day)
        found.setdefault(channel_id, {})[day] = energy_kwh
    return found


@pytest.mark.parametrize(("change", "quarters"), NEW_YORK_CHANGES)
def test_a_clock_change_in_new_york_has_92_or_100_quarter_hours_on_every_channel(
    database: Database,
    start_sandbox: StartSandbox,
    ingest: Ingest,
    run_script: ScriptRunner,
    change: date,
    quarters: int,
) -> None:
    sandbox = start_sandbox(clean=True)
    days = ingest_around(sandbox, ingest, run_script, change)
    start, end = midnight(days[0], NEW_YORK), midnight(days[2] + DAY, NEW_YORK)
    truth = {
        channel["channelId"]: channel["energy_kwh"]
        for channel in sandbox.truth(start, end)["channels"]
        if channel["readings"]
    }
    assert len(truth) == 17
    expected = dict(zip(days, (96, quarters, 96), strict=True))
    assert quarter_hours(database, NEW_YORK) == {
        (channel_id, day): count for channel_id in truth for day, count in expected.items()
    }
    by_day = daily_kwh(database)
    for channel_id, period_kwh in truth.items():
        assert set(by_day[channel_id]) == set(days)
        if period_kwh is not None:  # the air sensor has no energy
            assert sum(by_day[channel_id].values()) == pytest.approx(period_kwh, rel=1e-9)


@pytest.fixture
def island(tmp_path: Path) -> Path:
    """Three hundred days of quarter-hours of two constant loads, as a Parquet file."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    first = midnight(date(2025, 12, 31), LORD_HOWE)
    times = [first + n * QUARTER for n in range(300 * 96)]
    names = [name for name in SERIES_KWH for _ in times]
    table = {"series_id": names, "timestamp": times * 2, "kwh": [SERIES_KWH[n] for n in names]}
    pq.write_table(pa.table(table), tmp_path / "island.parquet")
    return tmp_path / "island.parquet"


@pytest.mark.parametrize(("change", "quarters"), LORD_HOWE_CHANGES)
def test_a_clock_change_on_lord_howe_has_94_or_98_quarter_hours_on_every_channel(
    database: Database,
    start_sandbox: StartSandbox,
    ingest: Ingest,
    run_script: ScriptRunner,
    island: Path,
    change: date,
    quarters: int,
) -> None:
    now = datetime(2026, 10, 20, tzinfo=UTC)
    sandbox = start_sandbox(now, replay=island, replay_timezone=LORD_HOWE)
    days = ingest_around(sandbox, ingest, run_script, change)
    names = dict(database.execute("SELECT channel_id, channel_name FROM channels"))
    assert set(names.values()) == set(SERIES_KWH)
    counts = dict(zip(days, (96, quarters, 96), strict=True))
    assert quarter_hours(database, LORD_HOWE) == {
        (channel_id, day): count for channel_id in names for day, count in counts.items()
    }
    by_day = daily_kwh(database)
    for channel_id, name in names.items():
        expected = {day: count * SERIES_KWH[name] for day, count in counts.items()}
        assert by_day[channel_id] == pytest.approx(expected)
        period = (midnight(days[2] + DAY, LORD_HOWE) - midnight(days[0], LORD_HOWE)) / QUARTER
        assert sum(by_day[channel_id].values()) == pytest.approx(period * SERIES_KWH[name])
