"""The server through its front door: one server, asked as a client would ask it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2.errors
import pytest
from stored_site import ZONE, store_site
from support import Database

from config.settings import PROJECT_ROOT
from lib.database import Server, fetch_all

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from deliver.dashboard.reader import Reader
from deliver.dashboard.reports import weekly_reports
from deliver.dashboard.server import create_app

KEY = "a-key-of-the-tests-0123456789"
NOW = "2026-11-02T12:00:00Z"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Asks the server of this file; with the key unless other headers are given."""

    url: str
    database: Database

    def ask(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
        address = urlsplit(self.url)
        with closing(HTTPConnection(str(address.hostname), address.port, timeout=60)) as connection:
            connection.request(
                method, path, headers={"X-API-Key": KEY} if headers is None else headers
            )
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())

    def walk(self, path: str | None) -> list[list[dict[str, Any]]]:
        """The items of every page from `path` on."""
        pages = []
        while path is not None:
            answer = self.ask(path)
            assert answer.status == 200, answer.body
            pages.append(answer.json["items"])
            path = answer.json["next"]
        return pages


@pytest.fixture(scope="module")
def client(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A running server over the stored site and a folder of reports."""
    store_site(module_database)
    folder = tmp_path_factory.mktemp("server")
    write_reports(folder / "reports")
    process = subprocess.Popen(
        [sys.executable, PROJECT_ROOT / "deliver/generate_quality_dashboard.py", "--serve",
         "--port", "0"],
        env={**os.environ, "DATABASE_URL": module_database.url, "ARGO_API_KEY": KEY,
             "ARGO_NOW": NOW, "ARGO_OUTPUT_DIR": str(folder)},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield Client(process.stdout.readline().strip(), module_database)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
        process.stdout.close()


def write_reports(reports: Path) -> None:
    """Two reports, and what is none of anybody's business."""
    (reports / "23271").mkdir(parents=True)
    (reports / "..hidden").mkdir()
    for name in ("23271/weekly_2026-10-26.json", "23271/weekly_2026-10-26.html",
                 "23271/weekly_2026-10-26.json.bak", "23271/.argo-1.tmp", "23271/notes.txt",
                 "..hidden/weekly_2026-10-26.json", "dashboard.html"):  # fmt: skip
        (reports / name).write_text("{}")
    (reports / "23271" / "weekly_2026-10-19.json").symlink_to("/etc/hostname")


# Of a whole number of pages the last must not be followed by an empty one.
@pytest.mark.parametrize("limit", [7, 50, 1000])
def test_pages_of_readings_hold_every_row_exactly_once(client: Client, limit: int) -> None:
    day = "start=2026-11-01&end=2026-11-01" if limit < 1000 else "start=2026-01-01"
    pages = client.walk(f"/api/readings/11?limit={limit}&{day}")
    walked = [datetime.fromisoformat(one["reading_utc"]) for page in pages for one in page]
    stored = client.database.execute(
        """SELECT "timestamp" FROM readings WHERE channel_id = 11
           AND (%s OR ("timestamp" AT TIME ZONE %s)::date = '2026-11-01') ORDER BY 1""",
        [limit == 1000, ZONE],
    )
    assert walked == [at for (at,) in stored]
    assert all(0 < len(page) <= limit for page in pages)


def test_a_day_of_25_hours_tells_its_two_hours_of_one_name_apart(client: Client) -> None:
    answer = client.ask("/api/readings/12?start=2026-11-01&end=2026-11-01").json
    assert len(answer["items"]) == 100
    twice = [one for one in answer["items"] if "T01:30" in one["reading_local"]]
    assert [(one["reading_utc"], one["reading_local"]) for one in twice] == [
        ("2026-11-01T05:30:00Z", "2026-11-01T01:30:00-04:00"),
        ("2026-11-01T06:30:00Z", "2026-11-01T01:30:00-05:00"),
    ]


def test_a_reading_is_what_is_stored_with_its_units(client: Client) -> None:
    answer = client.ask("/api/readings/12?limit=1").json
    (reading,) = answer["items"]
    # Channel 12 carries 12 kW: 3 kWh in 15 minutes.
    assert (reading["power_kw"], reading["energy_kwh"], reading["voltage_v"]) == (12, 3, 120.4)
    assert reading["temperature_c"] is None
    assert (answer["units"]["power_kw"], answer["units"]["energy_kwh"]) == ("kW", "kWh")
    assert answer["channel"]["timezone"] == ZONE
    # Nothing of the week was ever validated.
    assert answer["blocked_days"] == ["2026-10-26"]


def test_pages_of_sites_and_channels_hold_each_exactly_once(client: Client) -> None:
    pages = client.walk("/api/channels?limit=2")
    assert [[one["channel_id"] for one in page] for page in pages] == [[11, 12], [13]]
    assert [one["site_id"] for page in client.walk("/api/sites?limit=1") for one in page] == [
        "23271"
    ]
    assert len(client.ask("/api/channels?site=23271").json["items"]) == 3


def test_reports_are_those_that_we_wrote_and_nothing_else(client: Client) -> None:
    pages = client.walk("/api/reports?limit=1")
    assert [one["path"] for page in pages for one in page] == [
        "23271/weekly_2026-10-26.html", "23271/weekly_2026-10-26.json",
    ]  # fmt: skip
    assert client.ask("/api/reports?site=1").json["items"] == []


def test_no_folder_of_reports_means_no_reports(tmp_path: Path) -> None:
    assert weekly_reports(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/readings/99", 404),
        ("/api/readings/x", 422),
        ("/api/readings/-1", 422),
        ("/api/readings/99999999999999999999", 422),
        ("/api/readings/11?limit=0", 422),
        ("/api/readings/11?limit=5001", 422),
        ("/api/readings/11?limit=1;DROP%20TABLE%20readings", 422),
        ("/api/readings/11?start=2026-13-01", 422),
        ("/api/readings/11?start=0001-01-01", 422),
        ("/api/readings/11?start=%D9%A2%D9%A0%D9%A2%D9%A6-01-01", 422),
        ("/api/readings/11?start=2026-11-02&end=2026-11-01", 422),
        ("/api/readings/11?after=2026-11-01", 422),
        ("/api/readings/11?after=2026-11-01T00:00:00", 422),
        ("/api/readings/11?after='%20OR%20true", 422),
        ("/api/sites/", 404),
        ("/api/channels?site=none", 404),
        ("/api/channels?site=%00", 422),
        ("/api/channels?site=%27%3B%20DELETE%20FROM%20readings%3B--", 404),
        ("/api/channels?after=x", 422),
        ("/api/sites?limit=1001", 422),
        ("/api/reports/../../etc/passwd", 404),
        ("/api/reports/%2e%2e%2fsecret", 404),
        ("/api", 404),
        ("/nothing", 404),
    ],
)
def test_what_cannot_be_answered_is_told_as_json_without_a_traceback(
    client: Client, path: str, status: int
) -> None:
    answer = client.ask(path)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["error"]["status"] == status
    assert answer.json["error"]["message"]
    assert b"Traceback" not in answer.body
    assert b"psycopg" not in answer.body


