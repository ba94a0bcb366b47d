"""The circuit breaker: may anything be delivered for this site and period?

A period is open only when, for every one of its local days, the newest validation that covers the
day passed, warned, or was overridden by a person, and no data of the day arrived or changed since.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from lib.database import Connection, fetch_all
from lib.date_utils import Period
from lib.errors import BlockedError

Verdict = Literal["pass", "warn", "fail"]
_RANK: dict[str, int] = {"pass": 0, "warn": 1, "fail": 2}


@dataclass(frozen=True)
class DayStatus:
    """The newest validation of one local day; `found` are the checks that did not pass."""

    day: date
    verdict: Verdict
    validation_run_id: int
    validated_at: datetime
    overridden_by: str | None
    override_reason: str | None
    found: tuple[str, ...]


@dataclass(frozen=True)
class Override:
    """A person's decision to use days that failed, with the days of the period it opens."""

    validation_run_id: int
    by: str
    reason: str
    days: tuple[date, ...]


@dataclass(frozen=True)
class BreakerStatus:
    """What the breaker says of a period, with the warnings that have to stand on a report.

    `verdict`, `validation_run_id` and `validated_at` are those of the worst validation, of equally
    bad ones the newest; `days` are the validated days in their order.
    """

    is_open: bool
    verdict: Verdict | None
    validation_run_id: int | None
    blocked_days: tuple[date, ...]
    reason: str
    warnings: tuple[str, ...] = ()
    validated_at: datetime | None = None
    days: tuple[DayStatus, ...] = ()

    @property
    def overrides(self) -> tuple[Override, ...]:
        """Every override that stands in the period, by its first day."""
        by_run: dict[int, list[DayStatus]] = {}
        for day in self.days:
            if day.overridden_by is not None:
                by_run.setdefault(day.validation_run_id, []).append(day)
        return tuple(
            Override(
                run_id,
                str(days[0].overridden_by),
                days[0].override_reason or "",
                tuple(day.day for day in days),
            )
            for run_id, days in by_run.items()
        )

    @property
    def overridden_by(self) -> str | None:
        """Who opened days of the period: every name once; None where nobody had to."""
        return _joined(override.by for override in self.overrides)

    @property
    def override_reason(self) -> str | None:
        """Why, in the order of the days: every reason once."""
        return _joined(override.reason for override in self.overrides)


def period_status(connection: Connection, site_id: str, period: Period) -> BreakerStatus:
    """The state of the breaker for a site and period, from v_validation_status."""
    rows = fetch_all(
        connection,
        "SELECT day, validation_run_id, verdict, is_open, overridden_by, override_reason, checks, "
        "window_start, window_end, has_newer_data, finished_at "
        "FROM v_validation_status WHERE site_id = %s AND day BETWEEN %s AND %s ORDER BY day",
        (site_id, period.first_day, period.last_day),
    )
    by_day = {row["day"]: row for row in rows}
    missing = [day for day in period.days if day not in by_day]
    closed = [day for day in period.days if day in by_day and not by_day[day]["is_open"]]
    worst = max(
        rows, key=lambda row: (_RANK[row["verdict"]], row["validation_run_id"]), default=None
    )
    return BreakerStatus(
        is_open=not missing and not closed,
        verdict=worst["verdict"] if worst else None,
        validation_run_id=worst["validation_run_id"] if worst else None,
        blocked_days=tuple(sorted(missing + closed)),
        reason=_reason(site_id, period, missing, closed, by_day),
        warnings=tuple(dict.fromkeys(_warnings(rows, period))),
        validated_at=worst["finished_at"] if worst else None,
        days=tuple(_day_status(row) for row in rows),
    )


def require_open(connection: Connection, site_id: str, period: Period) -> BreakerStatus:
    """The breaker's status. Raises BlockedError, with the days and what to run, when closed."""
    status = period_status(connection, site_id, period)
    if not status.is_open:
        raise BlockedError(status.reason)
    return status


def _reason(
    site_id: str,
    period: Period,
    missing: list[date],
    closed: list[date],
    by_day: dict[date, dict[str, Any]],
) -> str:
    command = (
        f"npm run py:govern:validate -- --site {site_id} "
        f"--start {period.first_day} --end {period.last_day}"
    )
    failed = [day for day in closed if _is_failed(by_day[day])]
    if failed:
        names = sorted({name for day in failed for name in _failed_checks(by_day[day]["checks"])})
        return (
            f"blocked: validation failed for {_day_list(failed)} of site {site_id} "
            f"({', '.join(names)}); see: {command}"
        )
    if closed:
        return (
            f"blocked: data arrived or changed after the validation of {_day_list(closed)} "
            f"of site {site_id}; run: {command}"
        )
    if missing:
        return f"blocked: {_day_list(missing)} of site {site_id} not validated; run: {command}"
    return "open"


def _day_status(row: dict[str, Any]) -> DayStatus:
    return DayStatus(
        row["day"],
        row["verdict"],
        row["validation_run_id"],
        row["finished_at"],
        row["overridden_by"],
        row["override_reason"],
        tuple(check["name"] for check in row["checks"] if check["verdict"] != "pass"),
    )


def _joined(texts: Iterable[str]) -> str | None:
    return "; ".join(dict.fromkeys(texts)) or None


def _is_failed(row: dict[str, Any]) -> bool:
    return row["verdict"] == "fail" and not row["overridden_by"]


def _failed_checks(checks: list[dict[str, Any]]) -> Iterable[str]:
    return (check["name"] for check in checks if check["verdict"] == "fail")


def _warnings(rows: list[dict[str, Any]], period: Period) -> Iterable[str]:
    """What validation found, in words; of a wider window only the checks' names.

    The rows a wider validation counts may all lie outside the period.
    """
    for row in rows:
        is_wider = row["window_start"] < period.start or row["window_end"] > period.end
        for check in row["checks"]:
            if check["verdict"] == "pass":
                continue
            if is_wider:
                yield f"{check['name']}: found in a validation of a longer period"
            else:
                yield f"{check['name']}: {check['summary']}"


def _day_list(days: list[date]) -> str:
    ordered = sorted(days)
    if len(ordered) == 1:
        return str(ordered[0])
    contiguous = (ordered[-1] - ordered[0]).days == len(ordered) - 1
    if contiguous:
        return f"{ordered[0]} to {ordered[-1]}"
    return ", ".join(str(day) for day in ordered)
