"""How often each rule would have fired: the same rules and state, hour by hour over past days."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from config.alerts import AlertsConfig
from lib.database import Connection
from lib.date_utils import local_day
from operations.alerts.book import Place
from operations.alerts.conditions import FINDING_MEASURES, Found, check_rule
from operations.alerts.findings import judge_day
from operations.alerts.state import Event, Key, Now, step

STEP = timedelta(hours=1)
# What no book remembers.
NOT_KEPT = frozenset({"sql", "disk_free", "database_size"})


@dataclass(frozen=True)
class RuleHistory:
    """What a rule would have done: alerts, messages by kind, hours with an alert open.

    `was_judged` is False for a rule whose past is not kept anywhere.
    """

    rule: str
    severity: str
    was_judged: bool
    alerts: int
    messages: dict[str, int]
    open_hours: float

    def as_document(self) -> dict[str, Any]:
        """For --json."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "judged": self.was_judged,
            "alerts": self.alerts,
            "messages": self.messages,
            "openHours": self.open_hours,
        }


def backtest(
    connection: Connection,
    config: AlertsConfig,
    places: dict[str | None, Place],
    now: datetime,
    days: int,
) -> list[RuleHistory]:
    """Run the rules over the last days, as the data was known at each hour; nothing is written."""
    events: dict[Key, Event] = {}
    ended: list[tuple[datetime, Key]] = []
    fired: Counter[str] = Counter()
    hours: Counter[str] = Counter()
    told: dict[str, Counter[str]] = defaultdict(Counter)
    costly = _findings(connection, config, places.values(), now, days)
    zones = {site: one.zone for site, one in places.items() if site and one.zone}
    instant = now - timedelta(days=days)
    while instant <= now:
        found = _found(connection, config, instant) + _known(costly, places, instant)
        recent = [key for at, key in ended if at > instant - config.flapping.within]
        at = Now(instant, config, found, (), lambda _rule, _event: True, zones)
        outcome = step(list(events.values()), recent, at)
        ended += [(instant, event.key) for event in outcome.events if not event.is_open
                  and event.resolved_at == instant]  # fmt: skip
        events = {
            event.key: event for event in outcome.events if event.is_open or not event.end_told_at
        }
        for change in outcome.changes:
            told[change.event.key.rule][change.kind] += 1
            fired[change.event.key.rule] += change.kind == "first"
        standing = {event.key.rule for event in events.values()
                    if event.is_open and not event.is_pending}  # fmt: skip
        hours.update(standing)
        instant += STEP
    return [
        RuleHistory(
            rule.name,
            rule.severity,
            rule.measure not in NOT_KEPT,
            fired[rule.name],
            dict(told[rule.name]),
            hours[rule.name] * STEP / timedelta(hours=1),
        )
        for rule in config.rules.values()
    ]


def _found(connection: Connection, config: AlertsConfig, instant: datetime) -> list[Found]:
    rules = [
        rule
        for rule in config.rules.values()
        if rule.measure not in NOT_KEPT and rule.measure not in FINDING_MEASURES
    ]
    return [one for rule in rules for one in check_rule(connection, rule, config, instant,
                                                         as_of=True)]  # fmt: skip


def _findings(
    connection: Connection,
    config: AlertsConfig,
    places: Iterable[Place],
    now: datetime,
    days: int,
) -> dict[tuple[str, Any], list[Found]]:
    """What the analysis finds of each site and day, with the readings of today."""
    rules = [rule for rule in config.rules.values() if rule.measure in FINDING_MEASURES]
    found = {}
    for place in places:
        mine = [rule for rule in rules if rule.covers(place.site_id)]
        if place.site_id is None or place.timezone is None or not mine:
            continue
        for back in range(1, days + 1):
            day = local_day(now, place.timezone) - timedelta(days=back)
            found[place.site_id, day] = judge_day(
                connection, mine, place.site_id, day, place.timezone, now
            )
    return found


def _known(
    costly: dict[tuple[str, Any], list[Found]],
    places: dict[str | None, Place],
    instant: datetime,
) -> list[Found]:
    """Findings of the day before, as at each instant they would have stood in the book."""
    return [
        one
        for site_id, place in places.items()
        if site_id and place.timezone
        for one in costly.get((site_id, local_day(instant, place.timezone) - timedelta(days=1)), [])
    ]
