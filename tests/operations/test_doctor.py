"""doctor.py: every check says what is wrong and what to do, none hides another, no secret shows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sandbox_client import StartSandbox
from support import Database, ScriptRunner

from config.settings import PROJECT_ROOT, get_settings
from ingest.diagnostics.probe import Reply
from lib.database import owner_connection
from lib.errors import ArgoError
from lib.lock import run_lock
from operations.diagnosis.api import api_clock_findings, clock_finding
from operations.diagnosis.database import lock_findings
from operations.diagnosis.finding import Finding, isolated, secrets_of, without_secrets
from operations.diagnosis.machine import cron_findings, last_run_findings, settings_findings

SCRIPT = "operations/doctor.py"
NOON = datetime(2026, 7, 17, 12, tzinfo=UTC)
WRONG_PASSWORD = "a-password-that-is-wrong"


def by_name(stdout: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for check in json.loads(stdout)["checks"]:
        found.setdefault(check["name"], []).append(check)
    return found


def test_with_a_login_and_a_fresh_database_all_is_well(
    database: Database, start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    sandbox = start_sandbox()
    env = {**sandbox.settings, "ARGO_OUTPUT_DIR": str(tmp_path), "ARGO_NOW": ""}
    done = run_script(SCRIPT, "--json", env=env)
    assert done.exit_code == 0, done.stdout
    found = by_name(done.stdout)
    states = {name: {check["state"] for check in checks} for name, checks in found.items()}
    for name in ("settings", "credentials", "sites", "alert rules", "api", "database", "schema"):
        assert states[name] == {"ok"}, found[name]
    # Against the API and against the database.
    assert [check["text"] for check in found["clock"]] == [
        "as the API has it",
        "as the database has it",
    ]
    assert found["freshness"][0]["advice"] == "npm run py:ingest"
    # The login and its token, and nothing else.
    assert sandbox.server.faults.requests == 2


def test_a_refused_login_and_a_missing_database_hide_nothing_and_show_no_secret(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    env = {
        **start_sandbox().settings,
        "ENISCOPE_PASSWORD": WRONG_PASSWORD,
        "DATABASE_URL": "postgresql://argo:database%2Dpassword@127.0.0.1:9/argo",
        "ARGO_OUTPUT_DIR": str(tmp_path),
    }
    done = run_script(SCRIPT, "--json", "--debug", env=env)
    assert done.exit_code == 4
    found = by_name(done.stdout)
    problems = {name for name, (first, *_) in found.items() if first["state"] == "problem"}
    assert problems == {"api", "database"}
    assert "py:ingest:test-auth" in found["api"][0]["advice"]
    assert {"disk", "cron", "last run", "parts"} <= set(found)
    for secret in (WRONG_PASSWORD, "database%2Dpassword", "database-password", "sandbox-key"):
        assert secret not in done.stdout + done.stderr


def test_offline_asks_nobody_and_a_table_says_what_to_do(
    database: Database, start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path
) -> None:
    sandbox = start_sandbox()
    database.execute("DROP VIEW v_alerts")
    env = {**sandbox.settings, "ARGO_OUTPUT_DIR": str(tmp_path), "ENISCOPE_EMAIL": ""}
    done = run_script(SCRIPT, "--offline", env=env)
    assert done.exit_code == 4
    assert sandbox.server.faults.requests == 0
    assert "not set: ENISCOPE_EMAIL" in done.stdout
    assert "views are missing: v_alerts" in done.stdout
    assert "run npm run db:views" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 problems"


def test_a_check_that_fails_is_a_problem_with_what_it_had_found_before() -> None:
    def failing() -> Iterator[Finding]:
        yield Finding("one", "ok", "fine")
        raise ZeroDivisionError("by zero\nsecond line")

    def refused() -> Iterator[Finding]:
        raise ArgoError("no way in")
        yield

    first, second = isolated("two", failing)
    assert first.state == "ok"
    assert (second.name, second.state) == ("two", "problem")
    assert second.text == "the check itself failed: ZeroDivisionError: by zero"
    assert isolated("three", refused) == [Finding("three", "problem", "no way in")]


def test_every_secret_of_the_settings_is_blanked(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = "https://hooks.example/T0/B0/xyz,mailto://u:mail-pass@example.com"
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p%40ss-word@host/db")
    monkeypatch.setenv("ENISCOPE_API_KEY", "key-of-the-api")
    monkeypatch.setenv("ARGO_ALERT_URLS", targets)
    get_settings.cache_clear()
    settings = get_settings()
    text = "p%40ss-word p@ss-word key-of-the-api https://hooks.example/T0/B0/xyz mail-pass"
    (blanked,) = without_secrets([Finding("x", "ok", text, text)], secrets_of(settings))
    assert blanked.text == blanked.advice == "*** *** *** *** ***"


@pytest.mark.parametrize(
    ("minutes", "state", "words"),
    [(1.9, "ok", "as X has it"), (30, "problem", "30 min ahead"), (-5, "problem", "5 min behind")],
)
def test_clocks_may_differ_by_two_minutes(minutes: float, state: str, words: str) -> None:
    found = clock_finding("X", NOON, NOON + timedelta(minutes=minutes))
    assert (found.state, words in found.text) == (state, True)


def test_an_answer_without_a_date_says_nothing_of_clocks() -> None:
    assert list(api_clock_findings(Reply(200))) == []
    wrong = Reply(200, headers={"Date": "Thu, 01 Jan 2015 00:00:00 GMT"})
    assert [found.state for found in api_clock_findings(wrong)] == ["problem"]


@pytest.mark.parametrize(
    ("run", "state", "words"),
    [
        ({"exitCode": 0, "steps": []}, "ok", "with exit 0"),
        (
            {"exitCode": 4, "steps": [{"name": "ingest", "state": "failed"},
                                      {"name": "report", "state": "skipped"}]},
            "problem",
            "exit 4: ingest failed",
        ),
        ({"exitCode": 0, "steps": [], "ago": 27}, "problem", "more than 26 h ago"),
        (None, "note", "no daily sync has run yet"),
    ],
)  # fmt: skip
def test_the_last_run_is_told(
    run: dict[str, object] | None,
    state: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ARGO_OUTPUT_DIR", str(tmp_path))
    monkeypatch.setenv("ARGO_NOW", NOON.isoformat())
    get_settings.cache_clear()
    if run is not None:
        hours = run.pop("ago", 1)
        assert isinstance(hours, int)
        finished_at = (NOON - timedelta(hours=hours)).isoformat()
        path = tmp_path / "logs" / "last_run.json"
        path.parent.mkdir()
        path.write_text(json.dumps({**run, "finishedAt": finished_at}))
    (found,) = last_run_findings(get_settings())
    assert (found.state, words in found.text) == (state, True), found


@pytest.mark.parametrize(
    ("crontab", "state"),
    [
        (f"# >>> argo: {PROJECT_ROOT}\n0 6 * * * x\n# <<< argo: {PROJECT_ROOT}\n", "ok"),
        ("# >>> argo: /srv/another\n0 6 * * * x\n# <<< argo: /srv/another\n", "note"),
    ],
)
def test_only_the_block_of_this_checkout_counts_as_installed(
    crontab: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "table").write_text(crontab)
    program = tmp_path / "crontab"
    program.write_text(f'#!/bin/sh\ncat "{tmp_path}/table"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert [found.state for found in cron_findings()] == [state]


def test_a_run_that_is_at_work_is_named(database: Database) -> None:
    with owner_connection() as connection:
        assert [found.text for found in lock_findings(connection)] == ["no run is at work"]
        with run_lock("daily sync"):
            (found,) = lock_findings(connection)
    assert found.state == "note"
    assert f"process {os.getpid()}" in found.text


def test_a_settings_file_that_others_may_read_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings"
    path.write_text("ARGO_NOW=2026-07-17T12:00:00Z\n")
    monkeypatch.setenv("ARGO_ENV_FILE", str(path))
    get_settings.cache_clear()
    for mode, expected in ((0o644, ["ok", "note", "note"]), (0o600, ["ok", "note"])):
        path.chmod(mode)
        found = [one for one in settings_findings(get_settings()) if one.name == "settings"]
        assert [one.state for one in found] == expected
        assert "ARGO_NOW is set" in found[-1].text
