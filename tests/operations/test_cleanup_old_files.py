"""Old files and old history go into the archive; nothing that is in use or elsewhere is touched."""

from __future__ import annotations

import gzip
import json
import os
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path, PurePosixPath

import pytest
from support import Database, ScriptResult, ScriptRunner

from lib.errors import ArgoError
from operations.cleanup.files import OldFile, Policy, archive_file, find_files, to_archive
from operations.cleanup.history import archive_rows, count_rows

CLEANUP = "operations/cleanup_old_files.py"
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
DAYS = {"ingestion_logs": 180, "rejected_readings": 400, "alert_notices": 400, "alert_events": 400}


def put(root: Path, name: str, days_old: float, content: str = "content") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    at = (NOW - timedelta(days=days_old)).timestamp()
    os.utime(path, (at, at))
    return path


def tree(root: Path) -> set[str]:
    paths = root.rglob("*")
    return {str(path.relative_to(root)) for path in paths if path.is_file() or path.is_symlink()}


@pytest.fixture
def clean(tmp_path: Path, run_script: ScriptRunner) -> tuple[Path, ScriptRunner]:
    return tmp_path / "out", run_script


def run(root: Path, runner: ScriptRunner, *args: str) -> ScriptResult:
    return runner(
        CLEANUP, *args, env={"ARGO_OUTPUT_DIR": str(root), "ARGO_NOW": NOW.isoformat()}
    )  # fmt: skip


def old_file(name: str, days_old: float) -> OldFile:
    return OldFile(PurePosixPath(name), 1, NOW - timedelta(days=days_old))


def test_old_files_go_by_month_and_the_newest_of_a_kind_stay(
    clean: tuple[Path, ScriptRunner],
) -> None:
    root, runner = clean
    for week in range(1, 7):
        put(root, f"reports/7/weekly_2026-0{week}-01.json", 200 - week)
    put(root, "reports/7/customer_2026-01-01.json", 300)
    put(root, "logs/daily_sync.log", 400)
    before = tree(root)

    dry = run(root, runner, "--dry-run", "--keep", "4")
    assert tree(root) == before
    assert sorted(line.split()[3] for line in dry.stdout.splitlines()) == [
        "reports/7/weekly_2026-01-01.json",
        "reports/7/weekly_2026-02-01.json",
    ]
    done = run(root, runner, "--keep", "4")
    assert done.exit_code == 0, done.stderr
    assert before - tree(root) == {
        "reports/7/weekly_2026-01-01.json",
        "reports/7/weekly_2026-02-01.json",
    }
    # 199 and 198 days before 20 November.
    packed = root / "archive/reports/2026-05/7/weekly_2026-01-01.json.gz"
    assert gzip.decompress(packed.read_bytes()) == b"content"
    assert run(root, runner, "--keep", "4").stdout == "nothing is old enough\n"


def test_only_delete_deletes_and_only_from_the_archive(clean: tuple[Path, ScriptRunner]) -> None:
    root, runner = clean
    put(root, "archive/reports/2024-01/7/weekly.json.gz", 900)
    put(root, "archive/reports/2026-01/7/weekly.json.gz", 300)
    put(root, "archive/notes.txt", 900)
    put(root, "reports/7/weekly_1.json", 900)
    before = tree(root)
    assert "weekly.json.gz" in run(root, runner, "--delete", "--dry-run").stdout
    assert tree(root) == before
    assert run(root, runner, "--delete").exit_code == 0
    assert before - tree(root) == {"archive/reports/2024-01/7/weekly.json.gz"}


def test_above_most_of_a_kind_the_older_ones_go_however_new() -> None:
    files = [old_file(f"logs/cron.{number}.log", number) for number in range(1, 6)]
    chosen = to_archive(files, set(), Policy(timedelta(days=90), keep=1, most=3), NOW)
    assert [one.path.name for one in chosen] == ["cron.5.log", "cron.4.log"]


