"""Random numbers that depend only on a key and a counter, never on what was drawn before.

Any window of any channel therefore has the same values whenever it is asked for, also after a
restart. Source of the mixing function: splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_LANE = np.uint64(0xFFFF)


@cache
def stream_key(*parts: int | str) -> int:
    """A 64-bit key for one stream of numbers, such as stream_key(seed, "site", 23271)."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def stream_keys(count: int, *parts: int | str) -> npt.NDArray[np.uint64]:
    """`count` keys as a column, one stream per row of a matrix."""
    keys = [stream_key(*parts, number) for number in range(count)]
    return np.array(keys, dtype=np.uint64)[:, None]


def _bits(key: int | npt.NDArray[np.uint64], counter: Ints) -> npt.NDArray[np.uint64]:
    offset = key if isinstance(key, np.ndarray) else np.uint64(key)
    x = counter.astype(np.uint64) * _GOLDEN + offset
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


def normal(key: int | npt.NDArray[np.uint64], counter: Ints) -> Floats:
    """About N(0, 1), within +-3.5: the sum of four uniform numbers, so without wild outliers."""
    x = _bits(key, counter)
    total = np.zeros(x.shape)
    for lane in range(4):
        total += (x >> np.uint64(16 * lane)) & _LANE
    scaled: Floats = (total / 65536.0 - 2.0) * np.sqrt(3.0)
    return scaled


def smooth(key: int | npt.NDArray[np.uint64], counter: Ints, period: int) -> Floats:
    """A curve about N(0, 1) that changes over `period` counts: cosine between random knots."""
    knot, step = np.divmod(counter, period)
    weight = 0.5 - 0.5 * np.cos(np.pi * step / period)
    first = int(knot[0])
    knots = normal(key, np.arange(first, int(knot[-1]) + 2, dtype=np.int64))
    left = knots[..., knot - first]
    curve: Floats = left + (knots[..., knot - first + 1] - left) * weight
    return curve
