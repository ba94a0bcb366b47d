"""Copies opening hours and closed days of config/sites.yaml to where the views can read them."""

from __future__ import annotations

from datetime import date, time
from typing import NamedTuple

from psycopg2.extras import execute_values

from config.sites import WEEKDAYS, SiteConfig, site_config
from lib.closed_days import closed_days
from lib.database import Cursor

# The last closing time that Python can write; config/sites.py reads "24:00" as this.
END_OF_DAY = time.max


class OpenHours(NamedTuple):
    """Opening hours of one weekday (1 = Monday .. 7 = Sunday), HH:MM:SS of the local clock."""

    weekday: int
    opens: str
    closes: str


_SITES = """
SELECT o.organization_id,
       coalesce(extract(year FROM min(first.day)), extract(year FROM argo_now()))::integer,
       extract(year FROM argo_now())::integer
FROM organizations AS o
LEFT JOIN channels AS c USING (organization_id)
LEFT JOIN LATERAL (
    SELECT h.day FROM mv_hourly_usage AS h WHERE h.channel_id = c.channel_id ORDER BY h.hour LIMIT 1
) AS first ON true
WHERE %(site_id)s IS NULL OR o.organization_id = %(site_id)s
GROUP BY o.organization_id
"""


def store_opening_hours(cursor: Cursor, site_id: str | None = None) -> int:
    """Make the tables say what config/sites.yaml says, for one site or every site.

    Closed days reach from the year of the first reading to the next year. Returns how many rows
    were written or removed. Raises SettingsError where sites.yaml is wrong.
    """
    cursor.execute(_SITES, {"site_id": site_id})
    changed = 0
    for site, first_year, this_year in cursor.fetchall():
        config = site_config(site)
        # Without opening hours nothing is business time: closed days would say nothing.
        days = (
            closed_days(range(first_year, this_year + 2), config) if config.opening_hours else set()
        )
        changed += _replace_hours(cursor, site, weekly_hours(config))
        changed += _replace_days(cursor, site, set(days))
    return changed


def weekly_hours(site: SiteConfig) -> set[OpenHours]:
    """The weekdays on which a site opens, as the database keeps them."""
    return {
        OpenHours(WEEKDAYS.index(day) + 1, _clock(hours.opens), _clock(hours.closes))
        for day, hours in site.opening_hours.items()
    }


def _clock(at: time) -> str:
    return "24:00:00" if at == END_OF_DAY else at.isoformat()


def _replace_hours(cursor: Cursor, site: str, wanted: set[OpenHours]) -> int:
    cursor.execute(
        "SELECT weekday, opens::text, closes::text FROM site_opening_hours "
        "WHERE organization_id = %s",
        [site],
    )
    stored = {OpenHours(*row) for row in cursor.fetchall()}
    if stored != wanted:
        cursor.execute("DELETE FROM site_opening_hours WHERE organization_id = %s", [site])
        execute_values(
            cursor,
            "INSERT INTO site_opening_hours (organization_id, weekday, opens, closes) VALUES %s",
            [(site, *hours) for hours in sorted(wanted)],
        )
    return len(stored ^ wanted)


def _replace_days(cursor: Cursor, site: str, wanted: set[date]) -> int:
    cursor.execute("SELECT day FROM site_closed_days WHERE organization_id = %s", [site])
    stored = {day for (day,) in cursor.fetchall()}
    cursor.execute(
        "DELETE FROM site_closed_days WHERE organization_id = %s AND day = ANY(%s)",
        (site, sorted(stored - wanted)),
    )
    execute_values(
        cursor,
        "INSERT INTO site_closed_days (organization_id, day) VALUES %s",
        [(site, day) for day in sorted(wanted - stored)],
    )
    return len(stored ^ wanted)
