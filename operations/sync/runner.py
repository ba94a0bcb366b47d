"""Running one step of the sync as a process, and telling log and terminal what became of it."""

from __future__ import annotations

import logging
import subprocess
import time
from dataclasses import dataclass
from tempfile import TemporaryFile

import click

from config.settings import PROJECT_ROOT
from operations.sync.child import child_command
from operations.sync.results import StepResult, state_of
from operations.sync.steps import Step

logger = logging.getLogger("argo.sync")


@dataclass(frozen=True)
class StepRunner:
    """Runs the steps of one site (None: of all sites together).

    With `to_terminal` each step is a line on stderr; without, only one that is not done is.
    """

    site: str | None
    to_terminal: bool

    def __call__(self, step: Step) -> StepResult:
        """Run one script to its end; all it says goes to the log, its verdict to stderr."""
        label = f"{self.site} {step.name}" if self.site else step.name
        logger.info("%s: %s", label, " ".join(step.command))
        started = time.monotonic()
        exit_code, printed, said = _run(step)
        seconds = time.monotonic() - started
        state = state_of(exit_code, tells=step.tells)
        complaints = [] if state == "done" else _complaints(said)
        reason = complaints[0].removeprefix("error: ") if complaints else ""
        result = StepResult(step.name, state, exit_code, seconds, tuple(printed), reason)
        for line in (*said, *([result.detail] if result.detail else printed)):
            logger.info("%s | %s", label, line)
        logger.info("%s: %s (exit %d) in %.1f s", label, state, exit_code, seconds)
        if self.to_terminal or not result.is_as_wanted:
            self._show(result, complaints)
        return result

    def skip(self, name: str, reason: str) -> StepResult:
        """Leave a step out, and say why."""
        result = StepResult.skipped(name, reason)
        logger.info("%s %s: skipped: %s", self.site, name, reason)
        if self.to_terminal:
            self._show(result, [])
        return result

    def _show(self, result: StepResult, complaints: list[str]) -> None:
        where = "" if self.to_terminal or self.site is None else f"site {self.site} "
        took = f"{result.seconds:5.1f} s" if result.state != "skipped" else " " * 7
        text = result.reason if result.state == "skipped" else result.detail
        click.echo(f"{where}{result.name:<14} {result.state:<8} {took}  {text}".rstrip(), err=True)
        for complaint in complaints:
            click.echo(f"    {complaint}", err=True)


def _run(step: Step) -> tuple[int, list[str], list[str]]:
    """A step's exit code, the lines of its stdout and those of its stderr."""
    # A file, because nobody empties a pipe while stderr is read.
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        with subprocess.Popen(
            child_command(*step.command),
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            try:
                assert process.stderr is not None
                said = [line.rstrip() for line in process.stderr]
            except BaseException:
                logger.info("%s: interrupted", step.name)
                process.terminate()
                raise
        output.seek(0)
        return process.returncode, output.read().splitlines(), said


def _complaints(said: list[str]) -> list[str]:
    """The lines of a step's log that say what is wrong; the last line where none does."""
    wrong = [line for line in said if line.startswith("error:") or " ERROR " in line]
    return wrong or said[-1:]
