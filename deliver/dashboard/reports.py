"""Which weekly reports lie in the reports folder; nothing is opened, only named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Only names that our own scripts give: what else lies there is nobody's business.
_FOLDER = re.compile(r"[A-Za-z0-9_-]{1,80}")
_REPORT = re.compile(r"weekly_(\d{4}-\d{2}-\d{2})(?:_to_\d{4}-\d{2}-\d{2})?\.(json|html|pdf)")


def weekly_reports(reports: Path) -> list[dict[str, Any]]:
    """Every weekly report under `reports`/{site}/, in the order of site and name.

    A link is never followed; a missing folder holds no report.
    """
    return sorted(_found(reports), key=lambda report: str(report["path"]))


def _found(reports: Path) -> Iterator[dict[str, Any]]:
    if not reports.is_dir():
        return
    for folder in reports.iterdir():
        if folder.is_symlink() or not folder.is_dir() or not _FOLDER.fullmatch(folder.name):
            continue
        for file in folder.iterdir():
            name = _REPORT.fullmatch(file.name)
            if name is None or file.is_symlink() or not file.is_file():
                continue
            known = file.stat()
            yield {
                "path": f"{folder.name}/{file.name}",
                "site_id": folder.name,
                "start": name[1],
                "format": name[2],
                "bytes": known.st_size,
                "written_utc": datetime.fromtimestamp(known.st_mtime, UTC),
            }
