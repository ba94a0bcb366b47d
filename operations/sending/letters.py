"""The mails that are not a report's own: the quality report, a correction, and every envelope."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING, Any

from lib.date_utils import Period
from operations.sending.figures import Move, move_text

if TYPE_CHECKING:
    from operations.sending.reports import Report

COLOR = "#0b5a8a"
# Of each list a mail shows this many; the page attached has them all.
MOST_ITEMS = 8
WORDS = {
    "healthy": "Every figure is within its threshold",
    "warning": "Some figures are beside their thresholds",
    "critical": "The data has gaps that matter",
}


def quality_mail(
    document: Mapping[str, Any], period: Period, attachments: Mapping[str, bytes]
) -> bytes:
    """The mail of a quality report (govern.quality.verdict.document)."""
    from deliver.forms.mail import Body, Item, mail_bytes
    from govern.quality.page import figure

    now, before = document["site"]["now"], document["site"]["before"]
    complete = figure(now["completeness_pct"], " %", 1)
    found = document["findings"]
    rows = (
        ("Complete", "completeness_pct", " %", 1),
        ("Gaps", "gaps", "", 0),
        ("Readings refused", "rejected_rows", "", 0),
        ("Told differently later", "conflicts", "", 0),
    )
    body = Body(
        brand=document["site_name"],
        what=f"Data quality, {period.first_day} to {period.last_day}",
        color=COLOR,
        headline=f"{WORDS[document['status']]}: the data of these days is {complete} complete.",
        notices=[],
        numbers=[
            {
                "label": label,
                "value": figure(now[key], unit, places),
                "note": f"the {len(period.days)} days before: {figure(before[key], unit, places)}",
            }
            for label, key, unit, places in rows
        ],
        lists=[
            (
                "What to look at",
                [Item(_of_channel(document, one), one["severity"]) for one in found[:MOST_ITEMS]]
                or [Item("Nothing.")],
            )
        ],
        notes=[
            *([f"{len(found) - MOST_ITEMS} more stand in the page."] * (len(found) > MOST_ITEMS)),
            "The whole report is attached, as a page for your browser.",
        ],
    )
    return mail_bytes(
        f"{document['site_name'][:60]}: data {complete} complete, {document['status']}",
        body,
        attachments,
        datetime.fromisoformat(document["generated_at"]),
        f"quality {document['site_id']} {period.first_day} {period.last_day}",
    )


def _of_channel(document: Mapping[str, Any], finding: Mapping[str, Any]) -> str:
    names = {one["channel_id"]: one["channel_name"] for one in document["channels"]}
    name = names.get(finding["channel_id"])
    return finding["text"] if name is None else f"{name}: {finding['text']}"


def amendment_mail(report: Report, moves: Sequence[Move], title: str) -> bytes:
    """The mail that says what of a report moved after it was sent; the new report is attached."""
    from deliver.forms.mail import Body, Item, mail_bytes

    period = report.period
    count = "one figure" if len(moves) == 1 else f"{len(moves)} figures"
    body = Body(
        brand=report.site_name,
        what=f"Correction of the {title}, {period.first_day} to {period.last_day}",
        color=COLOR,
        headline=f"Since this report was sent to you, {count} of it changed.",
        notices=[],
        numbers=[],
        lists=[("What changed", [Item(move.label, move_text(move)) for move in moves])],
        notes=[
            "Readings arrived late or were put right after the report was sent. The corrected "
            "report is attached and takes the place of the earlier one."
        ],
    )
    return mail_bytes(
        f"Corrected: {report.site_name[:60]}, {title} of {period.first_day}",
        body,
        report.attachments,
        report.generated_at,
        f"amendment {report.kind} {report.site_id} {period.first_day} {period.last_day}",
    )


def message_id(key: Sequence[object], sender: str) -> str:
    """The same for every attempt at one delivery, so that a mail box can tell a repeat."""
    digest = hashlib.sha256("\n".join(map(str, key)).encode()).hexdigest()[:32]
    return f"<argo-{digest}@{parseaddr(sender)[1].rpartition('@')[2]}>"


def addressed(mail: bytes, sender: str, recipient: str, identity: str, at: datetime) -> bytes:
    """A mail with its sender, its one receiver, its date and its Message-ID."""
    message: EmailMessage = message_from_bytes(mail, policy=SMTP)
    for name in ("From", "To", "Date", "Message-ID"):
        del message[name]
    message["From"] = sender
    message["To"] = recipient
    message["Date"] = format_datetime(at)
    message["Message-ID"] = identity
    # Absence notes and the like are not sent back to it (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    return message.as_bytes()
