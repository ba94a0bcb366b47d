"""The book of alerts in the database: alert_events, alert_silences, alert_notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from lib.database import Cursor
from lib.date_utils import zone
from lib.errors import UsageError
from operations.alerts.state import Event, Key, Silence

# A message that its target refuses for so long helps nobody any more.
KEEP_TRYING = timedelta(days=7)

_COLUMNS = (
    "rule, organization_id, channel_id, subject, severity, state, message, first_seen_at, "
    "last_seen_at, since, is_pending, is_flapping, cleared_at, told_at, escalated_at, notified_at, "
    "resolved_at, end_told_at, silence_id"
)


class Place(NamedTuple):
    """How a site is called, and its clock; `site_id` None is the whole installation."""

    site_id: str | None
    name: str
    timezone: str | None

    @property
    def zone(self) -> ZoneInfo | None:
        """The site's own clock; None is this machine's."""
        return zone(self.timezone) if self.timezone else None


class Notice(NamedTuple):
    """A message for one target; `notice_id` is None until it is stored."""

    notice_id: int | None
    site_id: str | None
    target: str
    severity: str
    title: str
    body: str
    event_ids: tuple[int, ...]


def load_places(cursor: Cursor) -> dict[str | None, Place]:
    """Every site, and under None the whole installation."""
    cursor.execute("SELECT organization_id, organization_name, timezone FROM organizations")
    places = {site_id: Place(site_id, name or site_id, clock)
              for site_id, name, clock in cursor.fetchall()}  # fmt: skip
    return {**places, None: Place(None, "this installation", None)}


def load_events(cursor: Cursor) -> list[Event]:
    """What is open, and what ended without anybody having been told."""
    cursor.execute(
        f"SELECT id, {_COLUMNS} FROM alert_events "  # noqa: S608
        "WHERE state <> 'resolved' OR (end_told_at IS NULL AND (told_at IS NOT NULL "
        "OR silence_id IS NOT NULL)) ORDER BY id"
    )
    return [_event(row) for row in cursor.fetchall()]


def _event(row: Sequence[Any]) -> Event:
    (event_id, rule, site_id, channel_id, subject, severity, state, detail, first_seen_at,
     last_seen_at, since, is_pending, is_flapping, cleared_at, told_at, escalated_at, notified_at,
     resolved_at, end_told_at, silence_id) = row  # fmt: skip
    return Event(
        Key(rule, site_id, channel_id, subject), severity, state, detail, first_seen_at,
        last_seen_at, event_id, since, is_pending, is_flapping, cleared_at, told_at, escalated_at,
        notified_at, resolved_at, end_told_at, silence_id,
    )  # fmt: skip


def load_recent(cursor: Cursor, since: datetime) -> list[Key]:
    """The key of every alert that ended after `since`."""
    cursor.execute(
        "SELECT rule, organization_id, channel_id, subject FROM alert_events "
        "WHERE state = 'resolved' AND resolved_at > %s",
        (since,),
    )
    return [Key(*row) for row in cursor.fetchall()]


def load_silences(cursor: Cursor) -> list[Silence]:
    """Every silence that holds or is needed to tell what it hid."""
    cursor.execute(
        "SELECT id, rule, organization_id, channel_id, reason, created_by, expires_at "
        "FROM alert_silences AS s WHERE expires_at > argo_now() OR EXISTS "
        "(SELECT FROM alert_events AS e WHERE e.silence_id = s.id AND e.end_told_at IS NULL) "
        "ORDER BY expires_at, id"
    )
    return [Silence(*row) for row in cursor.fetchall()]


def add_silence(cursor: Cursor, silence: Silence) -> int:
    """Store a silence; returns its number. Raises UsageError for an unknown site."""
    if silence.site_id is not None:
        cursor.execute("SELECT 1 FROM organizations WHERE organization_id = %s", (silence.site_id,))
        if cursor.fetchone() is None:
            raise UsageError(f"site {silence.site_id} is not in the database")
    cursor.execute(
        "INSERT INTO alert_silences (rule, organization_id, channel_id, reason, created_by, "
        "expires_at) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
        (silence.rule, silence.site_id, silence.channel_id, silence.reason, silence.created_by,
         silence.expires_at),
    )  # fmt: skip
    return int(cursor.fetchone()[0])


def end_silence(cursor: Cursor, silence_id: int) -> None:
    """Let a silence end now; what it hid is told by the next check. Raises UsageError."""
    cursor.execute(
        "UPDATE alert_silences SET expires_at = argo_now() "
        "WHERE id = %s AND expires_at > argo_now()",
        (silence_id,),
    )
    if cursor.rowcount == 0:
        raise UsageError(f"there is no silence {silence_id} that still holds (see --silences)")


def save_events(
    cursor: Cursor, events: Sequence[Event], dropped: Sequence[Event]
) -> dict[Key, Event]:
    """Store the events; returns them with their numbers, by key."""
    cursor.execute(
        "DELETE FROM alert_events WHERE id = ANY(%s)", ([one.event_id for one in dropped],)
    )
    saved = {}
    for event in events:
        values = (
            *event.key, event.severity, event.state, event.detail, event.first_seen_at,
            event.last_seen_at, event.since, event.is_pending, event.is_flapping, event.cleared_at,
            event.told_at, event.escalated_at, event.notified_at, event.resolved_at,
            event.end_told_at, event.silence_id,
        )  # fmt: skip
        marks = ", ".join(["%s"] * len(values))
        if event.event_id is None:
            cursor.execute(
                f"INSERT INTO alert_events ({_COLUMNS}) VALUES ({marks}) RETURNING id",  # noqa: S608
                values,
            )
            event = replace(event, event_id=cursor.fetchone()[0])
        else:
            cursor.execute(
                f"UPDATE alert_events SET ({_COLUMNS}) = ({marks}) WHERE id = %s",  # noqa: S608
                (*values, event.event_id),
            )
        saved[event.key] = event
    return saved


def add_notices(cursor: Cursor, notices: Sequence[Notice]) -> None:
    """Put messages into the book, still to send."""
    for one in notices:
        cursor.execute(
            "INSERT INTO alert_notices (organization_id, target, severity, title, body, event_ids) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            (one.site_id, one.target, one.severity, one.title, one.body, list(one.event_ids)),
        )


def unsent_notices(cursor: Cursor, now: datetime) -> list[Notice]:
    """Messages still to send, oldest first."""
    cursor.execute(
        "SELECT id, organization_id, target, severity, title, body, event_ids FROM alert_notices "
        "WHERE sent_at IS NULL AND created_at > %s ORDER BY id",
        (now - KEEP_TRYING,),
    )
    return [Notice._make((*row[:-1], tuple(row[-1]))) for row in cursor.fetchall()]


def mark_tried(cursor: Cursor, notice: Notice, now: datetime, error: str | None) -> None:
    """What became of an attempt; with no error the alerts of the message count as notified."""
    cursor.execute(
        "UPDATE alert_notices SET attempts = attempts + 1, tried_at = %s, error = %s, "
        "sent_at = CASE WHEN %s::text IS NULL THEN %s::timestamptz END WHERE id = %s",
        (now, error, error, now, notice.notice_id),
    )
    if error is None:
        cursor.execute(
            "UPDATE alert_events SET notified_at = %s, "
            "state = CASE state WHEN 'open' THEN 'notified' ELSE state END WHERE id = ANY(%s)",
            (now, list(notice.event_ids)),
        )


def load_found(cursor: Cursor) -> dict[tuple[str, str], Mapping[str, Any]]:
    """alert_checks by rule and site."""
    cursor.execute("SELECT rule, organization_id, day, found FROM alert_checks")
    return {(rule, site): {"day": day, "found": found}
            for rule, site, day, found in cursor.fetchall()}  # fmt: skip


def save_found(cursor: Cursor, rule: str, site_id: str, day: Any, found: str) -> None:
    """Remember what a rule found on a site's day; `found` is JSON."""
    cursor.execute(
        "INSERT INTO alert_checks (rule, organization_id, day, found) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (rule, organization_id) DO UPDATE "
        "SET day = EXCLUDED.day, found = EXCLUDED.found, checked_at = argo_now()",
        (rule, site_id, day, found),
    )
