"""Install, show or remove Argo's jobs in a crontab; started by operations/setup_cron.sh.

Reads   the crontab of the user
Writes  a marked block of it, and nothing else there
Exits   0 done, 1 the crontab could not be read or written, 2 usage, or no cron on this machine
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, time
from pathlib import Path

import click
from dotenv import dotenv_values

from config.settings import PROJECT_ROOT, Settings, get_settings
from lib.cli import is_given, script, site_option
from lib.errors import EXIT_OK, ArgoError, UsageError
from operations.cron.block import SCHEDULES, Plan, block, with_block, without_block

# These tell where other settings and files are, or stand for a whole file: the jobs get them.
CARRIED = ("ARGO_ENV_FILE", "ARGO_DATA_DIR", "ARGO_OUTPUT_DIR", "ARGO_SITES_FILE")

EXAMPLES = """
Examples:
  npm run py:setup-cron                       # shows the jobs and asks
  npm run py:setup-cron -- --all-sites --every hourly --yes
  npm run py:setup-cron -- --print            # for a crontab that something else manages
  npm run py:setup-cron -- --remove
"""


class ClockTime(click.ParamType):
    """A time of day, HH:MM, on this machine's clock."""

    name = "HH:MM"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> time:
        """Parse the time; a malformed one is a usage error."""
        if isinstance(value, time):
            return value
        try:
            return datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007 (a time of day)
        except ValueError:
            self.fail(f"'{value}' is not a time of day such as 06:00", param, ctx)


class Crontab:
    """The crontab of one user, by the crontab program."""

    def __init__(self, user: str | None) -> None:
        program = shutil.which("crontab", path=f"{os.environ.get('PATH', '')}:/usr/bin")
        if program is None:
            raise UsageError(
                "crontab is not on this machine: install cron (Debian, Ubuntu: apt install cron), "
                "or give what --print shows to the scheduler that is there"
            )
        self.command = [program, *(("-u", user) if user else ())]
        self.owner = user or "this user"

    def read(self) -> str:
        """The whole crontab; empty where the user has none. Raises ArgoError."""
        done = self._run("-l")
        if done.returncode == 0:
            return done.stdout
        # Only this may be taken for an empty one: anything else would overwrite somebody's jobs.
        said = done.stderr.lower()
        if "no crontab for" in said or "no such file" in said:
            return ""
        raise ArgoError(f"crontab -l failed: {done.stderr.strip() or done.returncode}")

    def write(self, content: str) -> None:
        """Replace the crontab; an empty one is taken away. Raises ArgoError."""
        done = self._run("-", content=content) if content else self._run("-r")
        if done.returncode != 0:
            raise ArgoError(f"crontab refused the new table: {done.stderr.strip()}")

    def _run(self, *args: str, content: str | None = None) -> subprocess.CompletedProcess[str]:
        stream = {"stdin": subprocess.DEVNULL} if content is None else {"input": content}
        return subprocess.run(
            [*self.command, *args],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
            **stream,
        )


def carried_settings() -> tuple[tuple[str, str], ...]:
    """Settings of this shell that say where things are; paths made absolute."""
    found = []
    for name in CARRIED:
        value = os.environ.get(name)
        if value is not None:
            found.append((name, str(Path(value).expanduser().absolute()) if value else ""))
    return tuple(found)


def shell_only_settings() -> list[str]:
    """Settings of this shell that the jobs will not have; their values stay out of a crontab."""
    named = os.environ.get("ARGO_ENV_FILE", str(PROJECT_ROOT / ".env"))
    in_file = set(dotenv_values(named)) if named and Path(named).is_file() else set()
    known = {name.upper() for name in Settings.model_fields}
    known |= {f"VITE_{name}" for name in known if name.startswith("ENISCOPE_")}
    here = {name for name in known if os.environ.get(name)}
    return sorted(here - in_file - set(CARRIED))


def machine_zone() -> str:
    """The zone of this machine's clock, for people: cron knows no other."""
    here = datetime.now().astimezone()
    with suppress(OSError):
        target = Path("/etc/localtime").resolve(strict=True)
        if "zoneinfo" in target.parts:
            name = "/".join(target.parts[target.parts.index("zoneinfo") + 1 :])
            return f"{name}, now {here:%H:%M}"
    return f"{here.tzname()}, now {here:%H:%M}"


def cron_is_running() -> bool | None:
    """True where a cron daemon runs; None where this system does not tell."""
    processes = list(Path("/proc").glob("[0-9]*/comm"))
    if not processes:
        return None
    names = set()
    for path in processes:
        with suppress(OSError):
            names.add(path.read_text().strip())
    return bool(names & {"cron", "crond", "fcron", "busybox"})


def install(crontab: Crontab, plan: Plan, *, yes: bool) -> None:
    """Show the jobs, ask, and put them in; the same jobs a second time change nothing."""
    before = crontab.read()
    new_block = block(plan, machine_zone().split(",")[0])
    after = with_block(before, new_block, plan)
    if after == before:
        click.echo("the jobs are in the crontab already; nothing was changed", err=True)
    else:
        if not yes:
            click.echo(new_block)
        if not yes and not agreed(f"Put these jobs into the crontab of {crontab.owner}?"):
            click.echo("nothing was changed", err=True)
            return
        crontab.write(after)
        click.echo("the jobs are in the crontab (crontab -l shows them)", err=True)
    when = f"{plan.at:%H:%M}" if plan.every == "daily" else plan.every
    click.echo(f"sync {when}, by this machine's clock ({machine_zone()})", err=True)
    missing = shell_only_settings()
    if missing:
        click.echo(
            f"warning: set in this shell and not in .env, so the jobs will not have it: "
            f"{', '.join(missing)}",
            err=True,
        )
    if cron_is_running() is False:
        click.echo("warning: no cron daemon runs on this machine: nothing will start", err=True)


def remove(crontab: Crontab, plan: Plan) -> None:
    """Take the jobs out; whatever else the crontab holds stays."""
    before = crontab.read()
    after = without_block(before, plan)
    if after == before:
        click.echo("the jobs are not in the crontab; nothing was changed", err=True)
        return
    crontab.write(after)
    click.echo("the jobs are out of the crontab", err=True)


def agreed(question: str) -> bool:
    """What a person answers. Raises UsageError where nobody is there."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        raise UsageError("nobody answered: --yes does it without asking") from None


@script(epilog=EXAMPLES)
@site_option()
@click.option("--all-sites", is_flag=True, help="Sync every active site instead of --site.")
@click.option(
    "--every", type=click.Choice(SCHEDULES), default="daily", show_default=True, help="The sync."
)
@click.option(
    "--at", type=ClockTime(), default="06:00", show_default=True, help="Of a daily or hourly sync."
)
@click.option("--user", metavar="NAME", help="The crontab of another user; only root may.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--print", "only_print", is_flag=True, help="Print the block; change nothing.")
@click.option("--remove", "removes", is_flag=True, help="Take the jobs out again.")
@click.option("--root", hidden=True, default=str(PROJECT_ROOT))
def main(
    site: str,
    all_sites: bool,
    every: str,
    at: time,
    user: str | None,
    yes: bool,
    only_print: bool,
    removes: bool,
    root: str,
) -> int:
    """Put the daily job, health, quality and alerts into the crontab."""
    if all_sites and is_given("site"):
        raise UsageError("--site and --all-sites are two different things: give one of them")
    get_settings()
    sites = ("--all-sites",) if all_sites else ("--site", site)
    folder = str(Path(sys.executable).parent)
    plan = Plan(root, folder, sites, every, at, carried_settings())
    if only_print:
        click.echo(block(plan, machine_zone().split(",")[0]), nl=False)
    elif removes:
        remove(Crontab(user), plan)
    else:
        install(Crontab(user), plan, yes=yes)
    return EXIT_OK


if __name__ == "__main__":
    main()
