"""Read what exports hand on: readings, hours, days and channels of one site, with its calendar.

Reads   v_sites, v_meters, v_readings_enriched, v_readings_hourly (binary COPY), v_readings_daily,
        readings_fingerprint()
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analyze.calendar_days import site_calendar
from analyze.exporting.seasons import seasons
from analyze.exporting.site import load_site as load_site  # where others look for it
from config.sites import SiteConfig
from lib.closed_days import closed_days
from lib.database import Connection, copy_columns, fetch_all
from lib.date_utils import Period, zone

HOUR_SECONDS = 3600
US_PER_SECOND = 1_000_000

# The measures of an exported reading, with the kinds they have in the database.
READING_MEASURES: dict[str, str] = {
    "energy_kwh": "f8",
    "power_kw": "f4",
    "voltage_v": "f4",
    "current_a": "f4",
    "power_factor": "f4",
    "temperature_c": "f4",
    "relative_humidity": "f4",
}
HOUR_MEASURES: dict[str, str] = {
    "energy_kwh": "f8",
    "avg_kw": "f8",
    "max_kw": "f8",
    "reading_count": "i4",
    "expected_count": "i4",
}
_SQL_TYPES = {"f8": "float8", "f4": "real", "i4": "integer"}


class _View(NamedTuple):
    """A view of a site's rows: its time, its interval length [s] and its measures, as SQL."""

    name: str
    time: str
    interval: str
    measures: dict[str, str]


_READINGS = _View("v_readings_enriched", '"timestamp"', "interval_seconds", READING_MEASURES)
_HOURS = _View("v_readings_hourly", "hour", str(HOUR_SECONDS), HOUR_MEASURES)


@dataclass(frozen=True)
class Moments:
    """The distinct intervals of an export, on the site's clock; everything has length n.

    `start_seconds` and `local_seconds` count from 1970, the latter by the local clock;
    `is_open` is None where the site's opening hours are not known.
    """

    start_seconds: NDArray[np.int64]
    local_seconds: NDArray[np.int64]
    interval_seconds: NDArray[np.int64]
    is_open: NDArray[np.bool_] | None
    day_type: tuple[str, ...]
    season: tuple[str, ...]


@dataclass(frozen=True)
class ExportRows:
    """Rows of an export in the order of time and channel.

    Row i is of `channel_ids[channel[i]]` at moment `moment[i]` of `moments`, with
    `measures[name][i]`; NaN = null.
    """

    channel_ids: NDArray[np.int64]
    channel: NDArray[np.int64]
    moments: Moments
    moment: NDArray[np.int64]
    measures: dict[str, NDArray[Any]]


def load_channels(connection: Connection, site_id: str, period: Period) -> list[dict[str, Any]]:
    """Every channel of the site with its sums over the period, in the order of the ids."""
    return fetch_all(
        connection,
        """SELECT m.site_id, m.site_name, m.channel_id, m.channel_name, m.channel_type,
                  m.in_site_total, m.status, m.unit, m.interval_seconds,
                  d.energy_kwh, d.avg_kw, d.peak_kw,
                  coalesce(d.reading_count, 0) AS reading_count,
                  coalesce(d.days_with_data, 0) AS days_with_data
           FROM v_meters AS m
           LEFT JOIN (
               SELECT channel_id, sum(energy_kwh) AS energy_kwh,
                      sum(avg_kw * power_count) / nullif(sum(power_count), 0) AS avg_kw,
                      max(peak_kw) AS peak_kw, sum(reading_count)::bigint AS reading_count,
                      count(*)::bigint AS days_with_data
               FROM v_readings_daily
               WHERE site_id = %(site_id)s AND day BETWEEN %(first_day)s AND %(last_day)s
               GROUP BY channel_id
           ) AS d USING (channel_id)
           WHERE m.site_id = %(site_id)s
           ORDER BY m.channel_id""",
        {"site_id": site_id, "first_day": period.first_day, "last_day": period.last_day},
    )


def months(period: Period) -> list[Period]:
    """The period cut at the turns of its local months."""
    parts, first = [], period.first_day
    while first <= period.last_day:
        next_month = (first.replace(day=1) + timedelta(days=31)).replace(day=1)
        last = min(next_month - timedelta(days=1), period.last_day)
        parts.append(Period(first, last, period.timezone))
        first = next_month
    return parts


def fingerprint(connection: Connection, site_id: str, period: Period) -> str:
    """A text that any change to the stored readings and hours of the period changes."""
    (row,) = fetch_all(
        connection,
        "SELECT readings_fingerprint(%s, %s, %s) AS found",
        [site_id, period.start, period.end],
    )
    return str(row["found"])


def load_days(
    connection: Connection, site_id: str, period: Period, config: SiteConfig
) -> list[dict[str, Any]]:
    """Energy and demand of each channel and local day, with the day's type and season."""
    rows = fetch_all(
        connection,
        """SELECT site_id, site_name, channel_id, channel_name, channel_type, in_site_total, day,
                  energy_kwh, avg_kw, peak_kw, reading_count, expected_count
           FROM v_readings_daily
           WHERE site_id = %s AND day BETWEEN %s AND %s
           ORDER BY day, channel_id""",
        [site_id, period.first_day, period.last_day],
    )
    off = closed_days({day.year for day in period.days}, config)
    by_month = seasons(period.timezone)
    return [
        {**row, "day_type": day_type(row["day"], off), "season": by_month[row["day"].month - 1]}
        for row in rows
    ]


