"""A year of readings with holes, across both clock changes: the views against pandas.

The readings are read back as UTC instants and put on the local calendar by pandas alone.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml
from support import Database, ScriptRunner

ZONES = ["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
QUARTERLY, HOURLY = 101, 102
# Opening in the middle of an hour, to midnight on Saturdays.
HOURS = {
    "monday": ["06:30", "18:45"],
    "tuesday": ["06:30", "18:45"],
    "wednesday": ["06:30", "18:45"],
    "thursday": ["06:30", "18:45"],
    "friday": ["07:00", "19:00"],
    "saturday": ["00:30", "24:00"],
}
OPENS = {0: 6.5, 1: 6.5, 2: 6.5, 3: 6.5, 4: 7.0, 5: 0.5}
CLOSES = {0: 18.75, 1: 18.75, 2: 18.75, 3: 18.75, 4: 19.0, 5: 24.0}
CLOSED = ["2026-01-26", "2026-03-09", "2026-10-05", "2026-12-25"]

_PLANT = """
INSERT INTO organizations (organization_id, organization_name, timezone)
VALUES ('1', 'Year', %(zone)s);
INSERT INTO channels (channel_id, organization_id, channel_name, interval_seconds)
VALUES (101, '1', 'Quarter hours', 900), (102, '1', 'Hours', 3600);
INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw)
SELECT channel_id, at, step,
       CASE WHEN mod(dice, 19) <> 0 THEN 0.1 + mod(dice, 1009) / 300.0 END,
       CASE WHEN mod(dice, 23) <> 0 THEN 0.1 + mod(dice, 997) / 70.0 END
FROM (VALUES (101, 900), (102, 3600)) AS c (channel_id, step)
CROSS JOIN LATERAL generate_series(
    '2026-01-01'::timestamp AT TIME ZONE %(zone)s, '2027-01-01'::timestamp AT TIME ZONE %(zone)s
    - interval '1 second', make_interval(secs => step)
) AS at
CROSS JOIN LATERAL (
    SELECT abs(hashint8(extract(epoch FROM at)::bigint + channel_id)::bigint) AS dice
) AS thrown
-- Holes of single intervals, and of whole days.
WHERE mod(dice, 13) <> 0 AND mod(extract(doy FROM at)::integer, 41) <> 7;
INSERT INTO ingestion_logs (
    run_id, organization_id, channel_id, window_start, window_end, interval_seconds, status,
    readings_fetched, readings_inserted, started_at, finished_at
)
SELECT gen_random_uuid(), '1', channel_id, min("timestamp"), max("timestamp") + interval '1 hour',
       900, 'success', count(*), count(*), now(), now()
