"""A sandbox API for a test, and the settings with which Argo reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
from support import ScriptResult

from operations.sandbox.options import Options
from operations.sandbox.server import SandboxServer, serve

SITE = "23271"


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox; `settings` are the environment of a script that uses it."""

    server: SandboxServer
    now: datetime

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables that point Argo at this sandbox and its now."""
        options = self.server.options
        return {
            "ENISCOPE_API_URL": self.server.url,
            "ENISCOPE_API_KEY": options.key,
            "ENISCOPE_EMAIL": options.email,
            "ENISCOPE_PASSWORD": options.password,
            "ARGO_NOW": self.now.isoformat(),
        }

    def truth(self, start: datetime, end: datetime, site: str = SITE) -> dict[str, Any]:
        """What was really offered in [start, end), and what was planted in it."""
        return self._ask("/sandbox/truth", start, end, organization=site)

    def true_rows(self, channel_id: int, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """The clean rows of a channel, by API code, in the API's units."""
        answer = self._ask(f"/sandbox/readings/{channel_id}", start, end)
        return list(answer["rows"])

    def _ask(self, path: str, start: datetime, end: datetime, **more: str) -> dict[str, Any]:
        window = {"start": start.isoformat(), "end": end.isoformat()}
        answer = requests.get(self.server.url + path, params=window | more, timeout=60)
        answer.raise_for_status()
        return dict(answer.json())


StartSandbox = Callable[..., Sandbox]
Ingest = Callable[..., ScriptResult]


@contextmanager
def running_sandbox(now: datetime, **options: Any) -> Iterator[Sandbox]:
    """A sandbox on a free port, with the options of `sandbox_api.py --help`."""
    server = SandboxServer(Options(port=0, now=now, **options))
    serve(server)
    try:
        yield Sandbox(server, now)
    finally:
        server.shutdown()
        server.server_close()
