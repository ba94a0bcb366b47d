"""The sandbox API as a child process, for ENISCOPE_API_URL=sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from config.settings import PROJECT_ROOT, Settings
from lib.errors import ArgoError

SCRIPT = PROJECT_ROOT / "operations" / "sandbox_api.py"


@dataclass(frozen=True)
class ApiAccess:
    """Where the API is and how to log in; the sandbox's credentials are public."""

    url: str
    api_key: str
    email: str
    password: str


@contextmanager
def running_sandbox(settings: Settings) -> Iterator[ApiAccess]:
    """Start the sandbox on a free port; it ends with the block, or with this process."""
    environment = dict(os.environ)
    if settings.argo_now is not None:
        environment["ARGO_NOW"] = settings.argo_now.isoformat()
    command = [sys.executable, str(SCRIPT), "--port", "0", "--quiet"]
    command += ["--parent-pid", str(os.getpid())]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            greeting = process.stdout.readline()
            if not greeting:
                raise ArgoError("the sandbox API did not start")
            said = json.loads(greeting)
            yield ApiAccess(said["url"], said["key"], said["email"], said["password"])
        finally:
            process.terminate()
