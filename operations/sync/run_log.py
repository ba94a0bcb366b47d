"""The sync's log file: every line carries the run's id; old files are rotated away."""

from __future__ import annotations

import logging
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES, LOG_FILES = 5_000_000, 8
TAIL_LINES = 100

logger = logging.getLogger("argo.sync")


class RunLog:
    """logs/daily_sync.log of one run; it remembers its last lines for the dead-man ping."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.path = folder / "daily_sync.log"
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            self.path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True
        )
        text = f"%(asctime)s {run_id[:8]} %(message)s"
        handler.setFormatter(logging.Formatter(text, "%Y-%m-%dT%H:%M:%S%z"))
        handler.addFilter(self._remember)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logger.propagate = False

    def _remember(self, record: logging.LogRecord) -> bool:
        self._tail.append(record.getMessage())
        return True

    def tail(self) -> str:
        """The last lines of this run."""
        return "\n".join(self._tail)
