"""What is to be told now: a pure step from the alerts of before and what is wrong now.

An alert is told once, again by its rule's interval, to further people when it lasts, and at its
end. A silence or quiet hours hold messages back, flapping damps them; nothing is forgotten:
what a silence hid is told when it is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from config.alerts import AlertRule, AlertsConfig
from operations.alerts.conditions import Found

State = Literal["open", "notified", "silenced", "resolved"]
# first: new. unsilenced: still there after a silence. hidden: came and went under one.
Kind = Literal["first", "repeat", "escalated", "unsilenced", "resolved", "hidden"]


class Key(NamedTuple):
    """What makes two sights of a fault the same fault."""

    rule: str
    site_id: str | None
    channel_id: int | None
    subject: str


@dataclass(frozen=True)
class Event:
    """One alert, as in alert_events; `event_id` is None until it is stored."""

    key: Key
    severity: str
    state: State
    detail: str
    first_seen_at: datetime
    last_seen_at: datetime
    event_id: int | None = None
    since: datetime | None = None
    is_pending: bool = False
    is_flapping: bool = False
    cleared_at: datetime | None = None
    told_at: datetime | None = None
    escalated_at: datetime | None = None
    notified_at: datetime | None = None
    resolved_at: datetime | None = None
    end_told_at: datetime | None = None
    silence_id: int | None = None

    @property
    def is_open(self) -> bool:
        """True until its end."""
        return self.state != "resolved"


@dataclass(frozen=True)
class Silence:
    """What a person asked not to be told of; None means every rule, site or channel."""

    silence_id: int
    rule: str | None
    site_id: str | None
    channel_id: int | None
    reason: str
    created_by: str
    expires_at: datetime

    def hides(self, key: Key, now: datetime) -> bool:
        """True while it holds and the alert is one of those it is about."""
        return (
            now < self.expires_at
            and self.rule in (None, key.rule)
            and self.site_id in (None, key.site_id)
            and self.channel_id in (None, key.channel_id)
        )


@dataclass(frozen=True)
class Change:
    """An alert that has to be told of, and why."""

    kind: Kind
    event: Event


@dataclass(frozen=True)
class Now:
    """What the step is about.

    `unknown` are rules that could not be checked: what they said before stands. `can_tell` says
    whether an alert has any target; `zones` are the sites' own clocks.
    """

    instant: datetime
    config: AlertsConfig
    found: Sequence[Found]
    silences: Sequence[Silence]
    can_tell: Callable[[AlertRule, Event], bool]
    zones: Mapping[str, ZoneInfo]
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Outcome:
    """What to store, what to forget, what to tell, and what should be told and cannot be."""

    events: list[Event]
    dropped: list[Event]
    changes: list[Change]
    untold: list[Change]


def step(before: Sequence[Event], recent: Sequence[Key], at: Now) -> Outcome:
    """One check: every alert brought up to date, and what has to be told of it.

    Parameters
    ----------
    before : the alerts that are open, and those whose end was not told yet.
    recent : keys of alerts that ended within the flapping window, one entry for each.
    """
    found = {_key(one): one for one in at.found if one.rule in at.config.rules}
    open_before = {event.key: event for event in before if event.is_open}
    is_held = _holding(found, at)
    times = Counter(recent)
    seen = [_seen(open_before.get(key), key, one, times[key], at) for key, one in found.items()
            if key in open_before or not is_held(key)]  # fmt: skip
    unseen = [
        event if _stands(event, at) or is_held(event.key) else _cleared(event, at)
        for key, event in open_before.items()
        if key not in found
    ]
    ended = [event for event in before if not event.is_open]
    outcome = Outcome([], [], [], [])
    for event in (*seen, *(one for one in unseen if one is not None), *ended):
        _tell(event, at, outcome)
    # Pending ones that went away in time were no alerts.
    kept = {event.key for event in outcome.events if event.is_open}
    outcome.dropped.extend(
        event for key, event in open_before.items() if event.is_pending and key not in kept
    )
    return outcome


def _key(found: Found) -> Key:
    return Key(found.rule, found.site_id, found.channel_id, found.subject)


def _holding(found: Mapping[Key, Found], at: Now) -> Callable[[Key], bool]:
    """Of a rule that stands back while another one finds something at the same site."""
    finding = {(key.rule, key.site_id) for key in found}

    def is_held(key: Key) -> bool:
        rule = at.config.rules.get(key.rule)
        others = rule.unless if rule else ()
        return any((other, site) in finding for other in others for site in (key.site_id, None))

    return is_held


def _stands(event: Event, at: Now) -> bool:
    """True where nobody could look."""
    return event.key.rule in at.unknown


def _seen(event: Event | None, key: Key, found: Found, ends: int, at: Now) -> Event:
    rule, now = at.config.rules[key.rule], at.instant
    if event is None:
        flapping = at.config.flapping
        event = Event(
            key, rule.severity, "open", found.detail, now, now,
            is_pending=True, is_flapping=ends + 1 >= flapping.times,
        )  # fmt: skip
    severity = event.severity if event.escalated_at else rule.severity
    is_pending = event.is_pending and now - event.first_seen_at < rule.for_
    return replace(
        event, severity=severity, detail=found.detail, since=found.since, last_seen_at=now,
        cleared_at=None, is_pending=is_pending,
    )  # fmt: skip


def _cleared(event: Event, at: Now) -> Event | None:
    """An alert that is not seen any more; None for one that never was one."""
    if event.is_pending:
        return None
    now = at.instant
    cleared_at = event.cleared_at or now
    calm = at.config.flapping.calm if event.is_flapping else timedelta(0)
    if now - cleared_at < calm:
        return replace(event, cleared_at=cleared_at)
    return replace(event, cleared_at=cleared_at, state="resolved", resolved_at=now)


def _tell(event: Event, at: Now, outcome: Outcome) -> None:
    """Put the event into the outcome, with what is to be told of it."""
    rule = at.config.rules.get(event.key.rule)
    if event.is_pending:
        outcome.events.append(event)
        return
    hidden_by = next((one for one in at.silences if one.hides(event.key, at.instant)), None)
    if hidden_by is not None:
        state: State = "silenced" if event.is_open else "resolved"
        outcome.events.append(replace(event, state=state, silence_id=hidden_by.silence_id))
        return
    kind = _kind(event, rule, at.instant) if rule else None
    if rule is None or kind is None:
        outcome.events.append(_without_news(event, at.instant))
    elif _is_quiet(event, rule, at):
        outcome.events.append(event)
    else:
        told = _told(event, rule, kind, at.instant)
        if at.can_tell(rule, told):
            outcome.events.append(told)
            outcome.changes.append(Change(kind, told))
        else:
            outcome.events.append(event)
            outcome.untold.append(Change(kind, event))


def _kind(event: Event, rule: AlertRule, now: datetime) -> Kind | None:
    """Why the event is to be told of now; None where it is not."""
    was_hidden = event.silence_id is not None
    if not event.is_open:
        if event.told_at is None:
            return "hidden" if was_hidden else None
        return "resolved" if rule.tell_resolved or was_hidden else None
    if event.state == "silenced":
        return "unsilenced"
    if event.told_at is None:
        return "first"
    if event.cleared_at is not None:
        return None  # on trial: it is not there now
    escalate = rule.escalate
    if escalate and not event.escalated_at and now - event.first_seen_at >= escalate.after:
        return "escalated"
    if rule.repeat and now - event.told_at >= rule.repeat:
        return "repeat"
    return None


def _told(event: Event, rule: AlertRule, kind: Kind, now: datetime) -> Event:
    if not event.is_open:
        return replace(event, end_told_at=now)
    told = replace(_not_silenced(event), told_at=now)
    if kind == "escalated" and rule.escalate:
        severity = rule.escalate.severity or event.severity
        told = replace(told, escalated_at=now, severity=severity)
    return told


def _not_silenced(event: Event) -> Event:
    if event.state != "silenced":
        return event
    return replace(event, state="notified" if event.notified_at else "open")


def _without_news(event: Event, now: datetime) -> Event:
    """Nothing to tell: of an end that nobody has to hear of, that is all."""
    return event if event.is_open else replace(event, end_told_at=now)


def _is_quiet(event: Event, rule: AlertRule, at: Now) -> bool:
    zone = at.zones.get(event.key.site_id or "")
    # What belongs to no site keeps to this machine's clock.
    local = at.instant.astimezone(zone)
    return rule.quiet_hours is not None and rule.quiet_hours.holds(local)