def load_months(connection: Connection, site_id: str, period: Period) -> list[dict[str, Any]]:
    """Energy and demand of each channel and local month, over the days of the period alone."""
    rows = fetch_all(
        connection,
        """SELECT site_id, site_name, channel_id, channel_name, channel_type, in_site_total,
                  date_trunc('month', day::timestamp)::date AS month,
                  sum(energy_kwh) AS energy_kwh,
                  sum(avg_kw * power_count) / nullif(sum(power_count), 0) AS avg_kw,
                  max(peak_kw) AS peak_kw, sum(reading_count)::bigint AS reading_count,
                  sum(expected_count)::bigint AS expected_count,
                  count(*)::bigint AS days_with_data
           FROM v_readings_daily
           WHERE site_id = %s AND day BETWEEN %s AND %s
           GROUP BY site_id, site_name, channel_id, channel_name, channel_type, in_site_total,
                    date_trunc('month', day::timestamp)::date
           ORDER BY month, channel_id""",
        [site_id, period.first_day, period.last_day],
    )
    by_month = seasons(period.timezone)
    return [{**row, "season": by_month[row["month"].month - 1]} for row in rows]


def load_readings(
    connection: Connection, site_id: str, period: Period, config: SiteConfig
) -> ExportRows:
    """Every reading of the period; measures are READING_MEASURES."""
    return _load_rows(connection, _READINGS, site_id, period, config)


def load_hours(
    connection: Connection, site_id: str, period: Period, config: SiteConfig
) -> ExportRows:
    """Every local clock hour of the period; measures are HOUR_MEASURES."""
    return _load_rows(connection, _HOURS, site_id, period, config)


def day_type(day: date, off: frozenset[date]) -> str:
    """workday, saturday, sunday, or holiday (a public holiday or a configured closed day)."""
    if day in off:
        return "holiday"
    return {5: "saturday", 6: "sunday"}.get(day.weekday(), "workday")


def _load_rows(
    connection: Connection, view: _View, site_id: str, period: Period, config: SiteConfig
) -> ExportRows:
    wanted = ", ".join(
        name if kind == "i4" else f"coalesce({name}, 'NaN'::{_SQL_TYPES[kind]})"
        for name, kind in view.measures.items()
    )
    columns = copy_columns(
        connection,
        f"""SELECT channel_id, {view.time}, {view.interval}, {wanted} FROM {view.name}
            WHERE site_id = %s AND {view.time} >= %s AND {view.time} < %s""",  # noqa: S608 (constants of this module)
        [site_id, period.start, period.end],
        [
            ("channel_id", "i8"),
            ("timestamp", "timestamp"),
            ("interval_seconds", "i4"),
            *view.measures.items(),
        ],
    )
    # Sorted here: the database would take as long for that as for the rows.
    order = np.lexsort((columns["channel_id"], columns["timestamp"]))
    columns = {name: values[order] for name, values in columns.items()}
    channel_ids, channel = np.unique(columns["channel_id"], return_inverse=True)
    start_seconds = columns["timestamp"] // US_PER_SECOND
    # One number for start and length: intervals of both 15 and 60 minutes may start together.
    keys, moment = np.unique(
        start_seconds * 1_000_000 + columns["interval_seconds"], return_inverse=True
    )
    starts, intervals = np.divmod(keys, 1_000_000)
    return ExportRows(
        channel_ids=channel_ids,
        channel=channel,
        moments=_moments(starts, intervals, period.timezone, config),
        moment=moment,
        measures={name: columns[name] for name in view.measures},
    )


def _moments(
    starts: NDArray[np.int64], intervals: NDArray[np.int64], timezone: str, config: SiteConfig
) -> Moments:
    index = pd.to_datetime(starts, unit="s", utc=True).tz_convert(zone(timezone))
    local_seconds = index.tz_localize(None).as_unit("s").asi8
    is_open = np.zeros(len(starts), dtype=bool)
    for interval in np.unique(intervals):
        chosen = intervals == interval
        is_open[chosen] = site_calendar(index[chosen], int(interval), config).is_open
    days, position = np.unique(local_seconds // 86_400, return_inverse=True)
    dates = [date.fromordinal(int(day) + date(1970, 1, 1).toordinal()) for day in days]
    off = closed_days({day.year for day in dates}, config)
    types = [day_type(day, off) for day in dates]
    by_month = seasons(timezone)
    day_seasons = [by_month[day.month - 1] for day in dates]
    return Moments(
        start_seconds=starts,
        local_seconds=local_seconds,
        interval_seconds=intervals,
        is_open=is_open if config.opening_hours else None,
        day_type=tuple(types[day] for day in position),
        season=tuple(day_seasons[day] for day in position),
    )
