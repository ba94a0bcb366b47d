"""report_deliveries: what was sent to whom, so that nothing is sent twice.

A delivery is committed as `sending` before its mail is handed over, and as `sent` after the server
took it. A run that dies between the two leaves `sending`: nobody can know, so nobody is told twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from config.recipients import ReportKind
from lib import clock
from lib.database import Connection, fetch_all, transaction
from lib.date_utils import Period

State = Literal["sending", "sent", "refused", "failed"]


@dataclass(frozen=True)
class Delivery:
    """One row of the book."""

    delivery_id: int
    report: ReportKind
    period_start: date
    period_end: date
    recipient: str
    amendment: int
    state: State
    figures: Mapping[str, float | None]


@dataclass(frozen=True)
class Order:
    """One mail to one recipient that is to be sent once."""

    site_id: str
    report: ReportKind
    period: Period
    recipient: str
    amendment: int
    figures: Mapping[str, float | None]
    changes: Sequence[Mapping[str, Any]] | None

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from every other."""
        days = (self.period.first_day, self.period.last_day)
        return (self.site_id, self.report, *days, self.recipient.lower(), self.amendment)


def deliveries(connection: Connection, site_id: str, since: date) -> list[Delivery]:
    """The deliveries of a site whose periods ended on `since` or later, oldest first."""
    rows = fetch_all(
        connection,
        "SELECT id AS delivery_id, report, period_start, period_end, recipient, amendment, state, "
        "figures FROM report_deliveries WHERE organization_id = %s AND period_end >= %s "
        "ORDER BY period_start, report, recipient, amendment",
        (site_id, since),
    )
    return [Delivery(**row) for row in rows]


def begin(connection: Connection, order: Order, message_id: str, *, again: bool) -> int | None:
    """Commit that a mail is being handed over; None when it was, or another run is at it.

    With `again` one that an earlier run left half-way is begun anew.
    """
    return _put(connection, order, message_id, "sending", None, again=again)


def refuse(connection: Connection, order: Order, message_id: str, reason: str) -> None:
    """Commit that the server does not take mail for this recipient."""
    _put(connection, order, message_id, "refused", reason, again=True)


def finish(connection: Connection, delivery_id: int, state: State, error: str | None) -> None:
    """Commit how it ended."""
    with transaction(connection) as cursor:
        cursor.execute(
            "UPDATE report_deliveries SET state = %s, error = %s, "
            "sent_at = CASE WHEN %s = 'sent' THEN %s::timestamptz END WHERE id = %s",
            (state, error, state, clock.now(), delivery_id),
        )


def settle(connection: Connection, delivery_id: int) -> None:
    """A person looked: what was left half-way had arrived."""
    finish(connection, delivery_id, "sent", "an earlier run was cut off; a person saw it arrive")


def _put(
    connection: Connection,
    order: Order,
    message_id: str,
    state: State,
    error: str | None,
    *,
    again: bool,
) -> int | None:
    with transaction(connection) as cursor:
        cursor.execute(
            """
            INSERT INTO report_deliveries AS d (organization_id, report, period_start, period_end,
                recipient, amendment, figures, changes, message_id, state, error, tried_at, sent_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, NULL)
            ON CONFLICT (organization_id, report, period_start, period_end, lower(recipient),
                         amendment)
            DO UPDATE SET state = excluded.state, error = excluded.error,
                figures = excluded.figures, changes = excluded.changes,
                message_id = excluded.message_id, tried_at = excluded.tried_at,
                attempts = d.attempts + 1
            WHERE d.state IN ('refused', 'failed') OR d.state = 'sending' AND %s
            RETURNING id
            """,
            (
                order.site_id, order.report, order.period.first_day, order.period.last_day,
                order.recipient, order.amendment, json.dumps(dict(order.figures)),
                None if order.changes is None else json.dumps(list(order.changes)),
                message_id, state, error, clock.now(), again,
            ),
        )  # fmt: skip
        row = cursor.fetchone()
    return None if row is None else int(row[0])
