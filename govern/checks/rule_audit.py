"""Today's reading rules against what is stored and what is in quarantine, channel by channel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from config.sites import SiteConfig, site_config
from govern.checks.data_validator import MEASURES, DataValidator, Finding
from lib.database import Connection, copy_columns, fetch_all
from lib.date_utils import Period, chosen_period, last_days, local_day
from lib.errors import UsageError
from lib.reading_rules import FIELD_LIMITS, ROW_FIELDS, ReadingRules, rated_power_kw, rules_for

DEFAULT_DAYS = 30
SAMPLE_ROWS = 3
# Stored as float8; every other measure is real, and compared at that precision.
DOUBLE_FIELDS = frozenset(("energy_kwh", "energy_kwh_1", "energy_kwh_2", "energy_kwh_3", "cost"))
RANGE_SUFFIX = "out_of_range"
# Time alone makes no reading of what came before its interval was over, nor of nothing.
NEVER_PASS = ("future_timestamp", "no_values")

# A row without a time, or with an impossible one, counts for the moment at which it came.
_QUARANTINE = """
WITH entry AS (
    SELECT *, CASE WHEN reason = 'future_timestamp' THEN rejected_at
                   ELSE coalesce("timestamp", rejected_at) END AS counted_at
    FROM rejected_readings WHERE channel_id = %(channel_id)s
),
chosen AS (
    SELECT * FROM entry
    WHERE counted_at >= %(window_start)s AND counted_at < %(window_end)s
),
asked AS (
    SELECT run_id, min(interval_seconds) AS interval_seconds FROM ingestion_logs
    WHERE channel_id = %(channel_id)s AND run_id IN (SELECT run_id FROM chosen)
    GROUP BY run_id HAVING min(interval_seconds) = max(interval_seconds)
)
SELECT scope, reason, field, value, interval_seconds, units IS NOT NULL AS has_units,
       CASE jsonb_typeof(raw) WHEN 'object' THEN raw ->> 'P' END AS power_w,
       CASE jsonb_typeof(raw) WHEN 'object' THEN raw ->> 'E' END AS energy_wh,
       (extract(epoch FROM "timestamp") * 1000000)::bigint AS timestamp_us
FROM chosen LEFT JOIN asked USING (run_id)
ORDER BY counted_at, id
"""


@dataclass(frozen=True)
class Channel:
    """A channel as the rules need it."""

    channel_id: int
    name: str
    installed_at: datetime | None
    rated_kw: float | None


@dataclass(frozen=True)
class Audited:
    """A site and whole local days of it."""

    site_id: str
    site_name: str
    period: Period
    now: datetime
    channels: tuple[Channel, ...]
    config: SiteConfig

    def rules(
        self, channel: Channel, interval_seconds: int, *, sends_power_factor: bool = False
    ) -> ReadingRules:
        """Today's rules for readings of this channel and length."""
        return rules_for(
            self.config,
            channel.channel_id,
            interval_seconds,
            channel.installed_at,
            sends_power_factor=sends_power_factor,
            rated_kw=channel.rated_kw,
        )


def load_audited(
    connection: Connection, site_id: str, start: date | None, end: date | None, now: datetime
) -> Audited:
    """The days asked for, by default the last 30. Raises UsageError for an unknown site."""
    sites = fetch_all(
        connection,
        "SELECT organization_name, timezone FROM organizations WHERE organization_id = %s",
        [site_id],
    )
    if not sites:
        raise UsageError(f"site {site_id} is not in the database")
    recent = last_days(DEFAULT_DAYS, now, sites[0]["timezone"])
    if start is None and end is not None and end < recent.first_day:
        raise UsageError(f"the last {DEFAULT_DAYS} days begin on {recent.first_day}: name --start")
    period = chosen_period(start, end, recent)
    if period.first_day > local_day(now, period.timezone):
        raise UsageError(f"{period.first_day} has not begun: nothing to validate")
    rows = fetch_all(
        connection,
        "SELECT channel_id, channel_name, installed_at, ct_ratio, voltage_scale FROM v_meters "
        "WHERE site_id = %s ORDER BY channel_id",
        [site_id],
    )
    channels = tuple(
        Channel(
            row["channel_id"],
            row["channel_name"],
            row["installed_at"],
            rated_power_kw(row["ct_ratio"], row["voltage_scale"]),
        )
        for row in rows
    )
    name = sites[0]["organization_name"]
    return Audited(site_id, name, period, now, channels, site_config(site_id))


def audit_stored(
    connection: Connection, audited: Audited, channel: Channel
) -> tuple[int, list[dict[str, Any]]]:
    """How many readings of the channel were judged, and what today's rules have against them."""
    ruled = {*ROW_FIELDS, *FIELD_LIMITS, *audited.rules(channel, 1).field_limits}
    names = [name for name in MEASURES if name in ruled]
    stored = copy_columns(
        connection,
        _stored_sql(names),
        (channel.channel_id, audited.period.start, audited.period.end),
        [
            ("timestamp_us", "timestamp"),
            ("interval_seconds", "i4"),
            ("has_value", "bool"),
            ("is_remarked", "bool"),
            *((name, "f8" if name in DOUBLE_FIELDS else "f4") for name in names),
        ],
    )
    found: list[dict[str, Any]] = []
    sends_power_factor = not np.isnan(stored["power_factor"]).all()
    for interval_seconds in np.unique(stored["interval_seconds"]).tolist():
        of_length = stored["interval_seconds"] == interval_seconds
        rows = {name: values[of_length] for name, values in stored.items()}
        columns = {name: rows[name] for name in names}
        rules = audited.rules(channel, interval_seconds, sends_power_factor=sends_power_factor)
        validator = DataValidator(rules, audited.now)
        for finding in validator.validate(rows["timestamp_us"], columns, rows["has_value"]):
            if finding.scope == "remark":
                finding = replace(finding, mask=finding.mask & ~rows["is_remarked"])
            if finding.count:
                found.append(_stored_finding(channel, rules, finding, rows))
    return len(stored["timestamp_us"]), found


