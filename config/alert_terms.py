"""The words of config/alerts_config.yaml: durations ("30 min"), conditions ("null_rate > 10%")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {
    "min": timedelta(minutes=1), "minute": timedelta(minutes=1), "minutes": timedelta(minutes=1),
    "h": timedelta(hours=1), "hour": timedelta(hours=1), "hours": timedelta(hours=1),
    "d": timedelta(days=1), "day": timedelta(days=1), "days": timedelta(days=1),
}  # fmt: skip
_DURATION = r"\d+(?:\.\d+)? ?(?:min|minutes?|h|hours?|d|days?)"
_NUMBER = r"\d+(?:\.\d+)?"
# What a condition may be; its one group is the limit.
_FORMS = {
    "last_reading": rf"last_reading > ({_DURATION})(?: old)?",
    "active_channels": rf"active_channels < ({_NUMBER})",
    "null_rate": rf"null_rate > ({_NUMBER}) ?%",
    "no_readings": rf"no readings in last ({_DURATION})",
    "open_gap": rf"open_gap > ({_DURATION})",
    "validation": rf"validation failed in last ({_DURATION})",
    "new_conflicts": rf"new_conflicts > ({_NUMBER}) a day",
    "spike_cost": rf"spike_cost > ({_NUMBER})",
    "anomaly_cost": rf"anomaly_cost > ({_NUMBER})",
    "after_hours_cost": rf"after_hours_cost > ({_NUMBER}) a week",
    "disk_free": rf"disk_free < ({_NUMBER}) ?%",
    "database_size": rf"database_size > ({_NUMBER}) ?GB",
}
EXAMPLES = {
    "last_reading": "last_reading > 1 hour old",
    "active_channels": "active_channels < 15",
    "null_rate": "null_rate > 10%",
    "no_readings": "no readings in last 30 min",
    "open_gap": "open_gap > 1 hour",
    "validation": "validation failed in last 8 days",
    "new_conflicts": "new_conflicts > 20 a day",
    "spike_cost": "spike_cost > 25",
    "anomaly_cost": "anomaly_cost > 25",
    "after_hours_cost": "after_hours_cost > 50 a week",
    "disk_free": "disk_free < 10%",
    "database_size": "database_size > 10 GB",
}


@dataclass(frozen=True)
class Condition:
    """What is measured, and its limit: hours for durations, else a number in the text's unit."""

    measure: str
    limit: float
    text: str


def duration(value: Any) -> Any:
    """A text such as "30 min" as a timedelta.

    >>> duration("1.5 hours")
    datetime.timedelta(seconds=5400)
    """
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.fullmatch(_DURATION, value.strip()):
        raise ValueError('must be a duration such as "30 min", "6 h" or "2 days"')
    number, unit = re.fullmatch(r"([\d.]+) ?(\w+)", value.strip()).groups()  # type: ignore[union-attr]
    if float(number) * _UNITS[unit] > timedelta(days=3650):
        raise ValueError("must be less than ten years")
    return float(number) * _UNITS[unit]


def _duration_or_never(value: Any) -> Any:
    return None if value in (None, "never") else duration(value)


def condition(value: Any) -> Any:
    """A condition such as "active_channels < 15".

    >>> condition("last_reading > 1 hour old")
    Condition(measure='last_reading', limit=1.0, text='last_reading > 1 hour old')
    """
    if isinstance(value, Condition):
        return value
    text = " ".join(str(value).split())
    for measure, form in _FORMS.items():
        found = re.fullmatch(form, text)
        if found:
            return Condition(measure, _limit(found.group(1)), text)
    word = re.match(r"\w+", text)
    like = EXAMPLES.get(word.group()) if word else None
    known = like or "; ".join(EXAMPLES.values())
    raise ValueError(f"'{text}' is not a condition; write it like: {known}")


def _limit(text: str) -> float:
    if re.fullmatch(_NUMBER, text):
        return float(text)
    hours: float = duration(text) / timedelta(hours=1)
    return hours


def _actions(value: Any) -> Any:
    """The owner's way "email + slack", or a list."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split("+") if part.strip())
    return value


def _texts(value: Any) -> Any:
    """Site ids without quotes are numbers in YAML."""
    if isinstance(value, list):
        return tuple(str(one) if isinstance(one, int) else one for one in value)
    return value


Duration = Annotated[timedelta, BeforeValidator(duration)]
DurationOrNever = Annotated[timedelta | None, BeforeValidator(_duration_or_never)]
ConditionText = Annotated[Condition, BeforeValidator(condition)]
Actions = Annotated[tuple[str, ...], BeforeValidator(_actions)]
SiteIds = Annotated[tuple[str, ...], BeforeValidator(_texts)]
