"""Runs the checks on a window and says what they found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg2

from govern.checks.check_file import Check, Severity
from govern.checks.overrides import Override
from govern.checks.window import Window
from lib.circuit_breaker import Verdict
from lib.database import Cursor
from lib.errors import ArgoError
from lib.schema import SQL_FOLDER

SAMPLE_ROWS = 5
METRICS_FILE = SQL_FOLDER / "metrics" / "measure_days.sql"

# One evaluation gives both the number of rows and the first of them.
_COUNT_AND_SAMPLE = """
WITH broken AS MATERIALIZED (
{sql}
)
SELECT
    (SELECT count(*) FROM broken),
    (SELECT coalesce(json_agg(sample), '[]') FROM (SELECT * FROM broken LIMIT {rows}) AS sample),
    {by_channel}
"""
_BY_CHANNEL = """(
    SELECT coalesce(array_agg(ARRAY[channel_id, times]), '{}')
    FROM (SELECT channel_id, count(*) AS times FROM broken GROUP BY channel_id) AS by_channel
)"""


@dataclass(frozen=True)
class CheckResult:
    """What one check found; `sample` holds up to five of the rows that break the rule.

    `of` is what `count` is a part of, where the threshold is a percentage and anything was found.
    """

    name: str
    severity: Severity
    verdict: Verdict
    count: int
    of: int | None
    threshold: str
    summary: str
    sample: list[dict[str, Any]]


@dataclass(frozen=True)
class ChannelShare:
    """The channel of which the largest part breaks a rule: `count` of its `of` readings."""

    named: str
    count: int
    of: int


@dataclass(frozen=True)
class KnownData:
    """How far ingestion had come: what it stores later, a validation does not cover."""

    last_log_id: int
    open_log_ids: list[int]


def known_data(cursor: Cursor, site_id: str) -> KnownData:
    """What ingestion has stored so far; ask before the checks look, in their transaction."""
    cursor.execute(
        """
        SELECT
            (SELECT coalesce(max(id), 0) FROM ingestion_logs
             WHERE organization_id = %(site_id)s AND readings_inserted + readings_changed > 0),
            (SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM ingestion_logs
             WHERE organization_id = %(site_id)s AND status = 'running')
        """,
        {"site_id": site_id},
    )
    last_log_id, open_log_ids = cursor.fetchone()
    return KnownData(last_log_id, open_log_ids)


def run_checks(cursor: Cursor, checks: Iterable[Check], window: Window) -> list[CheckResult]:
    """Measure the days' quality, then run each check, inside the cursor's transaction.

    Raises ArgoError that names the check whose query PostgreSQL refused.
    """
    # Sample rows show UTC whatever the server's default is; compiling costs more than it saves.
    cursor.execute("SET LOCAL timezone = 'UTC'")
    cursor.execute("SET LOCAL jit = off")
    parameters = window.parameters()
    cursor.execute(METRICS_FILE.read_text(encoding="utf-8"), parameters)
    return [_run_check(cursor, check, parameters, window) for check in checks]


def overall_verdict(results: Iterable[CheckResult]) -> Verdict:
    """fail when any error-level check failed, else warn when any warned, else pass."""
    verdicts = {result.verdict for result in results}
    if "fail" in verdicts:
        return "fail"
    return "warn" if "warn" in verdicts else "pass"


def judge(
    check: Check,
    count: int,
    of: int | None,
    sample: list[dict[str, Any]],
    where: str = "",
    worst: ChannelShare | None = None,
) -> CheckResult:
    """Compare what a check found with its threshold; `where` is where its first row stands.

    `worst` decides for a threshold per channel.
    """
    verdict: Verdict = "pass"
    judged = (worst.count, worst.of) if worst else (count, of)
    if not check.threshold.allows(*judged):
        verdict = "fail" if check.severity == "error" else "warn"
    return CheckResult(
        name=check.name,
        severity=check.severity,
        verdict=verdict,
        count=count,
        of=of,
        threshold=str(check.threshold),
        summary=_sentence(check, count, of, sample, where, worst),
        sample=sample,
    )


def record_validation(
    cursor: Cursor,
    window: Window,
    results: Sequence[CheckResult],
    started_at: datetime,
    finished_at: datetime,
    known: KnownData,
    override: Override | None = None,
) -> int:
    """Write the row of validation_runs; `known` is what was stored when the checks began.

    Returns its id.
    """
    cursor.execute(
        """
        INSERT INTO validation_runs (
            organization_id, window_start, window_end, verdict, checks, started_at, finished_at,
            overridden_by, override_reason, last_log_id, open_log_ids
        ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (
            window.site_id,
            window.period.start,
            window.period.end,
            overall_verdict(results),
            json.dumps([asdict(result) for result in results]),
            started_at,
            finished_at,
            override.by if override else None,
            override.reason if override else None,
            known.last_log_id,
            known.open_log_ids,
        ),
    )
    return int(cursor.fetchone()[0])


def _run_check(
    cursor: Cursor, check: Check, parameters: Mapping[str, Any], window: Window
) -> CheckResult:
    try:
        by_channel = _BY_CHANNEL if check.threshold.is_per_channel else "NULL"
        query = _COUNT_AND_SAMPLE.format(sql=check.sql, rows=SAMPLE_ROWS, by_channel=by_channel)
        cursor.execute(query, parameters)
        count, sample, counts = cursor.fetchone()
        of, worst = None, None
        # Nothing is broken: what it would be a part of need not be counted.
        if count and check.threshold.of_sql is not None:
            cursor.execute(check.threshold.of_sql, parameters)
            if check.threshold.is_per_channel:
                totals = dict(cursor.fetchall())
                of, worst = sum(totals.values()), _worst_channel(check, counts, totals, window)
            else:
                of = int(cursor.fetchone()[0])
    except (psycopg2.Error, KeyError, ValueError, TypeError, IndexError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ArgoError(f"the check {check.name} cannot be run: {reason}") from error
    where = window.place(sample[0]) if sample else ""
    return judge(check, int(count), of, sample, where, worst)


def _worst_channel(
    check: Check, counts: Sequence[Sequence[int]], totals: Mapping[int, int], window: Window
) -> ChannelShare | None:
    """The channel that breaks the rule, or else the one with the largest part; None without any."""
    shares = [
        # A channel with nothing to be a part of is broken whole.
        ChannelShare(window.place({"channel_id": channel_id}), count, totals.get(channel_id, count))
        for channel_id, count in counts
    ]
    return max(
        shares,
        key=lambda one: (not check.threshold.allows(one.count, one.of), one.count / one.of),
        default=None,
    )


def _sentence(
    check: Check,
    count: int,
    of: int | None,
    sample: list[dict[str, Any]],
    where: str,
    worst: ChannelShare | None,
) -> str:
    """One plain sentence with the numbers."""
    if count == 0:
        return f"{check.fault}: none"
    text = f"{check.fault}: {count:,}"
    if worst:
        share = 100 * worst.count / worst.of
        text += (
            f", of {worst.named} {worst.count:,} of {worst.of:,} ({share:.1f} %, allowed "
            f"{check.threshold})"
        )
    elif of:
        text += f" of {of:,} ({100 * count / of:.1f} %, allowed {check.threshold})"
    elif check.threshold.limit:
        text += f" (allowed {check.threshold})"
    first = sample[0]
    if first.get("detail"):
        return f"{text}; {first['detail']}"
    return f"{text}; first {where}" if where else text
