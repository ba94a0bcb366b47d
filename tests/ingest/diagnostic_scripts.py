"""What the tests of the diagnostics share: script names, and a sandbox that answers otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
from sandbox_client import Sandbox
from support import ScriptRunner

from operations.sandbox.api import Request
from operations.sandbox.listing import ApiError

TEST_AUTH = "ingest/test_auth_approaches.py"
TEST_WORKING = "ingest/test_working_auth.py"
DIAGNOSTIC = "ingest/diagnostic_report.py"
DISCOVER = "ingest/discover_api_endpoints.py"
MAP_FIELDS = "ingest/map_api_fields.py"
# A made-up site without channels that only fail, so that nothing has to be asked five times.
SMALL_SITE = "50001"


def alter(sandbox: Sandbox, change: Callable[[Request, Any], Any]) -> None:
    """Have the sandbox change what it answers; `change` may raise ApiError instead."""
    answer = sandbox.server.api.answer

    def altered(request: Request) -> bytes:
        return orjson.dumps(change(request, orjson.loads(answer(request))))

    sandbox.server.api.answer = altered  # type: ignore[method-assign]


def refuse(status: int, *paths: str) -> Callable[[Request, Any], Any]:
    """Answer this status for these collections; without names for all."""

    def change(request: Request, document: Any) -> Any:
        if not paths or request.path[0] in paths:
            raise ApiError(status, "Not for you")
        return document

    return change


def run_json(
    run_script: ScriptRunner, sandbox: Sandbox, script: str, *args: object, **env: str
) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON document of a script run with --json."""
    done = run_script(script, "--json", *args, env={**sandbox.settings, **env})
    return done.exit_code, dict(json.loads(done.stdout))


def texts(document: dict[str, Any], level: str) -> str:
    """The findings of a level, as one text."""
    return "\n".join(one["text"] for one in document["findings"] if one["level"] == level)
