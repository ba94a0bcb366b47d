"""The files of one export take their places together, and a manifest says what each of them holds.

All files are written and synced in a hidden folder first: a full disk leaves everything as it was.
Then the manifest is marked as being replaced, the files are renamed, and the finished manifest
takes its place, written beforehand too. Whoever finds `"status": "being replaced"` finds an export
that was cut off between two renames; the next one makes it whole.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from lib.errors import ArgoError, LockedError

MANIFEST = "manifest.json"
COMPLETE, BEING_REPLACED = "complete", "being replaced"
_STAGED_PREFIX = ".argo-"
_BLOCK_BYTES = 1 << 20
_OUR_NAME = re.compile(r"(readings/|hourly/)?[A-Za-z0-9][A-Za-z0-9-]*(\.[a-z]+)+")

Entry = dict[str, Any]


class FileSet:
    """The new files of an export while they are made; see `file_set`."""

    def __init__(self, folder: Path, staged: Path) -> None:
        self.folder = folder
        self._staged = staged
        before = read_manifest(folder)
        named = before["files"] if before else {}
        # Names that this code could not have written are not believed.
        self._before: dict[str, Entry] = {
            name: entry for name, entry in named.items() if _OUR_NAME.fullmatch(name)
        }
        self._new: dict[str, Entry] = {}
        self._kept: dict[str, Entry] = {}
        self._dropped: set[str] = set()

    def path(self, name: str) -> Path:
        """Where to write the file `name` of the export now; `describe` it when it is written."""
        path = self._staged / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def open(self, name: str, entry: Entry) -> Iterator[BinaryIO]:
        """Write a file of the export; `entry` may still grow in the block."""
        path = self.path(name)
        with path.open("xb", buffering=_BLOCK_BYTES) as file:
            yield file
        self.describe(name, entry)

    def keep_if(self, name: str, entry: Mapping[str, Any]) -> bool:
        """Keep a file that was made from the same data and is still what was written then.

        `entry` has its fingerprint, and what the manifest says of it from now on.
        """
        before, path = self._before.get(name, {}), self.folder / name
        is_same = before.get("fingerprint") == entry["fingerprint"] and path.is_file()
        if not is_same or before.get("sha256") != _sha256(path):
            return False
        self._kept[name] = {**before, **entry}
        return True

    def drop_others(self, table: str, form: str) -> None:
        """Remove the months of a table that an earlier export wrote and this one did not."""
        month = re.compile(rf"{table}/[0-9]{{4}}-[0-9]{{2}}\.{form}")
        self._dropped |= {name for name in self._before if month.fullmatch(name)}

    def describe(self, name: str, entry: Mapping[str, Any]) -> None:
        """Say in the manifest what a file written by its `path` holds."""
        self._new[name] = dict(entry)

    @property
    def written(self) -> tuple[str, ...]:
        """The files made anew."""
        return tuple(sorted(self._new))

    def commit(self, about: Entry, made_utc: str) -> None:
        """Put everything in its place. `about` stands at the head of the manifest."""
        entries = {}
        for name in self._new:
            path = self._staged / name
            entries[name] = {
                **self._new[name],
                "bytes": path.stat().st_size,
                "sha256": _sha256(path),
                "made_utc": made_utc,
            }
            _sync(path)
        dropped = self._dropped - set(entries) - set(self._kept)
        # What an earlier export wrote and this one did not touch stays, with what was said of it.
        earlier = {
            name: entry
            for name, entry in self._before.items()
            if name not in dropped and (self.folder / name).is_file()
        }
        files = dict(sorted({**earlier, **self._kept, **entries}.items()))
        manifest = {**about, "made_utc": made_utc, "files": files}
        for number, status in enumerate((BEING_REPLACED, COMPLETE)):
            path = self._staged / f"{MANIFEST}.{number}"
            path.write_bytes(_json({"status": status, **manifest}))
            _sync(path)
        self._rename(entries, dropped)

    def _rename(self, entries: Mapping[str, Entry], dropped: set[str]) -> None:
        folders = {self.folder, *((self.folder / name).parent for name in entries)}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        (self._staged / f"{MANIFEST}.0").replace(self.folder / MANIFEST)
        _sync(self.folder)
        for name in entries:
            (self._staged / name).replace(self.folder / name)
        for name in dropped:
            (self.folder / name).unlink(missing_ok=True)
        for folder in folders:
            _sync(folder)
        (self._staged / f"{MANIFEST}.1").replace(self.folder / MANIFEST)
        _sync(self.folder)


@contextmanager
def file_set(folder: Path) -> Iterator[FileSet]:
    """The files of an export into `folder`; nothing there changes before `commit`.

    Raises ArgoError with the reason when the disk refuses, LockedError when another export is
    writing to the folder.
    """
    staged = folder / f"{_STAGED_PREFIX}{secrets.token_hex(8)}.tmp"
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(folder):
            staged.mkdir()
            yield FileSet(folder, staged)
    except OSError as error:
        raise ArgoError(f"cannot write to {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        if is_new:
            # Left empty by an error: not ours to leave behind.
            with suppress(OSError):
                folder.rmdir()


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of an export's folder; None where there is none that can be read."""
    try:
        found = orjson.loads((folder / MANIFEST).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else None


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise LockedError(f"another export is writing to {folder}") from None
    finally:
        os.close(descriptor)


def _json(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
