"""How the report's JSON writes numbers and times, in one place."""

from __future__ import annotations

import math
from datetime import datetime

# To how many digits each kind of number is given.
DIGITS = {"kwh": 2, "kw": 3, "money": 2, "pct": 1, "ratio": 2, "hours": 1, "chart": 2}


def rounded(value: float | None, kind: str) -> float | None:
    """`value` to the digits of its kind; None where there is no finite number."""
    if value is None or not math.isfinite(value):
        return None
    # Adding 0.0 turns -0.0 into 0.0.
    return round(float(value), DIGITS[kind]) + 0.0


def time_text(instant: datetime) -> str:
    """ISO 8601 with offset, to the second. Raises ValueError for a naive time."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no UTC offset")
    return instant.isoformat(timespec="seconds")
