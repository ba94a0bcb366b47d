"""How long the intervals of an answer are that does not say it.

Its rows tell by how far they lie apart. Where they lie wider than asked they may be coarser, or
have gaps between them: then energy and power tell, because E [kWh] = P [kW] x hours.
"""

from __future__ import annotations

import numpy as np

from ingest.eniscope.normalize import MISSING, Batch

LENGTHS_SECONDS = (60, 300, 600, 900, 1800, 3600, 86_400)
# How far energy and power may be from E = P x hours; a real answer is within 1 %.
ENERGY_TOLERANCE = 0.1


def interval_length(batch: Batch, asked_seconds: int, noted_seconds: int | None = None) -> int:
    """The length [s] of an answer's intervals: what was asked, unless its rows speak against it.

    `noted_seconds` is how wide the channel's rows lay over a longer range, for an answer of one
    row, which has no spacing of its own.
    """
    times = np.unique(batch.timestamp_us[batch.timestamp_us != MISSING])
    steps = np.diff(times) // 1_000_000
    if len(steps) > 1 and np.median(steps) < asked_seconds:
        return int(np.median(steps))
    if len(steps):
        # A gap widens a few steps: the narrowest tells.
        apart = int(steps.min())
        if len(steps) == 1 and apart not in LENGTHS_SECONDS:
            return asked_seconds
    else:
        apart = noted_seconds if noted_seconds is not None and len(times) else asked_seconds
    if apart <= asked_seconds:
        return apart if len(steps) == 1 else asked_seconds
    return asked_seconds if _energy_says(batch, asked_seconds) else apart


def _energy_says(batch: Batch, seconds: int) -> bool:
    """True where the rows' energy is their power over this time; False also without power."""
    energy_kwh, power_kw = batch.columns.get("energy_kwh"), batch.columns.get("power_kw")
    if energy_kwh is None or power_kw is None:
        return False
    told = ~np.isnan(energy_kwh) & (np.abs(np.nan_to_num(power_kw)) > 0)
    if not told.any():
        return False
    lengths = energy_kwh[told] / power_kw[told] * 3600
    return bool(abs(np.median(lengths) / seconds - 1) <= ENERGY_TOLERANCE)
