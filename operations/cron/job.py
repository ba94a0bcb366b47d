"""Run a script under cron: its output goes to logs/NAME.log, and is printed only on failure.

    python -m operations.cron.job [--tells] NAME SCRIPT [ARGS]...

With --tells, exit 4 means that the script found something to tell. The alerts tell of it, once and
to the right people; a mail from cron at every run would not. A script that left because another
run is at work (5) is not worth a mail either.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path

import click

from config.settings import PROJECT_ROOT, SettingsError, get_settings
from lib.errors import EXIT_LOCKED, EXIT_OK, EXIT_PARTIAL, EXIT_USAGE
from operations.sync.child import child_command

LOG_BYTES, LOG_FILES = 1_000_000, 3


def main(argv: Sequence[str]) -> int:
    """Run the script; returns its exit code."""
    tells = argv[0] == "--tells"
    name, script, *args = argv[1:] if tells else argv
    try:
        folder = get_settings().argo_output_dir / "logs"
    except SettingsError as error:
        click.echo(f"error: {error}", err=True)
        return EXIT_USAGE
    done = subprocess.run(
        child_command(script, *args),
        cwd=PROJECT_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    write_log(folder, name, f"{' '.join((script, *args))}: exit {done.returncode}", done.stdout)
    expected = (EXIT_OK, EXIT_LOCKED, *([EXIT_PARTIAL] if tells else []))
    if done.returncode not in expected:
        click.echo(f"{name}: {script} ended with exit code {done.returncode}", err=True)
        click.echo(done.stdout, err=True, nl=False)
    return done.returncode


def write_log(folder: Path, name: str, headline: str, output: str) -> None:
    """Add what a run said to its log; old files are rotated away."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(
        folder / f"{name}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    log = logging.Logger("argo.cron", logging.INFO)
    log.addHandler(handler)
    log.info("%s", "\n".join(filter(None, (headline, output.rstrip()))))
    handler.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
