"""A fault of a meter or of its data, and where in a series it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analyze.findings import IssueType, Severity
from lib.stats_utils import Floats, Mask


@dataclass(frozen=True)
class Fault:
    """A fault over the intervals [start, stop) of the index.

    `hides_load`: the values in it say nothing about consumption.
    """

    type: IssueType
    severity: Severity
    start: int
    stop: int
    description: str
    hides_load: bool = False


def span_of(mask: Mask) -> tuple[int, int]:
    """[first, last + 1) of what is True; at least one interval has to be."""
    positions = np.flatnonzero(mask)
    return int(positions[0]), int(positions[-1]) + 1


def strongest_span(score: Floats) -> tuple[int, int]:
    """[start, stop) of the stretch whose scores add up to most; (0, 0) where none is positive.

    >>> strongest_span(np.array([-1.0, 2.0, -1.0, 3.0, -5.0, 1.0]))
    (1, 4)
    """
    if not (score > 0).any():
        return 0, 0
    total = np.concatenate([[0.0], np.cumsum(score)])
    gain = total - np.minimum.accumulate(total)
    stop = int(np.argmax(gain))
    start = int(np.flatnonzero(total[: stop + 1] == total[: stop + 1].min())[-1])
    return start, stop
