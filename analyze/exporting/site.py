"""A site as the database knows it; apart, because asking for it needs no numeric library."""

from __future__ import annotations

from typing import NamedTuple

from lib.database import Connection, fetch_all
from lib.date_utils import Period, local_day
from lib.errors import UsageError


class Site(NamedTuple):
    """A site as the database knows it."""

    site_id: str
    site_name: str
    timezone: str


def load_site(connection: Connection, site_id: str) -> Site:
    """Name and zone of a site. Raises UsageError when it is not in the database."""
    rows = fetch_all(
        connection,
        "SELECT site_id, site_name, timezone FROM v_sites WHERE site_id = %s",
        [site_id],
    )
    if not rows:
        raise UsageError(f"site {site_id} is not in the database")
    return Site(**rows[0])


def refuse_before_readings(connection: Connection, site_id: str, period: Period) -> None:
    """Raises UsageError for a period that ends before the site's first reading."""
    rows = fetch_all(
        connection,
        # One look into the index for each channel, not all readings.
        """SELECT min(first."timestamp") AS first_reading
           FROM v_meters AS m
           CROSS JOIN LATERAL (
               SELECT r."timestamp" FROM v_readings_enriched AS r
               WHERE r.channel_id = m.channel_id ORDER BY r."timestamp" LIMIT 1
           ) AS first
           WHERE m.site_id = %s""",
        [site_id],
    )
    first = rows[0]["first_reading"]
    if first is not None and period.end <= first:
        raise UsageError(
            f"readings of site {site_id} begin on {local_day(first, period.timezone)}; "
            "earlier ones: npm run py:ingest:historical"
        )
