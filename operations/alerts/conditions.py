"""What is wrong at an instant: the rows of operations/alerts/sql, and what SQL cannot know."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2

from config.alerts import AlertRule, AlertsConfig
from config.settings import get_settings
from lib.database import Connection, fetch_all, transaction
from lib.date_utils import zone
from lib.errors import ArgoError

SQL_FOLDER = Path(__file__).with_name("sql")
SQL_MEASURES = frozenset(path.stem for path in SQL_FOLDER.glob("*.sql")) - {"channel_lag"}
FINDING_MEASURES = frozenset({"spike_cost", "anomaly_cost", "after_hours_cost"})
# A query of one's own that takes longer, or finds more, is wrong itself.
OWN_SQL_SECONDS = 20
OWN_SQL_ROWS = 500
SYNC_STEPS = {
    "15min": timedelta(minutes=15), "hourly": timedelta(hours=1), "daily": timedelta(days=1)
}  # fmt: skip


class CannotCheck(ArgoError):
    """A rule could not be evaluated; what it said before stands until it can."""


@dataclass(frozen=True)
class Found:
    """One fault: the rule, where it is, since when, and a sentence that proves it.

    `subject` tells two faults of one rule and place apart.
    """

    rule: str
    site_id: str | None
    detail: str
    channel_id: int | None = None
    subject: str = ""
    since: datetime | None = None


def check_rule(
    connection: Connection,
    rule: AlertRule,
    config: AlertsConfig,
    now: datetime,
    *,
    as_of: bool = False,
) -> list[Found]:
    """Everything a rule finds at `now`, at the sites it covers.

    With `as_of`, what was stored after `now` is not seen. Raises CannotCheck for a query that the
    database refuses.
    """
    if rule.measure == "sql":
        rows = _own_rows(connection, rule, now)
    elif rule.measure == "disk_free":
        rows = full_disks(watched_folders(), _limit(rule))
    elif rule.measure == "no_readings":
        answers = _rows(connection, rule, now, as_of=as_of)
        step, grace = SYNC_STEPS[config.sync_every], timedelta(hours=_limit(rule))
        rows = [late for answer in answers if (late := overdue(answer, now, step, grace))]
    else:
        rows = _rows(connection, rule, now, as_of=as_of)
    return [found for row in rows if rule.covers((found := _found(rule, row)).site_id)]


def _limit(rule: AlertRule) -> float:
    assert rule.condition is not None
    return rule.condition.limit


def _rows(
    connection: Connection, rule: AlertRule, now: datetime, *, as_of: bool
) -> list[dict[str, Any]]:
    parameters = {"now": now, "limit": _limit(rule), "as_of": as_of}
    return fetch_all(connection, query_text(rule.measure), parameters)


def query_text(measure: str) -> str:
    """The query of a measure, with what it says it begins with."""
    text = (SQL_FOLDER / f"{measure}.sql").read_text(encoding="utf-8")
    first = re.search(r"^-- with: (\w+)$", text, re.MULTILINE)
    parts = [query_text(first.group(1))] if first else []
    # Comments may hold the % that parameters are marked with.
    return "\n".join([*parts, re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE)])


def _found(rule: AlertRule, row: Mapping[str, Any]) -> Found:
    site_id, channel_id = row.get("site_id"), row.get("channel_id")
    return Found(
        rule=rule.name,
        site_id=None if site_id is None else str(site_id),
        detail=" ".join(str(row["detail"]).split()),
        channel_id=channel_id,
        subject=str(row.get("subject") or ""),
        since=row.get("since"),
    )


def next_due(last: datetime, step: timedelta, timezone: str) -> datetime:
    """When the sync after the one of `last` is due.

    A daily one keeps to a clock on the wall: this machine's or the site's. Where clocks are put
    back, the day has 25 hours; the latest of what may be meant is taken.
    """
    if step < timedelta(days=1):
        return last + step
    on_site = (last.astimezone(zone(timezone)) + step).astimezone(UTC)
    # Without a zone Python means the machine's own.
    on_machine = (last.astimezone().replace(tzinfo=None) + step).astimezone(UTC)
    return max(last + step, on_site, on_machine)


def overdue(
    answer: Mapping[str, Any], now: datetime, step: timedelta, grace: timedelta
) -> dict[str, Any] | None:
    """What to say of a site's syncs (a row of no_readings.sql); None where none is overdue."""
    last = answer["last_answered_at"]
    due_at = next_due(last, step, answer["timezone"]) if last else answer["first_tried_at"]
    if now < due_at + grace:
        return None
    clock = zone(answer["timezone"])
    when = f"the last good sync began {last.astimezone(clock):%Y-%m-%d %H:%M}" if last else (
        "no sync was ever answered"
    )  # fmt: skip
    failed_at, error = answer["last_failed_at"], answer["last_error"]
    is_newer = failed_at is not None and (last is None or failed_at > last)
    why = f"; the newest failed: {error}" if is_newer and error else ""
    detail = f"nothing arrived: {when}, the next was due {due_at.astimezone(clock):%Y-%m-%d %H:%M}"
    return {"site_id": answer["site_id"], "since": due_at, "detail": detail + why}


