"""Running a stage script in a process of its own that starts in a few milliseconds.

The interpreter and the libraries are loaded once, in a server process (`forkserver` of the
standard library); each run is a fork of it with its own environment, folder, arguments and
streams. Importing the libraries anew for each of several hundred runs would be a third of the
suite's time.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.settings import PROJECT_ROOT

# Libraries only: a module of Argo that read a setting at import would keep it for every test.
PRELOADED = [
    "click", "holidays", "jinja2", "numpy", "orjson", "pandas", "psycopg2.extras",
    "pydantic_settings", "requests", "rich.console", "rich.progress", "rich.table",
    "scipy.stats", "tenacity", "yaml",
]  # fmt: skip
TESTS = PROJECT_ROOT / "tests"
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(PRELOADED)


def run_forked(
    path: str, args: Sequence[str], folder: Path, env: Mapping[str, str], timeout_seconds: float
) -> tuple[int, str, str]:
    """Run a script as `python {path} {args}` would; its exit code, stdout and stderr.

    Raises TimeoutError when it does not end in time; it is then killed.
    """
    number = time.monotonic_ns()
    stdout, stderr = (folder / f".{name}-{number}" for name in ("stdout", "stderr"))
    process = _server.Process(
        target=_run, args=(str(PROJECT_ROOT / path), args, folder, dict(env), stdout, stderr)
    )
    process.start()
    process.join(timeout_seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"{path} ran for more than {timeout_seconds} s")
    texts = stdout.read_text(encoding="utf-8"), stderr.read_text(encoding="utf-8")
    for file in (stdout, stderr):
        file.unlink()
    return process.exitcode, *texts


def run_started(
    path: str, args: Sequence[str], folder: Path, env: Mapping[str, str], timeout_seconds: float
) -> tuple[int, str, str]:
    """As `run_forked`, in an interpreter started anew: for what only its start can set."""
    done = subprocess.run(
        [sys.executable, str(PROJECT_ROOT / path), *args],
        cwd=folder,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def _run(
    path: str, args: Sequence[str], folder: Path, env: dict[str, str], stdout: Path, stderr: Path
) -> None:
    """In the new process: become `python path args` in that folder and environment."""
    for stream, file in ((1, stdout), (2, stderr)):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, stream)
        os.close(opened)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(
        io.FileIO(2, "w", closefd=False),
        encoding="utf-8",
        errors="backslashreplace",
        write_through=True,
    )
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(folder)
    sys.argv = [path, *args]
    beside_tests = [entry for entry in sys.path if not Path(entry).is_relative_to(TESTS)]
    sys.path[:] = [str(Path(path).parent), *beside_tests]
    runpy.run_path(path, run_name="__main__")
