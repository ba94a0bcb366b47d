"""A backup holds everything, can be restored and counted, and never displaces live data."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from support import Database, ScriptResult, ScriptRunner

from lib.database import Server
from lib.embedded_postgres import EmbeddedPostgres
from lib.errors import UsageError
from operations.backup.dump import remove_old
from operations.backup.tools import address, direct, fitting_programs

BACKUP, RESTORE = "operations/backup_database.py", "operations/restore_database.py"


@pytest.fixture(scope="module")
def stored(module_database: Database) -> Database:
    """A site with a channel and 960 readings, and a role of its own rights."""
    module_database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('7', 'Müller''s \"Mill\"', 'Europe/Berlin');"
        "INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, "
        "interval_seconds) VALUES (1, '7', 'Main', 'site_total', 900);"
        'INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh) '
        "SELECT 1, at, 900, 2.75 FROM "
        "generate_series('2026-11-01Z'::timestamptz, '2026-11-10 23:45Z', '15 min') AS at"
    )
    return module_database


@pytest.fixture(scope="module")
def backup(stored: Database, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ScriptResult]:
    """A backup made and checked through the front door."""
    folder = tmp_path_factory.mktemp("backups")
    result = ScriptRunner(folder)(
        BACKUP, "--out", folder, "--check", "--json", env={"DATABASE_URL": stored.url}
    )
    assert result.exit_code == 0, result.stderr
    return Path(json.loads(result.stdout)["path"]), result


def test_a_backup_is_one_private_file_with_what_is_in_it_beside(
    backup: tuple[Path, ScriptResult],
) -> None:
    path, result = backup
    report = json.loads(result.stdout)
    assert report["checked"]
    assert report["tables"]["public.readings"] == 960
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    files = {name for name in os.listdir(path.parent) if name.startswith("argo_")}
    assert files == {path.name, path.with_suffix(".json").name}


def test_the_check_leaves_no_scratch_database(
    backup: tuple[Path, ScriptResult], stored: Database
) -> None:
    assert backup[0].exists()
    names = "SELECT count(*) FROM pg_database WHERE datname LIKE 'argo_check%'"
    assert stored.scalar(names) == 0


def test_an_empty_database_gets_all_of_it_with_its_views_and_rights(
    backup: tuple[Path, ScriptResult], empty_database: Database, run_script: ScriptRunner
) -> None:
    result = run_script(RESTORE, backup[0])
    assert result.exit_code == 0, result.stderr
    assert empty_database.scalar("SELECT sum(energy_kwh) FROM readings") == 960 * 2.75
    with_name = "SELECT site_name FROM v_sites WHERE site_id = '7'"
    assert empty_database.scalar(with_name) == 'Müller\'s "Mill"'
    reader = Database(empty_database.reader_url, empty_database.reader_url)
    assert reader.scalar(with_name) == 'Müller\'s "Mill"'
    # The schema is whole: the books say that there is nothing to migrate.
    status = run_script("govern/run_migration.py", "--status")
    assert "pending" not in status.stdout, status.stdout


def test_a_database_that_holds_anything_is_replaced_only_when_it_is_named(
    backup: tuple[Path, ScriptResult], database: Database, run_script: ScriptRunner
) -> None:
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('keep me', '', 'UTC')"
    )
    for arguments in ([], ["--overwrite", "argo"]):
        refused = run_script(RESTORE, backup[0], *arguments)
        assert refused.exit_code == 2
        assert "is not empty" in refused.stderr
        assert database.scalar("SELECT organization_id FROM organizations") == "keep me"
    name = database.scalar("SELECT current_database()")
    done = run_script(RESTORE, backup[0], "--overwrite", name)
    assert done.exit_code == 0, done.stderr
    assert database.scalar("SELECT organization_id FROM organizations") == "7"
    reader = Database(database.reader_url, database.reader_url)
    assert reader.scalar("SELECT count(*) FROM v_sites") == 1


def test_a_restore_that_does_not_count_right_leaves_the_database_as_it_was(
    backup: tuple[Path, ScriptResult], database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('keep me', '', 'UTC')"
    )
    path = tmp_path / backup[0].name
    path.write_bytes(backup[0].read_bytes())
    manifest = json.loads(backup[0].with_suffix(".json").read_bytes())
    manifest["tables"]["public.readings"] = 961
    path.with_suffix(".json").write_text(json.dumps(manifest))
    name = database.scalar("SELECT current_database()")
    failed = run_script(RESTORE, path, "--overwrite", name)
    assert failed.exit_code == 1
    assert "960 rows, the backup has 961" in failed.stderr
    assert database.scalar("SELECT organization_id FROM organizations") == "keep me"


def test_a_damaged_backup_is_not_touched(
    backup: tuple[Path, ScriptResult], empty_database: Database, run_script: ScriptRunner,
    tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / backup[0].name
    content = bytearray(backup[0].read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    path.with_suffix(".json").write_bytes(backup[0].with_suffix(".json").read_bytes())
    failed = run_script(RESTORE, path)
    assert failed.exit_code == 1
    assert "its checksum is not the one" in failed.stderr
    assert empty_database.scalar("SELECT to_regclass('public.readings')") is None


def test_only_the_newest_backups_of_a_database_are_kept(tmp_path: Path) -> None:
    names = [f"argo_{database}_2026110{day}T060000Z" for database in "ab" for day in (1, 2, 3)]
    for name in names:
        for ending in (".dump", ".json"):
            (tmp_path / f"{name}{ending}").write_text("")
    (tmp_path / "notes.dump").write_text("mine")
    (tmp_path / "argo_a_20261101T050000Z.dump").symlink_to(tmp_path / "notes.dump")
    removed = {path.name for path in remove_old(tmp_path, 2)}
    assert removed == {"argo_a_20261101T060000Z.dump", "argo_b_20261101T060000Z.dump"}
    assert not (tmp_path / "argo_a_20261101T060000Z.json").exists()
    assert (tmp_path / "notes.dump").read_text() == "mine"


def test_the_password_is_not_on_the_command_line_and_the_certificate_is_checked() -> None:
    server = Server("postgresql://argo:s%40cret@db.example.com/argo", is_embedded=False)
    dsn, environment = address(server)
    assert "s@cret" not in dsn
    assert environment["PGPASSWORD"] == "s@cret"
    assert "sslmode=verify-full" in dsn


def test_a_pooled_neon_address_is_dumped_directly() -> None:
    url = "postgresql://a:b@ep-cool-1-pooler.eu-central-1.aws.neon.tech/argo?sslmode=require"
    unpooled = direct(Server(url, is_embedded=False))
    assert unpooled.parts["host"] == "ep-cool-1.eu-central-1.aws.neon.tech"
    assert unpooled.parts["password"] == "b"


def test_a_server_newer_than_every_pg_dump_is_told_in_one_line(
    embedded_server: EmbeddedPostgres,
) -> None:
    with pytest.raises(UsageError, match="pg_dump 99 or newer is needed"):
        fitting_programs(99)


def test_a_database_without_tables_is_no_backup(
    empty_database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    result = run_script(BACKUP, "--out", tmp_path)
    assert result.exit_code == 2
    assert "nothing to back up" in result.stderr
    assert os.listdir(tmp_path) == []
