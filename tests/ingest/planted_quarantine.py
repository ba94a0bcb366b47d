"""What the tests of replay share: the script under other settings, and a planted quarantine."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from support import Database, ScriptRunner

from config.sites import SITES_FILE

SCRIPT = "ingest/replay_rejected.py"
TABLES = ("readings", "rejected_readings", "ingestion_logs", "reading_conflicts", "channels")

# A site of one meter, planted by SQL.
RUN, SITE, METER = "00000000-0000-4000-8000-000000000007", "1", 7
DAY = datetime(2026, 7, 1, tzinfo=UTC)
NOW = DAY + timedelta(days=2)


def sites_file(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    """The environment of a script that finds config/sites.yaml with other settings of the sites."""
    document = yaml.safe_load(SITES_FILE.read_text())
    document["sites"]["23271"] |= settings
    document["sites"][SITE] = {"timezone": "UTC", **settings}
    path = folder / "sites.yaml"
    path.write_text(yaml.safe_dump(document))
    return {"ARGO_SITES_FILE": str(path)}


def contents(database: Database, *tables: str) -> dict[str, str]:
    """A fingerprint of each table."""
    return {
        table: database.scalar(
            f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t"
        )
        for table in tables or TABLES
    }


def readings(database: Database) -> list[tuple[Any, ...]]:
    """Every stored reading with all its measures, without who stored it and when."""
    return database.execute(
        "SELECT (to_jsonb(r) - 'run_id' - 'ingested_at')::text FROM readings AS r ORDER BY 1"
    )


def quarantine(database: Database) -> list[tuple[Any, ...]]:
    return database.execute(
        'SELECT channel_id, scope, reason, field, value, "timestamp" FROM rejected_readings '
        'ORDER BY channel_id, scope, reason, "timestamp", field, value'
    )


def replayed_logs(database: Database) -> list[tuple[Any, ...]]:
    return database.execute(
        "SELECT readings_fetched, readings_inserted, readings_duplicate, readings_rejected, "
        "readings_changed, window_start, window_end FROM ingestion_logs "
        "WHERE error_message = 'replay of quarantine' ORDER BY window_start"
    )


def replayed(
    run_script: ScriptRunner,
    folder: Path,
    *args: object,
    site: str = SITE,
    now: datetime = NOW,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Run the replay under these settings of the site; returns its JSON document."""
    env = {"ARGO_NOW": now.isoformat(), **sites_file(folder, settings or {})}
    done = run_script(SCRIPT, "--site", site, "--json", *args, env=env)
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def at(quarter: int) -> datetime:
    """The start of a quarter-hour of the day."""
    return DAY + timedelta(minutes=15 * quarter)


def plant_site(database: Database) -> None:
    """Quarter-hours 0 to 7 and 90 to 95 are stored, 1 kWh each; the run asked for quarter-hours."""
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES (%(site)s, 'Site', 'UTC'); "
        "INSERT INTO channels (channel_id, organization_id, channel_name, interval_seconds) "
        "VALUES (%(meter)s, %(site)s, 'Meter', 900); "
        "INSERT INTO readings (channel_id, timestamp, interval_seconds, run_id, energy_kwh, "
        "power_kw, voltage_v) SELECT %(meter)s, at, 900, %(run)s, 1, 4, 230 FROM (SELECT %(day)s "
        "+ q * interval '15 minutes' AS at FROM generate_series(0, 95) AS q "
        "WHERE q < 8 OR q >= 90) AS stored; "
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
        "window_end, interval_seconds, status, readings_fetched, readings_inserted, started_at, "
        "finished_at, aggregated_at) VALUES (%(run)s, %(site)s, %(meter)s, %(day)s, "
        "%(day)s + interval '1 day', 900, 'success', 14, 14, %(day)s, %(day)s, %(day)s)",
        {"site": SITE, "meter": METER, "run": RUN, "day": DAY},
    )


def refuse(
    database: Database,
    quarter: int,
    reason: str,
    field: str | None,
    value: str | None,
    *,
    scope: str = "row",
    run: str = RUN,
    rejected_at: datetime = NOW,
    seconds: int = 0,
    **raw: object,
) -> None:
    """Put a record, or one value of it, into quarantine as ingest would have."""
    start = at(quarter) + timedelta(seconds=seconds)
    record = json.dumps({"ts": int(start.timestamp()), **raw})
    database.execute(
        "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, field, "
        "value, raw, raw_md5, rejected_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, md5(%s), %s)",
        (run, METER, start, scope, reason, field, value, record, record, rejected_at),
    )
