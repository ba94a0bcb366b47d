"""Which old files of reports/, exports/ and logs/ go into the archive, and how they get there.

Nothing is followed out of its folder: links are left alone, every file is opened and removed by its
name in a folder that is open already.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from lib.errors import ArgoError
from lib.files import atomic_file

FOLDERS = ("reports", "exports", "logs")
BLOCK_BYTES = 1 << 20
ARCHIVE = "archive"
MANIFEST = "manifest.json"
# Always in use, however old: what the sync writes next, and what says when it last ran.
IN_USE = ("daily_sync.log", "last_run.json", "dashboard.html")
_DATE_OR_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class OldFile:
    """A file of one of the folders; `path` begins with the folder's name."""

    path: PurePosixPath
    size_bytes: int
    modified_at: datetime

    @property
    def kind(self) -> tuple[str, str]:
        """What is counted together: files of one folder whose names differ in numbers only."""
        return str(self.path.parent), _DATE_OR_NUMBER.sub("#", self.path.name)

    @property
    def archived_as(self) -> PurePosixPath:
        """Where it lies in the archive: by folder and month."""
        folder, *rest = self.path.parts
        month = f"{self.modified_at:%Y-%m}"
        return PurePosixPath(folder, month, *rest[:-1], f"{self.path.name}.gz")


@dataclass(frozen=True)
class Policy:
    """What stays. `keep` of each kind always; above `most` of a kind the older ones go."""

    older_than: timedelta
    keep: int
    most: int


@dataclass(frozen=True)
class Found:
    """The files of the folders, and what was left alone and why."""

    files: tuple[OldFile, ...]
    left_alone: tuple[str, ...]


def find_files(root: Path, folders: Iterable[str] = FOLDERS) -> Found:
    """Every plain file of the folders under `root`; links and what is no file are named."""
    files: list[OldFile] = []
    left_alone: list[str] = []
    for folder in folders:
        start = root / folder
        if start.is_symlink():
            left_alone.append(f"{folder}: a link")
        elif start.is_dir():
            for path, status in _walk(start, PurePosixPath(folder), left_alone):
                modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
                files.append(OldFile(path, status.st_size, modified_at))
    return Found(tuple(files), tuple(left_alone))


def _walk(
    start: Path, name: PurePosixPath, left_alone: list[str]
) -> Iterator[tuple[PurePosixPath, os.stat_result]]:
    for folder, _, names, descriptor in os.fwalk(start, follow_symlinks=False):
        below = name / PurePosixPath(os.path.relpath(folder, start))
        for entry in sorted(os.listdir(descriptor)):
            status = os.stat(entry, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                left_alone.append(f"{below / entry}: a link")
            elif entry in names and stat.S_ISREG(status.st_mode) and not entry.startswith("."):
                yield below / entry, status


def in_use(root: Path, files: Iterable[OldFile], since: datetime) -> set[PurePosixPath]:
    """Files that belong together with something written since: never archived one by one.

    A manifest names the files of one export; as long as that is written, all of them are in use,
    also those that did not change for a year.
    """
    used = {one.path for one in files if one.path.name in IN_USE}
    for manifest in files:
        if manifest.path.name != MANIFEST or manifest.modified_at < since:
            continue
        used.add(manifest.path)
        used |= {
            manifest.path.parent / name for name in _named(root / manifest.path)
        }  # fmt: skip
    return used


def _named(manifest: Path) -> Iterator[str]:
    """Every text in a manifest: whatever of it is a file's name is in use."""
    try:
        waiting = [json.loads(manifest.read_bytes())]
    except (OSError, ValueError) as error:
        raise ArgoError(f"{manifest} cannot be read: {error}") from None
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield from part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, str):
            yield part


def to_archive(
    files: Iterable[OldFile], used: set[PurePosixPath], policy: Policy, now: datetime
) -> list[OldFile]:
    """The files that are too old or too many, oldest first. Pure."""
    by_kind: dict[tuple[str, str], list[OldFile]] = defaultdict(list)
    for one in files:
        if one.path not in used:
            by_kind[one.kind].append(one)
    chosen = []
    for group in by_kind.values():
        newest_first = sorted(group, key=lambda one: (one.modified_at, one.path), reverse=True)
        for place, one in enumerate(newest_first):
            is_old = now - one.modified_at > policy.older_than
            if (is_old and place >= policy.keep) or place >= policy.most:
                chosen.append(one)
    return sorted(chosen, key=lambda one: (one.modified_at, one.path))


def archive_file(root: Path, one: OldFile) -> Path | None:
    """Pack a file into the archive and take it out of its folder; the packed file's path.

    The file goes only when its packed copy was read again and is the same; None when the file
    changed or went meanwhile.
    """
    with _opened(root, one.path.parent) as folder:
        try:
            source = os.open(one.path.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        except OSError:
            return None
        with os.fdopen(source, "rb") as file:
            before = os.fstat(file.fileno())
            target = _free_name(root, one.archived_as)
            mtime = int(before.st_mtime)
            with (
                atomic_file(target) as packed,
                gzip.GzipFile("", "wb", 6, packed, mtime=mtime) as out,
            ):
                shutil.copyfileobj(file, out)
            after = os.stat(one.path.name, dir_fd=folder, follow_symlinks=False)
            file.seek(0)
            is_same = _digest(file) == _digest_of_packed(target)
        if not is_same or (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns):
            target.unlink()
            return None
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.unlink(one.path.name, dir_fd=folder)
    return target


def expired(root: Path, older_than: timedelta, now: datetime) -> list[OldFile]:
    """Archived files that nobody has to keep any longer; what lies there unpacked is not ours."""
    found = find_files(root, (ARCHIVE,)).files
    return [one for one in found if one.path.suffix == ".gz" and now - one.modified_at > older_than]


def delete_file(root: Path, one: OldFile) -> None:
    """Remove a file by its name in its folder; a link at its place is left alone."""
    with _opened(root, one.path.parent) as folder:
        status = os.stat(one.path.name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            os.unlink(one.path.name, dir_fd=folder)


@contextmanager
def _opened(root: Path, folder: PurePosixPath) -> Iterator[int]:
    """A folder below the root, opened part by part so that no link on the way is followed."""
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folder.parts:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            following = os.open(part, flags, dir_fd=current)
            os.close(current)
            current = following
        yield current
    except NotADirectoryError:
        raise ArgoError(f"{folder} leads through a link; nothing of it is touched") from None
    finally:
        os.close(current)


def _free_name(root: Path, path: PurePosixPath) -> Path:
    """Where to put a file: `path`, with a number where an earlier one was archived by that name."""
    return _numbered(_inside(root / ARCHIVE, path))


def _inside(archive: Path, path: PurePosixPath) -> Path:
    """A file of the archive. Raises ArgoError where a link would lead out of it."""
    target = archive / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.parent.resolve() != archive.parent.resolve() / archive.name / path.parent:
        raise ArgoError(f"{target.parent} leads through a link; nothing is archived there")
    return target


def _numbered(path: Path) -> Path:
    if not path.exists():
        return path
    stem = path.name.removesuffix(".gz")
    numbers = range(2, 10_000)
    return next(
        free for number in numbers if not (free := path.with_name(f"{stem}.{number}.gz")).exists()
    )


def _digest(file: BinaryIO | gzip.GzipFile) -> str:
    digest = hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def _digest_of_packed(path: Path) -> str:
    with gzip.open(path) as file:
        return _digest(file)
