"""One check: what is wrong, what is new of it, and telling it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from config.alerts import AlertRule, AlertsConfig
from lib.database import (
    Connection,
    Cursor,
    owner_server,
    reader_connection,
    reader_server,
    transaction,
)
from operations.alerts import book
from operations.alerts.book import Notice, Place
from operations.alerts.conditions import (
    FINDING_MEASURES,
    CannotCheck,
    Found,
    check_rule,
)
from operations.alerts.findings import found_by_rules
from operations.alerts.messages import compose
from operations.alerts.state import Change, Event, Now, Outcome, Silence, step
from operations.alerts.targets import Targets, send

logger = logging.getLogger(__name__)


class Sight(NamedTuple):
    """What the rules found; `unknown` are those that could not be checked."""

    found: list[Found]
    unknown: frozenset[str]


@dataclass
class Report:
    """What a check did. `failed` are targets that could not be reached, with the reason."""

    places: dict[str | None, Place]
    events: list[Event]
    changes: list[Change]
    untold: list[Change]
    unknown: frozenset[str]
    silences: list[Silence]
    notices: list[Notice]
    sent: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def told_all(self) -> bool:
        """False where something could not be checked, or not be told to somebody."""
        return not (self.unknown or self.untold or self.failed)


def look(
    connection: Connection,
    config: AlertsConfig,
    places: dict[str | None, Place],
    now: datetime,
    *,
    keep: bool,
) -> Sight:
    """Evaluate every rule; one that cannot be costs no other."""
    found: list[Found] = []
    unknown: set[str] = set()
    rules = config.rules.values()
    with ExitStack() as stack:
        reader: Connection | None = None
        for rule in rules:
            if rule.measure in FINDING_MEASURES:
                continue
            try:
                if rule.measure == "sql" and reader is None:
                    reader = _reader(stack, rule)
                chosen = reader if rule.measure == "sql" and reader else connection
                found += check_rule(chosen, rule, config, now)
            except CannotCheck as error:
                logger.error("%s", error)
                unknown.add(rule.name)
    costly = [rule for rule in rules if rule.measure in FINDING_MEASURES]
    found += found_by_rules(connection, costly, places.values(), now, keep=keep)
    return Sight(found, frozenset(unknown))


def _reader(stack: ExitStack, rule: AlertRule) -> Connection:
    """A connection as argo_reader. Raises CannotCheck where no login of it is known."""
    if reader_server(owner_server()) is None:
        raise CannotCheck(
            f"rule {rule.name}: its sql runs as the role argo_reader only: set ARGO_READER_URL"
        )
    return stack.enter_context(reader_connection())


def check(
    connection: Connection,
    config: AlertsConfig,
    targets: Targets,
    now: datetime,
    *,
    dry_run: bool,
) -> Report:
    """Look, decide what is to be told, book it, and send what is in the book."""
    with transaction(connection) as cursor:
        places = book.load_places(cursor)
    sight = look(connection, config, places, now, keep=not dry_run)
    with transaction(connection) as cursor:
        report = decide(cursor, config, targets, places, sight, now, dry_run=dry_run)
    if not dry_run:
        deliver(connection, targets, report, now)
    return report


def decide(
    cursor: Cursor,
    config: AlertsConfig,
    targets: Targets,
    places: dict[str | None, Place],
    sight: Sight,
    now: datetime,
    *,
    dry_run: bool,
) -> Report:
    """The state of every alert and the messages about it; in the book unless it is a dry run."""

    def whom(rule: AlertRule, event: Event) -> bool:
        escalated = event.escalated_at is not None
        return bool(targets.of_rule(rule, event.severity, escalated=escalated))

    silences = book.load_silences(cursor)
    at = Now(
        now, config, sight.found, silences, whom,
        {site: one.zone for site, one in places.items() if site and one.zone}, sight.unknown,
    )  # fmt: skip
    recent = book.load_recent(cursor, now - config.flapping.within)
    outcome = step(book.load_events(cursor), recent, at)
    if not dry_run:
        outcome = _saved(cursor, outcome)
    notices = plan_notices(outcome.changes, config, targets, places, silences)
    if not dry_run:
        book.add_notices(cursor, notices)
    return Report(
        places, outcome.events, outcome.changes, outcome.untold, sight.unknown, silences, notices
    )


def _saved(cursor: Cursor, outcome: Outcome) -> Outcome:
    # Ended ones first: a new alert of the same key may stand beside only once they are.
    ordered = sorted(outcome.events, key=lambda event: event.is_open)
    saved = book.save_events(cursor, ordered, outcome.dropped)
    changes = [replace(one, event=saved[one.event.key]) if one.event.event_id is None else one
               for one in outcome.changes]  # fmt: skip
    return replace(outcome, changes=changes)


def plan_notices(
    changes: Sequence[Change],
    config: AlertsConfig,
    targets: Targets,
    places: dict[str | None, Place],
    silences: Sequence[Silence],
) -> list[Notice]:
    """One message for each place and target, about all that changed there and concerns it."""
    grouped: dict[tuple[str | None, str], list[Change]] = defaultdict(list)
    for change in changes:
        event = change.event
        rule = config.rules[event.key.rule]
        escalated = event.escalated_at is not None
        for target in targets.of_rule(rule, event.severity, escalated=escalated):
            grouped[event.key.site_id, target.name].append(change)
    notices = []
    for (site_id, target_name), concerned in grouped.items():
        place = places.get(site_id) or Place(site_id, f"site {site_id}", None)
        text = compose(place, concerned, config, silences)
        ids = tuple(one.event.event_id for one in concerned if one.event.event_id is not None)
        notices.append(Notice(None, site_id, target_name, *text, ids))
    return notices


def deliver(connection: Connection, targets: Targets, report: Report, now: datetime) -> None:
    """Send what is in the book; what a target does not take stays there for the next check."""
    with transaction(connection) as cursor:
        unsent = book.unsent_notices(cursor, now)
    for notice in unsent:
        target = targets.named(notice.target)
        if notice.target in report.failed:
            continue  # it has just refused another one
        if target is None:
            error: str | None = "it is not set any more"
        else:
            error = send(target, notice.title, notice.body, notice.severity)
        with transaction(connection) as cursor:
            book.mark_tried(cursor, notice, now, error)
        if error is None:
            report.sent += 1
        else:
            report.failed[notice.target] = error
            logger.error("target %s was not told: %s; it is tried again by the next check",
                         notice.target, error)  # fmt: skip
