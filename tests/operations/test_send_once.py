"""Every mail is sent once, to each recipient for himself, by a real server on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from mail_server import PASSWORD, USER, Mailbox, mail_server, make_certificate
from support import Database
from tenacity import wait_none

from config.recipients import REPORT_KINDS, Recipients, ReportKind
from config.settings import Settings, SettingsError
from deliver.forms.mail import Body, mail_bytes
from lib.date_utils import Period
from lib.errors import BlockedError
from operations.sending import book
from operations.sending.figures import figures_of, move_text, moved
from operations.sending.postman import Postman
from operations.sending.reports import Report
from operations.sending.run import Line, Sender, Site, Unsure

ZONE = "America/New_York"
WEEK = Period(date(2026, 11, 9), date(2026, 11, 15), ZONE)
MADE_AT = datetime(2026, 11, 16, 6, tzinfo=UTC)
ANN, BOB = "ann@example.com", "bob@example.com"


def report(energy_kwh: float = 100.0) -> Report:
    body = Body("Site", "Weekly", "#0b5a8a", "All is well.", [], [], [], [])
    attachments = {"page.html": b"<p>page</p>"}
    mail = mail_bytes("The week", body, attachments, MADE_AT, "weekly")
    figures = {"energy_kwh": energy_kwh, "cost": 12.0}
    return Report("weekly", "7", "Site", "USD", WEEK, MADE_AT, mail, attachments, figures)


def smtp_settings(port: int, **more: Any) -> Settings:
    values = {"smtp_host": "localhost", "smtp_port": port, "smtp_security": "none"}
    return Settings(**{**values, "smtp_from": "Argo <argo@example.com>", **more})


def site(*recipients: str) -> Site:
    nobody: dict[ReportKind, tuple[str, ...]] = dict.fromkeys(REPORT_KINDS, ())
    return Site("7", ZONE, {**nobody, "weekly": recipients})


@pytest.fixture(scope="module")
def server() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(server: Mailbox, module_database: Database) -> Mailbox:
    module_database.execute("DELETE FROM report_deliveries")
    server.received.clear()
    server.replies.clear()
    server.data_replies.clear()
    return server


@contextmanager
def sending(
    database: Database, mailbox: Mailbox, energy_kwh: float = 100.0, unsure: Unsure | None = None
) -> Iterator[Sender]:
    postman = Postman(smtp_settings(mailbox.port), wait=wait_none())
    with closing(database.connect()) as connection, postman:
        yield Sender(connection, postman, unsure, lambda *_: report(energy_kwh))


def send(database: Database, mailbox: Mailbox, *recipients: str, **options: Any) -> list[Line]:
    with sending(database, mailbox, **options) as sender:
        sender.send(site(*recipients), "weekly", WEEK)
    return sender.lines


def amend(database: Database, mailbox: Mailbox, *recipients: str, **options: Any) -> list[Line]:
    with sending(database, mailbox, **options) as sender:
        sender.amend(site(*recipients), ["weekly"], date(2026, 10, 1))
    return sender.lines


def results(lines: list[Line]) -> dict[str, str]:
    return {line.recipient: line.result for line in lines}


def test_a_second_run_sends_nothing(module_database: Database, mailbox: Mailbox) -> None:
    assert results(send(module_database, mailbox, ANN, BOB)) == {ANN: "sent", BOB: "sent"}
    again = send(module_database, mailbox, "Ann@Example.com", BOB)
    assert {line.result for line in again} == {"sent before"}
    assert [to for to, _ in mailbox.received] == [ANN, BOB]


def test_each_mail_names_its_one_recipient_and_carries_the_report(
    module_database: Database, mailbox: Mailbox
) -> None:
    send(module_database, mailbox, ANN, BOB)
    (mail,) = mailbox.of(ANN)
    assert (mail["From"], mail["To"]) == ("Argo <argo@example.com>", ANN)
    assert BOB not in str(mail)
    (attached,) = mail.iter_attachments()
    assert attached.get_payload(decode=True) == b"<p>page</p>"
    assert mail["Message-ID"] != mailbox.of(BOB)[0]["Message-ID"]


def test_a_refused_recipient_is_told_and_the_others_get_theirs(
    module_database: Database, mailbox: Mailbox
) -> None:
    mailbox.replies[ANN] = ["550 no such user"]
    lines = send(module_database, mailbox, ANN, BOB)
    assert results(lines) == {ANN: "refused", BOB: "sent"}
    assert "no such user" in lines[0].detail
    assert results(send(module_database, mailbox, ANN, BOB))[ANN] == "sent"
    assert (len(mailbox.of(ANN)), len(mailbox.of(BOB))) == (1, 1)


def test_a_mail_put_off_by_the_server_goes_at_the_next_attempt(
    module_database: Database, mailbox: Mailbox
) -> None:
    mailbox.replies[ANN] = ["451 greylisted"]
    mailbox.data_replies[:] = ["451 busy"]
    assert results(send(module_database, mailbox, ANN)) == {ANN: "sent"}
    assert len(mailbox.of(ANN)) == 1


def test_a_server_that_keeps_putting_off_is_told_and_asked_again_by_the_next_run(
    module_database: Database, mailbox: Mailbox
) -> None:
    mailbox.replies[ANN] = ["451 full"] * 3
    assert results(send(module_database, mailbox, ANN)) == {ANN: "failed"}
    assert results(send(module_database, mailbox, ANN)) == {ANN: "sent"}


def test_what_may_have_arrived_is_not_sent_again_by_itself(
    module_database: Database, mailbox: Mailbox
) -> None:
    mailbox.data_replies[:] = ["drop"]
    assert results(send(module_database, mailbox, ANN, BOB)) == {ANN: "unsure", BOB: "sent"}
    assert results(send(module_database, mailbox, ANN)) == {ANN: "unsure"}
    assert len(mailbox.of(ANN)) == 1
    assert results(send(module_database, mailbox, ANN, unsure="again")) == {ANN: "sent"}
    first, second = mailbox.of(ANN)
    assert first["Message-ID"] == second["Message-ID"]


def test_a_run_killed_between_mail_and_book_is_settled_by_a_person(
    module_database: Database, mailbox: Mailbox
) -> None:
    order = book.Order("7", "weekly", WEEK, ANN, 0, {"energy_kwh": 1.0}, None)
    with closing(module_database.connect()) as connection:
        assert book.begin(connection, order, "<x@y>", again=False) is not None
        assert book.begin(connection, order, "<x@y>", again=False) is None
    assert results(send(module_database, mailbox, ANN)) == {ANN: "unsure"}
    assert results(send(module_database, mailbox, ANN, unsure="sent")) == {ANN: "sent before"}
    assert results(send(module_database, mailbox, ANN)) == {ANN: "sent before"}
    assert mailbox.received == []


def test_a_blocked_report_is_not_sent(module_database: Database, mailbox: Mailbox) -> None:
    def blocked(*_: Any) -> Report:
        raise BlockedError("blocked: validation failed")

    with sending(module_database, mailbox) as sender:
        sender.make = blocked
        sender.send(site(ANN), "weekly", WEEK)
    assert results(sender.lines) == {"": "blocked"}
    assert mailbox.received == []
    assert module_database.scalar("SELECT count(*) FROM report_deliveries") == 0


def test_a_correction_says_what_moved_by_how_much_and_goes_once(
    module_database: Database, mailbox: Mailbox
) -> None:
    send(module_database, mailbox, ANN)
    assert amend(module_database, mailbox, ANN, BOB) == []
    (line,) = amend(module_database, mailbox, ANN, BOB, energy_kwh=103.0)
    assert (line.recipient, line.result, line.amendment) == (ANN, "sent", 1)
    assert [move_text(move) for move in line.moves] == ["100 kWh → 103 kWh (+3 kWh, +3.0 %)"]
    assert amend(module_database, mailbox, ANN, energy_kwh=103.0) == []
    text = mailbox.of(ANN)[1].get_body(("plain",))
    assert text is not None
    assert "100 kWh → 103 kWh (+3 kWh, +3.0 %)" in text.get_content()
    # The next correction is told against the last one.
    (later,) = amend(module_database, mailbox, ANN, energy_kwh=100.0)
    assert (later.amendment, later.moves[0].before) == (2, 103.0)


def test_digits_that_nobody_would_see_are_no_correction() -> None:
    sent = {"energy_kwh": 1000.0, "cost": None}
    assert moved("weekly", sent, {"energy_kwh": 1000.9, "cost": None}, "USD") == []
    (move,) = moved("weekly", sent, {"energy_kwh": 1000.0, "cost": 5.0}, "EUR")
    assert move_text(move) == "not known → 5.00 EUR"
    (move,) = moved("quality", {"gaps": 0}, {"gaps": 1}, "")
    assert move_text(move) == "0 → 1 (+1)"


def test_figures_are_those_of_the_document() -> None:
    site_part = {"completeness_pct": 98.5, "gaps": 2, "longest_gap_hours": 1.5,
                 "rejected_rows": 0, "conflicts": 4}  # fmt: skip
    assert figures_of("quality", {"site": {"now": site_part}}) == site_part


def test_a_server_that_is_not_there_fails_the_mail_and_not_the_run(
    module_database: Database, mailbox: Mailbox
) -> None:
    # Port 9 discards, where anything listens there at all.
    postman = Postman(smtp_settings(9), wait=wait_none())
    with closing(module_database.connect()) as connection, postman:
        sender = Sender(connection, postman, None, lambda *_: report())
        sender.send(site(ANN), "weekly", WEEK)
    assert results(sender.lines) == {ANN: "failed"}
    assert results(send(module_database, mailbox, ANN)) == {ANN: "sent"}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="this machine has no openssl")
def test_starttls_wants_a_certificate_of_that_name_and_the_right_password(
    module_database: Database, mailbox: Mailbox, tmp_path: Path
) -> None:
    certificate, other = (make_certificate(tmp_path, name) for name in ("localhost", "elsewhere"))
    login = {"smtp_security": "starttls", "smtp_user": USER, "smtp_password": PASSWORD}

    def attempt(server: Mailbox, **more: Any) -> str:
        module_database.execute("DELETE FROM report_deliveries")
        postman = Postman(smtp_settings(server.port, **{**login, **more}), wait=wait_none())
        with closing(module_database.connect()) as connection, postman:
            sender = Sender(connection, postman, None, lambda *_: report())
            sender.send(site(ANN), "weekly", WEEK)
        return sender.lines[0].result

    with mail_server(certificate) as server:
        with pytest.raises(SettingsError, match="no certificate that can be trusted"):
            attempt(server)
        with pytest.raises(SettingsError, match="refused the login") as refused:
            attempt(server, smtp_ca_file=certificate, smtp_password="wrong-pass")
        assert "wrong-pass" not in str(refused.value)
        assert attempt(server, smtp_ca_file=certificate) == "sent"
        assert [to for to, _ in server.received] == [ANN]
    not_its_name = pytest.raises(SettingsError, match="no certificate that can be trusted")
    with mail_server(other) as server, not_its_name:
        attempt(server, smtp_ca_file=other)
    with pytest.raises(SettingsError, match="SMTP_SECURITY"):
        attempt(mailbox)


def test_without_encryption_only_this_machine_is_reached() -> None:
    with pytest.raises(ValueError, match="on this machine only"):
        smtp_settings(25, smtp_host="mail.example.com")


@pytest.mark.parametrize(
    ("addresses", "fault"),
    [
        (("Ann <ann@example.com>",), "is not an e-mail address"),
        (("ann@example.com\nBcc: x@example.com",), "is not an e-mail address"),
        (("ann@localhost",), "is not an e-mail address"),
        (("ann@example.com", "ANN@example.com"), "stands there twice"),
    ],
)
def test_recipients_are_plain_addresses_each_once(addresses: tuple[str, ...], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Recipients(weekly=addresses)


def test_a_sender_is_an_address_with_or_without_a_name() -> None:
    with pytest.raises(ValueError, match="must be an address"):
        smtp_settings(25, smtp_from="Argo")
    assert smtp_settings(25, smtp_from="argo@example.com").smtp_from == "argo@example.com"
