"""Read one site's period and its baseline weeks into memory, read-only, from Layer 3.

Reads   v_sites, v_meters, v_readings_enriched (one binary COPY), v_rejected_counts,
        v_readings_with_estimates (only how many estimates there are)
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from analyze.outdoor_temperature import Temperatures, of_file
from config.sites import site_config
from lib.database import Connection, copy_columns, fetch_all, snapshot
from lib.date_utils import Period, local_midnight, zone
from lib.errors import UsageError
from lib.stats_utils import Floats

DEFAULT_BASELINE_WEEKS = 6
DEFAULT_INTERVAL_SECONDS = 900
DAY_SECONDS = 86_400

# What a frame holds, in the units of the names. Energies add up; the others are means.
ENERGIES = ("energy_kwh", "energy_kwh_1", "energy_kwh_2", "energy_kwh_3")
MEANS = (
    "power_kw",
    "power_kw_1",
    "power_kw_2",
    "power_kw_3",
    "voltage_v",
    "current_a",
    "power_factor",
    "temperature_c",
    "relative_humidity",
)
MEASURES = ENERGIES + MEANS

Ints = NDArray[np.int64]


class RejectedCount(NamedTuple):
    """Readings of a channel that were set aside in the period, for one reason."""

    scope: str
    reason: str
    rejected: int


class Grid(NamedTuple):
    """The regular intervals of a frame: their length [s], the first start [s since 1970], how many.

    Channels whose grids are equal have the same index.
    """

    interval_seconds: int
    first_second: int
    intervals: int


class ChannelRows(NamedTuple):
    """Stored readings of one channel: start [s since 1970], interval length [s], MEASURES."""

    start_seconds: Ints
    interval_seconds: Ints
    values: Floats


@dataclass(frozen=True)
class ChannelSeries:
    """One channel and its readings on a regular grid.

    `frame` has one row per interval from the start of the baseline to the end of the period: index
    = start of the interval in the site's own zone; columns = MEASURES (NaN where nothing arrived)
    and `received` (True where a reading arrived, even one without values). `interval_seconds` is
    the interval length of the period; `other_intervals` lists lengths that were converted to it,
    and those of a day or more, which were left out of a finer grid. `ct_ratio` [A] and
    `voltage_scale` [V] say what the meter is built for.
    """

    channel_id: int
    channel_name: str
    channel_type: str
    in_site_total: bool
    is_additive: bool
    interval_seconds: int
    status: str
    installed_at: datetime | None
    frame: pd.DataFrame
    other_intervals: tuple[int, ...] = ()
    ct_ratio: float | None = None
    voltage_scale: float | None = None

    @property
    def hours(self) -> float:
        """Length of one interval [h]."""
        return self.interval_seconds / 3600

    @cached_property
    def grid(self) -> Grid:
        """Where the intervals of the frame lie."""
        index = self.frame.index
        first = int(index[0].timestamp()) if len(index) else 0
        return Grid(self.interval_seconds, first, len(index))

    def power_kw(self) -> pd.Series:
        """Mean power of each interval; from its energy where only that was sent."""
        power = self.frame["power_kw"].to_numpy()
        known = np.isfinite(power)
        if not known.all():
            power = np.where(known, power, self.frame["energy_kwh"].to_numpy() / self.hours)
        return pd.Series(power, self.frame.index)

    def main_value(self) -> pd.Series:
        """What the channel is there to measure: its power, else temperature, else humidity."""
        names = ("power_kw", "energy_kwh", "temperature_c", "relative_humidity")
        for name in names:
            if np.isfinite(self.frame[name].to_numpy()).any():
                return self.power_kw() if name in names[:2] else self.frame[name]
        return self.frame["power_kw"]

    def energy_kwh(self) -> pd.Series:
        """Energy of each interval; from its mean power where only that was sent."""
        energy = self.frame["energy_kwh"].to_numpy()
        known = np.isfinite(energy)
        if not known.all():
            energy = np.where(known, energy, self.frame["power_kw"].to_numpy() * self.hours)
        return pd.Series(energy, self.frame.index)


@dataclass(frozen=True)
class SiteData:
    """Everything the analysis of one site and period looks at.

    `timezone` is the zone of the period, in which findings are told; `site_timezone` the site's
    own where that is another, whose clock opening hours, holidays and prices follow. `estimated`
    counts, by channel, the missing intervals of the period that have an estimate; no estimate is
    in any frame. `outdoor` is what the site's file of outdoor temperatures says; None without one.
    """

    site_id: str
    site_name: str
    timezone: str
    currency: str | None
    channels: tuple[ChannelSeries, ...]
    run_ids: tuple[str, ...] = ()
    rejected: Mapping[int, tuple[RejectedCount, ...]] = field(default_factory=dict)
    site_timezone: str | None = None
    estimated: Mapping[int, int] = field(default_factory=dict)
    outdoor: Temperatures | None = None

    @property
    def own_timezone(self) -> str:
        """The site's own zone."""
        return self.site_timezone or self.timezone


