"""Logging to stderr: one line per event, text or JSON, with the run id where there is one."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from config.settings import get_settings


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logging(*, quiet: bool = False, debug: bool = False) -> None:
    """Send the log to stderr. `quiet` shows warnings and worse, `debug` everything of ours."""
    settings = get_settings()
    handler = logging.StreamHandler(sys.stderr)
    if settings.argo_log_format == "json":
        handler.setFormatter(_JsonLines())
    else:
        text = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S%z")
        handler.setFormatter(text)
    level = "DEBUG" if debug else "WARNING" if quiet else settings.argo_log_level
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Other people's libraries log request headers and URLs at debug level.
    for name in ("urllib3", "requests", "matplotlib", "PIL", "fontTools"):
        logging.getLogger(name).setLevel(logging.WARNING)
