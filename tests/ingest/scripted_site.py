"""A small site behind a scripted API: a test decides what its channels answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from scripted_api import EMAIL, KEY, PASSWORD, Answer, Asked, Reply, ScriptedApi, said
from support import ScriptResult, ScriptRunner

SITE = "777"
NOW = datetime(2026, 7, 16, 12, tzinfo=UTC)
METER_TYPE = 20
CODES = ("E", "P", "V", "Ex")

Readings = Callable[[int, Asked], Reply]
Record = dict[str, Any]


def rows_of(asked: Asked, step: int = 900, **more: Any) -> list[Record]:
    """Rows of 2 kW at every `step` seconds of the range asked for."""
    start, end = asked.daterange
    first = -(-start // step) * step
    return [{"ts": ts, "E": step / 1.8, "P": 2000.0, **more} for ts in range(first, end, step)]


def all_rows(_channel_id: int, asked: Asked) -> Reply:
    """A full answer at 15 minutes."""
    return said({"resolution": 900, "records": rows_of(asked)})


def channel(channel_id: int, **more: Any) -> Record:
    """A channel as /channels lists it."""
    return {
        "dataChannelId": str(channel_id),
        "channelName": f"Load {channel_id}",
        "deviceTypeId": str(METER_TYPE),
        **more,
    }


def scripted_site(
    readings: Readings = all_rows,
    channels: Sequence[Mapping[str, Any]] = (channel(1), channel(2)),
    codes: Sequence[str] = CODES,
) -> Answer:
    """Answers of an API with one site, 777."""
    organization = {
        "organizationId": SITE,
        "organizationName": "Elm Street",
        "timeZone": "America/New_York",
    }

    def answer(asked: Asked) -> Reply:
        match asked.path.strip("/").split("/"):
            case ["organizations"]:
                return said([organization])
            case ["organizations", site] if site == SITE:
                return said(organization)
            case ["organizations", _]:
                return said({"error": "Organization not found"}, 404)
            case ["channels"]:
                return said(list(channels))
            case ["fields", _]:
                return said([{"fieldName": code} for code in codes])
            case ["readings", channel_id]:
                return readings(int(channel_id), asked)
        return said([])

    return answer


def run_against(
    run_script: ScriptRunner,
    api: ScriptedApi,
    script: str,
    *args: object,
    now: datetime = NOW,
) -> ScriptResult:
    """Run a script with the settings of this API."""
    env = {
        "ENISCOPE_API_URL": api.url,
        "ENISCOPE_API_KEY": KEY,
        "ENISCOPE_EMAIL": EMAIL,
        "ENISCOPE_PASSWORD": PASSWORD,
        "ARGO_NOW": now.isoformat(),
    }
    return run_script(script, *args, env=env)


def ingest_site(
    run_script: ScriptRunner, api: ScriptedApi, *args: object, now: datetime = NOW
) -> ScriptResult:
    """Run ingest_to_postgres.py for the site."""
    script = "ingest/ingest_to_postgres.py"
    return run_against(run_script, api, script, "--site", SITE, *args, now=now)
