"""check_ingestion_health.py through its front door, on a site whose last readings are planted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import Database, ScriptResult, ScriptRunner

SCRIPT = "operations/check_ingestion_health.py"
SYNC_ENDED = datetime(2026, 7, 17, 10, tzinfo=UTC)
SYNC_ASKED_UNTIL = SYNC_ENDED - timedelta(minutes=30)
# Start of the newest reading before the end of the sync, of each channel [h]; None: never one.
LAST_READING_HOURS = {1: 0.75, 2: 3.0, 3: 9.0, 4: None}


@pytest.fixture(scope="module")
def site(module_database: Database) -> Database:
    """A site synced at 10:00 UTC, up to 09:30; its channels are 0, 2.25 and 8.25 h behind that."""
    module_database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone, currency_code) "
        "VALUES ('9', 'Nine', 'America/New_York', 'USD')"
    )
    for channel_id, hours in LAST_READING_HOURS.items():
        status = "active" if hours is not None else "unreadable"
        module_database.execute(
            "INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, "
            "interval_seconds, installed_at, status) VALUES (%s, '9', %s, 'energy', 900, "
            "'2026-07-01Z', %s)",
            [channel_id, f"Channel {channel_id}", status],
        )
        if hours is not None:
            last = SYNC_ENDED - timedelta(hours=hours)
            module_database.execute(
                "INSERT INTO readings (channel_id, timestamp, interval_seconds, energy_kwh) "
                "SELECT %s, at, 900, 1 FROM generate_series(%s::timestamptz - interval '1 day', "
                "%s::timestamptz, '15 min') AS at",
                [channel_id, last, last],
            )
        # A sync of today, and long after it a backfill of June that failed.
        sync = (SYNC_ASKED_UNTIL - timedelta(days=2), SYNC_ASKED_UNTIL, SYNC_ENDED, "success")
        june = datetime(2026, 6, 1, tzinfo=UTC)
        backfill = (june, june + timedelta(days=2), SYNC_ENDED + timedelta(hours=5), "failed")
        for start, end, finished, state in (sync, backfill):
            module_database.execute(
                "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
                "window_end, interval_seconds, status, requests, started_at, finished_at) VALUES "
                "(md5(%s)::uuid, '9', %s, %s, %s, 900, %s, 1, %s, %s)",
                [state, channel_id, start, end, state, finished, finished],
            )
    return module_database


def checked(
    site: Database, run_script: ScriptRunner, now: datetime, *args: str, **env: str
) -> ScriptResult:
    settings = {"DATABASE_URL": site.url, "ARGO_NOW": now.isoformat(), **env}
    return run_script(SCRIPT, *args, env=settings)


def states(document: dict[str, Any]) -> dict[int, str]:
    (site,) = document["sites"]
    return {channel["channelId"]: channel["state"] for channel in site["channels"]}


def test_each_channel_is_judged_against_the_end_of_the_last_sync(
    site: Database, run_script: ScriptRunner
) -> None:
    # 23 hours later, shortly before the next sync: nothing has changed.
    done = checked(site, run_script, SYNC_ENDED + timedelta(hours=23), "--json")
    assert done.exit_code == 4, done.stderr
    document = json.loads(done.stdout)
    assert states(document) == {1: "healthy", 2: "warning", 3: "critical", 4: "inactive"}
    (found,) = document["sites"]
    assert found["counts"] == {"critical": 1, "warning": 1, "healthy": 1, "inactive": 1}
    assert found["problems"] == []
    assert found["lastSync"]["finishedAt"] == "2026-07-17T06:00:00-04:00"
    first, *_, last = found["channels"]
    assert (first["channelId"], first["hoursBehind"]) == (3, 8.25)
    assert first["lastReading"] == "2026-07-16T21:00:00-04:00"
    assert (last["channelId"], last["lastReading"]) == (4, None)


def test_limits_of_the_site_make_the_same_channels_healthy(
    site: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    limits = tmp_path / "sites.yaml"
    limits.write_text('sites:\n  "9": {health: {healthy_hours: 12, warning_hours: 24}}\n')
    done = checked(
        site, run_script, SYNC_ENDED, "--json", "--site", "9", ARGO_SITES_FILE=str(limits)
    )
    assert done.exit_code == 0, done.stderr
    assert set(states(json.loads(done.stdout)).values()) == {"healthy", "inactive"}
    quiet = checked(site, run_script, SYNC_ENDED, "--quiet", ARGO_SITES_FILE=str(limits))
    assert quiet == (0, "", "")


def test_the_usual_limits_written_out_judge_as_the_view_does(
    site: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    limits = tmp_path / "sites.yaml"
    limits.write_text(
        'sites:\n  "9": {health: {healthy_hours: 1, warning_hours: 6, sync_every_hours: 25}}\n'
    )
    done = checked(site, run_script, SYNC_ENDED, "--json", ARGO_SITES_FILE=str(limits))
    by_view = site.execute("SELECT channel_id, health_status FROM v_channel_health")
    assert states(json.loads(done.stdout)) == dict(by_view)
    assert set(dict(by_view).values()) == {"healthy", "warning", "critical", "inactive"}


def test_a_missing_sync_is_told_in_words(site: Database, run_script: ScriptRunner) -> None:
    done = checked(site, run_script, SYNC_ENDED + timedelta(hours=50), "--quiet")
    assert done.exit_code == 4
    assert "no sync for 50 h (one is due every 24 h)" in done.stdout
    assert "Channel 3 (3)" in done.stdout
    assert "2026-07-16 21:00" in done.stdout


def test_an_unknown_site_is_a_usage_error(site: Database, run_script: ScriptRunner) -> None:
    done = checked(site, run_script, SYNC_ENDED, "--site", "10")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "site 10 is not in the database" in done.stderr