FROM readings GROUP BY channel_id;
"""


class Year(NamedTuple):
    """The planted year: where it is, and its readings on the local calendar."""

    database: Database
    readings: pd.DataFrame


@pytest.fixture(params=ZONES)
def year(
    request: pytest.FixtureRequest,
    database: Database,
    run_script: ScriptRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Year:
    zone = request.param
    sites = {"sites": {"1": {"opening_hours": HOURS, "closed_days": CLOSED}}}
    (tmp_path / "sites.yaml").write_text(yaml.safe_dump(sites))
    monkeypatch.setenv("ARGO_SITES_FILE", str(tmp_path / "sites.yaml"))
    database.execute(_PLANT, {"zone": zone})
    done = run_script("govern/refresh_views.py")
    assert done.exit_code == 0, done.stderr
    return Year(database, on_local_calendar(database, zone))


def on_local_calendar(database: Database, zone: str) -> pd.DataFrame:
    frame = read(
        database,
        "SELECT channel_id, timestamp, interval_seconds, energy_kwh, power_kw::float8 "
        "FROM readings ORDER BY channel_id, timestamp",
    )
    local = pd.DatetimeIndex(frame["timestamp"]).tz_convert(zone)
    wall = local.tz_localize(None)
    frame["day"] = wall.normalize()
    frame["month"] = wall.to_period("M").to_timestamp()
    frame["wall_hour"] = wall.floor("h")
    frame["offset"] = wall - local.tz_convert("UTC").tz_localize(None)
    hour_of_day = np.asarray((wall - wall.normalize()) / pd.Timedelta("1h"))
    opens = wall.day_of_week.map(OPENS).to_numpy(dtype=float)
    closes = wall.day_of_week.map(CLOSES).to_numpy(dtype=float)
    ends = hour_of_day + frame["interval_seconds"].to_numpy() / 3600
    is_closed_day = np.isin(wall.strftime("%Y-%m-%d"), CLOSED)
    # On a Sunday opens and closes are NaN: every comparison is false.
    frame["is_open"] = (hour_of_day < closes) & (ends > opens) & ~is_closed_day
    frame["is_business_day"] = ~np.isnan(opens) & ~is_closed_day
    return frame


def read(database: Database, query: str) -> pd.DataFrame:
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        cursor.execute(query)
        names = [column.name for column in cursor.description or ()]
        frame = pd.DataFrame(cursor.fetchall(), columns=names)
    for name in frame.columns:
        if name in ("energy_kwh", "power_kw", "avg_kw", "max_kw", "peak_kw"):
            frame[name] = frame[name].astype(float)
    return frame


def summed(readings: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    grouped = readings.groupby(["channel_id", *keys])
    return pd.DataFrame(
        {
            "energy_kwh": grouped["energy_kwh"].sum(min_count=1),
            "avg_kw": grouped["power_kw"].mean(),
            "peak_kw": grouped["power_kw"].max(),
            "reading_count": grouped.size(),
        }
    )


def assert_equal(view: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Same keys in the same order, and the same figures."""
    keys = expected.index.to_frame(index=False)
    for name in keys.columns.intersection(view.columns):
        left = view[name] if name == "channel_id" else pd.to_datetime(view[name])
        assert (left.to_numpy() == keys[name].to_numpy()).all(), name
    np.testing.assert_allclose(
        view[list(expected.columns)].to_numpy(dtype=float),
        expected.to_numpy(dtype=float),
        rtol=1e-9,
        equal_nan=True,
    )


def test_a_year_of_hours_days_months_and_business_hours_equals_pandas(year: Year) -> None:
    readings = year.readings
    # Of the two hours of one name in autumn the one with the larger offset comes first.
    hours = summed(readings.assign(earlier=-readings["offset"]), ["wall_hour", "earlier"])
    assert_equal(
        read(
            year.database,
            # In Lord Howe the clocks change at half past: such an hour starts at the change.
            "SELECT channel_id, date_trunc('hour', hour_local) AS wall_hour, energy_kwh, avg_kw, "
            "max_kw AS peak_kw, reading_count FROM v_readings_hourly ORDER BY channel_id, hour",
        ),
        hours,
    )
    figures = "energy_kwh, avg_kw, peak_kw, reading_count"
    for view, key in (("v_readings_daily", "day"), ("v_readings_monthly", "month")):
        stored = read(
            year.database, f"SELECT channel_id, {key}, {figures} FROM {view} ORDER BY 1, 2"
        )
        assert_equal(stored, summed(readings, [key]))
    business = read(
        year.database,
        "SELECT channel_id, day, is_business_day, business_kwh, after_hours_kwh, business_count, "
        "after_hours_count FROM v_readings_business_hours ORDER BY 1, 2",
    )
    assert_equal(business, split_by_hours(readings))


def split_by_hours(readings: pd.DataFrame) -> pd.DataFrame:
    """Energy and readings inside and outside opening hours, by channel and local day."""
    keys = ["channel_id", "day"]
    is_open = readings["is_open"]
    energy = readings["energy_kwh"]
    parts = readings[keys].assign(
        is_business_day=readings["is_business_day"],
        business_kwh=energy.where(is_open),
        after_hours_kwh=energy.where(~is_open),
        business_count=is_open.astype(int),
        after_hours_count=(~is_open).astype(int),
    )
    grouped = parts.groupby(keys)
    kwh = grouped[["business_kwh", "after_hours_kwh"]].sum(min_count=1)
    counts = grouped[["business_count", "after_hours_count"]].sum()
    return pd.concat([grouped["is_business_day"].any(), kwh, counts], axis=1)
