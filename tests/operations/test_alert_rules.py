"""Each shipped rule fires on its planted fault, and on a healthy site with a daily sync never."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from alert_site import (
    CHANNELS,
    LAST_DAY,
    LAST_SYNC,
    SITE_ID,
    SMALL_SITE_ID,
    at,
    channel,
    plant_site,
)
from support import Database

from config.alerts import ALERTS_FILE, AlertRule, load_alerts
from config.settings import get_settings
from govern.refresh_views import refresh
from lib.database import Connection, fetch_all, transaction
from operations.alerts.book import Place
from operations.alerts.conditions import (
    FINDING_MEASURES,
    CannotCheck,
    Found,
    check_rule,
    full_disks,
    next_due,
)
from operations.alerts.findings import found_by_rules, judge_day

CONFIG = load_alerts(ALERTS_FILE)
IN_DATABASE = [rule for rule in CONFIG.alerts
               if rule.measure not in FINDING_MEASURES and rule.measure != "disk_free"]  # fmt: skip
NOW = LAST_SYNC + timedelta(hours=2)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def healthy(module_database: Database) -> Database:
    """Two sites: one of 15 channels, one of three."""
    plant_site(module_database)
    plant_site(module_database, SMALL_SITE_ID, 3)
    module_database.execute("ANALYZE")
    return module_database


@pytest.fixture
def connection(healthy: Database) -> Iterator[Connection]:
    """Whatever a test plants is rolled back after it: the session is one transaction."""
    with closing(healthy.connect()) as connection:
        connection.set_session(isolation_level="REPEATABLE READ")
        yield connection
        connection.rollback()


def plant(connection: Connection, sql: str, **values: object) -> None:
    with transaction(connection) as cursor:
        cursor.execute(sql, {"now": NOW, "sync": LAST_SYNC, "site": SITE_ID, **values})


def found_by(connection: Connection, name: str, now: datetime = NOW) -> list[Found]:
    return check_rule(connection, CONFIG.rules[name], CONFIG, now)


@pytest.mark.parametrize("rule", IN_DATABASE, ids=lambda rule: rule.name)
def test_a_healthy_site_with_a_daily_sync_is_never_told_of(
    connection: Connection, rule: AlertRule
) -> None:
    # From before the clocks went back to the morning after the last sync, every hour of the day.
    start = at(date(2026, 10, 31), time(0))
    instants = [start + timedelta(hours=hour) for hour in range(96)]
    assert instants[-1] > LAST_SYNC + timedelta(hours=12)
    wrong = [one for now in instants for one in check_rule(connection, rule, CONFIG, now)]
    assert wrong == []


def test_what_is_stale_is_what_the_health_view_does_not_call_healthy(
    connection: Connection,
) -> None:
    for number, hours in enumerate((0.5, 0.9, 1.1, 3, 7, 48), start=1):
        plant(
            connection,
            'DELETE FROM readings WHERE channel_id = %(channel)s AND "timestamp" > %(since)s',
            channel=channel(number),
            since=LAST_SYNC - timedelta(hours=hours),
        )
    plant(connection, "SELECT set_config('argo.now', %(now)s::text, true)")
    rows = fetch_all(
        connection,
        "SELECT channel_id FROM v_channel_health WHERE health_status <> 'healthy' ORDER BY 1",
    )
    stale = [one.channel_id for one in found_by(connection, "stale_data")]
    assert stale == [row["channel_id"] for row in rows]
    assert len(stale) in range(2, 6)


def test_a_silent_channel_is_stale_and_missing(connection: Connection) -> None:
    plant(
        connection,
        'DELETE FROM readings WHERE channel_id = %(channel)s AND "timestamp" >= %(since)s',
        channel=channel(4),
        since=LAST_SYNC - DAY,
    )
    (stale,) = found_by(connection, "stale_data")
    assert (stale.site_id, stale.channel_id, stale.since) == (
        SITE_ID, channel(4), LAST_SYNC - DAY,
    )  # fmt: skip
    # 06:00 of the day before, on the site's own clock.
    assert "Meter 4 (2327104): nothing since 2026-11-02 06:00, 24.0 h" in stale.detail
    (missing,) = found_by(connection, "missing_channels")
    assert missing.detail.startswith("14 of 15 channels report, expected at least 15")
    assert "Meter 4" in missing.detail


def test_of_a_site_with_fewer_channels_all_are_expected(connection: Connection) -> None:
    plant(connection, "DELETE FROM readings WHERE channel_id = %(one)s AND \"timestamp\" > "
          "%(sync)s - interval '1 day'", one=100 * int(SMALL_SITE_ID) + 1)  # fmt: skip
    (missing,) = found_by(connection, "missing_channels")
    assert missing.site_id == SMALL_SITE_ID
    assert missing.detail.startswith("2 of 3 channels report, expected at least 3")


def test_a_retired_channel_is_nobodys_business(connection: Connection) -> None:
    plant(connection, "DELETE FROM readings WHERE channel_id = %(one)s AND \"timestamp\" > "
          "%(sync)s - interval '1 day'", one=channel(4))  # fmt: skip
    plant(connection, "UPDATE channels SET status = 'retired' WHERE channel_id = %(one)s",
          one=channel(4))  # fmt: skip
    assert found_by(connection, "stale_data") == []
    assert found_by(connection, "missing_channels") == []


@pytest.mark.parametrize(("channels", "is_told"), [(1, False), (2, True)])
def test_more_than_a_tenth_of_nulls_is_told(
    connection: Connection, channels: int, is_told: bool
) -> None:
    # One channel of fifteen is 6.7 % of the readings, two are 13.3 %.
    plant(
        connection,
        'UPDATE readings SET power_kw = NULL WHERE "timestamp" >= %(since)s AND channel_id = '
        "ANY(%(which)s)",
        since=LAST_SYNC - DAY,
        which=[channel(number) for number in range(1, channels + 1)],
    )
    found = found_by(connection, "data_quality_drop")
    assert [one.detail.split(";")[0] for one in found] == (
        ["13.3 % of the last day's readings lack energy or power"] if is_told else []
    )


def test_a_measure_that_was_never_sent_is_no_drop(connection: Connection) -> None:
    plant(connection, "UPDATE readings SET power_kw = NULL")
    assert found_by(connection, "data_quality_drop") == []


@pytest.mark.parametrize(("minutes", "sites"), [(29, []), (31, [SITE_ID, SMALL_SITE_ID])])
def test_a_sync_that_did_not_come_is_told_half_an_hour_after_it_was_due(
    connection: Connection, minutes: int, sites: list[str]
) -> None:
    now = LAST_SYNC + DAY + timedelta(minutes=minutes)
    found = found_by(connection, "ingestion_failure", now)
    assert [one.site_id for one in found] == sites


_RUN = """
INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end,
    interval_seconds, status, started_at, finished_at, error_message)