def test_links_are_not_followed_in_any_place(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    secret = put(elsewhere, "7/secret.json", 500)
    (root / "reports").mkdir(parents=True)
    (root / "reports/7").symlink_to(elsewhere / "7")
    (root / "reports/file.json").symlink_to(secret)
    (root / "exports").symlink_to(elsewhere)
    found = find_files(root)
    assert found.files == ()
    assert sorted(found.left_alone) == [
        "exports: a link",
        "reports/7: a link",
        "reports/file.json: a link",
    ]
    # A folder that became a link after it was looked at.
    with pytest.raises(ArgoError, match="leads through a link"):
        archive_file(root, OldFile(PurePosixPath("reports/7/secret.json"), 7, NOW))
    # An archive that is a link.
    put(root, "reports/8/old.json", 500)
    (root / "archive").symlink_to(elsewhere)
    with pytest.raises(ArgoError, match="leads through a link"):
        archive_file(root, OldFile(PurePosixPath("reports/8/old.json"), 7, NOW))
    assert tree(elsewhere) == {"7/secret.json"}
    assert (root / "reports/8/old.json").exists()


def test_files_of_an_export_that_is_still_made_stay_together(
    clean: tuple[Path, ScriptRunner],
) -> None:
    root, runner = clean
    manifest = {"files": {"readings/2025-01.csv": {"rows": 1}}}
    put(root, "exports/7/readings/2025-01.csv", 600)
    put(root, "exports/7/left_over.csv", 600)
    put(root, "exports/7/manifest.json", 1, json.dumps(manifest))
    put(root, "exports/8/readings/2025-01.csv", 600)
    put(root, "exports/8/manifest.json", 500, json.dumps(manifest))
    assert run(root, runner, "--keep", "0").exit_code == 0
    assert {name for name in tree(root) if not name.startswith("archive/")} == {
        "exports/7/readings/2025-01.csv",
        "exports/7/manifest.json",
    }


def test_a_second_file_of_a_name_does_not_take_the_place_of_the_first(tmp_path: Path) -> None:
    for content in ("first", "second"):
        put(tmp_path, "reports/7/weekly.json", 100, content)
        (one,) = find_files(tmp_path).files
        assert archive_file(tmp_path, one) is not None
    packed = sorted((tmp_path / "archive").rglob("*.gz"))
    assert sorted(gzip.decompress(path.read_bytes()) for path in packed) == [b"first", b"second"]


_LOG = (
    "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end, "
    "interval_seconds, status, readings_fetched, readings_inserted, readings_duplicate, "
    "started_at, finished_at) VALUES (gen_random_uuid(), '7', %s, %s::date, %s::date, 900, %s, "
    "%s, %s, %s, %s::date + interval '1 day', %s::date + interval '1 day') RETURNING id"
)


def test_history_goes_into_the_archive_and_what_checks_ask_for_stays(
    database: Database, tmp_path: Path
) -> None:
    def log(channel: int, first: str, last: str, status: str, new: int, known: int) -> int:
        values = [channel, first, last, status, new + known, new, known, last, last]
        return int(database.scalar(_LOG, values))

    log(1, "2026-01-02", "2026-01-03", "failed", 0, 0)  # asked in vain, then answered
    stored = log(1, "2026-01-01", "2026-01-03", "success", 192, 0)
    late = log(1, "2026-01-02", "2026-01-03", "failed", 0, 0)  # no answer came after it
    alone = log(1, "2026-01-04", "2026-01-05", "empty", 0, 0)  # the only one for its day
    for _ in range(2):
        log(1, "2026-01-06", "2026-01-07", "empty", 0, 0)  # of three, the last one stays
    last = log(1, "2026-01-06", "2026-01-07", "empty", 0, 0)
    young = log(1, "2026-11-18", "2026-11-19", "success", 0, 96)
    # A site that stopped: its newest logs are old, and stay.
    database.execute(
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, started_at) SELECT gen_random_uuid(), '8', 2, "
        "'2025-01-01Z', '2025-01-02Z', 900, 'success', '2025-01-03Z' FROM generate_series(1, 2)"
    )
    database.execute(
        'INSERT INTO rejected_readings (run_id, channel_id, "timestamp", scope, reason, raw, '
        "raw_md5, rejected_at) SELECT gen_random_uuid(), 1, at, 'row', 'no_values', '{}', "
        "md5(at::text), at FROM unnest(%s::timestamptz[]) AS at",
        [[datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)]],
    )
    database.execute(
        "INSERT INTO alert_events (rule, severity, state, first_seen_at, last_seen_at, "
        "resolved_at, message) VALUES ('a', 'info', 'resolved', '2025-01-01Z', '2025-01-02Z', "
        "'2025-01-02Z', 'm'), ('b', 'info', 'open', '2025-01-01Z', '2025-01-02Z', NULL, 'm')"
    )
    expected = {"ingestion_logs": 3, "rejected_readings": 1, "alert_notices": 0, "alert_events": 1}
    with closing(database.connect()) as connection:
        assert count_rows(connection, DAYS, NOW) == expected
        done = archive_rows(connection, DAYS, NOW, tmp_path)
        assert {table: count for table, (count, _) in done.items()} == expected
        assert count_rows(connection, DAYS, NOW) == dict.fromkeys(expected, 0)
    kept = database.execute("SELECT id FROM ingestion_logs WHERE organization_id = '7' ORDER BY id")
    assert [number for (number,) in kept] == [stored, late, alone, last, young]
    assert database.scalar("SELECT count(*) FROM ingestion_logs WHERE organization_id = '8'") == 2
    assert database.scalar("SELECT string_agg(rule, ',') FROM alert_events") == "b"
    path = done["rejected_readings"][1]
    assert path is not None
    (line,) = gzip.decompress(path.read_bytes()).splitlines()
    assert date.fromisoformat(json.loads(line)["timestamp"][:10]) == date(2025, 1, 1)


def test_a_database_run_without_dry_run_says_where_the_rows_are(
    database: Database, clean: tuple[Path, ScriptRunner]
) -> None:
    root, runner = clean
    done = run(root, runner, "--database", "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    assert set(json.loads(done.stdout)["rows"]) == set(DAYS)
    assert not root.exists()
