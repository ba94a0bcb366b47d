"""Sending the reports of a site: what is still to send, to whom, and how it ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from config.recipients import ReportKind
from lib import clock
from lib.database import Connection
from lib.date_utils import Period
from lib.errors import BlockedError
from operations.sending import book
from operations.sending.book import Delivery, Order
from operations.sending.figures import Move, moved
from operations.sending.letters import addressed, amendment_mail, message_id
from operations.sending.postman import Outcome, Postman, Unreachable
from operations.sending.reports import TITLES, Report, make_report

logger = logging.getLogger(__name__)

# How a correction looks back: to reports whose period ended within this many days.
AMEND_DAYS = 62

Result = Literal["sent", "would send", "refused", "failed", "unsure", "blocked", "sent before"]
# What is done about mails that an earlier run left half-way: nothing, or what a person decided.
Unsure = Literal["sent", "again"]


@dataclass(frozen=True)
class Site:
    """A site, with who gets what of it."""

    site_id: str
    timezone: str
    recipients: Mapping[ReportKind, tuple[str, ...]]


@dataclass(frozen=True)
class Line:
    """What became of one mail, or of a report that could not be made (no recipient)."""

    site_id: str
    report: ReportKind
    period: Period
    recipient: str
    result: Result
    detail: str = ""
    amendment: int = 0
    moves: tuple[Move, ...] = ()


@dataclass
class Sender:
    """Sends; `postman` is None in a dry run, `make` makes a report."""

    connection: Connection
    postman: Postman | None
    unsure: Unsure | None = None
    make: Callable[[ReportKind, str, Period], Report] = make_report
    lines: list[Line] = field(default_factory=list)

    def send(self, site: Site, kind: ReportKind, period: Period) -> None:
        """Send a report to those who do not have it yet."""
        known = self._known(site, kind, period)
        waiting = []
        for recipient in site.recipients[kind]:
            earlier = known.get((recipient.lower(), 0))
            if self._may_be_sent(site, kind, period, recipient, earlier):
                waiting.append(recipient)
        if not waiting:
            return
        try:
            report = self.make(kind, site.site_id, period)
        except BlockedError as error:
            self._tell(site, kind, period, "", "blocked", str(error))
            return
        for recipient in waiting:
            order = Order(site.site_id, kind, period, recipient, 0, report.figures, None)
            self._deliver(site, order, report.mail)

    def amend(self, site: Site, kinds: Sequence[ReportKind], since: date) -> None:
        """Send corrections of what was sent, where a figure of it moved."""
        sent = book.deliveries(self.connection, site.site_id, since)
        chosen = [one for one in sent if one.report in kinds]
        periods = dict.fromkeys(
            (one.report, one.period_start, one.period_end) for one in chosen if one.state == "sent"
        )
        for kind, first, last in periods:
            period = Period(first, last, site.timezone)
            of_report = [
                one
                for one in chosen
                if (one.report, one.period_start, one.period_end) == (kind, first, last)
            ]
            self._amend_one(site, kind, period, of_report)

    def _amend_one(
        self, site: Site, kind: ReportKind, period: Period, earlier: list[Delivery]
    ) -> None:
        try:
            report = self.make(kind, site.site_id, period)
        except BlockedError as error:
            self._tell(site, kind, period, "", "blocked", str(error))
            return
        for recipient in site.recipients[kind]:
            own = [one for one in earlier if one.recipient.lower() == recipient.lower()]
            received = [one for one in own if one.state == "sent"]
            if not received:
                continue
            last = max(received, key=lambda one: one.amendment)
            moves = moved(kind, last.figures, report.figures, report.currency)
            if not moves:
                continue
            number = last.amendment + 1
            begun = next((one for one in own if one.amendment == number), None)
            if not self._may_be_sent(site, kind, period, recipient, begun):
                continue
            changes = [move.as_document() for move in moves]
            order = Order(
                site.site_id, kind, period, recipient, number, report.figures, changes
            )  # fmt: skip
            self._deliver(site, order, amendment_mail(report, moves, TITLES[kind]), tuple(moves))

    def _known(
        self, site: Site, kind: ReportKind, period: Period
    ) -> dict[tuple[str, int], Delivery]:
        return {
            (one.recipient.lower(), one.amendment): one
            for one in book.deliveries(self.connection, site.site_id, period.last_day)
            if (one.report, one.period_start, one.period_end)
            == (kind, period.first_day, period.last_day)
        }

    def _may_be_sent(
        self,
        site: Site,
        kind: ReportKind,
        period: Period,
        recipient: str,
        earlier: Delivery | None,
    ) -> bool:
        """False for what was sent, and for what nobody can tell unless a person decided."""
        if earlier is None or earlier.state in ("refused", "failed"):
            return True
        if earlier.state == "sent":
            self._tell(site, kind, period, recipient, "sent before")
            return False
        if self.unsure == "again":
            return True
        if self.unsure == "sent" and self.postman is not None:
            book.settle(self.connection, earlier.delivery_id)
            self._tell(site, kind, period, recipient, "sent before", "as you say")
            return False
        self._tell(
            site, kind, period, recipient, "unsure",
            "an earlier run was cut off while handing it over; ask whether it arrived, then run "
            "this again with --unsure sent or --unsure again",
        )  # fmt: skip
        return False

    def _deliver(self, site: Site, order: Order, mail: bytes, moves: tuple[Move, ...] = ()) -> None:
        state, detail = self._handed_over(order, mail)
        self._tell(
            site, order.report, order.period, order.recipient, state, detail, order.amendment, moves
        )  # fmt: skip

    def _handed_over(self, order: Order, mail: bytes) -> tuple[Result, str]:
        if self.postman is None:
            return "would send", ""
        identity = message_id(order.key, self.postman.sender)
        text = addressed(mail, self.postman.sender, order.recipient, identity, clock.now())
        begun: list[int] = []

        def begin() -> bool:
            number = book.begin(
                self.connection, order, identity, again=self.unsure == "again" and not begun
            )
            if number is not None:
                begun.append(number)
            return number is not None

        def give_up(reason: str) -> None:
            book.finish(self.connection, begun[-1], "failed", reason)

        try:
            outcome = self.postman.hand_over(order.recipient, text, begin, give_up)
        except Unreachable as error:
            outcome = Outcome("failed", str(error))
        if outcome.state == "sent":
            book.finish(self.connection, begun[-1], "sent", None)
        elif outcome.state == "refused":
            book.refuse(self.connection, order, identity, outcome.reason)
        return ("sent before" if outcome.state == "taken" else outcome.state), outcome.reason

    def _tell(
        self,
        site: Site,
        kind: ReportKind,
        period: Period,
        recipient: str,
        result: Result,
        detail: str = "",
        amendment: int = 0,
        moves: tuple[Move, ...] = (),
    ) -> None:
        line = Line(site.site_id, kind, period, recipient, result, detail, amendment, moves)
        self.lines.append(line)
        if result in ("refused", "failed", "unsure", "blocked"):
            to = f" to {recipient}" if recipient else ""
            logger.error("site %s: %s%s %s: %s", site.site_id, TITLES[kind], to, result, detail)


def amend_since(today: date) -> date:
    """From when on a correction looks at what was sent."""
    return today - timedelta(days=AMEND_DAYS)
