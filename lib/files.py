"""Writing files so that a reader never meets half of one.

A file is written under a temporary name in its own folder, synced to the disk and renamed. Until
the last step the file that was there before stays as it was. Files that belong together are all
written and synced before the first is renamed.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lib.errors import ArgoError

MAX_NAME_LENGTH = 80
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


def safe_name(text: str) -> str:
    """`text` as one part of a file's path: letters, digits, - and _ only, never empty.

    >>> safe_name("../../etc/passwd")
    'etc_passwd'
    >>> safe_name("..")
    '_'
    """
    return _NOT_IN_NAMES.sub("_", text).strip("_")[:MAX_NAME_LENGTH] or "_"


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` only when the block ends well.

    Missing folders are made. Raises ArgoError with the path and the reason when the disk refuses.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ArgoError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        _forget(temporary)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file, or leave what is there untouched. Raises ArgoError as `atomic_file`."""
    with atomic_file(path) as file:
        file.write(content)


def write_all_atomically(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: where the disk refuses one of them, none is touched.

    Raises ArgoError with the path and the reason. Between two renames, which need no room on the
    disk, only a power cut can leave some new and some old.
    """
    path = Path()
    with ExitStack() as leave:
        try:
            staged = {}
            for path, content in contents.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                if path.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                staged[path] = _temporary(path)
                leave.callback(_forget, staged[path])
                with staged[path].open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            for path, temporary in staged.items():
                temporary.replace(path)
            for folder in {path.parent for path in staged}:
                _sync_folder(folder)
        except OSError as error:
            raise ArgoError(f"cannot write {path}: {error.strerror or error}") from error


def is_one_of(path: Path, others: Iterable[Path]) -> bool:
    """Whether `path` is one of the files `others`, however it is spelled."""
    return path.resolve() in {other.resolve() for other in others}


def _temporary(path: Path) -> Path:
    # Not named after `path`: a long name plus a suffix may be longer than the file system allows.
    return path.parent / f".argo-{secrets.token_hex(8)}.tmp"


def _forget(temporary: Path) -> None:
    # Only the first error is worth telling.
    with suppress(OSError):
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
