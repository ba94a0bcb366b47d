"""What the profiles share when they are told: caveats by name, and one JSON document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Caveat:
    """Why a figure is missing or doubtful: a stable name, a sentence with the numbers."""

    name: str
    text: str


def document(value: Any) -> Any:
    """A result for json.dumps: fields in camelCase, times in ISO 8601, NaN as None.

    The keys of a mapping are data and stay as they are.

    >>> document(Caveat("no_data", "none"))
    {'name': 'no_data', 'text': 'none'}
    >>> document({"power_kw": float("nan"), "2026-01": date(2026, 1, 31)})
    {'power_kw': None, '2026-01': '2026-01-31'}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {camel_case(one.name): document(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): document(item) for name, item in value.items()}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return document(value.tolist())
    if isinstance(value, list | tuple):
        return [document(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def camel_case(name: str) -> str:
    """The key of a name.

    >>> camel_case("near_base_kw")
    'nearBaseKw'
    """
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
