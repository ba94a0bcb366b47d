"""One-minute readings that agree with the quarter hours they make up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from operations.sandbox.model import Table
from operations.sandbox.noise import normal
from operations.sandbox.weeks import QUARTER_SECONDS

MINUTES = QUARTER_SECONDS // 60
LOAD_NOISE, LEVEL_NOISE = 0.06, 0.0008


def to_minutes(quarters: Table, frozen: npt.NDArray[np.bool_], key: int) -> Table:
    """Split each quarter hour into 15 minutes: energies add up to it, the rest averages to it.

    `frozen`, shape (n,), marks quarter hours of a stuck meter, whose minutes are all alike.
    """
    ts = (quarters.ts[:, None] + 60 * np.arange(MINUTES)).ravel()
    noise = normal(key, ts // 60).reshape(-1, MINUTES)
    noise[frozen] = 0.0
    load = 1 + LOAD_NOISE * noise
    load /= load.mean(axis=1, keepdims=True)
    level = 1 + LEVEL_NOISE * (noise - noise.mean(axis=1, keepdims=True))
    columns = []
    for number, field in enumerate(quarters.fields):
        factor = {"counter": load / MINUTES, "flow": load, "level": level}[field.kind]
        # The ratio of two fields that follow the load does not wobble.
        factor = np.ones_like(level) if field.code.startswith("PF") else factor
        columns.append((quarters.values[:, number, None] * factor).ravel().round(6))
    return Table(ts, np.stack(columns, axis=1), quarters.fields)
