"""Say what needs a person: new alerts, those that last, those that are over, each told once.

Reads   config/alerts_config.yaml; ingestion_logs, readings, data_gaps, validation_runs,
        reading_conflicts; the disk. Targets: ARGO_ALERT_URLS and the variables the config names
Writes  alert_events, alert_notices, alert_checks, alert_silences; messages by Apprise
Exits   0 done (whether anything is wrong or not), 2 usage, settings, a fault in the config (its
        line), 4 something could not be checked, or not be told (it is told by the next check),
        5 another check is at work

    python operations/check_alerts.py
"""

from __future__ import annotations

import getpass
import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

import click

from config.alert_terms import duration
from config.alerts import AlertsConfig, alerts_file, load_alerts
from config.settings import SettingsError
from lib.cli import script
from lib.clock import now
from lib.database import owner_connection, transaction
from lib.date_utils import local_midnight
from lib.errors import EXIT_OK, EXIT_PARTIAL, UsageError
from lib.lock import run_lock
from operations.alerts import book
from operations.alerts.backtest import RuleHistory, backtest
from operations.alerts.checking import Report, check
from operations.alerts.messages import summary_lines
from operations.alerts.state import Silence
from operations.alerts.targets import FALLBACK, Targets, load_targets, send

logger = logging.getLogger(__name__)

EXAMPLES = """
Examples:
  npm run py:operations:check-alerts
  python operations/check_alerts.py --dry-run
  python operations/check_alerts.py --test
  python operations/check_alerts.py --backtest 30
  python operations/check_alerts.py --silence stale_data --site 23271 --until 3d \\
      --reason "electrician at work" --by Ann
  python operations/check_alerts.py --silences
  python operations/check_alerts.py --unsilence 4
"""


def silence_end(text: str, at: datetime, timezone: str | None) -> datetime:
    """Until when: "3d", "6 h", a day (its end, on the site's clock) or an instant with an offset.

    Raises UsageError for anything else, and for an end that lies behind us.
    """
    plain = text.strip()
    try:
        until = at + duration(re.sub(r"(?<=\d)(?=[a-z])", " ", plain))
    except ValueError:
        until = _instant(plain, timezone)
    if until <= at:
        raise UsageError(f"--until {text}: that is over")
    return until


def _instant(text: str, timezone: str | None) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is not None and len(text) == len("2026-01-31"):
        day = instant.date()
        return local_midnight(day.fromordinal(day.toordinal() + 1), timezone or "UTC")
    if instant is None or instant.tzinfo is None:
        raise UsageError(
            f"--until {text}: write 6h, 3d, a day such as 2026-01-31, or 2026-01-31T18:00+01:00"
        )
    return instant.astimezone(UTC)


def add_silence(
    config: AlertsConfig, rule: str, site: str | None, reason: str | None, until: str, by: str
) -> None:
    """Book a silence. Raises UsageError for an unknown rule or site, and without a reason."""
    if rule != "all" and rule not in {one.name for one in config.alerts}:
        known = ", ".join(one.name for one in config.alerts)
        raise UsageError(f"there is no rule {rule}; there are: all, {known}")
    if not reason or not reason.strip():
        raise UsageError("--silence needs --reason: whoever reads it later wants to know why")
    with owner_connection() as connection, transaction(connection) as cursor:
        places = book.load_places(cursor)
        zone_name = places[site].timezone if site in places else None
        ends = silence_end(until, now(), zone_name)
        named = None if rule == "all" else rule
        number = book.add_silence(cursor, Silence(0, named, site, None, reason.strip(), by, ends))
    click.echo(f"silence {number}: {rule} at {site or 'every site'} until {ends:%Y-%m-%d %H:%M %Z}")


def show_silences() -> None:
    """The silences that hold."""
    with owner_connection() as connection, transaction(connection) as cursor:
        holding = [one for one in book.load_silences(cursor) if one.expires_at > now()]
    for one in holding:
        click.echo(
            f"{one.silence_id}  {one.rule or 'all'} at {one.site_id or 'every site'} until "
            f"{one.expires_at.astimezone(UTC):%Y-%m-%d %H:%M UTC} by {one.created_by}: {one.reason}"
        )


def end_silence(number: int) -> None:
    """Let a silence end."""
    with owner_connection() as connection, transaction(connection) as cursor:
        book.end_silence(cursor, number)
    click.echo(f"silence {number} is over; the next check tells what it hid")


def send_tests(targets: Targets) -> int:
    """Send a test message to each target. Raises SettingsError where there is none."""
    if not targets.all:
        raise SettingsError(
            f"{FALLBACK} is not set. Put a line {FALLBACK}=... into .env (see .env.example)"
        )
    failed = False
    for target in targets.all:
        body = "This is a test of Argo's alerts. Nothing is wrong, nothing has to be done.\n"
        error = send(target, "[Argo] test message", body, "info")
        click.echo(f"{target.name}: {f'not told: {error}' if error else 'told'}")
        failed |= error is not None
    return EXIT_PARTIAL if failed else EXIT_OK


def show_backtest(histories: list[RuleHistory], days: int) -> None:
    """A table: how often each rule would have fired."""
    click.echo(f"the last {days} days, looked at every hour, with today's rules")
    click.echo(f"{'rule':<20} {'severity':<9} {'alerts':>6} {'messages':>8} {'hours open':>10}")
    for one in histories:
        if one.was_judged:
            messages = sum(one.messages.values())
            counts = f"{one.alerts:>6} {messages:>8} {one.open_hours:>10.0f}"
        else:
            counts = "its past is not kept"
        click.echo(f"{one.rule:<20} {one.severity:<9} {counts}")