def load_week(
    conn: Connection, site_id: str, period: Period, baseline_weeks: int = DEFAULT_BASELINE_WEEKS
) -> SiteData:
    """Load a site's period and the weeks before it, on the clock of the period's time zone.

    All of it is of one instant: a sync that stores meanwhile is seen wholly or not at all.

    Raises UsageError when the site is not in the database.
    """
    is_part = conn.isolation_level == ISOLATION_LEVEL_REPEATABLE_READ
    with nullcontext() if is_part else snapshot(conn):
        return _load_week(conn, site_id, period, baseline_weeks)


def _load_week(conn: Connection, site_id: str, period: Period, baseline_weeks: int) -> SiteData:
    sites = fetch_all(conn, "SELECT * FROM v_sites WHERE site_id = %s", [site_id])
    if not sites:
        raise UsageError(f"site {site_id} is not in the database")
    window = (baseline_start(period, baseline_weeks), period.end)
    meters = fetch_all(
        conn, "SELECT * FROM v_meters WHERE site_id = %s ORDER BY channel_id", [site_id]
    )
    rows = _readings_by_channel(conn, site_id, window)
    return SiteData(
        site_id=site_id,
        site_name=sites[0]["site_name"],
        timezone=period.timezone,
        currency=sites[0]["currency_code"],
        channels=tuple(
            channel_series(
                {**meter, "timezone": period.timezone},
                rows.get(meter["channel_id"]),
                window,
                period.start,
            )
            for meter in meters
        ),
        run_ids=_run_ids(conn, site_id, period),
        rejected=_rejected_counts(conn, site_id, period),
        site_timezone=sites[0]["timezone"],
        estimated=_estimated_counts(conn, site_id, period),
        outdoor=of_file(site_config(site_id), *window),
    )


def baseline_start(period: Period, weeks: int) -> datetime:
    """Local midnight so many whole weeks before the period."""
    return local_midnight(period.first_day - timedelta(weeks=weeks), period.timezone)


def channel_series(
    meter: Mapping[str, Any],
    rows: ChannelRows | None,
    window: tuple[datetime, datetime],
    period_start: datetime,
) -> ChannelSeries:
    """Put one channel's readings on a regular grid that covers [start, end) of `window`.

    Parameters
    ----------
    meter : a row of v_meters.
    rows : its readings in any order, or None where there is none.
    window : what the grid covers.
    period_start : from when on the readings' length decides the length of the grid's intervals.
    """
    rows = rows or ChannelRows(
        np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, len(MEASURES)))
    )
    interval = _interval_of_period(rows, period_start, meter["interval_seconds"])
    lengths = np.unique(rows.interval_seconds)
    if interval < DAY_SECONDS:
        # A day's mean has no time of day, and on clock-change days no fixed length.
        finer = rows.interval_seconds < DAY_SECONDS
        rows = ChannelRows(
            rows.start_seconds[finer], rows.interval_seconds[finer], rows.values[finer]
        )
    first, count = _grid(rows.start_seconds, interval, window)
    cells, received = _on_grid(rows, first, interval, count)
    start = pd.to_datetime(first + interval * np.arange(count), unit="s", utc=True)
    # Plain strings: looking up a column by an Arrow string costs several times as much.
    names = pd.Index(MEASURES, dtype=object)
    frame = pd.DataFrame(cells, index=start.tz_convert(zone(meter["timezone"])), columns=names)
    frame["received"] = received
    return ChannelSeries(
        channel_id=meter["channel_id"],
        channel_name=meter["channel_name"],
        channel_type=meter["channel_type"],
        in_site_total=meter["in_site_total"],
        is_additive=meter["is_additive"],
        interval_seconds=interval,
        status=meter["status"],
        installed_at=meter["installed_at"],
        frame=frame,
        other_intervals=tuple(int(length) for length in lengths if length != interval),
        ct_ratio=meter.get("ct_ratio"),
        voltage_scale=meter.get("voltage_scale"),
    )


def _readings_by_channel(
    conn: Connection, site_id: str, window: tuple[datetime, datetime]
) -> dict[int, ChannelRows]:
    kinds = dict.fromkeys(ENERGIES, ("float8", "f8")) | dict.fromkeys(MEANS, ("real", "f4"))
    wanted = ", ".join(f"coalesce({name}, 'NaN'::{kinds[name][0]})" for name in MEASURES)
    columns = copy_columns(
        conn,
        # The names are constants of this module; every value is a parameter.
        f"""SELECT channel_id, "timestamp", interval_seconds, {wanted}
            FROM v_readings_enriched
            WHERE site_id = %(site_id)s AND "timestamp" >= %(start)s AND "timestamp" < %(end)s
            ORDER BY channel_id, "timestamp" """,  # noqa: S608
        {"site_id": site_id, "start": window[0], "end": window[1]},
        [("channel_id", "i8"), ("timestamp", "timestamp"), ("interval_seconds", "i4")]
        + [(name, kinds[name][1]) for name in MEASURES],
    )
    values = np.column_stack([columns[name] for name in MEASURES]).astype(float)
    channel_ids, starts = np.unique(columns["channel_id"], return_index=True)
    stops = np.append(starts, len(values))[1:]
    return {
        int(channel_id): ChannelRows(
            columns["timestamp"][start:stop] // 1_000_000,
            columns["interval_seconds"][start:stop].astype(np.int64),
            values[start:stop],
        )
        for channel_id, start, stop in zip(channel_ids, starts, stops, strict=True)
    }


