"""What the tests of gaps do again and again: look for them, take readings away, bring them back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from clean_site import CleanSite
from support import ScriptRunner

SCRIPT = "govern/detect_data_gaps.py"
FORGET_AGGREGATES = "; UPDATE ingestion_logs SET aggregated_at = NULL"


def found(run_script: ScriptRunner, *args: object, **env: str) -> dict[str, Any]:
    done = run_script(SCRIPT, *args, "--json", env=env)
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def changes(document: dict[str, Any]) -> dict[str, int]:
    """What changed in the book, without the zeros."""
    words = ("new", "changed", "reopened", "closed", "merged")
    return {word: document[word] for word in words if document[word]}


def remove(site: CleanSite, channel_id: int, start: str, end: str) -> None:
    site.database.execute(
        f"DELETE FROM readings WHERE channel_id = {channel_id} AND timestamp >= '{start}' "
        f"AND timestamp < '{end}'{FORGET_AGGREGATES}"
    )


def bring_back(site: CleanSite, channel_id: int, start: str, end: str) -> None:
    """Store any readings for [start, end), as a later run of ingestion does."""
    site.database.execute(
        "INSERT INTO readings (channel_id, timestamp, interval_seconds, energy_kwh, power_kw, "
        "run_id) SELECT %(channel)s, at, 900, 0.5, 2, "
        "'00000000-0000-4000-8000-00000000000f' FROM generate_series(%(start)s::timestamptz, "
        "%(end)s::timestamptz - interval '15 minutes', '15 minutes') AS at; "
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, readings_fetched, readings_inserted, started_at, "
        "finished_at) SELECT '00000000-0000-4000-8000-00000000000f', %(site)s, %(channel)s, "
        "%(start)s, %(end)s, 900, 'success', count(*), count(*), %(now)s, %(now)s FROM readings "
        "WHERE run_id = '00000000-0000-4000-8000-00000000000f'",
        {
            "channel": channel_id, "start": start, "end": end, "site": site.site_id,
            "now": site.now,
        },
    )  # fmt: skip


def book(site: CleanSite) -> list[tuple[Any, ...]]:
    """(gap_id, channel, start, end, missing, reason, open?) of every row, by channel and start."""
    return site.database.execute(
        "SELECT gap_id, channel_id, to_char(gap_start AT TIME ZONE 'UTC', 'DD HH24:MI'), "
        "to_char(gap_end AT TIME ZONE 'UTC', 'DD HH24:MI'), missing_intervals, reason, "
        "filled_at IS NULL FROM data_gaps ORDER BY channel_id, gap_start"
    )
