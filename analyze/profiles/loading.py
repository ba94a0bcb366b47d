"""Read what a profile looks at: one channel at a time, so that years fit into memory.

Reads   v_sites, v_meters, v_latest_readings, v_readings_enriched (one binary COPY per channel),
        v_rejected_counts
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from analyze.query.channels import named
from analyze.readings import (
    ENERGIES,
    MEASURES,
    ChannelRows,
    ChannelSeries,
    RejectedCount,
    channel_series,
)
from config.sites import SiteConfig
from lib.database import Connection, copy_columns, fetch_all
from lib.date_utils import Period, chosen_period, last_days, local_day, refuse_unbegun
from lib.errors import UsageError
from lib.stats_utils import Floats

DEFAULT_DAYS = 365
# What tells how much a channel draws, or what a sensor senses.
LOAD_MEASURES = ("energy_kwh", "power_kw", "temperature_c", "relative_humidity")
# Every measured column of the view: what a meter may send.
FIELDS = (
    "energy_kwh", "power_kw", "voltage_v", "current_a", "power_factor", "reactive_power_kvar",
    "apparent_power_kva", "frequency_hz", "thd_current", "thd_voltage", "neutral_current_a",
    "temperature_c", "relative_humidity", "energy_kwh_1", "energy_kwh_2", "energy_kwh_3",
    "power_kw_1", "power_kw_2", "power_kw_3", "voltage_v_1", "voltage_v_2", "voltage_v_3",
    "current_a_1", "current_a_2", "current_a_3", "power_factor_1", "power_factor_2",
    "power_factor_3",
)  # fmt: skip

# First and last readings are one step down the primary key, whatever the table's size.
_METERS = """
SELECT m.channel_id, m.channel_name, m.channel_type, m.in_site_total, m.is_additive, m.status,
       m.displayed_phase, m.device_name, m.device_type, m.interval_seconds, m.installed_at,
       m.ct_ratio, m.voltage_scale, m.timezone,
       first."timestamp" AS first_reading, latest."timestamp" AS last_reading
FROM v_meters AS m
JOIN v_latest_readings AS latest USING (channel_id)
LEFT JOIN LATERAL (
    SELECT r."timestamp" FROM v_readings_enriched AS r
    WHERE r.channel_id = m.channel_id ORDER BY r."timestamp" LIMIT 1
) AS first ON true
WHERE m.site_id = %(site_id)s
ORDER BY m.channel_id
"""


@dataclass(frozen=True)
class Site:
    """A stored site, its channels (rows of v_meters, by id) and what is configured for it."""

    site_id: str
    site_name: str
    timezone: str
    country: str | None
    meters: tuple[Mapping[str, Any], ...]
    config: SiteConfig


def load_site(connection: Connection, config: SiteConfig) -> Site:
    """The site and its channels. Raises UsageError when it is not in the database."""
    site_id = config.site_id
    rows = fetch_all(connection, "SELECT * FROM v_sites WHERE site_id = %s", [site_id])
    if not rows:
        raise UsageError(f"site {site_id} is not in the database: npm run py:ingest stores it")
    public_holidays = config.holidays.country if config.holidays else None
    return Site(
        site_id=site_id,
        site_name=rows[0]["site_name"],
        timezone=rows[0]["timezone"],
        country=rows[0]["country"] or public_holidays,
        meters=tuple(fetch_all(connection, _METERS, {"site_id": site_id})),
        config=config,
    )


class _Meter(NamedTuple):
    channel_id: int
    channel_name: str


def chosen_meter(site: Site, text: str) -> Mapping[str, Any]:
    """The row of the channel of that id or name. Raises UsageError where there is none."""
    listed = [_Meter(one["channel_id"], one["channel_name"]) for one in site.meters]
    (found,) = named(listed, [text])
    return next(one for one in site.meters if one["channel_id"] == found.channel_id)


def asked_period(
    site: Site, start: date | None, end: date | None, days: int | None, now: datetime
) -> Period:
    """The local days to look at: those asked for, else the last year or what there is of it.

    Raises UsageError when both --days and a date are given, for an end before the start and for
    days that have not begun.
    """
    if days is not None:
        if start or end:
            raise UsageError("give --days or --start/--end, not both")
        return last_days(days, now, site.timezone)
    last = end or local_day(now, site.timezone)
    earliest = last - timedelta(days=DEFAULT_DAYS - 1)
    first = start or min(max(_first_day(site) or earliest, earliest), last)
    refuse_unbegun(first, now, site.timezone)
    return chosen_period(first, last, Period(first, last, site.timezone))


def _first_day(site: Site) -> date | None:
    """The local day of the site's first reading."""
    firsts = [meter["first_reading"] for meter in site.meters if meter["first_reading"]]
    return local_day(min(firsts), site.timezone) if firsts else None


