"""The dashboard through its front door: what it says is what the database holds."""

from __future__ import annotations

import json
import os
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from stored_site import CHANNELS, SITE_ID, ZONE, store_site, store_verdict
from support import Database, ScriptRunner

from config.settings import PROJECT_ROOT
from govern.refresh_views import refresh
from lib.date_utils import Period

SCRIPT = "deliver/generate_quality_dashboard.py"
# Monday morning in New York; the stored week ended the evening before.
NOW = "2026-11-02T12:00:00Z"
TODAY = date(2026, 11, 2)
VIEW = PROJECT_ROOT / "govern" / "sql" / "views" / "40_v_alerts.sql"

# A hole of six hours in channel 12, and what the books say of refusals, conflicts, gaps and runs.
BOOKS = """
DELETE FROM readings WHERE channel_id = 12
    AND "timestamp" >= '2026-10-30 10:00Z' AND "timestamp" < '2026-10-30 16:00Z';
INSERT INTO data_gaps (channel_id, gap_start, gap_end, missing_intervals, reason)
    VALUES (12, '2026-10-30 10:00Z', '2026-10-30 16:00Z', 24, 'channel_silent');
INSERT INTO data_gaps (channel_id, gap_start, gap_end, missing_intervals, reason, filled_at)
    VALUES (11, '2020-10-30 10:00Z', '2020-10-30 16:00Z', 24, 'unknown', now());
INSERT INTO rejected_readings (run_id, channel_id, "timestamp", scope, reason, field, raw, raw_md5)
    SELECT gen_random_uuid(), 12, '2026-10-28 10:00Z'::timestamptz + n * interval '1 h',
           CASE WHEN n < 5 THEN 'row' ELSE 'field' END, 'out_of_range', 'voltage_v', '{}', n::text
    FROM generate_series(1, 7) AS n;
INSERT INTO reading_conflicts (channel_id, "timestamp", field, stored_value, offered_value)
    SELECT 11, '2026-10-29 10:00Z'::timestamptz + n * interval '15 min', 'energy_kwh', '1', '2'
    FROM generate_series(1, 3) AS n;
INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end,
                            interval_seconds, status, readings_fetched, readings_inserted,
                            started_at, finished_at)
    SELECT '00000000-0000-0000-0000-000000000001', '23271', c, '2026-10-31 04:00Z',
           '2026-11-02 05:00Z', 900, CASE c WHEN 13 THEN 'failed' ELSE 'success' END,
           CASE c WHEN 13 THEN 0 ELSE 196 END, CASE c WHEN 13 THEN 0 ELSE 196 END,
           '2026-11-02 11:00Z', '2026-11-02 11:01Z'
    FROM unnest(ARRAY[11, 12, 13]) AS c;
"""


class Made(NamedTuple):
    """A dashboard of a database: its document and its page."""

    database: Database
    document: dict[str, Any]
    html: str