def run_backtest(config: AlertsConfig, days: int, *, as_json: bool) -> int:
    """Tell how often the rules would have fired; nothing is written."""
    with owner_connection() as connection:
        with transaction(connection) as cursor:
            places = book.load_places(cursor)
        histories = backtest(connection, config, places, now(), days)
    if as_json:
        click.echo(json.dumps([one.as_document() for one in histories], indent=2))
    else:
        show_backtest(histories, days)
    return EXIT_OK


def report_document(report: Report) -> dict[str, Any]:
    """What --json prints."""
    return {
        "open": [
            {
                "rule": event.key.rule,
                "siteId": event.key.site_id,
                "channelId": event.key.channel_id,
                "severity": event.severity,
                "state": event.state,
                "since": (event.since or event.first_seen_at).isoformat(),
                "detail": event.detail,
            }
            for event in report.events
            if event.is_open and not event.is_pending
        ],
        "told": [
            {"kind": one.kind, "rule": one.event.key.rule, "siteId": one.event.key.site_id,
             "channelId": one.event.key.channel_id, "detail": one.event.detail}
            for one in report.changes
        ],
        "notTold": [{"rule": one.event.key.rule, "siteId": one.event.key.site_id}
                    for one in report.untold],
        "couldNotCheck": sorted(report.unknown),
        "failedTargets": report.failed,
        "messages": [{"target": one.target, "title": one.title, "body": one.body}
                     for one in report.notices],
    }  # fmt: skip


def show_report(report: Report, *, dry_run: bool) -> None:
    """What is new, on stdout; in a dry run the messages as they would be sent."""
    if dry_run:
        for notice in report.notices:
            click.echo(f"to {notice.target}: {notice.title}\n\n{notice.body}")
    for line in summary_lines(report.places, [*report.changes, *report.untold]):
        click.echo(line)
    for one in report.silences:
        hidden = sum(event.state == "silenced" and event.silence_id == one.silence_id
                     for event in report.events)  # fmt: skip
        if hidden:
            until = f"{one.expires_at.astimezone(UTC):%Y-%m-%d %H:%M UTC}"
            click.echo(f"silenced  {hidden} until {until} by {one.created_by}: {one.reason}")


def log_report(report: Report, *, dry_run: bool) -> None:
    """What the check did, and whom it could not tell."""
    standing = sum(event.is_open and not event.is_pending for event in report.events)
    sent = f"{len(report.notices)} messages would be sent" if dry_run else (
        f"{report.sent} messages sent"
    )  # fmt: skip
    logger.info("%d alerts open, %s", standing, sent)
    if report.untold:
        logger.error(
            "%d alerts have nobody to be told to: put a line %s=... into .env (see .env.example)",
            len(report.untold), FALLBACK,
        )  # fmt: skip


@script(epilog=EXAMPLES)
@click.option("--dry-run", is_flag=True, help="Show what would be sent; write and send nothing.")
@click.option("--test", "is_test", is_flag=True, help="Send a test message to each target.")
@click.option("--backtest", "backtest_days", type=click.IntRange(1, 365), metavar="DAYS",
              help="How often each rule would have fired in the last days.")  # fmt: skip
@click.option("--silence", metavar="RULE", help="Do not tell of a rule (all = of every rule).")
@click.option("--site", metavar="ID", help="With --silence: of this site only.")
@click.option("--reason", help="With --silence: why.")
@click.option("--until", default="1d", show_default=True,
              help="With --silence: 6h, 3d, a day (its end) or an instant.")  # fmt: skip
@click.option("--by", metavar="NAME", help="With --silence: who.  [default: your login]")
@click.option("--silences", is_flag=True, help="Show the silences that hold.")
@click.option("--unsilence", type=int, metavar="NUMBER", help="Let a silence end now.")
@click.option("--json", "as_json", is_flag=True, help="Print the check or backtest as JSON.")
def main(
    dry_run: bool,
    is_test: bool,
    backtest_days: int | None,
    silence: str | None,
    site: str | None,
    reason: str | None,
    until: str,
    by: str | None,
    silences: bool,
    unsilence: int | None,
    as_json: bool,
) -> int:
    """Check every rule of config/alerts_config.yaml, and tell what has to be told."""
    config = load_alerts(alerts_file())
    targets = load_targets(config)
    chosen = [is_test, backtest_days is not None, silence is not None, silences,
              unsilence is not None, dry_run]  # fmt: skip
    if sum(chosen) > 1:
        raise UsageError("only one of --dry-run, --test, --backtest, --silence, --silences and "
                         "--unsilence")  # fmt: skip
    if silence is None and (site or reason or by):
        raise UsageError("--site, --reason and --by belong to --silence")
    if is_test:
        return send_tests(targets)
    if backtest_days is not None:
        return run_backtest(config, backtest_days, as_json=as_json)
    if silence is not None:
        add_silence(config, silence, site, reason, until, by or getpass.getuser())
        return EXIT_OK
    if silences:
        show_silences()
        return EXIT_OK
    if unsilence is not None:
        end_silence(unsilence)
        return EXIT_OK
    with run_lock("alerts"), owner_connection() as connection:
        report = check(connection, config, targets, now(), dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(report_document(report), indent=2))
    elif logger.isEnabledFor(logging.INFO) or dry_run:
        show_report(report, dry_run=dry_run)
    log_report(report, dry_run=dry_run)
    return EXIT_OK if report.told_all else EXIT_PARTIAL


if __name__ == "__main__":
    main()