def load_channel(
    connection: Connection,
    meter: Mapping[str, Any],
    window: tuple[datetime, datetime],
    period_start: datetime,
    names: Sequence[str] = LOAD_MEASURES,
) -> ChannelSeries:
    """LOAD_MEASURES (or `names`) of one channel on a regular grid; see `on_grid`."""
    found = load_fields(connection, meter["channel_id"], window, names)
    return on_grid(meter, found, window, period_start)


def on_grid(
    meter: Mapping[str, Any],
    columns: Mapping[str, np.ndarray],
    window: tuple[datetime, datetime],
    period_start: datetime,
) -> ChannelSeries:
    """The measures of `load_fields` on a regular grid over `window`; others are NaN.

    The interval length is the one that covers most of the time from `period_start` on.
    """
    values = np.full((len(columns["timestamp"]), len(MEASURES)), np.nan)
    for number, name in enumerate(MEASURES):
        if name in columns:
            values[:, number] = columns[name]
    rows = ChannelRows(
        columns["timestamp"] // 1_000_000, columns["interval_seconds"].astype(np.int64), values
    )
    return channel_series(meter, rows, window, period_start)


def load_fields(
    connection: Connection,
    channel_id: int,
    window: tuple[datetime, datetime],
    names: Sequence[str],
) -> dict[str, np.ndarray]:
    """Columns of one channel's readings in [start, end), in any order; NaN where nothing was sent.

    `timestamp` is in microseconds since 1970, `interval_seconds` in seconds, the others in the
    units of their names. `names` must be among FIELDS.
    """
    kinds = {name: ("float8", "f8") if name in ENERGIES else ("real", "f4") for name in names}
    wanted = ", ".join(f"coalesce({name}, 'NaN'::{kinds[name][0]})" for name in names)
    return copy_columns(
        connection,
        # The names are constants of this package; every value is a parameter.
        f"""SELECT "timestamp", interval_seconds, {wanted} FROM v_readings_enriched
            WHERE channel_id = %(channel_id)s
              AND "timestamp" >= %(start)s AND "timestamp" < %(end)s""",  # noqa: S608
        {"channel_id": channel_id, "start": window[0], "end": window[1]},
        [("timestamp", "timestamp"), ("interval_seconds", "i4")]
        + [(name, kinds[name][1]) for name in names],
    )


def as_floats(columns: Mapping[str, np.ndarray]) -> dict[str, Floats]:
    """The columns in double precision, in which sums and means are taken."""
    return {name: np.asarray(values, dtype=float) for name, values in columns.items()}


def recent_frequency_hz(connection: Connection, site: Site, period: Period) -> float | None:
    """Mean of the frequencies sent in the period's last week with readings; None without any."""
    ends = [meter["last_reading"] for meter in site.meters if meter["last_reading"]]
    if not ends:
        return None
    end = min(max(ends) + timedelta(days=1), period.end)
    rows = fetch_all(
        connection,
        """SELECT avg(frequency_hz::double precision) AS frequency_hz FROM v_readings_enriched
           WHERE site_id = %s AND "timestamp" >= %s AND "timestamp" < %s AND frequency_hz > 0""",
        [site.site_id, end - timedelta(days=7), end],
    )
    found = rows[0]["frequency_hz"]
    return None if found is None else float(found)


def count_rejected(
    connection: Connection, site_id: str, period: Period
) -> dict[int, tuple[RejectedCount, ...]]:
    """Readings and values of the period that were set aside, by channel, scope and reason."""
    rows = fetch_all(
        connection,
        """SELECT channel_id, scope, reason, sum(rejected)::bigint AS rejected
           FROM v_rejected_counts WHERE site_id = %s AND day BETWEEN %s AND %s
           GROUP BY channel_id, scope, reason ORDER BY channel_id, scope, reason""",
        [site_id, period.first_day, period.last_day],
    )
    found: dict[int, tuple[RejectedCount, ...]] = {}
    for row in rows:
        count = RejectedCount(row["scope"], row["reason"], row["rejected"])
        found[row["channel_id"]] = (*found.get(row["channel_id"], ()), count)
    return found
