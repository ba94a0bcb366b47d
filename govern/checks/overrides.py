"""A person's decision to use days that fail, and how long it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from govern.checks.window import Window
from lib.database import Cursor

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Override:
    """Who opened days that fail, and why; `carried_from` is the validation it was given for."""

    by: str
    reason: str
    carried_from: int | None = None


@dataclass(frozen=True)
class EarlierOverride:
    """The override of the newest validation of the same days, with what that one had found."""

    override: Override
    checks: Sequence[Found]

    def still_holds(self, checks: Sequence[Found]) -> bool:
        """True while the same checks fail by the same rows: it was given for those, no others.

        Every row counts, not the few that are shown.
        """
        return failures(checks) == failures(self.checks)


def earlier_override(cursor: Cursor, window: Window) -> EarlierOverride | None:
    """The override of the newest validation of exactly this window, if it has one."""
    cursor.execute(
        "SELECT id, overridden_by, override_reason, checks FROM validation_runs "
        "WHERE organization_id = %s AND window_start = %s AND window_end = %s "
        "ORDER BY id DESC LIMIT 1",
        (window.site_id, window.period.start, window.period.end),
    )
    row = cursor.fetchone()
    if row is None or row[1] is None:
        return None
    run_id, by, reason, checks = row
    return EarlierOverride(Override(by, reason, carried_from=run_id), checks)


def failures(checks: Sequence[Found]) -> dict[str, tuple[int, Any]]:
    """Name -> how many rows broke it, and what stands for all of them, of the checks that failed.

    >>> failures([{"name": "gaps", "verdict": "warn", "count": 2, "digest": "c4ca"}])
    {}
    """
    return {
        # A validation from before there was a digest has none, and is like no other.
        check["name"]: (check["count"], check.get("digest"))
        for check in checks
        if check["verdict"] == "fail"
    }
