"""What is validated: one site, some local days, and how far data can be expected by now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Any

from config.settings import get_settings
from config.sites import SiteConfig, site_config
from lib.database import Connection, fetch_all
from lib.date_utils import Period, chosen_period, local_day, local_midnight, zone
from lib.errors import UsageError
from lib.reading_rules import ReadingRules, rated_power_kw, rules_for
from lib.schema import altered_views, sql_files

DEFAULT_INTERVAL_SECONDS = 900
ENERGY_TYPES = ("site_total", "energy")

_LAST_RUN = """
SELECT min(window_start) AS window_start, max(window_end) AS window_end
FROM ingestion_logs
WHERE organization_id = %(site_id)s AND run_id = (
    SELECT run_id FROM ingestion_logs WHERE organization_id = %(site_id)s ORDER BY id DESC LIMIT 1
)
"""
_ASKED_UNTIL = """
SELECT max(least(started_at - make_interval(secs => %(settle)s), window_end)) AS asked_until
FROM ingestion_logs WHERE organization_id = %(site_id)s AND status <> 'running'
"""
_CHANNELS = """
SELECT channel_id, channel_name, channel_type, interval_seconds, in_site_total, ct_ratio,
       voltage_scale
FROM v_meters WHERE site_id = %(site_id)s ORDER BY channel_id
"""


@dataclass(frozen=True)
class Window:
    """A site and whole local days of it, with what every check may ask for."""

    site_id: str
    site_name: str
    period: Period
    now: datetime
    complete_until: datetime
    asked_until: datetime | None
    channels: tuple[Mapping[str, Any], ...]
    altered_views: tuple[str, ...] = ()

    def parameters(self) -> dict[str, Any]:
        """The named parameters of the checks' queries."""
        return {
            "site_id": self.site_id,
            "timezone": self.period.timezone,
            "window_start": self.period.start,
            "window_end": self.period.end,
            "first_day": self.period.first_day,
            "last_day": self.period.last_day,
            "now": self.now,
            "complete_until": self.complete_until,
            # A site that never was ingested was asked for nothing.
            "asked_until": self.asked_until or self.period.start,
            "settle_seconds": get_settings().eniscope_settle_seconds,
            "channel_ids": [channel["channel_id"] for channel in self.channels],
            "energy_channel_ids": [
                channel["channel_id"]
                for channel in self.channels
                if channel["channel_type"] in ENERGY_TYPES
            ],
            "total_channel_ids": [
                channel["channel_id"] for channel in self.channels if channel["in_site_total"]
            ],
            "limits": json.dumps(_limits(self.site_id, self.channels)),
            "field_limits": json.dumps(_field_limits(self.site_id, self.channels)),
            "tariff_days": [
                price.valid_from.isoformat() for price in site_config(self.site_id).tariff
            ],
            "view_names": [view.name for view in sql_files("views")],
            "altered_views": list(self.altered_views),
        }

    def place(self, row: Mapping[str, Any]) -> str:
        """Where a row that breaks a rule stands: the channel's name and id, the site's own time.

        `row` is a row of a check's sample: `timestamp` is ISO 8601 text, if it is there at all.
        """
        words = []
        if row.get("channel_id"):
            names = {channel["channel_id"]: channel["channel_name"] for channel in self.channels}
            words.append(f"{names.get(row['channel_id'], 'channel')} ({row['channel_id']})")
        if row.get("timestamp"):
            local = datetime.fromisoformat(row["timestamp"]).astimezone(zone(self.period.timezone))
            words.append(f"at {local:%Y-%m-%d %H:%M}")
        return " ".join(words)


def load_window(
    connection: Connection, site_id: str, start: date | None, end: date | None, now: datetime
) -> Window:
    """The window asked for; days not named are those that the site's last ingestion touched.

    Raises UsageError for an unknown site, an end before the start, days that have not begun, and
    where nothing was named and nothing ever ingested.
    """
    sites = fetch_all(
        connection,
        "SELECT organization_name, timezone FROM organizations WHERE organization_id = %s",
        [site_id],
    )
    if not sites:
        raise UsageError(f"site {site_id} is not in the database")
    timezone = sites[0]["timezone"]
    today = local_day(now, timezone)
    period = _period(connection, site_id, start, end, now, timezone)
    if period.first_day > today:
        raise UsageError(f"{period.first_day} has not begun: nothing to validate")
    settle_seconds = get_settings().eniscope_settle_seconds
    asked = fetch_all(connection, _ASKED_UNTIL, {"site_id": site_id, "settle": settle_seconds})
    asked_until = asked[0]["asked_until"]
    return Window(
        site_id=site_id,
        site_name=sites[0]["organization_name"],
        period=period,
        now=now,
        complete_until=complete_until(period, now, timedelta(seconds=settle_seconds), asked_until),
        asked_until=asked_until,
        channels=tuple(fetch_all(connection, _CHANNELS, {"site_id": site_id})),
        altered_views=tuple(altered_views(connection)),
    )


def complete_until(
    period: Period, now: datetime, settle: timedelta, asked_until: datetime | None
) -> datetime:
    """The instant up to which a site can be expected to be complete: min(end, now - settle).

    Of the day that is still running only what ingestion has asked for already is expected: a
    validation in the afternoon does not miss what tomorrow's sync will bring.
    """
    settled = now - settle
    if period.end <= settled:
        return period.end
    if asked_until is None:
        return settled
    midnight = local_midnight(local_day(now, period.timezone), period.timezone)
    return min(settled, max(asked_until, midnight))


def _period(
    connection: Connection,
    site_id: str,
    start: date | None,
    end: date | None,
    now: datetime,
    timezone: str,
) -> Period:
    if start is not None and end is not None:
        return chosen_period(start, end, Period(start, end, timezone))
    last_run = fetch_all(connection, _LAST_RUN, {"site_id": site_id})[0]
    if last_run["window_start"] is None:
        raise UsageError(f"site {site_id} was never ingested: name --start and --end")
    last_instant = min(last_run["window_end"], now) - timedelta(seconds=1)
    touched = Period(
        local_day(last_run["window_start"], timezone), local_day(last_instant, timezone), timezone
    )
    return chosen_period(start, end, touched)


def _limits(site_id: str, channels: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The same limits per channel that ingest applies, for one interval of the usual length."""
    site = site_config(site_id)
    limits = []
    for channel in channels:
        rules = _rules(site, channel)
        limits.append(
            {
                "channel_id": channel["channel_id"],
                "interval_seconds": rules.interval_seconds,
                "power_low_kw": rules.power_kw[0],
                "power_high_kw": rules.power_kw[1],
                "energy_low_kwh": rules.energy_kwh[0],
                "energy_high_kwh": rules.energy_kwh[1],
            }
        )
    return limits


def _field_limits(site_id: str, channels: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The limits of single values, per channel and column; an end that is open is None."""
    site = site_config(site_id)
    return [
        {
            "channel_id": channel["channel_id"],
            "field": field,
            "low": low if isfinite(low) else None,
            "high": high if isfinite(high) else None,
        }
        for channel in channels
        for field, (low, high) in _rules(site, channel).field_limits.items()
    ]


def _rules(site: SiteConfig, channel: Mapping[str, Any]) -> ReadingRules:
    interval_seconds = channel["interval_seconds"] or DEFAULT_INTERVAL_SECONDS
    rated_kw = rated_power_kw(channel["ct_ratio"], channel["voltage_scale"])
    return rules_for(site, channel["channel_id"], interval_seconds, rated_kw=rated_kw)
