"""Writing files so that a reader never meets half of one.

A file is written under a temporary name in its own folder, synced to the disk and renamed. Until
the last step the file that was there before stays as it was.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    # Not named after `path`: a long name plus a suffix may be longer than the file system allows.
    temporary = path.parent / f".argo-{secrets.token_hex(8)}.tmp"
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
        # Only the first error is worth telling.
        with suppress(OSError):
            temporary.unlink()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file, or leave what is there untouched. Raises ArgoError as `atomic_file`."""
    with atomic_file(path) as file:
        file.write(content)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
