"""One run of a stage script for one site: in this process, or in one of its own."""

from __future__ import annotations

import io
import logging
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from config.settings import PROJECT_ROOT
from lib.errors import EXIT_ERROR, EXIT_OK
from operations.sync.child import child_command

# A run whose process was killed is tried so often; a script that ended by itself is not.
ATTEMPTS = 3


@dataclass(frozen=True)
class Outcome:
    """How a run for one site ended: its exit code, what it printed and what it said."""

    site: str
    exit_code: int
    seconds: float
    attempts: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class ScriptRun:
    """A script, relative to the checkout, and its arguments beside --site."""

    script: str
    args: tuple[str, ...]

    def words(self, site: str) -> list[str]:
        """The arguments for one site."""
        return ["--site", site, *self.args]


def run_in_process(job: ScriptRun, site: str) -> Outcome:
    """Run the script here: what it imports is loaded once for all sites."""
    started = time.monotonic()
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with _as_script(job, site), redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            runpy.run_path(str(PROJECT_ROOT / job.script), run_name="__main__")
            exit_code = EXIT_OK
        except SystemExit as ended:
            exit_code = ended.code if isinstance(ended.code, int) else EXIT_ERROR
    texts = (_text(stdout), _text(stderr))
    return Outcome(site, exit_code, time.monotonic() - started, 1, *texts)


@contextmanager
def _as_script(job: ScriptRun, site: str) -> Iterator[None]:
    """Arguments and folder as the script would find them in a process of its own.

    Afterwards the log goes where it went before: each script sets it up for itself.
    """
    root = logging.getLogger()
    argv, folder, handlers, level = sys.argv, Path.cwd(), list(root.handlers), root.level
    sys.argv = [job.script, *job.words(site)]
    os.chdir(PROJECT_ROOT)
    try:
        yield
    finally:
        sys.argv = argv
        os.chdir(folder)
        root.handlers[:] = handlers
        root.setLevel(level)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(errors="replace")


def run_in_child(job: ScriptRun, site: str, *, attempts: int = ATTEMPTS) -> Outcome:
    """Run the script in a process that ends with this one; again when it was killed.

    Every script may be run again: what it stored is stored once.
    """
    started = time.monotonic()
    tried = 0
    while True:
        tried += 1
        done = subprocess.run(
            child_command(job.script, *job.words(site)),
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        # Below zero: ended by a signal that it could not answer.
        if done.returncode >= 0 or tried >= attempts:
            break
    exit_code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    seconds = time.monotonic() - started
    return Outcome(site, exit_code, seconds, tried, done.stdout, done.stderr)


def complaint(outcome: Outcome) -> str:
    """Why a run is not done, in one line; empty where it said nothing."""
    lines: Sequence[str] = outcome.stderr.splitlines()
    wrong = [line for line in lines if line.startswith("error:") or " ERROR " in line]
    return next(iter(wrong or lines[-1:]), "").removeprefix("error: ").strip()
