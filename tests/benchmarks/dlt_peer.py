"""The same endpoint loaded by dlt; runs in an environment of its own, see ingest_peer.py.

    PYTHON dlt_peer.py DATABASE_URL DAYS append|merge insert_values|csv

Nothing of Argo is imported. The API's address and credentials come from the same environment
variables as ingest's; one row per reading, keyed by channel and time, channels in parallel.
"""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import md5
from tempfile import TemporaryDirectory
from typing import Any

import dlt  # type: ignore[import-not-found]
import requests

SITE = "23271"
WINDOW = timedelta(days=7)


def signed_in(url: str) -> requests.Session:
    """A session that sends the token of one login."""
    password = os.environ["ENISCOPE_PASSWORD"].encode()
    digest = md5(password, usedforsecurity=False).hexdigest()
    login = b64encode(f"{os.environ['ENISCOPE_EMAIL']}:{digest}".encode()).decode()
    session = requests.Session()
    session.headers["User-Agent"] = "argo-benchmark"
    session.headers["X-Eniscope-API"] = os.environ["ENISCOPE_API_KEY"]
    answer = session.get(url + "/channels", headers={"Authorization": f"Basic {login}"}, timeout=60)
    session.headers["X-Eniscope-Token"] = answer.headers["X-Eniscope-Token"]
    return session


def readings(
    session: requests.Session, url: str, channel_id: str, start: datetime, end: datetime
) -> Iterator[list[dict[str, Any]]]:
    """The rows of one channel, window by window."""
    while start < end:
        stop = min(start + WINDOW, end)
        bounds = [("daterange[]", str(int(at.timestamp()))) for at in (start, stop)]
        answer = session.get(
            f"{url}/readings/{channel_id}", params=[*bounds, ("res", "900")], timeout=60
        )
        yield [{"channel_id": int(channel_id), **row} for row in answer.json()["records"]]
        start = stop


def main() -> None:
    """Load the last days of every channel that answers into the schema `peer_{way}_{format}`."""
    database_url, days, disposition, file_format = sys.argv[1:5]
    url = os.environ["ENISCOPE_API_URL"]
    end = datetime.fromisoformat(os.environ["ARGO_NOW"])
    start = end - timedelta(days=int(days))
    session = signed_in(url)
    channels = session.get(url + f"/channels?organization={SITE}&limit=100", timeout=60).json()
    keyed: dict[str, Any] = {"primary_key": ("channel_id", "ts")} if disposition == "merge" else {}
    write = {"disposition": "merge", "strategy": "upsert"} if keyed else disposition
    resources = [
        dlt.resource(
            readings(session, url, record["dataChannelId"], start, end),
            name=f"channel_{record['dataChannelId']}",
            table_name="readings",
            write_disposition=write,
            parallelized=True,
            **keyed,
        )
        for record in channels["channels"]
        if record["channelName"] not in ("Virtual Reference", "Test Channel")
    ]
    with TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "peer",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(database_url),
            dataset_name=f"peer_{disposition}_{file_format}",
        )
        pipeline.run(resources, loader_file_format=file_format)


if __name__ == "__main__":
    main()
