"""daily_sync.sh through its front door: order, exit codes, breaker, lock, kills, real meter data.

A run takes seconds: the tests of one site look at the same three runs of a Monday.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from ping_receiver import Monitor, running_monitor
from sandbox_client import Sandbox, StartSandbox, running_sandbox
from support import Database, ScriptResult, ScriptRunner

from config.settings import PROJECT_ROOT, get_settings
from config.sites import SITES_FILE
from lib.lock import run_lock

NEW_YORK = ZoneInfo("America/New_York")
A_MONDAY = datetime(2026, 7, 20, tzinfo=NEW_YORK)
A_TUESDAY = A_MONDAY + timedelta(days=1)
DAYS = ("--days", "15")
REAL_DATA = PROJECT_ROOT.parent / "shared" / "data" / "substation_15min.parquet"
SYNC = ("bash", str(PROJECT_ROOT / "operations" / "daily_sync.sh"))

# What a sync leaves in the database, without what tells one run from another.
LEFT = {
    "readings": 'SELECT channel_id, "timestamp", interval_seconds, energy_kwh, power_kw, voltage_v,'
    " data_quality, extra FROM readings",
    "hours": "SELECT channel_id, hour, energy_kwh, avg_kw, max_kw, reading_count, expected_count"
    " FROM mv_hourly_usage",
    "gaps": "SELECT channel_id, gap_start, gap_end, missing_intervals, reason, filled_at IS NULL"
    " FROM data_gaps",
    "estimates": 'SELECT channel_id, "timestamp", energy_kwh, method FROM estimated_readings',
    "quarantine": 'SELECT channel_id, "timestamp", scope, reason, field FROM rejected_readings',
    "channels": "SELECT channel_id, channel_type, status FROM channels",
    "books": "SELECT status FROM ingestion_logs WHERE status = 'running'",
}


@dataclass
class Installation:
    """A database, a folder and an API that syncs run with."""

    database: Database
    sandbox: Sandbox
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def env(self) -> dict[str, str]:
        """The environment of a sync."""
        own = {"DATABASE_URL": self.database.url, "ARGO_OUTPUT_DIR": str(self.folder)}
        return {**os.environ, **self.sandbox.settings, **own, **self.settings}

    def sync(self, *args: str) -> ScriptResult:
        """Run the daily sync to its end; its reports, exports and logs go to the folder."""
        done = subprocess.run(
            [*SYNC, *args],
            env=self.env(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return ScriptResult(done.returncode, done.stdout, done.stderr)

    def sync_killed(self, is_there: Callable[[], bool], *args: str) -> None:
        """Run the daily sync and kill it as soon as it has come to a certain point."""
        process = subprocess.Popen(
            [*SYNC, *args],
            env=self.env(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not is_there():
            assert process.poll() is None, "the sync ended before it could be killed"
        process.kill()
        process.wait(timeout=60)

    @property
    def log(self) -> str:
        """The whole log."""
        path = self.folder / "logs" / "daily_sync.log"
        return path.read_text() if path.exists() else ""

    @property
    def last_run(self) -> dict[str, Any]:
        """logs/last_run.json."""
        document: dict[str, Any] = json.loads((self.folder / "logs" / "last_run.json").read_text())
        return document

    @property
    def steps(self) -> dict[str, str]:
        """Step -> state of the last run."""
        return states(self.last_run)

    @property
    def report(self) -> Path:
        """The report of the week before A_MONDAY."""
        return self.folder / "reports" / "23271" / "weekly_2026-07-13.json"

    def left(self) -> dict[str, Any]:
        """What is stored and delivered, without run ids and times of making."""
        tables = {name: sorted(map(repr, self.database.execute(sql))) for name, sql in LEFT.items()}
        report = json.loads(self.report.read_text())
        files = {
            str(path.relative_to(self.folder))
            for part in ("reports", "exports")
            for path in (self.folder / part).rglob("*")
        }
        readings = (self.folder / "exports" / "23271" / "readings.csv").read_bytes()
        delivered = {"summary": report["summary"], "sections": report["sections"]}
        return {**tables, "files": files, "readings.csv": readings, **delivered}


def states(last_run: Mapping[str, Any], site: str = "23271") -> dict[str, str]:
    """Step -> state, of one site and of what is for all sites."""
    return {s["name"]: s["state"] for s in last_run["steps"] if s["site"] in (site, None)}


@dataclass(frozen=True)
class Monday:
    """Three syncs of one Monday: the first, one more, and one after a reading went wrong."""

    installation: Installation
    first: ScriptResult
    first_run: dict[str, Any]
    left: dict[str, Any]
    second: ScriptResult
    second_run: dict[str, Any]
    third: ScriptResult
    third_run: dict[str, Any]
    monitor: Monitor


@pytest.fixture(scope="module")
def monday(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monday]:
    with ExitStack() as stack:
        monitor = stack.enter_context(running_monitor())
        sandbox = stack.enter_context(running_sandbox(A_MONDAY))
        here = Installation(
            module_database,
            sandbox,
            tmp_path_factory.mktemp("monday"),
            {"HEALTHCHECK_URL": monitor.url},
        )
        first, first_run = here.sync(*DAYS), here.last_run
        left = here.left()
        second, second_run = here.sync(*DAYS, "--quiet"), here.last_run
        here.report.unlink()
        module_database.execute(
            'UPDATE readings SET energy_kwh = -1 WHERE channel_id = 162119 AND "timestamp" = %s',
            (datetime(2026, 7, 15, 16, tzinfo=UTC),),
        )
        third, third_run = here.sync("--days", "2", "--quiet"), here.last_run
        yield Monday(here, first, first_run, left, second, second_run, third, third_run, monitor)


def test_a_monday_makes_report_export_and_dashboard_and_says_where_they_are(
    monday: Monday,
) -> None:
    assert monday.first.exit_code == 0, monday.first.stderr
    customer = ("validate month", "customer")
    done = {name for name, state in states(monday.first_run).items() if state == "done"}
    assert set(states(monday.first_run)) - done == set(customer)
    here = monday.installation
    named = monday.first.stdout.splitlines()
    for path in (
        here.report,
        here.report.with_suffix(".html"),
        here.folder / "exports" / "23271",
        here.folder / "reports" / "dashboard.html",
    ):
        assert str(path) in named
    assert str(here.report.relative_to(here.folder)) in monday.left["files"]


def test_last_run_says_rows_and_seconds_and_why_a_step_was_not_due(monday: Monday) -> None:
    steps = {step["name"]: step for step in monday.first_run["steps"]}
    stored = monday.installation.database.scalar("SELECT count(*) FROM readings")
    assert steps["ingest"]["rows"] == stored
    assert steps["ingest"]["seconds"] > 0
    assert steps["customer"]["state"] == "skipped"
    assert steps["customer"]["reason"].startswith("not the first of the month (2026-07-20")


def test_a_second_run_of_the_same_day_stores_nothing_and_says_nothing(monday: Monday) -> None:
    assert (monday.second.exit_code, monday.second.stdout, monday.second.stderr) == (0, "", "")
    assert {step["name"]: step["rows"] for step in monday.second_run["steps"]}["ingest"] == 0


def test_a_failed_validation_blocks_the_report_and_nothing_else_fails(monday: Monday) -> None:
    assert monday.third.exit_code == 3
    assert "negative_energy" in monday.third.stderr
    found = states(monday.third_run)
    assert found["validate week"] == "blocked"
    assert (found["report"], found["export"]) == ("skipped", "skipped")
    assert found["dashboard"] == "done"
    assert not monday.installation.report.exists()


def test_the_monitor_hears_of_start_success_and_failure_with_the_logs_end(
    monday: Monday,
) -> None:
    check = "/secret-check-id"
    started = f"{check}/start"
    assert monday.monitor.paths == [started, check, started, check, started, f"{check}/fail"]
    run_ids = [run_id for _, run_id, _ in monday.monitor.pings]
    runs = (monday.first_run, monday.second_run, monday.third_run)
    assert run_ids == [run["runId"] for run in runs for _ in range(2)]
    failure = monday.monitor.pings[-1][2]
    assert failure.startswith("exit code 3\n")
    assert "negative_energy" in failure
    assert monday.monitor.url not in monday.installation.log


def test_a_blocked_report_is_made_once_a_person_overrides_the_verdict(
    monday: Monday, run_script: ScriptRunner
) -> None:
    here = monday.installation
    env = here.env()
    week = ("--start", "2026-07-13", "--end", "2026-07-19")
    report = ("deliver/generate_weekly_report.py", "--site", "23271", *week, "--out", here.report)
    alone = run_script(*report, env=env)
    assert alone.exit_code == 3
    assert "negative_energy" in alone.stderr
    assert not here.report.exists()
    override = ("--override", "meter swapped, one reading wrong", "--by", "Ada Lovelace")
    opened = run_script("govern/validate_data.py", *week, *override, env=env)
    assert opened.exit_code == 0, opened.stderr
    made = run_script(*report, env=env)
    assert made.exit_code == 0, made.stderr
    validation = json.loads(here.report.read_text())["metadata"]["validation"]
    assert validation["overriddenBy"] == "Ada Lovelace"
    page = here.report.with_suffix(".html").read_text()
    assert "Ada Lovelace" in page
    assert "meter swapped, one reading wrong" in page


@pytest.fixture
def locked_database(monday: Monday, monkeypatch: pytest.MonkeyPatch) -> None:
    """The locks that a test takes are those of the Monday's database."""
    monkeypatch.setenv("DATABASE_URL", monday.installation.database.url)
    get_settings.cache_clear()


