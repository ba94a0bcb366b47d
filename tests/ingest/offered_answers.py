"""Raw bytes of an answer through the real client, rules and store into a database."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from scripted_api import Asked, Reply, ScriptedApi, client_of, scripted_api
from support import Database

from config.settings import get_settings
from config.sites import site_config
from ingest.eniscope import client as client_module
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.fields import USUAL_CODES
from ingest.eniscope.resources import Channel, Organization
from ingest.pipeline.plan import PlannedWindow
from ingest.pipeline.run import RunOptions, ingest_windows
from ingest.pipeline.site import Site
from ingest.store.readings import Outcome
from lib.timing import Stopwatch

SITE, CHANNEL, METER_TYPE = "23271", 162119, 20
START = datetime(2026, 7, 14, tzinfo=UTC)
END = START + timedelta(days=1)
NOON = int((START + timedelta(hours=12)).timestamp())
NOW = START + timedelta(days=2)
TABLES = ("readings", "ingestion_logs", "rejected_readings", "reading_conflicts")


@dataclass
class Intake:
    """One channel whose API answers what it is told to, and the database it is stored in."""

    api: ScriptedApi
    client: EniscopeClient
    connection: Any
    site: Site
    body: bytes = b"[]"

    def offer(self, body: bytes) -> Outcome:
        """Ingest one day of the channel, for which the API answers `body`."""
        self.body = body
        outcomes: list[Outcome] = []
        planned = PlannedWindow(self.site.channels[0], START, END)
        ingest_windows(
            self.client,
            self.connection,
            self.site,
            [planned],
            RunOptions(interval_seconds=900),
            Stopwatch(),
            lambda _planned, outcome: outcomes.append(outcome),
        )
        (outcome,) = outcomes
        return outcome

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def energies(self) -> list[float | None]:
        """Stored energies [kWh] in the order of time."""
        return [kwh for (kwh,) in self.rows('SELECT energy_kwh FROM readings ORDER BY "timestamp"')]

    def forget(self) -> None:
        """Start anew with an empty database."""
        with self.connection, self.connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"DELETE FROM {table}")

    def assert_books_balance(self) -> None:
        """Whatever was offered has been counted once, and what is stored is finite."""
        ((stored, inserted, quarantined, rejected, unequal),) = self.rows(
            """
            SELECT (SELECT count(*) FROM readings),
                   (SELECT coalesce(sum(readings_inserted), 0) FROM ingestion_logs),
                   (SELECT coalesce(sum(times_seen), 0) FROM rejected_readings WHERE scope = 'row'),
                   (SELECT coalesce(sum(readings_rejected), 0) FROM ingestion_logs),
                   (SELECT count(*) FROM ingestion_logs WHERE status = 'running' OR readings_fetched
                    <> readings_inserted + readings_duplicate + readings_rejected)
            """
        )
        assert (stored, quarantined, unequal) == (inserted, rejected, 0)
        for row in self.rows("SELECT * FROM readings"):
            numbers = [value for value in row if isinstance(value, float)]
            assert [value for value in numbers if not math.isfinite(value)] == [], row


@contextmanager
def intake(database: Database) -> Iterator[Intake]:
    """A server, a client and a database with one channel, for the tests of one file."""
    with ExitStack() as stack:
        monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
        monkeypatch.setenv("ARGO_NOW", NOW.isoformat())
        monkeypatch.setattr(client_module, "_backoff", lambda _state: 0.0)
        get_settings.cache_clear()
        database.execute(
            "INSERT INTO organizations (organization_id, organization_name, timezone) "
            "VALUES (%s, 'Wilson Center', 'America/New_York'); "
            "INSERT INTO channels (channel_id, organization_id, channel_name, channel_type) "
            "VALUES (%s, %s, 'RTU-2', 'energy')",
            (SITE, CHANNEL, SITE),
        )
        api = stack.enter_context(scripted_api(lambda _asked: Reply()))
        client = stack.enter_context(client_of(api.url))
        connection = stack.enter_context(closing(psycopg2.connect(database.url)))
        taken = Intake(api, client, connection, _site())

        def answer(_asked: Asked) -> Reply:
            return Reply(body=taken.body)

        api.answer = answer
        yield taken
    get_settings.cache_clear()


def _site() -> Site:
    nothing = dict.fromkeys(Channel.__dataclass_fields__)
    channel = Channel(
        **nothing
        | {
            "channel_id": CHANNEL,
            "organization_id": SITE,
            "name": "RTU-2",
            "device_type_id": METER_TYPE,
        }  # type: ignore[arg-type]
    )
    return Site(
        organization=Organization(SITE, "Wilson Center", None, "America/New_York", "USD"),
        timezone="America/New_York",
        channels=(channel,),
        codes={METER_TYPE: USUAL_CODES},
        channel_types={CHANNEL: "energy"},
        config=site_config(SITE),
    )
