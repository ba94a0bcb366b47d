"""The files of an export take their places together, whatever happens on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from deliver.exporting.file_set import MANIFEST, file_set
from lib.errors import ArgoError, LockedError

MADE = "2026-11-16T00:00:00+00:00"


def export(folder: Path, files: dict[str, bytes]) -> None:
    """Write files as one export; their fingerprints are their contents."""
    with file_set(folder) as written:
        for name, content in files.items():
            entry = {"fingerprint": content.decode()}
            if not written.keep_if(name, entry):
                with written.open(name, entry) as file:
                    file.write(content)
        written.drop_others("readings", "csv")
        written.commit({"site_id": "1"}, MADE)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_manifest_tells_each_files_size_and_checksum(tmp_path: Path) -> None:
    export(tmp_path / "out", {"daily.csv": b"old", "readings/2026-10.csv": b"october"})
    found = contents(tmp_path / "out")
    manifest = json.loads(found.pop(MANIFEST))

    assert found == {"daily.csv": b"old", "readings/2026-10.csv": b"october"}
    assert (manifest["status"], manifest["site_id"]) == ("complete", "1")
    assert manifest["files"]["daily.csv"] == {
        "fingerprint": "old",
        "bytes": 3,
        "sha256": sha256(b"old").hexdigest(),
        "made_utc": MADE,
    }


def test_an_error_before_the_end_leaves_every_old_file(tmp_path: Path) -> None:
    export(tmp_path, {"daily.csv": b"old", "hourly.csv": b"old"})
    before = contents(tmp_path)

    def interrupted() -> None:
        with file_set(tmp_path) as files, files.open("daily.csv", {}) as file:
            file.write(b"half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(tmp_path) == before


def test_a_full_disk_leaves_every_old_file_and_is_one_clear_error(tmp_path: Path) -> None:
    export(tmp_path, {"daily.csv": b"old", "hourly.csv": b"old"})
    before = contents(tmp_path)
    # A limit on the size of files stands for the full disk: the second write fails.
    code = (
        "import pathlib, resource, sys\n"
        "from deliver.exporting.file_set import file_set\n"
        "from lib.errors import ArgoError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    with file_set(pathlib.Path(sys.argv[1])) as files:\n"
        "        with files.open('daily.csv', {}) as file:\n"
        "            file.write(b'new')\n"
        "        with files.open('hourly.csv', {}) as file:\n"
        "            file.write(b'x' * 5000)\n"
        "        files.commit({}, '')\n"
        "except ArgoError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"cannot write to {tmp_path}: File too large\n"
    assert contents(tmp_path) == before


def test_an_export_cut_off_between_two_renames_says_so_and_the_next_makes_it_whole(
    tmp_path: Path,
) -> None:
    export(tmp_path, {"a.csv": b"old", "b.csv": b"old"})
    # A folder in the place of the second file: its rename fails, as on a failing disk.
    (tmp_path / "b.csv").unlink()
    (tmp_path / "b.csv" / "in the way").mkdir(parents=True)

    with pytest.raises(ArgoError, match="cannot write to"):
        export(tmp_path, {"a.csv": b"new", "b.csv": b"new"})
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert (manifest["status"], (tmp_path / "a.csv").read_bytes()) == ("being replaced", b"new")
    assert [path.name for path in tmp_path.glob(".*")] == []

    (tmp_path / "b.csv" / "in the way").rmdir()
    (tmp_path / "b.csv").rmdir()
    export(tmp_path, {"a.csv": b"new", "b.csv": b"new"})
    found = contents(tmp_path)
    assert json.loads(found.pop(MANIFEST))["status"] == "complete"
    assert found == {"a.csv": b"new", "b.csv": b"new"}


def test_a_month_that_is_no_longer_exported_goes_and_other_files_stay(tmp_path: Path) -> None:
    export(tmp_path, {"readings/2026-09.csv": b"september", "readings/2026-10.csv": b"october"})
    (tmp_path / "readings" / "notes.csv").write_bytes(b"mine")
    (tmp_path / "workbook.twb").write_bytes(b"mine")
    export(tmp_path, {"readings/2026-10.csv": b"october", "daily.csv": b"days"})

    found = contents(tmp_path)
    assert set(json.loads(found.pop(MANIFEST))["files"]) == {"readings/2026-10.csv", "daily.csv"}
    assert set(found) == {
        "readings/2026-10.csv", "daily.csv", "readings/notes.csv", "workbook.twb",
    }  # fmt: skip


def test_a_manifest_that_names_foreign_files_removes_none(tmp_path: Path) -> None:
    (tmp_path / "precious.csv").write_bytes(b"mine")
    out = tmp_path / "out"
    out.mkdir()
    named: dict[str, object] = {
        "readings/../../precious.csv": {},
        "../precious.csv": {},
        "/etc/hostname": {},
    }
    (out / MANIFEST).write_text(json.dumps({"files": named}))
    export(out, {"daily.csv": b"days"})

    assert (tmp_path / "precious.csv").read_bytes() == b"mine"
    assert set(json.loads((out / MANIFEST).read_text())["files"]) == {"daily.csv"}
    assert Path("/etc/hostname").exists()


def test_two_exports_do_not_write_to_one_folder_at_once(tmp_path: Path) -> None:
    with file_set(tmp_path), pytest.raises(LockedError, match="another export is writing"):
        export(tmp_path, {"a.csv": b"new"})


def test_an_unreadable_manifest_is_as_none(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(b"{half")
    export(tmp_path, {"a.csv": b"new"})

    assert json.loads((tmp_path / MANIFEST).read_text())["status"] == "complete"