VALUES (gen_random_uuid(), %(site)s, %(channel)s, %(end)s - interval '1 day', %(end)s, 900,
        %(status)s, %(at)s, %(at)s, %(error)s)
"""


def test_a_sync_that_failed_whole_counts_as_none_and_its_error_is_told(
    connection: Connection,
) -> None:
    next_sync = LAST_SYNC + DAY
    plant(connection, _RUN, channel=channel(1), end=next_sync, at=next_sync, status="failed",
          error="the API answered 503")  # fmt: skip
    soon = next_sync + timedelta(minutes=15)
    assert found_by(connection, "ingestion_failure", soon) == []
    # Nor are its channels called stale: the cause is told by the other rule, soon enough.
    assert found_by(connection, "stale_data", soon) == []
    found = found_by(connection, "ingestion_failure", next_sync + timedelta(minutes=31))
    assert [one.site_id for one in found] == [SITE_ID, SMALL_SITE_ID]
    assert found[0].detail.endswith("the newest failed: the API answered 503")


def test_a_silent_channel_stays_known_however_long_nothing_is_answered(
    connection: Connection,
) -> None:
    plant(connection, "DELETE FROM readings WHERE channel_id = %(one)s AND \"timestamp\" > "
          "%(sync)s - interval '1 day'", one=channel(4))  # fmt: skip
    for number in range(1, 9):
        failed_at = LAST_SYNC + number * DAY
        plant(connection, _RUN, channel=channel(1), end=failed_at, at=failed_at, status="failed",
              error="the API answered 503")  # fmt: skip
    found = found_by(connection, "stale_data", LAST_SYNC + 8.5 * DAY)
    assert [one.channel_id for one in found] == [channel(4)]


def test_fetching_old_days_is_no_sync(connection: Connection) -> None:
    noon = LAST_SYNC + timedelta(hours=6)
    plant(connection, _RUN, channel=channel(1), end=noon - 30 * DAY, at=noon, status="success",
          error=None)  # fmt: skip
    found = found_by(connection, "ingestion_failure", LAST_SYNC + DAY + timedelta(minutes=31))
    assert SITE_ID in [one.site_id for one in found]


def test_a_daily_sync_may_keep_to_the_wall_clock() -> None:
    before = at(date(2026, 10, 31))
    assert next_due(before, DAY, "America/New_York") == before + timedelta(hours=25)
    assert next_due(before - 7 * DAY, DAY, "America/New_York") == before - 6 * DAY
    assert next_due(before, timedelta(hours=1), "America/New_York") == before + timedelta(hours=1)


_GAP = """
INSERT INTO data_gaps (channel_id, gap_start, gap_end, missing_intervals, reason, fillable,
                       detected_at, filled_at)