def audit_quarantine(
    connection: Connection, audited: Audited, channel: Channel
) -> list[dict[str, Any]]:
    """The channel's quarantine by scope, reason and field, and how much of it may pass today.

    Judged is what the rules can judge without the raw record: the value that was refused, and its
    time. Whether the rest of the record passes only py:ingest:replay can say. What was refused
    before its unit was recorded passes only if it came in the usual one, as there.
    """
    window = {
        "channel_id": channel.channel_id,
        "window_start": audited.period.start,
        "window_end": audited.period.end,
    }
    groups: dict[tuple[str, str, str | None], list[dict[str, Any]]] = {}
    for row in fetch_all(connection, _QUARANTINE, window):
        groups.setdefault((row["scope"], row["reason"], row["field"]), []).append(row)
    found = []
    for (scope, reason, field), rows in groups.items():
        is_judged = reason.endswith(RANGE_SUFFIX) or reason == "before_installation"
        passing = _passing(audited, channel, field, rows) if is_judged else []
        is_known = is_judged or reason in NEVER_PASS
        found.append(
            {
                "channel_id": channel.channel_id,
                "channel_name": channel.name,
                "scope": scope,
                "reason": reason,
                "field": field,
                "count": len(rows),
                "may_pass": len(passing) if is_known else None,
                "sample": [_sample(row["timestamp_us"], row["value"]) for row in passing][
                    :SAMPLE_ROWS
                ],
            }
        )
    return found


def _passing(
    audited: Audited, channel: Channel, field: str | None, rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Entries whose refused value and time no rule refuses today."""
    passing = []
    has_value = field in MEASURES
    known = [
        row
        for row in rows
        if row["interval_seconds"] is not None
        and row["timestamp_us"] is not None
        and (row["value"] is not None or not has_value)
        and not _came_in_another_unit(field, row)
    ]
    for interval_seconds in sorted({row["interval_seconds"] for row in known}):
        of_length = [row for row in known if row["interval_seconds"] == interval_seconds]
        timestamp_us = np.array([row["timestamp_us"] for row in of_length], dtype=np.int64)
        columns = {}
        if field is not None and has_value:
            columns[field] = np.array([float(row["value"]) for row in of_length])
        refused = np.zeros(len(of_length), dtype=bool)
        validator = DataValidator(audited.rules(channel, interval_seconds), audited.now)
        everything = np.ones(len(of_length), dtype=bool)
        for finding in validator.validate(timestamp_us, columns, has_value=everything):
            refused |= finding.mask
        passing += [row for row, no in zip(of_length, refused.tolist(), strict=True) if not no]
    return passing


def _came_in_another_unit(field: str | None, row: Mapping[str, Any]) -> bool:
    """True for a row whose refused energy or power is not its record's number in Wh or W."""
    sent = {"energy_kwh": row["energy_wh"], "power_kw": row["power_w"]}
    if row["scope"] != "row" or row["has_units"] or field not in sent:
        return False
    try:
        usual = float(sent[field]) / 1000
    except (TypeError, ValueError):
        return True
    return not math.isclose(usual, float(row["value"]), rel_tol=1e-9)


def _stored_sql(names: Sequence[str]) -> str:
    """A fixed-width query of a channel's readings in a window: id, start, end."""
    values = "".join(f", coalesce({name}, 'NaN')" for name in names)
    measures = ", ".join(MEASURES)
    return (
        f'SELECT "timestamp", interval_seconds, num_nonnulls({measures}, extra) > 0, '  # noqa: S608
        f"coalesce(data_quality LIKE '%%power_factor missing%%', false){values} FROM readings "
        'WHERE channel_id = %s AND "timestamp" >= %s AND "timestamp" < %s ORDER BY "timestamp"'
    )


def _stored_finding(
    channel: Channel, rules: ReadingRules, finding: Finding, rows: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """A finding with the limits in force and the first readings it is about."""
    places = np.flatnonzero(finding.mask)[:SAMPLE_ROWS]
    values = rows.get(finding.field) if finding.field else None
    return {
        "channel_id": channel.channel_id,
        "channel_name": channel.name,
        "scope": finding.scope,
        "rule": finding.rule,
        "field": finding.field,
        "limits": _limits(rules, finding),
        "interval_seconds": rules.interval_seconds,
        "count": finding.count,
        "sample": [
            _sample(
                int(rows["timestamp_us"][place]),
                None if values is None or np.isnan(values[place]) else f"{values[place]:.7g}",
            )
            for place in places
        ],
    }


def _limits(rules: ReadingRules, finding: Finding) -> list[float | None] | None:
    """The low and the high limit that a range rule compares with; None for an open end."""
    if not finding.rule.endswith(RANGE_SUFFIX) or finding.field is None:
        return None
    own = {"energy_kwh": rules.energy_kwh, "power_kw": rules.power_kw}
    limits = own.get(finding.field) or rules.field_limits[finding.field]
    return [limit if math.isfinite(limit) else None for limit in limits]


def _sample(timestamp_us: int, value: str | None) -> dict[str, str | None]:
    at = datetime.fromtimestamp(timestamp_us // 1_000_000, UTC)
    return {"timestamp": at.isoformat(), "value": value}
