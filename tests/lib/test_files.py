"""Writing: all or nothing, and never outside the folder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.errors import ArgoError
from lib.files import (
    MAX_NAME_LENGTH,
    atomic_file,
    safe_name,
    write_all_atomically,
    write_atomically,
)


def test_a_file_is_written_with_its_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "report.json", b"new")

    assert (tmp_path / "a" / "b" / "report.json").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["report.json"]


def test_others_may_read_a_file_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "report.json", b"new")
    finally:
        os.umask(before)

    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o644


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"old")

    def write_half() -> None:
        with atomic_file(path) as file:
            file.write(b"half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    # A limit on the size of files stands for the full disk: the write itself fails.
    code = (
        "import resource, signal, sys, pathlib\n"
        "from lib.files import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    write_atomically(pathlib.Path(sys.argv[1]), b'x' * 5000)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"ArgoError cannot write {path}: {os.strerror(errno.EFBIG)}\n"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_belong_together_are_all_written(tmp_path: Path) -> None:
    contents = {tmp_path / "week.json": b"{}", tmp_path / "mails" / "week.eml": b"mail"}

    write_all_atomically(contents)

    assert {path: path.read_bytes() for path in contents} == contents
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(contents)


@pytest.mark.parametrize("refused", ["page.html", "file/page.html"])
def test_where_one_file_is_refused_those_before_it_stay_as_they_were(
    tmp_path: Path, refused: str
) -> None:
    report = tmp_path / "week.json"
    report.write_bytes(b"old")
    (tmp_path / "page.html").mkdir()
    (tmp_path / "file").write_bytes(b"no folder")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(ArgoError, match=f"cannot write {tmp_path / refused}"):
        write_all_atomically({report: b"new", tmp_path / refused: b"new"})

    assert report.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "reports").write_bytes(b"")

    with pytest.raises(ArgoError, match="cannot write"):
        write_atomically(tmp_path / "reports" / "week.json", b"new")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..",
        ".",
        "",
        "/",
        "a/b",
        "a\\b",
        "C:con",
        "\x00",
        "x" * 300,
        "é",
        "~root",
    ],
)
def test_no_name_leads_out_of_its_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / safe_name(name)

    assert path.parent == tmp_path
    assert path.name not in ("", ".", "..")
    assert len(path.name) <= MAX_NAME_LENGTH


def test_a_plain_id_keeps_its_name() -> None:
    assert safe_name("23271") == "23271"
