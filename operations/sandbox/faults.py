"""Trouble on demand: what may go wrong with an answer, by position or from a seeded generator.

Every request draws the same number of random numbers, so the same requests in the same order meet
the same faults.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from operations.sandbox.options import Options

HTML_PAGE = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>Sorry</body></html>"
BARE_NAN = "\u0000bare-nan\u0000"  # replaced in the body: JSON has no such value
TWO_DAYS_SECONDS = 2 * 86400
# Fields whose loss costs no energy and no power.
EXPENDABLE = ("V", "PF", "I", "F", "T", "RH")


@dataclass(frozen=True)
class Fate:
    """What is to happen to one request."""

    too_many: bool
    server_error: bool
    refused_status: int | None
    maintenance: bool
    html: bool
    truncated: bool
    reset: bool
    expire_tokens: bool
    coarse: bool
    bad_rows_seed: float | None
    contradict_seed: float | None


class Faults:
    """Decides the fate of requests, one by one."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._random = random.Random(options.fault_seed)  # noqa: S311 (faults, not secrets)
        # Of its own, so that one more kind of fault does not shift the ones above.
        self._further = random.Random(f"{options.fault_seed} further")  # noqa: S311
        self._lock = threading.Lock()
        self._recent: deque[float] = deque()
        self.requests = 0

    def next(self) -> Fate:
        """The fate of the next request."""
        options = self._options
        with self._lock:
            self.requests += 1
            planned = {kind for kind, number in options.fault_at if number == self.requests}
            draws = [self._random.random() for _ in range(7)]
            further = [self._further.random() for _ in range(7)]
            over_limit = self._over_limit()
            used_up = options.fail_after is not None and self.requests > options.fail_after
        refused = {
            402: "402" in planned or further[0] < options.p_402,
            403: "403" in planned or further[1] < options.p_403,
        }
        bad_rows = "bad-rows" in planned or draws[5] < options.p_bad_rows
        contradict = "contradict" in planned or further[5] < options.p_contradict
        return Fate(
            too_many="429" in planned or over_limit or draws[0] < options.p_429,
            server_error="500" in planned or used_up or draws[1] < options.p_500,
            refused_status=next((status for status, meant in refused.items() if meant), None),
            maintenance="maintenance" in planned or further[2] < options.p_maintenance,
            html="html200" in planned or draws[2] < options.p_html200,
            truncated="truncated" in planned or draws[3] < options.p_truncated,
            reset="reset" in planned or draws[4] < options.p_reset,
            expire_tokens="expire" in planned or further[3] < options.p_expire,
            coarse="coarse" in planned or further[4] < options.p_coarse,
            bad_rows_seed=draws[6] if bad_rows else None,
            contradict_seed=further[6] if contradict else None,
        )

    def _over_limit(self) -> bool:
        limit = self._options.rate_limit
        if limit is None:
            return False
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if len(self._recent) >= limit:
            return True
        self._recent.append(now)
        return False

    def retry_after(self) -> dict[str, str]:
        """The Retry-After header of a 429; none unless asked for."""
        wanted = self._options.retry_after
        if wanted is None:
            return {}
        if wanted == "date":
            soon = datetime.now(UTC) + timedelta(seconds=1)
            return {"Retry-After": format_datetime(soon, usegmt=True)}
        return {"Retry-After": "1" if wanted == "seconds" else wanted}


def disturb_rows(rows: list[dict[str, Any]], seed: float, now: float, *, bare_nan: bool) -> Any:
    """Rows as the wild has them; each interval's energy and power is still there, unchanged.

    Added: rows without time, exact doubles, rows from the future. Changed: numbers to text, a few
    expendable values to null or NaN, the order.
    """
    rng = random.Random(seed)  # noqa: S311 (faults, not secrets)
    not_a_number = BARE_NAN if bare_nan else "NaN"
    disturbed = []
    for row in rows:
        lot = rng.random()
        if lot < 0.02:
            disturbed.append({key: value for key, value in row.items() if key != "ts"})
        elif lot < 0.05:
            disturbed.append(dict(row))
        elif lot < 0.06:
            disturbed.append({**row, "ts": int(now) + TWO_DAYS_SECONDS + len(disturbed)})
        disturbed.append(_disturb_values(row, rng.random(), not_a_number))
    rng.shuffle(disturbed)
    return disturbed


def contradict_rows(rows: list[dict[str, Any]], seed: float, now: float) -> list[dict[str, Any]]:
    """Rows of which some are told twice, the first time with another energy.

    The row that is right comes later, as a correction does; the order of the rows stays.
    """
    rng = random.Random(seed)  # noqa: S311 (faults, not secrets)
    told = []
    for row in rows:
        if rng.random() < 0.1 and "E" in row and int(row.get("ts", now + 1)) <= now:
            told.append({**row, "E": float(row["E"]) / 2 + 1})
        told.append(row)
    return told


def _disturb_values(row: dict[str, Any], lot: float, not_a_number: str) -> dict[str, Any]:
    if lot < 0.1:
        return {key: str(value) if key != "ts" else value for key, value in row.items()}
    lost = {code: None if lot < 0.15 else not_a_number for code in EXPENDABLE if code in row}
    return {**row, **lost} if lot < 0.2 else row
