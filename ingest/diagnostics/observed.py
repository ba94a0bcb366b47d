"""Argo's own client, with a record of what it asked and how it was answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlsplit

import requests

from ingest.eniscope.client import EniscopeClient


@dataclass(frozen=True)
class Exchange:
    """One request that was answered; `seconds` from sending it to the head of the answer.

    `server_date` is the answer's Date header, whole seconds; `received_at` this machine's clock.
    """

    path: str
    status: int
    seconds: float
    was_login: bool
    server_date: datetime | None
    received_at: datetime


class ObservedClient(EniscopeClient):
    """EniscopeClient that remembers its exchanges, in the order they ended."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.exchanges: list[Exchange] = []

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def last_status(self, path: str) -> int | None:
        """Status of the newest answer to a path; None where none came."""
        statuses = [one.status for one in self.exchanges if one.path.endswith(path)]
        return statuses[-1] if statuses else None

    def _send(self, *args: Any, **kwargs: Any) -> requests.Response:
        response = super()._send(*args, **kwargs)
        # The machine's clock, not ARGO_NOW: it is compared with the server's.
        received_at = datetime.now(UTC)
        self.exchanges.append(
            Exchange(
                path=urlsplit(response.request.url or "").path,
                status=response.status_code,
                seconds=response.elapsed.total_seconds(),
                was_login="Authorization" in response.request.headers,
                server_date=_http_date(response.headers.get("Date")),
                received_at=received_at,
            )
        )
        return response


def _http_date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
