"""What the analysis found on a site's newest day and costs enough to be told.

Worked out once for each day, when validation has opened it, and kept in alert_checks until the next
day: it takes a second and more for each site.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from config.alerts import AlertRule
from config.settings import get_settings
from config.sites import SiteConfig, site_config
from lib.circuit_breaker import period_status
from lib.database import Connection, transaction
from lib.date_utils import Period, days_up_to, local_day, zone
from lib.errors import UsageError
from operations.alerts.book import Place, load_found, save_found
from operations.alerts.conditions import Found

if TYPE_CHECKING:
    from analyze.findings import WeekFindings

logger = logging.getLogger(__name__)

DAYS = 7


@dataclass(frozen=True)
class Costly:
    """A finding with its cost, in the site's money."""

    channel_id: int
    subject: str
    since: datetime
    amount: float
    detail: str


def found_by_rules(
    connection: Connection,
    rules: Sequence[AlertRule],
    places: Iterable[Place],
    now: datetime,
    *,
    keep: bool,
) -> list[Found]:
    """What the rules about findings find, from the book or worked out anew; `keep` books it."""
    with transaction(connection) as cursor:
        booked = load_found(cursor)
    found: list[Found] = []
    for place in places:
        mine = [rule for rule in rules if rule.covers(place.site_id)]
        if place.site_id is None or place.timezone is None or not mine:
            continue
        day = local_day(now, place.timezone) - timedelta(days=1)
        # Of a changed limit the book knows nothing before the next day.
        known = [booked.get((rule.name, place.site_id)) for rule in mine]
        if any(one is None or one["day"] < day for one in known) and _is_open(
            connection, place.site_id, day, place.timezone
        ):
            fresh = judge_day(connection, mine, place.site_id, day, place.timezone, now)
            if keep:
                _keep(connection, mine, place.site_id, day, fresh)
            found += fresh
        else:
            found += [_from_book(rule, place.site_id, row)
                      for rule, one in zip(mine, known, strict=True) if one
                      for row in one["found"]]  # fmt: skip
    return found


def _is_open(connection: Connection, site_id: str, day: date, timezone: str) -> bool:
    return period_status(connection, site_id, Period(day, day, timezone)).is_open


def judge_day(
    connection: Connection,
    rules: Sequence[AlertRule],
    site_id: str,
    day: date,
    timezone: str,
    now: datetime,
) -> list[Found]:
    """Analyze the seven days up to `day`; what of the day costs more than the rules allow."""
    # pandas takes a second to import, and most checks need none.
    from analyze.readings import load_week
    from analyze.week import analyze_week

    period = days_up_to(day, DAYS, timezone)
    site = site_config(site_id)
    try:
        data = load_week(connection, site_id, period)
        findings = analyze_week(data, site, period, now, get_settings().eniscope_settle_seconds)
    except UsageError as error:
        logger.info("site %s: findings are not judged: %s", site_id, error)
        return []
    costly = {
        "spike_cost": _spikes, "anomaly_cost": _anomalies, "after_hours_cost": _after_hours
    }  # fmt: skip
    return [
        Found(rule.name, site_id, one.detail, one.channel_id, one.subject, one.since)
        for rule in rules
        for one in costly[rule.measure](findings, site, day)
        if rule.condition and one.amount > rule.condition.limit
    ]


def _spikes(findings: WeekFindings, site: SiteConfig, day: date) -> Iterator[Costly]:
    for one in findings.spikes:
        yield from _event(
            findings, site, day, one, f"{one.peak_kw:.1f} kW for {one.expected_kw:.1f} expected"
        )


def _anomalies(findings: WeekFindings, site: SiteConfig, day: date) -> Iterator[Costly]:
    for one in findings.anomalies:
        if one.direction == "high":
            yield from _event(
                findings, site, day, one,
                f"up to {one.peak_kw:.1f} kW for {one.expected_kw:.1f} expected",
            )  # fmt: skip


def _event(
    findings: WeekFindings, site: SiteConfig, day: date, one: Any, what: str
) -> Iterator[Costly]:
    """An event of that day that has a price."""
    last_day = (one.end - timedelta(microseconds=1)).astimezone(zone(findings.timezone)).date()
    amount = _cost(one.excess_kwh, one.start, one.end, site, findings.timezone)
    if last_day != day or amount is None:
        return
    detail = (
        f"{one.channel_name} ({one.channel_id}): {what}, {one.start:%Y-%m-%d %H:%M} to "
        f"{one.end:%Y-%m-%d %H:%M}, {one.excess_kwh:.1f} kWh, {amount:.2f} {findings.currency}"
    )
    # By its day, not its minute: a baseline that moved on may find it a quarter of an hour later.
    yield Costly(one.channel_id, str(one.start.date()), one.start, amount, detail)


def _after_hours(findings: WeekFindings, _site: SiteConfig, day: date) -> Iterator[Costly]:
    for meter in findings.after_hours.meters:
        if meter.excess_cost is None:
            continue
        detail = (
            f"{meter.channel_name} ({meter.channel_id}): {meter.excess_kwh:.1f} kWh while closed "
            f"in the {DAYS} days to {day}, {meter.excess_cost:.2f} {findings.currency}"
        )
        yield Costly(meter.channel_id, "", findings.start, meter.excess_cost, detail)


def _cost(
    excess_kwh: float, start: datetime, end: datetime, site: SiteConfig, timezone: str
) -> float | None:
    """The energy at the mean price of its time; None where there is none."""
    import numpy as np
    import pandas as pd

    from analyze.cost_model import price_per_kwh

    index = pd.date_range(start, end, freq="15min", inclusive="left").tz_convert(timezone)
    prices = price_per_kwh(index, site.tariff)
    if len(prices) == 0 or not np.isfinite(prices).any():
        return None
    return float(excess_kwh * np.nanmean(prices))


def _keep(
    connection: Connection,
    rules: Sequence[AlertRule],
    site_id: str,
    day: date,
    found: Sequence[Found],
) -> None:
    with transaction(connection) as cursor:
        for rule in rules:
            rows = [
                {
                    "channelId": one.channel_id,
                    "subject": one.subject,
                    "since": one.since.isoformat() if one.since else None,
                    "detail": one.detail,
                }
                for one in found
                if one.rule == rule.name
            ]
            save_found(cursor, rule.name, site_id, day, json.dumps(rows))


def _from_book(rule: AlertRule, site_id: str, row: dict[str, Any]) -> Found:
    since = datetime.fromisoformat(row["since"]) if row["since"] else None
    return Found(rule.name, site_id, row["detail"], row["channelId"], row["subject"], since)