def watched_folders() -> dict[str, Path]:
    """What fills disks: the reports and logs, and the embedded database where there is one."""
    settings = get_settings()
    folders = {"reports and logs": settings.argo_output_dir}
    if settings.data_dir.exists():
        folders["database"] = settings.data_dir
    return folders


def full_disks(folders: Mapping[str, Path], least_free_pct: float) -> list[dict[str, Any]]:
    """One row for each disk that has less left than `least_free_pct` of it."""
    rows: dict[int, dict[str, Any]] = {}
    for name, folder in folders.items():
        while not folder.exists():
            folder = folder.parent
        usage, device = shutil.disk_usage(folder), os.stat(folder).st_dev
        # Of what may be used: some is kept back for the system.
        free_pct = 100 * usage.free / (usage.free + usage.used)
        if free_pct < least_free_pct and device not in rows:
            told = f"{free_pct:.1f} % ({usage.free / 1e9:.1f} GB) is left on the disk of {folder}"
            rows[device] = {"detail": f"{told} ({name})", "subject": name}
    return list(rows.values())


def _own_rows(connection: Connection, rule: AlertRule, now: datetime) -> list[dict[str, Any]]:
    """The rows of a query of one's own; `connection` is the reader's. Raises CannotCheck."""
    assert rule.sql is not None
    try:
        with transaction(connection) as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)", (f"{OWN_SQL_SECONDS}s",)
            )
            if "$argo$" in rule.sql:
                raise CannotCheck(f"rule {rule.name}: its sql must not hold $argo$")
            # PL/pgSQL opens a cursor for one SELECT and for nothing else.
            text = cursor.mogrify("%s", (rule.sql.strip().rstrip(";"),)).decode()
            cursor.execute(
                "DO $argo$ DECLARE own refcursor := 'argo_own'; "
                f"BEGIN OPEN own FOR EXECUTE {text}; END $argo$"
            )
            cursor.execute(f"FETCH {OWN_SQL_ROWS} FROM argo_own")
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except psycopg2.Error as error:
        first_line = str(error).strip().split("\n")[0]
        raise CannotCheck(f"rule {rule.name}: its sql is refused: {first_line}") from None
    return [_checked(rule, row, now) for row in rows]


def _checked(rule: AlertRule, row: dict[str, Any], now: datetime) -> dict[str, Any]:
    """A row with what a fault needs. Raises CannotCheck for what cannot be one."""
    if "detail" not in row:
        plain: Iterable[str] = (f"{name} {value}" for name, value in row.items())
        row["detail"] = ", ".join(plain)
    since, channel_id = row.get("since"), row.get("channel_id")
    if since is not None and (not isinstance(since, datetime) or since.tzinfo is None):
        raise CannotCheck(f"rule {rule.name}: its column since must be a timestamptz")
    if channel_id is not None and not isinstance(channel_id, int):
        raise CannotCheck(f"rule {rule.name}: its column channel_id must be a whole number")
    return row