def _run_ids(conn: Connection, site_id: str, period: Period) -> tuple[str, ...]:
    rows = fetch_all(
        conn,
        """SELECT DISTINCT run_id::text AS run_id FROM v_readings_enriched
           WHERE site_id = %s AND "timestamp" >= %s AND "timestamp" < %s AND run_id IS NOT NULL
           ORDER BY 1""",
        [site_id, period.start, period.end],
    )
    return tuple(row["run_id"] for row in rows)


def _rejected_counts(
    conn: Connection, site_id: str, period: Period
) -> dict[int, tuple[RejectedCount, ...]]:
    rows = fetch_all(
        conn,
        """SELECT channel_id, scope, reason, sum(rejected)::bigint AS rejected
           FROM v_rejected_counts WHERE site_id = %s AND day BETWEEN %s AND %s
             -- Without a time of its own a row belongs to no period: a backfill's would all
             -- be told of the week in which it ran.
             AND reason NOT IN ('no_timestamp', 'future_timestamp')
           GROUP BY channel_id, scope, reason ORDER BY channel_id, scope, reason""",
        [site_id, period.first_day, period.last_day],
    )
    counts: dict[int, tuple[RejectedCount, ...]] = {}
    for row in rows:
        count = RejectedCount(row["scope"], row["reason"], row["rejected"])
        counts[row["channel_id"]] = (*counts.get(row["channel_id"], ()), count)
    return counts


def _estimated_counts(conn: Connection, site_id: str, period: Period) -> dict[int, int]:
    rows = fetch_all(
        conn,
        """SELECT channel_id, count(*) AS estimated FROM v_readings_with_estimates
           WHERE site_id = %s AND is_estimated AND "timestamp" >= %s AND "timestamp" < %s
           GROUP BY channel_id ORDER BY channel_id""",
        [site_id, period.start, period.end],
    )
    return {row["channel_id"]: row["estimated"] for row in rows}


def _interval_of_period(rows: ChannelRows, period_start: datetime, configured: int | None) -> int:
    """The length that covers most of the period; else of the baseline; else what is configured."""
    in_period = rows.start_seconds >= period_start.timestamp()
    for lengths in (rows.interval_seconds[in_period], rows.interval_seconds):
        if len(lengths):
            distinct, counts = np.unique(lengths, return_counts=True)
            return int(distinct[np.argmax(distinct * counts)])
    return configured or DEFAULT_INTERVAL_SECONDS


def _grid(start_seconds: Ints, interval: int, window: tuple[datetime, datetime]) -> tuple[int, int]:
    """First start and number of the intervals that start in the window, in the readings' phase."""
    phases, counts = np.unique(start_seconds % interval, return_counts=True)
    phase = int(phases[np.argmax(counts)]) if len(phases) else 0
    begin, end = (int(instant.timestamp()) for instant in window)
    first = begin + (phase - begin) % interval
    return first, max(-(-(end - first) // interval), 0)


def _on_grid(
    rows: ChannelRows, first: int, interval: int, count: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """MEASURES on the grid. Longer intervals are spread evenly, shorter ones are put together.

    A cell of which a part is missing is missing: the rest says too little energy, and nothing of
    the whole cell's mean.
    """
    start, values = rows.start_seconds, rows.values
    cells = np.full((count, len(MEASURES)), np.nan)
    received = np.zeros(count, dtype=bool)
    if (rows.interval_seconds == interval).all():
        cell = (start - first) // interval
        inside = (cell >= 0) & (cell < count)
        cells[cell[inside]] = values[inside]
        received[cell[inside]] = True
        return cells, received
    stop = start + rows.interval_seconds
    begins, ends = (start - first) // interval, (stop - 1 - first) // interval
    parts = ends - begins + 1
    row = np.repeat(np.arange(len(start)), parts)
    cell = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts) + begins[row]
    inside = (cell >= 0) & (cell < count)
    row, cell = row[inside], cell[inside]
    from_second = np.maximum(start[row], first + cell * interval)
    seconds = np.minimum(stop[row], first + (cell + 1) * interval) - from_second
    received = np.bincount(cell, weights=seconds, minlength=count) >= interval
    for column, name in enumerate(MEASURES):
        known = np.isfinite(values[row, column])
        share = seconds / (rows.interval_seconds[row] if name in ENERGIES else interval)
        weights = (values[row, column] * share)[known]
        sums = np.bincount(cell[known], weights=weights, minlength=count)
        covered = np.bincount(cell[known], weights=seconds[known], minlength=count)
        cells[:, column] = np.where(covered >= interval, sums, np.nan)
    return cells, received
