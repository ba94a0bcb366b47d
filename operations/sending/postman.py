"""Handing mails over to the mail server (SMTP), each to one recipient.

A mail counts as sent when the server said so. Where the connection was lost after the text went
out, nobody can know: that is an outcome of its own.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Literal, Self

import certifi
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential
from tenacity.wait import wait_base

from config.settings import Settings, SettingsError, require
from lib.errors import ArgoError

logger = logging.getLogger(__name__)

PORTS = {"starttls": 587, "ssl": 465, "none": 25}
TIMEOUT_SECONDS = 30
ATTEMPTS = 3
WAIT = wait_exponential(multiplier=1, max=20)

Handover = Literal["sent", "refused", "failed", "unsure", "taken"]


@dataclass(frozen=True)
class Outcome:
    """How a handover ended: `taken` = another run has it. `reason` is the server's own word."""

    state: Handover
    reason: str = ""


class TryAgainError(Exception):
    """The server did not take it this time, for certain."""


class Unreachable(ArgoError):
    """The mail server cannot be reached now."""


class Postman:
    """A connection to the mail server of the settings, made when the first mail needs it."""

    def __init__(self, settings: Settings, wait: wait_base = WAIT) -> None:
        self._settings = settings
        self._host = require("SMTP_HOST", settings.smtp_host)
        self.sender = require("SMTP_FROM", settings.smtp_from)
        self._wait = wait
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()

    def hand_over(
        self, recipient: str, mail: bytes, begin: Callable[[], bool], give_up: Callable[[str], None]
    ) -> Outcome:
        """Send one mail.

        `begin` is called when the server takes the recipient and the text is about to go out, and
        says whether it still has to; `give_up` when the server then did not take it, for certain.
        Raises SettingsError for a login or a certificate that is wrong, Unreachable where there is
        no server.
        """
        attempts = Retrying(
            retry=retry_if_exception_type(TryAgainError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._wait,
            reraise=True,
        )
        try:
            return attempts(self._try, recipient, mail, begin, give_up)
        except TryAgainError as error:
            return Outcome("failed", str(error))

    def _try(
        self, recipient: str, mail: bytes, begin: Callable[[], bool], give_up: Callable[[str], None]
    ) -> Outcome:
        smtp = self._connection()
        try:
            for code, reply in self._envelope(smtp, recipient):
                if 400 <= code < 500:
                    smtp.rset()
                    raise TryAgainError(_words(code, reply))
                if code >= 500:
                    smtp.rset()
                    return Outcome("refused", _words(code, reply))
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self._hang_up()
            raise TryAgainError(f"the connection was lost: {error}") from None
        if not begin():
            smtp.rset()
            return Outcome("taken")
        try:
            code, reply = smtp.data(mail)
        except smtplib.SMTPDataError as error:
            code, reply = error.smtp_code, _bytes(error.smtp_error)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self._hang_up()
            return Outcome("unsure", f"the connection was lost while it was handed over: {error}")
        if code < 400:
            return Outcome("sent")
        give_up(_words(code, reply))
        if code < 500:
            raise TryAgainError(_words(code, reply))
        return Outcome("failed", _words(code, reply))

    def _envelope(self, smtp: smtplib.SMTP, recipient: str) -> Iterator[tuple[int, bytes]]:
        yield smtp.mail(parseaddr(self.sender)[1])
        yield smtp.rcpt(recipient)

    def _hang_up(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None

    def _connection(self) -> smtplib.SMTP:
        if self._smtp is None:
            attempts = Retrying(
                retry=retry_if_exception_type(Unreachable),
                stop=stop_after_attempt(ATTEMPTS),
                wait=self._wait,
                reraise=True,
            )
            return attempts(self._connect)
        return self._smtp

    def _connect(self) -> smtplib.SMTP:
        settings, security = self._settings, self._settings.smtp_security
        port = settings.smtp_port or PORTS[security]
        where = f"the mail server {self._host}:{port}"
        context = _trust(settings)
        smtp: smtplib.SMTP | None = None
        try:
            smtp = (
                smtplib.SMTP_SSL(self._host, port, timeout=TIMEOUT_SECONDS, context=context)
                if security == "ssl"
                else smtplib.SMTP(self._host, port, timeout=TIMEOUT_SECONDS)
            )
            if security == "starttls":
                smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
            if settings.smtp_user is not None:
                smtp.login(settings.smtp_user, require("SMTP_PASSWORD", settings.smtp_password))
            self._smtp, smtp = smtp, None
            return self._smtp
        except ssl.SSLCertVerificationError as error:
            raise SettingsError(
                f"SMTP_HOST: {where} shows no certificate that can be trusted for its name "
                f"({error.verify_message}); SMTP_CA_FILE names an authority of your own"
            ) from None
        except smtplib.SMTPAuthenticationError as error:
            raise _login_fault(where, error) from None
        except smtplib.SMTPNotSupportedError as error:
            raise SettingsError(
                f"SMTP_SECURITY: {where} does not offer what is asked of it ({error}); try "
                "SMTP_SECURITY=ssl with its port, usually 465"
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(f"{where} cannot be used: {error}") from None
        finally:
            if smtp is not None:
                smtp.close()


def _trust(settings: Settings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.smtp_ca_file or certifi.where())
    except (OSError, ssl.SSLError):
        raise SettingsError(
            f"SMTP_CA_FILE: {settings.smtp_ca_file} is no file of certificates (PEM)"
        ) from None


def _login_fault(where: str, error: smtplib.SMTPAuthenticationError) -> Exception:
    words = _words(error.smtp_code, _bytes(error.smtp_error))
    if error.smtp_code < 500:
        return Unreachable(f"{where} lets nobody in now: {words}")
    return SettingsError(f"SMTP_USER, SMTP_PASSWORD: {where} refused the login ({words})")


def _bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _words(code: int, reply: bytes) -> str:
    """A server's reply in one line."""
    return f"{code} {' '.join(reply.decode('utf-8', 'replace').split())}"[:300]
