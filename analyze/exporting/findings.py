"""The findings of the whole weeks of a period, for an export: analyze_week, week by week."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial

from analyze.exporting.one_ahead import one_ahead
from analyze.findings import WeekFindings
from analyze.readings import load_week
from analyze.week import analyze_week
from config.sites import SiteConfig
from lib.database import Connection
from lib.date_utils import Period
from lib.errors import UsageError

logger = logging.getLogger(__name__)


def whole_weeks(period: Period, newest: int) -> list[Period]:
    """The Monday-to-Sunday weeks that lie wholly in the period, at most the `newest` last ones."""
    monday = period.first_day + timedelta(days=-period.first_day.weekday() % 7)
    weeks = []
    while monday + timedelta(days=6) <= period.last_day:
        weeks.append(Period(monday, monday + timedelta(days=6), period.timezone))
        monday += timedelta(days=7)
    if 0 < newest < len(weeks):
        logger.info(
            "findings of the newest %d of %d whole weeks: --findings-weeks N takes more",
            newest,
            len(weeks),
        )
    return weeks[-newest:] if newest else []


def load_findings(
    connection: Connection,
    config: SiteConfig,
    weeks: list[Period],
    now: datetime,
    settle_seconds: int,
) -> list[WeekFindings]:
    """The findings of each week, each against the weeks before it.

    A week that cannot be judged (a site whose energy is stored by day) is left out and logged.
    """
    found = []
    loaded = one_ahead(partial(load_week, connection, config.site_id, week) for week in weeks)
    for week, data in zip(weeks, loaded, strict=True):
        try:
            found.append(analyze_week(data, config, week, now, settle_seconds))
        except UsageError as error:
            logger.warning("no findings for the week of %s: %s", week.first_day, error)
    return found
