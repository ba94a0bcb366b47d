"""Dead-man pings in the Healthchecks protocol: whoever hears none knows that nothing runs.

A ping that fails is logged and costs the sync nothing else.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from config.settings import Settings

logger = logging.getLogger("argo.sync")

# Connect and read; with the attempts a monitor that is down delays a sync by a minute at most.
TIMEOUT_SECONDS = (4, 8)
ATTEMPTS = 4
MAY_PASS = (429, 500, 502, 503, 504)
# Healthchecks keeps 100 kB; a person reads the end.
MAX_BODY_BYTES = 10_000


@dataclass(frozen=True)
class DeadManSwitch:
    """Tells a monitor when a run starts and how it ended. Without a `url` it tells nobody.

    The address is a secret: whoever knows it can report success. It is never logged.
    """

    url: str | None
    run_id: str
    first_wait_seconds: float = 1.0

    @classmethod
    def of(cls, settings: Settings, run_id: str) -> DeadManSwitch:
        """The one that HEALTHCHECK_URL names."""
        secret = settings.healthcheck_url
        return cls(secret.get_secret_value() if secret else None, run_id)

    def start(self) -> None:
        """The run has begun."""
        self._ping("start", "/start", "")

    def end(self, exit_code: int, log_tail: str) -> None:
        """The run has ended: success for 0, otherwise a failure with the end of its log."""
        if exit_code == 0:
            self._ping("success", "", log_tail)
        else:
            self._ping("fail", "/fail", f"exit code {exit_code}\n{log_tail}")

    def _ping(self, what: str, suffix: str, body: str) -> None:
        if self.url is None:
            return
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=self.first_wait_seconds, max=4),
            retry=retry_if_exception_type((requests.RequestException, _MayPass)),
            reraise=True,
        )
        try:
            status = attempts(_post, ping_url(self.url, suffix, self.run_id), body)
        except _MayPass as refused:
            status = refused.status
        except (requests.RequestException, ValueError) as error:
            # The error's text holds the address.
            logger.warning("dead-man ping '%s' was not sent: %s", what, type(error).__name__)
            return
        if not 200 <= status < 300:
            logger.warning("dead-man ping '%s' was refused: HTTP %d", what, status)


class _MayPass(Exception):
    """An answer after which one asks again."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _post(url: str, body: str) -> int:
    """The HTTP status of a ping. Raises _MayPass for one after which to ask again."""
    tail = body.encode()[-MAX_BODY_BYTES:].decode(errors="ignore")
    answer = requests.post(url, data=tail.encode(), timeout=TIMEOUT_SECONDS, allow_redirects=False)
    if answer.status_code in MAY_PASS:
        raise _MayPass(answer.status_code)
    return answer.status_code


def ping_url(url: str, suffix: str, run_id: str) -> str:
    """The address of one kind of ping; `rid` lets the monitor pair a start with its end.

    >>> ping_url("https://hc.example.com/abc/", "/start", "1")
    'https://hc.example.com/abc/start?rid=1'
    """
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode({"rid": run_id}))))
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + suffix, query=query))
