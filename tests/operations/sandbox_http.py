"""What the sandbox's tests share: sandboxes on free ports, and a client that logs in."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import requests

from operations.sandbox.options import Options
from operations.sandbox.server import SandboxServer, serve

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
RTU_2, MAIN, AIR, SPARE, VIRTUAL = 162119, 158694, 162277, 162278, 162127
BROWSER = {"User-Agent": "Mozilla/5.0 (compatible; Argo energy pipeline)"}
PHASES = ("1", "2", "3")

Rows = list[dict[str, Any]]


class Client:
    """A session that has logged in once and then uses its token."""

    def __init__(self, server: SandboxServer) -> None:
        self.url, self.server = server.url, server
        self.session = requests.Session()
        self.session.headers.update(BROWSER | {"X-Eniscope-API": server.options.key})

    def login(self, password: str = Options.password) -> requests.Response:
        digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
        self.session.headers.pop("X-Eniscope-Token", None)
        answer = self.session.get(f"{self.url}/devicetypes", auth=("sandbox@example.com", digest))
        if "X-Eniscope-Token" in answer.headers:
            self.session.headers["X-Eniscope-Token"] = answer.headers["X-Eniscope-Token"]
        return answer

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.session.get(f"{self.url}{path}", params=params)

    def readings(self, channel: int, start: Any, end: Any, res: Any = 900, **params: Any) -> Any:
        asked = {"daterange[]": [start, end], "res": res} | params
        answer = self.get(f"/v1/1/readings/{channel}", **asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def truth(self, start: int, end: int, site: int = 23271) -> Any:
        return self.get("/sandbox/truth", organization=site, start=start, end=end).json()


Start = Callable[..., Client]


@contextmanager
def sandboxes() -> Iterator[Start]:
    """Start a sandbox with the options given; the same options give the same sandbox."""
    running: dict[str, Client] = {}

    def start_one(*, login: bool = True, again: bool = False, **options: Any) -> Client:
        key = json.dumps([options, login, len(running) if again else 0], default=str)
        if key not in running:
            server = SandboxServer(Options(**{"port": 0, "now": NOW, **options}))
            serve(server)
            running[key] = Client(server)
            if login:
                assert running[key].login().status_code == 200
        return running[key]

    yield start_one
    for client in running.values():
        client.session.close()
        client.server.shutdown()
        client.server.server_close()


def local(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=NEW_YORK).timestamp())


WEEK = (local(2026, 7, 6), local(2026, 7, 13))


def clean(rows: Rows, length: int = 900) -> dict[int, dict[str, Any]]:
    """Rows on the grid before now, by time: what any client would keep at least the energy of."""
    now = NOW.timestamp()
    return {r["ts"]: r for r in rows if r.get("ts", 1) % length == 0 and r["ts"] < now}


def kwh(rows: dict[int, dict[str, Any]]) -> float:
    return math.fsum(row["E"] for row in rows.values()) / 1000


def channel_ids(client: Client, site: int = 23271) -> dict[int, str]:
    records = client.get("/channels", organization=site, limit=100).json()["channels"]
    return {int(record["dataChannelId"]): record["channelName"] for record in records}


def mondays(first: date, count: int) -> list[tuple[int, int]]:
    days = [first + timedelta(days=7 * n) for n in range(count + 1)]
    bounds = [local(day.year, day.month, day.day) for day in days]
    return list(pairwise(bounds))
