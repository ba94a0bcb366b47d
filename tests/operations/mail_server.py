"""A real SMTP server on loopback that keeps what it is given and can be told to misbehave."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "argo", "s3cret-Mail-pass"


@dataclass
class Mailbox:
    """What arrived, by recipient in lower case, and what the server answers to whom.

    `replies` are taken one by one for each recipient, at RCPT; `data_replies` at the end of DATA.
    "drop" there means: keep the mail and cut the connection without an answer.
    """

    port: int = 0
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    replies: dict[str, list[str]] = field(default_factory=dict)
    data_replies: list[str] = field(default_factory=list)
    logins: int = 0

    async def handle_RCPT(  # noqa: N802 (the library's name)
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Take the recipient, unless told otherwise."""
        waiting = self.replies.get(address.lower())
        reply = waiting.pop(0) if waiting else "250 OK"
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(  # noqa: N802 (the library's name)
        self, server: SMTP, _session: Any, envelope: Any
    ) -> str:
        """Keep the mail, unless told otherwise."""
        reply = self.data_replies.pop(0) if self.data_replies else "250 OK"
        if reply.startswith("250") or reply == "drop":
            mail = message_from_bytes(envelope.content, policy=MAIL_POLICY)
            self.received += [(to.lower(), mail) for to in envelope.rcpt_tos]
        if reply == "drop":
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return reply

    def of(self, recipient: str) -> list[EmailMessage]:
        """The mails of a recipient, in the order of their arrival."""
        return [mail for to, mail in self.received if to == recipient.lower()]

    def authenticate(self, *arguments: Any) -> AuthResult:
        """One user with one password."""
        self.logins += 1
        given = arguments[-1]
        is_right = isinstance(given, LoginPassword) and (given.login, given.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        return AuthResult(success=is_right, handled=False)


@contextmanager
def mail_server(certificate: Path | None = None) -> Iterator[Mailbox]:
    """A running server; with a certificate it asks for STARTTLS and a login."""
    mailbox = Mailbox()
    options: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        options = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": mailbox.authenticate,
        }
    # The library cannot take "any port".
    with socket.create_server(("127.0.0.1", 0)) as free:
        mailbox.port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def make_certificate(folder: Path, name: str) -> Path:
    """A certificate for a name, signed by itself, with its key in one file."""
    target = folder / f"{name}.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
        "-keyout", str(target), "-out", f"{target}.cert",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    target.write_text(target.read_text() + Path(f"{target}.cert").read_text())
    return target
