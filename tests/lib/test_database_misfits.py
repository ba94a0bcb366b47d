"""A database that lacks what a script needs: one line that says what to do, never a traceback."""

from __future__ import annotations

import pytest
from support import Database, ScriptRunner

EXPORT, REPORT = "deliver/export_for_tableau.py", "deliver/generate_weekly_report.py"
VALIDATE, GAPS = "govern/validate_data.py", "govern/detect_data_gaps.py"
FILL = "govern/fill_short_gaps.py"
WEEK = ("--site", "1", "--start", "2026-03-02", "--end", "2026-03-03")
NOT_AS_NEEDED = "the database is not what this script needs"


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A site with one channel whose two days passed, an hour after them."""
    monkeypatch.setenv("ARGO_NOW", "2026-03-04T01:00Z")
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('1', 'One', 'UTC');"
        "INSERT INTO channels (channel_id, organization_id, channel_name, interval_seconds) "
        "VALUES (1, '1', 'One', 900);"
        "INSERT INTO validation_runs (organization_id, window_start, window_end, verdict, checks, "
        "started_at, finished_at) VALUES ('1', '2026-03-02Z', '2026-03-04Z', 'pass', '[]', "
        "'2026-03-04T01:00Z', '2026-03-04T01:00Z')"
    )
    return database


@pytest.mark.parametrize(
    ("change", "script", "args", "told"),
    [
        ("REVOKE SELECT ON v_readings_enriched FROM argo_reader", EXPORT, WEEK, "npm run db:views"),
        ("REVOKE SELECT ON v_readings_enriched FROM argo_reader", REPORT, WEEK, "npm run db:views"),
        ("ALTER TABLE readings RENAME TO old_readings", GAPS, WEEK, NOT_AS_NEEDED),
        ("ALTER TABLE data_gaps RENAME COLUMN reason TO why", GAPS, WEEK, NOT_AS_NEEDED),
        ("ALTER FUNCTION fill_short_gaps RENAME TO fill", FILL, WEEK[:2], NOT_AS_NEEDED),
        ("DROP TABLE quality_metrics CASCADE", VALIDATE, WEEK, NOT_AS_NEEDED),
    ],
    ids=["export", "report", "table", "column", "function", "metrics"],
)
def test_what_is_missing_is_told_in_one_line(
    site: Database,
    run_script: ScriptRunner,
    change: str,
    script: str,
    args: tuple[str, ...],
    told: str,
) -> None:
    site.execute(change)
    done = run_script(script, *args, "--quiet")
    assert done.exit_code == 2, done.stdout + done.stderr
    assert told in done.stderr
    assert "unexpected" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