def test_times_at_the_ends_of_the_calendar_are_answered(client: Client) -> None:
    for after, count in (
        ("0001-01-01T00:00:00%2B14:00", 1),
        ("9999-12-31T23:59:59-12:00", 0),
        ("0001-01-01T00:00:00%2B23:59", 1),
    ):
        answer = client.ask(f"/api/readings/11?limit=1&after={after}")
        assert (answer.status, len(answer.json["items"])) == (200, count)
    assert client.ask("/api/readings/11?end=2999-12-31&limit=1").status == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/api/sites", "/nothing"])
def test_nothing_is_told_without_the_key(client: Client, path: str) -> None:
    for headers in ({}, {"X-API-Key": "wrong"}, {"X-API-Key": ""}, {"X-API-Key": KEY[:-1]},
                    {"Authorization": "Basic %%%"}, {"Authorization": "Bearer"}):  # fmt: skip
        answer = client.ask(path, headers=headers)
        assert (answer.status, answer.json["error"]["status"]) == (401, 401)
        assert answer.headers["www-authenticate"].startswith("Basic")


def test_the_key_may_come_as_a_browser_or_a_tool_sends_it(client: Client) -> None:
    login = base64.b64encode(f"anybody:{KEY}".encode()).decode()
    for value in (f"Bearer {KEY}", f"Basic {login}"):
        assert client.ask("/api/sites", headers={"Authorization": value}).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_there_is_nothing_to_write_with(client: Client, method: str) -> None:
    for path in ("/api/readings/11", "/api/sites", "/"):
        assert client.ask(path, method).status == 405
    assert client.database.scalar("SELECT count(*) FROM readings WHERE channel_id = 11") == 676


