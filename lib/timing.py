"""Where the time of a run goes, by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up wall-clock seconds per named step; one thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def lap(self, step: str) -> Iterator[None]:
        """Count the time inside the block towards `step`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(step, time.perf_counter() - started)

    def add(self, step: str, seconds: float) -> None:
        """Count seconds that were measured elsewhere."""
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds
