"""Runs the checks on a window and says what they found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg2

from govern.checks.check_file import Check, Severity, Threshold
from govern.checks.overrides import Override
from govern.checks.window import DEFAULT_INTERVAL_SECONDS, Window
from lib.circuit_breaker import Verdict
from lib.database import Cursor
from lib.errors import ArgoError
from lib.schema import SQL_FOLDER

# A channel, and a local day of it (YYYY-MM-DD) where each day is judged by itself.
Share = tuple[int, str | None]

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
    (SELECT md5(sum(hashtextextended(broken::text, 0)::numeric)::text) FROM broken),
    {by_channel}
"""
_BY_CHANNEL = """(
    SELECT coalesce(json_agg(json_build_array(channel_id, day, amount)), '[]')
    FROM (
        SELECT channel_id, {day} AS day, {amount} AS amount FROM broken GROUP BY 1, 2
    ) AS by_channel
)"""


@dataclass(frozen=True)
class CheckResult:
    """What one check found; `sample` holds up to five of the rows that break the rule.

    `of` is what `count` is a part of, where the threshold is a percentage of rows and anything was
    found. `digest` stands for every row that breaks the rule, None where there is none.
    """

    name: str
    severity: Severity
    verdict: Verdict
    count: int
    of: int | None
    threshold: str
    summary: str
    sample: list[dict[str, Any]]
    digest: str | None = None


@dataclass(frozen=True)
class ChannelShare:
    """The channel (or day of one) of which the largest part breaks a rule: `amount` of its `of`."""

    named: str
    amount: float
    of: float
    interval_seconds: int


@dataclass(frozen=True)
class KnownData:
    """What was stored when the checks began: what comes or changes later, they do not cover."""

    last_log_id: int
    open_log_ids: list[int]
    fingerprints: dict[str, str]


def known_data(cursor: Cursor, window: Window) -> KnownData:
    """What ingestion has stored so far; ask before the checks look, in their transaction."""
    cursor.execute(
        """
        SELECT
            (SELECT coalesce(max(id), 0) FROM ingestion_logs
             WHERE organization_id = %(site_id)s AND readings_inserted + readings_changed > 0),
            (SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM ingestion_logs
             WHERE organization_id = %(site_id)s AND status = 'running'),
            (SELECT jsonb_object_agg(to_char(day, 'YYYY-MM-DD'), readings_fingerprint(
                 %(site_id)s, day AT TIME ZONE %(timezone)s,
                 (day + interval '1 day') AT TIME ZONE %(timezone)s))
             FROM generate_series(%(first_day)s::timestamp, %(last_day)s, interval '1 day') AS day)
        """,
        {
            "site_id": window.site_id,
            "timezone": window.period.timezone,
            "first_day": window.period.first_day,
            "last_day": window.period.last_day,
        },
    )
    return KnownData(*cursor.fetchone())


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
    digest: str | None = None,
) -> CheckResult:
    """Compare what a check found with its threshold; `where` is where its first row stands.

    `worst` decides for a threshold per channel.
    """
    verdict: Verdict = "pass"
    if not (_is_allowed(check, worst) if worst else check.threshold.allows(count, of)):
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
        digest=digest,
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
            overridden_by, override_reason, last_log_id, open_log_ids, fingerprints
        ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
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
            json.dumps(known.fingerprints),
        ),
    )
    return int(cursor.fetchone()[0])


def _run_check(
    cursor: Cursor, check: Check, parameters: Mapping[str, Any], window: Window
) -> CheckResult:
    try:
        query = _COUNT_AND_SAMPLE.format(
            sql=check.sql, rows=SAMPLE_ROWS, by_channel=_by_channel(check.threshold)
        )
        cursor.execute(query, parameters)
        count, sample, digest, amounts = cursor.fetchone()
        of, worst = None, None
        # Nothing is broken: what it would be a part of need not be counted.
        if count and check.threshold.of_sql is not None:
            cursor.execute(check.threshold.of_sql, parameters)
            if check.threshold.per is not None:
                totals = _totals(cursor.fetchall())
                worst = _worst_channel(check, amounts, totals, window)
                of = None if check.threshold.weigh else int(sum(totals.values()))
            else:
                of = int(cursor.fetchone()[0])
    except (psycopg2.Error, KeyError, ValueError, TypeError, IndexError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ArgoError(f"the check {check.name} cannot be run: {reason}") from error
    where = window.place(sample[0]) if sample else ""
    return judge(check, int(count), of, sample, where, worst, digest)


def _by_channel(threshold: Threshold) -> str:
    """The part of the query that says how much of each channel (and day) breaks the rule."""
    if threshold.per is None:
        return "NULL"
    return _BY_CHANNEL.format(
        day="day::text" if threshold.per == "channel and day" else "NULL::text",
        amount=f"sum({threshold.weigh})" if threshold.weigh else "count(*)",
    )


def _totals(rows: Sequence[Sequence[Any]]) -> dict[Share, float]:
    """What the rows of a channel (and day) are a part of; without days a row has two columns."""
    return {(row[0], str(row[1]) if len(row) > 2 else None): float(row[-1] or 0) for row in rows}


def _worst_channel(
    check: Check,
    amounts: Sequence[tuple[int, str | None, Any]],
    totals: Mapping[Share, float],
    window: Window,
) -> ChannelShare | None:
    """The channel (and day) that breaks the rule, or else the one with the largest part."""
    lengths = {channel["channel_id"]: channel["interval_seconds"] for channel in window.channels}
    shares = []
    for channel_id, day, told in amounts:
        # NaN, which JSON tells as text.
        amount = float(told)
        shares.append(
            ChannelShare(
                window.place({"channel_id": channel_id}) + (f" on {day}" if day else ""),
                amount,
                # A channel with nothing to be a part of is broken whole.
                totals.get((channel_id, day)) or amount,
                lengths.get(channel_id) or DEFAULT_INTERVAL_SECONDS,
            )
        )
    return max(
        shares,
        key=lambda one: (not _is_allowed(check, one), one.amount / one.of),
        default=None,
    )


def _is_allowed(check: Check, share: ChannelShare) -> bool:
    return check.threshold.allows(share.amount, share.of, share.interval_seconds)


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
        share = 100 * worst.amount / worst.of
        unit = check.threshold.unit
        part = (
            f"{worst.amount:,.1f} of {worst.of:,.1f} {unit}"
            if unit
            else f"{worst.amount:,.0f} of {worst.of:,.0f}"
        )
        text += f", of {worst.named} {part} ({share:.1f} %, allowed {check.threshold})"
    elif of:
        text += f" of {of:,} ({100 * count / of:.1f} %, allowed {check.threshold})"
    elif check.threshold.limit:
        text += f" (allowed {check.threshold})"
    first = sample[0]
    if first.get("detail"):
        return f"{text}; {first['detail']}"
    return f"{text}; first {where}" if where else text
