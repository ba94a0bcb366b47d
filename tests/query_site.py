"""A site whose readings are a formula, and the query command called as from a command line."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from support import Database, ScriptResult

from analyze.query_energy_data import main
from config.settings import get_settings

Ask = Callable[..., ScriptResult]

NEW_YORK = "America/New_York"
MAIN, RTU, AIR, DOOR, HOURLY, SPARE, PHASE = 301, 302, 303, 304, 305, 306, 307
# Long after the readings: every interval is due.
NOW = datetime(2026, 5, 1, tzinfo=UTC)
# Clocks change on 2025-11-02 and on 2026-03-08. Values differ from interval to interval, and are
# as exact in single precision as in double.
_SITE = """
INSERT INTO organizations (organization_id, organization_name, timezone, currency_code)
VALUES ('7', 'Harbour [House]', 'America/New_York', 'USD'),
       ('8', 'Next door', 'America/New_York', 'USD'),
       ('9', 'Lord Howe', 'Australia/Lord_Howe', 'AUD');
INSERT INTO meters (meter_id, organization_id) VALUES (1, '7');
INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, interval_seconds,
                      displayed_phase, meter_id, status, installed_at)
VALUES (301, '7', 'Main', 'site_total', 900, NULL, NULL, 'active', NULL),
       (302, '7', 'RTU-1', 'energy', 900, 'system', 1, 'active', NULL),
       (303, '7', 'Air', 'environment', 900, NULL, NULL, 'active', NULL),
       (304, '7', '=cmd|calc', 'energy', 900, NULL, NULL, 'active', '2025-11-03 05:00Z'),
       (305, '7', 'Boiler', 'energy', 3600, NULL, NULL, 'active', NULL),
       (306, '7', 'Spare', 'energy', NULL, NULL, NULL, 'silent', NULL),
       (307, '7', 'RTU-1 L1', 'energy', 900, 'phase 1', 1, 'active', NULL),
       (801, '8', 'Main', 'site_total', 900, NULL, NULL, 'active', NULL),
       (901, '9', 'Plug A', 'energy', 900, NULL, NULL, 'active', NULL),
       (902, '9', 'Plug B', 'energy', 900, NULL, NULL, 'active', NULL);
INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw, voltage_v,
                      temperature_c)
SELECT channel_id, at, s,
       CASE WHEN channel_id <> 303 THEN kw * s / 3600 END,
       CASE WHEN channel_id <> 303 THEN kw END,
       CASE WHEN channel_id IN (301, 302) AND n % 3 <> 0 THEN 230 + n % 7 END,
       CASE WHEN channel_id = 303 THEN 20 + n % 5 END
FROM (VALUES (301, 900), (302, 900), (303, 900), (304, 900), (305, 3600), (307, 900), (801, 900),
             (901, 900), (902, 900)) AS one (channel_id, s)
CROSS JOIN generate_series('2025-10-01 04:00Z'::timestamptz, '2026-03-20 03:45Z', '15 min') AS at
CROSS JOIN LATERAL (SELECT (extract(epoch FROM at) / 900)::bigint AS n) AS number
CROSS JOIN LATERAL (SELECT (n * 7 + channel_id) % 64 + (n % 672) / 8.0 AS kw) AS load
WHERE extract(epoch FROM at)::bigint % s = 0 AND (channel_id <> 304 OR at >= '2025-11-03 05:00Z');
-- Ten hours of RTU-1 are missing, among them the hour that comes twice; an hour of Plug B.
DELETE FROM readings WHERE channel_id = 302 AND "timestamp" >= '2025-11-02 04:00Z'
                       AND "timestamp" < '2025-11-02 14:00Z';
DELETE FROM readings WHERE channel_id = 902 AND "timestamp" >= '2026-02-02 00:00Z'
                       AND "timestamp" < '2026-02-02 01:00Z';
"""


@pytest.fixture(name="stored", scope="module")
def stored_fixture(module_database: Database) -> Database:
    """The sites above; DATABASE_URL names them for the scripts of this file."""
    module_database.execute(_SITE)
    module_database.execute("ANALYZE")
    return module_database


@pytest.fixture(name="ask")
def ask_fixture(
    stored: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Ask]:
    """Call it with the arguments of a command line."""
    monkeypatch.setenv("DATABASE_URL", stored.url)
    monkeypatch.setenv("ARGO_NOW", NOW.isoformat())
    get_settings.cache_clear()
    root = logging.getLogger()
    handlers, level, on_sigterm = root.handlers[:], root.level, signal.getsignal(signal.SIGTERM)

    def ask(*args: object) -> ScriptResult:
        get_settings.cache_clear()
        with pytest.raises(SystemExit) as ended:
            main.main(args=[str(arg) for arg in args])
        written = capfd.readouterr()
        return ScriptResult(int(ended.value.code or 0), written.out, written.err)

    yield ask
    root.handlers[:], root.level = handlers, level
    signal.signal(signal.SIGTERM, on_sigterm)


@pytest.fixture(name="readings", scope="module")
def readings_fixture(stored: Database) -> pd.DataFrame:
    """Every stored reading, straight from the table."""
    with closing(stored.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            'SELECT r.channel_id, c.organization_id, "timestamp", r.interval_seconds, energy_kwh, '
            "power_kw, voltage_v, temperature_c FROM readings r JOIN channels c USING (channel_id)"
        )
        names = [column.name for column in cursor.description or ()]
        table = pd.DataFrame(cursor.fetchall(), columns=names)
    table["local"] = pd.to_datetime(table["timestamp"], utc=True).dt.tz_convert(NEW_YORK)
    return table


def of_week(readings: pd.DataFrame, monday: str, *channels: int) -> pd.DataFrame:
    """The readings of some channels in the local week that begins on a Monday."""
    start = pd.Timestamp(monday, tz=NEW_YORK)
    end = start + pd.DateOffset(days=7)
    chosen = readings["channel_id"].isin(channels)
    return readings[chosen & (readings["local"] >= start) & (readings["local"] < end)]


def query(ask: Ask, *args: object, site: str = "7") -> list[dict[str, Any]]:
    """Rows of an answer, as JSON has them."""
    done = ask("--site", site, "--format", "json", *args)
    assert done.exit_code == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return rows


def refused(done: ScriptResult) -> str:
    """The one line of a usage error."""
    assert (done.exit_code, done.stdout) == (2, ""), done
    (line,) = done.stderr.strip().split("\n")
    return line