@pytest.fixture(scope="module")
def made(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The dashboard of the stored site, made once; its last two days are blocked."""
    store_site(module_database)
    module_database.execute(BOOKS)
    with closing(module_database.connect()) as connection:
        refresh(connection, full=True)
    store_verdict(module_database, "warn")
    last_two = Period(date(2026, 10, 31), date(2026, 11, 1), ZONE)
    store_verdict(module_database, "fail", last_two)
    module_database.execute(
        "UPDATE validation_runs SET finished_at = '2026-11-02 11:30Z', "
        "last_log_id = (SELECT max(id) FROM ingestion_logs)"
    )
    folder = tmp_path_factory.mktemp("dashboard")
    done = ScriptRunner(folder)(
        SCRIPT, "--json", env={"DATABASE_URL": module_database.url, "ARGO_NOW": NOW,
                               "ARGO_OUTPUT_DIR": str(folder)},
    )  # fmt: skip
    assert (done.exit_code, done.stderr) == (0, "")
    page = (folder / "reports" / "dashboard.html").read_text("utf-8")
    return Made(module_database, json.loads(done.stdout), page)


def test_every_day_of_every_channel_is_what_the_readings_say(made: Made) -> None:
    stored = {
        (channel_id, day): count
        for channel_id, day, count in made.database.execute(
            """SELECT channel_id, ("timestamp" AT TIME ZONE %s)::date, count(*)
               FROM readings GROUP BY 1, 2""",
            [ZONE],
        )
    }
    (site,) = made.document["sites"]
    assert {one["id"] for one in site["channels"]} == {channel_id for channel_id, _, _ in CHANNELS}
    for channel in site["channels"]:
        for age, percent in enumerate(reversed(channel["calendar"])):
            day = TODAY - timedelta(days=age)
            # Sunday has 25 hours; of today nothing was asked for beyond an hour.
            due = {date(2026, 11, 1): 100, TODAY: 0}.get(day, 96)
            count = stored.get((channel["id"], day), 0)
            if due:
                assert percent == count * 1000 // due / 10, (channel["id"], day)
    hole = next(one for one in site["channels"] if one["id"] == 12)["incompleteDays"]
    assert {"day": "2026-10-30", "expected": 96, "received": 72, "completenessPct": 75.0} in hole


def test_refusals_conflicts_gaps_and_runs_are_those_of_the_books(made: Made) -> None:
    (site,) = made.document["sites"]
    by_id = {one["id"]: one for one in site["channels"]}
    assert (by_id[12]["rejectedRows"], by_id[12]["rejectedValues"]) == (4, 3)
    assert sorted((one["scope"], one["count"]) for one in site["rejected"]) == [
        ("field", 3), ("row", 4),
    ]  # fmt: skip
    assert [(one["channelId"], one["days"], one["values"]) for one in site["conflicts"]] == [
        (11, 1, 3)
    ]
    # The gap of 2020 lies outside of the calendar.
    (gap,) = site["gaps"]
    assert (gap["start"], gap["hours"]) == ("2026-10-30T06:00:00-04:00", 6.0)
    (run,) = site["runs"]
    assert (run["status"], run["inserted"], run["failed"], run["windows"]) == ("partial", 392, 1, 3)


def test_a_blocked_site_gets_its_dashboard_because_that_is_what_shows_it(made: Made) -> None:
    (site,) = made.document["sites"]
    newest = site["validation"][0]
    assert (newest["firstDay"], newest["lastDay"]) == ("2026-10-31", "2026-11-01")
    assert (newest["state"], newest["isOpen"]) == ("failed", False)
    assert made.document["summary"]["closedDays"] == 2
    assert "2 days are blocked" in made.html
    assert "Blocked: failed" in made.html


def test_the_page_shows_the_digits_of_the_document(made: Made) -> None:
    for channel in made.document["sites"][0]["channels"]:
        assert f"{channel['received']:,} of {channel['expected']:,}" in made.html
        assert f"{channel['completenessPct']}%" in made.html


def test_alerts_are_read_from_their_view(database: Database, run_script: ScriptRunner) -> None:
    store_site(database)
    if not VIEW.exists():
        pytest.skip("this version has no v_alerts")
    database.execute(
        """INSERT INTO alert_events (rule, organization_id, channel_id, severity, state,
                                     first_seen_at, last_seen_at, message)
           VALUES ('stale_data', %(site)s, 12, 'critical', 'open', %(now)s, %(now)s, 'RTU #1'),
                  ('disk', NULL, NULL, 'low', 'resolved', '2020-01-01Z', '2020-01-01Z', 'old')""",
        {"site": SITE_ID, "now": NOW},
    )
    done = run_script(SCRIPT, "--json", "--out", "page.html", env={"ARGO_NOW": NOW})
    document = json.loads(done.stdout)
    assert [one["message"] for one in document["sites"][0]["alerts"]] == ["RTU #1"]
    assert document["summary"]["openAlerts"] == 1


def test_an_empty_database_gives_a_page(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    done = run_script(SCRIPT, "--out", "page.html")
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "page.html"))
    assert "No site is stored" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--serve", "--out", "x.html"),
        ("--serve", "--json"),
        ("--port", "80"),
        ("--host", "::1"),
        ("--serve", "--port", "70000"),
        ("--out", "."),
    ],
)
def test_what_does_not_fit_together_is_a_usage_error(
    run_script: ScriptRunner, arguments: tuple[str, ...]
) -> None:
    done = run_script(SCRIPT, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.strip().split("\n")) == 1


def test_serving_without_its_extra_says_what_to_install(
    run_script: ScriptRunner, tmp_path: Path
) -> None:
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError(name='fastapi')\n")
    done = run_script(SCRIPT, "--serve", env={"PYTHONPATH": os.fspath(tmp_path)})
    assert done.exit_code == 2
    assert done.stderr == ("error: --serve needs fastapi: pip install -e '.[server]' installs it\n")


def test_other_machines_need_a_key(run_script: ScriptRunner) -> None:
    done = run_script(SCRIPT, "--serve", "--host", "0.0.0.0")  # noqa: S104
    assert done.exit_code == 2
    assert "ARGO_API_KEY is not set" in done.stderr
    weak = run_script(SCRIPT, "--serve", "--host", "0.0.0.0", env={"ARGO_API_KEY": "secret"})  # noqa: S104
    assert weak.exit_code == 2
    assert "secret" not in weak.stderr