VALUES (%(channel)s, %(start)s, %(start)s + %(hours)s * interval '1 hour', 8, 'api_failed',
        %(fillable)s, %(start)s, %(filled)s)
"""


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        ({}, True),
        ({"hours": 1}, False),
        ({"fillable": False}, False),
        ({"filled": LAST_SYNC}, False),
        # Nothing came after it: the channel is silent, which is another rule's.
        ({"start": LAST_SYNC - timedelta(hours=1)}, False),
    ],
)
def test_a_gap_that_can_be_filled_is_told(
    connection: Connection, change: dict[str, object], is_told: bool
) -> None:
    values: dict[str, object] = {"channel": channel(2), "start": LAST_SYNC - 3 * DAY, "hours": 2,
                                 "fillable": True, "filled": None}  # fmt: skip
    plant(connection, _GAP, **values | change)
    assert [one.channel_id for one in found_by(connection, "gap_open")] == (
        [channel(2)] if is_told else []
    )


_VERDICT = """
INSERT INTO validation_runs (organization_id, window_start, window_end, verdict, checks,
    started_at, finished_at, overridden_by, override_reason)
VALUES (%(site)s, %(sync)s - interval '30 hours', %(sync)s - interval '6 hours', %(verdict)s,
        '[{"name": "freshness", "verdict": "pass"},
          {"name": "negative_energy", "verdict": "fail"}]',
        %(now)s, %(now)s, %(by)s, %(by)s)
"""


def test_days_that_failed_validation_are_told_until_they_pass_or_are_opened(
    connection: Connection,
) -> None:
    plant(connection, _VERDICT, verdict="fail", by=None)
    (found,) = found_by(connection, "validation_failed")
    # The window is the whole of Monday, 2 November, on the site's clock.
    assert found.detail == (
        "1 day failed validation and block every report: 2026-11-02; by negative_energy"
    )
    plant(connection, _VERDICT, verdict="fail", by="Ann")
    assert found_by(connection, "validation_failed") == []
    plant(connection, _VERDICT, verdict="fail", by=None)
    plant(connection, _VERDICT, verdict="warn", by=None)
    assert found_by(connection, "validation_failed") == []


_CONFLICTS = """
INSERT INTO reading_conflicts (channel_id, "timestamp", field, stored_value, offered_value,
                               first_seen_at)
