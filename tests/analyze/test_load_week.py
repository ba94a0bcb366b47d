"""Loading a week: what is stored arrives unchanged, read as the reader role."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from uuid import UUID

import numpy as np
import pytest
from support import Database
from synthetic_site import NEW_YORK, office_site, week_of

from analyze.readings import RejectedCount, SiteData, load_week
from analyze.week import analyze_week
from lib.database import reader_connection
from lib.errors import UsageError

PERIOD = week_of(date(2025, 10, 27))  # the clocks go back on its Sunday
RUN_ID = UUID("00000000-0000-4000-8000-000000000007")

_SITE = """
INSERT INTO organizations (organization_id, organization_name, timezone, currency_code)
VALUES ('7', 'Harbour House', %(zone)s, 'USD'), ('8', 'Next door', %(zone)s, 'USD');
INSERT INTO meters (meter_id, organization_id, ct_ratio, voltage_scale) VALUES (7, '7', 4000, 277);
INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, interval_seconds,
                      meter_id)
VALUES (71, '7', 'Main', 'site_total', 900, 7), (72, '7', 'RTU-1', 'energy', 900, NULL),
       (73, '7', 'Spare', 'energy', NULL, NULL), (81, '8', 'Main', 'site_total', 900, NULL);
INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw, voltage_v,
                      run_id)
SELECT channel_id, at, 900, channel_id + extract(epoch FROM at - %(start)s) / 1e6,
       channel_id * 4, CASE WHEN extract(minute FROM at) <> 0 THEN 120.5 END, %(run_id)s
FROM (VALUES (71), (72), (81)) AS channel (channel_id),
     generate_series(%(start)s::timestamptz, %(end)s::timestamptz, '15 min') AS at;
DELETE FROM readings WHERE channel_id = 72 AND "timestamp" >= '2025-10-29 14:00Z'
                       AND "timestamp" < '2025-10-29 16:00Z';
INSERT INTO rejected_readings (run_id, channel_id, "timestamp", scope, reason, raw, raw_md5)
SELECT %(run_id)s, 72, at, 'row', 'power_kw_out_of_range', '{}', at::text
FROM generate_series('2025-10-26 12:00Z'::timestamptz, '2025-10-29 12:00Z', '1 day') AS at;
-- Three of an hour that is missing; one that a reading has replaced; one before the period.
INSERT INTO estimated_readings (channel_id, "timestamp", interval_seconds, energy_kwh, method)
SELECT 72, at, 900, 1e6, 'linear_power'
FROM unnest(ARRAY['2025-10-29 14:00Z', '2025-10-29 14:15Z', '2025-10-29 14:30Z',
                  '2025-10-29 13:45Z', '2025-10-01 14:00Z']::timestamptz[]) AS at;
