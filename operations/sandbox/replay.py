"""Real meter data from a Parquet file (series_id, timestamp UTC, kwh) as a source of readings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from lib.date_utils import zone
from lib.errors import UsageError
from operations.sandbox.fields import METER_TYPE, REPLAY_FIELDS, Field
from operations.sandbox.model import Channel, Event, Site, Table
from operations.sandbox.noise import Floats, Ints

FIRST_CHANNEL_ID = 900_001
SUPPORTED_SECONDS = (60, 900, 1800, 3600)
COLUMNS = ("series_id", "timestamp", "kwh")
# Rated primary currents of transformers as IEC 61869 prefers them; times 10, 100, ... too.
TRANSFORMERS_A = (10, 15, 20, 25, 30, 40, 50, 60, 75)
PHASE_VOLTAGE_V = 230
HEADROOM = 1.5


@dataclass(frozen=True)
class ReplayChannel(Channel):
    """A channel of a file. `transformer_a` is what its meter's current transformer is made for."""

    transformer_a: int = TRANSFORMERS_A[0]


class Replay:
    """Series of one file, by channel id. Implements model.Source; nothing is planted in it."""

    def __init__(self, tables: dict[int, Table], native_seconds: int) -> None:
        self._tables = tables
        self.native_seconds = self.finest_seconds = native_seconds

    def fields(self, channel: Channel) -> tuple[Field, ...]:
        """Energy and power: the file has no more."""
        return REPLAY_FIELDS

    def rows(self, channel: Channel, start: float, end: float) -> Table:
        """Readings that start in [start, end)."""
        return self._tables[channel.channel_id].between(start, end)

    fine_rows = rows

    def junk(self, channel: Channel, start: float, end: float) -> list[tuple[int, dict[str, Any]]]:
        """None: a real file brings its own mess."""
        return []

    def events(self, start: float, end: float) -> list[Event]:
        """None are known."""
        return []

    def plain_energy_wh(self, channel: Channel, start: float, end: float) -> tuple[Ints, Floats]:
        """The energies as they are."""
        table = self.rows(channel, start, end)
        return table.ts, table.column("E")


def load_replay(path: Path, site_id: int, timezone: str, first_series: int | None) -> Site:
    """One site from a file. Raises UsageError when it, or pyarrow, is missing or of no use."""
    zone(timezone)
    series = _read_series(path)
    names = sorted(series)[:first_series]
    native_seconds = _spacing([series[name][0] for name in names], path)
    tables: dict[int, Table] = {}
    channels = []
    for number, name in enumerate(names):
        ts, energy_kwh = series[name]
        energy_wh = energy_kwh * 1000
        power_w = energy_wh * (3600 / native_seconds)
        channel_id = FIRST_CHANNEL_ID + number
        tables[channel_id] = Table(ts, np.stack([energy_wh, power_w], axis=1), REPLAY_FIELDS)
        rating_a = _transformer_a(float(np.abs(power_w).max()))
        channels.append(ReplayChannel(channel_id, name, "replay", number, METER_TYPE, -1, rating_a))
    return Site(
        site_id=site_id,
        name=f"{path.stem} (sandbox)",
        timezone=timezone,
        installed_ts=int(min(int(table.ts[0]) for table in tables.values())),
        channels=tuple(channels),
        source=Replay(tables, native_seconds),
    )


def _transformer_a(most_w: float) -> int:
    """The smallest transformer that leaves a three-phase meter HEADROOM above its highest power."""
    needed_a = HEADROOM * most_w / (3 * PHASE_VOLTAGE_V)
    sizes = (size * 10**power for power in count() for size in TRANSFORMERS_A)
    return next(size for size in sizes if size >= needed_a)


def _read_series(path: Path) -> dict[str, tuple[Ints, Floats]]:
    """Times [unix s] and energies [kWh] by series that has any, in order of time, no nulls."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError("--replay needs pyarrow: pip install 'pyarrow>=17'") from None
    if not path.is_file():
        raise UsageError(f"--replay: there is no file {path}")
    try:
        file = pq.read_table(path, columns=list(COLUMNS))
    except (pa.ArrowException, KeyError) as error:
        first_line = str(error).splitlines()[0]
        raise UsageError(f"--replay: {path} is not such a Parquet file: {first_line}") from None
    if set(file.column_names) != set(COLUMNS):
        raise UsageError(f"--replay: {path} lacks one of the columns {', '.join(COLUMNS)}")
    kwh = file["kwh"].cast(pa.float64()).to_numpy()
    ts = file["timestamp"].cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64()).to_numpy()
    names = file["series_id"].cast(pa.string()).combine_chunks().dictionary_encode()
    numbers = names.indices.to_numpy()
    series = {}
    for number, name in enumerate(names.dictionary.to_pylist()):
        mine = (numbers == number) & np.isfinite(kwh)
        unique_ts, first = np.unique(ts[mine], return_index=True)
        if len(unique_ts):
            series[str(name)] = (unique_ts.astype(np.int64), kwh[mine][first])
    if not series:
        raise UsageError(f"--replay: {path} holds no values")
    return series


def _spacing(times: list[Ints], path: Path) -> int:
    """The interval length [s]: the most frequent distance between two rows."""
    steps = np.concatenate([np.diff(ts) for ts in times])
    lengths, counts = np.unique(steps, return_counts=True)
    if len(lengths) == 0 or int(lengths[counts.argmax()]) not in SUPPORTED_SECONDS:
        raise UsageError(f"--replay: the rows of {path} are not 1, 15, 30 or 60 minutes apart")
    return int(lengths[counts.argmax()])
