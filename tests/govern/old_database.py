"""A database of the first version, made from known truth: who wrote which instant, and how.

The tables are those that an existing installation brings. Every reading is made from its true
instant and length first, then written as that installation wrote it: on the wall clock of New
York, nulls of energy and power as 0, one row per channel and written time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from psycopg2.extras import execute_values
from support import Database

ZONE = "America/New_York"
OLDER_TABLES = """
CREATE TABLE organizations (
    organization_id text PRIMARY KEY, organization_name text NOT NULL, address text, city text,
    postcode text, country text, timezone text DEFAULT 'America/New_York',
    created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
CREATE TABLE devices (
    device_id integer PRIMARY KEY, device_name text, organization_id text REFERENCES organizations,
    device_type text, serial_number text, firmware_version text, last_seen timestamp,
    created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
CREATE TABLE channels (
    channel_id integer PRIMARY KEY, channel_name text NOT NULL,
    device_id integer REFERENCES devices, organization_id text REFERENCES organizations,
    channel_type text DEFAULT 'energy', unit text DEFAULT 'kWh', description text,
    created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
CREATE TABLE readings (
    id bigserial PRIMARY KEY, channel_id integer REFERENCES channels, "timestamp" timestamp,
    energy_kwh real, power_kw real, voltage_v real, current_a real, power_factor real,
    reactive_power_kvar real, temperature_c real, relative_humidity real, frequency_hz real,
    neutral_current_a real, thd_current real, apparent_power_va real, cost numeric(12,2),
    voltage_v1 real, voltage_v2 real, voltage_v3 real,
    current_a1 real, current_a2 real, current_a3 real,
    power_w1 real, power_w2 real, power_w3 real,
    power_factor_1 real, power_factor_2 real, power_factor_3 real,
    energy_wh1 real, energy_wh2 real, energy_wh3 real,
    created_at timestamp DEFAULT now());
CREATE UNIQUE INDEX readings_channel_timestamp ON readings (channel_id, "timestamp");
CREATE TABLE ingestion_logs (
    id serial PRIMARY KEY, organization_id text, channel_id integer, start_time timestamptz,
    end_time timestamptz, readings_fetched integer, readings_inserted integer,
    readings_rejected integer, status text, error_message text,
    created_at timestamptz DEFAULT now());
CREATE TABLE data_sync_status (
    id serial PRIMARY KEY, organization_id text, channel_id integer, last_sync_timestamp timestamp,
    last_reading_timestamp timestamp, readings_count integer, sync_status text, error_message text,
    created_at timestamp DEFAULT now());
CREATE VIEW v_clean_readings AS SELECT * FROM readings WHERE energy_kwh >= 0;
CREATE MATERIALIZED VIEW mv_hourly_usage AS
    SELECT channel_id, date_trunc('hour', "timestamp") AS hour, sum(energy_kwh) AS energy_kwh
    FROM readings GROUP BY 1, 2;
CREATE VIEW v_sites AS SELECT organization_id AS site_id, organization_name FROM organizations;
CREATE VIEW v_readings_hourly AS SELECT * FROM mv_hourly_usage;
"""
NEWER_TABLES = """
CREATE TABLE meters (
    meter_id integer PRIMARY KEY, device_id integer, meter_name text, data_type text,
    ct_ratio real, voltage_scale real, channel_count integer, interface_name text,
    interface_id integer, organization_id text, uuid text, parent_id integer,
    registered timestamp, expires timestamp, status text, updated_at timestamp);
ALTER TABLE channels ADD COLUMN meter_id integer;
CREATE TABLE virtual_meters (
    virtual_meter_id serial PRIMARY KEY, organization_id text NOT NULL, name text NOT NULL);
CREATE TABLE virtual_meter_map (
    virtual_meter_id integer NOT NULL, channel_id integer NOT NULL, weight real DEFAULT 1);
"""
SITE = "23271"
QUARTERS, HOURLY, MIXED, CLIMATE, SILENT, WRONG_OFFSET, BOTH_WRITTEN = 1, 2, 3, 4, 5, 6, 7
CHANNELS = (QUARTERS, HOURLY, MIXED, CLIMATE, SILENT, WRONG_OFFSET, BOTH_WRITTEN)
# Clocks go forward on 9 March 2025 and back on 2 November 2025, at 07:00 and 06:00 UTC.
SPRING = pd.date_range("2025-03-07 05:00", "2025-03-11 04:00", freq="15min", inclusive="left")
AUTUMN = pd.date_range("2025-10-31 04:00", "2025-11-04 05:00", freq="15min", inclusive="left")
# Rows for a whole hour that overwrote the quarter at its start.
STRAY_HOURS = pd.to_datetime(["2025-03-08 15:00", "2025-03-08 16:00", "2025-11-03 12:00"])


@dataclass(frozen=True)
class OldTruth:
    """Rows as written, with their true instant and length, and where each has to end.

    `readings`: channel_id, at (UTC), seconds, written, reason (None = to be stored), measures.
    """

    readings: pd.DataFrame

    @property
    def stored(self) -> pd.DataFrame:
        """What has to stand in the new readings."""
        return self.readings[self.readings["reason"].isna()]

    @property
    def refused(self) -> dict[str, int]:
        """How many rows have to be in quarantine, by reason."""
        reasons = self.readings["reason"].dropna()
        return {str(reason): int(count) for reason, count in reasons.value_counts().items()}


def written_on_the_wall(instants: pd.Series) -> list[datetime]:
    """Wall-clock times of New York, by the standard library, one by one."""
    zone = ZoneInfo(ZONE)
    return [
        instant.to_pydatetime().replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
        for instant in instants
    ]


def channel_rows(channel_id: int, instants: pd.DatetimeIndex, seconds: int) -> pd.DataFrame:
    """A load that swings between 6 and 10 kW; energy is power × time."""
    hour = np.asarray(instants.hour, dtype=float)
    power_kw = np.round(8 + 2 * np.sin(2 * np.pi * hour / 24) + channel_id / 100, 2)
    frame = pd.DataFrame({"channel_id": channel_id, "at": instants, "seconds": seconds})
    frame["power_kw"] = power_kw
    frame["energy_kwh"] = power_kw * seconds / 3600
    frame["apparent_power_va"] = power_kw * 1000 / 0.9
    frame["power_w1"] = power_kw / 3
    frame["energy_wh1"] = frame["energy_kwh"] / 3
    frame["voltage_v"] = 120.0
    frame["temperature_c"] = np.nan
    frame["written"] = written_on_the_wall(frame["at"])
    frame["reason"] = None
    return frame


def true_readings() -> pd.DataFrame:
    """Every row as it was written, and where it has to end."""
    every = SPRING.append(AUTUMN)
    quarters = channel_rows(QUARTERS, every, 900)
    hourly = pd.concat(
        [channel_rows(HOURLY, SPRING[SPRING.minute == 0], 3600), channel_rows(HOURLY, AUTUMN, 900)]
    )
    mixed = channel_rows(MIXED, every, 900)
    stray = mixed["at"].isin(STRAY_HOURS)
    mixed.loc[stray, "energy_kwh"] *= 4
    mixed.loc[stray, "seconds"] = 3600
    mixed.loc[stray, "reason"] = "overlaps_other_interval"
    climate = channel_rows(CLIMATE, every, 900)
    climate[["power_kw", "energy_kwh", "power_w1", "energy_wh1"]] = 0.0
    climate[["apparent_power_va", "voltage_v"]] = np.nan
    climate["temperature_c"] = 21.5
    frame = pd.concat(
        [quarters, hourly, mixed, climate, wrong_offset(), both_written()], ignore_index=True
    )
    # The second of two rows with one written time met the unique index and was dropped.
    frame = frame.drop_duplicates(["channel_id", "written"], keep="first").reset_index(drop=True)
    back = pd.Timestamp("2025-11-02 05:00")
    ambiguous = (frame["at"] >= back) & (frame["at"] < back + pd.Timedelta(hours=2))
    frame.loc[ambiguous, "reason"] = "ambiguous_local_time"
    return frame


def skipped_hour(frame: pd.DataFrame) -> pd.Series:
    """Rows of 03:00 to 04:00 on the day that clocks go forward."""
    forward = pd.Timestamp("2025-03-09 07:00")
    return (frame["at"] >= forward) & (frame["at"] < forward + pd.Timedelta(hours=1))


def wrong_offset() -> pd.DataFrame:
    """A machine that noticed the change an hour late: 02:xx, which never was, instead of 03:xx."""
    frame = channel_rows(WRONG_OFFSET, SPRING, 900)
    frame.loc[skipped_hour(frame), "written"] -= pd.Timedelta(hours=1)
    return frame


def both_written() -> pd.DataFrame:
    """02:xx besides 03:xx: nothing tells which instant the first were meant for."""
    frame = channel_rows(BOTH_WRITTEN, SPRING, 900)
    extra = frame[skipped_hour(frame)].copy()
    extra["written"] -= pd.Timedelta(hours=1)
    extra["reason"] = "nonexistent_local_time"
    return pd.concat([frame, extra])


def make_old_database(database: Database, *, newer: bool) -> OldTruth:
    """Create the old tables and write the truth into them; `newer` ones have meters."""
    database.execute(OLDER_TABLES + (NEWER_TABLES if newer else ""))
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, city) "
        "VALUES ('23271', 'Wilson Center', 'New York')"
    )
    database.execute(
        "INSERT INTO devices (device_id, device_name, organization_id, serial_number) "
        "VALUES (10, 'Hub', '23271', 'abc-123'), (11, 'Nobody''s', NULL, 'x')"
    )
    for channel_id in CHANNELS:
        database.execute(
            "INSERT INTO channels (channel_id, channel_name, device_id, organization_id) "
            "VALUES (%s, %s, 10, NULL)",
            (channel_id, f"Channel {channel_id}"),
        )
    if newer:
        database.execute(
            "INSERT INTO meters (meter_id, device_id, ct_ratio, voltage_scale) "
            "VALUES (7, 10, 400, 277); UPDATE channels SET meter_id = 7 WHERE channel_id = 1;"
            "INSERT INTO virtual_meters (organization_id, name) VALUES ('23271', 'Plug load');"
            "INSERT INTO virtual_meter_map VALUES (1, 1, 1), (1, 2, -1)"
        )
    truth = true_readings()
    write_readings(database, truth)
    write_logs(database)
    database.execute("REFRESH MATERIALIZED VIEW mv_hourly_usage")
    return OldTruth(truth)


def write_readings(database: Database, frame: pd.DataFrame) -> None:
    """Insert rows as the old ingestion did; NaN is null."""
    measures = [
        "energy_kwh", "power_kw", "apparent_power_va", "power_w1", "energy_wh1", "voltage_v",
        "temperature_c",
    ]  # fmt: skip
    rows = frame[["channel_id", "written", *measures]].astype(object)
    rows = rows.where(rows.notna(), None)
    connection = database.connect()
    with connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            f'INSERT INTO readings (channel_id, "timestamp", {", ".join(measures)}) VALUES %s',
            [tuple(row) for row in rows.to_numpy().tolist()],
            page_size=2000,
        )
    connection.close()


def write_logs(database: Database) -> None:
    """A success, a failure, an attempt that was never answered, a log of no channel."""
    database.execute(
        """
        INSERT INTO ingestion_logs (organization_id, channel_id, start_time, end_time,
            readings_fetched, readings_inserted, readings_rejected, status, error_message) VALUES
        ('23271', 1, '2025-03-08Z', '2025-03-09Z', NULL, NULL, NULL, 'attempt', NULL),
        ('23271', 1, '2025-03-08Z', '2025-03-09Z', 96, 90, 2, 'success', NULL),
        ('23271', 2, '2025-03-08Z', '2025-03-09Z', 0, 0, 0, 'failure', 'API error 500'),
        ('23271', 3, '2025-03-08Z', '2025-03-09Z', NULL, NULL, NULL, 'attempt', NULL),
        ('23271', NULL, '2025-03-08Z', '2025-03-09Z', 0, 0, 0, 'success', NULL)
        """
    )