def test_only_names_of_this_machine_are_answered(client: Client) -> None:
    answer = client.ask("/api/sites", headers={"X-API-Key": KEY, "Host": "rebound.example:80"})
    assert answer.status == 421


def test_the_page_is_the_dashboard_and_may_not_be_framed_or_kept(client: Client) -> None:
    answer = client.ask("/")
    assert answer.status == 200
    assert "Wilson Center" in answer.body.decode()
    assert "Live, read" in answer.body.decode()
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert client.ask("/api/quality").json["sites"][0]["id"] == "23271"


def test_the_description_names_every_call_and_its_page_needs_no_other_file(client: Client) -> None:
    described = client.ask("/openapi.json").json
    assert set(described["paths"]) == {
        "/api/sites", "/api/channels", "/api/readings/{channel_id}", "/api/reports", "/api/quality",
    }  # fmt: skip
    # What an item is said to hold is what it holds.
    schemas = described["components"]["schemas"]
    for path, schema in {
        "/api/sites": "Site",
        "/api/channels": "Channel",
        "/api/readings/11?limit=1": "Reading",
        "/api/reports": "Report",
    }.items():
        item = client.ask(path).json["items"][0]
        assert set(item) == set(schemas[schema]["properties"])
    page = client.ask("/docs").body.decode()
    assert "/api/readings/{channel_id}" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_taken_port_is_one_line(client: Client) -> None:
    done = subprocess.run(
        [sys.executable, PROJECT_ROOT / "deliver/generate_quality_dashboard.py", "--serve",
         "--port", str(urlsplit(client.url).port)],
        env={**os.environ, "DATABASE_URL": client.database.url},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot listen on 127.0.0.1:")


def test_the_server_reads_as_the_reader_role_and_cannot_write(client: Client) -> None:
    reader = Reader(Server(client.database.reader_url, is_embedded=True))
    with reader.snapshot() as connection:
        (row,) = fetch_all(
            connection, "SELECT current_user AS who, current_setting('transaction_read_only') AS ro"
        )
        assert (row["who"], row["ro"]) == ("argo_reader", "on")
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            cursor.execute("CREATE TABLE taken (id int)")


def test_a_slow_or_missing_database_is_told_as_json(client: Client, tmp_path: Path) -> None:
    slow = Reader(Server(client.database.reader_url, is_embedded=True), statement_seconds=0.05)
    gone = Reader(Server("postgresql:///none?host=/nonexistent", is_embedded=True))
    with closing(client.database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE organizations IN ACCESS EXCLUSIVE MODE")
        for reader, message in ((slow, "took too long"), (gone, "cannot be asked")):
            app = create_app(reader, tmp_path, None, False)
            answer = asked_in_process(app, "/api/sites")
            assert answer.status == 503
            assert message in answer.json["error"]["message"]


def asked_in_process(app: Any, path: str) -> Answer:
    """One GET of an app that no server runs."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"host", b"localhost")], "http_version": "1.1",
        "scheme": "http", "server": ("localhost", 80), "client": ("localhost", 1), "root_path": "",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return Answer(sent[0]["status"], {}, b"".join(part.get("body", b"") for part in sent[1:]))