"""


@pytest.fixture(scope="module")
def stored(module_database: Database) -> Iterator[SiteData]:
    """Readings from before the baseline to the first instant after the period."""
    module_database.execute(
        _SITE,
        {
            "zone": NEW_YORK,
            "start": PERIOD.start.replace(month=8),
            "end": PERIOD.end,
            "run_id": str(RUN_ID),
        },
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("DATABASE_URL", module_database.url)
        with reader_connection() as connection:
            yield load_week(connection, "7", PERIOD)


def test_the_site_and_its_channels_are_named(stored: SiteData) -> None:
    assert (stored.site_name, stored.timezone, stored.currency) == (
        "Harbour House", NEW_YORK, "USD",
    )  # fmt: skip
    assert [(one.channel_id, one.in_site_total, one.is_additive) for one in stored.channels] == [
        (71, True, False), (72, False, True), (73, False, True),
    ]  # fmt: skip


def test_what_a_meter_is_built_for_is_loaded(stored: SiteData) -> None:
    assert [(one.ct_ratio, one.voltage_scale) for one in stored.channels] == [
        (4000.0, 277.0), (None, None), (None, None),
    ]  # fmt: skip


def test_the_grid_covers_six_weeks_and_the_period(stored: SiteData) -> None:
    index = stored.channels[0].frame.index
    assert index[0].isoformat() == "2025-09-15T00:00:00-04:00"
    assert index[-1].isoformat() == "2025-11-02T23:45:00-05:00"
    assert len(index) == 6 * 672 + 676


def test_values_arrive_unchanged_and_nulls_stay_unknown(stored: SiteData) -> None:
    frame = stored.channels[0].frame
    assert frame["received"].all()
    elapsed = frame.index.as_unit("s").asi8 - int(PERIOD.start.replace(month=8).timestamp())
    assert np.array_equal(frame["energy_kwh"], (71_000_000 + elapsed) / 1e6)
    assert (frame["power_kw"] == 284).all()
    assert (frame["voltage_v"].isna() == (frame.index.minute == 0)).all()
    assert frame["temperature_c"].isna().all()


def test_rows_that_are_not_stored_are_missing(stored: SiteData) -> None:
    frame = stored.channels[1].frame
    missing = frame.index[~frame["received"]]
    assert (len(missing), missing[0].isoformat()) == (8, "2025-10-29T10:00:00-04:00")


def test_a_channel_without_readings_is_there_and_empty(stored: SiteData) -> None:
    assert not stored.channels[2].frame["received"].any()


def test_the_runs_and_the_rejects_of_the_period_are_counted(stored: SiteData) -> None:
    assert stored.run_ids == (str(RUN_ID),)
    assert stored.rejected == {72: (RejectedCount("row", "power_kw_out_of_range", 3),)}


def test_the_analysis_runs_as_the_reader_and_writes_nothing(
    stored: SiteData, module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", module_database.url)
    with reader_connection() as connection, connection.cursor() as cursor:
        data = load_week(connection, "7", PERIOD)
        found = analyze_week(data, office_site(), PERIOD, PERIOD.end + timedelta(days=1))
        # A transaction gets a number only when it writes.
        cursor.execute("SELECT current_user, pg_current_xact_id_if_assigned()")
        assert cursor.fetchone() == ("argo_reader", None)
    assert {one.channel_id: one.estimated for one in found.data_quality.by_channel} == {
        71: 0,
        72: 3,
    }
    assert found.totals.energy_kwh == pytest.approx(
        np.nansum(stored.channels[0].frame["energy_kwh"][-676:])
    )


def test_estimates_are_counted_and_stand_in_no_frame(stored: SiteData) -> None:
    assert stored.estimated == {72: 3}
    assert stored.channels[1].frame["energy_kwh"].max() < 1000


def test_what_is_stored_while_a_week_is_loaded_is_not_half_in_it(
    stored: SiteData, module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", module_database.url)
    late = "'2025-10-29 15:00Z', '2025-10-29 15:15Z'"
    waits = """SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
                              WHERE datname = current_database() AND NOT granted)"""
    with (
        ThreadPoolExecutor(1) as executor,
        reader_connection() as connection,
        closing(module_database.connect()) as writer,
        writer.cursor() as cursor,
    ):
        # What is read last: the load waits here, having read everything else.
        cursor.execute("LOCK TABLE estimated_readings")
        loading = executor.submit(load_week, connection, "7", PERIOD)
        is_waiting = False
        while not is_waiting and not loading.done():
            cursor.execute(waits)
            ((is_waiting,),) = cursor.fetchall()
        cursor.execute(
            f"""INSERT INTO estimated_readings
                    (channel_id, "timestamp", interval_seconds, energy_kwh, method)
                SELECT 72, at, 900, 1, 'linear_power'
                FROM unnest(ARRAY[{late}]::timestamptz[]) AS at"""
        )
        writer.commit()
        during, after = loading.result(), load_week(connection, "7", PERIOD)
    module_database.execute(f'DELETE FROM estimated_readings WHERE "timestamp" IN ({late})')
    assert is_waiting
    assert (during.estimated, after.estimated) == ({72: 3}, {72: 5})


def test_an_unknown_site_is_a_usage_error(database: Database) -> None:
    with reader_connection() as connection, pytest.raises(UsageError, match="site 999"):
        load_week(connection, "999", PERIOD)
