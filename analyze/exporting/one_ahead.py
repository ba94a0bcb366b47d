"""Read the next part while the last one is worked on: the database has a processor of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def one_ahead(calls: Iterable[Callable[[], Result]]) -> Iterator[Result]:
    """The results in order; while the caller works on one, the next is computed in a thread.

    A connection serves one thread at a time: the caller must not use it until the last result.
    """
    with ThreadPoolExecutor(max_workers=1) as executor:
        pending: Future[Result] | None = None
        for call in calls:
            following = executor.submit(call)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()
