"""Send the reports that are due by e-mail: to each recipient once, corrections where asked for.

Reads   config/sites.yaml (recipients), the database through deliver and govern, the SMTP settings
Writes  report_deliveries (what was sent to whom, with its figures); mails
Exits   0 everything is sent, 2 usage, settings, a login that is wrong, 3 validation blocks a report
        (the others are sent), 4 a mail was refused or not taken (the others are sent), 5 another
        run is sending

    python operations/send_report.py --site 23271 --dry-run
"""

from __future__ import annotations

import json
import logging
from contextlib import nullcontext
from datetime import date
from typing import Any

import click

from config.recipients import REPORT_KINDS, ReportKind
from config.settings import SettingsError, get_settings
from config.sites import site_config, sites_file
from lib import clock
from lib.cli import period_options, script, site_option
from lib.database import Connection, fetch_all, owner_connection
from lib.date_utils import Period, chosen_week, last_complete_week, local_day
from lib.errors import EXIT_BLOCKED, EXIT_OK, EXIT_PARTIAL, UsageError
from lib.lock import run_lock
from operations.list_active_sites import active_site_ids
from operations.sending.figures import move_text
from operations.sending.postman import Postman
from operations.sending.run import Line, Sender, Site, Unsure, amend_since
from operations.sync.steps import delivery_month

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:operations:send -- --all-sites              # all that is due and not sent yet
  npm run py:operations:send -- --site 23271 --dry-run   # what would go to whom
  npm run py:operations:send -- --site 23271 --report weekly --start 2026-11-09 --end 2026-11-15
  npm run py:operations:send -- --site 23271 --amend     # what moved since it was sent
"""


def load_site(connection: Connection, site_id: str) -> Site:
    """A site with its recipients. Raises UsageError for one that is not in the database."""
    rows = fetch_all(
        connection, "SELECT timezone FROM v_sites WHERE site_id = %s", (site_id,)
    )  # fmt: skip
    if not rows:
        raise UsageError(f"there is no site {site_id} in the database (npm run py:sites)")
    recipients = site_config(site_id).recipients
    return Site(site_id, rows[0]["timezone"], {kind: recipients.of(kind) for kind in REPORT_KINDS})


def wanted_kinds(site: Site, asked: tuple[ReportKind, ...]) -> list[ReportKind]:
    """The kinds that were asked for, else all; of them those that somebody gets."""
    return [kind for kind in asked or REPORT_KINDS if site.recipients[kind]]


def due_period(kind: ReportKind, site: Site, start: date | None, end: date | None) -> Period:
    """The days that were asked for, else the last complete month or week of the site."""
    now = clock.now()
    if kind == "customer" and start is None and end is None:
        return delivery_month(now, site.timezone)
    return chosen_week(start, end, last_complete_week(now, site.timezone))


def exit_code(lines: list[Line]) -> int:
    """4 when a mail did not go, else 3 when a report was blocked, else 0."""
    results = {line.result for line in lines}
    if results & {"refused", "failed", "unsure"}:
        return EXIT_PARTIAL
    return EXIT_BLOCKED if "blocked" in results else EXIT_OK


def line_document(line: Line) -> dict[str, Any]:
    """What --json prints of a mail."""
    return {
        "siteId": line.site_id,
        "report": line.report,
        "start": line.period.first_day.isoformat(),
        "end": line.period.last_day.isoformat(),
        "recipient": line.recipient or None,
        "amendment": line.amendment,
        "result": line.result,
        "detail": line.detail,
        "changes": [move.as_document() for move in line.moves],
    }


def show(lines: list[Line], *, amend: bool) -> None:
    """One line for each mail; of a correction what moved."""
    for line in lines:
        if amend and line.result == "sent before":
            continue
        what = f"correction {line.amendment} of " if line.amendment else ""
        click.echo(
            f"{line.result:<11}  site {line.site_id}  {what}{line.report} "
            f"{line.period.first_day}..{line.period.last_day}  {line.recipient or line.detail}"
        )
        for move in line.moves:
            click.echo(f"             {move.label}: {move_text(move)}")
    if amend and not any(line.moves for line in lines):
        click.echo("no figure that was sent has moved")


@script(epilog=EXAMPLES)
@site_option()
@click.option("--all-sites", is_flag=True, help="Every active site; --site is not used.")
@click.option(
    "--report",
    "asked",
    type=click.Choice(REPORT_KINDS),
    multiple=True,
    help="Only this kind; may be given again.  [default: all that have recipients]",
)
@period_options("the last complete week, of the customer report the last complete month")
@click.option("--amend", is_flag=True, help="Send corrections of sent reports whose figures moved.")
@click.option(
    "--unsure",
    type=click.Choice(("sent", "again")),
    help="Mails that a run was cut off in: they arrived, or send them again.",
)
@click.option(
    "--dry-run", is_flag=True, help="Make the reports, say who would get them; send none."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def main(
    site: str,
    all_sites: bool,
    asked: tuple[ReportKind, ...],
    start: date | None,
    end: date | None,
    amend: bool,
    unsure: Unsure | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Send the weekly, customer and quality reports that are due, once to each recipient."""
    if (start or end) and (amend or len(asked) != 1):
        raise UsageError("--start and --end go with exactly one --report, and not with --amend")
    ids = active_site_ids() if all_sites else [site]
    lock = nullcontext() if dry_run else run_lock("send reports")
    with lock, owner_connection() as connection:
        sites = [load_site(connection, site_id) for site_id in ids]
        if not any(wanted_kinds(one, asked) for one in sites):
            if not all_sites:
                raise SettingsError(nobody(ids, asked))
            # A scheduled run on a machine where nobody is to be told anything has nothing to do.
            logger.info(nobody(ids, asked))
            return EXIT_OK
        lines = send_all(connection, sites, asked, (start, end), amend, unsure, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps([line_document(line) for line in lines], indent=2))
    elif dry_run or logger.isEnabledFor(logging.INFO):
        show(lines, amend=amend)
    return exit_code(lines)


def nobody(site_ids: list[str], asked: tuple[ReportKind, ...]) -> str:
    """The line that says where recipients go."""
    which = f"site {site_ids[0]}" if len(site_ids) == 1 else "any active site"
    return (
        f"{sites_file()}: nobody gets {' or '.join(asked) or 'a report'} of {which}: add a line "
        f"recipients: {{{(asked or ('weekly',))[0]}: [ann@example.com]}}"
    )


def send_all(
    connection: Connection,
    sites: list[Site],
    asked: tuple[ReportKind, ...],
    days: tuple[date | None, date | None],
    amend: bool,
    unsure: Unsure | None,
    *,
    dry_run: bool,
) -> list[Line]:
    """Send what is due of all sites, or their corrections."""
    with nullcontext() if dry_run else Postman(get_settings()) as postman:
        sender = Sender(connection, postman, unsure)
        for one in sites:
            kinds = wanted_kinds(one, asked)
            if amend:
                sender.amend(one, kinds, amend_since(local_day(clock.now(), one.timezone)))
                continue
            for kind in kinds:
                sender.send(one, kind, due_period(kind, one, *days))
    return sender.lines


if __name__ == "__main__":
    main()
