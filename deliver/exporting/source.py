"""What an export is made of: one site and period, read table by table in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from analyze.exporting.one_ahead import one_ahead
from analyze.exporting.site import Site
from analyze.exports import (
    ExportRows,
    fingerprint,
    load_channels,
    load_days,
    load_hours,
    load_months,
    load_readings,
    months,
)
from analyze.findings import WeekFindings
from config.settings import get_settings
from config.sites import SiteConfig
from deliver.exporting.findings_rows import findings_rows
from deliver.exporting.tables import CHANNEL, TABLES
from deliver.forms.validation import validation_rows
from lib.circuit_breaker import BreakerStatus
from lib.closed_days import closed_days
from lib.database import Connection
from lib.date_utils import Period

# Part of every month's fingerprint: raise it when the same rows are written in another way.
LAYOUT_VERSION = 1

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class ExportSource:
    """Everything the writers ask for; `connection` is inside one snapshot.

    `channels` are the site's channels with their sums, by id; `small_tables` the rows of every
    table that is not long.
    """

    connection: Connection
    site: Site
    config: SiteConfig
    period: Period
    breaker: BreakerStatus
    channels: Mapping[int, Mapping[str, Any]]
    small_tables: Mapping[str, Rows]

    def long_table(self, table: str, parts: Sequence[Period]) -> Iterator[ExportRows]:
        """Readings or hours, a month at a time, the next one read while this one is written."""
        load = load_readings if table == "readings" else load_hours
        return one_ahead(
            partial(load, self.connection, self.site.site_id, part, self.config) for part in parts
        )

    @property
    def months(self) -> list[Period]:
        """The period, cut at the turns of its months."""
        return months(self.period)

    def fingerprint(self, table: str, part: Period) -> str:
        """What decides the content of a month's file: its rows, names and calendar."""
        described = [
            [channel[column.name] for column in CHANNEL] + [channel["in_site_total"]]
            for channel in self.channels.values()
        ]
        years = {part.first_day.year, part.last_day.year}
        decides = (
            LAYOUT_VERSION,
            TABLES[table],
            described,
            part,
            sorted(closed_days(years, self.config)),
            self.config.model_dump_json(include={"opening_hours"}),
            fingerprint(self.connection, self.site.site_id, part),
        )
        return hashlib.sha256(repr(decides).encode()).hexdigest()


def load_source(
    connection: Connection,
    site: Site,
    config: SiteConfig,
    breaker: BreakerStatus,
    period: Period,
    now: datetime,
    newest_weeks: int,
) -> ExportSource:
    """Read what is small of a site and period; findings are those of the newest whole weeks.

    All of it before the long tables: a connection serves one thread at a time.
    """
    site_id, settle_seconds = site.site_id, get_settings().eniscope_settle_seconds
    findings: list[WeekFindings] = []
    if newest_weeks:
        # The analysis takes a third of a second to import.
        from analyze.exporting.findings import load_findings, whole_weeks

        weeks = whole_weeks(period, newest_weeks)
        findings = load_findings(connection, config, weeks, now, settle_seconds)
    channels = load_channels(connection, site_id, period)
    small_tables: dict[str, Rows] = {
        "daily": load_days(connection, site_id, period, config),
        "monthly": load_months(connection, site_id, period),
        "channels": channels,
        "findings": findings_rows(findings),
        "validation": list(validation_rows(site_id, breaker)),
    }
    by_id = {channel["channel_id"]: channel for channel in channels}
    return ExportSource(connection, site, config, period, breaker, by_id, small_tables)