SELECT %(channel)s, %(at)s - n * interval '15 min', 'energy_kwh', '1', '2', %(at)s
FROM generate_series(1, %(count)s) AS n
"""


@pytest.mark.parametrize(
    ("today", "earlier", "is_told"), [(20, 0, False), (21, 0, True), (21, 56, False)]
)
def test_conflicts_are_told_when_they_are_many_and_more_than_usual(
    connection: Connection, today: int, earlier: int, is_told: bool
) -> None:
    plant(connection, _CONFLICTS, channel=channel(1), at=LAST_SYNC, count=today)
    plant(connection, _CONFLICTS, channel=channel(1), at=LAST_SYNC - 3 * DAY, count=earlier)
    found = found_by(connection, "conflicts_rising")
    assert [one.site_id for one in found] == ([SITE_ID] if is_told else [])


def test_a_database_above_its_size_is_told_and_a_disk_with_less_left(
    connection: Connection, tmp_path: Path
) -> None:
    rule = CONFIG.rules["database_size"]
    assert rule.condition is not None
    tiny = rule.model_copy(update={"condition": replace(rule.condition, limit=0.001)})
    (found,) = check_rule(connection, tiny, CONFIG, NOW)
    assert (found.site_id, "more than 0.001 GB" in found.detail) == (None, True)
    folders = {"reports": tmp_path / "not" / "made", "database": tmp_path}
    assert full_disks(folders, 0) == []
    # One disk is told once, whatever lies on it.
    (row,) = full_disks(folders, 100.1)
    assert "is left on the disk" in row["detail"]


def own_rule(sql: str) -> AlertRule:
    return AlertRule.model_validate({"name": "own", "sql": sql})


def test_a_query_of_ones_own_finds_faults(healthy: Database) -> None:
    sql = "SELECT site_id, channel_id, 'at 100 %' AS detail FROM v_meters WHERE channel_name ~ '4$'"
    with closing(healthy.connect_reader()) as reader:
        (found,) = check_rule(reader, own_rule(f"{sql};"), CONFIG, NOW)[:1]
    assert (found.site_id, found.detail) == (SITE_ID, "at 100 %")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM readings",
        "DELETE FROM readings RETURNING 1",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM v_meters",
        "SELECT 'x' AS channel_id",
        "$argo$",
    ],
)
def test_a_query_that_is_refused_costs_its_own_rule_only(healthy: Database, sql: str) -> None:
    with closing(healthy.connect_reader()) as reader, pytest.raises(CannotCheck, match="rule own"):
        check_rule(reader, own_rule(sql), CONFIG, NOW)


FINDING_RULES = [rule for rule in CONFIG.alerts if rule.measure in FINDING_MEASURES]
HERE = [Place(SITE_ID, "Site", "America/New_York")]


@contextmanager
def spike_at(healthy: Database, instant: datetime) -> Iterator[None]:
    """490 kW above the usual for a quarter of an hour: 122.5 kWh, at 0.12 USD 14.70."""
    change = (
        "UPDATE readings SET power_kw = %s, energy_kwh = %s "
        'WHERE channel_id = %s AND "timestamp" = %s'
    )
    healthy.execute(change, (500, 125, channel(1), instant))
    yield
    healthy.execute(change, (10, 2.5, channel(1), instant))


def test_a_spike_that_costs_is_told_once_for_its_day(
    healthy: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", healthy.url)
    monkeypatch.setenv("ARGO_NOW", NOW.isoformat())
    get_settings.cache_clear()
    noon = datetime(2026, 11, 2, 17, tzinfo=UTC)
    with closing(healthy.connect()) as connection:
        refresh(connection)
        with spike_at(healthy, noon):
            dry = found_by_rules(connection, FINDING_RULES, HERE, NOW, keep=False)
            found = found_by_rules(connection, FINDING_RULES, HERE, NOW, keep=True)
        (spike,) = [one for one in found if one.rule == "spike_cost"]
        assert (spike.channel_id, spike.since) == (channel(1), noon)
        assert "122.5 kWh, 14.70 USD" in spike.detail
        assert dry == found
        # For the rest of the day, and while the next one is not validated, it stands in the book.
        for now in (NOW, NOW + timedelta(hours=12), NOW + DAY):
            monkeypatch.setenv("ARGO_NOW", now.isoformat())
            get_settings.cache_clear()
            assert found_by_rules(connection, FINDING_RULES, HERE, now, keep=True) == found


def test_a_constant_load_costs_nothing_too_much(
    healthy: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", healthy.url)
    get_settings.cache_clear()
    with closing(healthy.connect()) as connection:
        day = LAST_DAY - DAY
        assert judge_day(connection, FINDING_RULES, SITE_ID, day, "America/New_York", NOW) == []


def test_there_are_as_many_channels_as_the_shipped_rule_asks_for() -> None:
    condition = CONFIG.rules["missing_channels"].condition
    assert condition is not None
    assert condition.limit == CHANNELS
