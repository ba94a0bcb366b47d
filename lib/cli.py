"""What every script shares: options, exit codes, one-line errors.

@script(epilog="Examples: ...")
@site_option()
def main(site: str) -> int: ...

if __name__ == "__main__":
    main()
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from functools import wraps
from types import FrameType
from typing import Any

import click

from config.settings import SettingsError
from lib import errors
from lib.date_utils import FIRST_DAY, LAST_DAY
from lib.log import configure_logging

logger = logging.getLogger(__name__)

EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 unexpected error, 2 usage or settings, 3 blocked by validation, "
    "4 partly failed, 5 another run is at work, 130/143 interrupted."
)
HOW_TO_RUN = (
    "`npm run py:… -- --option` runs a script in the project's own environment; `python …` works "
    "once that is active (`source .venv/bin/activate`)."
)

_NOT_AS_NEEDED = (
    "the database is not what this script needs ({}): npm run db:check-schema says where it differs"
)
# By SQLSTATE: what PostgreSQL refuses because of how a database is, not because of what we did.
_ADVICE = {
    "42501": "this login may not do that ({}): use the database owner's login, or let the owner "
    "run npm run db:views, which gives the roles their rights",
    "42P01": _NOT_AS_NEEDED,  # a table or view
    "42703": _NOT_AS_NEEDED,  # a column
    "42883": _NOT_AS_NEEDED,  # a function, or an operator for these types
    "42804": _NOT_AS_NEEDED,  # a column of another type
    "42809": _NOT_AS_NEEDED,  # a table where a view should be
}


class Day(click.ParamType):
    """A calendar day, YYYY-MM-DD, in the site's own calendar."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Parse the day; a malformed one is a usage error."""
        if isinstance(value, date):
            return value
        try:
            day = datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007 (a calendar day)
        except ValueError:
            self.fail(f"'{value}' is not a day such as 2026-01-31", param, ctx)
        if not FIRST_DAY <= day <= LAST_DAY:
            self.fail(f"'{value}' is not a day from {FIRST_DAY} to {LAST_DAY}", param, ctx)
        return day


DAY = Day()


class _Terminated(BaseException):
    """SIGTERM arrived."""


def _on_sigterm(_signal: int, _frame: FrameType | None) -> None:
    raise _Terminated


class ArgoCommand(click.Command):
    """A click command whose failures are one line on stderr and the contract's exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the script and leave the process with its exit code."""
        kwargs.setdefault("standalone_mode", False)
        debug = "--debug" in (kwargs.get("args") or sys.argv[1:])
        signal.signal(signal.SIGTERM, _on_sigterm)
        exit_code = self._exit_code(debug, *args, **kwargs)
        if exit_code in (errors.EXIT_INTERRUPTED, errors.EXIT_TERMINATED):
            # Threads may still wait for an answer that nobody will use: do not wait for them.
            with suppress(BrokenPipeError):
                logging.shutdown()
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(exit_code)
        sys.exit(exit_code)

    def _exit_code(self, debug: bool, *args: Any, **kwargs: Any) -> int:
        try:
            return int(super().main(*args, **kwargs) or errors.EXIT_OK)
        except click.exceptions.Exit as done:
            return done.exit_code
        except click.ClickException as error:
            return _report(f"{error.format_message()} (see --help)", errors.EXIT_USAGE)
        except SettingsError as error:
            return _report(str(error), errors.EXIT_USAGE)
        except errors.ArgoError as error:
            if debug:
                logger.exception("%s", type(error).__name__)
            return _report(str(error), error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            return _report("interrupted; nothing was left half-written", errors.EXIT_INTERRUPTED)
        except _Terminated:
            return _report("terminated; nothing was left half-written", errors.EXIT_TERMINATED)
        except BrokenPipeError:
            # Whoever read our output went away; there is nobody to tell.
            return errors.EXIT_ERROR
        except Exception as error:  # the outermost frame: a line, not a traceback
            if debug:
                logger.exception("unexpected error")
            first_line = str(error).strip().split("\n")[0]
            # Asked by attribute: --help does without importing psycopg2.
            advice = _ADVICE.get(getattr(error, "pgcode", None) or "")
            if advice is not None:
                return _report(advice.format(first_line), errors.EXIT_USAGE)
            return _report(
                f"unexpected {type(error).__name__}: {first_line} (--debug shows where)",
                errors.EXIT_ERROR,
            )


def _report(message: str, exit_code: int) -> int:
    with suppress(BrokenPipeError):
        click.echo(f"error: {message}", err=True)
    return exit_code


def script(*, epilog: str) -> Callable[[Callable[..., int | None]], click.Command]:
    """Make a function a script with --quiet, --debug, --help and the contract's exit codes.

    `epilog` holds the examples, one per line; a line feed stays a line feed.
    """

    def decorate(function: Callable[..., int | None]) -> click.Command:
        @wraps(function)
        def run(*args: Any, quiet: bool, debug: bool, **kwargs: Any) -> int | None:
            configure_logging(quiet=quiet, debug=debug)
            return function(*args, **kwargs)

        command = click.command(
            cls=ArgoCommand,
            epilog=f"\b\n{epilog.strip()}\n\n{HOW_TO_RUN}\n\n{EXIT_CODES_HELP}",
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        )
        quiet = click.option("--quiet", is_flag=True, help="Only warnings and errors on stderr.")
        debug = click.option("--debug", is_flag=True, help="Log everything; show tracebacks.")
        return command(quiet(debug(run)))

    return decorate


def site_option(*, required: bool = False) -> Callable[[Any], Any]:
    """--site ID, default 23271 unless it must be named."""
    if required:
        return click.option("--site", required=True, metavar="ID", help="Site (organization) id.")
    return click.option(
        "--site", default="23271", show_default=True, metavar="ID", help="Site (organization) id."
    )


def period_options(default: str) -> Callable[[Any], Any]:
    """--start and --end, local days, both inclusive; `default` says what their absence means."""

    def decorate(function: Any) -> Any:
        end = click.option(
            "--end", type=DAY, help="Last day, inclusive, in the site's own calendar."
        )
        start = click.option(
            "--start",
            type=DAY,
            help=f"First day, in the site's own calendar.  [default: {default}]",
        )
        return start(end(function))

    return decorate


def is_given(name: str) -> bool:
    """True where the running script's option stands on its command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def progress_allowed() -> bool:
    """True where a progress bar belongs: stderr is a terminal, and not only warnings are wanted."""
    return sys.stderr.isatty() and logger.isEnabledFor(logging.INFO)
