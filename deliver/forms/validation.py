"""What the circuit breaker said of a period, as a report and an export carry it with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from typing import Any

from lib.circuit_breaker import BreakerStatus

VALIDATION_COLUMNS = (
    "site_id", "day", "verdict", "validation_run_id", "validated_utc", "checks_not_passed",
    "overridden_by", "override_reason",
)  # fmt: skip


def validation_json(breaker: BreakerStatus, clock: tzinfo | None) -> dict[str, Any]:
    """metadata.validation of a report; its times on the report's clock.

    overriddenBy and overrideReason name every override; overrides tells them apart.
    """
    at = breaker.validated_at
    return {
        "verdict": breaker.verdict,
        "runId": breaker.validation_run_id,
        "validatedAt": None if at is None else at.astimezone(clock).isoformat(timespec="seconds"),
        "overriddenBy": breaker.overridden_by,
        "overrideReason": breaker.override_reason,
        "overrides": [
            {
                "runId": override.validation_run_id,
                "by": override.by,
                "reason": override.reason,
                "days": [day.isoformat() for day in override.days],
            }
            for override in breaker.overrides
        ],
        "warnings": list(breaker.warnings),
    }


def validation_rows(site_id: str, breaker: BreakerStatus) -> Iterator[dict[str, Any]]:
    """Each day's verdict, with the checks that did not pass and the override that opened it."""
    for day in breaker.days:
        yield {
            "site_id": site_id,
            "day": day.day,
            "verdict": day.verdict,
            "validation_run_id": day.validation_run_id,
            "validated_utc": day.validated_at.astimezone(UTC).replace(tzinfo=None, microsecond=0),
            "checks_not_passed": ", ".join(day.found),
            "overridden_by": day.overridden_by,
            "override_reason": day.override_reason,
        }