@pytest.mark.usefixtures("locked_database")
def test_two_syncs_at_once_the_second_leaves_with_5_and_says_who_is_at_work(
    monday: Monday,
) -> None:
    pings = len(monday.monitor.pings)
    with run_lock("daily sync"):
        done = monday.installation.sync()
        quiet = monday.installation.sync("--quiet")
    assert done.exit_code == 5
    assert "another run holds the lock 'daily sync': database session" in done.stderr
    assert f"argo process {os.getpid()} on " in done.stderr
    # Between two runs of a schedule there is nothing to act on; the log has it.
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (5, "", "")
    assert "not begun: another run holds the lock" in monday.installation.log
    assert len(monday.monitor.pings) == pings


@pytest.mark.usefixtures("locked_database")
def test_a_sync_while_an_ingest_of_the_site_runs_is_busy_and_not_failed(monday: Monday) -> None:
    with run_lock("ingest 23271"):
        done = monday.installation.sync()
    assert done.exit_code == 5
    found = monday.installation.steps
    assert (found.pop("ingest"), found.pop("dashboard")) == ("busy", "done")
    assert set(found.values()) == {"skipped"}
    assert "another run holds the lock 'ingest 23271'" in done.stderr
    assert "failed" not in done.stderr


def test_one_site_that_fails_and_one_channel_that_fails_cost_the_others_nothing(
    database: Database, start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    sites = yaml.safe_load(SITES_FILE.read_text())
    sites["sites"] = {"99": {}, **sites["sites"]}
    (tmp_path / "sites.yaml").write_text(yaml.safe_dump(sites))
    sandbox = start_sandbox(A_TUESDAY, fail_channel=(162125,))
    settings = {"ARGO_SITES_FILE": str(tmp_path / "sites.yaml")}
    here = Installation(database, sandbox, tmp_path, settings)
    done = here.sync("--all-sites", "--days", "9")
    assert done.exit_code == 4
    assert [(site["site"], site["state"]) for site in here.last_run["sites"]] == [
        ("99", "failed"),
        ("23271", "partial"),
    ]
    assert "site 99 is unknown to the Eniscope API" in done.stderr
    assert "162125" in done.stderr
    assert (here.steps["ingest"], here.steps["export"]) == ("partial", "done")
    # Tuesday: there is no report, and it says why.
    reasons = {step["name"]: step["reason"] for step in here.last_run["steps"]}
    assert reasons["report"] == "not Monday (Tuesday at the site)"
    assert not (tmp_path / "reports" / "23271").exists()
    assert [step["name"] for step in here.last_run["steps"]].count("dashboard") == 1
    assert "0 of 2 sites done, 1 partial, 1 failed" in done.stderr


def test_missing_credentials_stop_the_sync_with_2(
    database: Database, start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    here = Installation(database, start_sandbox(A_TUESDAY), tmp_path, {"ENISCOPE_PASSWORD": ""})
    done = here.sync()
    assert done.exit_code == 2
    assert "ENISCOPE_PASSWORD is not set" in done.stderr
    found = here.steps
    assert found.pop("ingest") == "failed"
    assert {"refresh", "gaps", "estimates", "quality", "validate"} == found.keys()
    assert set(found.values()) == {"skipped"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a killed sync's step runs on")
def test_a_sync_killed_at_any_step_and_run_again_leaves_what_an_unbroken_one_does(
    monday: Monday, database: Database, tmp_path: Path
) -> None:
    here = Installation(database, monday.installation.sandbox, tmp_path)
    stored = "SELECT count(*) FROM ingestion_logs WHERE status = 'success'"
    points: list[Callable[[], bool]] = [
        lambda: database.scalar(stored) > 4,
        lambda: "23271 estimates: govern/" in here.log,
        lambda: "23271 report: deliver/" in here.log,
    ]
    for point in points:
        here.sync_killed(point, *DAYS)
    assert here.log.count("23271 ingest: done") == 2
    assert not here.report.exists()
    done = here.sync(*DAYS)
    assert done.exit_code == 0, done.stderr
    left = here.left()
    for name, before in monday.left.items():
        assert left[name] == before, name


@pytest.mark.skipif(not REAL_DATA.exists(), reason="../shared/data is not on this machine")
def test_real_meter_data_runs_through_and_the_report_has_the_files_energy(
    database: Database, start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    rome = ZoneInfo("Europe/Rome")
    monday = datetime(2014, 6, 2, tzinfo=rome)
    # Six in the morning: the last quarter-hours of Sunday have settled.
    now = monday + timedelta(days=7, hours=6)
    sandbox = start_sandbox(now, replay=REAL_DATA, replay_timezone="Europe/Rome")
    done = Installation(database, sandbox, tmp_path).sync("--days", "57")
    assert done.exit_code == 0, done.stderr
    rows: list[dict[str, Any]] = pq.read_table(REAL_DATA).to_pylist()
    expected_kwh = sum(
        row["kwh"]
        for row in rows
        if row["kwh"] is not None
        and monday <= as_utc(row["timestamp"]) < monday + timedelta(days=7)
    )
    report = json.loads((tmp_path / "reports" / "23271" / "weekly_2014-06-02.json").read_text())
    assert expected_kwh > 10_000
    assert report["summary"]["totalEnergyKwh"] == pytest.approx(expected_kwh, rel=1e-6)


def as_utc(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
